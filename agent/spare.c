/* A few prefixes, looked at one after the other. */
#include "agent/spare.h"
#include "agent/event.h"
#include "lib/base/file.h"

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

/* A list that names the manager must not cut the device off from it. */
static void add_manager(struct sek_spares *s, const char *state)
{
    char path[512], host[64], *text;
    size_t len;
    snprintf(path, sizeof path, "%.480s/link/identity.json", state);
    if (sek_file_read(path, 65536, &text, &len, NULL))
        return;
    const char *member = strstr(text, "\"host\"");
    if (member && sscanf(member + 6, " : \"%63[0-9a-fA-F.:]\"", host) == 1)
        sek_spares_add(s, host);
    free(text);
}

enum sek_error sek_spares_device(struct sek_spares *s, const char *state, const char *const *extra,
                                 struct sek_fault *fault)
{
    sek_spares_add(s, "127.0.0.0/8");
    sek_spares_add(s, "::1");
    for (; extra && *extra; extra++) {
        if (!sek_spares_add(s, *extra))
            return sek_fail(fault, SEK_EINVAL, "spare: found '%s', expected an address", *extra);
    }
    add_manager(s, state);
    return SEK_OK;
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
