/* Detectors over one buffer. A content that is followed by something relative is tried at each place
 * where it occurs, up to a bound on the work for one rule. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/detect/internal.h"

#include "lib/base/encode.h"
#include "lib/rules/dataset.h"

#include <ctype.h>
#include <math.h>
#include <pcre2.h>
#include <stdlib.h>

static bool inspect_from(struct look *l, const struct sek_detector *d, uint32_t last);

static int64_t value_of(const struct look *l, const struct sek_value *v)
{
    return v->var < 0 ? v->number : l->in->e->vars[v->var];
}

/* Does DETECTOR count its place from the end of the match before it? */
static bool is_relative(const struct sek_detector *d)
{
    if (!d)
        return false;
    switch (d->kind) {
    case SEK_DETECT_CONTENT:
        return d->content.has_distance || d->content.has_within;
    case SEK_DETECT_PCRE:
        return d->pcre.relative;
    case SEK_DETECT_BYTE_TEST:
    case SEK_DETECT_BYTE_JUMP:
    case SEK_DETECT_BYTE_EXTRACT:
    case SEK_DETECT_BYTE_MATH:
        return d->bytes.flags & SEK_BYTE_RELATIVE;
    case SEK_DETECT_ISDATAAT:
        return d->isdataat.relative;
    case SEK_DETECT_BASE64:
        return d->base64.relative;
    default:
        return false;
    }
}

static const uint8_t *find_nocase(const uint8_t *hay, uint32_t len, const uint8_t *needle,
                                  uint32_t n)
{
    uint8_t low = needle[0], high = (uint8_t)toupper(low);
    for (uint32_t i = 0; i + n <= len; i++) {
        if (hay[i] != low && hay[i] != high)
            continue;
        uint32_t k = 1;
        while (k < n && (uint8_t)tolower(hay[i + k]) == needle[k])
            k++;
        if (k == n)
            return hay + i;
    }
    return NULL;
}

static const uint8_t *find(const struct sek_content *c, const uint8_t *hay, int64_t len)
{
    if (len < c->len)
        return NULL;
    return c->nocase ? find_nocase(hay, (uint32_t)len, c->bytes, c->len)
                     : memmem(hay, (size_t)len, c->bytes, c->len);
}

/* Where the content may lie: [low, high) in the buffer. False: nowhere. */
static bool content_range(const struct look *l, const struct sek_content *c, uint32_t last,
                          int64_t *low, int64_t *high)
{
    *low = 0;
    *high = l->len;
    if (c->has_distance || c->has_within) {
        int64_t distance = c->has_distance ? value_of(l, &c->distance) : 0;
        *low = (int64_t)last + distance;
        if (c->has_within) {
            int64_t end = (int64_t)last + distance + value_of(l, &c->within);
            if (end < *high)
                *high = end;
        }
        if (*low < 0)
            *low = 0;
        if (c->has_depth && c->startswith == false) {
            int64_t end = (c->has_offset ? value_of(l, &c->offset) : 0) + value_of(l, &c->depth) -
                          (int64_t)l->base;
            if (end < *high)
                *high = end;
        }
        if (c->has_offset && value_of(l, &c->offset) - (int64_t)l->base > *low)
            *low = value_of(l, &c->offset) - (int64_t)l->base;
    } else {
        int64_t offset = c->has_offset ? value_of(l, &c->offset) : 0;
        *low = offset - (int64_t)l->base;
        if (c->has_depth) {
            int64_t end = offset + value_of(l, &c->depth) - (int64_t)l->base;
            if (end < *high)
                *high = end;
        }
        if (*low < 0)
            *low = 0;
    }
    return *low <= *high && *low <= l->len;
}

/* What is to be overwritten when the whole rule matches. */
static void note_replacement(struct sek_engine *e, const struct sek_content *c, const uint8_t *at)
{
    if (c->replace && e->replacement_count < sizeof e->replacements / sizeof *e->replacements)
        e->replacements[e->replacement_count++] = (struct replacement){at, c};
}

