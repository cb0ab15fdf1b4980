# Shared by the agent's tests: a device and an internet namespace with a wire between them, a cgroup
# for the device's programs, and an agent that is not enrolled (a standalone folder is its bundle).
# Sourced; sets T (work folder), D and I (namespaces), CG (cgroup). Everything goes at exit.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
AGENT=${BUILD:?}/agent/sekisho-agent
[ -x "$AGENT" ] || { echo "no agent in $BUILD"; exit 77; }
T=$(mktemp -d /tmp/sekisho-agent.XXXXXX)
chmod 755 "$T"
D=skd$$ I=ski$$
CGROOT=
for d in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    [ -f $d/cgroup.controllers ] && CGROOT=$d && break
done
CG=$CGROOT/sekisho-test-$$
PIDS=

finish() {
    status=$?
    [ -n "${AGENT_PID:-}" ] && kill "$AGENT_PID" 2>/dev/null && wait "$AGENT_PID" 2>/dev/null
    for p in $PIDS; do kill "$p" 2>/dev/null; done
    for n in $D $I; do
        ip netns pids $n 2>/dev/null | xargs -r kill -9 2>/dev/null
        ip netns del $n 2>/dev/null
    done
    sleep 0.1
    [ -d "$CG" ] && rmdir "$CG"
    [ $status -ne 0 ] && [ -f "$T/agent.log" ] && tail -n 20 "$T/agent.log"
    # (What a test left mounted there, the kernel's /sys perhaps, is not emptied.)
    rm -rf --one-file-system "$T"
    exit $status
}
trap finish EXIT
trap "exit 1" TERM INT

topology() {
    [ -n "$CGROOT" ] || { echo "no cgroup v2"; exit 77; }
    ip netns add $D && ip netns add $I || exit 77
    ip link add ve$$ netns $D type veth peer name ve$$ netns $I
    ip -n $D addr add 10.99.0.1/24 dev ve$$
    ip -n $I addr add 10.99.0.2/24 dev ve$$
    ip -n $I addr add 10.99.0.66/24 dev ve$$
    ip -n $D addr add fd99::1/64 dev ve$$ nodad
    ip -n $I addr add fd99::66/64 dev ve$$ nodad
    for n in $D $I; do ip -n $n link set ve$$ up; ip -n $n link set lo up; done
    mkdir -p "$CG"
}

# Run a command as a program of the device / of the internet.
# (`ip netns exec` hides /sys/fs/cgroup, so nsenter is used.)
dev() { sh -c 'echo $$ > "$0/cgroup.procs"; exec nsenter --net=/run/netns/'$D' "$@"' "$CG" "$@"; }
inet() { ip netns exec $I "$@"; }

start_agent() {
    mkdir -p "$T/bundle" "$T/state"
    cat > "$T/agent.yaml" <<EOF
state: $T/state
runtime: $T/run
user: nobody
standalone: $T/bundle
exit:
  cgroup: $CG
  ${EXIT_EXTRA:-queue: 4022}
entry:
  ${ENTRY_EXTRA:-queue: 4021}
EOF
    nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" run >> "$T/agent.log" 2>&1 &
    AGENT_PID=$!
    for i in $(seq 100); do
        agent status >/dev/null 2>&1 && grep -q "in force" "$T/agent.log" && return 0
        sleep 0.05
    done
    fail "the agent did not start"
}
# A manager in the internet, and its administrator: `cloud` runs a command there, `ctl` is sekishoctl.
cloud() { nsenter --net=/run/netns/$I "$@"; }
ctl() { cloud "$BUILD/cli/sekishoctl" "$@"; }
start_manager() {
    export SEKISHO_CONFIG=$T/cli.json
    cloud "$BUILD/manager/sekisho-manager" --state "$T/manager" --listen 10.99.0.2:8443 \
        --device-listen 10.99.0.2:8444 --name 10.99.0.2 --content "$(dirname "$0")/../../content" \
        > "$T/manager.out" 2> "$T/manager.log" &
    PIDS="$PIDS $!"
    ready cloud curl -s --cacert "$T/manager/ca.pem" https://10.99.0.2:8443/api/v1/session || fail "no manager"
    ctl login --url https://10.99.0.2:8443 --ca "$T/manager/ca.pem" --one-time "$(sed -n 's/^one-time login: //p' "$T/manager.out")" > /dev/null || fail login
}
agent() { "$AGENT" --config "$T/agent.yaml" "$@"; }
# Wait until `doctor` says TEXT: the kernel's part comes into force a moment after the policy.
says() { ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q '$1'" || fail "doctor does not say: $1"; }
# Have the agent read its bundle again; the answer holds TEXT, else `done`.
reload() {
    python3 -c "
import socket
s = socket.socket(socket.AF_UNIX); s.connect('$T/run/control.sock'); s.send(b'{\"command\":\"reload\"}\n'); print(s.recv(4096).decode())" |
        grep -q -e "${1:-done}" || fail "reload does not answer: ${1:-done}"
}
EVENTS=$T/state/link/events.ndjson
# Wait up to 10 s until COMMAND succeeds: services of a test begin in their own time.
ready() { for i in $(seq 100); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done; return 1; }
fail() { echo "FAILED: $*"; exit 1; }
# Wait up to 3 s for an event that matches a jq expression.
expect_event() {
    for i in $(seq 60); do
        [ -f "$EVENTS" ] && jq -c "select($1)" "$EVENTS" > "$T/found" 2>/dev/null; [ -s "$T/found" ] && return 0
        sleep 0.05
    done
    echo "events so far:"; cat "$EVENTS" 2>/dev/null
    fail "no event: $1"
}
# Packets that reached ADDRESS on the internet side.
arrived() { inet nft list chain inet seen in 2>/dev/null | sed -n "s/.*ip daddr $1 .*packets \([0-9]*\).*/\1/p"; }
count_packets_to() {
    inet nft "add table inet seen; add chain inet seen in { type filter hook input priority -300; }; add rule inet seen in ip daddr $1 counter"
}
