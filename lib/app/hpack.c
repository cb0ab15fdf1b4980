/* HPACK decoding: indexed fields, literals, the dynamic table, and the Huffman code of RFC 7541
 * appendix B. That code is canonical, so the lengths of its symbols say all of it. */
#include "lib/app/hpack.h"

#define STRING_MAX  65536u
#define STATIC_SIZE 61u
#define ENTRY_COST  32u
#define CODE_MAX    30

static const uint8_t code_lengths[257] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

static const struct {
    const char *name, *value;
} static_table[STATIC_SIZE] = {
    {":authority", ""}, {":method", "GET"}, {":method", "POST"}, {":path", "/"},
    {":path", "/index.html"}, {":scheme", "http"}, {":scheme", "https"}, {":status", "200"},
    {":status", "204"}, {":status", "206"}, {":status", "304"}, {":status", "400"},
    {":status", "404"}, {":status", "500"}, {"accept-charset", ""},
    {"accept-encoding", "gzip, deflate"}, {"accept-language", ""}, {"accept-ranges", ""},
    {"accept", ""}, {"access-control-allow-origin", ""}, {"age", ""}, {"allow", ""},
    {"authorization", ""}, {"cache-control", ""}, {"content-disposition", ""},
    {"content-encoding", ""}, {"content-language", ""}, {"content-length", ""},
    {"content-location", ""}, {"content-range", ""}, {"content-type", ""}, {"cookie", ""},
    {"date", ""}, {"etag", ""}, {"expect", ""}, {"expires", ""}, {"from", ""}, {"host", ""},
    {"if-match", ""}, {"if-modified-since", ""}, {"if-none-match", ""}, {"if-range", ""},
    {"if-unmodified-since", ""}, {"last-modified", ""}, {"link", ""}, {"location", ""},
    {"max-forwards", ""}, {"proxy-authenticate", ""}, {"proxy-authorization", ""}, {"range", ""},
    {"referer", ""}, {"refresh", ""}, {"retry-after", ""}, {"server", ""}, {"set-cookie", ""},
    {"strict-transport-security", ""}, {"transfer-encoding", ""}, {"user-agent", ""}, {"vary", ""},
    {"via", ""}, {"www-authenticate", ""},
};

/* Symbols in order of their codes, and where each length begins. */
static struct {
    uint16_t symbols[257];
    uint32_t first[CODE_MAX + 2]; /* code of the first symbol of a length */
    uint16_t begin[CODE_MAX + 2]; /* its place in symbols */
} code;

__attribute__((constructor)) static void code_build(void)
{
    uint32_t next = 0;
    uint16_t at = 0;
    for (unsigned len = 1; len <= CODE_MAX; len++) {
        next <<= 1;
        code.first[len] = next;
        code.begin[len] = at;
        for (unsigned s = 0; s < 257; s++) {
            if (code_lengths[s] == len) {
                code.symbols[at++] = (uint16_t)s;
                next++;
            }
        }
    }
    code.begin[CODE_MAX + 1] = at;
}

static bool huffman(struct sek_pool *pool, struct sek_bytes in, struct sek_buffer *out)
{
    uint32_t bits = 0;
    unsigned len = 0;
    if (!sek_buffer_room(pool, out, in.len * 2))
        return false;
    for (uint32_t i = 0; i < in.len; i++) {
        for (int b = 7; b >= 0; b--) {
            bits = bits << 1 | (in.data[i] >> b & 1);
            len++;
            if (len > CODE_MAX)
                return false;
            uint32_t place = bits - code.first[len];
            if (bits < code.first[len] || place >= (uint32_t)code.begin[len + 1] - code.begin[len])
                continue;
            uint16_t symbol = code.symbols[code.begin[len] + place];
            if (symbol == 256) /* end of string is never sent */
                return false;
            uint8_t c = (uint8_t)symbol;
            sek_buffer_add(pool, out, &c, 1, 0);
            bits = 0;
            len = 0;
        }
    }
    return len < 8;
}

/* An integer with a prefix of BITS (RFC 7541 section 5.1); FIRST is the byte that holds it. */
static uint64_t integer(struct sek_reader *r, uint8_t first, unsigned bits, bool *overflow)
{
    uint64_t max = (1u << bits) - 1, v = first & max;
    if (v < max)
        return v;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t c = sek_reader_u8(r);
        if (shift > 42) {
            *overflow = true;
            return 0;
        }
        v += (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return v;
    }
}

static bool string(struct sek_pool *pool, struct sek_reader *r, struct sek_buffer *out,
                   bool *overflow)
{
    uint8_t first = sek_reader_u8(r);
    uint64_t len = integer(r, first, 7, overflow);
    out->len = 0;
    if (*overflow || len > STRING_MAX || len > sek_reader_left(r))
        return false;
    struct sek_bytes raw = sek_reader_bytes(r, (uint32_t)len);
    if (first & 0x80)
        return huffman(pool, raw, out);
    sek_buffer_add(pool, out, raw.data, raw.len, 0);
    return true;
}

