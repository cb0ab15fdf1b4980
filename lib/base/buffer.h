/* A byte buffer out of a pool: what a parser keeps of a message. Appends past LIMIT are cut and
 * noted, so hostile input bounds its own memory. */
#ifndef SEK_BASE_BUFFER_H
#define SEK_BASE_BUFFER_H

#include "lib/base/pool.h"
#include "lib/base/reader.h"

#include <string.h>

struct sek_buffer {
    uint8_t *data;
    uint32_t len;
    uint32_t cap;
    bool cut; /* an append met the limit, or memory ran out */
};

static inline struct sek_bytes sek_buffer_view(const struct sek_buffer *b)
{
    return (struct sek_bytes){b->data, b->len};
}

/* The byte AT; NULL in an empty buffer. */
static inline const uint8_t *sek_buffer_at(const struct sek_buffer *b, uint32_t at)
{
    return b->data ? b->data + at : NULL;
}

static inline void sek_buffer_free(struct sek_pool *pool, struct sek_buffer *b)
{
    sek_pool_put(pool, b->data, b->cap);
    *b = (struct sek_buffer){0};
}

/* Room for LEN more bytes; false when memory ran out. */
static inline bool sek_buffer_room(struct sek_pool *pool, struct sek_buffer *b, uint32_t len)
{
    if (b->cap - b->len >= len)
        return true;
    uint8_t *more = sek_pool_grow(pool, b->data, b->cap, (size_t)b->len + len, b->len);
    if (!more) {
        b->cut = true;
        return false;
    }
    b->data = more;
    b->cap = (uint32_t)sek_pool_size((size_t)b->len + len);
    return true;
}

/* Append up to LIMIT bytes in total (0: no limit). */
static inline void sek_buffer_add(struct sek_pool *pool, struct sek_buffer *b, const void *data,
                                  uint32_t len, uint32_t limit)
{
    if (limit && len > limit - (b->len < limit ? b->len : limit)) {
        len = b->len < limit ? limit - b->len : 0;
        b->cut = true;
    }
    if (!len || !sek_buffer_room(pool, b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

#endif
