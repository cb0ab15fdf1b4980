#!/bin/sh
# Rules about headers, and a flow that is still open when the capture ends: what stands for its end has no header, so
# that none of them speaks of it, and nothing breaks.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 - "$root" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + '/tests/integration')
import capture
f = capture.Capture('open.pcap')
C, S = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
f.frame(C, S, 40000, 80, 1000, 0, capture.SYN)
f.frame(S, C, 80, 40000, 9000, 1001, capture.SYN | capture.ACK)
f.frame(C, S, 40000, 80, 1001, 9001, capture.ACK)
f.frame(C, S, 40000, 80, 1001, 9001, capture.ACK | capture.PSH, b'GET /open HTTP/1.1\r\nHost: a\r\n')
PY
n=0
while read -r option; do
    n=$((n + 1)); echo "alert ip any any -> any any (msg:\"$n\"; $option sid:$n;)"
done >header.rules <<'OPTIONS'
ttl:<5;
tos:0;
id:0;
seq:0;
ack:0;
window:0;
flags:0;
dsize:0;
fragbits:!M;
fragoffset:0;
tcp.mss:<10;
tcp.wscale:0;
tcpv4-csum:valid;
ipv4-csum:invalid;
tcp.hdr; content:"|00|";
ipv4.hdr; content:"|00|";
ipopts:any;
igmp.type:0;
itype:0;
icode:0;
icmp_id:0;
icmp_seq:0;
udp.hdr; content:"|00|";
ipv6.hdr; content:"|00|";
icmpv4.hdr; content:"|00|";
icmpv6.hdr; content:"|00|";
igmp.hdr; content:"|00|";
icmpv6.mtu:0;
igmp-csum:invalid;
sctp.hdr; content:"|00|";
OPTIONS
"$GATEWAY" replay --skip-bad-rules --rules header.rules --eve eve.json open.pcap 2>err.log || fail "replay: $(cat err.log)"
[ "$(grep -c 'did not load\|header.rules:' err.log)" -le 1 ] || fail "rules: $(cat err.log)"
[ -s eve.json ] || fail "no rule matches any packet"
! grep -q 'flow timeout' eve.json || fail "$(grep 'flow timeout' eve.json | cut -c1-300)"
