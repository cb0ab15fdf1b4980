# Shared by the 2x tests: a manager of their own on a loopback address, an administrator, devices.
# Usage: . "$(dirname "$0")/manager-lib.sh"; start_manager ADDRESS
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
BUILD=${BUILD:-$root/build}
work=$(mktemp -d /tmp/sekisho-test.XXXXXX)
export SEKISHO_CONFIG=$work/cli.json
pids=

finish() {
    status=$?
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ]; then
        tail -n 20 "$work"/*.log 2>/dev/null >&2 || true
    fi
    # (What a test left mounted there, the kernel's /sys perhaps, is not emptied.)
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() { echo "FAIL: $*" >&2; exit 1; }

# wait_for SECONDS COMMAND...: true as soon as COMMAND succeeds.
wait_for() {
    tenths=$(($1 * 10)); shift
    while ! "$@" >/dev/null 2>&1; do
        tenths=$((tenths - 1))
        [ "$tenths" -gt 0 ] || return 1
        sleep 0.1
    done
}

ctl() { "$BUILD/cli/sekishoctl" "$@"; }

run_manager() {
    "$BUILD/manager/sekisho-manager" --state "$work/manager" --listen "$address:8443" \
        --device-listen "$address:8444" --name "$address" --content "${content:-$root/content}" \
        >"$work/manager.out" 2>>"$work/manager.log" &
    manager=$!
    pids="$pids $manager"
    wait_for 20 curl -s --cacert "$work/manager/ca.pem" "https://$address:8443/api/v1/session" ||
        fail "the manager does not answer"
}

start_manager() {
    address=$1
    url=https://$address:8443
    run_manager
    ctl login --url "$url" --ca "$work/manager/ca.pem" \
        --one-time "$(sed -n 's/^one-time login: //p' "$work/manager.out")" >/dev/null
    token=$(ctl --json session >/dev/null && sed -n 's/.*"token": "\(.*\)".*/\1/p' "$SEKISHO_CONFIG")
}

stop_manager() {
    kill "$manager"
    wait "$manager" || fail "the manager did not end well"
}

# api METHOD PATH [curl options]: status and body of a REST call as the administrator.
api() {
    method=$1; path=$2; shift 2
    curl -s --cacert "$work/manager/ca.pem" -H "Authorization: Bearer $token" -X "$method" \
        -w '\n%{http_code}' "$url$path" "$@"
}

# device_api NAME METHOD PATH [curl options]: the same with the certificate of device NAME.
device_api() {
    name=$1; method=$2; path=$3; shift 3
    curl -s --cacert "$work/manager/ca.pem" --cert "$work/$name/cert.pem" \
        --key "$work/$name/key.pem" -X "$method" -w '\n%{http_code}' \
        "https://$address:8444$path" "$@"
}

enrol() { # NAME [KIND] [ctl options for the token]
    name=$1; kind=${2:-agent}; shift; [ $# -eq 0 ] || shift
    "$BUILD/tests/device" "$work/$name" enrol "$url" "$(ctl tokens create "$@")" "$kind" "$name"
}

identity() { sed -n "s/.*\"$2\": \"\([^\"]*\)\".*/\1/p" "$work/$1/identity.json"; }

# Start device NAME; lines go to it by `tell NAME line`, its output is in NAME.log.
run_device() {
    mkfifo -m 600 "$work/$1.in" 2>/dev/null || true
    "$BUILD/tests/device" "$work/$1" run <>"$work/$1.in" >>"$work/$1.log" 2>&1 &
    device_pid=$!
    pids="$pids $device_pid"
}
tell() { name=$1; shift; printf '%s\n' "$*" >"$work/$name.in"; }
saw() { grep -q -- "$2" "$work/$1.log"; }

alert() { # TEXT
    printf '{"timestamp":"2026-01-02T03:04:05.000006+0000","event_type":"alert","layer":"device","action":"blocked","src_ip":"203.0.113.5","dest_ip":"192.0.2.1","alert":{"signature_id":1,"signature":"%s"}}' "$1"
}
