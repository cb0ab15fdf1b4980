#!/bin/sh
# A file that is no capture, a capture that is cut off, rules with a syntax error or an unknown keyword:
# each is named, with a status that is not zero; --skip-bad-rules goes on; an unknown setting only warns.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 "$root/tests/integration/capture.py" good.pcap
cat >good.rules <<'RULES'
alert http any any -> any any (msg:"marker"; http.uri; content:"/marker"; sid:1;)
RULES
replay() { "$GATEWAY" replay --eve eve.json "$@" >out.log 2>&1; }
refused() { # WORDS replay-arguments
    words=$1; shift
    ! replay "$@" || fail "accepted: $*"
    grep -q -- "$words" out.log || fail "expected '$words': $(cat out.log)"
}
replay --rules good.rules good.pcap || fail "a good replay: $(cat out.log)"
[ "$(grep -c '"signature_id":1' eve.json)" -eq 1 ] || fail "no alert: $(cat eve.json)"

echo "this is no capture, it is a text" >text.pcap
refused "text.pcap: expected a pcap or pcapng capture: " --rules good.rules text.pcap
: >empty.pcap
refused "empty.pcap: expected a pcap or pcapng capture: " --rules good.rules empty.pcap
head -c 10 good.pcap >header.pcap
refused "header.pcap: expected a pcap or pcapng capture: .*truncated" --rules good.rules header.pcap
head -c $(($(stat -c %s good.pcap) - 5)) good.pcap >cut.pcap
refused "cut.pcap: packet [0-9]*: truncated" --rules good.rules cut.pcap
[ "$(grep -c '"signature_id":1' eve.json)" -eq 1 ] || fail "what was before the cut is lost"
refused "none.pcap: .*No such file" --rules good.rules none.pcap
refused "none.rules: .*No such file" --rules none.rules good.pcap

{ echo "# a comment"; cat good.rules
  echo 'alert tcp any any -> any any (msg:"x"; content:"abc; sid:7;)'; } >syntax.rules
refused "syntax.rules:3: sid 7: .*';'" --rules syntax.rules good.pcap
{ cat good.rules; echo 'alert tcp any any -> any any (msg:"x"; contents:"abc"; sid:8;)'; } >keyword.rules
refused "keyword.rules:2: sid 8: .*'contents'" --rules keyword.rules good.pcap
grep -q "1 of 2 rules did not load" out.log || fail "$(cat out.log)"
replay --skip-bad-rules --rules keyword.rules good.pcap || fail "--skip-bad-rules: $(cat out.log)"
grep -q "keyword.rules:2: sid 8" out.log || fail "a rule was left out in silence"
grep -q '"signature_id":1' eve.json || fail "the good rule was left out too"
! "$GATEWAY" rules check keyword.rules >out.log 2>&1 || fail "rules check accepts"
grep -q "1 loaded, 1 failed" out.log || fail "$(cat out.log)"

replay --set no.such.key=1 --rules good.rules good.pcap || fail "an unknown setting ends it: $(cat out.log)"
grep -q "'no.such.key' is not a setting" out.log || fail "no warning: $(cat out.log)"
for size in lots 5parsecs -1mb; do
    refused "memory.limit: found '$size', expected a size" --set memory.limit=$size --rules good.rules good.pcap
done
replay --set memory.limit=64mb --set "stream.reassembly.depth=200 kb" --rules good.rules good.pcap || fail "sizes: $(cat out.log)"
! grep -q "not a setting" out.log || fail "a setting is not known: $(cat out.log)"
refused "found 'nonsense', expected KEY=VALUE" --set nonsense --rules good.rules good.pcap
refused "eve.json: " --rules good.rules --eve /nowhere/eve.json good.pcap
