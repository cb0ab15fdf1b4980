/* Whole numbers of 128 bits, for IPv6 addresses: also where the compiler has no such type. */
#ifndef SEK_BASE_WIDE_H
#define SEK_BASE_WIDE_H

#include <stdbool.h>
#include <stdint.h>

struct sek_wide {
    uint64_t high, low;
};

#define SEK_WIDE_MAX ((struct sek_wide){UINT64_MAX, UINT64_MAX})

static inline struct sek_wide sek_wide_of(uint64_t low)
{
    return (struct sek_wide){0, low};
}

/* From COUNT bytes in network order, at most 16. */
static inline struct sek_wide sek_wide_read(const uint8_t *bytes, unsigned count)
{
    struct sek_wide v = {0, 0};
    for (unsigned i = 0; i < count; i++)
        v = (struct sek_wide){v.high << 8 | v.low >> 56, v.low << 8 | bytes[i]};
    return v;
}

/* Below, equal, above: -1, 0, 1. */
static inline int sek_wide_compare(struct sek_wide a, struct sek_wide b)
{
    if (a.high != b.high)
        return a.high < b.high ? -1 : 1;
    return a.low < b.low ? -1 : a.low > b.low;
}

/* One more and one less; the largest and 0 wrap around. */
static inline struct sek_wide sek_wide_next(struct sek_wide v)
{
    return (struct sek_wide){v.high + (v.low == UINT64_MAX), v.low + 1};
}

static inline struct sek_wide sek_wide_previous(struct sek_wide v)
{
    return (struct sek_wide){v.high - (v.low == 0), v.low - 1};
}

/* The lowest BITS bits set, 0 to 128. */
static inline struct sek_wide sek_wide_mask(unsigned bits)
{
    return (struct sek_wide){bits >= 128  ? UINT64_MAX
                             : bits <= 64 ? 0
                                          : ((uint64_t)1 << (bits - 64)) - 1,
                             bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1};
}

#endif
