#!/bin/sh
# Rules that do not load are refused where they are uploaded or by the gateway, which names file, line,
# sid and option to the manager; what was in force goes on; the next good bundle is taken.
. "$(dirname "$0")/gateway-lib.sh"
topology
mkdir -p "$work/content/rules"
content=$work/content
start_manager 127.20.15.1
enrol_gateway
serve 10.98.0.2 80 "$work/seen"
run_gateway
wait_for 10 status_is '.link and .bundle_version>=1' || fail "no bundle: $(gateway_status)"
rule() { echo "drop http any any -> any any (msg:\"$1\"; flow:to_server,established; http.uri; content:\"$1\"; sid:$2;)"; }
rule first-rule 1000001 >"$work/mine.rules"
version=$(gateway_status | jq .bundle_version)
ctl rules put mine "$work/mine.rules" >/dev/null
wait_for 5 status_is ".bundle_version>$version" || fail "the rules did not come"
wait_for 5 get http://10.98.0.2/ || fail "ordinary HTTP"
! get http://10.98.0.2/first-rule || fail "the rule is not in force"
version=$(gateway_status | jq .bundle_version)

{ rule second-rule 1000002; echo 'drop http any any -> any any (msg:"bad"; nosuchkeyword; sid:1000003;)'; } >"$work/bad.rules"
! ctl rules put mine "$work/bad.rules" >"$work/put.log" 2>&1 || fail "the manager took a bad rule"
grep -q "mine:2: sid 1000003: .*nosuchkeyword" "$work/put.log" || fail "not refused by name: $(cat "$work/put.log")"
status_is ".bundle_version==$version" || fail "the bad bundle is in force: $(gateway_status)"
! get http://10.98.0.2/first-rule || fail "the old rules are gone"
get http://10.98.0.2/second-rule || fail "a part of the bad rules is in force"
get http://10.98.0.2/ || fail "ordinary HTTP"

{ rule first-rule 1000001; rule second-rule 1000002; } >"$work/good.rules"
ctl rules put mine "$work/good.rules" >/dev/null
wait_for 5 status_is ".bundle_version>$version" || fail "the good bundle was not taken"
! get http://10.98.0.2/second-rule || fail "the new rule is not in force"
! get http://10.98.0.2/first-rule || fail "the old rule is gone"

# A bundle with rules that this gateway cannot read (as those of a newer manager could be).
version=$(gateway_status | jq .bundle_version)
stop_manager
{ rule third-rule 1000004; sed 1d "$work/bad.rules"; } >"$work/content/rules/shipped.rules"
run_manager
ctl indicators add domain evil.example --reason "makes a new bundle" >/dev/null
wait_for 10 grep -q "bundle .* refused: rules/.*shipped.rules:2: sid 1000003: .*nosuchkeyword" "$work/gateway.log" ||
    fail "not refused by name: $(cat "$work/gateway.log")"
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' --json devices | grep -q 'shipped.rules:2: sid 1000003'" ||
    fail "the refusal is not reported: $(ctl --json devices)"
status_is ".bundle_version==$version" || fail "the bad bundle is in force: $(gateway_status)"
! get http://10.98.0.2/second-rule || fail "the old rules are gone"
get http://10.98.0.2/third-rule || fail "a part of the bad bundle is in force"

# A local rule file that does not load: the gateway does not start, and says which.
kill $gateway; wait $gateway || true
! "$GATEWAY" run --inside inside --outside outside --state "$work/gateway" --control "$work/gateway.sock" \
    --rules "$work/bad.rules" >"$work/start.log" 2>&1 || fail "started with a bad rule"
grep -q "bad.rules:2: sid 1000003: .*nosuchkeyword" "$work/start.log" || fail "$(cat "$work/start.log")"
