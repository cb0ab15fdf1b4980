#!/bin/sh
# A token enrols once; a used, altered, expired or foreign one gives an error that says which, and no device.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.0.1

good=$(ctl tokens create --kind agent)
device() { "$BUILD/tests/device" "$work/$1" enrol "$url" "$2" "${3:-agent}" "$1" 2>"$work/$1.log"; }

device first "$good" || fail "a fresh token was refused"
! device second "$good" || fail "a used token enrolled a second device"
grep -q "not authentic.*has been used already" "$work/second.log" || fail "used: $(cat "$work/second.log")"
! device first "$good" || fail "an enrolled device was enrolled again"
grep -q "enrolled already" "$work/first.log" || fail "again: $(cat "$work/first.log")"

fresh=$(ctl tokens create)
wrong=$(echo "$fresh" | sed 's/^\(skt1\.[^.]*\)\.[^.]*\./\1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA./')
! device third "$wrong" || fail "a wrong secret enrolled"
grep -q "token is wrong" "$work/third.log" || fail "wrong: $(cat "$work/third.log")"
! device third "hello" || fail "nonsense enrolled"
grep -q "skt1.<id>.<secret>.<fingerprint> expected" "$work/third.log" || fail "nonsense: $(cat "$work/third.log")"
other=$(echo "$fresh" | sed 's/\.[^.]*$/.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/')
! device third "$other" || fail "a manager with another CA was trusted"
grep -q "not authentic" "$work/third.log" || fail "pin: $(cat "$work/third.log")"
! device third "$(ctl tokens create --kind gateway)" agent || fail "a gateway's token enrolled an agent"
short=$(ctl tokens create --expires-in 1)
sleep 2
! device third "$short" || fail "an expired token enrolled"
grep -q "has expired" "$work/third.log" || fail "expired: $(cat "$work/third.log")"

answer=$(curl -s --cacert "$work/manager/ca.pem" -w '\n%{http_code} %{content_type}' -d '{"token":"x"}' "$url/api/v1/enrol")
echo "$answer" | grep -q '400 application/problem+json' || fail "missing field: $answer"
echo "$answer" | grep -q 'field \\"csr\\"' || fail "the field is not named: $answer"
[ "$(ctl --json devices | grep -c '"id"')" -eq 2 ] || [ "$(ctl --json devices | grep -c '"enrolled"')" -eq 1 ] ||
    fail "there must be exactly one device: $(ctl devices)"
! "$BUILD/tests/device" "$work/third" enrol "https://$address:9" "$fresh" agent third 2>"$work/third.log" || fail "enrolled nowhere"
grep -q "https://$address:9: cannot connect" "$work/third.log" || fail "nobody listens: $(cat "$work/third.log")"
device third "$fresh" || fail "the refused tries used the token up"
