#!/bin/sh
# sekishoctl shows each member with what it may be, and sets numbers, words, lists and whole rule sets;
# what is set is in the device's bundle, and what is wrong is named without anything changing.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.66.1
enrol cam
run_device cam
wait_for 10 saw cam "bundle 1" || fail "no bundle"
bundled() { grep '^file policy.json' "$work/cam.log" | tail -n 1 | sed 's/^file policy.json //' | jq -e "$1"; }
refuses() { # WORDS ARGUMENTS...
    words=$1; shift
    if out=$(ctl "$@" 2>&1); then fail "$* passes"; fi
    echo "$out" | grep -q -- "$words" || fail "$*: expected '$words', found: $out"
}

ctl policy show logs | grep -Eq '^logs +level +5 +5 +1 to 15$' || fail "the level is not shown with its limits"
ctl policy show exit | grep -Eq '^exit +default +allow +allow +allow, learn, detect, deny$' || fail "no words"
[ "$(ctl --json policy show | jq '.members|length')" -ge 40 ] || fail "not every member is shown"
ctl policy get fleet | jq -e '.fleet.silence_s==300 and length==1' >/dev/null || fail "one section"

ctl policy set logs level=9 mode=prevent journal=false files=/var/log/a.log,/var/log/b.log >/dev/null
wait_for 5 bundled '.logs=={"mode":"prevent","level":9,"journal":false,"files":["/var/log/a.log","/var/log/b.log"]}' || fail "logs"
ctl policy set logs files+=/var/log/c.log files-=/var/log/a.log >/dev/null
wait_for 5 bundled '.logs.files==["/var/log/b.log","/var/log/c.log"]' || fail "a list"
ctl policy set logs files= >/dev/null
wait_for 5 bundled '.logs|has("files")|not' || fail "the device's default does not come back"
ctl policy set exit default=deny 'destinations+=* 443/tcp updates.example /usr/bin/updater' >/dev/null
ctl policy set exit 'destinations+=* 53/udp 192.0.2.53 *' >/dev/null
wait_for 5 bundled '.exit.default=="deny" and (.exit.destinations|length)==2' || fail "exit"
echo '[{"name":"ssh","direction":"in","action":"accept","proto":"tcp","ports":[22]}]' >"$work/rules.json"
ctl policy set firewall mode=enforce default_in=drop "rules=@$work/rules.json" 'sets={"office":["192.0.2.0/24"]}' >/dev/null
wait_for 5 bundled '.firewall.rules[0].ports==[22] and .firewall.sets.office==["192.0.2.0/24"]' || fail "firewall"
ctl policy get firewall >"$work/firewall.json"
ctl policy put "$work/firewall.json" >/dev/null || fail "what get prints is not taken by put"

echo '{]' >"$work/wrong.json"
before=$(ctl policy get | jq -c 'del(.version)')
refuses "one of entry, exit" policy set firewal mode=off
refuses "logs.colour: no such field" policy set logs colour=red
refuses "logs.level: found 'much', expected a whole number" policy set logs level=much
refuses "logs.level: found 16, expected a number from 1 to 15" policy set logs level=16
refuses "logs.journal: found 'yes', expected true or false" policy set logs journal=yes
refuses "logs.files.0.: found 'a.log', expected an absolute path" policy set logs files=a.log
refuses "logs.files: it has the device's default" policy set logs files+=/var/log/a.log
refuses "exit.default: += and -= are for lists" policy set exit default+=deny
refuses "MEMBER=VALUE is missing" policy set exit
refuses "firewall.rules.0..direction: expected in, out or forward" policy set firewall 'rules=[{"name":"a"}]'
refuses "wrong.json:1: not JSON" policy set firewall "rules=@$work/wrong.json"
[ "$before" = "$(ctl policy get | jq -c 'del(.version)')" ] || fail "something has changed"

tell cam 'status {"protection":{"entry":"full","malware":"absent"},"why":{"entry":"nft queue","malware":"off by policy"}}'
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' device $(identity cam device) | grep -Eq '^malware +absent +off by policy'" ||
    fail "the device's protection is not shown"
