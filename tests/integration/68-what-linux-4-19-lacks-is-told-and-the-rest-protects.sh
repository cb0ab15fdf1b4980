#!/bin/sh
# With the system calls, fanotify flags and eBPF commands of Linux 4.19 only, the agent starts, and
# `doctor` says what is partial or absent, and why. Unregistered programs are refused by fanotify's opens,
# queries for listed names are answered in the queue, changes of files are told by inotify.
. "$(dirname "$0")/agent-lib.sh"
OLD=$BUILD/tests/old-kernel M=$T/mount
[ -x "$OLD" ] || { echo "no helper in $BUILD/tests"; exit 77; }
mkdir -p "$M" "$T/watched" "$T/bundle"
mount -t tmpfs tmpfs "$M" || exit 77
ended() {
    status=$?
    [ -n "${AGENT_PID:-}" ] && kill "$AGENT_PID" 2>/dev/null && wait "$AGENT_PID" 2>/dev/null
    AGENT_PID=
    umount "$M"
    (exit $status)
    finish
}
trap ended EXIT
topology
cat > "$T/dns.py" <<'EOF'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.99.0.2", 53))
while True:
    q, a = s.recvfrom(4096)
    s.sendto(q[:2] + b"\x81\x80\0\1\0\0\0\0\0\0" + q[12:], a)
EOF
# Prints the code of the answer: 0 fine, 3 no such name.
cat > "$T/ask.py" <<'EOF'
import socket, sys
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + b"".join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split(".")) + b"\0\0\1\0\1"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3); s.connect(("10.99.0.2", 53)); s.send(q)
print(s.recv(4096)[3] & 15)
EOF
inet python3 "$T/dns.py" & PIDS="$PIDS $!"
ready dev python3 "$T/ask.py" first.example || fail "no DNS server"
cp /bin/echo "$M/known"
echo '{"version":1,"inside":{"mode":"learn","scopes":["'$M'"]},"exit":{"mode":"prevent"},"integrity":{"mode":"detect","paths":["'$T'/watched"]}}' > "$T/bundle/policy.json"
echo '[{"type":"domain","value":"bad.example","source":"test","reason":"test"},{"type":"ip","value":"10.99.0.66","source":"test","reason":"test"}]' > "$T/bundle/indicators.json"
printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$OLD" "$AGENT" > "$T/agent"
chmod +x "$T/agent"
AGENT=$T/agent
start_agent
says "entry *full"
says "exit: addresses *absent *eBPF as of Linux 5.8"
says "exit: names and URLs *full"
says "exit: default *absent"
says "self-protection *partial *no BPF LSM"
says "integrity *partial .*inotify, without processes: fanotify with names, as of Linux 5.9"
says "worker sandbox *partial .*no Landlock"
ready grep -q "$M/known" "$T/state/lockdown/allowlist" || fail "nothing is learned"
agent lockdown enforce >/dev/null
ready sh -c "'$AGENT' --config '$T/agent.yaml' --json status | grep -q '\"lockdown\": *\"enforce\"'" || fail "enforce does not begin"
says "lockdown *\(full\|partial\) *fanotify"
cp /bin/ls "$T/ls"
ready sh -c "cat '$T/ls' > '$M/evil' && chmod +x '$M/evil' && ! '$M/evil' -d / && ! cat '$M/evil'" || fail "an unregistered program runs"
[ "$("$M/known" yes)" = yes ] || fail "a registered program does not run"
[ "$(dev python3 "$T/ask.py" good.example)" = 0 ] || fail "an ordinary query is not answered"
[ "$(dev python3 "$T/ask.py" bad.example)" = 3 ] || fail "a listed query is not refused"
echo new > "$T/watched/file"
expect_event '.event_type=="integrity" and (.integrity.path | endswith("/watched/file"))'
expect_event ".event_type==\"lockdown\" and .action==\"blocked\" and .lockdown.path==\"$M/evil\""
exit 0
