#!/bin/sh
# A FUSE daemon whose files lie on the protected mount: to judge one of its files its daemon must
# answer, and the daemon opens another file meanwhile. Also such daemons one over the other; one that
# stops answering, which may hold up nobody but who asks it, and may not make anything run by being
# late. And what ends the keeper, or fails when it starts, does not leave a device without lockdown.
. "$(dirname "$0")/agent-lib.sh"
command -v bindfs >/dev/null && [ -e /dev/fuse ] || { echo "bindfs is not here"; exit 77; }
topology
M=$T/mount L=$T/later
mkdir -p "$M" "$L" "$T/bundle" && mount -t tmpfs tmpfs "$M" || exit 77
end() {
    [ -n "${AGENT_PID:-}" ] && kill $AGENT_PID && wait $AGENT_PID
    AGENT_PID=
    pkill -CONT -f "bindfs .*$M"
    awk -v t="$T/" 'index($2, t) == 1 {print $2}' /proc/mounts | sort -r | xargs -r umount -l
}
trap 'status=$?; end; (exit $status); finish' EXIT
policy() { echo "{\"version\":$1,\"inside\":{\"mode\":\"enforce\",\"scopes\":[$2]}}" >"$T/bundle/policy.json"; }
runs() { timeout 5 "$1" 2>/dev/null; }
refused() { # FILE: and soon
    timeout 5 "$1" / >/dev/null 2>&1
    [ $? = 126 ]
}
quiet() { grep "responder" "$T/agent.log" && fail "$1: a responder was replaced"; return 0; }

mkdir "$M/back" "$M/view" "$M/upper"
cp /bin/true "$M/back/known"
cp /bin/true "$M/local"
bindfs "$M/back" "$M/view" || exit 77
policy 1 "\"$M\""
start_agent
says "lockdown *full"
for i in 1 2 3 4 5; do runs "$M/view/known" || fail "a registered program on FUSE does not run"; done
cp /bin/ls "$M/back/evil"
refused "$M/view/evil" || fail "an unregistered program on FUSE is not refused"
refused "$M/back/evil" || fail "an unregistered program below FUSE is not refused"
cp /bin/cat "$M/view/evil2" # written through the daemon
refused "$M/view/evil2" || fail "an unregistered program that was written through FUSE is not refused"
cp "$M/local" "$M/view/copy" && runs "$M/view/copy" || fail "a registered program does not run from a new copy"
bindfs "$M/view" "$M/upper" || exit 77
ready runs "$M/upper/known" || fail "a registered program does not run through two daemons"
refused "$M/upper/evil" || fail "an unregistered program runs through two daemons"
quiet "daemons that open files of their own"

# The content changes behind the daemon, with size and times as they were.
cp /bin/true "$M/back/changing"
runs "$M/view/changing" || fail "a registered program on FUSE does not run"
cp /bin/false "$T/other" && touch -r "$M/back/changing" "$T/other"
truncate -s "$(stat -c %s "$M/back/changing")" "$T/other"
cp -p "$T/other" "$M/back/changing"
refused "$M/view/changing" || fail "what changed behind the daemon runs"

# It stops answering. Others go on; who asks it is refused in the end, or waits for it.
daemon=$(pgrep -f "bindfs $M/back")
umount "$M/upper"
kill -STOP "$daemon"
for f in known evil; do (timeout 30 "$M/view/$f" / >/dev/null 2>&1; echo $? >"$T/rc.$f") & done
for i in $(seq 20); do
    timeout 5 "$M/local" || fail "a program elsewhere waits for the daemon that does not answer"
    sleep 0.1
done
cp /bin/ls "$M/evil"
refused "$M/evil" || fail "lockdown rests while a daemon does not answer"
for i in $(seq 150); do grep -q "no answer from its file system" "$T/agent.log" && break; sleep 0.1; done
grep "no answer from its file system; waiting programs were refused" "$T/agent.log" >/dev/null || fail "nothing is told of a daemon that does not answer"
timeout 5 "$M/local" || fail "a program elsewhere waits for the daemon that does not answer"
kill -CONT "$daemon"
for i in $(seq 100); do [ -s "$T/rc.evil" ] && [ -s "$T/rc.known" ] && break; sleep 0.1; done
[ "$(cat "$T/rc.evil")" = 126 ] || fail "an unregistered program runs because its daemon was late: $(cat "$T/rc.evil")"
ready runs "$M/view/known" || fail "a registered program does not run after the daemon answers again"
refused "$M/view/evil" || fail "an unregistered program runs after the daemon answers again"

# A stick that is plugged in: its programs run, and it can be taken out again.
mkdir "$M/stick" && mount -t tmpfs tmpfs "$M/stick"
cp "$M/local" "$M/stick/tool" && cp /bin/ls "$M/stick/evil"
for i in 1 2 3 4 5; do ready runs "$M/stick/tool" && refused "$M/stick/evil" || fail "a program on a stick"; done
ready umount "$M/stick" || fail "a stick is busy: $(fuser -vm "$M/stick" 2>&1)"

# The keeper ends, in whatever way: another one begins.
for signal in TERM KILL; do
    pkill -$signal -P "$(cat "$T/guard.pid" 2>/dev/null || echo $AGENT_PID)" -x sekisho-keeper
    ready refused "$M/evil" || fail "lockdown does not come back after SIG$signal to its keeper"
    says "lockdown *full"
done

# A scope that is not there yet is not forgotten.
policy 2 "\"$M\",\"$L\""
reload
says "lockdown *absent *.*not a mount point"
mount -t tmpfs tmpfs "$L"
cp /bin/true "$L/tool"
for i in $(seq 400); do agent doctor | grep -q "lockdown *full" && break; sleep 0.1; done
says "lockdown *full"
cp /bin/ls "$L/evil"
refused "$L/evil" && refused "$M/evil" && runs "$L/tool" || fail "lockdown does not begin when its scope is mounted"
exit 0
