#!/bin/sh
# File integrity without a manager: a baseline, a check that finds what changed while nobody watched,
# changes in real time with the process and a diff, secrets never shown, a damaged baseline named and
# kept; and 50,000 files created and deleted in ten seconds on the watcher's own processor core: each is
# told, also when the names repeat.
set -u
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
AGENT=${BUILD:?}/agent/sekisho-agent CHURN=$BUILD/tests/churn
[ -x "$CHURN" ] || { echo "no helper in $BUILD/tests"; exit 77; }
T=$(mktemp -d /tmp/sekisho-integrity.XXXXXX) P=
W=$T/watched
finish() {
    status=$?
    [ -n "$P" ] && kill $P 2>/dev/null && wait $P 2>/dev/null
    [ $status -ne 0 ] && cat "$T/log" 2>/dev/null
    rm -rf "$T"
    exit $status
}
trap finish EXIT
fail() { echo "FAILED: $*"; exit 1; }
integrity() { verb=$1; shift; "$AGENT" integrity $verb --path "$W" --db "$T/db" "$@"; }
told() { jq -se "any($1)" "$T/events" > /dev/null 2>&1; }
expect() { for i in $(seq 60); do told "$1" && return; sleep 0.05; done; cat "$T/events"; fail "no event: $1"; }

mkdir -p "$W/folder"
printf 'one\ntwo\nthree\n' > "$W/conf"
echo secret-one > "$W/host.key"
head -c 200000 /dev/urandom > "$W/program"
ln -s conf "$W/link"
touch "$W/gone"
integrity baseline > /dev/null 2>&1 || fail baseline
integrity check > /dev/null 2>&1 || fail "a check finds changes where there are none"
printf 'one\n2\nthree\n' > "$W/conf"
rm "$W/gone"; touch "$W/new"; ln -sfn program "$W/link"; chmod 4755 "$W/program"
integrity check --events "$T/events" > "$T/out" 2>&1; [ $? = 3 ] || fail "exit status of a check that finds changes"
told '.integrity.path=="'$W'/conf" and (.integrity.diff | contains("-two\n+2\n"))' || fail "no diff"
told '.integrity.change=="deleted" and .integrity.path=="'$W'/gone"' || fail "a deletion is not found"
told '.integrity.change=="created" and .integrity.path=="'$W'/new"' || fail "a creation is not found"
told '.integrity.path=="'$W'/link" and .integrity.after.target=="program" and .integrity.before.target=="conf"' || fail "a link is not found"
told '.integrity.path=="'$W'/program" and .integrity.after.mode=="4755" and (.integrity.changed | index("mode"))' || fail "a mode is not found"
cp "$T/db" "$T/db.good"
printf X | dd of="$T/db" bs=1 seek=90 conv=notrunc 2> /dev/null
integrity check 2>&1 | grep -q "db: damaged" || fail "a damaged baseline is not named"
integrity baseline > /dev/null 2>&1 && fail "a damaged baseline is replaced"
cp "$T/db.good" "$T/db"
integrity check --wrong 2> /dev/null; [ $? = 2 ] || fail "an unknown option is no error"

rm "$T/events"
start() {
    : > "$T/log"
    taskset -c 0 "$AGENT" integrity watch --path "$W" --db "$T/db" --events "$T/events" 2> "$T/log" & P=$!
    for i in $(seq 100); do grep -q "files watched" "$T/log" && return; sleep 0.05; done
    fail "the watch did not start"
}
start
grep -q fanotify "$T/log" || { echo "no fanotify with names (Linux 5.9)"; exit 77; }
sed -i s/three/drei/ "$W/conf"
expect '.integrity.seen=="realtime" and .integrity.path=="'$W'/conf" and (.integrity.diff | contains("-three\n+drei\n")) and .process.path=="/usr/bin/sed"'
echo secret-two > "$W/host.key"
expect '.integrity.path=="'$W'/host.key" and .integrity.change=="modified"'
grep -q secret- "$T/events" && fail "a secret is in an event"
strings -a "$T/db" | grep -q secret- && fail "a secret is in the baseline"
mkdir "$W/fresh" && touch "$W/fresh/a" && rm -r "$W/fresh"
expect '.integrity.change=="created" and .integrity.path=="'$W'/fresh/a"'
expect '.integrity.change=="deleted" and .integrity.path=="'$W'/fresh"'
mv "$W/folder" "$T/away" && mv "$T/away" "$W/back" && echo x > "$W/back/inside"
expect '.integrity.change=="created" and .integrity.path=="'$W'/back/inside"'
python3 -c "import time; open('$W/long', 'w').write('x'); time.sleep(0.5)"
expect '.integrity.path=="'$W'/long" and .process.uid==0 and (.process.cmdline | contains("-c import time"))'

kill $P; wait $P; rm "$T/events"; start
"$CHURN" "$W" 50000 10 0 > "$T/took" || fail "churn"
[ "$(cut -d. -f1 "$T/took")" -le 10 ] || echo "this machine took $(cat "$T/took") s for 50,000 files"
"$CHURN" "$W" 1000 1 0 same > /dev/null || fail "churn"
kill $P; wait $P; P=
grep -q "51000 created, .* 51000 deleted" "$T/log" || fail "lost: $(tail -1 "$T/log")"
[ "$(grep -c '"change":"created"' "$T/events")" = 51000 ] && [ "$(grep -c '"change":"deleted"' "$T/events")" = 51000 ] || fail "the file of events is not whole"
[ "$(grep -o "watched/f[0-9]*" "$T/events" | sort -u | wc -l)" = 50000 ] || fail "not every name is told"
exit 0
