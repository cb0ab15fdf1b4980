/* Transforms: each reads one buffer and writes the next; the result lives until the next call. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/detect/internal.h"

#include "lib/base/digest.h"
#include "lib/base/encode.h"

#include <ctype.h>
#include <pcre2.h>
#include <zlib.h>

#define INFLATE_LIMIT (64u << 10)

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void digest(struct sek_engine *e, enum sek_digest kind, struct sek_bytes in,
                   struct sek_buffer *out)
{
    uint8_t value[SEK_DIGEST_MAX];
    if (sek_digest(kind, in.data, in.len, value))
        sek_buffer_add(&e->pool, out, value, (uint32_t)sek_digest_size(kind), 0);
}

static uint32_t url_decode(const uint8_t *p, uint32_t len, uint8_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < len; i++) {
        if (p[i] == '%' && i + 2 < len && sek_hex_digit((char)p[i + 1]) >= 0 && sek_hex_digit((char)p[i + 2]) >= 0) {
            out[n++] = (uint8_t)(sek_hex_digit((char)p[i + 1]) << 4 | sek_hex_digit((char)p[i + 2]));
            i += 2;
        } else {
            out[n++] = p[i] == '+' ? ' ' : p[i];
        }
    }
    return n;
}

/* Lines' names up to the colon in lower case. */
static void header_lower(uint8_t *p, uint32_t len)
{
    bool name = true;
    for (uint32_t i = 0; i < len; i++) {
        if (p[i] == '\n')
            name = true;
        else if (p[i] == ':')
            name = false;
        else if (name)
            p[i] = (uint8_t)tolower(p[i]);
    }
}

static uint32_t strip_pseudo(const uint8_t *p, uint32_t len, uint8_t *out)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < len;) {
        const uint8_t *nl = memchr(p + i, '\n', len - i);
        uint32_t end = nl ? (uint32_t)(nl - p) + 1 : len;
        if (p[i] != ':') {
            memcpy(out + n, p + i, end - i);
            n += end - i;
        }
        i = end;
    }
    return n;
}

/* Strict wants nothing but the alphabet, RFC 4648 stops at what is not, RFC 2045 skips it. */
static bool from_base64(const struct sek_transform *t, struct sek_bytes in, uint8_t *out,
                        uint32_t *n)
{
    uint32_t bits = 0;
    int have = 0;
    if (t->offset > in.len)
        return false;
    in.data += t->offset;
    in.len -= t->offset;
    if (t->bytes && t->bytes < in.len)
        in.len = t->bytes;
    *n = 0;
    for (uint32_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        int d = c == '-' || c == '_' ? -1 : sek_base64_digit((char)c);
        if (in.data[i] == '=')
            break;
        if (d < 0) {
            if (t->mode == 0)
                return false;
            if (t->mode == 1)
                break;
            continue;
        }
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[(*n)++] = (uint8_t)(bits >> have);
        }
    }
    return true;
}

/* MOST: bytes that come out at most, 0: the default. */
static bool inflate_all(struct sek_engine *e, struct sek_bytes in, int window, uint32_t most,
                        struct sek_buffer *out)
{
    most = most ? most : INFLATE_LIMIT;
    z_stream z = {.next_in = (Bytef *)in.data, .avail_in = in.len};
    if (inflateInit2(&z, window) != Z_OK)
        return false;
    int r = Z_OK;
    while (r == Z_OK && out->len < most && sek_buffer_room(&e->pool, out, 4096)) {
        z.next_out = out->data + out->len;
        z.avail_out = out->cap - out->len;
        r = inflate(&z, Z_NO_FLUSH);
        out->len = out->cap - z.avail_out;
    }
    inflateEnd(&z);
    if (out->len > most)
        out->len = most;
    return out->len > 0;
}

/* The last label, or the last two: what is registered under most top-level domains. */
static struct sek_bytes labels(struct sek_bytes in, unsigned count)
{
    uint32_t i = in.len;
    while (i && count) {
        i--;
        if (in.data[i] == '.' && !--count)
            return (struct sek_bytes){in.data + i + 1, in.len - i - 1};
    }
    return in;
}

