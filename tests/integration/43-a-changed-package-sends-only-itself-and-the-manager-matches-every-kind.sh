#!/bin/sh
# An enrolled agent over the root of a system with every kind of package: the manager shows them,
# matches advisories of their ecosystems, shows product and posture; one changed package sends only
# itself; the collector writes nothing outside its own folder.
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/manager/sekisho-manager" ] && [ -x "$BUILD/cli/sekishoctl" ] || exit 77
command -v jq > /dev/null && command -v python3 > /dev/null || exit 77
here=$(dirname "$0") root=$(cd "$(dirname "$0")/../.." && pwd)
topology
wait_for() { n=$(($1 * 10)); shift; while ! "$@" >/dev/null 2>&1; do n=$((n - 1)); [ $n -gt 0 ] || return 1; sleep 0.1; done; }
python3 "$here/fake_root.py" "$T/root" --big || fail "no root"
printf 'root:x:0:0::/root:/bin/sh\n' > "$T/root/etc/passwd"
printf 'root:%s:1::::::\n' "$(openssl passwd -6 xc3511)" > "$T/root/etc/shadow"
start_manager
cat > "$T/osv.json" <<'END'
[{"id":"T-1","affected":[{"package":{"ecosystem":"npm","name":"left-pad"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]},
 {"id":"T-2","affected":[{"package":{"ecosystem":"PyPI","name":"Foo_Bar"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.0.post1"}]}]}]},
 {"id":"T-3","affected":[{"package":{"ecosystem":"Go","name":"golang.org/x/net"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"0.8.0"}]}]}]},
 {"id":"T-4","affected":[{"package":{"ecosystem":"Debian:12","name":"package-7"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.7-2"}]}]}]}]
END
ctl advisories import "$T/osv.json" > /dev/null || fail "import"
echo '{"sekisho_advisory":1,"id":"T-5","affected":[{"cpe":"cpe:2.3:a:busybox:busybox","ranges":[{"introduced":"0","fixed":"1.31.0"}]}]}' > "$T/curated.json"
ctl advisories import "$T/curated.json" > /dev/null || fail "import of a curated advisory"
mkdir -p "$T/state"
cat > "$T/agent.yaml" <<END
state: $T/state
runtime: $T/run
user: nobody
exit: {cgroup: $CG}
inventory: {root: $T/root, interval_s: 5}
END
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name camera > /dev/null || fail "enrol"
sent() { cat /sys/class/net/ve$$/statistics/tx_bytes 2>/dev/null || nsenter --net=/run/netns/$D sh -c "sed -n 's/^ *ve$$: *//p' /proc/net/dev | awk '{print \$9}'"; }
before=$(sent)
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" run >> "$T/agent.log" 2>&1 & AGENT_PID=$!
wait_for 10 grep -q "link to the manager is up" "$T/agent.log" || fail "no link"
id=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$T/state/link/identity.json")
shown() { ctl --json device "$id" > "$T/device.json" && jq -e "$1" "$T/device.json" > /dev/null; }
wait_for 8 shown '.components|length>2000' || fail "no inventory"
first=$(($(sent) - before))
shown '.components|any(.ecosystem=="generic" and .name=="busybox" and .from=="strings" and .path=="/usr/local/bin/busybox" and (.cpe|startswith("cpe:2.3:a:busybox")))' || fail "what a component is known by"
shown '[.components[]|select(.name=="left-pad")|.version]|sort==["1.0.0","1.3.0"]' || fail "two versions of one package"
shown '.product.model=="DIR-645"' || fail "product"
shown '.posture|any(.id=="password-factory" and .subject=="root" and .fix!="")' || fail "posture"
ctl device "$id" | grep -q "password-factory" || fail "posture for people"
shown '[.findings[].cve]|contains(["T-1","T-2","T-3","T-4","T-5"])' || fail "findings: $(jq -c '[.findings[].cve]' "$T/device.json")"
grep -q "rights not dropped\|sandbox" "$T/agent.log" && fail "the collector is not confined"
[ -s "$T/state/inventory/scan" ] || fail "no cache"

sleep 1
before=$(sent)
sed -i 's/^Version: 1.7-1$/Version: 1.7-2/' "$T/root/var/lib/dpkg/status"
wait_for 12 shown '.components|any(.name=="package-7" and .version=="1.7-2")' || fail "the change does not arrive"
change=$(($(sent) - before))
shown '[.components[]|select(.name=="package-7")]|length==1' || fail "the old version stays"
wait_for 3 shown '[.findings[].cve]|index("T-4")==null' || fail "the finding stays"
echo "sent at first: $first bytes, for one changed package: $change bytes"
[ $((change * 2)) -lt "$first" ] || fail "more than the change was sent"
exit 0
