/* Frames through the whole engine: decoder, defragmentation, TCP, HTTP, TLS, DNS, rules. The input is
 * a list of messages, each made into a packet of one conversation, or a raw frame. */
#include "lib/detect/engine.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static struct sek_compiled *rules;

static const char text[] =
    "alert http any any -> any any (http.uri; content:\"/a\"; http.header; content:\"b\"; sid:1;)\n"
    "alert http any any -> any any (file.data; content:\"abc\"; sid:2;)\n"
    "alert tcp any any -> any any (content:\"ab\"; content:\"c\"; distance:0; pcre:\"/d+/R\"; sid:3;)\n"
    "alert tls any any -> any any (tls.sni; content:\"example\"; sid:4;)\n"
    "alert tls any any -> any any (tls.cert_subject; content:\"CN\"; sid:5;)\n"
    "alert dns any any -> any any (dns.query; to_md5; content:\"|00|\"; sid:6;)\n"
    "drop tcp any any -> any any (content:\"evil\"; byte_test:2,>,5,0,relative; sid:7;)\n"
    "alert ip any any -> any any (ttl:<5; sid:8;)\n"
    "alert http any any -> any any (http.request_header; url_decode; content:\"x\"; sid:9;)\n";

static void open_rules(void)
{
    struct sek_fault fault;
    struct sek_rules *r = sek_rules_new(NULL, &fault);
    sek_rules_load_text(r, "fuzz", text, sizeof text - 1, &fault);
    sek_rules_finish(r, &fault);
    rules = sek_compile(r, &fault);
    if (!rules)
        abort();
}

static void send_packet(struct sek_engine *e, uint8_t proto, int dir, uint16_t port, uint32_t *seq,
                        uint8_t flags, const uint8_t *data, uint32_t len, uint64_t now)
{
    uint8_t b[2048] = {0x45};
    uint32_t l4 = proto == IPPROTO_TCP ? 20 : 8, total = 20 + l4 + len;
    b[2] = (uint8_t)(total >> 8);
    b[3] = (uint8_t)total;
    b[8] = 64;
    b[9] = proto;
    b[12 + 3] = dir ? 2 : 1;
    b[16 + 3] = dir ? 1 : 2;
    b[20 + (dir ? 0 : 2)] = (uint8_t)(port >> 8);
    b[21 + (dir ? 0 : 2)] = (uint8_t)port;
    b[22 - (dir ? 0 : 2)] = 0x99;
    if (proto == IPPROTO_TCP) {
        for (int i = 0; i < 4; i++) {
            b[24 + i] = (uint8_t)(seq[dir] >> (24 - 8 * i));
            b[28 + i] = (uint8_t)(seq[!dir] >> (24 - 8 * i));
        }
        b[32] = 5 << 4;
        b[33] = flags;
        b[34] = 0xff;
        seq[dir] += len + (flags & 3 ? 1 : 0);
    } else {
        b[24] = (uint8_t)((8 + len) >> 8);
        b[25] = (uint8_t)(8 + len);
    }
    memcpy(b + 20 + l4, data, len);
    sek_engine_packet(e, SEK_LINK_RAW_IP, b, total, now, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    struct sek_engine_options o;
    uint32_t seq[2] = {100, 200};
    uint64_t now = 1000000;
    if (!rules)
        open_rules();
    if (size < 2)
        return 0;
    sek_engine_options_default(&o);
    o.verify_checksum = false;
    o.ips = data[0] & 1;
    o.midstream = data[0] & 2;
    o.flow_limit = 64;
    o.memory_limit = 64u << 20;
    uint16_t port = data[0] & 4 ? 53 : data[0] & 8 ? 443 : 80;
    uint8_t proto = data[0] & 16 ? IPPROTO_UDP : IPPROTO_TCP;
    struct sek_engine *e = sek_engine_new(&o, rules, &fault);
    if (data[0] & 32) {
        static const enum sek_link links[] = {SEK_LINK_ETHERNET, SEK_LINK_RAW_IP, SEK_LINK_PPP,
                                              SEK_LINK_LINUX_SLL, SEK_LINK_NULL, SEK_LINK_SLL2};
        for (size_t at = 2; at + 2 < size;) {
            uint32_t n = (uint32_t)(data[at] << 8 | data[at + 1]) % 2048;
            at += 2;
            if (n > size - at)
                n = (uint32_t)(size - at);
            sek_engine_packet(e, links[data[1] % 6], data + at, n, now += 1000, 1);
            at += n;
        }
    } else {
        if (proto == IPPROTO_TCP) {
            send_packet(e, proto, 0, port, seq, 2, data, 0, now++);
            send_packet(e, proto, 1, port, seq, 18, data, 0, now++);
            send_packet(e, proto, 0, port, seq, 16, data, 0, now++);
        }
        for (size_t at = 2; at + 3 < size;) {
            uint32_t n = (uint32_t)(data[at] << 8 | data[at + 1]) % 1400;
            int dir = data[at + 2] & 1;
            if (data[at + 2] & 0x40)
                seq[dir] += data[at + 2] >> 2; /* a hole, or an overlap after it */
            at += 3;
            if (n > size - at)
                n = (uint32_t)(size - at);
            send_packet(e, proto, dir, port, seq, 24, data + at, n, now += 1000);
            at += n;
        }
    }
    sek_engine_free(e);
    return 0;
}
