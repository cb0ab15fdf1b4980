#!/bin/sh
# The deadlocks that daemons of this kind are known for: its own database, log and tool on the
# protected mount, a log reader that is itself protected, a file system served by a protected
# program, a fork storm, little memory, a full disk, an overlay over protected layers. Every program
# must start within seconds, and the responder must never have been replaced.
set -u
[ "$(id -u)" = 0 ] || exit 77
AGENT=${BUILD:?}/agent/sekisho-agent
T=$(mktemp -d /tmp/sekisho-lockdown.XXXXXX)
M=$T/mount P=
mkdir "$M" && mount -t tmpfs -o size=64m tmpfs "$M" || exit 77
finish() {
    status=$?
    [ -n "$P" ] && kill $P 2>/dev/null && wait $P 2>/dev/null
    awk -v t="$T/" 'index($2, t) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
    rmdir "$MEMORY" 2>/dev/null
    [ $status -ne 0 ] && cat "$T/log" "$M/log" 2>/dev/null | tail -5
    rm -rf "$T"
    exit $status
}
MEMORY=/sys/fs/cgroup/memory/sekisho-test-$$
trap finish EXIT
trap "exit 1" TERM INT
fail() { echo "FAILED: $*"; exit 1; }
alive() { # WHAT: a registered program starts, soon
    timeout 5 "$M/known" || fail "$1: a registered program does not start"
    grep -q "responder" "$LOG" && fail "$1: $(grep responder "$LOG" | tail -1)"
    return 0
}
start() { # LOG...
    LOG=$1
    shift
    "$AGENT" lockdown run --scope "$M" "$@" 2>"$LOG" & P=$!
    for i in $(seq 200); do grep -q "in force" "$LOG" && return; sleep 0.05; done
    fail "lockdown did not start: $(cat "$LOG")"
}
stop() { kill $P; wait $P; P=; }
cp /bin/true "$M/known"
cp "$AGENT" "$M/sekisho-agent"
cp "$(readlink -f /bin/sh)" "$M/sh"
cp /bin/cat "$M/cat"
fuse=$(command -v fuse2fs) && cp "$fuse" "$M/fuse2fs"

# Its own database, events and log on the protected mount; its own tool there, too.
start "$M/log" --mode enforce --learn-from "$M" --allowlist "$M/allowlist" --events "$M/events"
alive "its own database on the mount"
timeout 5 "$M/sekisho-agent" lockdown explain --allowlist "$M/allowlist" "$M/known" >/dev/null ||
    fail "its own tool"
cp /bin/ls "$M/unknown"
for i in $(seq 50); do "$M/unknown" 2>/dev/null && fail "an unknown program runs"; done
alive "events on the mount"
[ "$(grep -c unknown "$M/events")" -ge 50 ] || fail "events are missing"
stop

# What reads its log is a protected program, slow, and the pipe is full (journald).
mkfifo "$T/pipe"
LOG=$T/log
("$M/sh" -c 'sleep 2; exec "$0"' "$M/cat" <"$T/pipe" >"$T/log") & reader=$!
"$AGENT" lockdown run --scope "$M" --mode detect --learn-from "$M" --events "$T/pipe" 2>"$T/pipe" & P=$!
sleep 1
for i in $(seq 300); do "$M/known"; "$M/unknown" -d / >/dev/null; done
sleep 2
timeout 5 "$M/known" || fail "a full log pipe holds programs"
stop
kill $reader 2>/dev/null
: >"$T/log"

# A file system that a protected program serves, and that the opener waits for.
if [ -x "$M/fuse2fs" ] && truncate -s 4M "$T/image" && mkfs.ext4 -q "$T/image" 2>/dev/null; then
    mkdir "$M/fuse"
    start "$T/log" --mode enforce --learn-from "$M" --events "$T/events"
    if timeout 10 "$M/fuse2fs" -o allow_other "$T/image" "$M/fuse" >/dev/null 2>&1; then
        timeout 5 cp "$M/known" "$M/fuse/known" || fail "a FUSE file system: writing"
        timeout 5 "$M/fuse/known" || fail "a FUSE file system: running"
        umount "$M/fuse"
    fi
    alive "a FUSE file system"
    stop
fi

# An overlay over protected layers.
mkdir "$M/lower" "$M/upper" "$M/work" "$M/merged"
cp /bin/true "$M/lower/known"
start "$T/log" --mode enforce --learn-from "$M" --events "$T/events"
if mount -t overlay overlay -o "lowerdir=$M/lower,upperdir=$M/upper,workdir=$M/work" "$M/merged" 2>/dev/null; then
    sleep 1 # until the new mount is known, programs on it are refused
    for i in 1 2 3; do timeout 5 "$M/merged/known" || fail "an overlay holds programs"; done
    umount "$M/merged"
fi
alive "an overlay"

# A fork storm of known and unknown programs.
for j in 1 2 3 4 5 6 7 8; do
    (for i in $(seq 150); do "$M/known"; "$M/unknown" 2>/dev/null; done) & storm="${storm:-} $!"
done
alive "a fork storm"
for p in $storm; do wait $p; done
alive "after the fork storm"
stop

# The responder is killed again and again, policy closed: nothing unregistered runs meanwhile.
mkdir "$T/list" && cp "$M/known" "$T/list/" && touch "$T/go"
start "$T/log" --mode enforce --learn-from "$T/list" --allowlist "$M/allowlist3" --stall closed --events "$T/events"
"$M/unknown" -d / >/dev/null 2>&1 && fail "an unknown program runs"
storm=
for j in 1 2 3; do
    (while [ -e "$T/go" ]; do "$M/unknown" -d / >"$T/ran.$j" 2>/dev/null && touch "$T/ran"; "$M/known"; done) & storm="${storm:-} $!"
done
for i in $(seq 10); do kill -9 $(pgrep -P $P sekisho-lockdwn) 2>/dev/null; sleep 0.1; done
rm "$T/go"
for p in $storm; do wait $p; done
[ -e "$T/ran" ] && fail "an unregistered program ran while the responder was dead"
[ "$(grep -c 'responder died' "$T/log")" -ge 5 ] || fail "the responder was not killed: $(cat "$T/log")"
timeout 5 "$M/known" || fail "no registered program starts after the responder was killed"
stop

# Little memory, for lockdown and for what it protects.
if mkdir "$MEMORY" 2>/dev/null && echo 33554432 >"$MEMORY/memory.limit_in_bytes"; then
    start "$T/log" --mode enforce --learn-from "$M" --events "$T/events"
    for p in $P $(pgrep -P $P); do echo $p >"$MEMORY/cgroup.procs"; done
    (echo $(exec sh -c 'echo $PPID') >"$MEMORY/cgroup.procs"; head -c 200M /dev/zero | timeout 5 tail >/dev/null) 2>/dev/null
    for i in $(seq 50); do timeout 5 "$M/known" || fail "memory pressure"; done
    stop
fi

# A full disk: what cannot be written is lost, nobody waits.
start "$T/log" --mode learn --allowlist "$M/allowlist2" --events "$M/events2"
head -c 70M /dev/zero >"$M/filler" 2>/dev/null
cp /bin/true "$T/fresh"
timeout 5 "$M/unknown" -d / >/dev/null || fail "a full disk: learn mode refuses"
for i in $(seq 20); do timeout 5 "$M/known" || fail "a full disk"; done
stop
exit 0
