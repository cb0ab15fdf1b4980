#!/bin/sh
# Each bad line of a batch is named; the good ones are stored once, and a certificate opens only its own device.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.1.1
ctl tenants add other
enrol one
enrol foreign agent --tenant other

# Three real records, made by the client library while it is offline.
mkfifo "$work/one.in"
DEVICE_OFFLINE=1 "$BUILD/tests/device" "$work/one" run <>"$work/one.in" >"$work/one.log" 2>&1 &
offline=$!
for i in 1 2 3; do tell one event "$(alert "event $i")"; done
wait_for 5 saw one "backlog 3" || fail "no spool"
tell one quit
wait "$offline"
strings -n 40 "$work"/one/spool/*.seg | grep -o '{"timestamp.*}$' >"$work/good"
[ "$(wc -l <"$work/good")" -eq 3 ] || fail "three records expected"

path=/device/v1/default/$(identity one device)
{
    sed -n 1p "$work/good"
    echo 'this is no JSON'
    sed -n 2p "$work/good" | sed 's/event 2/event X/'
    sed -n 2p "$work/good"
    echo '{"device":"d-someone","tenant":"default","seq":1}'
    head -c 60 /dev/urandom | tr -d '\n'; echo
} >"$work/batch"
answer=$(device_api one POST "$path/events" --data-binary @"$work/batch")
echo "$answer" | tail -n 1 | grep -qx 422 || fail "status: $answer"
for part in '"stored":2' '"acknowledged":2' '"refused":4' '"line":2' '"line":3' '"line":5' '"line":6' \
    "the record's SHA-256 is" 'field \\"device\\"'; do
    echo "$answer" | grep -q -- "$part" || fail "$part is not in: $answer"
done
answer=$(device_api one POST "$path/events" --data-binary @"$work/good")
echo "$answer" | grep -q '"stored":1' && echo "$answer" | grep -q '"duplicates":2' || fail "again: $answer"
[ "$(ctl --json events | grep -c '"chain": "ok"')" -eq 3 ] || fail "chain: $(ctl --json events)"
ctl audit verify >/dev/null || fail "the log does not verify"

# The certificate of another tenant, of another device, of nobody.
answer=$(device_api foreign POST "$path/events" --data-binary @"$work/good")
echo "$answer" | tail -n 1 | grep -qx 403 || fail "a foreign certificate: $answer"
echo "$answer" | grep -q 'of tenant other' || fail "it is not named: $answer"
device_api foreign POST "/device/v1/other/$(identity one device)/status" -d '{}' | tail -n 1 |
    grep -qx 403 || fail "another device of another tenant"
! curl -s --cacert "$work/manager/ca.pem" "https://$address:8444$path/push" || fail "no certificate was asked for"
answer=$(device_api one POST "$path/inventory" -d '{"type":"full","inventory":{"components":[{"ecosystem":"Debian:12","name":"a"}]}}')
echo "$answer" | grep -q 'components\[0\].version' || fail "the field is not named: $answer"
answer=$(device_api one POST "$path/inventory" -d '{"type":"difference","base":"x","add":[]}')
echo "$answer" | tail -n 1 | grep -qx 409 || fail "an unknown base: $answer"

# A removed device is no device any more.
ctl device remove "$(identity one device)"
device_api one POST "$path/status" -d '{}' | tail -n 1 | grep -qx 403 || fail "a removed device was served"
[ "$(ctl --json events | grep -c '"chain": "ok"')" -eq 3 ] || fail "its events went with it"
