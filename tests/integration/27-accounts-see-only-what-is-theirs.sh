#!/bin/sh
# Roles, tenants, sessions, cookies and problem documents of the REST API.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.7.1
ctl tenants add other
enrol mine
echo "a long password" | ctl accounts add vera viewer
echo "a long password" | ctl accounts add oda admin --tenant other
! echo "short" | ctl accounts add sam viewer 2>"$work/e.log" || fail "a short password was taken"
grep -q 'field "password"' "$work/e.log" || fail "$(cat "$work/e.log")"

as() { # ACCOUNT METHOD PATH [curl options]: status of a call with a cookie session
    account=$1; method=$2; path=$3; shift 3
    [ -f "$work/$account.jar" ] || curl -s --cacert "$work/manager/ca.pem" -c "$work/$account.jar" -o "$work/login.json" \
        -d "{\"account\":\"$account\",\"password\":\"a long password\"}" "$url/api/v1/login"
    curl -s --cacert "$work/manager/ca.pem" -b "$work/$account.jar" -o "$work/body.json" \
        -w '%{http_code}' -X "$method" "$url$path" "$@"
}
[ "$(as vera GET /api/v1/devices)" = 200 ] || fail "a viewer may look"
grep -q '"name":"mine"' "$work/body.json" || fail "no device"
! grep -q '"token"' "$work/login.json" || fail "a cookie session shows its token"
grep -q "HttpOnly" "$work/vera.jar" || fail "the cookie is readable by scripts"
[ "$(as vera POST /api/v1/indicators -H 'X-Sekisho: 1' -d '{"type":"ip","value":"203.0.113.1"}')" = 403 ] || fail "a viewer changed something"
[ "$(as oda GET /api/v1/devices)" = 200 ] && ! grep -q mine "$work/body.json" || fail "another tenant's device is seen"
[ "$(as oda GET "/api/v1/devices?tenant=default")" = 403 ] || fail "another tenant was named"
[ "$(as oda GET "/api/v1/devices/$(identity mine device)")" = 404 ] || fail "another tenant's device was shown"
[ "$(as oda POST /api/v1/indicators -d '{"type":"ip","value":"203.0.113.1"}')" = 403 ] || fail "a cookie without X-Sekisho changed something"
[ "$(as oda POST /api/v1/indicators -H 'X-Sekisho: 1' -d '{"type":"ip","value":"203.0.113.1"}')" = 201 ] || fail "an admin may add: $(cat "$work/body.json")"
[ "$(as oda POST /api/v1/tenants -H 'X-Sekisho: 1' -d '{"id":"x"}')" = 403 ] || fail "a tenant's admin made a tenant"
[ "$(as oda PUT /api/v1/policy -H 'X-Sekisho: 1' -d '{"entry":{"mode":"maybe"}}')" = 400 ] || fail "a wrong policy"
grep -q 'entry.mode' "$work/body.json" || fail "the field is not named"
[ "$(as oda PUT /api/v1/rules/x -H 'X-Sekisho: 1' -d 'drp tcp any any')" = 400 ] && grep -q 'x:1: sid 0: found' "$work/body.json" || fail "wrong rules: $(cat "$work/body.json")"
[ "$(as oda PUT /api/v1/policy -H 'X-Sekisho: 1' -d '{"entry":')" = 400 ] && grep -q 'line 1' "$work/body.json" || fail "cut JSON"
[ "$(as oda PATCH /api/v1/policy)" = 405 ] && grep -q '"status":405' "$work/body.json" || fail "PATCH: $(cat "$work/body.json")"
[ "$(as oda DELETE /api/v1/policy -H 'X-Sekisho: 1')" = 405 ] || fail "405 expected"
[ "$(as oda POST /api/v1/logout -H 'X-Sekisho: 1')" = 204 ] && [ "$(as oda GET /api/v1/session)" = 401 ] || fail "logged out, but not"
api GET /api/v1/nothing | tail -n 1 | grep -qx 404 || fail "404 expected"
api GET /metrics | grep -q '^# EOF' || fail "metrics"
curl -s --cacert "$work/manager/ca.pem" "$url/api/v1/openapi.yaml" | grep -q '^openapi: 3' || fail "openapi"
curl -s --cacert "$work/manager/ca.pem" -o /dev/null -w '%{http_code}' "$url/../../etc/passwd" --path-as-is | grep -qv 200 || fail "a file outside"
for i in $(seq 1 12); do
    code=$(curl -s --cacert "$work/manager/ca.pem" -o /dev/null -w '%{http_code}' -d '{"account":"vera","password":"wrong password"}' "$url/api/v1/login")
done
[ "$code" = 429 ] || fail "failed logins are not limited: $code"
[ "$(stat -c %a "$work/manager/ca.key")" = 600 ] && [ "$(stat -c %a "$work/manager/keys/root-1.pem")" = 600 ] || fail "keys are readable"
! grep -rqa "a long password" "$work/manager" || fail "a password is on disk"
