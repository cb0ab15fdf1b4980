/* One prefilter: the patterns of some rules as one Hyperscan database, and which rules each leads
 * to. Equal patterns of several rules are one. */
#include "lib/detect/build.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    uint8_t bytes[256];
    uint32_t len;
    bool nocase;
    struct sek_hit hit;
};

#define PATTERN_MAX 120u /* longer ones are cut: the rule itself checks all of it */

static int by_bytes(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    if (x->nocase != y->nocase)
        return x->nocase ? 1 : -1;
    int d = memcmp(x->bytes, y->bytes, x->len);
    return d ? d : (int)(x->hit.rule->order > y->hit.rule->order) -
                       (int)(x->hit.rule->order < y->hit.rule->order);
}

/* Where the end of the pattern can be in a buffer, from offset and depth. */
static void hit_place(const struct sek_content *c, uint32_t skip, uint32_t len, struct sek_hit *hit)
{
    bool fixed = (!c->has_offset || c->offset.var < 0) && (!c->has_depth || c->depth.var < 0) &&
                 !c->has_distance && !c->has_within;
    hit->low = 0;
    hit->high = UINT32_MAX;
    if (!fixed)
        return;
    uint32_t offset = c->has_offset ? (uint32_t)c->offset.number : 0;
    hit->low = offset + skip + len;
    if (c->has_depth)
        hit->high = offset + (uint32_t)c->depth.number - (c->len - skip - len);
}

static void pattern_of(struct sek_rule *r, struct pattern *p)
{
    const struct sek_content *c = &r->fast->content;
    uint32_t skip = c->chop_len ? c->chop_offset : 0;
    uint32_t len = c->chop_len ? c->chop_len : c->len;
    if (len > PATTERN_MAX)
        len = PATTERN_MAX;
    memset(p, 0, sizeof *p);
    memcpy(p->bytes, c->bytes + skip, len);
    p->len = len;
    p->nocase = c->nocase;
    p->hit.rule = r;
    hit_place(c, skip, len, &p->hit);
}

uint32_t prefilter_reach(struct sek_rule *r)
{
    struct pattern p;
    pattern_of(r, &p);
    return p.hit.high;
}

/* What a matcher depends on: the library, the processor, the patterns. False: no key. */
static bool matcher_key(const char **exprs, const unsigned *flags, const size_t *lens, uint32_t count,
                        uint8_t *key)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    hs_platform_info_t platform;
    const char *version = hs_version();
    bool ok = ctx && hs_populate_platform(&platform) == HS_SUCCESS &&
              EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(ctx, version, strlen(version)) &&
              EVP_DigestUpdate(ctx, &platform.tune, sizeof platform.tune) &&
              EVP_DigestUpdate(ctx, &platform.cpu_features, sizeof platform.cpu_features);
    for (uint32_t i = 0; i < count && ok; i++) {
        uint32_t shape[2] = {(uint32_t)lens[i], flags[i]};
        ok = EVP_DigestUpdate(ctx, shape, sizeof shape) && EVP_DigestUpdate(ctx, exprs[i], lens[i]);
    }
    ok = ok && EVP_DigestFinal_ex(ctx, key, NULL);
    EVP_MD_CTX_free(ctx);
    return ok;
}

static enum sek_error matcher_compile(struct sek_prefilter *f, const char **exprs, unsigned *flags,
                                      unsigned *ids, size_t *lens, struct sek_compiled *c,
                                      struct sek_fault *fault)
{
    uint8_t key[32];
    hs_compile_error_t *error = NULL;
    bool keyed = c->cache && matcher_key(exprs, flags, lens, f->pattern_count, key);
    if (keyed)
        f->db = matcher_cache_find(c->cache, key);
    if (f->db)
        return SEK_OK;
    if (hs_compile_lit_multi((const char *const *)exprs, flags, ids, lens, f->pattern_count,
                             HS_MODE_BLOCK, NULL, &f->db, &error) != HS_SUCCESS) {
        sek_fail(fault, SEK_ENOMEM, "Hyperscan cannot compile %u patterns: %s", f->pattern_count,
                 error ? error->message : "unknown error");
        hs_free_compile_error(error);
        return SEK_ENOMEM;
    }
    if (keyed)
        matcher_cache_add(c->cache, key, f->db);
    return SEK_OK;
}

enum sek_error prefilter_build(struct sek_prefilter *f, struct sek_rule **rules,
                                      uint32_t count, struct sek_compiled *c,
                                      struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct pattern *list = calloc(count ? count : 1, sizeof *list);
    const char **exprs = calloc(count ? count : 1, sizeof *exprs);
    unsigned *flags = calloc(count ? count : 1, sizeof *flags);
    unsigned *ids = calloc(count ? count : 1, sizeof *ids);
    size_t *lens = calloc(count ? count : 1, sizeof *lens);
    if (!count)
        goto done;
    f->first = calloc(count + 1, sizeof *f->first);
    f->hits = calloc(count, sizeof *f->hits);
    if (!list || !exprs || !flags || !ids || !lens || !f->first || !f->hits) {
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
        goto done;
    }
    for (uint32_t i = 0; i < count; i++)
        pattern_of(rules[i], &list[i]);
    qsort(list, count, sizeof *list, by_bytes);
    for (uint32_t i = 0; i < count; i++) {
        bool same = i && list[i].len == list[i - 1].len && list[i].nocase == list[i - 1].nocase &&
                    !memcmp(list[i].bytes, list[i - 1].bytes, list[i].len);
        if (!same) {
            uint32_t n = f->pattern_count++;
            exprs[n] = (const char *)list[i].bytes;
            lens[n] = list[i].len;
            flags[n] = list[i].nocase ? HS_FLAG_CASELESS : 0;
            ids[n] = n;
            f->first[n] = i;
        }
        f->hits[i] = list[i].hit;
        if (list[i].hit.high > f->reach)
            f->reach = list[i].hit.high;
        if (list[i].len > f->longest)
            f->longest = list[i].len;
    }
    f->first[f->pattern_count] = count;
    f->rule_count = count;
    if ((rc = matcher_compile(f, exprs, flags, ids, lens, c, fault)))
        goto done;
    if (hs_alloc_scratch(f->db, &c->scratch) != HS_SUCCESS)
        rc = sek_fail(fault, SEK_ENOMEM, "no scratch memory for Hyperscan");
    hs_database_size(f->db, &f->bytes);
    c->database_bytes += f->bytes;
done:
    free(list);
    free(exprs);
    free(flags);
    free(ids);
    free(lens);
    return rc;
}

void prefilter_free(struct sek_prefilter *f)
{
    hs_free_database(f->db);
    free(f->first);
    free(f->hits);
}
