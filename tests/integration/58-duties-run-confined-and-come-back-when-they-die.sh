#!/bin/sh
# All three duties of one agent by policy: each in a process of its own with few rights, doctor tells
# how well it goes, what they find arrives as events of the agent, one that is killed is started again,
# and a written file that a hash of the bundle names is taken into quarantine.
. "$(dirname "$0")/agent-lib.sh"
topology
W=$T/watched
mkdir -p "$W" "$T/bundle/logs" "$T/bundle/malware"
CONTENT=$(dirname "$0")/../../content
cp "$CONTENT"/logs/*.yaml "$T/bundle/logs/" && cp "$CONTENT"/malware/*.yar "$T/bundle/malware/"
head -c 5000 /dev/urandom > "$T/listed"
hash=$(sha256sum < "$T/listed" | cut -d' ' -f1)
echo "[{\"type\":\"sha256\",\"value\":\"$hash\",\"source\":\"test\",\"confidence\":90,\"expiry\":0,\"reason\":\"test\"}]" > "$T/bundle/indicators.json"
cat > "$T/bundle/policy.json" <<EOF
{"version":1,"integrity":{"mode":"detect","paths":["$W"],"rate":5,"schedule_s":2},
 "logs":{"mode":"detect","journal":false,"files":["$T/auth.log"]},
 "malware":{"mode":"prevent","scopes":["$W"],"clamd":""}}
EOF
start_agent
row() { agent doctor | grep -q "^  $1 *$2"; }
ready row integrity "full.*0 files\|full.*1 files" || fail "integrity: $(agent doctor)"
ready row logs full || fail "logs: $(agent doctor)"
want=full; ldconfig -p | grep -q libyara.so.9 || want=partial
ready row malware $want || fail "malware: $(agent doctor)"
GUARD=$AGENT_PID
[ "$(cat /proc/$GUARD/comm)" = sekisho-agent ] || GUARD=$(pgrep -P $GUARD | head -1)
duty() { pgrep -P "$GUARD" -x "$1"; }
for name in sekisho-integr sekisho-logs sekisho-malware; do
    pid=$(duty $name) || fail "$name does not run"
    grep -q '^Seccomp:.*2' /proc/$pid/status || fail "$name has no system call filter"
    grep -q '^NoNewPrivs:.*1' /proc/$pid/status || fail "$name may win rights"
    caps=$(awk '/^CapEff/{print $2}' /proc/$pid/status)
    [ $(( 0x$caps & (1 << 21) )) = 0 ] || fail "$name is still the administrator"
done
echo changed > "$W/file"
expect_event '.event_type=="integrity" and .integrity.change=="created" and .integrity.path=="'$W'/file" and .process.pid > 0'
cp "$T/listed" "$W/listed"
expect_event '.event_type=="malware" and .action=="blocked" and .malware.path=="'$W'/listed" and .malware.engine=="hash"'
[ -e "$W/listed" ] && fail "a listed file stays"
for i in 1 2 3 4 5; do echo "Jan  2 03:04:05 host sshd[7]: Failed password for root from 192.0.2.7 port 1 ssh2" >> "$T/auth.log"; done
expect_event '.event_type=="log" and .log.rule==100010'
# A storm is told as one event; the local file has each.
for i in $(seq 40); do : > "$W/storm$i"; done
for i in $(seq 140); do jq -se 'any(.integrity.change=="many")' "$EVENTS" > /dev/null 2>&1 && break; sleep 0.1; done
jq -se 'any(.integrity.change=="many" and .integrity.created > 20)' "$EVENTS" > /dev/null || fail "a storm is not told as one"
[ "$(grep -c 'storm.*"change":"created"\|"change":"created".*storm' "$T/state/integrity/events.ndjson")" = 40 ] || fail "the local file is not whole"
# A file that is written and not closed is found by the scheduled check.
exec 9>> "$W/held"; sleep 0.5; echo more >&9
for i in $(seq 60); do jq -se 'any(.integrity.seen=="check" and .integrity.change=="modified" and (.integrity.path | endswith("/held")))' "$T/state/integrity/events.ndjson" > /dev/null && break; sleep 0.1; done
jq -se 'any(.integrity.seen=="check" and .integrity.change=="modified" and (.integrity.path | endswith("/held")))' "$T/state/integrity/events.ndjson" > /dev/null || fail "the scheduled check finds nothing"
exec 9>&-
# Killed: started again, and what happened in between is found by the check.
pid=$(duty sekisho-integr)
kill -STOP $pid; echo while-away > "$W/away"; kill -9 $pid
for i in $(seq 60); do new=$(duty sekisho-integr) && [ "$new" != "$pid" ] && break; sleep 0.1; done
[ -n "$new" ] && [ "$new" != "$pid" ] || fail "not started again"
ready grep -q "$W/away" "$T/state/integrity/events.ndjson" || fail "a change while it was dead is not found"
kill $AGENT_PID; wait $AGENT_PID; AGENT_PID=
pgrep -x sekisho-integr -P 1 > /dev/null && fail "a duty is left behind"
exit 0
