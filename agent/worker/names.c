/* Newest first wins; an answer is remembered for at least a minute, because programs keep addresses
 * longer than they should. */
#include "agent/worker/names.h"

#include <stdio.h>
#include <string.h>

#define LEAST_S 60
#define MOST_S  86400

void sek_names_add(struct sek_names *n, const uint8_t address[16], const char *name, uint32_t ttl_s,
                   uint64_t now_us)
{
    uint64_t keep = ttl_s < LEAST_S ? LEAST_S : ttl_s > MOST_S ? MOST_S : ttl_s;
    unsigned at = n->next++ % SEK_NAMES;
    memcpy(n->entries[at].address, address, 16);
    n->entries[at].until_us = now_us + keep * 1000000u;
    snprintf(n->entries[at].name, sizeof n->entries[at].name, "%s", name);
    if (n->added)
        n->added(n->arg, address, name, ttl_s);
}

const char *sek_names_find(const struct sek_names *n, const uint8_t address[16], uint64_t now_us)
{
    for (unsigned i = 1; i <= SEK_NAMES; i++) {
        unsigned at = (n->next - i) % SEK_NAMES;
        if (n->entries[at].until_us > now_us && !memcmp(n->entries[at].address, address, 16))
            return n->entries[at].name;
    }
    return NULL;
}
