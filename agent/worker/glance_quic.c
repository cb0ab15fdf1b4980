/* QUIC: the ClientHello in the Initial packets of a flow's client (RFC 9000, 9001, 9369), which are
 * encrypted with keys that anybody can compute. Its pieces come in any order, over several packets;
 * they are put into their places in one buffer. Nothing but Initial packets is read. */
#include "agent/worker/glance.h"
#include "lib/app/quic.h"

#include <string.h>

#define DATAGRAM   65536
#define CONNECTION 20 /* bytes of a connection id */

static uint64_t varint(struct sek_reader *r)
{
    uint64_t v = sek_reader_u8(r);
    unsigned more = (1u << (v >> 6)) - 1;
    v &= 0x3f;
    while (more--)
        v = v << 8 | sek_reader_u8(r);
    return v;
}

static void store(struct sek_quic_stream *s, uint64_t offset, struct sek_bytes data)
{
    if (!data.len || offset > sizeof s->data || data.len > sizeof s->data - offset)
        return;
    memcpy(s->data + offset, data.data, data.len);
    for (uint64_t i = offset; i < offset + data.len; i++)
        s->seen[i / 8] |= (uint8_t)(1u << i % 8);
    while (s->whole < sizeof s->data && (s->seen[s->whole / 8] >> s->whole % 8 & 1))
        s->whole++;
}

/* Frames that a client's Initial packet may have (RFC 9000 section 17.2.2). */
void sek_glance_quic_frames(struct sek_quic_stream *s, const uint8_t *plain, uint32_t len)
{
    struct sek_reader r = sek_reader_make(plain, len);
    while (sek_reader_left(&r) && !r.failed) {
        uint64_t type = varint(&r);
        if (type <= 1) /* PADDING, PING */
            continue;
        if (type == 2 || type == 3) { /* ACK */
            varint(&r);
            varint(&r);
            uint64_t numbers = 2 * (varint(&r) + (type == 3)) + (type == 3);
            varint(&r);
            for (; numbers && !r.failed; numbers--)
                varint(&r);
            continue;
        }
        if (type != 6) /* CRYPTO */
            return;
        uint64_t offset = varint(&r), size = varint(&r);
        if (size > sek_reader_left(&r))
            return;
        store(s, offset, sek_reader_bytes(&r, (uint32_t)size));
    }
}

struct header {
    uint32_t version, body;
    struct sek_bytes dcid;
    unsigned type; /* 0: Initial */
};

/* A long header; *SIZE is the packet's whole length. */
static bool read_header(const uint8_t *data, uint32_t len, struct header *h, uint32_t *size)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint8_t first = sek_reader_u8(&r);
    h->version = sek_reader_u32(&r);
    h->dcid = sek_reader_bytes(&r, sek_reader_u8(&r));
    sek_reader_skip(&r, sek_reader_u8(&r));
    if (r.failed || (first & 0xc0) != 0xc0 || h->dcid.len > CONNECTION)
        return false;
    h->type = first >> 4 & 3;
    if (h->version == QUIC_V2)
        h->type = (h->type + 3) & 3;
    if (h->type == 3)
        return false; /* Retry: no client sends it */
    if (!h->type) {
        uint64_t token = varint(&r);
        if (token > sek_reader_left(&r))
            return false;
        sek_reader_skip(&r, (uint32_t)token);
    }
    uint64_t rest = varint(&r);
    if (r.failed || rest > sek_reader_left(&r))
        return false;
    h->body = r.pos;
    *size = r.pos + (uint32_t)rest;
    return true;
}

enum sek_glance sek_glance_quic(struct sek_quic_stream *s, const uint8_t *data, uint32_t len,
                                char name[SEK_NAME_SIZE], bool *ech)
{
    static uint8_t plain[DATAGRAM];
    bool read = false;
    while (len && len <= DATAGRAM) {
        struct header h;
        struct quic_keys keys[2];
        uint32_t size;
        if (!read_header(data, len, &h, &size))
            break; /* padding, or what follows the handshake */
        long n = -1;
        if (!h.type && quic_initial_keys(h.version, h.dcid, keys))
            n = quic_decrypt(&keys[0], (struct sek_bytes){data, size}, h.body, plain);
        if (n >= 0) {
            sek_glance_quic_frames(s, plain, (uint32_t)n);
            read = true;
        }
        data += size;
        len -= size;
    }
    if (!read)
        return SEK_GLANCE_NONE;
    return s->whole ? sek_glance_hello(s->data, s->whole, name, ech) : SEK_GLANCE_MORE;
}
