/* A bounded view of bytes that came from a network or a file. Every read checks the remaining
 * length; a read past the end yields zero and sets `failed`, which stays set, so a parser can read
 * several fields and test once; nothing is left after it. The view never owns its bytes. */
#ifndef SEK_BASE_READER_H
#define SEK_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_bytes {
    const uint8_t *data;
    uint32_t len; /* bytes */
};

struct sek_reader {
    const uint8_t *data;
    uint32_t len; /* bytes in data */
    uint32_t pos; /* next byte to read; pos <= len */
    bool failed;
};

static inline struct sek_reader sek_reader_make(const void *data, uint32_t len)
{
    return (struct sek_reader){.data = data, .len = len};
}

static inline uint32_t sek_reader_left(const struct sek_reader *r)
{
    return r->len - r->pos;
}

static inline bool sek_reader_need(struct sek_reader *r, uint32_t n)
{
    if (r->failed || r->len - r->pos < n) {
        r->failed = true;
        r->pos = r->len; /* nothing is left: a loop over what is left ends */
        return false;
    }
    return true;
}

static inline void sek_reader_skip(struct sek_reader *r, uint32_t n)
{
    if (sek_reader_need(r, n))
        r->pos += n;
}

static inline uint8_t sek_reader_u8(struct sek_reader *r)
{
    return sek_reader_need(r, 1) ? r->data[r->pos++] : 0;
}

static inline uint16_t sek_reader_u16(struct sek_reader *r)
{
    if (!sek_reader_need(r, 2))
        return 0;
    const uint8_t *p = r->data + r->pos;
    r->pos += 2;
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t sek_reader_u24(struct sek_reader *r)
{
    if (!sek_reader_need(r, 3))
        return 0;
    const uint8_t *p = r->data + r->pos;
    r->pos += 3;
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t sek_reader_u32(struct sek_reader *r)
{
    if (!sek_reader_need(r, 4))
        return 0;
    const uint8_t *p = r->data + r->pos;
    r->pos += 4;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t sek_reader_u64(struct sek_reader *r)
{
    uint64_t high = sek_reader_u32(r);
    return high << 32 | sek_reader_u32(r);
}

static inline uint16_t sek_reader_u16le(struct sek_reader *r)
{
    uint16_t v = sek_reader_u16(r);
    return (uint16_t)(v << 8 | v >> 8);
}

static inline uint32_t sek_reader_u32le(struct sek_reader *r)
{
    return __builtin_bswap32(sek_reader_u32(r));
}

static inline uint64_t sek_reader_u64le(struct sek_reader *r)
{
    return __builtin_bswap64(sek_reader_u64(r));
}

/* The next N bytes as a view into the same memory, or an empty view when fewer remain. */
static inline struct sek_bytes sek_reader_bytes(struct sek_reader *r, uint32_t n)
{
    if (!sek_reader_need(r, n))
        return (struct sek_bytes){0};
    struct sek_bytes view = {r->data + r->pos, n};
    r->pos += n;
    return view;
}

/* A reader over the next N bytes; the outer reader moves past them. */
static inline struct sek_reader sek_reader_sub(struct sek_reader *r, uint32_t n)
{
    struct sek_bytes view = sek_reader_bytes(r, n);
    struct sek_reader sub = sek_reader_make(view.data, view.len);
    sub.failed = r->failed;
    return sub;
}

#endif
