/* A bump allocator: many small objects that die together (one rule set, one transaction). Memory
 * comes in blocks that double up to 1 MiB; sek_arena_reset keeps the first block for reuse. */
#ifndef SEK_BASE_ARENA_H
#define SEK_BASE_ARENA_H

#include <stddef.h>

struct sek_arena_block;

struct sek_arena {
    struct sek_arena_block *blocks; /* newest first */
    size_t used;                    /* bytes handed out, for memory accounting */
    size_t next_size;               /* size of the next block; 0: default */
};

/* SIZE bytes, zeroed, aligned for any type; NULL when memory is out. */
void *sek_arena_alloc(struct sek_arena *a, size_t size);
void *sek_arena_copy(struct sek_arena *a, const void *data, size_t size);
/* A NUL-terminated copy of LEN bytes. */
char *sek_arena_strndup(struct sek_arena *a, const char *s, size_t len);
void sek_arena_free(struct sek_arena *a);

#endif
