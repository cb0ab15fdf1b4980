#!/bin/sh
# Firewall rules by address set, port, direction, process and rate filter real packets with replies let
# through; detect mode only tells; a rule set that locks the operator out goes away by itself, also when
# everybody who applied it is dead, a confirmed one stays, and spared addresses are never shut out.
. "$(dirname "$0")/agent-lib.sh"
topology
nft --version >/dev/null 2>&1 && command -v nc >/dev/null || { echo "needs nft and nc"; exit 77; }
PY=/usr/bin/python3; [ -x $PY ] || PY=python3
cat > "$T/agent.yaml" <<EOF
state: $T/state
runtime: $T/run
user: nobody
spare: [10.99.0.66]
EOF
mkdir -p "$T/state" "$T/run"
alone() { nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" "$@"; }
serve() { # NAMESPACE PORT
    ip netns exec "$1" $PY -c "
import socket,threading
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('::', $2)); s.listen(50)
while True: c, a = s.accept(); c.send(b'hello'); threading.Timer(20, c.close).start()" & PIDS="$PIDS $!"
}
for p in 22 80 8080; do serve $D $p; serve $I $p; done
try() { # NAMESPACE FROM TO PORT
    ip netns exec "$1" timeout 2 $PY -c "
import socket,sys
s = socket.create_connection(('$3', $4), 0.4, ('$2', 0)); sys.exit(s.recv(5) != b'hello')" 2>/dev/null
}
inward() { try $I "$1" 10.99.0.1 "$2"; }
outward() { try $D 10.99.0.1 10.99.0.2 "$1"; }
for p in 22 80 8080; do ready inward 10.99.0.2 $p || fail "no service on $p"; ready outward $p || fail "no service outside on $p"; done

# One by one: what is wrong in a file is named, and nothing happens.
echo '{"mode":"enforce","rules":[{"name":"a","direction":"in","action":"accept","proto":"tcp","ports":["22-x"]}]}' > "$T/bad.json"
alone firewall test "$T/bad.json" 2>&1 | grep -q 'rules\[0\].ports\[0\]' || fail "a wrong port is not named"
cat > "$T/rules.json" <<EOF
{"mode":"enforce","default_in":"drop","default_out":"accept",
 "sets":{"office":["10.99.0.2","fd99::/64"]},
 "rules":[{"name":"ssh","direction":"in","action":"accept","proto":"tcp","ports":[22],"addresses":["set:office"]},
  {"name":"web","direction":"in","action":"accept","proto":"tcp","ports":["8000-8100"],"interface":"ve$$"},
  {"name":"noweb","direction":"out","action":"reject","proto":"tcp","ports":[80],"addresses":["10.99.0.0/30"]}]}
EOF
alone firewall test "$T/rules.json" > "$T/text" || fail "test refuses good rules"
grep -q '@s_office_4' "$T/text" || fail "test prints no rules"
inward 10.99.0.2 80 || fail "test changed the rules"
# A connection that is open before goes on.
ip -n $I addr add 10.99.0.77/24 dev ve$$
alone firewall apply "$T/rules.json" --confirm-within 4 | grep -q "not confirmed" || fail "apply"
inward 10.99.0.2 22 || fail "an allowed port does not work"
try $I fd99::66 fd99::1 22 || fail "the set's IPv6 prefix does not count"
inward 10.99.0.77 22 && fail "an address that is not in the set gets in"
inward 10.99.0.77 8080 || fail "a port of the range does not work"
inward 10.99.0.2 80 && fail "what no rule takes gets in"
inward 10.99.0.66 80 || fail "a spared address is shut out"
outward 22 || fail "replies do not come back"
outward 80 && fail "an outgoing port that is refused works"
ready inward 10.99.0.2 80 || fail "the rules do not go away without a confirmation"
alone firewall show | grep -q "firewall: off" || fail "show after the rollback"

# Confirmed rules stay; then a lock-out is applied, and goes away after a kill of whoever did it.
alone firewall apply "$T/rules.json" --confirm-within 2 > /dev/null && alone firewall confirm | grep -q "in force" || fail "confirm"
echo '{"mode":"enforce","default_in":"drop","default_out":"drop"}' > "$T/lockout.json"
alone firewall apply "$T/lockout.json" --confirm-within 2 > /dev/null
inward 10.99.0.2 22 && fail "the lock-out does not hold"
inward 10.99.0.66 22 || fail "a lock-out shuts a spared address out"
try $D 10.99.0.1 10.99.0.66 22 || fail "a lock-out shuts a spared address out on the way there"
ready inward 10.99.0.2 22 || fail "the operator stays locked out"
inward 10.99.0.2 80 && fail "the rules before are not back"
alone firewall confirm 2>&1 | grep -q "no rule set waits" || fail "nothing is to be confirmed"
alone firewall off > /dev/null
inward 10.99.0.2 80 || fail "off"

# In an agent: the rules of the policy, events, processes, a crash while rules wait.
mkdir -p "$T/bundle"
cp "$(readlink -f "$(command -v nc)")" "$T/snake"
cat > "$T/bundle/policy.json" <<EOF
{"version":1,"firewall":{"mode":"detect","default_in":"drop",
 "rules":[{"name":"watch","direction":"out","action":"drop","proto":"tcp","ports":[8080]}]}}
EOF
start_agent
sed -i 's|^user:|spare: [10.99.0.66]\nuser:|' "$T/agent.yaml"
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'firewall.*not confirmed yet'" || fail "the policy's rules do not come"
outward 8080 || fail "detect mode drops"
expect_event '.event_type=="firewall" and .action=="detected" and .firewall.rule=="watch" and .dest_port==8080'
inward 10.99.0.77 80 || fail "detect mode drops by default"
expect_event '.firewall.rule=="default" and .firewall.direction=="in" and .src_ip=="10.99.0.77"'
agent firewall rollback > /dev/null || fail "rollback"
cat > "$T/process.json" <<EOF
{"mode":"enforce","rules":[
 {"name":"snake","direction":"out","action":"reject","process":"$T/snake","proto":"tcp","ports":[22]},
 {"name":"nobody","direction":"out","action":"drop","process":"user:nobody","proto":"tcp","ports":[8080]}]}
EOF
agent firewall apply "$T/process.json" > /dev/null || fail "apply by the agent"
agent firewall confirm > /dev/null || fail "confirm by the agent"
call() { dev "$@" -z -w 1 10.99.0.2 $PORT 2>/dev/null; }
PORT=8080
call nc || fail "another user is shut out"
call setpriv --reuid 65534 --clear-groups nc && fail "a rule about a user does not hold"
PORT=22
if agent doctor | grep -q "firewall *full"; then
    call "$T/snake" && fail "a rule about a program does not hold"
    expect_event '.firewall.rule=="snake" and .action=="blocked"'
fi
call nc || fail "another program is shut out"
agent firewall apply "$T/lockout.json" --confirm-within 400 > /dev/null || fail "lock-out"
inward 10.99.0.77 22 && fail "the lock-out does not hold"
kill -9 $AGENT_PID; wait $AGENT_PID 2>/dev/null
rm -f "$T/agent.log"; touch "$T/agent.log"
start_agent
inward 10.99.0.77 22 || fail "after a crash the operator stays locked out"
alone firewall show | grep -q 'chain rule_1' || fail "the confirmed rules are not back"
kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=
ip netns exec $D nft list table inet sekisho_fw >/dev/null 2>&1 && fail "rules stay behind"
exit 0
