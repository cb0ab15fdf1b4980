#!/bin/sh
# An agent enrolled at a real manager: firewall rules of the policy filter, are confirmed by a fresh link
# to the manager, and go with the policy; a patch assigned in detect mode comes so, with tests that pass;
# the agent is unlocked for removal by the manager's token only, and wrong ones are events.
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/manager/sekisho-manager" ] && [ -x "$BUILD/cli/sekishoctl" ] || exit 77
command -v nc > /dev/null || { echo "no nc"; exit 77; }
root=$(cd "$(dirname "$0")/../.." && pwd)
topology
start_manager
mkdir -p "$T/state"
cat > "$T/agent.yaml" <<EOF
state: $T/state
runtime: $T/run
user: nobody
inventory: {interval_s: 3600, root: $T/empty}
exit: {cgroup: $CG}
EOF
mkdir "$T/empty"
agent unlock --check || fail "an agent that was never enrolled cannot be removed"
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name camera > /dev/null || fail "enrol"
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" run >> "$T/agent.log" 2>&1 & AGENT_PID=$!
ready grep -q "link to the manager is up" "$T/agent.log" || fail "no link"
id=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$T/state/link/identity.json")
for p in 22 80; do dev nc -l -k -p $p > /dev/null & PIDS="$PIDS $!"; ready inet nc -z -w 1 10.99.0.1 $p || fail "service $p"; done
ip -n $I addr add 10.99.0.77/24 dev ve$$

echo '{"firewall":{"mode":"enforce","rules":[{"name":"a","direction":"in","action":"accept","addresses":["set:x"]}]}}' > "$T/bad.json"
ctl policy put "$T/bad.json" 2>&1 | grep -q 'firewall.rules\[0\].addresses\[0\]' || fail "the manager does not name a wrong field"
cat > "$T/policy.json" <<EOF
{"firewall":{"mode":"enforce","default_in":"drop","default_out":"drop",
 "rules":[{"name":"ssh","direction":"in","action":"accept","proto":"tcp","ports":[22]}]}}
EOF
ctl policy put "$T/policy.json" > /dev/null || fail "policy put"
ready grep -q "firewall: the new rules are confirmed" "$T/agent.log" || fail "not confirmed by the link"
inet nc -z -w 1 -s 10.99.0.77 10.99.0.1 22 || fail "an allowed port does not work"
inet nc -z -w 1 -s 10.99.0.77 10.99.0.1 80 && fail "another port works"
agent firewall show 2>/dev/null | grep -q "in force (policy)" || fail "show"
ready sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' --json events | grep -q 'a firewall rule takes'" || fail "no event at the manager"
echo '{"firewall":{"mode":"off"}}' > "$T/off.json"
ctl policy put "$T/off.json" > /dev/null
ready grep -q "firewall: the rules were taken away" "$T/agent.log" || fail "off"
inet nc -z -w 1 -s 10.99.0.77 10.99.0.1 80 || fail "rules stay after off"

ctl patches assign $id SEK-2021-41773 --mode detect || fail "assign"
ctl patches assign $id SEK-2014-6271 || fail "assign"
ctl patches assign $id SEK-2014-6271 --mode loud 2>&1 | grep -q '"mode"' || fail "a wrong mode is taken"
ready sh -c "'$AGENT' --config '$T/agent.yaml' patch | grep -q 'SEK-2021-41773.*(detect)'" || fail "no patch in detect mode"
ready sh -c "'$AGENT' --config '$T/agent.yaml' patch | grep -q SEK-2014-6271" || fail "no patch"
agent patch test > "$T/out" || { cat "$T/out"; fail "patch test"; }
grep -q "SEK-2021-41773.*detected (detect mode)" "$T/out" && grep -q "SEK-2014-6271.*: blocked" "$T/out" || fail "modes in patch test"

agent unlock --check 2>&1 | grep -q "device uninstall-token" || fail "removal without a token"
agent unlock --token sku1.wrong 2>&1 | grep -q "not this device's" || fail "a wrong token unlocks"
agent unlock --check 2>/dev/null && fail "a wrong token unlocked"
token=$(ctl device uninstall-token $id) || fail "no token"
agent unlock --token "$token" | grep -q "10 minutes" || fail "the token does not unlock"
agent unlock --check || fail "not unlocked"
ready sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' --json events | grep -q 'removal of the agent: the token is not'" || fail "a wrong token is no event"
ctl --json events | grep -q 'asked for the device.s uninstall token' || fail "asking for the token is no event"
ctl audit verify > "$T/verify" 2>&1 || { cat "$T/verify"; fail "the log does not verify with the events of the manager"; }
for i in 1 2 3 4 5; do agent unlock --token no 2>/dev/null; done
agent unlock --token "$token" 2>&1 | grep -q "wait" || fail "tokens can be tried without end"
exit 0
