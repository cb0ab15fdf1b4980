#!/bin/sh
# The Debian packages build; each holds its program, manual page, unit and configuration, names its
# configuration as such, and depends on every library that the program is linked with.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/sekisho-test.XXXXXX)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAIL: $*" >&2; exit 1; }
command -v dpkg-deb >/dev/null || { echo "no dpkg-deb"; exit 77; }
for part in agent gateway manager cli; do # what is built, without what was made before
    mkdir -p "$work/build/$part"
    cp "$BUILD/$part"/sekisho* "$work/build/$part/"
done
"$root/packaging/debian/build" "$work/build" 9.8.7 >/dev/null
has() { dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -qx "\.$1" || fail "$name: $1 is not in it"; }
depends() { dpkg-deb -f "$deb" Depends | tr ',' '\n' | grep -q "^ *$1\b" || fail "$name: does not depend on $1"; }
for name in sekisho-agent sekisho-gateway sekisho-manager; do
    deb=$(echo "$work"/build/${name}_9.8.7_*.deb)
    has /usr/sbin/$name
    has /lib/systemd/system/$name.service
    has /usr/share/man/man8/$name.8.gz
    depends libc6; depends libssl3; depends libevent; depends adduser
    conffile=$(dpkg-deb -I "$deb" conffiles)
    has "$conffile"
    dpkg-deb -I "$deb" postinst | grep -q "$name" || fail "$name: its user is not made"
    ! dpkg-deb -I "$deb" postinst | grep -q '@' || fail "$name: a place holder is left"
done
deb=$(echo "$work"/build/sekisho-agent_*.deb) name=sekisho-agent
depends libbpf1; depends libhyperscan5; depends nftables
deb=$(echo "$work"/build/sekisho-manager_*.deb) name=sekisho-manager
depends libsqlite3-0
has /usr/share/sekisho/content/patches/SEK-2014-6271.rules
deb=$(echo "$work"/build/sekishoctl_*.deb) name=sekishoctl
has /usr/bin/sekishoctl
has /usr/share/man/man1/sekishoctl.1.gz
