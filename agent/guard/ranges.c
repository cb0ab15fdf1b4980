/* Sort, join, and write the index in front. */
#include "agent/guard/ranges.h"
#include "lib/base/endian.h"

#include <stdlib.h>

static size_t count_family(const struct sek_prefix *list, size_t count, bool v6)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += (list[i].v6 != 0) == v6;
    return n;
}

/* --- IPv4 ------------------------------------------------------------------------------------ */

static int compare4(const void *a, const void *b)
{
    const struct sek_range4 *x = a, *y = b;
    return x->low < y->low ? -1 : x->low > y->low;
}

static struct sek_range4 range4(const struct sek_prefix *p)
{
    uint32_t host = p->bits >= 32 ? 0 : UINT32_MAX >> p->bits;
    uint32_t low = sek_get32(p->address) & ~host;
    return (struct sek_range4){low, low | host};
}

static size_t join4(struct sek_range4 *r, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept && r[i].low <= (uint64_t)r[kept - 1].high + 1) {
            if (r[i].high > r[kept - 1].high)
                r[kept - 1].high = r[i].high;
        } else {
            r[kept++] = r[i];
        }
    }
    return kept;
}

/* As many buckets as ranges, about. */
static unsigned index_bits(size_t count)
{
    unsigned bits = 0;
    while (bits < SEK_RANGES_INDEX_BITS && (size_t)2 << bits <= count)
        bits++;
    return bits;
}

enum sek_error sek_ranges4_build(const struct sek_prefix *list, size_t count,
                                 struct sek_range4 **table, uint32_t *elements,
                                 struct sek_fault *fault)
{
    size_t most = count_family(list, count, false), n = 0;
    unsigned bits = index_bits(most);
    uint32_t buckets = 1u << bits, first = 2 + buckets; /* the index has an end mark */
    struct sek_range4 *t = most > SEK_RANGES_LIMIT ? NULL : calloc(first + most, sizeof *t);
    if (!t)
        return sek_fail(fault, SEK_ELIMIT, "%zu IPv4 prefixes: memory, or the limit of %u", most,
                        SEK_RANGES_LIMIT);
    struct sek_range4 *r = t + first;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].v6)
            r[n++] = range4(&list[i]);
    }
    qsort(r, n, sizeof *r, compare4);
    n = join4(r, n);
    t[0] = (struct sek_range4){32 - bits, first + (uint32_t)n};
    uint32_t at = 0;
    for (uint32_t b = 0; b <= buckets; b++) {
        uint64_t begin = (uint64_t)b << (32 - bits);
        while (at < n && r[at].high < begin)
            at++;
        t[1 + b].low = first + at;
    }
    *table = t;
    *elements = first + (uint32_t)n;
    return SEK_OK;
}

/* --- IPv6 ------------------------------------------------------------------------------------ */

static int compare6(const void *a, const void *b)
{
    const struct sek_range6 *x = a, *y = b;
    return sek_less6(x->low, y->low) ? -1 : sek_less6(y->low, x->low);
}

static uint64_t half_of(const uint8_t *p)
{
    return (uint64_t)sek_get32(p) << 32 | sek_get32(p + 4);
}

static uint64_t host_half(unsigned bits)
{
    return bits >= 64 ? 0 : UINT64_MAX >> bits;
}

static struct sek_range6 range6(const struct sek_prefix *p)
{
    struct sek_range6 r;
    for (unsigned i = 0; i < 2; i++) {
        unsigned behind = i * 64;
        uint64_t host = host_half(p->bits > behind ? p->bits - behind : 0);
        r.low[i] = half_of(p->address + 8 * i) & ~host;
        r.high[i] = r.low[i] | host;
    }
    return r;
}

enum sek_error sek_ranges6_build(const struct sek_prefix *list, size_t count,
                                 struct sek_range6 **table, uint32_t *elements,
                                 struct sek_fault *fault)
{
    size_t most = count_family(list, count, true), n = 0, kept = 0;
    struct sek_range6 *t = most > SEK_RANGES_LIMIT ? NULL : calloc(1 + most, sizeof *t);
    if (!t)
        return sek_fail(fault, SEK_ELIMIT, "%zu IPv6 prefixes: memory, or the limit of %u", most,
                        SEK_RANGES_LIMIT);
    struct sek_range6 *r = t + 1;
    for (size_t i = 0; i < count; i++) {
        if (list[i].v6)
            r[n++] = range6(&list[i]);
    }
    qsort(r, n, sizeof *r, compare6);
    for (size_t i = 0; i < n; i++) {
        if (kept && !sek_less6(r[kept - 1].high, r[i].low)) {
            if (sek_less6(r[kept - 1].high, r[i].high)) {
                r[kept - 1].high[0] = r[i].high[0];
                r[kept - 1].high[1] = r[i].high[1];
            }
        } else {
            r[kept++] = r[i];
        }
    }
    t[0].high[1] = 1 + kept;
    *table = t;
    *elements = 1 + (uint32_t)kept;
    return SEK_OK;
}
