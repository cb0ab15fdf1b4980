#!/bin/sh
# Advisory in, patch on the device within 2 s; component updated, patch gone; a broken feed changes nothing.
. "$(dirname "$0")/manager-lib.sh"
mkdir -p "$work/content/patches" "$work/content/advisories"
cp "$root/content/patches/SEK-2014-6271.rules" "$work/content/patches/"
content=$work/content
start_manager 127.20.4.1
enrol cam
run_device cam
inventory() {
    printf '{"os":{"id":"debian","version_id":"12"},"components":[{"ecosystem":"Debian:12","name":"bash","version":"%s","arch":"amd64"},{"ecosystem":"Debian:12","name":"lighttpd","version":"1.4.69-1","arch":"amd64"}],"services":[{"component":"lighttpd","path":"/usr/sbin/lighttpd","proto":"tcp","address":"0.0.0.0","port":8088}]}' "$1" >"$work/inventory.json"
    tell cam inventory "$work/inventory.json"
}
inventory 4.2-1
wait_for 10 saw cam "link up" || fail "no link"
id=$(identity cam device)
wait_for 5 sh -c "'$BUILD/cli/sekishoctl' components $id | grep -q bash" || fail "no inventory"
[ -z "$(ctl findings "$id" | sed 1d)" ] || fail "a finding before there is an advisory"

start=$(date +%s%N)
ctl advisories import "$root/content/advisories/CVE-2014-6271.json" >/dev/null
wait_for 2 saw cam '"id":"SEK-2014-6271"[^}]*"ports":\[{"port":8088,"proto":"tcp"}\]' || fail "not in force within 2 s"
wait_for 2 sh -c "'$BUILD/cli/sekishoctl' --json devices | grep -q '\"bundle_in_force\": 2'" || fail "in force is not reported"
echo "advisory to in force, reported: $((($(date +%s%N) - start) / 1000000)) ms"
ctl --json findings "$id" | grep -q '"state": "patched"' || fail "the finding is not shown as patched"

# Bad feeds: named with line and byte; the good one stays.
head -c 300 "$root/content/advisories/CVE-2014-6271.json" >"$work/CVE-2014-6271.json"
! ctl advisories import "$work/CVE-2014-6271.json" 2>"$work/import.log" || fail "a cut feed was taken"
grep -q "CVE-2014-6271.json: line [0-9]*, byte [0-9]*: .*\(cut off\|premature end\)" "$work/import.log" || fail "$(cat "$work/import.log")"
echo "<html>busy</html>" >"$work/CVE-2014-6271.json"
! ctl advisories import "$work/CVE-2014-6271.json" 2>"$work/import.log" || fail "HTML was taken"
grep -q "found '<', a JSON object or array expected" "$work/import.log" || fail "$(cat "$work/import.log")"
ctl findings "$id" | grep -q CVE-2014-6271 || fail "the good feed is gone"

# By hand, and automatically again.
ctl patches unassign "$id" SEK-2014-6271
wait_for 3 saw cam 'patches.json {"patches":\[\]}' || fail "not withdrawn by hand"
ctl patches assign "$id" SEK-2014-6271
: >"$work/cam.log"
ctl patches unassign "$id" SEK-2014-6271
wait_for 3 saw cam 'patches.json {"patches":\[\]}' || fail "not withdrawn again"
inventory 5.2-1
wait_for 5 sh -c "! '$BUILD/cli/sekishoctl' findings $id | grep -q CVE" || fail "an updated component still has its finding"

# Debian's tracker decides over the upstream range.
inventory 4.3-9.1
printf '{"bash":{"CVE-2014-6271":{"releases":{"bookworm":{"status":"resolved","fixed_version":"4.3-9.1","urgency":"high"}}}}}' >"$work/debian.json"
ctl advisories import "$work/debian.json" >/dev/null
sleep 0.5
! ctl findings "$id" | grep -q CVE-2014-6271 || fail "a backported fix was not believed"
