#!/bin/sh
# A device is killed at 1,000 random points while it makes events and sends them to its manager: every
# event that it had reported as stored is at the manager afterwards, and each is there once.
. "$(dirname "$0")/manager-lib.sh"
start_manager 127.20.9.1
enrol cam
cat >"$work/kills.py" <<'P'
import os, random, re, select, signal, subprocess, sys, time
device, state, kills = sys.argv[1], sys.argv[2], int(sys.argv[3])
random.seed(11)
stored, number = [], 0
def run():
    return subprocess.Popen([device, state, 'run'], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, env=dict(os.environ, DEVICE_REPORTS='1'))
for kill in range(kills):
    p = run()
    end = time.time() + random.expovariate(1 / 0.02)
    for i in range(random.randrange(1, 8)):
        number += 1
        p.stdin.write(b'event {"event_type":"alert","layer":"device","action":"blocked","reason":"kill %d."}\n' % number)
    p.stdin.flush()
    while (left := end - time.time()) > 0:
        if not select.select([p.stdout], [], [], left)[0]:
            break
        if not os.read(p.stdout.fileno(), 0) and p.poll() is not None:
            break
        data = os.read(p.stdout.fileno(), 65536)
        stored += re.findall(rb'stored .*?kill (\d+)\.', data)
        if not data:
            break
    p.send_signal(signal.SIGKILL)
    stored += re.findall(rb'stored .*?kill (\d+)\.', p.stdout.read())
    p.wait()
p = run()
end = time.time() + 60
while time.time() < end:
    if select.select([p.stdout], [], [], 1)[0] and b'backlog 0' in os.read(p.stdout.fileno(), 65536):
        break
p.stdin.close()
p.wait()
print(*(s.decode() for s in stored), sep='\n')
P
python3 "$work/kills.py" "$BUILD/tests/device" "$work/cam" 1000 >"$work/stored" || fail "the kills"
[ "$(wc -l <"$work/stored")" -gt 500 ] || fail "only $(wc -l <"$work/stored") events were stored"
sqlite3 "$work/manager/manager.db" "SELECT record FROM events" 2>/dev/null | grep -o 'kill [0-9]*\.' |
    tr -dc '0-9\n' | sort -n >"$work/arrived"
[ -s "$work/arrived" ] || fail "nothing arrived"
[ -z "$(uniq -d "$work/arrived")" ] || fail "doubled: $(uniq -d "$work/arrived" | head -3)"
sort "$work/stored" >"$work/a"; sort "$work/arrived" >"$work/b"
[ -z "$(comm -23 "$work/a" "$work/b")" ] || fail "lost: $(comm -23 "$work/a" "$work/b" | head -3)"
! ctl --json events --limit 1000 | grep -q '"chain": "broken"' || fail "the chain is broken"
ctl audit verify >/dev/null || fail "the log does not verify"
echo "$(wc -l <"$work/stored") reported as stored, $(wc -l <"$work/arrived") arrived"
