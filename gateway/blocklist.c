/* Open addressing with linear probing; a removed entry leaves a gap that a search passes over. */
#include "gateway/blocklist.h"

#include <stdio.h>
#include <stdlib.h>

#define PROBES 16u

bool blocklist_open(struct blocklist *l)
{
    l->blocks = calloc(BLOCKLIST_SIZE, sizeof *l->blocks);
    l->count = 0;
    return l->blocks != NULL;
}

void blocklist_close(struct blocklist *l)
{
    free(l->blocks);
    l->blocks = NULL;
}

static uint32_t hash_of(int version, const struct sek_addr *a)
{
    uint64_t h = (uint64_t)version;
    for (int i = 0; i < 4; i++)
        h = (h ^ a->words[i]) * 0x9e3779b97f4a7c15ull, h ^= h >> 31;
    return (uint32_t)(h >> 16);
}

static struct block *find(struct blocklist *l, int version, const struct sek_addr *addr)
{
    uint32_t h = hash_of(version, addr);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct block *b = &l->blocks[(h + i) % BLOCKLIST_SIZE];
        if (b->used && b->ip_version == version && sek_addr_equal(&b->addr, addr))
            return b;
    }
    return NULL;
}

struct block *blocklist_add(struct blocklist *l, enum block_kind kind, int version,
                            const struct sek_addr *addr, uint64_t now_us, uint64_t until_us,
                            const char *reason)
{
    struct block *b = find(l, version, addr);
    uint32_t h = hash_of(version, addr);
    for (uint32_t i = 0; !b && i < PROBES; i++) {
        struct block *x = &l->blocks[(h + i) % BLOCKLIST_SIZE];
        if (x->used && x->until_us > now_us)
            continue;
        l->count += !x->used;
        *x = (struct block){.addr = *addr, .ip_version = (uint8_t)version, .used = true,
                            .since_us = now_us};
        b = x;
    }
    if (!b)
        return NULL;
    b->kind = (uint8_t)kind;
    if (until_us > b->until_us)
        b->until_us = until_us;
    snprintf(b->reason, sizeof b->reason, "%s", reason);
    return b;
}

static void drop(struct blocklist *l, struct block *b)
{
    b->used = false;
    l->count--;
}

void blocklist_remove(struct blocklist *l, int version, const struct sek_addr *addr)
{
    struct block *b = find(l, version, addr);
    if (b)
        drop(l, b);
}

struct block *blocklist_find(struct blocklist *l, int version, const struct sek_addr *addr,
                             uint64_t now_us)
{
    struct block *b = l->count ? find(l, version, addr) : NULL;
    if (b && b->until_us <= now_us) {
        drop(l, b);
        return NULL;
    }
    return b;
}
