#!/bin/sh
# The agent as one static program with musl runs on a device that has busybox and nothing else, no C
# library either: it enrols, sends its inventory, its confined processes live, doctor tells what such an
# agent lacks, and lockdown refuses a program that is not registered.
[ -n "${IN_NAMESPACE:-}" ] || exec env IN_NAMESPACE=1 unshare -m --propagation private "$0" "$@"
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/manager/sekisho-manager" ] && [ -x "$BUILD/cli/sekishoctl" ] || exit 77
command -v cmake >/dev/null && command -v dpkg-source >/dev/null || { echo "needs cmake and dpkg-dev"; exit 77; }
root=$(cd "$(dirname "$0")/../.." && pwd)
M=$BUILD/musl
make -s -C "$root" -j"$(nproc)" LIBC=musl BUILD="$M" agent >"$T/make.log" 2>&1 || {
    tail -n 15 "$T/make.log"
    grep -q "musl-libraries: sources" "$T/make.log" && exit 77
    fail "the static agent does not build"
}
file "$M/agent/sekisho-agent" | grep -q "static-pie linked" || fail "not static: $(file "$M/agent/sekisho-agent")"
strings "$M/agent/sekisho-agent" >"$T/strings"
strip -o "$T/sekisho-agent" "$M/agent/sekisho-agent"
strings "$T/sekisho-agent" | grep -F -e "$root" -e "$M" && fail "the program tells where it was built"
topology

# The device: busybox, the agent, what a kernel gives.
R=$T/device
mkdir "$R" && mount -t tmpfs -o mode=755 tmpfs "$R" || exit 77
(cd "$R" && mkdir -p bin sbin usr/bin usr/sbin etc/sekisho proc sys dev tmp run var/lib usr/lib/opkg/info)
cp "$M/libraries/sysroot/bin/busybox" "$R/bin/busybox"
cp "$T/sekisho-agent" "$R/sbin/"
chroot "$R" /bin/busybox --install -s
mount -t proc proc "$R/proc" && mount --rbind /sys "$R/sys" || exit 77
for node in null zero urandom; do cp -a "/dev/$node" "$R/dev/"; done
printf 'root:x:0:0::/root:/bin/ash\nnobody:x:65534:65534::/:/bin/false\n' >"$R/etc/passwd"
printf 'root:x:0:\nnobody:x:65534:\n' >"$R/etc/group"
printf 'ID=openwrt\nNAME=OpenWrt\nVERSION_ID=22.03.5\n' >"$R/etc/os-release"
printf 'Package: dropbear\nVersion: 2022.82-2\nArchitecture: x86_64\nStatus: install user installed\n\n' >"$R/usr/lib/opkg/status"
printf 'user: nobody\nexit: {cgroup: %s}\n' "$CG" >"$R/etc/sekisho/agent.yaml"
on_device() { nsenter --net=/run/netns/$D chroot "$R" "$@"; }
on_device /sbin/sekisho-agent --version | grep -q . || fail "it does not run"

export SEKISHO_CONFIG=$T/cli.json
cloud() { nsenter --net=/run/netns/$I "$@"; }
ctl() { cloud "$BUILD/cli/sekishoctl" "$@"; }
cloud "$BUILD/manager/sekisho-manager" --state "$T/manager" --listen 10.99.0.2:8443 \
    --device-listen 10.99.0.2:8444 --name 10.99.0.2 --content "$root/content" >"$T/manager.out" 2>"$T/manager.log" &
PIDS="$PIDS $!"
ready cloud curl -s --cacert "$T/manager/ca.pem" https://10.99.0.2:8443/api/v1/session || fail "no manager"
ctl login --url https://10.99.0.2:8443 --ca "$T/manager/ca.pem" --one-time "$(sed -n 's/^one-time login: //p' "$T/manager.out")" >/dev/null || fail login
on_device /sbin/sekisho-agent enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name router >/dev/null || fail enrol
on_device /sbin/sekisho-agent run >>"$T/agent.log" 2>&1 &
AGENT_PID=$!
ready grep -q "link to the manager is up" "$T/agent.log" || fail "no link"
id=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$R/var/lib/sekisho-agent/link/identity.json")
shown() { ctl --json device "$id" >"$T/device.json" && jq -e "$1" "$T/device.json" >/dev/null; }
ready shown '.components|any(.name=="dropbear" and .version=="2022.82-2")' || fail "no inventory"
shown '.components|any(.name=="busybox" and .path=="/bin/busybox")' || fail "busybox is not known by its text"
grep -q "rights not dropped\|sandbox\|killed" "$T/agent.log" && fail "a process is not confined"
on_device /sbin/sekisho-agent status >/dev/null || fail "status"
on_device /sbin/sekisho-agent doctor >"$T/doctor"
cat "$T/doctor"
kill $AGENT_PID
wait $AGENT_PID
AGENT_PID=

# Lockdown of the whole device, which learned what is in /bin and /sbin.
mkfifo "$T/held"
on_device /sbin/sekisho-agent lockdown run --scope / --mode enforce --learn-from / --allowlist /tmp/allowlist \
    --events /tmp/events >"$T/lockdown.log" 2>&1 &
AGENT_PID=$!
cp "$R/bin/busybox" "$R/tmp/busybox" && echo >>"$R/tmp/busybox"
ready sh -c "! nsenter --net=/run/netns/$D chroot '$R' /tmp/busybox true" || { cat "$T/lockdown.log"; fail "an unregistered program runs"; }
on_device /bin/busybox true || fail "a registered program is refused"
grep -q '"blocked"' "$R/tmp/events" || fail "the refusal is not told"
exit 0
