#!/bin/sh
# An agent enrolled at a real manager: its inventory arrives, an indicator added there is in force on
# the device at once, the block is stored at the manager within a second with process, path and hash,
# an attacker found here becomes the tenant's indicator, and all agent processes together stay small.
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/manager/sekisho-manager" ] && [ -x "$BUILD/cli/sekishoctl" ] || exit 77
root=$(cd "$(dirname "$0")/../.." && pwd)
topology
wait_for() { n=$(($1 * 20)); shift; while ! "$@" >/dev/null 2>&1; do n=$((n - 1)); [ $n -gt 0 ] || return 1; sleep 0.05; done; }
start_manager
mkdir -p "$T/state"
cat > "$T/agent.yaml" <<EOF
state: $T/state
runtime: $T/run
user: nobody
exit: {cgroup: $CG}
EOF
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name camera > /dev/null || fail "enrol"
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" run >> "$T/agent.log" 2>&1 & AGENT_PID=$!
wait_for 10 grep -q "link to the manager is up" "$T/agent.log" || fail "no link"
id=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$T/state/link/identity.json")
wait_for 5 sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' components $id | grep -q '^bash\|bash '" || fail "no inventory"
wait_for 5 sh -c "'$AGENT' --config '$T/agent.yaml' status | grep -q 'bundle     [1-9]'" || fail "no bundle"

count_packets_to 10.99.0.66
ctl indicators add ip 10.99.0.66 --reason "Mirai C&C" > /dev/null || fail "indicators add"
sleep 0.3
dev curl -s -m 2 -o /dev/null http://10.99.0.66/ && fail "reached"
from=$(date +%s%N)
wait_for 2 sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' --json events | grep -q 10.99.0.66" || fail "no event at the manager"
ms=$((($(date +%s%N) - from) / 1000000))
[ $ms -le 1000 ] || fail "block to manager took $ms ms"
[ "$(arrived 10.99.0.66)" = 0 ] || fail "packets arrived"
ctl --json events | grep -q '/curl' || fail "the event does not name the program"

for p in 2001 2002 2003 2004 2005 2006; do inet curl -s -m 1 --interface 10.99.0.2 -o /dev/null http://10.99.0.1:$p/; done
wait_for 3 sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' --json events | grep -q attacker" || fail "no attacker event"
"$AGENT" --config "$T/agent.yaml" status | grep -q "link       up" || fail "the spared manager was cut off"

sleep 4
# The first walk over all files of a large system takes a while: idle is what comes after it.
for i in $(seq 80); do pgrep -x sekisho-invent > /dev/null || break; sleep 0.2; done
# Memory is given back some time after a burst of work: idle is what is reached within 40 s.
for i in $(seq 40); do
    total=0
    for p in $(pgrep -f "$T/agent.yaml"); do total=$((total + $(awk '/^Pss:/{print $2}' /proc/$p/smaps_rollup))); done
    [ $total -le 11264 ] && break
    sleep 1
done
echo "block to manager: $ms ms; proportional set size of all agent processes: $total kB"
[ $total -le 11264 ] || fail "more than 11 MB"
exit 0
