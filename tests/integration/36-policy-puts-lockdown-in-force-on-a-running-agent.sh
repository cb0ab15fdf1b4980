#!/bin/sh
# A policy with a scope: learn mode registers what is there, enforce refuses the rest, the command
# line changes the mode, stopping the agent leaves no mark behind, and what leaves the bundle's
# allowlist is refused again.
. "$(dirname "$0")/agent-lib.sh"
topology
M=$T/mount
mkdir -p "$M" "$T/bundle" && mount -t tmpfs tmpfs "$M" || exit 77
trap 'status=$?; [ -n "${AGENT_PID:-}" ] && kill $AGENT_PID && wait $AGENT_PID; AGENT_PID=; umount "$M"; (exit $status); finish' EXIT
cp /bin/echo "$M/known"
policy() { echo "{\"version\":$1,\"inside\":{\"mode\":\"$2\",\"scopes\":[\"$M\"]}}" > "$T/bundle/policy.json"; }
policy 1 learn
start_agent
for i in $(seq 60); do grep -q " $M/known" "$T/state/lockdown/allowlist" 2>/dev/null && break; sleep 0.05; done
grep -q " $M/known" "$T/state/lockdown/allowlist" || fail "learn mode does not register what is there"
policy 2 enforce
reload
sleep 0.3
[ "$("$M/known" yes)" = yes ] || fail "a registered program does not run"
cp /bin/ls "$M/evil"
"$M/evil" / 2>/dev/null && fail "an unregistered program runs"
expect_event ".event_type==\"lockdown\" and .action==\"blocked\" and .lockdown.path==\"$M/evil\" and .lockdown.mode==\"enforce\""
agent doctor | grep -q "lockdown *full" || fail "doctor"
agent lockdown explain "$M/evil" 2>&1 | grep -q "not registered" || fail "explain of a refused file"
agent lockdown explain "$M/known" | grep -q "registered  yes" || fail "explain"
agent lockdown detect > /dev/null || fail "detect"
sleep 0.2
"$M/evil" / > /dev/null || fail "detect mode refuses"
agent lockdown enforce > /dev/null
sleep 0.2
sha256sum /bin/ls | cut -d' ' -f1 > "$T/bundle/allowlist"
"$M/evil" / 2>/dev/null && fail "enforce from the command line"
reload
sleep 0.3
"$M/evil" / > /dev/null || fail "what the bundle allows does not run"
cp /bin/cat "$M/evil2"
kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=
"$M/evil2" /dev/null || fail "marks stay behind"

# What a later bundle no longer has is refused again, also when its verdict lay in the kernel.
start_agent
agent lockdown enforce >/dev/null
ready "$M/evil" / || fail "what the bundle allows does not run after a restart"
for i in 1 2 3; do "$M/evil" / >/dev/null; done
sha256sum /bin/true | cut -d' ' -f1 >"$T/bundle/allowlist"
reload
refuses() { ! "$M/evil" / >/dev/null 2>&1; }
ready refuses || fail "what left the bundle's allowlist still runs"
"$M/known" yes >/dev/null || fail "what was learned left with the bundle's entries"
grep -q "$(sha256sum </bin/ls | cut -d' ' -f1)" "$T/state/lockdown/allowlist" && fail "the entry is in the file"
grep -q "^$(sha256sum </bin/true | cut -d' ' -f1)  bundle$" "$T/state/lockdown/allowlist" || fail "the new entry is not"
[ "$(stat -c %a "$T/state/lockdown/allowlist")" = 600 ] || fail "the file's mode"
: >"$T/bundle/allowlist"
reload
ready sh -c "! grep -q bundle '$T/state/lockdown/allowlist'" || fail "an empty list removes nothing"
exit 0
