/* From indicators to a table. The builder keeps records in a growing array with its own hash
 * index (same hash as the finished table), and strings in one pool where sources and reasons, which
 * repeat in every line of a feed, are kept once. */
#include "lib/reputation/internal.h"
#include "lib/base/encode.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define POOL_LIMIT (1u << 30)

struct sek_reputation_builder {
    struct reputation_record *records; /* key_len 0: removed */
    uint32_t count, cap, live;
    uint32_t *index; /* record + 1, open addressing */
    uint32_t index_cap;
    uint8_t *pool;
    uint32_t pool_len, pool_cap;
    uint32_t interned[256]; /* offsets of recent strings, by hash */
    uint64_t seed;
};

struct parsed {
    uint8_t type, flags;
    uint16_t len;
    uint8_t key[REPUTATION_KEY];
};

struct sek_reputation_builder *sek_reputation_builder_new(void)
{
    struct sek_reputation_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->pool = calloc(1, 4096);
    if (!b->pool) {
        free(b);
        return NULL;
    }
    b->pool_cap = 4096;
    b->pool_len = 1; /* offset 0 is "" */
    if (getrandom(&b->seed, sizeof b->seed, 0) != sizeof b->seed)
        b->seed = (uintptr_t)b;
    return b;
}

void sek_reputation_builder_free(struct sek_reputation_builder *b)
{
    if (!b)
        return;
    free(b->records);
    free(b->index);
    free(b->pool);
    free(b);
}

/* Append to the pool; returns the offset, or 0 when memory or the limit is out. */
static uint32_t pool_add(struct sek_reputation_builder *b, const void *data, uint32_t len)
{
    if (b->pool_len + (uint64_t)len + 1 > POOL_LIMIT)
        return 0;
    if (b->pool_cap - b->pool_len < len + 1) {
        uint32_t cap = b->pool_cap;
        while (cap - b->pool_len < len + 1)
            cap *= 2;
        uint8_t *more = realloc(b->pool, cap);
        if (!more)
            return 0;
        b->pool = more;
        b->pool_cap = cap;
    }
    uint32_t offset = b->pool_len;
    memcpy(b->pool + offset, data, len);
    b->pool_len += len;
    return offset;
}

static bool intern(struct sek_reputation_builder *b, const char *s, uint32_t *offset)
{
    *offset = 0;
    if (!s || !*s)
        return true;
    size_t len = strnlen(s, 200);
    uint32_t *slot = &b->interned[reputation_hash(b->seed, 0xff, (const void *)s, len) & 255];
    if (*slot && !strncmp((char *)b->pool + *slot, s, len) && !b->pool[*slot + len]) {
        *offset = *slot;
        return true;
    }
    *offset = pool_add(b, s, (uint32_t)len);
    if (!*offset || !pool_add(b, "", 1))
        return false;
    *slot = *offset;
    return true;
}

static bool index_grow(struct sek_reputation_builder *b)
{
    uint32_t cap = b->index_cap ? b->index_cap * 2 : 1024;
    uint32_t *index = calloc(cap, sizeof *index);
    if (!index)
        return false;
    for (uint32_t n = 0; n < b->count; n++) {
        const struct reputation_record *rec = &b->records[n];
        uint32_t i = reputation_hash(b->seed, rec->type, b->pool + rec->key, rec->key_len);
        for (i &= cap - 1; index[i]; i = (i + 1) & (cap - 1))
            ;
        index[i] = n + 1;
    }
    free(b->index);
    b->index = index;
    b->index_cap = cap;
    return true;
}

/* The index slot where the record of P is, or where it belongs. */
static uint32_t *index_slot(struct sek_reputation_builder *b, const struct parsed *p)
{
    uint32_t mask = b->index_cap - 1;
    uint32_t i = reputation_hash(b->seed, p->type, p->key, p->len) & mask;
    for (; b->index[i]; i = (i + 1) & mask) {
        const struct reputation_record *rec = &b->records[b->index[i] - 1];
        if (rec->type == p->type && rec->key_len == p->len &&
            !memcmp(b->pool + rec->key, p->key, p->len))
            break;
    }
    return &b->index[i];
}

static bool parse_address(const char *value, struct parsed *p)
{
    char text[64];
    struct in_addr v4;
    struct in6_addr v6;
    size_t len = strlen(value);
    if (len >= sizeof text)
        return false;
    memcpy(text, value, len + 1);
    char *slash = strchr(text, '/');
    long bits = -1;
    if (slash) {
        char *end;
        *slash = '\0';
        if (slash[1] < '0' || slash[1] > '9')
            return false;
        bits = strtol(slash + 1, &end, 10);
        if (*end || bits > 128)
            return false;
    }
    unsigned size = 4;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        memcpy(p->key + 1, &v4, 4);
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        size = 16;
        memcpy(p->key + 1, &v6, 16);
    } else {
        return false;
    }
    if (bits > (long)size * 8)
        return false;
    p->key[0] = (uint8_t)(bits < 0 ? (long)size * 8 : bits);
    for (unsigned i = p->key[0]; i < size * 8; i++)
        p->key[1 + i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    p->type = size == 4 ? SEK_INDICATOR_IP4 : SEK_INDICATOR_IP6;
    p->len = (uint16_t)(size + 1);
    return true;
}

