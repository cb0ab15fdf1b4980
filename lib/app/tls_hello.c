/* Hello messages, and the fingerprints made of them: JA3 and JA3S (MD5 over the offered numbers) and
 * JA4 (sorted, truncated SHA-256). Numbers reserved as GREASE (RFC 8701) are left out of all. */
#include "lib/app/tls.h"

#include "lib/base/digest.h"
#include "lib/base/encode.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST_MAX 200

struct numbers {
    uint16_t v[LIST_MAX];
    unsigned count;
};

struct hello {
    uint16_t version, best_version;
    struct numbers ciphers, extensions, groups, formats, signatures;
    struct sek_bytes alpns; /* as on the wire: length, name, ... */
    bool has_sni;
};

static bool grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

static void number_add(struct numbers *n, uint16_t v)
{
    if (!grease(v) && n->count < LIST_MAX)
        n->v[n->count++] = v;
}

static void read_list(struct sek_reader *r, struct numbers *out)
{
    while (sek_reader_left(r) >= 2)
        number_add(out, sek_reader_u16(r));
}

static void read_sni(struct tls_state *s, struct sek_reader r)
{
    struct sek_tx *tx = &s->tx->base;
    uint16_t list = sek_reader_u16(&r);
    uint8_t type = sek_reader_u8(&r);
    uint16_t size = sek_reader_u16(&r);
    if (r.failed)
        return;
    if (type)
        sek_tx_event(tx, SEK_TOSERVER, TLS_EVENT_SNI_TYPE);
    struct sek_bytes name = sek_reader_bytes(&r, size);
    if (r.failed || size > 255 || list < size + 3u) {
        sek_tx_event(tx, SEK_TOSERVER, TLS_EVENT_SNI_LENGTH);
        return;
    }
    s->tx->sni = tls_keep(s, name.data, name.len);
}

static void read_extension(struct tls_state *s, struct hello *h, uint16_t type, struct sek_reader r,
                           enum sek_dir dir)
{
    switch (type) {
    case 0:
        if (dir == SEK_TOCLIENT)
            return;
        if (s && h->has_sni)
            sek_tx_event(&s->tx->base, dir, TLS_EVENT_MULTIPLE_SNI);
        else if (s)
            read_sni(s, r);
        h->has_sni = true;
        return;
    case 10:
        sek_reader_skip(&r, 2);
        read_list(&r, &h->groups);
        return;
    case 11:
        for (uint8_t n = sek_reader_u8(&r); n && sek_reader_left(&r); n--)
            h->formats.count < LIST_MAX ? (void)(h->formats.v[h->formats.count++] = sek_reader_u8(&r))
                                        : sek_reader_skip(&r, 1);
        return;
    case 13:
        sek_reader_skip(&r, 2);
        read_list(&r, &h->signatures);
        return;
    case 16:
        sek_reader_skip(&r, 2);
        h->alpns = sek_reader_bytes(&r, sek_reader_left(&r));
        if (s)
            s->tx->alpn[dir] = tls_keep(s, h->alpns.data, h->alpns.len);
        return;
    case 43: { /* supported versions */
        struct numbers n = {0};
        if (dir == SEK_TOSERVER)
            sek_reader_skip(&r, 1);
        read_list(&r, &n);
        for (unsigned i = 0; i < n.count; i++)
            if (n.v[i] > h->best_version)
                h->best_version = n.v[i];
        return;
    }
    }
}

static void read_extensions(struct tls_state *s, struct hello *h, struct sek_reader *r,
                            enum sek_dir dir)
{
    struct sek_reader list = sek_reader_sub(r, sek_reader_u16(r));
    while (!list.failed && sek_reader_left(&list) >= 4) {
        uint16_t type = sek_reader_u16(&list);
        struct sek_reader body = sek_reader_sub(&list, sek_reader_u16(&list));
        if (list.failed)
            return;
        number_add(&h->extensions, type);
        if (!grease(type))
            read_extension(s, h, type, body, dir);
    }
}

/* Text of a fingerprint while it is written; long enough for five full lists. */
struct writer {
    char text[8192];
    uint32_t len;
};

static void put_char(struct writer *w, char c)
{
    if (w->len < sizeof w->text)
        w->text[w->len++] = c;
}

static void put_number(struct writer *w, unsigned v)
{
    char digits[5];
    unsigned n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10));
    while (n)
        put_char(w, digits[--n]);
}

static void put_list(struct writer *w, const struct numbers *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (i)
            put_char(w, '-');
        put_number(w, list->v[i]);
    }
}

static void put_hex_list(struct writer *w, const struct numbers *list)
{
    static const char digits[] = "0123456789abcdef";
    for (unsigned i = 0; i < list->count; i++) {
        if (i)
            put_char(w, ',');
        for (int shift = 12; shift >= 0; shift -= 4)
            put_char(w, digits[list->v[i] >> shift & 15]);
    }
}

static void md5_hex(const struct writer *w, char out[33])
{
    uint8_t digest[SEK_DIGEST_MAX];
    if (sek_digest(SEK_MD5, w->text, w->len, digest))
        sek_hex_encode(digest, 16, out);
}

static int by_value(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void hash12(const struct writer *w, char out[13])
{
    char hex[SEK_SHA256_HEX];
    if (!w->len) {
        memcpy(out, "000000000000", 13);
        return;
    }
    sek_sha256_hex(w->text, w->len, hex);
    memcpy(out, hex, 12);
    out[12] = '\0';
}

static char alpn_char(uint8_t c, bool high)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return (char)c;
    return "0123456789abcdef"[high ? c >> 4 : c & 15];
}

