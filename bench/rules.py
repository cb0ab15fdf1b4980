#!/usr/bin/env python3
"""Write COUNT generated rules to OUT, of the kinds and in about the shares that real sets have:
`rules.py OUT COUNT`. They stand in where no real set is at hand."""
import random, sys

def main():
    out, count = open(sys.argv[1], 'w'), int(sys.argv[2])
    rng = random.Random(7)
    def word(low, high):
        return ''.join(rng.choice('abcdefghijklmnopqrstuvwxyz0123456789_-') for _ in range(rng.randint(low, high)))
    def rule(i):
        k = rng.random()
        if k < 0.25:
            return f'dns $HOME_NET any -> any any (msg:"generated {i}"; dns.query; content:"{word(6, 14)}.com"; nocase; endswith;'
        if k < 0.40:
            return f'tls $HOME_NET any -> $EXTERNAL_NET any (msg:"generated {i}"; flow:established,to_server; tls.sni; content:"{word(6, 14)}.net"; endswith;'
        if k < 0.72:
            more = f' content:"{word(3, 8)}="; distance:0;' if rng.random() < 0.5 else ''
            pcre = f' pcre:"/{word(4, 6)}\\/[a-z]{{2,8}}\\.php/U";' if rng.random() < 0.15 else ''
            return f'http any any -> any any (msg:"generated {i}"; flow:established,to_server; http.uri; content:"/{word(5, 12)}"; fast_pattern;{more}{pcre}'
        if k < 0.80:
            return f'http any any -> any any (msg:"generated {i}"; flow:established,to_client; file.data; content:"{word(8, 20)}"; content:"{word(4, 8)}"; within:200;'
        if k < 0.93:
            port = rng.choice(['any', '445', '25', '21', '[80,8080]', '1883', '3389', str(rng.randint(1024, 9999))])
            return f'tcp any any -> any {port} (msg:"generated {i}"; flow:established,to_server; content:"|{rng.randint(0, 255):02x} {rng.randint(0, 255):02x}|{word(4, 10)}"; content:"{word(3, 6)}"; distance:0;'
        if k < 0.97:
            return f'udp any any -> any {rng.choice(["any", "161", "5060"])} (msg:"generated {i}"; content:"|{rng.randint(0, 255):02x} {rng.randint(0, 255):02x}|"; depth:2; content:"{word(3, 6)}";'
        nets = ','.join(f'{rng.randint(1, 223)}.{rng.randint(0, 255)}.{rng.randint(0, 255)}.0/24' for _ in range(20))
        return f'ip [{nets}] any -> $HOME_NET any (msg:"generated {i}";'
    out.write('alert http any any -> any any (msg:"command in a query"; http.uri; content:"$(wget"; sid:1;)\n')
    for i in range(2, count + 1):
        out.write(f'alert {rule(i)} sid:{i};)\n')

if __name__ == '__main__':
    main()
