#!/bin/sh
# A block is on the event stream within 1 s; an attacker seen by one device is told to the tenant's others, and to no other tenant's.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.6.1
ctl tenants add other
enrol one; enrol two; enrol gate gateway; enrol foreign agent --tenant other
for name in one two gate foreign; do run_device $name; done
for name in one two gate foreign; do wait_for 10 saw $name "link up" || fail "$name: no link"; done
ctl events --follow --action blocked --layer device >"$work/stream.log" 2>&1 &
pids="$pids $!"
curl -sN --cacert "$work/manager/ca.pem" -H "Authorization: Bearer $token" "$url/api/v1/events/stream?text=nowhere" >"$work/other.log" &
pids="$pids $!"
sleep 0.5
tell one event "$(alert "live block")"
wait_for 1 grep -q "live block" "$work/stream.log" || fail "not on the stream within 1 s"
tell one event '{"timestamp":"2026-01-02T03:04:06.000006+0000","event_type":"attacker","layer":"device","action":"blocked","src_ip":"203.0.113.9","attacker":{"ip":"203.0.113.9","ttl_s":60,"reason":"probes"}}'
wait_for 1 saw two 'indicators-add.*203.0.113.9' || fail "the other device was not told within 1 s"
wait_for 1 saw gate 'indicators-add.*203.0.113.9' || fail "the gateway was not told within 1 s"
! saw foreign '203.0.113.9' || fail "another tenant was told"
! grep -q "live block" "$work/other.log" || fail "the filter does not filter"
ctl indicators | grep -q "203.0.113.9" || fail "no indicator"
[ -z "$(ctl indicators --tenant other | sed 1d)" ] || fail "an indicator in the other tenant"
saw gate "rules/patch-SEK-2014-6271.rules" || fail "the gateway has no virtual patches"
ctl overview | grep -q '"layer":"device","count":2' || fail "overview: $(ctl overview)"
