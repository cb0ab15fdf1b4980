/* The matcher for processors without Hyperscan. A bit for each pair of bytes (letters folded) says
 * whether a literal ends in it; where one may, the literals of that pair are compared. One byte long
 * literals have a table of their own. The whole database is one block of memory with offsets. */
#include "lib/base/matcher.h"

#ifdef SEK_WITHOUT_HYPERSCAN

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS   65536u
#define BUCKETS 4096u
#define NONE    UINT32_MAX

struct literal {
    uint32_t id, len, next; /* next of its bucket, or NONE */
    uint32_t bytes;         /* offset from the database's beginning */
    uint32_t caseless;
};

struct hs_database {
    uint32_t size, count;
    uint8_t ends[PAIRS / 8];
    uint32_t buckets[BUCKETS];
    uint32_t single[256]; /* literals of one byte */
    struct literal literals[];
};

struct hs_scratch {
    int unused;
};

static uint8_t fold(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static uint32_t pair_of(const uint8_t *last)
{
    return (uint32_t)fold(last[-1]) << 8 | fold(last[0]);
}

static uint32_t bucket_of(uint32_t pair)
{
    return (pair * 2654435761u) >> 20 & (BUCKETS - 1);
}

const char *hs_version(void)
{
    return "literals 1";
}

hs_error_t hs_populate_platform(hs_platform_info_t *platform)
{
    *platform = (hs_platform_info_t){0};
    return HS_SUCCESS;
}

static void add(struct hs_database *db, uint32_t index)
{
    struct literal *l = &db->literals[index];
    const uint8_t *bytes = (const uint8_t *)db + l->bytes;
    uint32_t *head;
    if (l->len == 1) {
        head = &db->single[fold(bytes[0])];
    } else {
        uint32_t pair = pair_of(bytes + l->len - 1);
        db->ends[pair / 8] |= (uint8_t)(1u << pair % 8);
        head = &db->buckets[bucket_of(pair)];
    }
    l->next = *head;
    *head = index;
}

hs_error_t hs_compile_lit_multi(const char *const *expressions, const unsigned *flags,
                                const unsigned *ids, const size_t *lens, unsigned count,
                                unsigned mode, const hs_platform_info_t *platform,
                                hs_database_t **out, hs_compile_error_t **error)
{
    size_t size = sizeof(struct hs_database) + count * sizeof(struct literal);
    (void)mode;
    (void)platform;
    *error = NULL;
    *out = NULL;
    for (unsigned i = 0; i < count; i++)
        size += lens[i];
    struct hs_database *db = size <= UINT32_MAX ? calloc(1, size) : NULL;
    if (!db)
        return HS_NOMEM;
    db->size = (uint32_t)size;
    db->count = count;
    memset(db->buckets, 0xff, sizeof db->buckets);
    memset(db->single, 0xff, sizeof db->single);
    uint32_t at = (uint32_t)(sizeof *db + count * sizeof(struct literal));
    for (unsigned i = 0; i < count; i++) {
        if (!lens[i]) {
            free(db);
            return HS_INVALID;
        }
        db->literals[i] = (struct literal){.id = ids[i],
                                           .len = (uint32_t)lens[i],
                                           .bytes = at,
                                           .caseless = flags[i] & HS_FLAG_CASELESS};
        memcpy((uint8_t *)db + at, expressions[i], lens[i]);
        at += (uint32_t)lens[i];
        add(db, i);
    }
    *out = db;
    return HS_SUCCESS;
}

hs_error_t hs_free_compile_error(hs_compile_error_t *error)
{
    free(error);
    return HS_SUCCESS;
}

hs_error_t hs_free_database(hs_database_t *db)
{
    free(db);
    return HS_SUCCESS;
}

hs_error_t hs_database_size(const hs_database_t *db, size_t *size)
{
    *size = db->size;
    return HS_SUCCESS;
}

hs_error_t hs_serialize_database(const hs_database_t *db, char **bytes, size_t *len)
{
    *bytes = malloc(db->size);
    if (!*bytes)
        return HS_NOMEM;
    memcpy(*bytes, db, db->size);
    *len = db->size;
    return HS_SUCCESS;
}

/* The caller's digest covers BYTES (see matcher_cache.c); here only the frame is checked. */
hs_error_t hs_deserialize_database(const char *bytes, size_t len, hs_database_t **out)
{
    struct hs_database *db = len >= sizeof *db ? malloc(len) : NULL;
    if (!db)
        return HS_INVALID;
    memcpy(db, bytes, len);
    bool good = db->size == len &&
                db->count <= (len - sizeof *db) / sizeof(struct literal);
    for (uint32_t i = 0; good && i < db->count; i++) {
        const struct literal *l = &db->literals[i];
        good = l->len && l->bytes <= len && l->len <= len - l->bytes &&
               (l->next == NONE || l->next < i); /* chains only lead back */
    }
    for (uint32_t i = 0; good && i < BUCKETS + 256; i++) {
        uint32_t head = i < BUCKETS ? db->buckets[i] : db->single[i - BUCKETS];
        good = head == NONE || head < db->count;
    }
    if (!good) {
        free(db);
        return HS_INVALID;
    }
    *out = db;
    return HS_SUCCESS;
}

hs_error_t hs_alloc_scratch(const hs_database_t *db, hs_scratch_t **scratch)
{
    (void)db;
    if (!*scratch)
        *scratch = calloc(1, sizeof **scratch);
    return *scratch ? HS_SUCCESS : HS_NOMEM;
}

hs_error_t hs_clone_scratch(const hs_scratch_t *from, hs_scratch_t **to)
{
    (void)from;
    *to = calloc(1, sizeof **to);
    return *to ? HS_SUCCESS : HS_NOMEM;
}

hs_error_t hs_free_scratch(hs_scratch_t *scratch)
{
    free(scratch);
    return HS_SUCCESS;
}

/* Does L end at LAST, the END-th byte of the data? */
static bool ends_here(const struct hs_database *db, const struct literal *l, const uint8_t *last,
                      uint32_t end)
{
    const uint8_t *bytes = (const uint8_t *)db + l->bytes, *at = last + 1 - l->len;
    if (l->len > end)
        return false;
    if (!l->caseless)
        return !memcmp(bytes, at, l->len);
    for (uint32_t i = 0; i < l->len; i++) {
        if (fold(bytes[i]) != fold(at[i]))
            return false;
    }
    return true;
}

static bool tell(const struct hs_database *db, uint32_t head, const uint8_t *last, uint32_t end,
                 match_event_handler on_match, void *context)
{
    for (uint32_t i = head; i != NONE; i = db->literals[i].next) {
        const struct literal *l = &db->literals[i];
        if (ends_here(db, l, last, end) && on_match(l->id, 0, end, 0, context))
            return false;
    }
    return true;
}

hs_error_t hs_scan(const hs_database_t *db, const char *data, unsigned len, unsigned flags,
                   hs_scratch_t *scratch, match_event_handler on_match, void *context)
{
    const uint8_t *p = (const uint8_t *)data;
    (void)flags;
    (void)scratch;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t single = db->single[fold(p[i])];
        if (single != NONE && !tell(db, single, p + i, i + 1, on_match, context))
            return HS_SCAN_TERMINATED;
        if (i == 0)
            continue;
        uint32_t pair = pair_of(p + i);
        if (db->ends[pair / 8] >> pair % 8 & 1 &&
            !tell(db, db->buckets[bucket_of(pair)], p + i, i + 1, on_match, context))
            return HS_SCAN_TERMINATED;
    }
    return HS_SUCCESS;
}

#endif
