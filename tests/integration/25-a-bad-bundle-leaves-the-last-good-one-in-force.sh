#!/bin/sh
# Bad signature, expired, older: each is refused by name on the device; what it refuses to apply is reported.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.5.1
enrol cam
path=/device/v1/default/$(identity cam device)
run_device cam
wait_for 10 saw cam "bundle 1" || fail "no bundle"
fetch() { device_api cam POST "$path/bundle" -d '{"root":1,"have":[]}' | sed '$d' >"$work/$1"; }
check() { "$BUILD/tests/device" "$work/cam" check "$work/$1"; }
fetch old.json
ctl indicators add ip 203.0.113.77 --ttl 3600 --reason test
wait_for 2 saw cam 'indicators-add.*203.0.113.77' || fail "the indicator was not pushed within 2 s"
wait_for 5 saw cam "bundle 2" || fail "no second bundle"
fetch new.json
tell cam quit; wait "$device_pid"

check new.json | grep -q accepted || fail "a good bundle was refused"
check old.json | grep -q "older than trusted content: .*version [0-9]* is older" || fail "old: $(check old.json)"
sed 's/\\"version\\":2/\\"version\\":9/' "$work/new.json" >"$work/forged.json"
check forged.json | grep -q "not authentic: .*0 valid signatures, 1 expected" || fail "forged: $(check forged.json)"
head -c 400 "$work/new.json" >"$work/cut.json"
check cut.json | grep -q "malformed input" || fail "cut: $(check cut.json)"
DEVICE_LATER_DAYS=3 check new.json | grep -q "expired: timestamp metadata version" || fail "expired: $(DEVICE_LATER_DAYS=3 check new.json)"

# The device refuses to apply: the manager shows it, and the last good one is loaded at the next start.
: >"$work/cam.log"
export DEVICE_REFUSES=1
run_device cam
unset DEVICE_REFUSES
wait_for 10 saw cam "link up" || fail "no link"
ctl indicators add domain evil.example --reason test
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' --json devices | grep -q 'rules/x.rules:1: refused for the test'" ||
    fail "the refusal is not reported: $(ctl --json devices)"
ctl --json devices | grep -q '"bundle_in_force": 2' || fail "the bundle in force is not 2"
tell cam quit; wait "$device_pid"
: >"$work/cam.log"
run_device cam
wait_for 5 saw cam "bundle 2" || fail "the last good bundle is not loaded"
wait_for 5 saw cam "bundle 3" || fail "the new one is not applied after all"

# New online keys: devices follow the new root.
stop_manager
"$BUILD/manager/sekisho-manager" --state "$work/manager" --rotate-keys
run_manager
ctl indicators add domain evil2.example --reason test
wait_for 10 saw cam "bundle 4" || fail "the device did not follow the new root"
