#!/bin/sh
# A device that scans port 23 as Mirai does is judged infected within seconds and quarantined, with the
# reasons; a device beside it that opens hundreds of connections to many hosts and ports is not.
. "$(dirname "$0")/gateway-lib.sh"
topology
ip -n $D addr add 10.98.0.10/24 dev eth0
cat >"$work/many.py" <<'PY'
import selectors, socket
s = selectors.DefaultSelector()
for port in (80, 443, 1883, 8080, 8883, 5683):
    l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    l.bind(("0.0.0.0", port)); l.listen(500); s.register(l, selectors.EVENT_READ)
while True:
    for key, _ in s.select():
        c, _ = key.fileobj.accept(); c.sendall(b"ok\n"); c.close()
PY
cat >"$work/busy.py" <<'PY'
import socket, sys
n = 0
for round in range(2):
    for host in range(100, 150):
        for port in (80, 443, 1883, 8080, 8883, 5683):
            c = socket.create_connection((f"10.98.0.{host}", port), timeout=2, source_address=(sys.argv[1], 0))
            assert c.recv(9) == b"ok\n"
            c.close(); n += 1
print(n)
PY
cat >"$work/scan.py" <<'PY'
import os, random, select, socket, struct, sys
random.seed(5)
for i in range(60):
    s = socket.socket(); s.setblocking(False); s.bind((sys.argv[1], 0))
    try: s.connect((f"10.98.0.{150 + i}", 2323 if i % 10 == 9 else 23))
    except OSError: pass
    select.select([], [], [], 0.03)
PY
for i in $(seq 100 149); do ip -n $I addr add 10.98.0.$i/24 dev eth0; done
# Addresses where nothing answers, as most of the internet's: they exist, and drop.
for i in $(seq 150 210); do ip -n $I addr add 10.98.0.$i/24 dev eth0; done
inet nft 'add table ip silent; add chain ip silent in { type filter hook input priority 0; }; add rule ip silent in tcp dport { 23, 2323 } drop'
inet python3 "$work/many.py" & pids="$pids $!"
run_gateway
wait_for 5 dev python3 -c 'import socket; socket.create_connection(("10.98.0.100", 80), 1)' || fail "nothing answers"
[ "$(dev python3 "$work/busy.py" 10.98.0.1)" = 600 ] || fail "a busy benign device was stopped"
status_is '.blocked==[]' || fail "a busy benign device is judged: $(gateway_status)"

from=$(date +%s%N)
dev python3 "$work/scan.py" 10.98.0.10 &
wait_for 5 status_is '.blocked[0].ip=="10.98.0.10" and .blocked[0].kind=="quarantine"' || fail "not quarantined: $(gateway_status)"
echo "first probe to quarantine: $((($(date +%s%N) - from) / 1000000)) ms"
status_is '.blocked[0].reason | test("worm-ports")' || fail "the reasons are not said: $(gateway_status)"
expect_event '.event_type=="quarantine" and .action=="quarantined" and .layer=="network" and .src_ip=="10.98.0.10"'
! dev curl -s -m 1 --interface 10.98.0.10 -o /dev/null http://10.98.0.100/ || fail "a quarantined device still talks"
[ "$(dev python3 "$work/busy.py" 10.98.0.1)" = 600 ] || fail "the other device was stopped too"
status_is '.blocked|length==1' || fail "others are judged: $(gateway_status)"
