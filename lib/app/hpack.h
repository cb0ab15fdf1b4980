/* HPACK (RFC 7541): header compression of HTTP/2, decoding only. One table per direction. */
#ifndef SEK_APP_HPACK_H
#define SEK_APP_HPACK_H

#include "lib/base/buffer.h"

struct hpack_entry {
    struct hpack_entry *older, *newer;
    uint32_t name_len, value_len;
    uint8_t text[]; /* name, then value */
};

struct hpack_table {
    struct hpack_entry *newest, *oldest;
    uint32_t size, limit; /* of the dynamic table, counted as RFC 7541 section 4.1 says */
    uint32_t allowed;     /* what the decoder's side has set; LIMIT never passes it */
    struct sek_buffer name, value; /* scratch */
};

enum hpack_result { HPACK_OK, HPACK_INVALID, HPACK_OVERFLOW };

struct hpack_sink {
    void *ctx;
    void (*field)(void *ctx, struct sek_bytes name, struct sek_bytes value);
    void (*size_update)(void *ctx, uint64_t size);
};

#define HPACK_TABLE_DEFAULT 4096u
#define HPACK_TABLE_MAX     65536u

enum hpack_result hpack_decode(struct sek_pool *pool, struct hpack_table *t, struct sek_bytes block,
                               const struct hpack_sink *sink);
void hpack_free(struct sek_pool *pool, struct hpack_table *t);

#endif
