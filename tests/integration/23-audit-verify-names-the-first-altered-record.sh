#!/bin/sh
# One edit in the database, of whatever kind, and `sekishoctl audit verify` names the record.
. "$(dirname "$0")/manager-lib.sh"
command -v sqlite3 >/dev/null || exit 77
start_manager 127.20.3.1
enrol cam
run_device cam
wait_for 10 saw cam "link up" || fail "no link"
for i in $(seq 0 19); do tell cam event "$(alert "event $i.")"; done
wait_for 10 sh -c "'$BUILD/cli/sekishoctl' events | grep -q 'event 19\.'" || fail "no events"
ctl audit verify >/dev/null || fail "an untouched log does not verify"
stop_manager
cp -r "$work/manager" "$work/clean"

# attempt NAME RECORD WORDS SQL: after SQL, verification must fail and name RECORD with WORDS.
attempt() {
    rm -rf "$work/manager"
    cp -r "$work/clean" "$work/manager"
    sqlite3 "$work/manager/manager.db" "$4" || fail "$1: the edit itself failed"
    run_manager
    if ctl audit verify >"$work/verify.log" 2>&1; then fail "$1 was not noticed"; fi
    grep -q "first altered record: $2 .*$3" "$work/verify.log" || fail "$1: $(cat "$work/verify.log")"
    stop_manager
}

attempt "an edited record" 7 "was altered" \
    "UPDATE events SET record=replace(record,'203.0.113.5','198.51.100.9') WHERE leaf IN (7,12)"
attempt "an edited column" 3 "column of the stored event was altered" \
    "UPDATE events SET action='allowed' WHERE leaf=3"
attempt "a deleted record" 5 "was removed" "DELETE FROM events WHERE leaf=5"
attempt "a deleted newest record" 19 "was removed" "DELETE FROM events WHERE leaf=19"
attempt "a deleted newest record with its hashes" 19 "was removed" \
    "DELETE FROM events WHERE leaf=19; DELETE FROM merkle WHERE level=0 AND position=19;
     DELETE FROM merkle WHERE level=1 AND position=9; DELETE FROM merkle WHERE level=2 AND position=4"
attempt "two records in each other's place" 11 "does not fit its hash" \
    "UPDATE events SET leaf=99 WHERE leaf=11; UPDATE events SET leaf=11 WHERE leaf=15;
     UPDATE events SET leaf=15 WHERE leaf=99"
attempt "an edited leaf hash" 9 "does not fit its hash" \
    "UPDATE merkle SET hash=zeroblob(32) WHERE level=0 AND position=9"
attempt "an edited inner hash" 8 "a hash over records 8 to 11" \
    "UPDATE merkle SET hash=zeroblob(32) WHERE level=2 AND position=2"
attempt "an edited checkpoint" 20 "its signature is bad" \
    "UPDATE checkpoints SET doc=replace(doc,'\"size\":20','\"size\":19')"
