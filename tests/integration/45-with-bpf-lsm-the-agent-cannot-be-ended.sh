#!/bin/sh
# In a guest whose kernel runs BPF LSM root itself can neither kill, stop nor trace the agent, nor
# remove or write its state, nor set the clock; what keeps the time may, and a large step is reported;
# process 1 can stop it.
set -u
[ "$(id -u)" = 0 ] || exit 77
here=$(cd "$(dirname "$0")/.." && pwd)
command -v qemu-system-x86_64 >/dev/null && [ -x /bin/busybox ] && [ "$(uname -m)" = x86_64 ] || {
    echo "needs qemu-system-x86 and busybox"
    exit 77
}
"$here/guest/kernel" amd64 "${BUILD:?}/guest/amd64" || { echo "no kernel package to be had"; exit 77; }
T=$(mktemp -d /tmp/sekisho-guest.XXXXXX)
trap 'rm -rf "$T"' EXIT
cat >"$T/script" <<'S'
echo "nobody:x:65534:65534::/:/bin/sh" >/etc/passwd
printf 'state: /state\nruntime: /run/agent\nuser: nobody\nstandalone: /bundle\nclock: {setters: [/busybox-keeper]}\n' >/agent.yaml
cp /bin/busybox /busybox-keeper
mkdir -p /bundle /state
export OPENSSL_CONF=/none
/agent --config /agent.yaml run 2>/tmp/log & pid=$!
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    /agent --config /agent.yaml status >/dev/null 2>&1 && break
    sleep 1
done
/agent --config /agent.yaml doctor | grep "self-protection" || { cat /tmp/log; exit 1; }
bad=0
refused() { if dash -c "$1" 2>/dev/null; then echo "NOT REFUSED: $1"; bad=1; else echo "refused: $1"; fi; }
for p in $(ps -o pid,comm | awk "/sekisho/ {print \$1}") $pid; do
    refused "kill -9 $p"
    refused "kill -STOP $p"
done
refused "rm /state/running"
refused "rm -r /state/lockdown"
refused "mv /state/link /gone"
refused "echo x >/state/running"
refused "dd if=/proc/$pid/mem of=/dev/null bs=1 count=1 skip=4096"
kill -0 $pid || { echo "the agent has gone"; bad=1; }
touch /elsewhere && rm /elsewhere || { echo "other files are touched"; bad=1; }
date -s 2031-01-01 >/dev/null 2>&1 # busybox ends well also when the kernel refuses
refused "hwclock -w"
[ "$(date +%Y)" -lt 2031 ] || { echo "the clock was set"; bad=1; }
/busybox-keeper date -s 2031-01-01 >/dev/null || { echo "the time keeper is refused"; bad=1; }
# An update of the time keeper is another file: it may set the clock at its second try.
cp /busybox-keeper /busybox-new && mv /busybox-new /busybox-keeper
/busybox-keeper date -s 2032-01-01 >/dev/null; sleep 2
/busybox-keeper date -s 2032-01-01 >/dev/null || { echo "the new time keeper is refused"; bad=1; }
[ "$(date +%Y)" = 2032 ] || { echo "the clock was not set"; bad=1; }
sleep 3
cat /state/link/*.ndjson /state/link/*/*.seg 2>/dev/null | strings | grep -o '"event_type":"tamper".*' | cut -c1-160 | sort | uniq -c | sort -rn | head -20
grep -q "change of the clock refused" /tmp/log || { echo "no refusal was told"; bad=1; }
grep -q "clock was set by" /tmp/log || { echo "nobody saw the clock"; bad=1; }
exit $bad
S
set -- "$BUILD/agent/sekisho-agent:/agent" /bin/dash:/usr/bin/dash
GUEST_SECONDS=200 "$here/guest/run" "$BUILD/guest/amd64" "$T/script" "$@" -- >"$T/log"
status=$?
cat "$T/log"
exit $status
