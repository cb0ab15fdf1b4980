#!/bin/sh
# Enforce on a device that never learned refuses nothing of what was there, at no moment; begins when all
# of it is registered; and holds at once after a restart. A list that cannot be read begins nothing.
# With `baseline: listed` what the device holds counts for nothing.
. "$(dirname "$0")/agent-lib.sh"
topology
M=$T/mount N=$T/second
mkdir -p "$M" "$N" "$T/bundle" && mount -t tmpfs tmpfs "$M" && mount -t tmpfs tmpfs "$N" || exit 77
trap 'status=$?; [ -n "${AGENT_PID:-}" ] && kill $AGENT_PID && wait $AGENT_PID; AGENT_PID=; umount "$M" "$N"; (exit $status); finish' EXIT
policy() { echo "{\"version\":$1,\"inside\":{\"mode\":\"$2\",\"scopes\":[$3],\"baseline\":\"${4:-device}\"}}" >"$T/bundle/policy.json"; }
stop() { kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=; }
# 2,000 programs of 60 kB, each another one.
python3 - "$M" <<'E2'
import os, sys
body = open('/bin/true', 'rb').read()
for i in range(2000):
    path = f'{sys.argv[1]}/p{i:04}'
    with open(path, 'wb') as f:
        f.write(body + os.urandom(20000))
    os.chmod(path, 0o755)
E2
policy 1 enforce "\"$M\""
start_agent
seen=0
for i in $(seq 0 25 1999) $(seq 1999 -19 0); do
    "$M/p$(printf %04d "$i")" || fail "program $i is refused while the device is registered"
    [ $seen = 1 ] || { agent doctor >"$T/doctor"; grep -q "lockdown *partial *what is there is being registered, then enforce begins" "$T/doctor" && seen=1 && agent status >"$T/status"; }
done
[ $seen = 1 ] || { cat "$T/doctor"; fail "doctor does not say that registering goes on"; }
grep -q "learn" "$T/status" || fail "status says another mode"
says "lockdown *full"
"$M/p1999" || fail "a registered program is refused"
cp /bin/ls "$M/evil"
"$M/evil" / >/dev/null 2>&1 && fail "an unregistered program runs"
expect_event ".event_type==\"lockdown\" and .action==\"blocked\" and .lockdown.path==\"$M/evil\" and .lockdown.mode==\"enforce\""
[ "$(cat "$T/state/lockdown/allowlist.baseline")" = "$M" ] || fail "what was registered is not remembered"

# What comes while the agent is away is not registered by its start.
stop
cp /bin/cat "$M/evil2"
start_agent
says "lockdown *full"
"$M/evil2" /dev/null 2>/dev/null && fail "what came while the agent was away runs"
"$M/p0000" || fail "a registered program is refused after a restart"
for i in $(seq 20); do agent lockdown detect >/dev/null; agent lockdown enforce >/dev/null; done
ready sh -c "! '$M/evil2' /dev/null" || fail "changing the mode registers"

# Another scope: registered once too, and the first one is not registered again.
cp /bin/echo "$N/tool"
policy 2 enforce "\"$M\",\"$N\""
(for i in $(seq 300); do "$M/evil2" /dev/null 2>/dev/null; done) &
reload
ready grep -qx "$N" "$T/state/lockdown/allowlist.baseline" || fail "the new scope is not registered"
says "lockdown *full"
wait $!
[ "$("$N/tool" yes)" = yes ] || fail "a program of the new scope is refused"
"$M/evil2" /dev/null 2>/dev/null && fail "a new scope registers the old one again, or what ran there meanwhile"

# A list with a damaged line refuses nothing and replaces nothing.
stop
cp "$T/state/lockdown/allowlist" "$T/good"
rm "$T/state/lockdown/allowlist.baseline"
echo "no digest" >"$T/state/lockdown/allowlist"
start_agent
"$M/p0001" || fail "a damaged list refuses all"
agent doctor | grep "lockdown " | grep -q full && fail "doctor calls a damaged list full protection"
agent lockdown detect >/dev/null 2>"$T/said" || fail "detect with a damaged list"
grep -q "off.* is in force for now" "$T/said" || fail "it is not told that detect does not begin: $(cat "$T/said")"
[ "$(cat "$T/state/lockdown/allowlist")" = "no digest" ] || fail "the damaged list was written over"
stop

# Only what is listed counts.
rm -r "$T/state/lockdown"
sha256sum "$N/tool" | cut -d' ' -f1 >"$T/bundle/allowlist"
policy 3 enforce "\"$N\"" listed
cp /bin/cat "$N/extra"
start_agent
says "lockdown *full"
ready sh -c "[ \"\$('$N/tool' yes)\" = yes ]" || fail "what is listed is refused"
"$N/extra" /dev/null 2>/dev/null && fail "what is not listed runs"
exit 0
