/* Size-class free lists over malloc. */
#include "lib/base/pool.h"

#include <stdlib.h>
#include <string.h>

struct free_block {
    struct free_block *next;
};

/* Sizes are 64, 96, 128, 192, 256, 384 ...: powers of two, and half-way between. */
static unsigned pool_class(size_t size)
{
    if (size <= (size_t)1 << SEK_POOL_SMALLEST)
        return 0;
    unsigned power = (unsigned)(sizeof(long) * 8) - (unsigned)__builtin_clzl(size - 1); /* size <= 1 << power */
    unsigned c = 2 * (power - SEK_POOL_SMALLEST);
    return size <= (size_t)3 << (power - 2) ? c - 1 : c;
}

static size_t class_size(unsigned c)
{
    return c % 2 ? (size_t)3 << (SEK_POOL_SMALLEST + c / 2 - 1) : (size_t)1 << (SEK_POOL_SMALLEST + c / 2);
}

size_t sek_pool_size(size_t size)
{
    return class_size(pool_class(size));
}

void *sek_pool_get(struct sek_pool *pool, size_t size)
{
    unsigned c = pool_class(size);
    if (c >= SEK_POOL_CLASSES)
        return NULL;
    size_t bytes = class_size(c);
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
    pool->used -= class_size(c);
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
    for (unsigned c = 0; c < SEK_POOL_CLASSES; c++) {
        struct free_block *b;
        while ((b = pool->free[c])) {
            pool->free[c] = b->next;
            free(b);
            pool->taken -= class_size(c);
        }
    }
}
