/* Numbers and comparisons as rules write them: "5", "0x1f", "64kb", "<5", "2-7", "!2-7", "&0xf0=0x20",
 * or a word of the keyword's own. */
#ifndef SEK_BASE_COMPARE_H
#define SEK_BASE_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

enum sek_compare_op { SEK_EQ, SEK_NE, SEK_LT, SEK_GT, SEK_LE, SEK_GE, SEK_RANGE, SEK_NOT_RANGE,
                      SEK_BITS_ANY, SEK_BITS_NONE, SEK_BITS_ALL_NONE,
                      SEK_MASK_IS, SEK_MASK_IS_NOT };
struct sek_compare {
    enum sek_compare_op op;
    uint64_t low, high; /* RANGE: low <= v <= high; MASK: value and mask */
};
static inline bool sek_compare(const struct sek_compare *c, uint64_t v)
{
    switch (c->op) {
    case SEK_EQ:
        return v == c->low;
    case SEK_NE:
        return v != c->low;
    case SEK_LT:
        return v < c->low;
    case SEK_GT:
        return v > c->low;
    case SEK_LE:
        return v <= c->low;
    case SEK_GE:
        return v >= c->low;
    case SEK_RANGE:
        return v >= c->low && v <= c->high;
    case SEK_NOT_RANGE:
        return v < c->low || v > c->high;
    case SEK_BITS_ANY:
        return v & c->low;
    case SEK_BITS_NONE:
        return !(v & c->low);
    case SEK_BITS_ALL_NONE: /* all of LOW set, none of HIGH */
        return (v & c->low) == c->low && !(v & c->high);
    case SEK_MASK_IS:
        return (v & c->high) == c->low;
    case SEK_MASK_IS_NOT:
        return (v & c->high) != c->low;
    }
    return false;
}

/* WORDS: pairs of a word and its number, NULL-terminated; may be NULL. False: it is no comparison. */
bool sek_compare_parse(const char *s, const char *const *words, struct sek_compare *out);

/* S without the white space around it; its end is cut in place. */
char *sek_text_trim(char *s);
/* A whole number, decimal or hexadecimal, within LOW and HIGH. */
bool sek_text_int(const char *s, int64_t low, int64_t high, int64_t *out);

#endif
