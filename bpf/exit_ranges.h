/* A list of address ranges that is asked in a few steps, and in about 8 bytes an IPv4 prefix: the
 * ranges are sorted and apart from each other, and an index by the first bits of the address says
 * where to look. All is one array of elements:
 *
 *   [0] header | [1 .. 1 + buckets] index (IPv4 only) | ranges
 *
 * Made by agent/guard/ranges.c. The look-up is here because the kernel's programs and the unit
 * tests share it: AT(TABLE, INDEX) gives the pointer to an element, or NULL. */
#ifndef SEK_BPF_EXIT_RANGES_H
#define SEK_BPF_EXIT_RANGES_H

#include <linux/types.h>

/* Bits of the largest index, and of the number of ranges: so many steps a search takes at most. */
#define SEK_RANGES_INDEX_BITS 16
#define SEK_RANGES_STEPS      22

/* Addresses in host order. As header: low is the shift that makes a bucket of an address (0..32),
 * high is the number of elements. As index: low is the element where the bucket's ranges begin. */
struct sek_range4 {
    __u32 low, high;
};

/* The address's two halves, in host order. As header: high[1] is the number of elements. */
struct sek_range6 {
    __u64 low[2], high[2];
};

static inline __attribute__((always_inline)) int sek_less6(const __u64 *a, const __u64 *b)
{
    return a[0] < b[0] || (a[0] == b[0] && a[1] < b[1]);
}

/* All ones when A < B, else 0; without a branch, because the kernel's verifier follows each. */
static inline __attribute__((always_inline)) __u32 sek_less4_mask(__u32 a, __u32 b)
{
    return (__u32)((__s64)((__u64)a - (__u64)b) >> 63);
}

/* The first of COUNT elements from LOW on that does not end before the address is kept in LOW. */
#define SEK_RANGES_SEARCH(AT, BEFORE)                                                              \
    for (int step = 0; step < SEK_RANGES_STEPS && count; step++) {                                 \
        __u32 half = count / 2;                                                                    \
        if (!(r = AT(table, low + half)))                                                          \
            return 0;                                                                              \
        __u32 mask = BEFORE;                                                                       \
        low += (half + 1) & mask;                                                                  \
        count = (half & ~mask) | ((count - half - 1) & mask);                                      \
    }                                                                                              \
    r = AT(table, low)

#define SEK_RANGES_LOOKUP(NAME4, NAME6, TABLE, AT)                                                 \
    static inline __attribute__((always_inline)) int NAME4(TABLE table, __u32 address)             \
    {                                                                                              \
        const struct sek_range4 *r = AT(table, 0);                                                 \
        if (!r)                                                                                    \
            return 0;                                                                              \
        __u32 bucket = 1 + (__u32)((__u64)address >> (r->low & 63)), end = r->high;                \
        const struct sek_range4 *next = AT(table, bucket + 1);                                     \
        if (!next || !(r = AT(table, bucket)))                                                     \
            return 0;                                                                              \
        /* A bucket's last range may be the first of the next. */                                  \
        __u32 low = r->low, count = next->low - low + (next->low < end);                           \
        SEK_RANGES_SEARCH(AT, sek_less4_mask(r->high, address));                                   \
        return r && r->low <= address && address <= r->high;                                       \
    }                                                                                              \
    static inline __attribute__((always_inline)) int NAME6(TABLE table, const __u64 *address)      \
    {                                                                                              \
        const struct sek_range6 *r = AT(table, 0);                                                 \
        if (!r)                                                                                    \
            return 0;                                                                              \
        __u32 low = 1, count = (__u32)r->high[1] - 1;                                              \
        SEK_RANGES_SEARCH(AT, -(__u32)sek_less6(r->high, address));                                \
        return r && !sek_less6(address, r->low) && !sek_less6(r->high, address);                   \
    }

#endif