static bool match_content(struct look *l, const struct sek_detector *d, uint32_t last)
{
    const struct sek_content *c = &d->content;
    int64_t low, high;
    if (!content_range(l, c, last, &low, &high))
        return c->negated ? inspect_from(l, d->next, last) : false;
    if (c->endswith && l->whole && l->len >= c->len && (int64_t)(l->len - c->len) > low)
        low = l->len - c->len;
    while (low + c->len <= high) {
        const uint8_t *at = find(c, l->data + low, high - low);
        if (!at)
            break;
        uint32_t end = (uint32_t)(at - l->data) + c->len;
        bool fits = !c->endswith || (l->whole && end == l->len);
        if (fits && c->negated)
            return false;
        if (fits) {
            if (inspect_from(l, d->next, end)) {
                note_replacement(l->in->e, c, at);
                return true;
            }
            if (!is_relative(d->next) || l->in->e->recursion > RECURSION_LIMIT)
                return false;
        }
        low = at - l->data + 1;
    }
    return c->negated ? inspect_from(l, d->next, last) : false;
}

static bool match_pcre(struct look *l, const struct sek_detector *d, uint32_t last)
{
    struct sek_engine *e = l->in->e;
    uint32_t at = d->pcre.relative ? last : 0;
    if (at > l->len)
        return d->pcre.negated;
    for (;;) {
        /* Relative expressions see only what follows, so that ^ means "right here". */
        int rc = pcre2_match(d->pcre.code, l->data + at, l->len - at, 0, 0, e->pcre_match,
                             e->pcre_context);
        if (rc < 0)
            return d->pcre.negated ? inspect_from(l, d->next, last) : false;
        if (d->pcre.negated)
            return false;
        PCRE2_SIZE *v = pcre2_get_ovector_pointer(e->pcre_match);
        uint32_t begin = at + (uint32_t)v[0], end = at + (uint32_t)v[1];
        uint32_t noted = e->capture_count;
        if (d->pcre.capture_count)
            captures_note(l, &d->pcre, v, rc, l->data + at);
        if (inspect_from(l, d->next, end))
            return true;
        e->capture_count = noted;
        if (!is_relative(d->next) || e->recursion > RECURSION_LIMIT || begin + 1 >= l->len)
            return false;
        at = begin + 1;
    }
}

/* The number that a byte_ keyword names; the place after it goes to *AFTER. */
static bool bytes_read(const struct look *l, const struct sek_bytes_op *op, uint32_t last,
                       uint64_t *value, int64_t *after)
{
    int64_t count = value_of(l, &op->count);
    int64_t at = value_of(l, &op->offset) + (op->flags & SEK_BYTE_RELATIVE ? (int64_t)last : 0);
    uint64_t v = 0;
    if (at < 0 || count < 0 || at + count > l->len)
        return false;
    const uint8_t *p = l->data + at;
    if (op->flags & SEK_BYTE_STRING) {
        char text[24], *end;
        if (count > 23)
            return false;
        memcpy(text, p, (size_t)count);
        text[count] = '\0';
        v = strtoull(text, &end, op->base);
        if (end == text)
            return false;
        *after = at + (end - text);
    } else {
        if (count > 8)
            return false;
        for (int64_t i = 0; i < count; i++)
            v |= (uint64_t)p[op->flags & SEK_BYTE_LITTLE ? i : count - 1 - i] << (8 * i);
        *after = at + count;
    }
    if (op->bitmask) {
        v &= op->bitmask;
        v >>= __builtin_ctzll(op->bitmask);
    }
    *value = v;
    return true;
}

static bool match_byte_test(struct look *l, const struct sek_bytes_op *op, uint32_t last)
{
    uint64_t v, want = (uint64_t)value_of(l, &op->value);
    int64_t after;
    bool hit = false;
    if (!bytes_read(l, op, last, &v, &after))
        return false;
    switch ((enum sek_byte_op)op->op) {
    case SEK_BYTE_EQ:
        hit = v == want;
        break;
    case SEK_BYTE_LT:
        hit = v < want;
        break;
    case SEK_BYTE_GT:
        hit = v > want;
        break;
    case SEK_BYTE_LE:
        hit = v <= want;
        break;
    case SEK_BYTE_GE:
        hit = v >= want;
        break;
    case SEK_BYTE_AND:
        hit = v & want;
        break;
    case SEK_BYTE_OR:
        hit = v ^ want;
        break;
    }
    return hit != !!(op->flags & SEK_BYTE_NEGATED);
}

