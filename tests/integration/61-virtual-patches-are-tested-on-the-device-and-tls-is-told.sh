#!/bin/sh
# `patch test` plays the tests of the patches in force and fails when a rule does not hold; a patch in
# detect mode detects and blocks nothing; TLS on a patched port is told as not covered, and as covered
# when the plaintext side of a local proxy is another port of the patch.
. "$(dirname "$0")/agent-lib.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
topology
command -v nc > /dev/null || { echo "no nc"; exit 77; }
P=$root/content/patches
mkdir -p "$T/bundle"
bundle() { # MODE-OF-APACHE
    { cat "$P/SEK-2014-6271.rules"; sed "s/^drop /$1 /" "$P/SEK-2021-41773.rules"; } > "$T/bundle/patches.rules"
    for id in SEK-2014-6271 SEK-2021-41773; do echo "# patch: $id"; cat "$P/$id.tests"; done > "$T/bundle/patches.tests"
    cat > "$T/bundle/patches.json" <<EOF
{"patches":[{"id":"SEK-2014-6271","cves":["CVE-2014-6271"],"component":"bash","mode":"prevent","ports":[{"proto":"tcp","port":8443}]},
 {"id":"SEK-2021-41773","cves":["CVE-2021-41773"],"component":"apache2","mode":"$2","ports":[{"proto":"tcp","port":8443},{"proto":"tcp","port":8080}]}]}
EOF
}
bundle drop prevent
start_agent
agent patch test > "$T/out" || { cat "$T/out"; fail "good patches fail their tests"; }
grep -q "^ok .*SEK-2014-6271.*exploit: .*: blocked" "$T/out" || fail "no blocked exploit"
grep -q "^ok .*SEK-2021-41773.*benign: .*: passes" "$T/out" || fail "no benign exchange"
agent patch test SEK-2014-6271 | grep -q 41773 && fail "one patch was asked for"
agent patch test SEK-0 2>/dev/null && fail "an unknown patch passes"
# A rule that does not hold: the manager says prevent, the rule only alerts.
bundle alert prevent
reload
agent patch test > "$T/out" && fail "a rule that blocks nothing passes"
grep -q "^FAIL .*SEK-2021-41773.*not blocked" "$T/out" || { cat "$T/out"; fail "the failed test is not named"; }
grep -q "^ok .*SEK-2014-6271" "$T/out" || fail "the good patch fails with the other"
bundle alert detect
reload
agent patch test > "$T/out" || { cat "$T/out"; fail "detect mode"; }
grep -q "SEK-2021-41773.*detected (detect mode)" "$T/out" || fail "detect mode is not told"
agent patch | grep -q "SEK-2021-41773.*(detect)" || fail "patch does not tell the mode"

agent doctor | grep -q "entry *full" || { echo "packets cannot be queued here"; exit 0; }
dev nc -l -k -p 8443 > /dev/null & PIDS="$PIDS $!"
dev nc -l -k -p 8080 > /dev/null & PIDS="$PIDS $!"
ready inet nc -z -w 1 10.99.0.1 8443; ready dev nc -z -w 1 127.0.0.1 8080
agent status | grep -q "not covered" && fail "TLS before there is any"
printf 'GET / HTTP/1.1\r\n\r\n' | inet nc -N -w 1 10.99.0.1 8443
agent status | grep -q "not covered" && fail "HTTP is taken for TLS"
printf '\026\003\001\000\020\001\000\000\014\003\003aaaaaaaaaa' | inet nc -N -w 1 10.99.0.1 8443
ready sh -c "'$AGENT' --config '$T/agent.yaml' status | grep -q '2 not covered: TLS'" || fail "TLS is not told"
agent patch | grep -q "not covered: TLS on port 8443" || fail "patch does not tell TLS"
printf 'GET / HTTP/1.1\r\n\r\n' | dev nc -N -w 1 127.0.0.1 8080
ready sh -c "'$AGENT' --config '$T/agent.yaml' patch | grep -q 'TLS on port 8443: covered behind the local proxy, on port 8080'" || fail "the proxy's plaintext side"
agent status | grep -q '1 not covered: TLS' || fail "a patch without a plaintext side stays hidden"
exit 0
