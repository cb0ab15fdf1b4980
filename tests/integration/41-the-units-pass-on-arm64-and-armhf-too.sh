#!/bin/sh
# The agent is built for arm64 (with Vectorscan in place of Hyperscan) and armhf (with a matcher of our
# own), and every unit test passes there, run by qemu-user. On a tmpfs, because the emulator gives
# 32-bit programs folder offsets of 64 bits elsewhere. Left out: what the emulator has not (openat2 and
# seccomp of the malware scanner).
set -u
[ -n "${IN_NAMESPACE:-}" ] || exec env IN_NAMESPACE=1 unshare -m --propagation private "$0" "$@"
here=$(cd "$(dirname "$0")/../.." && pwd)
bad=0 done=
check() { # ARCH TRIPLET QEMU
    command -v "$2-gcc" >/dev/null && command -v "$3" >/dev/null || return
    out=${BUILD:?}/$1
    make -s -C "$here" ARCH="$1" BUILD="$out" sysroot 2>/dev/null || { echo "no packages for $1 to be had"; return; }
    make -s -C "$here" -j"$(nproc)" ARCH="$1" BUILD="$out" agent unit >"$out/log" 2>&1 || { tail -5 "$out/log"; bad=1; return; }
    # The build may itself lie below /tmp.
    mount --bind "$out" /mnt && mount -t tmpfs tmpfs /tmp
    for test in /mnt/tests/test_*; do
        case $test in *.d | */test_agent_malware) continue ;; esac
        "$3" -L /mnt/sysroot "$test" >/mnt/log 2>&1 || { grep -a "FAILED" /mnt/log; echo "FAILED: $1 $(basename "$test")"; bad=1; }
    done
    umount /tmp /mnt
    done="$done $1"
}
check arm64 aarch64-linux-gnu qemu-aarch64-static
check armhf arm-linux-gnueabihf qemu-arm-static
[ $bad -eq 0 ] || exit 1
[ -n "$done" ] || { echo "needs cross compilers and qemu-user-static"; exit 77; }
echo "checked:$done"