static bool parse_domain(const char *value, struct parsed *p)
{
    bool exact = *value == '=';
    if (exact)
        value++;
    else if (value[0] == '*' && value[1] == '.')
        value += 2;
    else if (value[0] == '.')
        value++;
    p->len = (uint16_t)reputation_domain_key(value, strlen(value), p->key);
    p->type = SEK_INDICATOR_DOMAIN;
    p->flags = exact ? 0 : RECORD_SUBTREE;
    return p->len != 0;
}

static bool parse_url(const char *value, struct parsed *p)
{
    size_t len = strlen(value), host = 0;
    const char *scheme = strstr(value, "://");
    if (len && value[len - 1] == '*') {
        p->flags = RECORD_PREFIX;
        len--;
    }
    if (!scheme) {
        while (host < len && value[host] != '/' && value[host] != '?')
            host++;
        if (host == len)
            return false;
    }
    p->type = SEK_INDICATOR_URL;
    p->len = (uint16_t)reputation_url_key(value, host, value + host, len - host, p->key);
    return p->len != 0;
}

static bool parse_digest(const char *value, uint8_t type, uint16_t len, struct parsed *p)
{
    p->type = type;
    p->len = len;
    return sek_hex_decode(value, p->key, len);
}

/* What VALUE is when a plain list does not say. */
static bool parse_any(const char *value, struct parsed *p)
{
    size_t len = strlen(value);
    if (parse_address(value, p))
        return true;
    if (len == 64 && parse_digest(value, SEK_INDICATOR_SHA256, 32, p))
        return true;
    if (strstr(value, "://") || (strchr(value, '/') && value[0] != '/'))
        return parse_url(value, p);
    return strchr(value, '.') && parse_domain(value, p);
}

static enum sek_error parse_value(const char *type, const char *value, struct parsed *p,
                                  struct sek_fault *fault)
{
    bool good;
    const char *expected = "an address, prefix, domain, URL or SHA-256";
    p->flags = 0;
    if (!value)
        return sek_fail(fault, SEK_EINVAL, "value: missing, expected text");
    if (!type) {
        good = parse_any(value, p);
    } else if (!strcmp(type, "ip") || !strcmp(type, "ip6") || !strcmp(type, "cidr")) {
        good = parse_address(value, p);
        expected = "an IPv4 or IPv6 address or prefix";
    } else if (!strcmp(type, "domain")) {
        good = parse_domain(value, p);
        expected = "a domain name";
    } else if (!strcmp(type, "url")) {
        good = parse_url(value, p);
        expected = "a URL";
    } else if (!strcmp(type, "sha256")) {
        good = parse_digest(value, SEK_INDICATOR_SHA256, 32, p);
        expected = "64 hexadecimal digits";
    } else if (!strcmp(type, "ja3")) {
        good = parse_digest(value, SEK_INDICATOR_JA3, 16, p);
        expected = "32 hexadecimal digits";
    } else {
        return sek_fail(fault, SEK_EINVAL,
                        "type: found '%.40s', expected ip, cidr, domain, url, sha256 or ja3", type);
    }
    if (!good)
        return sek_fail(fault, SEK_EINVAL, "value: found '%.100s', expected %s", value, expected);
    if (p->key[0] == 0 && p->type <= SEK_INDICATOR_IP6)
        return sek_fail(fault, SEK_EINVAL, "value: '%.60s' covers every address", value);
    return SEK_OK;
}

static enum sek_error add_parsed(struct sek_reputation_builder *b, const struct parsed *p,
                                 const struct sek_indicator *i, struct sek_fault *fault)
{
    struct reputation_record rec = {
        .key_len = p->len,
        .type = p->type,
        .flags = p->flags,
        .confidence = (uint8_t)(i->confidence > 100 ? 100 : i->confidence),
        .expiry = (uint32_t)(i->expiry > UINT32_MAX ? 0 : i->expiry),
    };
    if ((b->count + 1) * 2 > b->index_cap && !index_grow(b))
        return sek_fail(fault, SEK_ENOMEM, "out of memory at %u indicators", b->count);
    uint32_t *slot = index_slot(b, p);
    struct reputation_record *old = *slot ? &b->records[*slot - 1] : NULL;
    if (old) {
        old->flags |= rec.flags;
        if (old->expiry && (!rec.expiry || rec.expiry > old->expiry))
            old->expiry = rec.expiry;
        if (old->confidence >= rec.confidence)
            return SEK_OK;
        old->confidence = rec.confidence;
        bool good = intern(b, i->source, &rec.source) && intern(b, i->reason, &rec.reason);
        old->source = rec.source;
        old->reason = rec.reason;
        return good ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "out of memory");
    }
    if (b->count == b->cap) {
        uint32_t cap = b->cap ? b->cap * 2 : 256;
        struct reputation_record *more = realloc(b->records, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "out of memory at %u indicators", b->count);
        b->records = more;
        b->cap = cap;
    }
    rec.key = pool_add(b, p->key, p->len);
    if (!rec.key || !intern(b, i->source, &rec.source) || !intern(b, i->reason, &rec.reason))
        return sek_fail(fault, SEK_ENOMEM, "out of memory at %u indicators", b->count);
    b->records[b->count++] = rec;
    *slot = b->count;
    return SEK_OK;
}

