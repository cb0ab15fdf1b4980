#!/bin/sh
# Events spooled while the manager is down, through kill -9 of the device, arrive afterwards, each once.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.2.1
enrol cam
run_device cam
wait_for 10 saw cam "link up" || fail "no link"
tell cam event "$(alert "before")"
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' events | grep -q before" || fail "no event"

stop_manager
wait_for 5 saw cam "link down" || fail "the link is not down"
for i in $(seq 1 40); do tell cam event "$(alert "away $i.")"; done
wait_for 5 saw cam "backlog 40" || fail "not spooled"
kill -9 "$device_pid"
: >"$work/cam.log"
run_device cam
wait_for 5 saw cam "bundle 1" || fail "the last good bundle is not in force without the manager"
wait_for 5 saw cam "backlog 40" || fail "kill -9 lost events"
for i in $(seq 41 50); do tell cam event "$(alert "away $i.")"; done

run_manager
wait_for 10 saw cam "link up" || fail "no link again"
wait_for 10 saw cam "backlog 0" || fail "not delivered"
for i in $(seq 1 50); do
    [ "$(ctl --json events --text "away $i." | grep -c '"leaf"')" -eq 1 ] || fail "event $i is not there once"
done
! ctl --json events --limit 1000 | grep -q '"chain": "\(gap\|broken\)"' || fail "the chain is broken"
ctl audit verify >/dev/null || fail "the log does not verify"
