#!/bin/sh
# With `updates: window` what an updater installs is refused until a maintenance window is opened,
# on the device; a program that is named for the window may install meanwhile. What the package
# database vouches for is registered, what differs from it is not.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/agent-lib.sh"
topology
mkdir "$T/mount" && mount -t tmpfs tmpfs "$T/mount" || exit 77
M=$T/mount
trap 'status=$?; [ -z "${AGENT_PID:-}" ] || { kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=; }; umount "$M"; (exit $status); finish' EXIT
mkdir -p "$T/bundle" "$T/state/lockdown"
cp /bin/true "$M/known"
cp "$(readlink -f /bin/sh)" "$M/installer"
sha256sum "$M/known" "$M/installer" >"$T/state/lockdown/allowlist"
# A system of one package: one program as it was installed, one that was changed since.
R=$T/root
mkdir -p "$R/usr/bin" "$R/var/lib/dpkg/info"
cp "$(readlink -f /bin/dash)" "$R/usr/bin/good"
cp /bin/ls "$R/usr/bin/altered"
(cd "$R" && md5sum usr/bin/good usr/bin/altered >var/lib/dpkg/info/tool.md5sums)
echo x >>"$R/usr/bin/altered"
ENTRY_EXTRA="queue: 4021
inventory:
  root: $R"
printf '{"version":1,"inside":{"mode":"enforce","scopes":["%s"],"updates":"window","packages":"trust","baseline":"listed"}}' "$M" >"$T/bundle/policy.json"
start_agent
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'lockdown *full'" || fail "lockdown is not in force"
"$M/known" || fail "a registered program is refused"
install_as() { # PROGRAM TARGET: PROGRAM writes TARGET
    "$1" -c 'cat /bin/echo >"$0.new" && echo x >>"$0.new" && chmod 755 "$0.new" && mv "$0.new" "$0"' "$2"
}
install_as "$M/installer" "$M/one"
"$M/one" x >/dev/null 2>&1 && fail "installed outside a window, and runs"
agent lockdown maintenance --minutes 1 --updater "$M/installer" | grep -q '"maintenance":60' || fail "no window"
sleep 0.3
install_as "$M/installer" "$M/two"
[ "$("$M/two" yes)" = yes ] || fail "installed in the window, and refused"
agent lockdown maintenance --end >/dev/null || fail "the window does not end"
sleep 0.3
install_as "$M/installer" "$M/three"
sh -c 'echo y >>"$0"' "$M/three"
"$M/three" x >/dev/null 2>&1 && fail "installed after the window, and runs"
[ "$("$M/two" yes)" = yes ] || fail "what the window installed does not stay registered"
expect_event '.lockdown.operation == "maintenance" and .lockdown.seconds == 60'
agent lockdown maintenance --minutes 0 >/dev/null 2>&1 && fail "a window of no length"

cp "$R/usr/bin/good" "$M/good"
cp "$R/usr/bin/altered" "$M/altered"
ready "$M/good" -c : || fail "what a package installed is refused"
"$M/altered" -d / >/dev/null 2>&1 && fail "what differs from the package database runs"
grep -q "usr/bin/altered is not what package tool installed" "$T/agent.log" || fail "nobody was told"
exit 0
