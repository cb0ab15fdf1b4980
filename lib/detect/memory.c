/* Flow variables and the table by address. */
#include "lib/detect/memory.h"

#include <stdlib.h>

#define VARS_MAX 4096

static int vars_find(const struct flow_vars *v, uint32_t tagged)
{
    for (int i = 0; i < v->count; i++)
        if (v->names[i] == tagged)
            return i;
    return -1;
}

static int vars_add(struct sek_pool *pool, struct flow_vars *v, uint32_t tagged)
{
    if (v->count == v->cap) {
        uint16_t cap = v->cap ? (uint16_t)(v->cap * 2) : 8;
        if (cap > VARS_MAX)
            return -1;
        size_t old = v->cap * sizeof(uint32_t), size = cap * sizeof(uint32_t);
        uint32_t *names = sek_pool_grow(pool, v->names, old, size, v->count * sizeof(uint32_t));
        if (!names)
            return -1;
        v->names = names;
        uint32_t *values = sek_pool_grow(pool, v->values, old, size, v->count * sizeof(uint32_t));
        if (!values)
            return -1;
        v->values = values;
        v->cap = cap;
    }
    v->names[v->count] = tagged;
    v->values[v->count] = 0;
    return v->count++;
}

static void vars_remove(struct flow_vars *v, int i)
{
    v->count--;
    v->names[i] = v->names[v->count];
    v->values[i] = v->values[v->count];
}

bool flow_bit_get(const struct flow_vars *v, uint32_t name)
{
    return vars_find(v, name << 1) >= 0;
}

void flow_bit_set(struct sek_pool *pool, struct flow_vars *v, uint32_t name, bool on)
{
    int i = vars_find(v, name << 1);
    if (on && i < 0)
        vars_add(pool, v, name << 1);
    else if (!on && i >= 0)
        vars_remove(v, i);
}

bool flow_int_get(const struct flow_vars *v, uint32_t name, uint32_t *value)
{
    int i = vars_find(v, name << 1 | 1);
    *value = i < 0 ? 0 : v->values[i];
    return i >= 0;
}

void flow_int_set(struct sek_pool *pool, struct flow_vars *v, uint32_t name, uint32_t value)
{
    int i = vars_find(v, name << 1 | 1);
    if (i < 0)
        i = vars_add(pool, v, name << 1 | 1);
    if (i >= 0)
        v->values[i] = value;
}

void flow_vars_free(struct sek_pool *pool, struct flow_vars *v)
{
    sek_pool_put(pool, v->names, v->cap * sizeof(uint32_t));
    sek_pool_put(pool, v->values, v->cap * sizeof(uint32_t));
    *v = (struct flow_vars){0};
}

bool memory_open(struct memory *m)
{
    m->entries = calloc(MEMORY_ENTRIES, sizeof *m->entries);
    return m->entries != NULL;
}

void memory_close(struct memory *m)
{
    free(m->entries);
    m->entries = NULL;
}

static uint32_t key_hash(const struct memory_key *k)
{
    uint64_t h = k->what * 0x9e3779b97f4a7c15ull ^ k->version;
    for (int i = 0; i < 4; i++) {
        h = (h ^ k->a.words[i]) * 0xd6e8feb86659fd93ull;
        h = (h ^ k->b.words[i] ^ h >> 32) * 0xd6e8feb86659fd93ull;
    }
    return (uint32_t)(h >> 32);
}

static bool key_equal(const struct memory_key *x, const struct memory_key *y)
{
    return x->what == y->what && x->version == y->version && sek_addr_equal(&x->a, &y->a) &&
           sek_addr_equal(&x->b, &y->b);
}

#define PROBES 8u

struct memory_entry *memory_find(struct memory *m, const struct memory_key *key, uint64_t now_us)
{
    uint32_t hash = key_hash(key);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct memory_entry *e = &m->entries[(hash + i) % MEMORY_ENTRIES];
        if (e->used && e->until_us >= now_us && key_equal(&e->key, key))
            return e;
    }
    return NULL;
}

struct memory_entry *memory_get(struct memory *m, const struct memory_key *key, uint64_t now_us,
                                uint64_t until_us)
{
    struct memory_entry *e = memory_find(m, key, now_us);
    uint32_t hash = key_hash(key);
    if (e)
        return e;
    e = &m->entries[hash % MEMORY_ENTRIES];
    for (uint32_t i = 0; i < PROBES; i++) {
        struct memory_entry *x = &m->entries[(hash + i) % MEMORY_ENTRIES];
        if (!x->used || x->until_us < now_us) {
            e = x;
            break;
        }
        if (x->until_us < e->until_us)
            e = x;
    }
    *e = (struct memory_entry){.key = *key, .since_us = now_us, .until_us = until_us, .used = true};
    return e;
}
