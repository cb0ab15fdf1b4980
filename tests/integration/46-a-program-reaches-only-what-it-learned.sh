#!/bin/sh
# In learn mode the pairs of program and destination are recorded, by name where DNS told one; in
# deny mode a program reaches these only, gets EPERM for any other, and so does a program that learned
# nothing. A name keeps working when its address changes; a port that was not learned is not bound; a
# person's edit and `exit forget` hold within two seconds; the program's path and hash are told.
. "$(dirname "$0")/agent-lib.sh"
topology
cat > "$T/dns.py" <<'EOF'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.2", 53))
while True:
    q, a = s.recvfrom(4096)
    last = int(open(__import__("sys").argv[1]).read())
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x63\0" + bytes([last]), a)
EOF
# Asks for the name and connects to the address of the answer: 0 done, 7 refused by the kernel.
cat > "$T/go.py" <<'EOF'
import socket, sys
def ask(name):
    q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0\0\1\0\1"
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(("10.99.0.2", 53)); s.send(q)
    return socket.inet_ntoa(s.recv(4096)[-4:])
try:
    if sys.argv[1] == "listen":
        socket.socket().bind(("0.0.0.0", int(sys.argv[2])))
        sys.exit(0)
    host = sys.argv[1]
    if host[-1].isalpha(): host = ask(host)
    s = socket.create_connection((host, int(sys.argv[2])), 3)
except PermissionError:
    sys.exit(7)
EOF
echo 2 > "$T/last"
inet python3 "$T/dns.py" "$T/last" & PIDS="$PIDS $!"
inet python3 -m http.server -d "$T" 80 >/dev/null 2>&1 & PIDS="$PIDS $!"
ready dev python3 "$T/go.py" first.example 80 || fail "no service"
py=$(readlink -f "$(python3 -c "import sys; print(sys.executable)")")
cp "$py" "$T/other"
policy() { echo "{\"exit\":{\"mode\":\"prevent\",\"default\":\"$1\",\"listeners\":\"${2:-allow}\"}}" > "$T/bundle/policy.json"; }
mkdir -p "$T/bundle"
policy learn
start_agent
agent doctor | grep -q "no BTF" && { echo "the kernel has no BTF"; exit 77; }
says "destinations: learn"
dev "$py" "$T/go.py" app.example 80 || fail "learning hinders"
dev "$py" "$T/go.py" second.example 443; dev "$py" "$T/go.py" third.example 80 || fail "learning hinders"
dev "$py" "$T/go.py" listen 8081 || fail "learning hinders bind"
expect_event ".event_type==\"exit\" and .action==\"allowed\" and .reason==\"learned\" and .name==\"app.example\" and .process.path==\"$py\""
ready sh -c "grep -q 'app.example' $T/state/exit/learned" || fail "nothing is written"
ready grep -q " 80/tcp app.example $py$" "$T/state/exit/learned" || fail "the pair is not there"
ready grep -q " 80/tcp third.example $py$" "$T/state/exit/learned" || fail "a second name of the address is not there"
ready grep -q " 53/udp 10.99.0.2 $py$" "$T/state/exit/learned" || fail "the resolver is not there"
ready grep -q " 8081/tcp listen $py$" "$T/state/exit/learned" || fail "the port is not there"

policy deny deny
reload
says "destinations: deny"
dev "$py" "$T/go.py" app.example 80 || fail "a learned pair is refused"
dev "$py" "$T/go.py" 10.99.0.66 80; [ $? = 7 ] || fail "another address is reachable"
dev "$py" "$T/go.py" app.example 8080; [ $? = 7 ] || fail "another port is reachable"
dev "$T/other" "$T/go.py" 10.99.0.2 80; [ $? = 7 ] || fail "another program reaches it"
dev python3 -c "import socket
try: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)
except PermissionError: raise SystemExit(7)"; [ $? = 7 ] || fail "a raw socket is made"
dev "$py" "$T/go.py" listen 8081 || fail "a learned port is refused"
dev "$py" "$T/go.py" listen 8082; [ $? = 7 ] || fail "another port is bound"
hash=$(sha256sum "$T/other" | cut -d' ' -f1)
expect_event ".action==\"blocked\" and .reason==\"nothing was learned for this program\" and .process.path==\"$T/other\" and .process.sha256==\"$hash\" and .dest_port==80 and (.process.cmdline|contains(\"go.py\"))"
expect_event '.action=="blocked" and .operation=="bind" and .dest_port==8082 and .process.pid > 0'
expect_event '.action=="blocked" and .dest_ip=="10.99.0.66" and .reason=="this program has not learned this destination"'
# The name has another address now.
inet ip addr add 10.99.0.77/24 dev ve$$
echo 77 > "$T/last"
dev "$py" "$T/go.py" 10.99.0.77 80; [ $? = 7 ] || fail "the new address is reachable before DNS says so"
dev "$py" "$T/go.py" app.example 80 || fail "the learned name is refused at its new address"
dev "$py" "$T/go.py" evil.example 81; [ $? = 7 ] || fail "a name that was not learned"
# The device itself passes, whoever asks.
dev "$T/other" -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('0.0.0.0', 9))" || fail "the device itself is refused"
dev "$T/other" -c "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.9', 9))" || fail "loopback is refused"

agent exit explain "$py" app.example:80 --json | jq -e '.decision=="allow" and .reason=="learned"' >/dev/null || fail "explain: a learned pair"
agent exit explain "$T/other" app.example:80 --json | jq -e '.decision=="deny" and .reason=="nothing was learned for this program"' >/dev/null || fail "explain: another program"
agent exit learned | grep -q "app.example" || fail "exit learned"
# What was in force holds after a restart, and names keep the addresses that they had.
kill $AGENT_PID; wait $AGENT_PID
grep -q "^2 3 3$" "$T/state/exit/mode" || fail "the mode is not kept for the next start"
: > "$T/agent.log"; start_agent
says "destinations: deny"
dev "$T/other" "$T/go.py" 10.99.0.2 80; [ $? = 7 ] || fail "the restart opened the way"
dev "$py" "$T/go.py" 10.99.0.77 80 || fail "the restart forgot a name's address"
# A person permits something else by hand.
ln -s "$T/other" "$T/link"
cp "$py" "$T/fixed"
printf '%s\n' "* 80/tcp 10.99.0.64/29 $T/link" "$hash 80/tcp 10.99.0.2 $T/fixed" >> "$T/state/exit/learned"
ready dev "$T/other" "$T/go.py" 10.99.0.66 80 || fail "an edit is not taken up"
agent exit forget "$py" | grep -q forgotten || fail "exit forget"
ready sh -c "! sh -c 'echo \$\$ > $CG/cgroup.procs; exec nsenter --net=/run/netns/$D $py $T/go.py 10.99.0.2 80'" || fail "what was forgotten is reachable"
dev "$T/other" "$T/go.py" 10.99.0.66 80 || fail "the edit is lost"
# An update of a program that is permitted whatever its content.
cp "$T/other" "$T/new"; echo x >> "$T/new"; mv "$T/new" "$T/other"
sleep 2.3
dev "$T/other" "$T/go.py" 10.99.0.66 80 || fail "an update takes the permission away"
# Another content at the path of a program that learned by content.
dev "$T/fixed" "$T/go.py" 10.99.0.2 80 || fail "a permission by content"
echo x >> "$T/fixed"
sleep 2.3 # also when the agent has seen the new content
dev "$T/fixed" "$T/go.py" 10.99.0.2 80; [ $? = 7 ] || fail "a changed program goes on"
expect_event '.reason=="the program has changed since it was learned"'
exit 0
