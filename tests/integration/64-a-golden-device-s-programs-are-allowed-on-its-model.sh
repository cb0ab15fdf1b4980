#!/bin/sh
# What a golden device registered is imported in one request for one model: devices of that model get it
# with the tenant's own entries, others only those; a wrong line is named and nothing of the file is kept.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.64.1
for d in camera router; do
    enrol $d
    run_device $d
    wait_for 10 saw $d "link up" || fail "no link"
done
inventory() { printf '{"os":{},"product":{"vendor":"%s","model":"%s"},"components":[],"services":[],"posture":[],"notes":[]}' "$2" "$3" > "$work/$1.json"; tell $1 inventory "$work/$1.json"; }
inventory camera Acme Cam-1
inventory router Acme Gate-2
hash() { printf %s "$1" | sha256sum | cut -c1-64; }
for i in $(seq 1 2000); do printf '%064x  /usr/bin/p%d\n' "$i" "$i"; done > "$work/golden"
echo "$(hash special)  /opt/a program with blanks" >> "$work/golden"
echo "$(hash binary) */opt/binary" >> "$work/golden"
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' --json device $(identity camera device) | grep -q Cam-1" || fail "no product"
ctl allowlist add "$(hash everywhere)" --note "all" || fail "allowlist add"
ctl allowlist import "$work/golden" --model Acme/Cam-1 | grep -q 2002 || fail "import"
has() { grep -rqs "$(hash "$2")" "$work/$1/"; }
wait_for 5 has camera special || fail "the model's program is not in the bundle of its device"
wait_for 5 has camera binary || fail "a program in binary form"
wait_for 5 has camera everywhere || fail "the tenant's program is not on the camera"
wait_for 5 has router everywhere || fail "the tenant's program is not on the router"
has router special && fail "another model got the programs"

{ echo "$(hash good)  /a"; echo "nonsense"; } > "$work/bad"
ctl allowlist import "$work/bad" 2>&1 | grep -q 'line 2' || fail "a wrong line is not named"
ctl --json allowlist | grep -q "$(hash good)" && fail "a part of a wrong file is kept"
ctl allowlist import "$work/golden" --model Cam-1 2>&1 | grep -q 'VENDOR/MODEL' || fail "a wrong model is taken"
seq 1 200001 | awk '{printf "%064x  x\n", $1}' > "$work/many"
ctl allowlist import "$work/many" 2>&1 | grep -q '200000' || fail "the limit does not hold"
ctl allowlist remove "$(hash special)" || fail "remove"
wait_for 5 sh -c "! grep -rqs $(hash special) '$work/camera/'" || fail "removed, and still there"
# As many as are allowed reach the device; and what a device prints is what is imported.
seq 3000 200900 | awk '{printf "%064x  x\n", $1}' > "$work/many"
ctl allowlist import "$work/many" >/dev/null || fail "many programs are refused"
wait_for 20 sh -c "grep -rqs $(printf %064x 200900) '$work/router/'" || fail "many programs do not reach the device"
if [ -x "$BUILD/agent/sekisho-agent" ]; then
    mkdir -p "$work/agent/lockdown"
    cp "$work/golden" "$work/agent/lockdown/allowlist"
    echo "state: $work/agent" > "$work/agent.yaml"
    "$BUILD/agent/sekisho-agent" --config "$work/agent.yaml" lockdown export | cmp - "$work/golden" || fail "lockdown export"
fi
