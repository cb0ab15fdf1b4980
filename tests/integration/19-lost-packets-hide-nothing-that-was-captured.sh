#!/bin/sh
# A capture that lacks packets which the peer acknowledged: what lies before the hole is inspected, the next
# message after it is read from its beginning, and records show the hole.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 - "$root" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + '/tests/integration')
import capture
C, S = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
def opened(f, port):
    f.frame(C, S, port, 80, 1000, 0, capture.SYN)
    f.frame(S, C, 80, port, 9000, 1001, capture.SYN | capture.ACK)
    f.frame(C, S, port, 80, 1001, 9001, capture.ACK)
class Side:
    """The server's bytes; a part that is None in CAPTURED was sent but not captured."""
    def __init__(self, f, port):
        self.f, self.port, self.c, self.s = f, port, 1001, 9001
        opened(f, port)
    def ask(self, data):
        self.f.frame(C, S, self.port, 80, self.c, self.s, capture.ACK | capture.PSH, data)
        self.c += len(data)
        self.f.frame(S, C, 80, self.port, self.s, self.c, capture.ACK)
    def answer(self, *parts):
        for part, captured in parts:
            if captured:
                self.f.frame(S, C, 80, self.port, self.s, self.c, capture.ACK | capture.PSH, part)
            self.s += len(part)
        self.f.frame(C, S, self.port, 80, self.c, self.s, capture.ACK)  # all of it arrived
    def end(self):
        self.f.frame(C, S, self.port, 80, self.c, self.s, capture.FIN | capture.ACK)
        self.f.frame(S, C, 80, self.port, self.s, self.c + 1, capture.FIN | capture.ACK)
        self.f.frame(C, S, self.port, 80, self.c + 1, self.s + 1, capture.ACK)
f = capture.Capture('lost.pcap')
a = Side(f, 40000)
get = b'GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n'
head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n'
a.ask(get % 1)
a.answer((head % 300 + b'x' * 80 + b'before-the-hole', True), (b'y' * 100, False), (b'after-the-hole' + b'z' * 91, True))
a.ask(get % 2)
a.answer((b'HTTP/1.1 404 Gone Away\r\nContent-Length: 2\r\n\r\nok', True))
a.end()
PY
cat >lost.rules <<'RULES'
alert tcp any any -> any any (msg:"before"; flow:to_client; content:"before-the-hole"; sid:1;)
alert tcp any any -> any any (msg:"after"; flow:to_client; content:"after-the-hole"; sid:2;)
alert http any any -> any any (msg:"next"; flow:to_client; http.stat_code; content:"404"; sid:3;)
alert http any any -> any any (msg:"body"; flow:to_client; file.data; content:"after-the-hole"; sid:5;)
alert http any any -> any any (msg:"joined"; flow:to_client; content:"hole|61|fter"; sid:6;)
RULES
"$GATEWAY" replay --rules lost.rules --eve eve.json lost.pcap || fail "replay"
[ "$(jq -r '.alert.signature_id' eve.json | sort -u | tr '\n' ' ')" = "1 2 3 5 " ] || fail "$(cat eve.json)"
jq -es 'any(.[]; .alert.signature_id == 2 and
    (.payload_printable | contains("before-the-hole[100 bytes missing]after-the-hole")))' eve.json >/dev/null || fail "the hole is not shown: $(jq .payload_printable eve.json)"
jq -es 'any(.[]; .alert.signature_id == 5 and .files[0].gaps)' eve.json >/dev/null || fail "files: $(jq .files eve.json)"
