#!/bin/sh
# The root of a system with every kind of package: all are in the inventory, in CycloneDX and back from
# it; a bad bill of materials is refused with its place; weak settings are told, passwords are not; two
# thousand packages take less than a second.
set -u
AGENT=${BUILD:?}/agent/sekisho-agent
here=$(dirname "$0")
command -v jq > /dev/null && command -v python3 > /dev/null || { echo "needs jq and python3"; exit 77; }
T=$(mktemp -d /tmp/sekisho-inventory.XXXXXX)
trap 'rm -rf "$T"' EXIT
fail() { echo "FAILED: $*"; exit 1; }
python3 "$here/fake_root.py" "$T/root" || fail "no root"
"$AGENT" inventory --root "$T/root" --format json > "$T/inventory.json" || fail "inventory"
has() { jq -e --arg e "$1" --arg n "$2" --arg v "$3" '.components | any(.ecosystem==$e and .name==$n and .version==$v)' "$T/inventory.json" > /dev/null || fail "no $1 $2 $3"; }
has Debian:12 package-2 1.2-1
has Debian:12 dropbear 2022.82-2
has Debian:12 musl 1.2.4-r2
has Debian:12 zsh 5.8-9.el9
has npm left-pad 1.0.0
has npm left-pad 1.3.0
has PyPI foo-bar 2.0
has Maven org.apache.logging.log4j:log4j-core 2.14.1
has Go golang.org/x/net v0.7.0
has Go example.org/tool v1.4.0
has Go stdlib 1.20.4
has generic busybox 1.30.1
has generic DIR-645 1.02
jq -e '.components | any(.name=="busybox" and .version=="1.1.1") | not' "$T/inventory.json" > /dev/null || fail "a package's own file is told twice"
jq -e '.product.cpe=="cpe:2.3:o:dlink:dir-645_firmware:1.02:*:*:*:*:*:*:*"' "$T/inventory.json" > /dev/null || fail "no product"

"$AGENT" inventory --root "$T/root" --format cyclonedx > "$T/bill.json" || fail "CycloneDX out"
jq -e '.bomFormat=="CycloneDX" and .specVersion=="1.5" and (.serialNumber|startswith("urn:uuid:")) and
    ([.components[].purl|select(startswith("pkg:"))]|length)==(.components|length) and
    ([.components[]["bom-ref"]]|unique|length)==(.components|length)' "$T/bill.json" > /dev/null || fail "the bill's form"
jq -e '[.components[].purl] | contains(["pkg:npm/left-pad@1.3.0","pkg:pypi/foo-bar@2.0","pkg:golang/golang.org/x/net@v0.7.0","pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1"])' "$T/bill.json" > /dev/null || fail "purls"
mkdir "$T/empty"
"$AGENT" inventory --root "$T/empty" --sbom "$T/bill.json" --format json > "$T/back.json" || fail "CycloneDX in"
names='[.components[]|[.ecosystem,.name,.version,.arch]]|sort'
[ "$(jq -c "$names" "$T/inventory.json")" = "$(jq -c "$names" "$T/back.json")" ] || fail "what comes back is not what went out"
echo '{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"name":"x","components":[{"version":"1"}]}]}' > "$T/bad.json"
"$AGENT" inventory --root "$T/empty" --sbom "$T/bad.json" > /dev/null 2> "$T/error" && fail "a bad bill is taken"
grep -q 'bad.json: components\[0\].components\[0\].name: text expected' "$T/error" || fail "the place: $(cat "$T/error")"

printf 'root:x:0:0::/root:/bin/sh\nops:x:1:1::/:/bin/sh\n' > "$T/root/etc/passwd"
printf 'root:%s:1::::::\nops:%s:1::::::\n' "$(openssl passwd -6 xc3511)" "$(openssl passwd -6 "$(head -c 12 /dev/urandom | base64)")" > "$T/root/etc/shadow"
mkdir -p "$T/root/etc/mosquitto" "$T/root/etc/ssh"
printf 'listener 1883\nallow_anonymous true\n' > "$T/root/etc/mosquitto/mosquitto.conf"
printf 'PermitRootLogin yes\n' > "$T/root/etc/ssh/sshd_config"
chmod 777 "$T/root/usr/local/bin/busybox"
"$AGENT" posture --root "$T/root" --json > "$T/posture.json" || fail "posture"
[ "$(jq -c '[.posture[]|.id]|sort' "$T/posture.json")" = '["mqtt-anonymous","password-factory","path-writable","secret-readable","ssh-root-password"]' ] || fail "posture: $(cat "$T/posture.json")"
jq -e '.posture|all(.fix!="" and .severity!="" and .detail!="")' "$T/posture.json" > /dev/null || fail "a finding without its fix"
grep -q xc3511 "$T/posture.json" && fail "the password is told"

python3 "$here/fake_root.py" "$T/big" --big
"$AGENT" inventory --root "$T/big" > /dev/null # the files are in memory then, as on a running device
from=$(date +%s%N)
"$AGENT" inventory --root "$T/big" --format json > "$T/big.json" || fail "the big inventory"
ms=$((($(date +%s%N) - from) / 1000000))
[ "$(jq '[.components[]|select(.ecosystem=="Debian:12")]|length' "$T/big.json")" = 2003 ] || fail "packages are missing"
echo "2,000 packages: $ms ms"
[ $ms -le 1000 ] || fail "more than a second"
exit 0
