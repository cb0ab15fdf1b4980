/* QUIC: versions from long headers; the TLS hello out of Initial packets, decrypted with the keys
 * that follow from the connection id (RFC 9001) and put together from CRYPTO frames; the tags of
 * Google QUIC's hello (CHLO), from which CYU fingerprints come. One long packet is one transaction,
 * until the hello was seen; what follows is encrypted. */
#include "lib/app/quic.h"

#include "lib/app/fields.h"
#include "lib/base/digest.h"
#include "lib/base/encode.h"

#include <stdio.h>

#define CRYPTO_LIMIT  65536u
#define RANGES_MAX    32u
#define DECRYPT_MAX   64u /* packets of a flow */
#define TAGS_MAX      128u
#define CONNECTION_ID 20u

struct quic_range {
    uint32_t begin, end;
};

/* Handshake bytes of one side, which may arrive in any order. */
struct quic_crypto {
    struct sek_buffer data;
    struct quic_range ranges[RANGES_MAX]; /* sorted, apart from each other */
    unsigned range_count;
};

struct quic_state {
    struct sek_app_state base;
    struct quic_keys keys[2];
    bool has_keys, hello[2], retried;
    struct quic_crypto crypto[2];
    unsigned decrypted;
};

/* One packet with a long header. */
struct quic_packet {
    uint32_t version;
    uint8_t type; /* 0: Initial, of any version */
    struct sek_bytes dcid;
    struct sek_bytes whole; /* with what it says is its length */
    uint32_t body;          /* where the packet number or the payload begins */
    bool google;            /* not encrypted */
};

static bool version_known(uint32_t v)
{
    return v == QUIC_V1 || v == QUIC_V2 || (v >= 0xff000011 && v <= 0xff000022) ||
           (v >= 0xfaceb000 && v <= 0xfaceb010) || (quic_is_google(v) && (v >> 8 & 0xff) >= '3');
}

/* --- headers --- */

static uint64_t varint(struct sek_reader *r)
{
    uint8_t first = sek_reader_u8(r);
    uint64_t v = first & 0x3f;
    for (unsigned more = (1u << (first >> 6)) - 1; more; more--)
        v = v << 8 | sek_reader_u8(r);
    return v;
}

/* Q043 and before: flags, connection id, version (Google QUIC wire layout). */
static bool public_header(struct sek_reader *r, struct quic_packet *p)
{
    uint8_t flags = sek_reader_u8(r);
    if (!(flags & 1) || flags & 0x82)
        return false;
    p->dcid = sek_reader_bytes(r, flags & 8 ? 8 : 0);
    p->version = sek_reader_u32(r);
    static const uint8_t number[] = {1, 2, 4, 6};
    sek_reader_skip(r, number[flags >> 4 & 3]);
    p->google = true;
    p->body = r->pos;
    return !r->failed && quic_is_google(p->version);
}

/* Q044 to Q046: one byte holds the lengths of both connection ids. */
static bool google_long(struct sek_reader *r, struct quic_packet *p, uint8_t first)
{
    uint8_t lengths = sek_reader_u8(r);
    p->dcid = sek_reader_bytes(r, lengths >> 4 ? (lengths >> 4) + 3u : 0);
    sek_reader_skip(r, lengths & 15 ? (lengths & 15) + 3u : 0);
    sek_reader_skip(r, p->version >= 0x51303436 ? (first & 3) + 1u : 4); /* packet number */
    p->google = true;
    p->body = r->pos;
    return !r->failed;
}

