#!/bin/sh
# iprep reads categories and scores of networks; classification.config names classes and priorities; compiled rules
# come from the cache, which is made anew when it is damaged; statistics are OpenMetrics.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 "$root/tests/integration/capture.py" good.pcap 4
printf '1,CnC,Controllers\n2,Scanner,Scans\n' >categories
printf '# scores\n10.0.0.0/24,2,40\n10.0.0.1,2,90\n192.0.2.2,1,127\n' >scores
cat >r.rules <<'RULES'
alert http any any -> any any (msg:"scanner"; flow:to_server; http.method; content:"GET"; iprep:src,Scanner,>,80; classtype:mine; sid:1;)
alert http any any -> any any (msg:"half"; flow:to_server; http.method; content:"GET"; iprep:src,Scanner,<,50; sid:2;)
alert http any any -> any any (msg:"cnc"; flow:to_server; http.method; content:"GET"; iprep:dst,CnC,isset; sid:3;)
alert http any any -> any any (msg:"none"; flow:to_server; http.method; content:"GET"; iprep:dst,CnC,isnotset; sid:4;)
RULES
echo 'config classification: mine,A class of mine,2' >classes
run() { "$GATEWAY" replay --rules r.rules --eve eve.json --set classification-file=classes \
    --set reputation-categories-file=categories --set reputation-files=scores "$@" good.pcap 2>err.log; }
run || fail "replay: $(cat err.log)"
count() { jq -r "select(.alert.signature_id == $1) | .src_ip" eve.json | wc -l; }
[ "$(count 1) $(count 2) $(count 3) $(count 4)" = "1 3 1 3" ] || fail "$(jq -c '[.alert.signature_id, .src_ip, .dest_ip]' eve.json)"
jq -es 'any(.[]; .alert.category == "A class of mine" and .alert.severity == 2)' eve.json >/dev/null || fail "class: $(cat eve.json)"
for bad in '10.0.0.300,2,40' '10.0.0.1,99,40' '10.0.0.1,2,128' 'nothing'; do
    printf '10.0.0.1,2,1\n%s\n' "$bad" >scores
    ! run || fail "accepted: $bad"
    grep -q 'scores:2: ' err.log || fail "$bad: $(cat err.log)"
done
printf '10.0.0.1,2,90\n' >scores

# the cache: made, used, made anew when it is cut or altered
run --cache cache && [ -s cache ] || fail "no cache: $(cat err.log)"
cp cache whole
run --cache cache && cmp -s cache whole || fail "the cache was written again"
head -c $(($(stat -c %s whole) / 2)) whole >cache
run --cache cache && [ "$(count 1)" = 1 ] || fail "a cut cache: $(cat err.log)"
cmp -s cache whole || fail "a cut cache was not made anew"
python3 -c "b = bytearray(open('whole', 'rb').read()); b[len(b) // 2] ^= 64; open('cache', 'wb').write(b)"
run --cache cache && [ "$(count 1)" = 1 ] || fail "an altered cache: $(cat err.log)"

run --metrics metrics.txt --eve-stats || fail "metrics: $(cat err.log)"
tail -n 1 metrics.txt | grep -qx '# EOF' || fail "no end of the metrics: $(tail -n 2 metrics.txt)"
grep -q '^sekisho_decoder_pkts_total 40' metrics.txt || fail "no packets: $(cat metrics.txt)"
grep -qx 'sekisho_app_layer_flows_total{protocol="http"} 4' metrics.txt || fail "no flows: $(cat metrics.txt)"
tail -n 1 eve.json | jq -e '.event_type == "stats" and .stats.decoder.pkts > 0' >/dev/null || fail "$(tail -n 1 eve.json)"