/* --- the dynamic table --- */

static uint32_t cost(const struct hpack_entry *e)
{
    return e->name_len + e->value_len + ENTRY_COST;
}

static void evict(struct sek_pool *pool, struct hpack_table *t, uint32_t limit)
{
    while (t->oldest && t->size > limit) {
        struct hpack_entry *e = t->oldest;
        t->size -= cost(e);
        t->oldest = e->newer;
        if (t->oldest)
            t->oldest->older = NULL;
        else
            t->newest = NULL;
        sek_pool_put(pool, e, sizeof *e + e->name_len + e->value_len);
    }
}

static void insert(struct sek_pool *pool, struct hpack_table *t, struct sek_bytes name,
                   struct sek_bytes value)
{
    uint64_t need = (uint64_t)name.len + value.len + ENTRY_COST;
    if (need > t->limit) { /* empties the table (RFC 7541 section 4.4) */
        evict(pool, t, 0);
        return;
    }
    struct hpack_entry *e = sek_pool_get(pool, sizeof *e + name.len + value.len);
    if (!e)
        return;
    *e = (struct hpack_entry){.name_len = name.len, .value_len = value.len};
    if (name.len)
        memcpy(e->text, name.data, name.len);
    if (value.len)
        memcpy(e->text + name.len, value.data, value.len);
    evict(pool, t, t->limit - (uint32_t)need);
    e->older = t->newest;
    if (t->newest)
        t->newest->newer = e;
    else
        t->oldest = e;
    t->newest = e;
    t->size += cost(e);
}

static bool lookup(const struct hpack_table *t, uint64_t index, struct sek_bytes *name,
                   struct sek_bytes *value)
{
    if (!index)
        return false;
    if (index <= STATIC_SIZE) {
        const char *n = static_table[index - 1].name, *v = static_table[index - 1].value;
        *name = (struct sek_bytes){(const uint8_t *)n, (uint32_t)strlen(n)};
        *value = (struct sek_bytes){(const uint8_t *)v, (uint32_t)strlen(v)};
        return true;
    }
    const struct hpack_entry *e = t->newest;
    for (index -= STATIC_SIZE + 1; e && index; index--)
        e = e->older;
    if (!e)
        return false;
    *name = (struct sek_bytes){e->text, e->name_len};
    *value = (struct sek_bytes){e->text + e->name_len, e->value_len};
    return true;
}

/* A literal: its name by index or as a string, then its value. */
static bool literal(struct sek_pool *pool, struct hpack_table *t, struct sek_reader *r,
                    uint64_t index, bool *overflow)
{
    struct sek_bytes name, unused;
    if (index) {
        if (!lookup(t, index, &name, &unused))
            return false;
        t->name.len = 0;
        sek_buffer_add(pool, &t->name, name.data, name.len, 0);
    } else if (!string(pool, r, &t->name, overflow)) {
        return false;
    }
    return string(pool, r, &t->value, overflow);
}

enum hpack_result hpack_decode(struct sek_pool *pool, struct hpack_table *t, struct sek_bytes block,
                               const struct hpack_sink *sink)
{
    struct sek_reader r = sek_reader_make(block.data, block.len);
    bool overflow = false;
    while (sek_reader_left(&r) && !r.failed) {
        uint8_t first = sek_reader_u8(&r);
        struct sek_bytes name, value;
        bool indexed = first & 0x80, keep = (first & 0xc0) == 0x40;
        if ((first & 0xe0) == 0x20) { /* the table's size */
            uint64_t size = integer(&r, first, 5, &overflow);
            t->limit = size < t->allowed ? (uint32_t)size : t->allowed;
            evict(pool, t, t->limit);
            if (!overflow)
                sink->size_update(sink->ctx, size);
            continue;
        }
        uint64_t index = integer(&r, first, indexed ? 7 : keep ? 6 : 4, &overflow);
        if (overflow)
            break;
        if (indexed ? !lookup(t, index, &name, &value)
                    : !literal(pool, t, &r, index, &overflow))
            return overflow ? HPACK_OVERFLOW : HPACK_INVALID;
        if (!indexed) {
            name = sek_buffer_view(&t->name);
            value = sek_buffer_view(&t->value);
        }
        sink->field(sink->ctx, name, value);
        if (keep)
            insert(pool, t, name, value);
    }
    return overflow ? HPACK_OVERFLOW : r.failed ? HPACK_INVALID : HPACK_OK;
}

void hpack_free(struct sek_pool *pool, struct hpack_table *t)
{
    evict(pool, t, 0);
    sek_buffer_free(pool, &t->name);
    sek_buffer_free(pool, &t->value);
}
