#!/bin/sh
# Debian 11's kernel (Linux 5.10) passes the bypass suite with BPF LSM, and, booted over this machine's
# files, the tests that are named below: exit by address, name and program, acts against the agent.
set -u
[ "$(id -u)" = 0 ] || exit 77
here=$(cd "$(dirname "$0")/.." && pwd)
command -v qemu-system-x86_64 >/dev/null && [ -x /bin/busybox ] && [ "$(uname -m)" = x86_64 ] || {
    echo "needs qemu-system-x86 and busybox"
    exit 77
}
K=${BUILD:?}/guest/amd64-bullseye
"$here/guest/kernel" amd64 "$K" bullseye amd64 || { echo "no kernel of Debian 11 to be had"; exit 77; }
T=$(mktemp -d /tmp/sekisho-guest.XXXXXX)
trap 'rm -rf "$T"' EXIT
GUEST_KERNEL=$K "$here"/integration/38-*.sh >"$T/bypass" 2>&1 & P=$!
GUEST_SECONDS=500 "$here/guest/here" "$K" "
# The kernel and stat(2) number files of the overlay over 9p differently, and programs are known by number.
python=\$(readlink -f /usr/bin/python3) && cp \$python /tmp/python && mount --bind /tmp/python \$python
mkdir /tree && cp -r '$here' '$here/../content' /tree/ && cd /tree && uname -r
failed=0
for number in 31 32 44 46; do
    for script in tests/integration/\$number-*.sh; do
        BUILD='$BUILD' \$script >/run/said 2>&1
        status=\$?
        echo \"\$status after \$(cut -d. -f1 /proc/uptime) s: \$script\"
        [ \$status = 0 ] || { failed=1; tail -n 20 /run/said; }
    done
done
[ \$failed = 0 ]"
tests=$?
wait $P
bypass=$?
tail -n $([ $bypass = 0 ] && echo 3 || echo 40) "$T/bypass"
[ $tests = 0 ] && [ $bypass = 0 ]