static bool match_byte_jump(struct look *l, const struct sek_bytes_op *op, uint32_t *last)
{
    uint64_t v = 0;
    int64_t after = op->flags & SEK_BYTE_RELATIVE ? (int64_t)*last : 0;
    if (op->count.var >= 0 || op->count.number) {
        if (!bytes_read(l, op, *last, &v, &after))
            return false;
    } else {
        after += value_of(l, &op->offset);
    }
    v *= op->multiplier;
    if (op->flags & SEK_BYTE_ALIGN && v % op->alignment)
        v += op->alignment - v % op->alignment;
    int64_t to = op->flags & SEK_BYTE_BEGIN ? (int64_t)v
                 : op->flags & SEK_BYTE_END ? (int64_t)l->len + (int64_t)v
                                            : after + (int64_t)v;
    to += op->post_offset;
    if (to < 0 || to > l->len)
        return false;
    *last = (uint32_t)to;
    return true;
}

static bool match_byte_math(struct look *l, const struct sek_bytes_op *op, uint32_t *last)
{
    uint64_t v, by = (uint64_t)value_of(l, &op->value);
    int64_t after;
    if (!bytes_read(l, op, *last, &v, &after))
        return false;
    switch (op->op) {
    case '+':
        v += by;
        break;
    case '-':
        v -= by;
        break;
    case '*':
        v *= by;
        break;
    case '/':
        if (!by)
            return false;
        v /= by;
        break;
    case '<':
        v = by < 64 ? v << by : 0;
        break;
    case '>':
        v = by < 64 ? v >> by : 0;
        break;
    }
    l->in->e->vars[op->result] = (int64_t)v;
    *last = (uint32_t)after;
    return true;
}

static bool match_base64(struct look *l, const struct sek_base64 *b, uint32_t last)
{
    struct sek_engine *e = l->in->e;
    uint64_t at = b->offset + (b->relative ? (uint64_t)last : 0);
    if (at >= l->len)
        return false;
    uint32_t len = l->len - (uint32_t)at;
    if (b->bytes && b->bytes < len)
        len = b->bytes;
    const uint8_t *p = l->data + at;
    uint32_t n = 0;
    while (n < len && (isalnum(p[n]) || p[n] == '+' || p[n] == '/'))
        n++;
    n -= n % 4 == 1;
    e->base64.len = 0;
    if (!n || !sek_buffer_room(&e->pool, &e->base64, n))
        return false;
    long out = sek_base64_decode((const char *)p, n, e->base64.data);
    e->base64.len = out > 0 ? (uint32_t)out : 0;
    return out > 0;
}

/* Shannon entropy, in bits per byte. */
static bool match_entropy(const struct look *l, const struct sek_entropy *want)
{
    uint32_t counts[256] = {0};
    double sum = 0;
    if (want->offset >= l->len)
        return false;
    uint32_t len = l->len - want->offset;
    if (want->bytes && want->bytes < len)
        len = want->bytes;
    for (uint32_t i = 0; i < len; i++)
        counts[l->data[want->offset + i]]++;
    for (int i = 0; i < 256; i++)
        if (counts[i])
            sum -= (double)counts[i] / len * log2((double)counts[i] / len);
    switch (want->op) {
    case SEK_LT:
        return sum < want->value;
    case SEK_LE:
        return sum <= want->value;
    case SEK_GT:
        return sum > want->value;
    case SEK_GE:
        return sum >= want->value;
    case SEK_NE:
        return sum != want->value;
    default:
        return sum == want->value;
    }
}

/* Is the name, or one that it lies below, in the set? Names of the set begin with the dot that
 * dotprefix puts in front. */
