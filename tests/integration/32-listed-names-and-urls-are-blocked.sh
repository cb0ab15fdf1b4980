#!/bin/sh
# A DNS query for a listed domain is answered "no such name" and never leaves; a TLS connection that
# names it and an HTTP request for a listed URL end before the server can answer, while other names
# and other URLs of the same host work. Each event names the process.
. "$(dirname "$0")/agent-lib.sh"
topology
cat > "$T/dns.py" <<'EOF'
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.2", 53))
log = open(__import__("sys").argv[1], "ab", 0)
while True:
    q, a = s.recvfrom(4096)
    log.write(q + b"\n")
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x63\0\2", a)
EOF
cat > "$T/ask.py" <<'EOF'
import socket, sys, struct
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(("10.99.0.2", 53)); s.send(q)
r = s.recv(4096)
print(r[3] & 15)
EOF
inet python3 "$T/dns.py" "$T/queries" & PIDS="$PIDS $!"
mkdir -p "$T/www/ok" "$T/www/bad"
echo fine > "$T/www/ok/page"; echo malware > "$T/www/bad/payload"
inet python3 -m http.server -d "$T/www" 80 > "$T/http.log" 2>&1 & PIDS="$PIDS $!"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/k.pem" -out "$T/c.pem" -subj /CN=test -days 2 2>/dev/null
inet openssl s_server -accept 443 -key "$T/k.pem" -cert "$T/c.pem" -www >/dev/null 2>&1 & PIDS="$PIDS $!"
ready dev python3 "$T/ask.py" first.example || fail "no DNS server"
ready dev curl -s -m 20 -o /dev/null http://10.99.0.2/ || fail "no HTTP server"
ready dev curl -sk -m 20 -o /dev/null https://10.99.0.2/ || fail "no TLS server"
mkdir -p "$T/bundle"
cat > "$T/bundle/indicators.json" <<EOF
[{"type":"domain","value":"evil.example","source":"test","reason":"C&C domain"},
 {"type":"url","value":"http://shared.example/bad/payload","source":"test","reason":"dropper"}]
EOF
start_agent
[ "$(dev python3 "$T/ask.py" good.example)" = 0 ] || fail "an ordinary query is not answered"
[ "$(dev python3 "$T/ask.py" cc.evil.example)" = 3 ] || fail "a listed query is not refused"
grep -aq evil "$T/queries" && fail "the listed query left the device"
expect_event '.event_type=="exit" and .dns.rrname=="cc.evil.example" and .action=="blocked" and (.process.path|length)>0 and (.process.sha256|length)==64'

r="--resolve good.example:443:10.99.0.2 --resolve www.evil.example:443:10.99.0.2"
dev curl -sk -m 20 $r -o /dev/null https://good.example/ || fail "ordinary TLS fails"
dev curl -sk -m 3 $r -o /dev/null https://www.evil.example/ && fail "TLS to a listed name works"
expect_event '.tls.sni=="www.evil.example" and .process.name=="curl" and (.process.sha256|length)==64'

r="--resolve shared.example:80:10.99.0.2"
[ "$(dev curl -s -m 20 $r http://shared.example/ok/page)" = fine ] || fail "another URL of the host"
dev curl -s -m 3 $r -o /dev/null http://shared.example/bad/payload && fail "the listed URL is reachable"
dev curl -s -m 3 $r -o /dev/null http://shared.example/ok/page http://shared.example/ok/../bad/%70ayload && fail "the listed URL is reachable by another spelling, as a second request"
grep -q payload "$T/http.log" && fail "the server saw the request"
expect_event '.http.url=="/bad/payload" and .http.hostname=="shared.example" and .process.name=="curl"'
kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=
nsenter --net=/run/netns/$D nft list tables | grep -q "inet sekisho" && fail "the table is left"
exit 0
