#!/bin/sh
# Enforce mode on a tmpfs: what dpkg installs there runs at once and after an upgrade; the same bytes
# changed by anybody else do not.
set -u
[ "$(id -u)" = 0 ] && command -v dpkg-deb >/dev/null || exit 77
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
trap "exit 1" TERM INT
fail() { echo "FAILED: $*"; exit 1; }
package() { # VERSION PROGRAM
    p=$T/pkg$1
    mkdir -p "$p/DEBIAN" "$p/usr/bin"
    cp "$2" "$p/usr/bin/tool"
    printf x$1 >> "$p/usr/bin/tool"
    printf '#!/bin/sh\necho script %s\n' "$1" > "$p/usr/bin/tool.sh"
    chmod 755 "$p/usr/bin/tool" "$p/usr/bin/tool.sh"
    printf 'Package: sekisho-test-tool\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.com>\nDescription: x\n' "$1" > "$p/DEBIAN/control"
    dpkg-deb --build "$p" "$T/tool$1.deb" > /dev/null
}
package 1 /bin/echo
package 2 /bin/echo
mkdir -p "$M/var/lib/dpkg/updates" "$M/var/lib/dpkg/info" && : > "$M/var/lib/dpkg/status"
"$AGENT" lockdown run --scope "$M" --mode enforce --learn-from "$M" --events "$T/events" --updater "$(readlink -f "$(command -v dpkg)")" 2> "$T/log" & P=$!
for i in $(seq 100); do grep -q "in force" "$T/log" && break; sleep 0.05; done
cp "$T/pkg1/usr/bin/tool" "$M/copied"
"$M/copied" x 2>/dev/null && fail "what dpkg did not install runs"
for v in 1 2; do
    dpkg --root="$M" --force-not-root --log=/dev/null -i "$T/tool$v.deb" > "$T/dpkg.log" 2>&1 || fail "dpkg: $(cat "$T/dpkg.log")"
    [ "$("$M/usr/bin/tool" yes)" = yes ] || fail "version $v does not run"
    [ "$("$M/usr/bin/tool.sh")" = "script $v" ] || fail "the script of version $v does not run"
done
"$M/copied" x 2>/dev/null || true
printf y | tee -a "$M/usr/bin/tool.sh" > /dev/null 2>&1
"$M/usr/bin/tool.sh" 2>/dev/null && fail "a script that was changed by hand runs"
cp /bin/ls "$T/other" && cat "$T/other" > "$M/usr/bin/tool" 2>/dev/null
"$M/usr/bin/tool" -d / 2>/dev/null && fail "a program that was replaced by hand runs"
grep -q 'trusted updater installed it' "$T/events" || fail "no event"
exit 0
