#!/bin/sh
# While the manager is away the gateway blocks by rules and lists, also after kill -9 and a new start;
# every event arrives afterwards, once.
. "$(dirname "$0")/gateway-lib.sh"
topology
start_manager 127.20.14.1
enrol_gateway
serve 10.98.0.2 80 "$work/seen"
run_gateway
wait_for 10 status_is '.link and .bundle_version>=1 and .rules>10' || fail "no bundle: $(gateway_status)"
ctl indicators add domain evil.example --reason "C&C" >/dev/null
wait_for 5 status_is '.bundle_version>=2' || fail "no second bundle"
wait_for 5 get http://10.98.0.2/ || fail "ordinary HTTP"

stop_manager
wait_for 5 status_is '.link|not' || fail "the link is not down"
exploit() { ! get -H "User-Agent: () { :;}; echo $1" "http://10.98.0.2/$1"; }
listed() { ! get -H "Host: evil.example" "http://10.98.0.2/$1"; }
for i in 1 2 3; do exploit "away-$i" || fail "exploit $i passed"; done
listed first-list || fail "a listed name passed"
get http://10.98.0.2/fine || fail "ordinary HTTP while the manager is away"
status_is '.backlog>=4' || fail "not spooled: $(gateway_status)"
kill -9 $gateway
wait $gateway 2>/dev/null || true
run_gateway
status_is '.bundle_version>=2 and .backlog>=4 and (.link|not)' || fail "after kill -9: $(gateway_status)"
exploit away-4 || fail "exploit after kill -9 passed"
listed second-list || fail "a listed name passed after kill -9"
! grep -aq 'away-\|list' "$work/seen" || fail "the server saw something"

# What was told so far; clients that retransmit are told of again while this runs.
keys() { jq -r 'select(.event_type=="alert" or .event_type=="reputation") | "\(.timestamp) \(.event_type) \(.http.url // .indicator.value)"' | sort; }
keys <"$work/eve.json" >"$work/told"
[ "$(wc -l <"$work/told")" -ge 6 ] || fail "too few events: $(cat "$work/told")"
run_manager
wait_for 15 status_is '.link and .backlog==0' || fail "not delivered: $(gateway_status)"
ctl --json events --limit 1000 | jq -c '.. | objects | select(.leaf? != null)' | keys >"$work/stored"
missing=$(uniq "$work/told" | comm -23 - "$work/stored")
[ -z "$missing" ] || fail "not stored: $missing"
[ -z "$(uniq -d "$work/stored")" ] || fail "stored twice: $(uniq -d "$work/stored")"
for what in /away-1 /away-2 /away-3 /away-4 evil.example; do
    grep -q -- "$what" "$work/stored" || fail "$what is not stored: $(cat "$work/stored")"
done
! ctl --json events --limit 1000 | grep -q '"chain": "\(gap\|broken\)"' || fail "the chain is broken"
