#!/bin/sh
# exit.encrypted_dns: deny refuses DNS over TLS and QUIC by port, DNS over HTTPS by a known resolver's
# name and address, and answers the canary domain; detect tells and lets it be. A query to a resolver
# on the device itself is refused, and the event names the program that asked, not the resolver.
. "$(dirname "$0")/agent-lib.sh"
topology
inet ip addr add 8.8.8.8/32 dev ve$$
ip -n $D route add 8.8.8.8/32 via 10.99.0.2
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/k.pem" -out "$T/c.pem" -subj /CN=test -days 2 2>/dev/null
for place in 10.99.0.2:443 10.99.0.66:443 8.8.8.8:443 10.99.0.2:853; do
    inet openssl s_server -accept $place -key "$T/k.pem" -cert "$T/c.pem" -www >/dev/null 2>&1 & PIDS="$PIDS $!"
done
cat > "$T/dns.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind((sys.argv[1], int(sys.argv[2])))
log = open(sys.argv[3], "ab", 0)
while True:
    q, a = s.recvfrom(4096)
    log.write(q + b"\n")
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x63\0\2", a)
END
cat > "$T/ask.py" <<'END'
import socket, sys
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[2].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.connect((sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else 53)); s.send(q)
print(s.recv(4096)[3] & 15)
END
inet python3 "$T/dns.py" 10.99.0.2 853 "$T/doq" & PIDS="$PIDS $!"
nsenter --net=/run/netns/$D python3 "$T/dns.py" 127.0.0.53 53 "$T/stub" & PIDS="$PIDS $!"
ready dev curl -sk -m 2 -o /dev/null https://8.8.8.8/ || fail "no HTTPS"
ready dev curl -sk -m 2 -o /dev/null https://10.99.0.2:853/ || fail "no TLS on 853"
ready dev python3 "$T/ask.py" 127.0.0.53 first.example || fail "no stub"
mkdir -p "$T/bundle"
echo '[{"type":"domain","value":"evil.example","source":"test","reason":"C&C domain"}]' > "$T/bundle/indicators.json"
echo '{"exit":{"encrypted_dns":"detect"}}' > "$T/bundle/policy.json"
start_agent
says 'QUIC names'
r="--resolve dns.google:443:10.99.0.2"
dev curl -sk -m 2 $r -o /dev/null https://dns.google/dns-query || fail "detect hinders DNS over HTTPS"
dev curl -sk -m 2 -o /dev/null https://10.99.0.2:853/ || fail "detect hinders DNS over TLS"
expect_event '.action=="detected" and .tls.sni=="dns.google" and (.reason|contains("known resolver")) and .process.name=="curl"'
expect_event '.action=="detected" and .reason=="DNS over TLS" and .dest_port==853'

echo '{"exit":{"encrypted_dns":"deny"}}' > "$T/bundle/policy.json"
reload
dev curl -sk -m 2 $r -o /dev/null https://dns.google/dns-query && fail "DNS over HTTPS by name"
dev curl -sk -m 2 -o /dev/null https://8.8.8.8/dns-query && fail "DNS over HTTPS by address"
dev curl -sk -m 2 -o /dev/null https://10.99.0.2:853/ && fail "DNS over TLS"
dev python3 "$T/ask.py" 10.99.0.2 x.example 853 2>/dev/null && fail "DNS over QUIC"
[ -s "$T/doq" ] && fail "a datagram left the device"
[ "$(dev python3 "$T/ask.py" 127.0.0.53 use-application-dns.net)" = 3 ] || fail "the canary domain"
dev curl -sk -m 2 --resolve good.example:443:10.99.0.66 -o /dev/null https://good.example/ || fail "ordinary TLS"
expect_event '.action=="blocked" and .tls.sni=="dns.google" and .process.name=="curl"'
expect_event '.action=="blocked" and .dest_ip=="8.8.8.8" and (.reason|contains("address")) and (.process.path|length)>0'
expect_event '.action=="blocked" and .reason=="DNS over TLS"'
expect_event '.action=="blocked" and .reason=="DNS over QUIC"'

[ "$(dev python3 "$T/ask.py" 127.0.0.53 good.example)" = 0 ] || fail "an ordinary query to the stub"
[ "$(dev python3 "$T/ask.py" 127.0.0.53 www.evil.example)" = 3 ] || fail "a listed query to the stub"
grep -aq evil "$T/stub" && fail "the stub saw the query"
expect_event '.dns.rrname=="www.evil.example" and .dest_ip=="127.0.0.53" and (.process.cmdline|contains("ask.py"))'
exit 0
