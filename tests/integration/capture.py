"""Write a capture of ordinary HTTP conversations, one of which asks for /marker.
usage: capture.py FILE [CONVERSATIONS [BODY_BYTES]]"""
import random, struct, sys

SYN, ACK, FIN, PSH = 2, 16, 1, 8

def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff

class Capture:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        self.now = 1_700_000_000_000_000

    def frame(self, src, dst, sport, dport, seq, ack, flags, data=b""):
        tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0) + data
        pseudo = src + dst + struct.pack(">BBH", 0, 6, len(tcp))
        tcp = tcp[:16] + struct.pack(">H", checksum(pseudo + tcp)) + tcp[18:]
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0x4000, 64, 6, 0, src, dst)
        ip = ip[:10] + struct.pack(">H", checksum(ip)) + ip[12:]
        frame = b"\2\0\0\0\0\2\2\0\0\0\0\1\x08\0" + ip + tcp
        self.now += 20
        self.file.write(struct.pack("<IIII", self.now // 1_000_000, self.now % 1_000_000,
                                    len(frame), len(frame)) + frame)

    def conversation(self, client, server, port, request, answer):
        c, s = 1000, 9000
        self.frame(client, server, port, 80, c, 0, SYN)
        self.frame(server, client, 80, port, s, c + 1, SYN | ACK)
        c, s = c + 1, s + 1
        self.frame(client, server, port, 80, c, s, ACK)
        self.frame(client, server, port, 80, c, s, PSH | ACK, request)
        c += len(request)
        self.frame(server, client, 80, port, s, c, ACK)
        for at in range(0, len(answer), 1400):
            part = answer[at:at + 1400]
            self.frame(server, client, 80, port, s, c, PSH | ACK, part)
            s += len(part)
            self.frame(client, server, port, 80, c, s, ACK)
        self.frame(client, server, port, 80, c, s, FIN | ACK)
        self.frame(server, client, 80, port, s, c + 1, FIN | ACK)
        self.frame(client, server, port, 80, c + 1, s + 1, ACK)

def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    words = "status config camera stream value device report image index update list view".split()
    r = random.Random(7)
    capture = Capture(sys.argv[1])
    for n in range(count):
        path = "/marker" if n == 1 else "/" + "/".join(r.choices(words, k=3)) + f"?id={n}"
        body = " ".join(r.choices(words, k=size // 6 + 1)).encode()[:size]
        request = (f"GET {path} HTTP/1.1\r\nHost: www{n % 50}.example\r\nUser-Agent: Mozilla/5.0\r\n"
                   f"Accept: */*\r\nCookie: session={r.getrandbits(64):x}\r\n\r\n").encode()
        answer = (f"HTTP/1.1 200 OK\r\nServer: test\r\nContent-Type: text/html\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n").encode() + body
        capture.conversation(bytes([10, 0, n >> 8 & 255, n & 255]), bytes([192, 0, 2, n % 200 + 1]),
                             20000 + n % 40000, request, answer)

if __name__ == "__main__":
    main()
