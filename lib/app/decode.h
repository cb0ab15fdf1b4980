/* Content codings undone piece by piece: gzip, zlib, raw deflate, brotli, lzma. */
#ifndef SEK_APP_DECODE_H
#define SEK_APP_DECODE_H

#include "lib/base/buffer.h"

#include <brotli/decode.h>
#include <lzma.h>
#include <zlib.h>

enum sek_coding { SEK_CODING_NONE, SEK_CODING_GZIP, SEK_CODING_DEFLATE, SEK_CODING_BROTLI,
                  SEK_CODING_LZMA, SEK_CODING_RAW_DEFLATE };

struct sek_decoder {
    enum sek_coding coding;
    bool ready, dead; /* dead: the data is not what was announced; the rest passes as it is */
    bool memory;      /* what is coded asks for more memory than there is for it (lzma) */
    union {
        z_stream z;
        lzma_stream lzma;
        BrotliDecoderState *brotli;
    };
};

/* By the name in a Content-Encoding field; SEK_CODING_NONE when it is none of these. */
enum sek_coding sek_coding_find(const char *name, size_t len);
/* Open for data that begins with these bytes; ->coding says which. Memory is the pool's. */
bool sek_decoder_open(struct sek_pool *pool, struct sek_decoder *d, const uint8_t *data,
                      uint32_t len);
/* One call of the decoder: takes from *IN, returns the bytes put into OUT (which has ROOM), or -1;
 * *END at the end of what was coded. */
long sek_decoder_step(struct sek_decoder *d, const uint8_t **in, uint32_t *left, uint8_t *out,
                      uint32_t room, bool *end);
void sek_decoder_close(struct sek_decoder *d);

#endif
