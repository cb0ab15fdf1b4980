/* A client, a server, and the engine between them: frames are made as a sender would, also broken ones, and the
 * world notes what passed of what the receiver would take. For the table of evasions. */
#ifndef TESTS_UNIT_WORLD_H
#define TESTS_UNIT_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/detect/engine.h"

#include <netinet/in.h>

#define ATTACK  "GET /cgi-bin/attack.sh HTTP/1.1\r\nHost: device\r\n\r\n"
#define FIRST   1000u /* first byte of the client */
#define SERVER  9000u

struct world {
    struct sek_engine *engine;
    uint64_t now, number;
    unsigned alerts, needed, passed; /* packets that the receiver needs, and those of them that pass */
    uint8_t ttl;
    uint16_t port;     /* of the server */
    uint16_t vlans[2]; /* outermost first; 0: none */
    bool bad_checksum, timestamps;
    uint32_t ts;
    uint8_t tunnel[128]; /* what stands between Ethernet and IP */
    uint32_t tunnel_len;
    uint16_t tunnel_type;
    uint32_t nested_at; /* place of an IP header inside the tunnel's; 0: none */
};

static inline void on_alert(void *ctx, struct sek_engine *e, const struct sek_event *event)
{
    (void)e, (void)event;
    ((struct world *)ctx)->alerts++;
}

static inline uint32_t sum(const uint8_t *p, uint32_t len, uint32_t s)
{
    for (; len >= 2; p += 2, len -= 2)
        s += (uint32_t)(p[0] << 8 | p[1]);
    return len ? s + (uint32_t)(p[0] << 8) : s;
}

static inline void store_sum(uint8_t *at, uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    at[0] = (uint8_t)(~s >> 8);
    at[1] = (uint8_t)~s;
}

static inline void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

/* One frame; true when it passes. */
static inline bool frame(struct world *w, const uint8_t *ip, uint32_t len, unsigned type)
{
    uint8_t f[9000] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
    uint32_t at = 12;
    for (int i = 0; i < 2 && w->vlans[i]; i++) {
        put16(f + at, i ? 0x8100 : 0x88a8);
        put16(f + at + 2, w->vlans[i]);
        at += 4;
    }
    put16(f + at, w->tunnel_len ? w->tunnel_type : type);
    at += 2;
    memcpy(f + at, w->tunnel, w->tunnel_len);
    at += w->tunnel_len;
    memcpy(f + at, ip, len);
    w->now += 1000;
    struct sek_result r = sek_engine_packet(w->engine, SEK_LINK_ETHERNET, f, at + len, w->now, ++w->number);
    return r.verdict == SEK_VERDICT_PASS;
}

static inline uint32_t ip_header(struct world *w, uint8_t *b, bool back, uint8_t proto, uint32_t len, unsigned id,
                          unsigned fragment)
{
    memset(b, 0, 20);
    b[0] = 0x45;
    put16(b + 2, 20 + len);
    put16(b + 4, id);
    put16(b + 6, fragment);
    b[8] = w->ttl;
    b[9] = proto;
    put32(b + 12, back ? 0xc0000201 : 0x0a000001);
    put32(b + 16, back ? 0x0a000001 : 0xc0000201);
    store_sum(b + 10, sum(b, 20, 0));
    return 20;
}

struct segment {
    bool back;
    uint8_t flags;
    uint32_t seq, ack;
    const void *data;
    uint32_t len;
    uint16_t urgent;
};

/* The IP packet of a segment. */
static inline uint32_t tcp_packet(struct world *w, uint8_t *b, const struct segment *s)
{
    uint32_t header = w->timestamps ? 32 : 20, at = ip_header(w, b, s->back, IPPROTO_TCP, header + s->len, 1, 0);
    uint8_t *t = b + at;
    memset(t, 0, header);
    put16(t, s->back ? w->port : 40000);
    put16(t + 2, s->back ? 40000 : w->port);
    put32(t + 4, s->seq);
    put32(t + 8, s->flags & SEK_TCP_ACK ? s->ack : 0);
    t[12] = (uint8_t)(header / 4 << 4);
    t[13] = s->flags;
    put16(t + 14, 60000);
    put16(t + 18, s->urgent);
    if (w->timestamps) {
        t[20] = t[21] = 1;
        t[22] = 8;
        t[23] = 10;
        put32(t + 24, w->ts);
    }
    memcpy(t + header, s->data ? s->data : "", s->len);
    uint32_t pseudo = sum(b + 12, 8, IPPROTO_TCP + header + s->len);
    store_sum(t + 16, sum(t, header + s->len, pseudo));
    if (w->bad_checksum)
        t[16] ^= 0x55;
    return at + header + s->len;
}

static inline bool send_segment(struct world *w, const struct segment *s)
{
    uint8_t b[8192];
    return frame(w, b, tcp_packet(w, b, s), 0x0800);
}

static inline void server(struct world *w, uint32_t ack)
{
    send_segment(w, &(struct segment){true, SEK_TCP_ACK, SERVER, ack, NULL, 0, 0});
}

static inline void handshake(struct world *w)
{
    send_segment(w, &(struct segment){false, SEK_TCP_SYN, FIRST - 1, 0, NULL, 0, 0});
    send_segment(w, &(struct segment){true, SEK_TCP_SYN | SEK_TCP_ACK, SERVER - 1, FIRST, NULL, 0, 0});
    send_segment(w, &(struct segment){false, SEK_TCP_ACK, FIRST, SERVER, NULL, 0, 0});
}

/* Bytes at an offset of the client's stream that the receiver takes. */
static inline void bytes(struct world *w, uint32_t at, const void *data, uint32_t len)
{
    w->needed++;
    w->passed += send_segment(w, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST + at, SERVER, data, len, 0});
}

static inline void text(struct world *w, uint32_t at, const char *s)
{
    bytes(w, at, s, (uint32_t)strlen(s));
}

/* Bytes that the receiver never takes. */
static inline void lost(struct world *w, uint32_t at, const char *s)
{
    send_segment(w, &(struct segment){false, SEK_TCP_ACK | SEK_TCP_PSH, FIRST + at, SERVER, s, (uint32_t)strlen(s), 0});
}

static inline void whole(struct world *w, const char *s)
{
    handshake(w);
    text(w, 0, s);
    server(w, FIRST + (uint32_t)strlen(s));
}

static inline void udp(struct world *w, bool back, const void *data, uint32_t len)
{
    uint8_t b[4096];
    uint32_t at = ip_header(w, b, back, IPPROTO_UDP, 8 + len, 1, 0);
    put16(b + at, back ? w->port : 40000);
    put16(b + at + 2, back ? 40000 : w->port);
    put16(b + at + 4, 8 + len);
    put16(b + at + 6, 0);
    memcpy(b + at + 8, data, len);
    w->needed++;
    w->passed += frame(w, b, at + 8 + len, 0x0800);
}

#endif
