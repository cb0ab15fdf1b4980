"""Make the root of a system with every kind of package: fake_root.py FOLDER [--big]."""
import os
import sqlite3
import struct
import sys
import zipfile

root = sys.argv[1]


def put(path, data, mode=0o644):
    full = root + path
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'wb') as out:
        out.write(data.encode() if isinstance(data, str) else data)
    os.chmod(full, mode)


def rpm_header(name, version, release, source):
    index = store = b''
    for tag, kind, count, data in [
            (1000, 6, 1, name), (1001, 6, 1, version), (1002, 6, 1, release), (1022, 6, 1, 'x86_64'),
            (1044, 6, 1, source), (1116, 4, 1, struct.pack('>I', 0)), (1117, 8, 1, name),
            (1118, 8, 1, '/usr/bin/')]:
        if kind == 4:
            store += bytes(-len(store) % 4)
        index += struct.pack('>IIII', tag, kind, len(store), count)
        store += data if kind == 4 else data.encode() + b'\0'
    return struct.pack('>II', len(index) // 16, len(store)) + index + store


def program(section, body):
    """A 64-bit ELF file with one section."""
    names = b'\0.shstrtab\0' + section + b'\0'
    start = 64
    at = start + len(body) + len(names)
    head = b'\x7fELF\2\1\1' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 2, 62, 1, 0, 0, at, 0, 64, 56, 0,
                                                   64, 3, 1)
    table = bytes(64)
    for name, offset, size in [(1, start + len(body), len(names)), (11, start, len(body))]:
        table += struct.pack('<IIQQQQIIQQ', name, 1, 0, 0, offset, size, 0, 0, 1, 0)
    return head + body + names + table


put('/etc/os-release', 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n')
count = 2000 if '--big' in sys.argv else 3
put('/var/lib/dpkg/status', ''.join(
    f'Package: package-{i}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.{i}-1\n'
    f'Description: number {i}\n more about it\n\n' for i in range(count)))
for i in range(count):
    put(f'/var/lib/dpkg/info/package-{i}.list',
        ''.join(f'/usr/share/package-{i}/file-{k}\n' for k in range(100)) + f'/usr/bin/owned-{i}\n')
put('/usr/bin/owned-0', program(b'.rodata', b'\0BusyBox v1.1.1 (owned)\0'.ljust(1024, b'\0')), 0o755)
put('/usr/lib/opkg/status', 'Package: dropbear\nVersion: 2022.82-2\nStatus: install user installed\n'
    'Architecture: mips_24kc\n')
put('/lib/apk/db/installed', 'P:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\n')
os.makedirs(root + '/var/lib/rpm', exist_ok=True)
db = sqlite3.connect(root + '/var/lib/rpm/rpmdb.sqlite')
db.execute('CREATE TABLE IF NOT EXISTS Packages(hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)')
db.execute('INSERT INTO Packages(blob) VALUES(?)', (rpm_header('zsh', '5.8', '9.el9', 'zsh-5.8-9.el9.src.rpm'),))
db.commit()
db.close()
put('/srv/app/node_modules/left-pad/package.json', '{"name":"left-pad","version":"1.0.0"}')
put('/srv/app/node_modules/a/node_modules/left-pad/package.json', '{"name":"left-pad","version":"1.3.0"}')
put('/opt/venv/lib/python3/site-packages/Foo_Bar-2.0.dist-info/METADATA', 'Metadata-Version: 2.1\nName: Foo_Bar\nVersion: 2.0\n\n')
os.makedirs(root + '/opt/java', exist_ok=True)
with zipfile.ZipFile(root + '/opt/java/app.jar', 'w', zipfile.ZIP_DEFLATED) as jar:
    jar.writestr('META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties',
                 'groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion=2.14.1\n')
modules = b'0123456789abcdef' + b'path\tx\nmod\texample.org/tool\tv1.4.0\th1:\ndep\tgolang.org/x/net\tv0.7.0\th1:\n' + b'0123456789abcdef'
put('/usr/local/bin/tool', program(b'.go.buildinfo', (b'\xff Go buildinf:\x08\x02' + bytes(16) + b'\x08go1.20.4'
    + bytes([0x80 | len(modules) % 128, len(modules) // 128]) + modules).ljust(1024, b'\0')), 0o755)
put('/usr/local/bin/busybox', program(b'.rodata', b'\0BusyBox v1.30.1 (2019)\0'.ljust(1024, b'\0')), 0o755)
put('/sys/class/dmi/id/sys_vendor', 'D-Link\n')
put('/sys/class/dmi/id/product_name', 'DIR-645\n')
put('/sys/class/dmi/id/bios_version', '1.02\n')