static bool packet_read(struct sek_reader r, struct quic_packet *p)
{
    struct sek_reader all = r;
    uint8_t first = sek_reader_u8(&r);
    *p = (struct quic_packet){.whole = {all.data + all.pos, sek_reader_left(&all)}};
    if (!(first & 0x80)) {
        struct sek_reader own = sek_reader_make(p->whole.data, p->whole.len);
        return public_header(&own, p);
    }
    r = sek_reader_make(p->whole.data, p->whole.len);
    sek_reader_skip(&r, 1);
    p->version = sek_reader_u32(&r);
    if (quic_is_google(p->version) && p->version < QUIC_Q050)
        return google_long(&r, p, first);
    p->dcid = sek_reader_bytes(&r, sek_reader_u8(&r));
    sek_reader_skip(&r, sek_reader_u8(&r));
    unsigned type = first >> 4 & 3;
    p->type = (uint8_t)(p->version == QUIC_V2 ? (type + 3) & 3 : type);
    if (r.failed || p->dcid.len > CONNECTION_ID)
        return false;
    if (p->type == 3 || !p->version) /* Retry, version negotiation: to the end */
        return true;
    if (!p->type) {
        uint64_t token = varint(&r);
        if (token > sek_reader_left(&r))
            return false;
        sek_reader_skip(&r, (uint32_t)token);
    }
    uint64_t len = varint(&r);
    if (r.failed || len > sek_reader_left(&r))
        return false;
    p->body = r.pos;
    p->whole.len = r.pos + (uint32_t)len;
    return true;
}

static enum sek_probe quic_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    struct quic_packet p;
    (void)flow, (void)dir;
    if (len < 20 || (!(data[0] & 0x80) && (data[0] & 0xc3) != 1))
        return SEK_PROBE_NO;
    if (!packet_read(sek_reader_make(data, len), &p) || !version_known(p.version))
        return SEK_PROBE_NO;
    return SEK_PROBE_YES;
}

/* --- transactions --- */

static struct quic_tx *tx_new(struct quic_state *s, enum sek_dir dir, uint32_t version)
{
    struct quic_tx *tx = (struct quic_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_QUIC);
    if (!tx)
        return NULL;
    tx->version = version;
    for (int i = 0; i < 4; i++)
        tx->version_bytes[i] = (uint8_t)(version >> (24 - 8 * i));
    tx->base.one_way = true;
    tx->base.progress[dir] = QUIC_COMPLETE;
    tx->base.complete[dir] = true;
    return tx;
}

static void quic_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct quic_tx *tx = (struct quic_tx *)base;
    struct sek_buffer *all[] = {&tx->ua, &tx->sni, &tx->cyu};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        sek_buffer_free(state->pool, all[i]);
    tls_tx_clear(state->pool, &tx->hello);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void quic_close(struct sek_app_state *state)
{
    struct quic_state *s = (struct quic_state *)state;
    sek_buffer_free(state->pool, &s->crypto[0].data);
    sek_buffer_free(state->pool, &s->crypto[1].data);
}

/* --- hello of Google QUIC --- */

/* CYU: version, then the tags in their order. */
static void cyu_make(struct quic_state *s, struct quic_tx *tx, const uint8_t *tags, unsigned count)
{
    uint8_t digest[SEK_DIGEST_MAX];
    char text[8];
    unsigned number = (tx->version >> 8 & 0xff) * 10 + (tx->version & 0xff) - 11u * '0';
    int n = snprintf(text, sizeof text, "%u,", number % 100);
    sek_buffer_add(s->base.pool, &tx->cyu, text, (uint32_t)n, 0);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *tag = tags + 8u * i;
        if (i)
            sek_buffer_add(s->base.pool, &tx->cyu, "-", 1, 0);
        sek_buffer_add(s->base.pool, &tx->cyu, tag, (uint32_t)strnlen((const char *)tag, 4), 0);
    }
    if (sek_digest(SEK_MD5, tx->cyu.data, tx->cyu.len, digest))
        sek_hex_encode(digest, 16, tx->cyu_hash);
}

static bool read_chlo(struct quic_state *s, struct quic_tx *tx, struct sek_bytes data)
{
    const uint8_t *p = data.len ? memmem(data.data, data.len, "CHLO", 4) : NULL;
    if (!p)
        return false;
    struct sek_reader r = sek_reader_make(p, (uint32_t)(data.data + data.len - p));
    sek_reader_skip(&r, 4);
    unsigned count = sek_reader_u16le(&r);
    sek_reader_skip(&r, 2);
    struct sek_bytes tags = sek_reader_bytes(&r, count * 8);
    if (r.failed || !count || count > TAGS_MAX)
        return false;
    cyu_make(s, tx, tags.data, count);
    uint32_t begin = 0;
    for (unsigned i = 0; i < count; i++) {
        struct sek_reader t = sek_reader_make(tags.data + 8u * i, 8);
        sek_reader_skip(&t, 4);
        uint32_t end = sek_reader_u32le(&t);
        if (end < begin || end > sek_reader_left(&r))
            break;
        struct sek_bytes value = {r.data + r.pos + begin, end - begin};
        if (!memcmp(t.data, "SNI\0", 4))
            sek_buffer_add(s->base.pool, &tx->sni, value.data, value.len, 1024);
        if (!memcmp(t.data, "UAID", 4))
            sek_buffer_add(s->base.pool, &tx->ua, value.data, value.len, 1024);
        begin = end;
    }
    return true;
}

