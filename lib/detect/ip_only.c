/* Index of the rules that look at nothing but addresses (block lists, tens of thousands of prefixes): one
 * sweep over the sorted borders of all their ranges makes ranges that do not overlap, each with the
 * rules that hold in it. A packet costs two binary searches, however many rules there are. */
#include "lib/detect/build.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX (8u << 20) /* rules of all ranges of one side */

/* Where a rule begins or ceases to hold. */
struct border {
    struct sek_wide at;
    struct sek_rule *rule;
    bool ends;
};

struct borders {
    struct border *items;
    size_t count, cap;
};

static bool border_add(struct borders *b, struct sek_wide at, struct sek_rule *rule, bool ends)
{
    if (b->count == b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 1024;
        struct border *more = realloc(b->items, cap * sizeof *more);
        if (!more)
            return false;
        b->items = more;
        b->cap = cap;
    }
    b->items[b->count++] = (struct border){at, rule, ends};
    return true;
}

static int by_place(const void *a, const void *b)
{
    const struct border *x = a, *y = b;
    return sek_wide_compare(x->at, y->at);
}

/* Does the set name less than one address in 256? */
static bool narrow(const struct sek_address_set *s)
{
    uint64_t size = 0;
    if (!s)
        return false;
    for (uint32_t i = 0; i < s->v4_count; i++)
        size += (uint64_t)s->v4[i].high - s->v4[i].low + 1;
    return size < (1u << 24) && s->v6_count < 256;
}

/* Borders of SET for one IP version. The last address of all has no end after it. */
static bool set_borders(struct borders *b, const struct sek_address_set *set, int v6,
                        struct sek_rule *r)
{
    bool ok = true;
    for (uint32_t i = 0; !v6 && i < set->v4_count && ok; i++)
        ok = border_add(b, sek_wide_of(set->v4[i].low), r, false) &&
             border_add(b, sek_wide_of((uint64_t)set->v4[i].high + 1), r, true);
    for (uint32_t i = 0; v6 && i < set->v6_count && ok; i++)
        ok = border_add(b, set->v6[i].low, r, false) &&
             (!sek_wide_compare(set->v6[i].high, SEK_WIDE_MAX) ||
              border_add(b, sek_wide_next(set->v6[i].high), r, true));
    return ok;
}

/* One more range that begins AT, with the rules that hold now. */
static bool range_add(struct sek_ip_side *s, struct sek_wide at, struct sek_rule *const *active,
                      uint32_t active_count, uint32_t *room)
{
    uint32_t begin = s->first[s->count];
    if (begin + active_count > ENTRIES_MAX)
        return false;
    if (begin + active_count > *room) {
        uint32_t cap = (begin + active_count) * 2;
        struct sek_rule **more = realloc(s->rules, cap * sizeof *more);
        if (!more)
            return false;
        s->rules = more;
        *room = cap;
    }
    if (active_count)
        memcpy(s->rules + begin, active, active_count * sizeof *active);
    s->low[s->count++] = at;
    s->first[s->count] = begin + active_count;
    return true;
}

static bool sweep(struct sek_ip_side *s, struct borders *b, uint32_t rule_count)
{
    struct sek_rule **active = calloc(rule_count + 1, sizeof *active);
    uint32_t active_count = 0, room = 0;
    s->low = calloc(b->count + 1, sizeof *s->low);
    s->first = calloc(b->count + 2, sizeof *s->first);
    bool ok = active && s->low && s->first;
    if (ok && b->count)
        qsort(b->items, b->count, sizeof *b->items, by_place);
    for (size_t i = 0; i < b->count && ok;) {
        struct sek_wide at = b->items[i].at;
        for (; i < b->count && !sek_wide_compare(b->items[i].at, at); i++) {
            struct border *x = &b->items[i];
            uint32_t k = 0;
            while (k < active_count && active[k] != x->rule)
                k++;
            if (!x->ends && k == active_count)
                active[active_count++] = x->rule;
            else if (x->ends && k < active_count)
                active[k] = active[--active_count];
        }
        ok = range_add(s, at, active, active_count, &room);
    }
    free(active);
    return ok;
}

static int side_of(const struct sek_rule *r)
{
    if (r->flags & SEK_RULE_BOTH_WAYS)
        return -1;
    return narrow(r->src) ? 0 : narrow(r->dst) ? 1 : -1;
}

enum sek_error ip_only_build(struct sek_compiled *c, struct sek_fault *fault)
{
    struct sek_ip_only *all = &c->ip_only;
    struct borders b[2][2] = {0};
    uint32_t n = c->rules->count;
    bool ok = (all->wide = calloc(n + 1, sizeof *all->wide)) != NULL;
    for (uint32_t i = 0; i < n && ok; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (!(r->flags & SEK_RULE_IP_ONLY) || r->flags & SEK_RULE_DECODER)
            continue;
        int side = side_of(r);
        all->count++;
        if (side < 0) {
            all->wide[all->wide_count++] = r;
            continue;
        }
        const struct sek_address_set *set = side ? r->dst : r->src;
        ok = set_borders(&b[side][0], set, 0, r) && set_borders(&b[side][1], set, 1, r);
    }
    for (int side = 0; side < 2; side++) {
        for (int v6 = 0; v6 < 2; v6++) {
            ok = ok && sweep(&all->side[side][v6], &b[side][v6], all->count);
            free(b[side][v6].items);
        }
    }
    return ok ? SEK_OK
              : sek_fail(fault, SEK_ELIMIT, "rules about addresses alone: out of memory, or over %u "
                                            "rules in overlapping ranges", ENTRIES_MAX);
}

void ip_only_free(struct sek_compiled *c)
{
    for (int i = 0; i < 4; i++) {
        struct sek_ip_side *s = &c->ip_only.side[i / 2][i % 2];
        free(s->low);
        free(s->first);
        free(s->rules);
    }
    free(c->ip_only.wide);
}

uint32_t sek_ip_only_find(const struct sek_ip_only *all, int side, int version,
                          const struct sek_addr *addr, struct sek_rule *const **rules)
{
    const struct sek_ip_side *s = &all->side[side][version == 6];
    struct sek_wide v = sek_wide_read(addr->bytes, version == 4 ? 4 : 16);
    uint32_t low = 0, high = s->count; /* the last range that begins at or before V */
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (sek_wide_compare(s->low[mid], v) <= 0)
            low = mid + 1;
        else
            high = mid;
    }
    if (!low)
        return 0;
    *rules = s->rules + s->first[low - 1];
    return s->first[low] - s->first[low - 1];
}
