/* A few prefixes, looked at one after the other. */
#include "agent/spare.h"
#include "agent/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sek_spares_add(struct sek_spares *s, const char *text)
{
    char copy[64];
    uint8_t parsed[16];
    snprintf(copy, sizeof copy, "%s", text);
    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    if (s->count == SEK_SPARES || !sek_address_parse(copy, parsed))
        return false;
    bool v4 = sek_address_is4(parsed);
    unsigned bits = slash ? (unsigned)atoi(slash) + (v4 ? 96 : 0) : 128;
    if (bits > 128)
        return false;
    memcpy(s->list[s->count].address, parsed, 16);
    s->list[s->count++].bits = bits;
    return true;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return !rest || !((a[whole] ^ b[whole]) >> (8 - rest));
}

bool sek_spares_cover(const struct sek_spares *s, const uint8_t address[16], unsigned bits)
{
    for (unsigned i = 0; i < s->count; i++) {
        unsigned shorter = bits < s->list[i].bits ? bits : s->list[i].bits;
        if (same_bits(address, s->list[i].address, shorter))
            return true;
    }
    return false;
}
