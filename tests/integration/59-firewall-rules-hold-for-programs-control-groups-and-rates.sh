#!/bin/sh
# Firewall rules of a running agent name programs (incoming and outgoing, also after the program's file was
# replaced), control groups and rates, and what is forwarded; IPv6 counts as IPv4 does; a name that is not there is told by doctor
# and its rule comes to life when it appears.
. "$(dirname "$0")/agent-lib.sh"
command -v nc > /dev/null && command -v nft > /dev/null || { echo "needs nc and nft"; exit 77; }
topology
cp "$(readlink -f "$(command -v nc)")" "$T/known"
start_agent
if ! agent doctor | grep -q "exit: addresses *full"; then echo "no eBPF here"; exit 77; fi
for p in 22 80; do
    dev nc -6 -l -k -p $p > /dev/null & PIDS="$PIDS $!"
    dev nc -4 -l -k -p $p > /dev/null & PIDS="$PIDS $!"
    inet nc -l -k -p $p > /dev/null & PIDS="$PIDS $!"
done
knock() { "$@" 2>/dev/null; }
ready inet nc -z -w 1 10.99.0.1 22 && ready inet nc -z -w 1 fd99::1 22 && ready dev nc -z -w 1 10.99.0.2 80 || fail "services"
G=sekisho-test-$$
cat > "$T/rules.json" <<EOF
{"mode":"enforce","default_in":"drop","rules":[
 {"name":"known-in","direction":"in","action":"accept","proto":"tcp","process":"$T/known"},
 {"name":"group","direction":"out","action":"reject","proto":"tcp","ports":[80],"process":"cgroup:$G"},
 {"name":"later","direction":"out","action":"reject","proto":"tcp","ports":[22],"process":"cgroup:$G-later"},
 {"name":"slow","direction":"in","action":"accept","proto":"tcp","ports":[22],"rate":"2/minute"}]}
EOF
agent firewall apply "$T/rules.json" > /dev/null || fail "apply"
agent firewall confirm > /dev/null || fail "confirm"
dev "$T/known" -l -k -p 99 > /dev/null & PIDS="$PIDS $!"
ready inet nc -z -w 1 10.99.0.1 99 || fail "an allowed program is not reached"
knock inet nc -z -w 1 10.99.0.1 80 && fail "another program is reached"
knock inet nc -z -w 1 fd99::1 80 && fail "another program is reached by IPv6"
knock inet nc -z -w 1 fd99::1 22 || fail "an allowed port is not reached by IPv6"
# Replaced by a new file: looked at again within ten seconds.
cp "$T/known" "$T/new"; mv "$T/new" "$T/known"
n=0
for i in 1 2 3 4 5 6 7; do knock inet nc -z -w 1 10.99.0.1 22 && n=$((n + 1)); done
[ $n -ge 1 ] && [ $n -le 5 ] || fail "a rate of two a minute (and five at once) let $n of 7 pass"
if [ -d /sys/fs/cgroup/$G ] || [ -d /sys/fs/cgroup/unified/$G ]; then
    knock dev nc -z -w 1 10.99.0.2 80 && fail "a rule about a control group does not hold"
    knock nsenter --net=/run/netns/$D nc -z -w 1 10.99.0.2 80 || fail "a program outside of the group is refused"
    agent doctor | grep -q "firewall *partial *1 lines left out" || fail "doctor does not tell the group that is not there"
    mkdir "$CG-later"
    ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'firewall *full'" || { rmdir "$CG-later"; fail "the group is not seen"; }
    sh -c 'echo $$ > "$0/cgroup.procs"; exec nsenter --net=/run/netns/'$D' nc -z -w 1 10.99.0.2 22' "$CG-later" 2>/dev/null
    status=$?
    rmdir "$CG-later"
    [ $status -ne 0 ] || fail "the rule of a group that came later does not hold"
fi
dev "$T/known" -l -k -p 98 > /dev/null & PIDS="$PIDS $!"
ready inet nc -z -w 1 10.99.0.1 98 || fail "a replaced program lost its rule"
# Forwarded: the device is a router between the internet and a host behind it.
X=skx$$
ip netns add $X && trap 'status=$?; ip netns pids '$X' | xargs -r kill -9 2>/dev/null; ip netns del '$X'; (exit $status); finish' EXIT
ip link add vx$$ netns $D type veth peer name vx$$ netns $X
ip -n $D addr add 10.98.0.1/24 dev vx$$ && ip -n $X addr add 10.98.0.2/24 dev vx$$
for n in $D $X; do ip -n $n link set vx$$ up; done
ip -n $X route add default via 10.98.0.1 && ip -n $I route add 10.98.0.0/24 via 10.99.0.1
ip netns exec $D sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
for p in 80 81; do ip netns exec $X nc -l -k -p $p > /dev/null & PIDS="$PIDS $!"; ready inet nc -z -w 1 10.98.0.2 $p || fail "forwarding to $p"; done
cat > "$T/forward.json" <<EOF
{"mode":"enforce","sets":{"bad":["10.99.0.66"]},"rules":[
 {"name":"bad","direction":"forward","action":"drop","addresses":["set:bad"]},
 {"name":"port","direction":"forward","action":"reject","proto":"tcp","ports":[81],"interface":"ve*"}]}
EOF
agent firewall apply "$T/forward.json" > /dev/null || fail "apply of forwarding rules"
knock inet nc -z -w 1 10.98.0.2 80 || fail "an allowed forwarded port"
knock inet nc -z -w 1 -s 10.99.0.66 10.98.0.2 80 && fail "an address of the set is forwarded"
knock inet nc -z -w 1 10.98.0.2 81 && fail "a refused port is forwarded"
exit 0