static unsigned at_most_99(unsigned v)
{
    return v > 99 ? 99 : v;
}

static void make_ja4(const struct hello *h, char transport, char out[TLS_JA4_SIZE])
{
    struct writer list = {.len = 0};
    char ciphers[13], extensions[13];
    uint16_t v = h->best_version ? h->best_version : h->version;
    const char *version = v == 0x0304 ? "13" : v == 0x0303 ? "12" : v == 0x0302 ? "11"
                          : v == 0x0301 ? "10" : v == 0x0300 ? "s3" : v == 0x0002 ? "s2" : "00";
    struct numbers sorted = h->ciphers, ext = {.count = 0};
    struct sek_bytes alpn = tls_alpn(h->alpns, 0);
    qsort(sorted.v, sorted.count, sizeof sorted.v[0], by_value);
    put_hex_list(&list, &sorted);
    hash12(&list, ciphers);
    for (unsigned i = 0; i < h->extensions.count; i++)
        if (h->extensions.v[i] != 0 && h->extensions.v[i] != 16)
            ext.v[ext.count++] = h->extensions.v[i];
    qsort(ext.v, ext.count, sizeof ext.v[0], by_value);
    list.len = 0;
    put_hex_list(&list, &ext);
    if (h->signatures.count) {
        put_char(&list, '_');
        put_hex_list(&list, &h->signatures);
    }
    hash12(&list, extensions);
    snprintf(out, TLS_JA4_SIZE, "%c%s%c%02u%02u%c%c_%s_%s", transport, version,
             h->has_sni ? 'd' : 'i', at_most_99(h->ciphers.count), at_most_99(h->extensions.count),
             alpn.len ? alpn_char(alpn.data[0], true) : '0',
             alpn.len ? alpn_char(alpn.data[alpn.len - 1], false) : '0', ciphers, extensions);
}

/* The fields of a ClientHello; S is NULL when it is read again for a fingerprint. */
static bool read_client_hello(struct tls_state *s, struct sek_reader r, struct hello *h)
{
    h->version = sek_reader_u16(&r);
    struct sek_bytes random = sek_reader_bytes(&r, 32);
    sek_reader_skip(&r, sek_reader_u8(&r));
    struct sek_reader ciphers = sek_reader_sub(&r, sek_reader_u16(&r));
    read_list(&ciphers, &h->ciphers);
    sek_reader_skip(&r, sek_reader_u8(&r));
    if (r.failed)
        return false;
    if (s) {
        s->tx->version = h->version;
        sek_buffer_add(s->base.pool, &s->tx->random[0], random.data, random.len, 0);
    }
    if (sek_reader_left(&r) >= 2)
        read_extensions(s, h, &r, SEK_TOSERVER);
    return true;
}

void tls_client_hello(struct tls_state *s, struct sek_reader r)
{
    struct hello h = {0};
    struct writer w;
    if (s->tx->ja3_hash[0])
        return; /* a second hello (retry) does not replace the first */
    s->tx->hello = tls_keep(s, r.data, r.len);
    if (!read_client_hello(s, r, &h)) {
        sek_tx_event(&s->tx->base, SEK_TOSERVER, TLS_EVENT_HANDSHAKE_MESSAGE);
        return;
    }
    w.len = 0;
    put_number(&w, h.version);
    put_char(&w, ',');
    put_list(&w, &h.ciphers);
    put_char(&w, ',');
    put_list(&w, &h.extensions);
    put_char(&w, ',');
    put_list(&w, &h.groups);
    put_char(&w, ',');
    put_list(&w, &h.formats);
    md5_hex(&w, s->tx->ja3_hash);
    s->tx->ja3 = tls_keep(s, w.text, w.len);
}

const char *tls_ja4(struct tls_tx *tx, char transport)
{
    struct hello h = {0};
    struct sek_bytes raw = tls_text(tx, tx->hello);
    if (!tx->ja4[0] && raw.len && read_client_hello(NULL, sek_reader_make(raw.data, raw.len), &h))
        make_ja4(&h, transport, tx->ja4);
    return tx->ja4;
}

void tls_server_hello(struct tls_state *s, struct sek_reader r)
{
    struct hello h = {0};
    struct writer w;
    h.version = sek_reader_u16(&r);
    struct sek_bytes random = sek_reader_bytes(&r, 32);
    sek_reader_skip(&r, sek_reader_u8(&r));
    uint16_t cipher = sek_reader_u16(&r);
    sek_reader_skip(&r, 1);
    if (r.failed || s->tx->ja3s_hash[0])
        return;
    sek_buffer_add(s->base.pool, &s->tx->random[1], random.data, random.len, 0);
    if (sek_reader_left(&r) >= 2)
        read_extensions(s, &h, &r, SEK_TOCLIENT);
    s->tx->version = h.best_version ? h.best_version : h.version;
    w.len = 0;
    put_number(&w, h.version);
    put_char(&w, ',');
    put_number(&w, cipher);
    put_char(&w, ',');
    put_list(&w, &h.extensions);
    md5_hex(&w, s->tx->ja3s_hash);
    s->tx->ja3s = tls_keep(s, w.text, w.len);
}
