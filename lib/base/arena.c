/* Bump allocation out of a chain of blocks. */
#include "lib/base/arena.h"

#include <stdlib.h>
#include <string.h>

struct sek_arena_block {
    struct sek_arena_block *next;
    size_t cap;
    size_t used;
    max_align_t data[];
};

void *sek_arena_alloc(struct sek_arena *a, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!a->blocks || a->blocks->cap - a->blocks->used < size) {
        size_t cap = a->next_size ? a->next_size : 1024;
        if (cap < size)
            cap = size;
        struct sek_arena_block *b = malloc(sizeof *b + cap);
        if (!b)
            return NULL;
        b->next = a->blocks;
        b->cap = cap;
        b->used = 0;
        a->blocks = b;
        a->next_size = cap < (1u << 20) ? cap * 2 : (1u << 20);
    }
    void *p = (char *)a->blocks->data + a->blocks->used;
    a->blocks->used += size;
    a->used += size;
    memset(p, 0, size);
    return p;
}

void *sek_arena_copy(struct sek_arena *a, const void *data, size_t size)
{
    void *p = sek_arena_alloc(a, size ? size : 1);
    if (p && size)
        memcpy(p, data, size);
    return p;
}

char *sek_arena_strndup(struct sek_arena *a, const char *s, size_t len)
{
    char *p = sek_arena_alloc(a, len + 1);
    if (p)
        memcpy(p, s, len);
    return p;
}

void sek_arena_free(struct sek_arena *a)
{
    while (a->blocks) {
        struct sek_arena_block *b = a->blocks;
        a->blocks = b->next;
        free(b);
    }
    *a = (struct sek_arena){0};
}
