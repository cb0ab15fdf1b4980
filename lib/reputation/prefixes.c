/* Kept as it comes, with an entry point every STRIDE prefixes: a look-up is a binary search among
 * those, and then at most STRIDE differences. */
#include "lib/reputation/prefixes.h"
#include "lib/base/endian.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 12
#define STRIDE 64

static const uint8_t magic[8] = {'S', 'K', 'P', 'X', 1, 0, 0, 0};

struct entry_point {
    uint32_t value; /* the prefix */
    uint32_t at;    /* where the difference behind it begins */
};

struct sek_prefixes {
    uint32_t count;
    uint32_t points;
    size_t len;
    struct entry_point *point;
    uint8_t *data;
};

/* The number at *AT; false when it is cut or not below 2^32. */
static bool read_number(const uint8_t *data, size_t len, size_t *at, uint32_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (*at == len)
            return false;
        uint8_t byte = data[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = (uint32_t)value;
            return value <= UINT32_MAX && (byte || !shift); /* one way to write each */
        }
    }
    return false;
}

enum sek_error sek_prefixes_build(const uint32_t *sorted, size_t count, uint8_t **out, size_t *len,
                                  struct sek_fault *fault)
{
    uint8_t *data = count > SEK_PREFIXES_LIMIT ? NULL : malloc(HEADER + 5 * count);
    uint32_t kept = 0, last = 0;
    size_t at = HEADER;
    if (!data)
        return sek_fail(fault, SEK_ELIMIT, "indicators.prefixes: %zu prefixes, at most %u", count,
                        SEK_PREFIXES_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (i && sorted[i] == last)
            continue;
        uint32_t difference = sorted[i] - last;
        for (; difference >= 0x80; difference >>= 7)
            data[at++] = (uint8_t)(difference | 0x80);
        data[at++] = (uint8_t)difference;
        last = sorted[i];
        kept++;
    }
    memcpy(data, magic, sizeof magic);
    sek_put32(data + 8, kept);
    *out = data;
    *len = at;
    return SEK_OK;
}

enum sek_error sek_prefixes_load(const uint8_t *data, size_t len, struct sek_prefixes **out,
                                 struct sek_fault *fault)
{
    if (len < HEADER || memcmp(data, magic, sizeof magic) != 0)
        return sek_fail(fault, SEK_EINVAL, "indicators.prefixes: expected SKPX, version 1");
    uint32_t count = sek_get32(data + 8), value = 0, difference;
    size_t at = HEADER;
    if (count > SEK_PREFIXES_LIMIT || count > len - HEADER)
        return sek_fail(fault, SEK_EINVAL, "indicators.prefixes: %u prefixes in %zu bytes", count,
                        len);
    struct sek_prefixes *p = calloc(1, sizeof *p);
    uint32_t points = count / STRIDE + 1;
    if (p)
        p->point = calloc(points, sizeof *p->point);
    if (p)
        p->data = malloc(len);
    if (!p || !p->point || !p->data) {
        sek_prefixes_free(p);
        return sek_fail(fault, SEK_ENOMEM, "indicators.prefixes: out of memory");
    }
    for (uint32_t i = 0; i < count; i++) {
        size_t begin = at;
        if (!read_number(data, len, &at, &difference) || (i && !difference) ||
            difference > UINT32_MAX - value) {
            sek_prefixes_free(p);
            return sek_fail(fault, SEK_EINVAL, "indicators.prefixes: prefix %u at byte %zu", i,
                            begin);
        }
        value += difference;
        if (i % STRIDE == 0)
            p->point[p->points++] = (struct entry_point){value, (uint32_t)at};
    }
    if (at != len) {
        sek_prefixes_free(p);
        return sek_fail(fault, SEK_EINVAL, "indicators.prefixes: %zu bytes behind the last prefix",
                        len - at);
    }
    memcpy(p->data, data, len);
    p->len = len;
    p->count = count;
    *out = p;
    return SEK_OK;
}

void sek_prefixes_free(struct sek_prefixes *p)
{
    if (!p)
        return;
    free(p->point);
    free(p->data);
    free(p);
}

/* The last entry point that is not above PREFIX; false when there is none. */
static bool find_point(const struct sek_prefixes *p, uint32_t prefix, uint32_t *out)
{
    uint32_t low = 0, high = p ? p->points : 0;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->point[middle].value <= prefix)
            low = middle + 1;
        else
            high = middle;
    }
    *out = low - 1;
    return low != 0;
}

bool sek_prefixes_has(const struct sek_prefixes *p, uint32_t prefix)
{
    uint32_t index, difference;
    if (!find_point(p, prefix, &index))
        return false;
    uint32_t value = p->point[index].value;
    size_t at = p->point[index].at;
    for (int i = 1; i < STRIDE && value < prefix; i++) {
        if (!read_number(p->data, p->len, &at, &difference))
            return false;
        value += difference;
    }
    return value == prefix;
}

uint32_t sek_prefixes_count(const struct sek_prefixes *p)
{
    return p ? p->count : 0;
}

size_t sek_prefixes_size(const struct sek_prefixes *p)
{
    return p ? sizeof *p + p->len + p->points * sizeof *p->point : 0;
}

uint32_t sek_prefixes_near(const struct sek_prefixes *p, uint32_t random)
{
    uint32_t index;
    if (!p || !p->points)
        return random;
    return p->point[find_point(p, random, &index) ? index : 0].value;
}
