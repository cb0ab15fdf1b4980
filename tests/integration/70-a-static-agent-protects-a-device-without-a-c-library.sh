#!/bin/sh
# The agent as one static program with musl: its unit tests pass, and unpacked beside a static busybox,
# with nothing else there, it enrols, reports what there is, is confined as elsewhere, tells what it
# cannot do there, and refuses an unregistered program.
. "$(dirname "$0")/agent-lib.sh"
here=$(cd "$(dirname "$0")/../.." && pwd)
[ "$(uname -m)" = x86_64 ] && command -v cmake >/dev/null || { echo "needs an x86-64 machine and cmake"; exit 77; }
make -s -C "$here" -j"$(nproc)" LIBC=musl BUILD="$BUILD/musl" tarball unit >"$T/make" 2>&1 || {
    tail -n 5 "$T/make"
    grep -q "no source of" "$T/make" && exit 77
    fail "it does not build"
}
static=$BUILD/musl/agent/sekisho-agent
readelf -lW "$static" | grep -q INTERP && fail "the program asks for a loader"
readelf -dW "$static" | grep -q NEEDED && fail "the program asks for libraries"
tar=$(ls "$BUILD"/musl/*-static.tar.xz)
[ "$(stat -c %s "$tar")" -le 3145728 ] || fail "the tar file is larger than 3 MiB"
for test in "$BUILD"/musl/tests/test_*; do
    case $test in *.d) continue ;; esac
    "$test" >"$T/unit" 2>&1 || { grep FAILED "$T/unit"; fail "with musl: $(basename "$test")"; }
done

(cd "$T" && apt-get -q download busybox-static) >/dev/null 2>&1 && dpkg-deb -x "$T"/busybox-static*.deb "$T/busybox" || {
    echo "no static busybox to be had"
    exit 77
}
topology
B=$T/box
mkdir -p "$B/bin" "$B/etc" "$B/proc" "$B/sys" "$B/dev" "$B/tmp" "$B/run" "$B/m" "$B/var/lib"
tar -C "$B" -xJf "$tar"
cp "$T/busybox/bin/busybox" "$B/bin/busybox"
for name in sh ls echo sleep; do ln -s busybox "$B/bin/$name"; done
printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$B/etc/passwd"
trap 'status=$?; [ -n "${AGENT_PID:-}" ] && kill $AGENT_PID && wait $AGENT_PID; AGENT_PID=; umount -l "$B/m" "$B/dev" "$B/sys" "$B/proc" 2>/dev/null; (exit $status); finish' EXIT
mount -t proc proc "$B/proc" && mount --rbind /sys "$B/sys" && mount --make-rslave "$B/sys" && mount -t tmpfs tmpfs "$B/m" || exit 77
mount -t devtmpfs dev "$B/dev"
cp "$B/bin/busybox" "$B/m/busybox"

start_manager
echo '{"inside":{"mode":"enforce","scopes":["/m"]}}' >"$T/policy.json"
ctl policy put "$T/policy.json" >/dev/null || fail policy
box() { nsenter --net=/run/netns/$D chroot "$B" "$@"; }
box /usr/sbin/sekisho-agent enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name box >/dev/null || fail enrol
nsenter --net=/run/netns/$D chroot "$B" /usr/sbin/sekisho-agent run >"$T/agent.log" 2>&1 &
AGENT_PID=$!
told() { box /usr/sbin/sekisho-agent doctor | grep -q "$1"; }
ready told "lockdown *\(full\|partial\) *fanotify" || fail "no lockdown: $(box /usr/sbin/sekisho-agent doctor)"
told "worker sandbox *full" || told "no Landlock" || fail "the worker is not confined"
told "address sets *absent *nft: cannot be run" || fail "a missing nft is not told"
[ "$(box /m/busybox echo yes)" = yes ] || fail "a registered program does not run"
cp "$B/usr/sbin/sekisho-agent" "$B/m/evil"
box /m/evil --version >/dev/null 2>&1 && fail "an unregistered program runs"
id=$(ctl --json devices | jq -r '.devices[0].id')
shown() { ctl --json device "$id" | jq -e "$1" >/dev/null; }
ready shown '.components|any(.name=="busybox")' || fail "the manager knows no busybox: $(ctl --json device "$id" | jq -c .components)"
blocked() { ctl --json events --limit 50 | grep -q '/m/evil'; }
ready blocked || fail "the manager was not told"
grep -q "no crypt(3) here" "$T/agent.log" || fail "passwords that cannot be tried are not told"
echo "static program: $(stat -c %s "$B/usr/sbin/sekisho-agent") bytes, tar file: $(stat -c %s "$tar") bytes"
exit 0
