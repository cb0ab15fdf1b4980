#!/bin/sh
# dpkg with the package's own prerm in a root of its own: removal is refused without the token and says
# what to do, an upgrade is allowed, the right token allows removal, and a device that was never enrolled
# needs none.
set -u
[ "$(id -u)" = 0 ] || exit 77
AGENT=${BUILD:?}/agent/sekisho-agent
command -v dpkg-deb > /dev/null || { echo "no dpkg"; exit 77; }
root=$(cd "$(dirname "$0")/../.." && pwd)
T=$(mktemp -d /tmp/sekisho-remove.XXXXXX)
trap 'rm -rf "$T"' EXIT
fail() { echo "FAILED: $*"; [ -f "$T/log" ] && cat "$T/log"; exit 1; }
mkdir -p "$T/root/var/lib/dpkg/info" "$T/root/var/lib/dpkg/updates" "$T/state"
: > "$T/root/var/lib/dpkg/status"
printf 'state: %s\nruntime: %s\n' "$T/state" "$T/run" > "$T/agent.yaml"
printf '#!/bin/sh\nexec "%s" --config "%s/agent.yaml" "$@"\n' "$AGENT" "$T" > "$T/agent"
chmod 755 "$T/agent"
make_package() { # VERSION
    mkdir -p "$T/$1/DEBIAN" "$T/$1/usr/share/doc/sekisho-agent"
    echo "$1" > "$T/$1/usr/share/doc/sekisho-agent/version"
    printf 'Package: sekisho-agent\nVersion: %s\nArchitecture: all\nMaintainer: none <none@localhost>\nDescription: test\n' "$1" > "$T/$1/DEBIAN/control"
    # The script as it is packaged; the agent of this build stands in for the installed one.
    sed "s/@UNIT@/sekisho-agent.service/g; s|/usr/sbin/sekisho-agent|$T/agent|g; s|/run/systemd/system|$T/none|g" \
        "$root/packaging/debian/prerm" > "$T/$1/DEBIAN/prerm"
    chmod 755 "$T/$1/DEBIAN/prerm"
    dpkg-deb --root-owner-group --build "$T/$1" "$T/$1.deb" > /dev/null
}
package() { dpkg --root="$T/root" --log=/dev/null --force-script-chrootless --force-not-root --force-bad-path "$@" > "$T/log" 2>&1; }
state() { dpkg-query --admindir="$T/root/var/lib/dpkg" -W -f '${db:Status-Status} ${Version}' sekisho-agent 2>/dev/null; }
make_package 1; make_package 2
package -i "$T/1.deb" || fail "install"
package -r sekisho-agent || fail "an agent that was never enrolled cannot be removed"
package -i "$T/1.deb" || fail "install again"

token=sku1.test-token-of-this-device
printf %s "$token" | sha256sum | cut -c1-64 | tr -d '\n' > "$T/state/uninstall"
package -r sekisho-agent && fail "removed without a token"
grep -q "sekishoctl device uninstall-token" "$T/log" || fail "the refusal does not say what to do"
[ "$(state)" = "installed 1" ] || fail "after the refusal: $(state)"
package -i "$T/2.deb" || fail "an upgrade is refused"
[ "$(state)" = "installed 2" ] || fail "after the upgrade: $(state)"
"$T/agent" unlock --token "${token}x" 2> "$T/log" && fail "a wrong token unlocks"
package -r sekisho-agent && fail "removed after a wrong token"
"$T/agent" unlock --token "$token" | grep -q "10 minutes" || fail "the token does not unlock"
package -r sekisho-agent || fail "not removed after the right token"
package -i "$T/2.deb"
# An unlocking of another boot, or one whose time is over, counts no more.
echo "another-boot 99999999999 0" > "$T/state/unlocked"
package -r sekisho-agent && fail "removed by an unlocking of another boot"
echo "$(cat /proc/sys/kernel/random/boot_id) 1 0" > "$T/state/unlocked"
package -r sekisho-agent && fail "removed after the time was over"
echo damaged > "$T/state/uninstall"
package -r sekisho-agent && fail "a damaged digest does away with the token"
exit 0
