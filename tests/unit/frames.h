/* Frames made in memory, for the tests of decoder, flows and behaviour. */
#ifndef TESTS_UNIT_FRAMES_H
#define TESTS_UNIT_FRAMES_H

#include "lib/packet/packet.h"

#include <netinet/in.h>

struct frame {
    uint8_t bytes[4096];
    uint32_t len;
};

static inline void put(struct frame *f, const void *data, uint32_t len)
{
    memcpy(f->bytes + f->len, data, len);
    f->len += len;
}

static inline void put16(struct frame *f, unsigned v)
{
    put(f, (uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static inline void put32(struct frame *f, uint32_t v)
{
    put16(f, v >> 16);
    put16(f, v & 0xffff);
}

static inline void ethernet(struct frame *f, unsigned type)
{
    f->len = 0;
    put(f, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    put16(f, type);
}

/* 10.0.0.HOST to 192.0.2.PEER, with CARRIED bytes behind the header. FRAGMENT is the flags and offset
 * field. */
static inline void ipv4(struct frame *f, int host, int peer, int proto, uint32_t carried,
                        unsigned id, unsigned fragment)
{
    put(f, "\x45\0", 2);
    put16(f, 20 + carried);
    put16(f, id);
    put16(f, fragment);
    put(f, (uint8_t[]){64, (uint8_t)proto, 0, 0, 10, 0, 0, (uint8_t)host, 192, 0, 2, (uint8_t)peer},
        12);
}

static inline void ipv6(struct frame *f, int next, uint32_t carried)
{
    uint8_t src[16] = {0x20, 1, 0xd, 0xb8, [15] = 1}, dst[16] = {0x20, 1, 0xd, 0xb8, [15] = 2};
    put32(f, 0x60000000);
    put16(f, carried);
    put(f, (uint8_t[]){(uint8_t)next, 64}, 2);
    put(f, src, 16);
    put(f, dst, 16);
}

static inline void tcp(struct frame *f, unsigned sport, unsigned dport, uint32_t seq, uint32_t ack,
                       int flags, const char *payload)
{
    put16(f, sport);
    put16(f, dport);
    put32(f, seq);
    put32(f, ack);
    put(f, (uint8_t[]){0x50, (uint8_t)flags, 0xff, 0xff, 0, 0, 0, 0}, 8);
    put(f, payload, (uint32_t)strlen(payload));
}

static inline void udp(struct frame *f, unsigned sport, unsigned dport, const void *payload,
                       uint32_t len)
{
    put16(f, sport);
    put16(f, dport);
    put16(f, 8 + len);
    put16(f, 0);
    put(f, payload, len);
}

/* A whole TCP frame from 10.0.0.HOST, decoded; PACKET views into F. */
static inline void tcp_packet(struct frame *f, struct sek_packet *packets, int host, int peer,
                              unsigned sport, unsigned dport, uint32_t seq, int flags,
                              uint64_t ts_us)
{
    ethernet(f, 0x800);
    ipv4(f, host, peer, IPPROTO_TCP, 20, 1, 0);
    tcp(f, sport, dport, seq, 0, flags, "");
    sek_packet_decode(SEK_LINK_ETHERNET, f->bytes, f->len, ts_us, 1, packets);
}

#endif
