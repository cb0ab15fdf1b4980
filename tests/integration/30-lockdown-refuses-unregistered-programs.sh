#!/bin/sh
# `lockdown run` on a tmpfs: registered programs run; unregistered ones get EPERM however they are
# started: directly, through the dynamic loader, copied, renamed, as a script or read by its
# interpreter, preloaded; a registered program that was changed is no longer registered.
set -u
[ "$(id -u)" = 0 ] || exit 77
AGENT=${BUILD:?}/agent/sekisho-agent
T=$(mktemp -d /tmp/sekisho-lockdown.XXXXXX)
M=$T/mount P=
mkdir "$M" && mount -t tmpfs tmpfs "$M" || exit 77
finish() {
    status=$?
    [ -n "$P" ] && kill $P 2>/dev/null && wait $P 2>/dev/null
    umount "$M"
    [ $status -ne 0 ] && cat "$T/log"
    rm -rf "$T"
    exit $status
}
trap finish EXIT
fail() { echo "FAILED: $*"; exit 1; }
loader=$(ls /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1 2>/dev/null | head -1)
start() {
    rm -f "$T/log"
    "$AGENT" lockdown run --scope "$M" --events "$T/events" "$@" 2>"$T/log" & P=$!
    for i in $(seq 100); do grep -q "in force" "$T/log" && return; sleep 0.05; done
    fail "lockdown did not start"
}
stop() { kill $P; wait $P; P=; }
refused() { # COMMAND...: must fail, and with EPERM
    out=$("$@" 2>&1) && fail "ran: $*"
    case $out in *"not permitted"*) ;; *) fail "$* failed otherwise: $out" ;; esac
}

cp /bin/echo "$M/known"
printf '#!/bin/sh\necho hello\n' > "$M/known.sh"
chmod +x "$M/known.sh"
# An interpreter that writes a script only makes a file; opened for reading too it could run it.
cp "$(command -v bash)" "$M/bash"
cat >"$M/maker.sh" <<EOF
printf 'echo made\\n' >"$M/made.sh" && printf 'echo more\\n' >>"$M/made.sh" && echo written
exec 5<>"$M/made.sh" || echo refused
. "$M/made.sh"
EOF
start --learn-from "$M" --mode enforce
[ "$("$M/known" yes)" = yes ] || fail "a registered program does not run"
[ "$("$loader" "$M/known" yes)" = yes ] || fail "a registered program does not load"
[ "$("$M/known.sh")" = hello ] || fail "a registered script does not run"

"$M/bash" "$M/maker.sh" >"$T/made" 2>&1
grep -q '^written' "$T/made" || fail "an interpreter cannot write a script"
grep -q '^refused' "$T/made" || fail "an interpreter opens an unregistered script for reading and writing"
grep -q '^made' "$T/made" && fail "an interpreter runs the script that it wrote"

cp /bin/ls "$M/evil" || fail "copying in is not writing a program: it must work"
refused sh -c "exec $M/evil"
refused "$loader" "$M/evil"
cp "$M/known" "$M/copy" && [ "$("$M/copy" yes)" = yes ] || fail "a copy of a registered program"
mv "$M/evil" "$M/evil2"
refused sh -c "exec $M/evil2"
ln "$M/evil2" "$M/evil3"
refused "$loader" "$M/evil3"
printf '#!/bin/sh\necho bad\n' > "$M/bad.sh"
chmod +x "$M/bad.sh"
refused sh -c "exec $M/bad.sh"
refused sh "$M/bad.sh"
cat "$M/bad.sh" > /dev/null || fail "a script cannot be read as data"
echo data > "$M/data" && [ "$(cat "$M/data")" = data ] || fail "data files are touched"

touch -r "$M/known" "$T/time"
printf x >> "$M/known"
touch -r "$T/time" "$M/known"
refused sh -c "exec $M/known"
printf '\necho more\n' >> "$M/known.sh"
refused sh -c "exec $M/known.sh"
stop
jq -e 'select(.event_type=="lockdown" and .action=="blocked" and .lockdown.operation=="execute") | .lockdown.path' "$T/events" > /dev/null || fail "no event"
[ "$("$M/evil2" -d /)" = / ] || fail "marks stay behind"

# Learn, keep the list, enforce: what ran while learning goes on running.
start --mode learn --allowlist "$T/allow"
"$M/evil2" -d / > /dev/null || fail "learn mode refuses"
stop
start --mode enforce --allowlist "$T/allow"
[ "$("$M/evil2" -d /)" = / ] || fail "a learned program is refused"
refused sh -c "exec $M/bad.sh"
"$AGENT" lockdown explain --allowlist "$T/allow" "$M/evil2" | grep -q "registered  yes" || fail "explain"
stop
start --mode detect
"$M/bad.sh" > /dev/null || fail "detect mode refuses"
stop
tail -n 5 "$T/events" | grep -q '"action":"detected"' || fail "detect mode tells nothing"

# A responder that is stopped releases the waiting tasks within a second, by policy.
start --mode enforce --learn-from "$M"
cp /bin/cat "$M/later"
kill -STOP $(pgrep -P $P)
timeout 3 "$M/later" /dev/null || fail "policy open: a stalled responder holds programs"
sleep 0.3
refused sh -c "exec $M/later"
stop
rm "$M/later"
start --mode enforce --learn-from "$M" --stall closed
cp /bin/cat "$M/later"
kill -STOP $(pgrep -P $P)
timeout 3 "$M/later" /dev/null 2>&1 && fail "policy closed: a stalled responder lets programs run"
[ "$("$M/copy" yes)" = yes ] || fail "a new responder does not serve"
stop
"$AGENT" lockdown run --scope "$T" --mode learn 2>&1 | grep -q "not a mount point" || fail "scope"
exit 0
