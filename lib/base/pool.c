/* Size-class free lists over malloc. */
#include "lib/base/pool.h"

#include <stdlib.h>
#include <string.h>

struct free_block {
    struct free_block *next;
};

static unsigned pool_class(size_t size)
{
    unsigned c = SEK_POOL_SMALLEST;
    while (((size_t)1 << c) < size)
        c++;
    return c;
}

size_t sek_pool_size(size_t size)
{
    return (size_t)1 << pool_class(size);
}

void *sek_pool_get(struct sek_pool *pool, size_t size)
{
    unsigned c = pool_class(size);
    if (c > SEK_POOL_LARGEST)
        return NULL;
    size_t bytes = (size_t)1 << c;
    struct free_block *b = pool->free[c];
    if (b) {
        pool->free[c] = b->next;
    } else {
        if (pool->limit && pool->taken + bytes > pool->limit) {
            pool->refused++;
            return NULL;
        }
        b = malloc(bytes);
        if (!b)
            return NULL;
        pool->taken += bytes;
    }
    pool->used += bytes;
    return b;
}

void *sek_pool_get_zero(struct sek_pool *pool, size_t size)
{
    void *p = sek_pool_get(pool, size);
    if (p)
        memset(p, 0, size);
    return p;
}

void sek_pool_put(struct sek_pool *pool, void *block, size_t size)
{
    if (!block)
        return;
    unsigned c = pool_class(size);
    struct free_block *b = block;
    b->next = pool->free[c];
    pool->free[c] = b;
    pool->used -= (size_t)1 << c;
}

void *sek_pool_grow(struct sek_pool *pool, void *block, size_t old_size, size_t new_size,
                    size_t used)
{
    if (block && sek_pool_size(old_size) >= new_size)
        return block;
    void *more = sek_pool_get(pool, new_size);
    if (!more)
        return NULL;
    if (used)
        memcpy(more, block, used);
    sek_pool_put(pool, block, old_size);
    return more;
}

void sek_pool_trim(struct sek_pool *pool)
{
    for (unsigned c = 0; c <= SEK_POOL_LARGEST; c++) {
        struct free_block *b;
        while ((b = pool->free[c])) {
            pool->free[c] = b->next;
            free(b);
            pool->taken -= (size_t)1 << c;
        }
    }
}
