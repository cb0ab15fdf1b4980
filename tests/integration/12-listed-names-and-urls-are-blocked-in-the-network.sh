#!/bin/sh
# A device without an agent behind a gateway that is enrolled at a manager: an address, a name and a URL
# are listed there; the DNS query, TLS and QUIC to the name, the URL on a shared host (HTTP/1 and 2) and the address are blocked
# in the network, all other traffic of the same hosts passes, and the manager has the events.
. "$(dirname "$0")/gateway-lib.sh"
topology
start_manager 127.20.12.1
enrol_gateway
cat >"$work/dns.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.98.0.2", 53))
while True:
    q, a = s.recvfrom(4096)
    open(sys.argv[1], "ab").write(q + b"\n")
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x62\0\2", a)
PY
cat >"$work/ask.py" <<'PY'
import socket, sys
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.connect(("10.98.0.2", 53)); s.send(q)
s.recv(4096)
PY
inet python3 "$work/dns.py" "$work/queries" 2>/dev/null & pids="$pids $!"
cat >"$work/quic.py" <<'PY'
import socket, struct, sys
if sys.argv[1] == "listen":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.98.0.2", 443))
    while True:
        q, a = s.recvfrom(4096); s.sendto(b"seen", a)
name = sys.argv[1].encode() # a client hello of Google's QUIC, which is not encrypted
hello = b"CHLO\2\0\0\0PAD\0\1\0\0\0SNI\0" + struct.pack("<I", 1 + len(name)) + b"-" + name
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1); s.connect(("10.98.0.2", 443))
s.send(b"\xc3Q046\x50\1\2\3\4\5\6\7\x08\0\0\0\1authentication.\xa0\1\0\0" + hello)
s.recv(4096)
PY
inet python3 "$work/quic.py" listen 2>/dev/null & pids="$pids $!"
serve 10.98.0.2 80 "$work/seen"
serve 10.98.0.66 80 "$work/seen66"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/k.pem" \
    -out "$work/c.pem" -subj /CN=test -days 2 2>/dev/null
cat >"$work/tls.py" <<'PY'
import http.server, ssl, sys
s = http.server.ThreadingHTTPServer(("10.98.0.2", 443), http.server.SimpleHTTPRequestHandler)
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER); c.load_cert_chain(sys.argv[1], sys.argv[2])
s.socket = c.wrap_socket(s.socket, server_side=True, do_handshake_on_connect=False)
s.serve_forever()
PY
inet python3 "$work/tls.py" "$work/c.pem" "$work/k.pem" >/dev/null 2>&1 & pids="$pids $!"
run_gateway
wait_for 10 status_is '.link and .bundle_version>=1' || fail "no link: $(gateway_status)"
[ "$(stat -c %U "$work/gateway/identity.json")" = nobody ] || fail "the state is not the gateway's"
ask() { dev python3 "$work/ask.py" "$1" 2>/dev/null; }
tls() { get -k --resolve "$1:443:10.98.0.2" "https://$1/"; }
quic() { dev python3 "$work/quic.py" "$1" 2>/dev/null; }
web2() { dev curl -s -m 1 -o /dev/null --http2-prior-knowledge --resolve "shared.example:80:10.98.0.2" "http://shared.example$1"; }
web() { get --resolve "shared.example:80:10.98.0.2" "http://shared.example$1"; }
wait_for 5 ask evil.example || fail "unprotected: no answer"
wait_for 5 tls evil.example || fail "unprotected: no TLS"
wait_for 5 quic evil.example || fail "unprotected: no QUIC"
wait_for 5 web /bad/payload || fail "unprotected: no HTTP"
wait_for 5 get http://10.98.0.66/ || fail "unprotected: the address does not answer"

ctl indicators add domain evil.example --reason "C&C domain" >/dev/null
ctl indicators add url http://shared.example/bad/payload --reason dropper >/dev/null
ctl indicators add url http://shared.example/bad/second --reason dropper >/dev/null
ctl indicators add ip 10.98.0.66 --reason "C&C address" >/dev/null
: >"$work/queries"; : >"$work/seen"; : >"$work/seen66"
wait_for 5 status_is '.bundle_version>=5' || sleep 1
! ask cc.evil.example || fail "a listed name is answered"
! grep -aq evil "$work/queries" || fail "the listed query reached the server"
! tls www.evil.example || fail "TLS to a listed name works"
! quic quic.evil.example || fail "QUIC to a listed name works"
! web2 /bad/second || fail "the server has no HTTP/2, but answers"
! web /bad/payload || fail "the listed URL is reachable"
! web '/ok/../bad/%70ayload' --path-as-is || fail "the listed URL is reachable by another spelling"
! get http://10.98.0.66/ || fail "the listed address is reachable"
! grep -aq payload "$work/seen" || fail "the server saw the request"
[ ! -s "$work/seen66" ] || fail "bytes reached the listed address"
ask good.example || fail "an ordinary query is not answered"
tls good.example || fail "ordinary TLS fails"
quic good.example || fail "ordinary QUIC fails"
web /ok/page || fail "another URL of the host is blocked"

expect_event '.event_type=="reputation" and .action=="blocked" and .layer=="network" and .src_ip=="10.98.0.1" and .dest_ip=="10.98.0.66"'
for what in cc.evil.example www.evil.example quic.evil.example bad/payload bad/second 10.98.0.66; do
    wait_for 2 stored "$what" || fail "the manager does not know of $what"
done