/* --- CRYPTO frames --- */

static void range_add(struct quic_crypto *c, uint32_t begin, uint32_t end)
{
    unsigned i = 0;
    while (i < c->range_count && c->ranges[i].end < begin)
        i++;
    unsigned last = i;
    while (last < c->range_count && c->ranges[last].begin <= end) {
        begin = c->ranges[last].begin < begin ? c->ranges[last].begin : begin;
        end = c->ranges[last].end > end ? c->ranges[last].end : end;
        last++;
    }
    if (last == i && c->range_count == RANGES_MAX)
        return;
    memmove(c->ranges + i + 1, c->ranges + last, (c->range_count - last) * sizeof *c->ranges);
    c->range_count = c->range_count - (last - i) + 1;
    c->ranges[i] = (struct quic_range){begin, end};
}

static bool crypto_add(struct quic_state *s, struct quic_crypto *c, uint64_t offset,
                       struct sek_bytes data)
{
    if (offset + data.len > CRYPTO_LIMIT)
        return false;
    uint32_t end = (uint32_t)offset + data.len;
    if (end > c->data.len) {
        if (!sek_buffer_room(s->base.pool, &c->data, end - c->data.len))
            return false;
        memset(c->data.data + c->data.len, 0, end - c->data.len);
        c->data.len = end;
    }
    if (data.len)
        memcpy(c->data.data + offset, data.data, data.len);
    range_add(c, (uint32_t)offset, end);
    return true;
}

static bool skip_ack(struct sek_reader *r, bool ecn)
{
    varint(r);
    varint(r);
    uint64_t ranges = varint(r);
    varint(r);
    for (; ranges && !r->failed; ranges--) {
        varint(r);
        varint(r);
    }
    for (int i = 0; ecn && i < 3; i++)
        varint(r);
    return !r->failed;
}

/* Frames that an Initial packet may have (RFC 9000 section 17.2.2). */
static bool frames(struct quic_state *s, struct quic_tx *tx, enum sek_dir dir,
                   struct sek_bytes plain)
{
    struct sek_reader r = sek_reader_make(plain.data, plain.len);
    while (sek_reader_left(&r) && !r.failed) {
        uint64_t type = varint(&r);
        if (type <= 1)
            continue;
        if (type == 2 || type == 3) {
            skip_ack(&r, type == 3);
            continue;
        }
        if (type != 6)
            return type == 0x1c || type == 0x1d;
        uint64_t offset = varint(&r), len = varint(&r);
        if (len > sek_reader_left(&r))
            return false;
        struct sek_bytes data = sek_reader_bytes(&r, (uint32_t)len);
        if (!crypto_add(s, &s->crypto[dir], offset, data))
            sek_tx_event_any(&tx->base, QUIC_EVENT_FRAGMENT);
    }
    return !r.failed;
}

/* The first handshake message, when all of it is there. */
static void hello_try(struct quic_state *s, struct quic_tx *tx, enum sek_dir dir)
{
    struct quic_crypto *c = &s->crypto[dir];
    uint32_t have = c->range_count && !c->ranges[0].begin ? c->ranges[0].end : 0;
    struct sek_reader r = sek_reader_make(c->data.data, have);
    struct tls_state tls = {.base = {.pool = s->base.pool, .settings = s->base.settings,
                                     .flow = s->base.flow}, .tx = &tx->hello};
    uint8_t type = sek_reader_u8(&r);
    uint32_t size = sek_reader_u24(&r);
    struct sek_reader body = sek_reader_sub(&r, size);
    if (body.failed)
        return;
    if (type == 1 && dir == SEK_TOSERVER)
        tls_client_hello(&tls, body);
    else if (type == 2 && dir == SEK_TOCLIENT)
        tls_server_hello(&tls, body);
    tx->has_hello = true;
    s->hello[dir] = true;
    sek_buffer_free(s->base.pool, &c->data);
    c->range_count = 0;
}

