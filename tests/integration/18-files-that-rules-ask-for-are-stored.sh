#!/bin/sh
# filestore keeps a file once, by what it holds, with a record; filemagic tells what it is; nothing is kept
# without --filestore.
. "$(dirname "$0")/manager-lib.sh"
GATEWAY=$BUILD/gateway/sekisho-gateway
cd "$work"
python3 - "$root" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + '/tests/integration')
import capture
png = bytes.fromhex('89504e470d0a1a0a0000000d49484452000000200000002008060000007a7a') + bytes(64)
get = b'GET /logo.png HTTP/1.1\r\nHost: a.test\r\n\r\n'
answer = b'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n' % len(png) + png
open('png', 'wb').write(png)
c = capture.Capture('files.pcap')
for port in (40000, 40001):
    c.conversation(bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2]), port, get, answer)
PY
cat >files.rules <<'RULES'
alert http any any -> any any (msg:"png"; flow:to_client; filemagic:"PNG image data"; filestore; sid:1;)
alert http any any -> any any (msg:"pdf"; flow:to_client; filemagic:"PDF document"; filestore; sid:2;)
alert http any any -> any any (msg:"size"; flow:to_client; file.magic; content:"32 x 32"; sid:3;)
RULES
mkdir store
"$GATEWAY" replay --filestore store --rules files.rules --eve eve.json files.pcap || fail "replay"
sum=$(sha256sum png | cut -d' ' -f1)
cmp png "store/$(echo "$sum" | cut -c1-2)/$sum" || fail "not stored: $(find store) $(cat eve.json)"
[ "$(find store -type f | wc -l)" -eq 1 ] || fail "stored more than once: $(find store)"
[ "$(jq -r 'select(.event_type == "fileinfo") | .fileinfo.sha256' eve.json | sort -u)" = "$sum" ] || fail "$(cat eve.json)"
[ "$(jq -c 'select(.event_type == "alert") | [.alert.signature_id, .files[0].storing]' eve.json | sort -u | tr '\n' ' ')" = \
    '[1,true] [3,true] ' ] || fail "$(cat eve.json)"
rm -r store && "$GATEWAY" replay --rules files.rules --eve eve.json files.pcap || fail "replay"
! grep -q fileinfo eve.json || fail "stored without being asked"
! "$GATEWAY" rules check /dev/stdin >out.log <<'RULES' || fail "a wrong scope is accepted"
alert http any any -> any any (filestore:both,galaxy; sid:4;)
RULES
