/* Memory for the packet path: blocks in classes with free lists (powers of two, and
 * half-way between), one pool per worker.
 * After warm-up a get is a list pop, so the steady state allocates nothing. A limit in bytes bounds
 * what the pool takes from the system. */
#ifndef SEK_BASE_POOL_H
#define SEK_BASE_POOL_H

#include <stddef.h>
#include <stdint.h>

#define SEK_POOL_SMALLEST 6  /* 64 bytes */
#define SEK_POOL_LARGEST  24 /* 16 MiB */
#define SEK_POOL_CLASSES  (2 * (SEK_POOL_LARGEST - SEK_POOL_SMALLEST) + 1)

struct sek_pool {
    void *free[SEK_POOL_CLASSES];
    size_t used;   /* bytes in blocks that are out */
    size_t taken;  /* bytes taken from the system */
    size_t limit;  /* 0: none */
    uint64_t refused; /* gets that met the limit */
};

/* The block size that a get of SIZE bytes really has. */
size_t sek_pool_size(size_t size);
/* A block of at least SIZE bytes, not zeroed; NULL at the limit or above 16 MiB. */
void *sek_pool_get(struct sek_pool *pool, size_t size);
void *sek_pool_get_zero(struct sek_pool *pool, size_t size);
/* SIZE is what get was asked for. NULL is allowed. */
void sek_pool_put(struct sek_pool *pool, void *block, size_t size);
/* Grow a block, keeping USED bytes; on failure NULL and BLOCK stays valid. */
void *sek_pool_grow(struct sek_pool *pool, void *block, size_t old_size, size_t new_size,
                    size_t used);
/* Return every free block to the system; blocks that are out stay valid. */
void sek_pool_trim(struct sek_pool *pool);

#endif