static bool apply(struct sek_engine *e, const struct sek_transform *t, struct sek_bytes in,
                  struct sek_buffer *out)
{
    out->len = 0;
    if (!sek_buffer_room(&e->pool, out, in.len + 64))
        return false;
    uint8_t *o = out->data;
    switch (t->kind) {
    case SEK_TRANSFORM_DOTPREFIX:
        sek_buffer_add(&e->pool, out, ".", 1, 0);
        sek_buffer_add(&e->pool, out, in.data, in.len, 0);
        return true;
    case SEK_TRANSFORM_STRIP_WHITESPACE:
        for (uint32_t i = 0; i < in.len; i++)
            if (!is_blank(in.data[i]))
                o[out->len++] = in.data[i];
        return true;
    case SEK_TRANSFORM_COMPRESS_WHITESPACE:
        for (uint32_t i = 0; i < in.len; i++)
            if (!is_blank(in.data[i]) || !i || !is_blank(in.data[i - 1]))
                o[out->len++] = in.data[i];
        return true;
    case SEK_TRANSFORM_LOWER:
    case SEK_TRANSFORM_UPPER:
        for (uint32_t i = 0; i < in.len; i++)
            o[i] = (uint8_t)(t->kind == SEK_TRANSFORM_LOWER ? tolower(in.data[i])
                                                            : toupper(in.data[i]));
        out->len = in.len;
        return true;
    case SEK_TRANSFORM_MD5:
        digest(e, SEK_MD5, in, out);
        return true;
    case SEK_TRANSFORM_SHA1:
        digest(e, SEK_SHA1, in, out);
        return true;
    case SEK_TRANSFORM_SHA256:
        digest(e, SEK_SHA256, in, out);
        return true;
    case SEK_TRANSFORM_URL_DECODE:
        out->len = url_decode(in.data, in.len, o);
        return true;
    case SEK_TRANSFORM_XOR:
        for (uint32_t i = 0; i < in.len; i++)
            o[i] = in.data[i] ^ t->key[i % t->key_len];
        out->len = in.len;
        return true;
    case SEK_TRANSFORM_PCRE: {
        int rc = pcre2_match(t->code, in.data, in.len, 0, 0, e->pcre_match, e->pcre_context);
        if (rc < 2)
            return true; /* no capture: an empty buffer */
        PCRE2_SIZE *v = pcre2_get_ovector_pointer(e->pcre_match);
        if (v[2] != PCRE2_UNSET)
            sek_buffer_add(&e->pool, out, in.data + v[2], (uint32_t)(v[3] - v[2]), 0);
        return true;
    }
    case SEK_TRANSFORM_FROM_BASE64:
        return from_base64(t, in, o, &out->len);
    case SEK_TRANSFORM_HEADER_LOWER:
        memcpy(o, in.data, in.len);
        out->len = in.len;
        header_lower(o, in.len);
        return true;
    case SEK_TRANSFORM_STRIP_PSEUDO:
        out->len = strip_pseudo(in.data, in.len, o);
        return true;
    case SEK_TRANSFORM_DOMAIN:
    case SEK_TRANSFORM_TLD: {
        struct sek_bytes part = labels(in, t->kind == SEK_TRANSFORM_TLD ? 1 : 2);
        sek_buffer_add(&e->pool, out, part.data, part.len, 0);
        return true;
    }
    case SEK_TRANSFORM_GUNZIP:
        return inflate_all(e, in, 15 + 16, t->bytes, out);
    case SEK_TRANSFORM_ZLIB:
        return inflate_all(e, in, 15, t->bytes, out);
    }
    return false;
}

bool transform_apply(struct sek_engine *e, const struct sek_view *view, struct sek_bytes in,
                     struct sek_bytes *out)
{
    *out = in;
    for (unsigned i = 0; i < view->count; i++) {
        if (!apply(e, &view->transforms[i], *out, &e->transformed[i & 1]))
            return false;
        *out = sek_buffer_view(&e->transformed[i & 1]);
    }
    return true;
}
