#!/bin/sh
# Ended by force: the next start says so. Stopped: who did it is in the last event. The clock set:
# reported with the size of the step. With BPF LSM these are refused; test 45 has that.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/agent-lib.sh"
topology
start_agent
agent doctor | grep -q "self-protection" || fail "doctor does not tell"
kill -9 $AGENT_PID
wait $AGENT_PID 2>/dev/null
start_agent
expect_event '.event_type == "tamper" and (.reason | contains("ended by force"))'
sh -c "kill $AGENT_PID; sleep 1" & killer=$!
wait $AGENT_PID
AGENT_PID=
expect_event ".event_type == \"tamper\" and (.reason | contains(\"stopped by process $killer\")) and .process.pid == $killer"
wait $killer
start_agent
sleep 0.5
[ "$(grep -c 'ended by force' "$EVENTS")" = 1 ] || fail "a clean stop counts as force"
exit 0
