#!/bin/sh
# Whatever the manager refuses, it says so with a status of its own and an application/problem+json body
# that names the field, line or thing and what was expected; nothing that was good is lost.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.8.1
ctl tenants add other
enrol cam
enrol foreign agent --tenant other
run_device cam
wait_for 10 saw cam "bundle 1" || fail "no bundle"
path=/device/v1/default/$(identity cam device)
token_used=$(ctl tokens create)
"$BUILD/tests/device" "$work/second" enrol "$url" "$token_used" agent second

# refused STATUS WORDS curl-arguments
refused() {
    status=$1; words=$2; shift 2
    answer=$(curl -s --cacert "$work/manager/ca.pem" -w '\n%{http_code} %{content_type}' "$@")
    echo "$answer" | tail -n 1 | grep -qx "$status application/problem+json" || fail "$*: expected $status: $answer"
    echo "$answer" | sed '$d' | jq -e ".status==$status and (.title|length>0) and (.detail|test(\"$words\"))" >/dev/null ||
        fail "$*: expected '$words': $answer"
}
admin="Authorization: Bearer $token"
rest() { refused "$1" "$2" -H "$admin" -X "$3" "$url$4" -d "$5"; }
as() { who=$1; shift; refused "$1" "$2" --cert "$work/$who/cert.pem" --key "$work/$who/key.pem" -X POST "https://$address:8444$3" --data-binary "$4"; }

rest 400 "line 1" POST "/api/v1/advisories?name=x.json" '{"a":'
rest 400 "found '<'" POST "/api/v1/advisories?name=x.json" '<html>'
rest 400 "type" POST /api/v1/indicators '{"type":"nonsense","value":"x"}'
rest 400 "192.0.2" POST /api/v1/indicators '{"type":"ip","value":"192.0.2.300"}'
rest 400 "mode" PUT /api/v1/policy '{"entry":{"mode":"perhaps"}}'
rest 404 "nowhere" GET /api/v1/nowhere ''
refused 401 "log in" "$url/api/v1/devices"
refused 401 "log in" -H "Authorization: Bearer nonsense" "$url/api/v1/devices"
refused 401 "used" "$url/api/v1/enrol" -d "$(jq -n --arg t "$token_used" '{token:$t,kind:"agent",name:"x",csr:"-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"}')"
as foreign 403 "of tenant other" "$path/events" '{}'
as foreign 403 "of tenant other" "$path/bundle" '{"root":1,"have":[]}'
as cam 422 "1 lines were refused" "$path/events" 'garbage'
as cam 400 "components.*a list is expected" "$path/inventory" '{"type":"full"}'
as cam 400 "line 1, byte 1" "$path/status" '{'

tell cam event "$(alert "still here")"
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' events | grep -q 'still here'" || fail "the manager does not go on"
ctl --json devices | grep -q '"bundle_in_force": 1' || fail "the bundle in force has changed"

# A form can show what is wrong at its field; null takes a member away.
api PUT /api/v1/policy -d '{"logs":{"files":["/var/log/a.log","b.log"]}}' | sed '$d' |
    jq -e '.errors==[{pointer:"/logs/files/1",detail:"found '"'b.log'"', expected an absolute path of at most 199 bytes"}]' ||
    fail "the wrong member of a policy is not named by its place"
api PUT /api/v1/policy -d '{"logs":{"files":["/日本語日本語日本語日本語日本語","日本語日本語日本語日本語日本語"]}}' | sed '$d' |
    jq -e '.errors[0].pointer=="/logs/files/1" and (.detail|length>0)' || fail "a message that was cut within a character"
api PUT /api/v1/policy -d '{"logs":{"level":9,"files":["/a.log"]}}' >/dev/null
api PUT /api/v1/policy -d '{"logs":{"files":null}}' | sed '$d' | jq -e '.logs.level==9 and (.logs|has("files")|not)' ||
    fail "null does not take a member of the policy away"
