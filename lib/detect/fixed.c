/* Patterns that can stand at one place only (`depth` as long as the content): no search is needed, only a
 * look there. Patterns of the same place and the same length of beginning (up to four bytes) form a
 * class; a class is a hash table from that beginning, without case, to rules. */
#include "lib/detect/build.h"

#include <stdlib.h>
#include <string.h>

/* Case is folded roughly (also for bytes that are no letters): the rule itself checks it all. */
static inline uint32_t folded(const uint8_t *p, uint32_t n)
{
    uint32_t v = 0;
    memcpy(&v, p, n);
    return v | 0x20202020u;
}

static inline uint32_t hash_of(uint32_t v)
{
    return v * 2654435761u;
}

static inline uint32_t slot_of(uint32_t hash, uint32_t mask)
{
    return (hash >> 12) & mask;
}

bool fixed_fits(struct sek_rule *r, uint32_t *at)
{
    const struct sek_content *c = &r->fast->content;
    bool number = (!c->has_offset || c->offset.var < 0) && c->has_depth && c->depth.var < 0;
    if (!number || c->has_distance || c->has_within || c->chop_len ||
        (uint64_t)c->depth.number != c->len)
        return false;
    *at = c->has_offset ? (uint32_t)c->offset.number : 0;
    return *at <= UINT16_MAX;
}

static struct sek_fixed_class *class_of(struct sek_fixed *f, uint32_t at, uint32_t n)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->classes[i].at == at && f->classes[i].bytes == n)
            return &f->classes[i];
    struct sek_fixed_class *more = realloc(f->classes, (f->count + 1) * sizeof *more);
    if (!more)
        return NULL;
    f->classes = more;
    more[f->count] = (struct sek_fixed_class){.at = (uint16_t)at, .bytes = (uint8_t)n};
    return &more[f->count++];
}

/* LIST are the rules of class C: an open hash with room for twice as many. */
static bool class_build(struct sek_fixed_class *c, struct sek_rule **list, uint32_t count)
{
    uint32_t size = 4;
    while (size < count * 2)
        size *= 2;
    c->slots = calloc(size, sizeof *c->slots);
    c->mask = size - 1;
    for (uint32_t i = 0; c->slots && i < count; i++) {
        uint32_t v = folded(list[i]->fast->content.bytes, c->bytes);
        uint32_t at = slot_of(hash_of(v), c->mask);
        c->seen |= 1ull << (hash_of(v) >> 26);
        while (c->slots[at].rule)
            at = (at + 1) & c->mask;
        c->slots[at] = (struct sek_fixed_slot){v, list[i]};
    }
    return c->slots != NULL;
}

static int by_end(const void *a, const void *b)
{
    const struct sek_fixed_class *x = a, *y = b;
    return (x->at + x->bytes) - (y->at + y->bytes);
}

enum sek_error fixed_build(struct sek_fixed *f, struct sek_rule **rules, uint32_t count,
                           struct sek_fault *fault)
{
    struct sek_rule **list = calloc(count + 1, sizeof *list);
    bool ok = list != NULL;
    for (uint32_t i = 0; i < count && ok; i++) {
        uint32_t at = 0, len = rules[i]->fast->content.len;
        fixed_fits(rules[i], &at);
        ok = class_of(f, at, len < 4 ? len : 4) != NULL;
    }
    for (uint32_t k = 0; k < f->count && ok; k++) {
        uint32_t n = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t at = 0, len = rules[i]->fast->content.len;
            fixed_fits(rules[i], &at);
            if (f->classes[k].at == at && f->classes[k].bytes == (len < 4 ? len : 4))
                list[n++] = rules[i];
        }
        ok = class_build(&f->classes[k], list, n);
    }
    free(list);
    if (f->count)
        qsort(f->classes, f->count, sizeof *f->classes, by_end);
    return ok ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
}

void fixed_free(struct sek_fixed *f)
{
    for (uint32_t i = 0; i < f->count; i++)
        free(f->classes[i].slots);
    free(f->classes);
}

void sek_fixed_look(const struct sek_fixed *f, const uint8_t *data, uint32_t len,
                    void (*found)(void *ctx, const struct sek_rule *rule), void *ctx)
{
    for (uint32_t i = 0; i < f->count; i++) {
        const struct sek_fixed_class *c = &f->classes[i];
        if ((uint32_t)c->at + c->bytes > len)
            return; /* classes are sorted by where they end */
        uint32_t v = c->bytes == 4 ? folded(data + c->at, 4) : folded(data + c->at, c->bytes);
        uint32_t hash = hash_of(v);
        if (!(c->seen >> (hash >> 26) & 1))
            continue;
        for (uint32_t at = slot_of(hash, c->mask); c->slots[at].rule; at = (at + 1) & c->mask)
            if (c->slots[at].value == v)
                found(ctx, c->slots[at].rule);
    }
}