static long decrypt(struct quic_state *s, enum sek_dir dir, const struct quic_packet *p,
                    uint8_t *out)
{
    long n = -1;
    if (s->has_keys)
        n = quic_decrypt(&s->keys[dir], p->whole, p->body, out);
    if (n >= 0 || dir == SEK_TOCLIENT)
        return n;
    /* The first packet, or one after a Retry, which changed the connection id. */
    struct quic_keys fresh[2];
    if (!quic_initial_keys(p->version, p->dcid, fresh))
        return -1;
    n = quic_decrypt(&fresh[dir], p->whole, p->body, out);
    if (n >= 0 || !s->has_keys) {
        memcpy(s->keys, fresh, sizeof fresh);
        s->has_keys = true;
    }
    return n;
}

static void initial(struct quic_state *s, struct quic_tx *tx, enum sek_dir dir,
                    const struct quic_packet *p)
{
    if (s->decrypted++ >= DECRYPT_MAX)
        return;
    uint8_t *plain = sek_pool_get(s->base.pool, p->whole.len);
    if (!plain)
        return;
    long n = decrypt(s, dir, p, plain);
    bool google = tx->version == QUIC_Q050; /* encrypted, but with a hello of its own */
    if (n < 0)
        sek_tx_event_any(&tx->base, QUIC_EVENT_DECRYPT);
    else if (google)
        s->hello[dir] = read_chlo(s, tx, (struct sek_bytes){plain, (uint32_t)n});
    else if (!frames(s, tx, dir, (struct sek_bytes){plain, (uint32_t)n}))
        sek_tx_event_any(&tx->base, QUIC_EVENT_DATA);
    sek_pool_put(s->base.pool, plain, p->whole.len);
    if (n >= 0 && !google)
        hello_try(s, tx, dir);
}

/* After a Retry the keys follow from the connection id that the client uses then; its hello is the
 * same again. */
static bool retry(struct quic_state *s, enum sek_dir dir, const struct quic_packet *p)
{
    if (dir == SEK_TOCLIENT && p->version && p->type == 3) {
        s->retried = true;
        return true;
    }
    if (dir == SEK_TOCLIENT || !s->retried)
        return false;
    s->retried = false;
    s->has_keys = quic_initial_keys(p->version, p->dcid, s->keys);
    return s->hello[dir];
}

static struct sek_app_result quic_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct quic_state *s = (struct quic_state *)state;
    struct sek_reader r = sek_reader_make(data, len);
    struct quic_packet p;
    (void)flags;
    while (sek_reader_left(&r) > 6 && (!s->hello[dir] || s->retried) && packet_read(r, &p)) {
        if (retry(s, dir, &p))
            break;
        if (p.version && p.type == 0) {
            struct quic_tx *tx = tx_new(s, dir, p.version);
            if (!tx)
                break;
            if (p.google)
                read_chlo(s, tx, (struct sek_bytes){p.whole.data + p.body, p.whole.len - p.body});
            else
                initial(s, tx, dir, &p);
        }
        if (p.google || !p.body)
            break;
        sek_reader_skip(&r, p.whole.len);
    }
    return (struct sek_app_result){.consumed = len};
}

const struct sek_app_ops sek_quic_ops = {
    .id = SEK_APP_QUIC,
    .name = "quic",
    .eve_key = "quic",
    .transports = 2,
    .probe = quic_probe,
    .state_size = sizeof(struct quic_state),
    .parse = quic_parse,
    .tx_free = quic_tx_free,
    .close = quic_close,
    .eve = quic_eve,
    .buffers = quic_buffers,
    .events = quic_events,
    .complete = {QUIC_COMPLETE, QUIC_COMPLETE},
};
