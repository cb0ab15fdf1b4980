#!/bin/sh
# A device that is gone for longer than the policy allows makes one event in the tenant's log, also when
# the manager was restarted meanwhile, and one when it is back; a shorter absence makes none.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.63.1
echo '{"fleet":{"silence_s":1}}' > "$work/bad.json"
ctl policy put "$work/bad.json" 2>&1 | grep -q 'fleet.silence_s' || fail "a wrong time is taken"
echo '{"fleet":{"silence_s":5}}' > "$work/policy.json"
ctl policy put "$work/policy.json" >/dev/null || fail "policy put"
enrol cam
enrol never
run_device cam
wait_for 10 saw cam "link up" || fail "no link"
silences() { ctl --json events | grep -c '"event_type": "silence"' || true; }
ctl devices | grep -q 'cam.* up ' || fail "devices does not tell the link"

# A short absence.
tell cam quit
wait "$device_pid" || true
sleep 2
run_device cam
sleep 4
[ "$(silences)" = 0 ] || fail "a short absence is told"

kill -9 "$device_pid"
sleep 2.5
stop_manager
run_manager
wait_for 12 sh -c "'$BUILD/cli/sekishoctl' --json events | grep -q 'the device is silent'" || fail "silence is not told"
sleep 2.5
[ "$(silences)" = 1 ] || fail "silence is told $(silences) times"
ctl devices | grep -q 'cam.* silent ' || fail "devices does not tell the silence"
ctl --json events | grep -q '"layer": "cloud"' || fail "the layer"
run_device cam
wait_for 8 sh -c "'$BUILD/cli/sekishoctl' --json events | grep -q 'the device is back after'" || fail "the return is not told"
[ "$(silences)" = 2 ] || fail "silence and return are $(silences) events"
ctl devices | grep -q 'cam.* up ' || fail "devices does not tell the return"
ctl --json events | grep -q "$(identity never device)" && fail "a device that never came is silent"
ctl audit verify >/dev/null || fail "the log does not verify"
