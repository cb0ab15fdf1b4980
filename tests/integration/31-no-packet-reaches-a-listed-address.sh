#!/bin/sh
# A program that connects to a listed address gets EPERM, no packet leaves, and the event names the
# process, its path and its hash. Other destinations work. UDP, IPv6 and an old connection too.
. "$(dirname "$0")/agent-lib.sh"
topology
count_packets_to 10.99.0.66
inet python3 -m http.server -d "$T" 80 >/dev/null 2>&1 & PIDS="$PIDS $!"
ready dev curl -s -m 20 -o /dev/null http://10.99.0.66/ || fail "unprotected: the C&C address is reachable"
before=$(arrived 10.99.0.66)
[ "$before" -gt 0 ] || fail "the counter does not count"

mkdir -p "$T/bundle"
cat > "$T/bundle/indicators.json" <<EOF
[{"type":"ip","value":"10.99.0.66","source":"test","confidence":90,"reason":"Mirai C&C"},
 {"type":"cidr","value":"fd99::64/122","source":"test","reason":"C&C network"}]
EOF
start_agent
before=$(arrived 10.99.0.66)
dev curl -s -m 3 -o /dev/null http://10.99.0.66/ && fail "curl reached the C&C address"
dev sh -c 'echo x | timeout 20 python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.sendto(b\"x\", (\"10.99.0.66\", 53))
except PermissionError:
    raise SystemExit(7)"'
[ $? = 7 ] || fail "a datagram was not refused"
dev python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
try:
    s.sendto(b'\\x08\\x00\\xf7\\xff\\0\\0\\0\\0', ('10.99.0.66', 0))
except PermissionError:
    pass" || fail "raw socket"
dev curl -s -m 3 -g -o /dev/null 'http://[fd99::66]/' && fail "IPv6 is open"
[ "$(arrived 10.99.0.66)" = "$before" ] || fail "packets arrived"
dev curl -s -m 20 -o /dev/null http://10.99.0.2/ || fail "an ordinary address is blocked"

# A connection that is older than the listing of its address is ended when the list comes, and told.
ip -n $I addr add 10.99.0.67/24 dev ve$$
inet python3 -c '
import socket
s = socket.create_server(("10.99.0.67", 7001))
c, _ = s.accept()
c.recv(10)' & PIDS="$PIDS $!"
cat > "$T/old.py" <<'EOF'
import socket, sys, time
for attempt in range(50):
    try:
        s = socket.create_connection(("10.99.0.67", 7001), 5)
        break
    except ConnectionRefusedError:
        time.sleep(0.1)
open(sys.argv[1], "w").write("open")
s.settimeout(10)
try:
    s.recv(1)
    open(sys.argv[1], "w").write("closed by the peer")
except ConnectionAbortedError:
    open(sys.argv[1], "w").write("ended")
EOF
dev python3 "$T/old.py" "$T/old" & OLD=$!
ready grep -q open "$T/old" || fail "the old connection is not open"
cat > "$T/bundle/indicators.json" <<EOF
[{"type":"ip","value":"10.99.0.67","source":"test","confidence":90,"reason":"listed later"}]
EOF
kill $AGENT_PID; wait $AGENT_PID
rm -f "$T/agent.log"
start_agent
wait $OLD
grep -q ended "$T/old" || fail "the old connection goes on: $(cat "$T/old")"
expect_event '.event_type=="exit" and .action=="blocked" and .dest_ip=="10.99.0.67" and .dest_port==7001 and .process.name=="python3"'

curl_path=$(readlink -f "$(command -v curl)")
hash=$(sha256sum "$curl_path" | cut -d' ' -f1)
expect_event ".event_type==\"exit\" and .action==\"blocked\" and .dest_ip==\"10.99.0.66\" and .dest_port==80 and .process.path==\"$curl_path\" and .process.sha256==\"$hash\" and .indicator.reason==\"Mirai C&C\""
expect_event '.dest_ip=="fd99::66" and .process.pid > 0'
exit 0
