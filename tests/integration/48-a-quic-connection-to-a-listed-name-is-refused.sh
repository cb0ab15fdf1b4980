#!/bin/sh
# The server name of a QUIC connection is read from its encrypted Initial packets: a listed one never
# reaches the network, another one does. What cannot be read on UDP port 443 follows the policy.
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/tests/quic" ] || { echo "no helper program"; exit 77; }
topology
cat > "$T/echo.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.2", 443))
log = open(sys.argv[1], "ab", 0)
had = {}
while True:
    d, a = s.recvfrom(4096)
    log.write(b"%d\n" % len(d))
    had[a] = had.get(a, 0) + 1
    if had[a] == 2: s.sendto(b"x", a) # all of the ClientHello is there
END
inet python3 "$T/echo.py" "$T/seen" & PIDS="$PIDS $!"
ready dev "$BUILD/tests/quic" 10.99.0.2 443 first.example || fail "no service"
mkdir -p "$T/bundle"
echo '[{"type":"domain","value":"evil.example","source":"test","reason":"C&C domain"}]' > "$T/bundle/indicators.json"
echo '{"exit":{"quic":"detect"}}' > "$T/bundle/policy.json"
start_agent
says 'QUIC names'
dev "$BUILD/tests/quic" 10.99.0.2 443 good.example >/dev/null || fail "an ordinary name"
: > "$T/seen"
dev "$BUILD/tests/quic" 10.99.0.2 443 www.evil.example >/dev/null && fail "a listed name is answered"
[ "$(wc -l < "$T/seen")" -le 1 ] || fail "more than the piece without the name left the device"
expect_event '.event_type=="exit" and .action=="blocked" and .quic.sni=="www.evil.example" and .indicator.value=="evil.example" and .process.name=="quic" and (.process.sha256|length)==64'
dev "$BUILD/tests/quic" 10.99.0.2 443 x.example junk >/dev/null || fail "detect hinders"
expect_event '.action=="detected" and (.reason|contains("cannot be read")) and .proto=="UDP"'
echo '{"exit":{"quic":"deny"}}' > "$T/bundle/policy.json"
reload
: > "$T/seen"
dev "$BUILD/tests/quic" 10.99.0.2 443 x.example junk >/dev/null && fail "what cannot be read is answered"
[ -s "$T/seen" ] && fail "it left the device"
expect_event '.action=="blocked" and (.reason|contains("cannot be read"))'
dev "$BUILD/tests/quic" 10.99.0.2 443 good.example >/dev/null || fail "QUIC that can be read is refused"
exit 0