static bool has_subdomain(const struct sek_dataset *set, const uint8_t *data, uint32_t len,
                          uint32_t *reputation)
{
    for (uint32_t i = 0; i < len; i++)
        if ((!i || data[i] == '.') && sek_dataset_has(set, data + i, len - i, reputation))
            return true;
    return false;
}

static bool match_dataset(const struct look *l, const struct sek_detector *d)
{
    struct sek_dataset *set = d->dataset.set;
    uint32_t reputation = 0;
    const uint8_t *data = l->data;
    uint32_t len = l->len;
    uint8_t padded[16] = {0};
    if (set->type == SEK_DATASET_IP && len <= 16) {
        memcpy(padded, data, len);
        data = padded;
        len = 16;
    }
    bool has = d->dataset.subdomain ? has_subdomain(set, data, len, &reputation)
                                    : sek_dataset_has(set, data, len, &reputation);
    if (d->kind == SEK_DETECT_DATAREP)
        return has && sek_compare(&d->dataset.reputation, reputation);
    switch (d->dataset.command) {
    case SEK_SET_ISSET:
        return has;
    case SEK_SET_ISNOTSET:
        return !has;
    case SEK_SET_SET:
        return !has && sek_dataset_add(set, data, len, 0); /* only what is new matches */
    case SEK_SET_UNSET:
        sek_dataset_remove(set, data, len);
        return has;
    }
    return false;
}

static bool match_isdataat(const struct look *l, const struct sek_isdataat *i, uint32_t last)
{
    int64_t at = value_of(l, &i->at);
    bool there = i->relative ? (int64_t)last + at <= (int64_t)l->len
                             : at < (int64_t)(l->base + l->len);
    return there != i->negated;
}

static bool inspect_from(struct look *l, const struct sek_detector *d, uint32_t last)
{
    struct sek_engine *e = l->in->e;
    for (; d; d = d->next) {
        if (++e->recursion > RECURSION_LIMIT) {
            e->stats.recursion_limit++;
            return false;
        }
        switch (d->kind) {
        case SEK_DETECT_CONTENT:
            return match_content(l, d, last);
        case SEK_DETECT_PCRE:
            return match_pcre(l, d, last);
        case SEK_DETECT_BYTE_TEST:
            if (!match_byte_test(l, &d->bytes, last))
                return false;
            break;
        case SEK_DETECT_BYTE_JUMP:
            if (!match_byte_jump(l, &d->bytes, &last))
                return false;
            break;
        case SEK_DETECT_BYTE_EXTRACT: {
            uint64_t v;
            int64_t after;
            if (!bytes_read(l, &d->bytes, last, &v, &after))
                return false;
            v *= d->bytes.multiplier;
            if (d->bytes.flags & SEK_BYTE_ALIGN && v % d->bytes.alignment)
                v += d->bytes.alignment - v % d->bytes.alignment;
            e->vars[d->bytes.result] = (int64_t)v;
            last = (uint32_t)after;
            break;
        }
        case SEK_DETECT_BYTE_MATH:
            if (!match_byte_math(l, &d->bytes, &last))
                return false;
            break;
        case SEK_DETECT_ISDATAAT:
            if (!match_isdataat(l, &d->isdataat, last))
                return false;
            break;
        case SEK_DETECT_SIZE:
            if (!sek_compare(&d->size, l->len))
                return false;
            break;
        case SEK_DETECT_BASE64:
            if (!match_base64(l, &d->base64, last))
                return false;
            break;
        case SEK_DETECT_DATASET:
        case SEK_DETECT_DATAREP:
            if (!match_dataset(l, d))
                return false;
            break;
        case SEK_DETECT_ABSENT:
            if (!d->or_else)
                return false; /* the buffer is there */
            break;
        case SEK_DETECT_ENTROPY:
            if (!match_entropy(l, &d->entropy))
                return false;
            break;
        case SEK_DETECT_PRESENT:
            break;
        }
    }
    return true;
}

bool inspect_detectors(struct look *l, const struct sek_detector *first)
{
    l->in->e->recursion = 0;
    return inspect_from(l, first, 0);
}
