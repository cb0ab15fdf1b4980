#!/bin/sh
# A device with hash prefixes asks the manager about names and URLs that begin alike: a listed one is
# refused before its query or request leaves, one that is not listed goes on, and nothing of its name
# is in the manager's files, log or memory. Answers hold while the manager is away and over a restart
# of the agent; what it does not answer is the policy's.
. "$(dirname "$0")/agent-lib.sh"
[ -x "$BUILD/manager/sekisho-manager" ] && [ -x "$BUILD/cli/sekishoctl" ] || exit 77
root=$(cd "$(dirname "$0")/../.." && pwd)
topology
export SEKISHO_CONFIG=$T/cli.json
cloud() { nsenter --net=/run/netns/$I "$@"; }
ctl() { cloud "$BUILD/cli/sekishoctl" "$@"; }
cat > "$T/dns.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.66", 53))
log = open(sys.argv[1], "ab", 0)
while True:
    q, a = s.recvfrom(4096)
    log.write(q + b"\n")
    end = q.index(b"\0", 12) + 5
    s.sendto(q[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + q[12:end] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\x0a\x63\0\x42", a)
END
cat > "$T/ask.py" <<'END'
import socket, sys
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(("10.99.0.66", 53)); s.send(q)
print(s.recv(4096)[3] & 15)
END
cat > "$T/memory.py" <<'END'
import re, sys
word = sys.argv[2].encode()
for line in open(f"/proc/{sys.argv[1]}/maps"):
    m = re.match(r"(\w+)-(\w+) rw", line)
    if m:
        with open(f"/proc/{sys.argv[1]}/mem", "rb", 0) as f:
            try:
                f.seek(int(m[1], 16))
                if word in f.read(int(m[2], 16) - int(m[1], 16)): sys.exit(1)
            except OSError:
                pass
END
mkdir -p "$T/www/ok" "$T/www/bad"
echo fine > "$T/www/ok/page"; echo malware > "$T/www/bad/payload"
inet python3 "$T/dns.py" "$T/queries" & PIDS="$PIDS $!"
inet python3 -m http.server -b 10.99.0.66 -d "$T/www" 80 > "$T/http.log" 2>&1 & PIDS="$PIDS $!"
manager() {
    nsenter --net=/run/netns/$I "$BUILD/manager/sekisho-manager" --verbose --inline-indicators 0 --state "$T/manager" --listen 10.99.0.2:8443 \
        --device-listen 10.99.0.2:8444 --name 10.99.0.2 --content "$T/content" >> "$T/manager.out" 2>> "$T/manager.log" &
    MANAGER=$!; PIDS="$PIDS $!"
}
mkdir "$T/content"
manager
ready cloud curl -s --cacert "$T/manager/ca.pem" https://10.99.0.2:8443/api/v1/session || fail "no manager"
ctl login --url https://10.99.0.2:8443 --ca "$T/manager/ca.pem" --one-time "$(sed -n 's/^one-time login: //p' "$T/manager.out")" > /dev/null || fail login
ctl indicators add domain evil.example --reason "C&C" > /dev/null || fail "indicators add"
ctl indicators add url http://shared.example/bad/payload --reason dropper > /dev/null || fail "indicators add"
ctl indicators add domain later.example > /dev/null || fail "indicators add"
ctl indicators add domain private.example --ttl 5 > /dev/null || fail "indicators add --ttl"
past=$(($(date +%s) + 6))
ctl indicators add ip 10.99.0.99 > /dev/null || fail "indicators add ip"
mkdir -p "$T/state"
printf 'state: %s\nruntime: %s\nuser: nobody\nexit: {cgroup: %s}\n' "$T/state" "$T/run" "$CG" > "$T/agent.yaml"
nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" enrol --manager https://10.99.0.2:8443 --token "$(ctl tokens create --kind agent)" --name camera > /dev/null || fail "enrol"
run_agent() {
    nsenter --net=/run/netns/$D "$AGENT" --config "$T/agent.yaml" run >> "$T/agent.log" 2>&1 & AGENT_PID=$!
    ready agent status || fail "the agent does not run"
}
run_agent
ready grep -q "link to the manager is up" "$T/agent.log" || fail "no link"
ready sh -c "'$AGENT' --config '$T/agent.yaml' status | grep -q 'bundle     [1-9]'" || fail "no bundle"
grep -aqr "evil" "$T/state/link" && fail "the device holds the name"

[ "$(dev python3 "$T/ask.py" cc.evil.example)" = 3 ] || fail "a listed name is not refused"
dev python3 -c "import socket
try: socket.create_connection(('10.99.0.99', 80), 1)
except PermissionError: raise SystemExit(7)
except OSError: pass"
[ $? = 7 ] || fail "an address of the plain list is not refused"
grep -aq evil "$T/queries" && fail "the query left the device"
[ "$(dev python3 "$T/ask.py" good.example)" = 0 ] || fail "an ordinary name"
r="--resolve shared.example:80:10.99.0.66"
[ "$(dev curl -s -m 3 $r http://shared.example/ok/page)" = fine ] || fail "another URL of the host"
dev curl -s -m 3 $r -o /dev/null http://shared.example/bad/payload && fail "the listed URL is reachable"
grep -q payload "$T/http.log" && fail "the server saw the request"
ready sh -c "nsenter --net=/run/netns/$I '$BUILD/cli/sekishoctl' --json events | grep -q dropper" || fail "the event does not give the manager's reason"

# The call itself: a prefix of eight digits brings whole hashes, anything else is named.
device() {
    id=$(sed -n 's/.*"device": "\([^"]*\)".*/\1/p' "$T/state/link/identity.json")
    tenant=$(sed -n 's/.*"tenant": "\([^"]*\)".*/\1/p' "$T/state/link/identity.json")
    cloud curl -s --cacert "$T/manager/ca.pem" --cert "$T/state/link/cert.pem" --key "$T/state/link/key.pem" \
        -d "$1" "https://10.99.0.2:8444/device/v1/$tenant/$id/reputation"
}
whole=$(printf 'evil.example/' | sha256sum | cut -d' ' -f1)
device "{\"prefixes\":[\"$(echo "$whole" | cut -c1-8)\",\"00000000\"]}" |
    jq -e ".hashes == [{hash:\"$whole\",type:\"domain\",source:.hashes[0].source,reason:\"C&C\",confidence:.hashes[0].confidence,expiry:0}] and .negative_s > 0 and .lifetime_s > 0" >/dev/null || fail "the call's answer"
device '{"prefixes":["evil.example"]}' | grep -q 'prefixes\[0\]' || fail "a wrong prefix is not named"
# private.example goes past its time at the manager; the device's prefixes still hold it.
while [ "$(date +%s)" -lt $past ]; do sleep 0.1; done
[ "$(dev python3 "$T/ask.py" secret-42.private.example)" = 0 ] || fail "a name that begins alike is refused"
grep -q '"prefix"' "$T/state/link/reputation.json" 2>/dev/null || ready grep -q '"prefix"' "$T/state/link/reputation.json" || fail "answers are not kept"
grep -aqr "secret-42" "$T/manager" "$T/manager.log" && fail "the manager's files hold the name"
python3 "$T/memory.py" "$MANAGER" secret-42 || fail "the manager's memory holds the name"
python3 "$T/memory.py" "$MANAGER" evil.example && fail "the memory is not searched well: the manager's own list is not found"

# The manager goes; the agent starts anew: what was answered holds, what was not is the policy's.
kill "$MANAGER"; wait "$MANAGER" 2>/dev/null
kill "$AGENT_PID"; wait "$AGENT_PID" 2>/dev/null
rm "$T/agent.log"
run_agent
ready grep -q "in force" "$T/agent.log"
[ "$(dev python3 "$T/ask.py" www.evil.example)" = 3 ] || fail "an answer is lost with the manager"
[ "$(dev python3 "$T/ask.py" later.example)" = 0 ] || fail "exit.unanswered: allow"
exit 0