enum sek_error sek_reputation_add(struct sek_reputation_builder *b, const struct sek_indicator *i,
                                  struct sek_fault *fault)
{
    struct parsed p;
    enum sek_error rc = parse_value(i->type, i->value, &p, fault);
    return rc ? rc : add_parsed(b, &p, i, fault);
}

enum sek_error sek_reputation_remove(struct sek_reputation_builder *b, const char *type,
                                     const char *value, struct sek_fault *fault)
{
    struct parsed p;
    enum sek_error rc = parse_value(type, value, &p, fault);
    if (rc || !b->index_cap)
        return rc;
    uint32_t *slot = index_slot(b, &p);
    if (*slot)
        b->records[*slot - 1].expiry = 1; /* long past: left out when the table is built */
    return SEK_OK;
}

struct copy {
    struct sek_reputation_builder *builder;
    const struct sek_reputation *table;
    uint32_t next;
    enum sek_error rc;
    struct sek_fault *fault;
};

static bool copy_one(void *context, const struct sek_reputation_hit *hit)
{
    struct copy *c = context;
    struct parsed p = {.type = (uint8_t)hit->type, .len = hit->key_len};
    struct sek_indicator i = {
        .source = hit->source,
        .reason = hit->reason,
        .confidence = hit->confidence,
        .expiry = hit->expiry,
    };
    p.flags = c->table->records[c->next++].flags;
    memcpy(p.key, hit->key, hit->key_len);
    c->rc = add_parsed(c->builder, &p, &i, c->fault);
    return c->rc == SEK_OK;
}

enum sek_error sek_reputation_add_table(struct sek_reputation_builder *b,
                                        const struct sek_reputation *r, struct sek_fault *fault)
{
    struct copy c = {b, r, 0, SEK_OK, fault};
    sek_reputation_each(r, copy_one, &c);
    return c.rc;
}

static void place(struct sek_reputation *r, struct reputation_header *h, uint32_t n)
{
    struct reputation_slot *slots = (struct reputation_slot *)(uintptr_t)r->slots;
    const struct reputation_record *rec = &r->records[n];
    uint32_t mask = h->slot_count - 1;
    uint32_t hash = reputation_hash(h->seed, rec->type, r->pool + rec->key, rec->key_len);
    uint32_t i = hash & mask;
    while (slots[i].record)
        i = (i + 1) & mask;
    slots[i] = (struct reputation_slot){hash, n + 1};
    h->counts[rec->type]++;
    uint8_t bits = r->pool[rec->key];
    if (rec->type == SEK_INDICATOR_IP4)
        h->lengths4 |= 1ull << bits;
    else if (rec->type == SEK_INDICATOR_IP6)
        h->lengths6[bits / 64] |= 1ull << bits % 64;
}

enum sek_error sek_reputation_build(struct sek_reputation_builder *b, struct sek_reputation **out,
                                    struct sek_fault *fault)
{
    uint32_t live = 0, slots = 16;
    for (uint32_t n = 0; n < b->count; n++)
        live += b->records[n].expiry != 1;
    while (slots < live * 2u)
        slots *= 2;
    size_t size = sizeof(struct reputation_header) + live * sizeof(struct reputation_record) +
                  slots * sizeof(struct reputation_slot) + b->pool_len + 1;
    struct sek_reputation *r = calloc(1, sizeof *r);
    struct reputation_header *h = calloc(1, size);
    if (!r || !h) {
        free(r);
        free(h);
        return sek_fail(fault, SEK_ENOMEM, "out of memory for %u indicators", live);
    }
    memcpy(h->magic, REPUTATION_MAGIC, 8);
    h->seed = b->seed;
    h->record_count = live;
    h->slot_count = slots;
    h->pool_size = b->pool_len + 1;
    h->size_check = (uint32_t)size;
    struct reputation_record *records = (void *)(h + 1);
    uint8_t *pool = (uint8_t *)h + size - h->pool_size;
    memcpy(pool, b->pool, b->pool_len);
    *r = (struct sek_reputation){
        .header = h,
        .records = records,
        .slots = (void *)(records + live),
        .pool = pool,
        .size = size,
    };
    uint32_t to = 0;
    for (uint32_t n = 0; n < b->count; n++) {
        if (b->records[n].expiry == 1)
            continue;
        records[to] = b->records[n];
        place(r, h, to++);
    }
    *out = r;
    return SEK_OK;
}
