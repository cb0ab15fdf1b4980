# Shared by the gateway's tests. The test runs again in a network of its own (unshare), which is the
# gateway's and, on its loopback, the manager's; a device and an internet are named namespaces behind
# the gateway's two interfaces. Sourced; after `topology`: D and I, `dev` and `inet` run programs there.
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
[ -n "${SEKISHO_UNSHARED:-}" ] || SEKISHO_UNSHARED=1 exec unshare -n "$0" "$@"
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
[ -x "$GATEWAY" ] || { echo "no gateway in $BUILD"; exit 77; }
ip link set lo up
ip addr add 192.0.2.1/32 dev lo # libevent uses IPv4 only where there is more of it than 127.0.0.0/8
D=skgd$$ I=skgi$$

clean() {
    ended=$?
    set +e
    for n in $D $I; do
        ip netns pids $n 2>/dev/null | xargs -r kill -9 2>/dev/null
        ip netns del $n 2>/dev/null
    done
    [ "$ended" -eq 0 ] || tail -n 5 "$work"/eve.json 2>/dev/null >&2
    (exit $ended)
    finish
}
trap clean EXIT

topology() {
    ip netns add $D && ip netns add $I || exit 77
    ip link add inside type veth peer name eth0 netns $D
    ip link add outside type veth peer name eth0 netns $I
    for n in $D $I; do ip -n $n link set lo up; done
    ip -n $D addr add 10.98.0.1/24 dev eth0
    ip -n $I addr add 10.98.0.2/24 dev eth0
    ip -n $I addr add 10.98.0.3/24 dev eth0
    ip -n $I addr add 10.98.0.66/24 dev eth0
    ip -n $D addr add fd98::1/64 dev eth0 nodad
    ip -n $I addr add fd98::2/64 dev eth0 nodad
    for n in $D $I; do ip -n $n link set eth0 up; done
    ip link set inside up
    ip link set outside up
}
dev() { ip netns exec $D "$@"; }
inet() { ip netns exec $I "$@"; }

# An HTTP server in the internet that writes every byte it receives to FILE and answers "ok".
cat >"$work/service.py" <<'PY'
import socket, sys, threading
def serve(c, log):
    data = b""
    while True:
        part = c.recv(65536)
        if not part: return
        open(log, "ab").write(part)
        data += part
        while b"\r\n\r\n" in data:
            data = data[data.index(b"\r\n\r\n") + 4:]
            c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((sys.argv[1], int(sys.argv[2]))); s.listen(50)
def guard(c):
    try: serve(c, sys.argv[3])
    except OSError: pass
while True:
    c, _ = s.accept()
    threading.Thread(target=guard, args=(c,), daemon=True).start()
PY
serve() { # ADDRESS PORT LOG
    : >"$3"
    inet python3 "$work/service.py" "$@" 2>>"$work/service.log" &
    pids="$pids $!"
}
get() { dev curl -s -g -m 2 -o /dev/null "$@"; }

run_gateway() { # [options]
    "$GATEWAY" run --inside inside --outside outside --state "$work/gateway" \
        --control "$work/gateway.sock" --eve "$work/eve.json" "$@" >>"$work/gateway.log" 2>&1 &
    gateway=$!
    pids="$pids $gateway"
    wait_for 15 "$GATEWAY" status --control "$work/gateway.sock" ||
        fail "the gateway did not start: $(cat "$work/gateway.log")"
}
gateway_status() { "$GATEWAY" status --control "$work/gateway.sock" --json; }
status_is() { gateway_status | jq -e "$1" >/dev/null; }
event() { jq -es "any(.[]; $1)" "$work/eve.json" >/dev/null; }
expect_event() { wait_for 3 event "$1" || fail "no event: $1"; }
enrol_gateway() {
    "$GATEWAY" enrol --manager "$url" --token "$(ctl tokens create --kind gateway)" --name gate \
        --state "$work/gateway" >/dev/null || fail "enrol"
}
stored() { ctl --json events --limit 1000 | grep -q -- "$1"; }
