#!/bin/sh
# The cases of tests/bypass in a guest whose kernel runs BPF LSM: also libraries and code mapped from
# memory, tracing, kernel modules and BPF programs are refused.
set -u
[ "$(id -u)" = 0 ] || exit 77
here=$(cd "$(dirname "$0")/.." && pwd)
command -v qemu-system-x86_64 >/dev/null && [ -x /bin/busybox ] && [ "$(uname -m)" = x86_64 ] || {
    echo "needs qemu-system-x86 and busybox"
    exit 77
}
K=${GUEST_KERNEL:-${BUILD:?}/guest/amd64}
"$here/guest/kernel" amd64 "$K" || { echo "no kernel package to be had"; exit 77; }
module=$(find "$K/lib/modules" -name dummy.ko | head -1)
T=$(mktemp -d /tmp/sekisho-guest.XXXXXX)
trap 'rm -rf "$T"' EXIT
cat >"$T/script" <<'S'
STARTS=20 AGENT=/agent HELPERS=/helpers MODULE=/dummy.ko dash /bypass/run
S
set -- "$BUILD/agent/sekisho-agent:/agent" "$here/bypass/run:/bypass/run" "$here/bypass/inline.sh:/bypass/inline.sh" "$here/bypass/files.sh:/bypass/files.sh" "$module:/dummy.ko"
for f in attack files evil evil-static evil.so; do set -- "$@" "$BUILD/bypass/$f:/helpers/$f"; done
for f in dash true env cp mount umount timeout mawk perl lua5.4; do
    [ ! -x "/usr/bin/$f" ] || set -- "$@" "/usr/bin/$f:/usr/bin/$f"
done
set -- "$@" /bin/dash:/bin/sh /usr/bin/mawk:/usr/bin/awk /bin/true:/bin/true
GUEST_SECONDS=300 "$here/guest/run" "$K" "$T/script" "$@" -- overlay loop fuse binfmt_misc >"$T/log"
status=$?
cat "$T/log"
grep -q "0 possible without BPF LSM, 0 ran" "$T/log" || exit 1
exit $status
