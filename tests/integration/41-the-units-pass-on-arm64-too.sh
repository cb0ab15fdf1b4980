#!/bin/sh
# The agent is built for arm64 (with Vectorscan in place of Hyperscan), and every unit test passes
# there, run by qemu-user.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)
command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64-static >/dev/null || {
    echo "needs gcc-aarch64-linux-gnu and qemu-user-static"
    exit 77
}
out=${BUILD:?}/arm64
make -s -C "$here" ARCH=arm64 BUILD="$out" sysroot || { echo "no packages for arm64 to be had"; exit 77; }
make -s -C "$here" -j"$(nproc)" ARCH=arm64 BUILD="$out" agent unit >"$out/log" 2>&1 || { tail -5 "$out/log"; exit 1; }
failed=
for test in "$out"/tests/test_*; do
    case $test in *.d) continue ;; esac
    qemu-aarch64-static -L "$out/sysroot" "$test" >"$out/log" 2>&1 || {
        tail -5 "$out/log"
        failed="$failed $(basename "$test")"
    }
done
[ -z "$failed" ] || { echo "FAILED:$failed"; exit 1; }
