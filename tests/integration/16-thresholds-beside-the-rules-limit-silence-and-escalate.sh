#!/bin/sh
# threshold.config: an event filter limits records, suppress silences a network, a rate filter turns an alert into
# a drop for a while, an entry for all rules leaves a rule's own threshold alone; a bad line is named.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 - "$root" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + '/tests/integration')
import capture
f = capture.Capture('many.pcap')
request, answer = b'GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n', b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
for n in range(12):
    if n == 10:
        f.now += 120_000_000  # two minutes later
    f.conversation(bytes([10, 0, 0, 1 + n % 2]), bytes([10, 0, 0, 99]), 40000 + n, request, answer)
PY
cat >t.rules <<'RULES'
alert http any any -> any any (msg:"plain"; http.uri; content:"/x"; sid:1;)
alert http any any -> any any (msg:"own"; http.uri; content:"/x"; threshold:type limit, track by_src, count 2, seconds 600; sid:2;)
RULES
run() { "$GATEWAY" replay --set threshold-file=t.config --rules t.rules --eve eve.json "$@" many.pcap || fail "replay"; }
count() { jq -c "select($1)" eve.json | wc -l; }
expect() { [ "$(count "$1")" -eq "$2" ] || fail "$1: found $(count "$1"), expected $2"; }

echo '# nothing' >t.config; run
expect '.alert.signature_id == 1' 12; expect '.alert.signature_id == 2' 4
echo 'event_filter gen_id 1, sig_id 0, type limit, track by_src, count 1, seconds 60' >t.config; run
expect '.alert.signature_id == 1' 4; expect '.alert.signature_id == 2' 4
echo 'suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.1/32' >t.config; run
expect '.alert.signature_id == 1' 6; expect '.src_ip == "10.0.0.1" and .alert.signature_id == 1' 0
echo 'suppress gen_id 0, sig_id 0, track by_dst, ip [10.0.0.0/24,!10.0.0.98]' >t.config; run
expect '.event_type == "alert"' 0
# the third match of an address in a minute, and all of the next 30 s; after two minutes it begins anew
echo 'rate_filter gen_id 1, sig_id 1, track by_src, count 3, seconds 60, new_action drop, timeout 30' >t.config; run --ips
expect '.alert.signature_id == 1 and .alert.action == "allowed"' 6
expect '.alert.signature_id == 1 and .alert.action == "blocked"' 6
expect '.event_type == "drop" and .src_ip == "10.0.0.1" and .drop.reason == "rules"' 3
for bad in 'suppress gen_id 1, sig_id 1, ip 10.0.0.1' 'rate_filter gen_id 1, sig_id 1, track by_src, count 3' \
    'event_filter gen_id 1, sig_id 1, type often, track by_src, count 1, seconds 1' 'supress gen_id 1, sig_id 1'; do
    { echo '# first'; echo "$bad"; } >t.config
    ! "$GATEWAY" replay --set threshold-file=t.config --rules t.rules --eve eve.json many.pcap 2>out.log || fail "accepted: $bad"
    grep -q 't.config:2: ' out.log || fail "$bad: $(cat out.log)"
done
