/* Content codings. zlib, libbrotli and liblzma decode; their memory comes out of the pool. */
#include "lib/app/decode.h"

#include <strings.h>

#define LZMA_MEMORY (1u << 20)

/* zlib and friends allocate through the pool, with the size in front for giving back. */
static void *pool_alloc(void *opaque, size_t size)
{
    size_t *p = sek_pool_get_zero(opaque, size + 16);
    if (!p)
        return NULL;
    *p = size + 16;
    return (char *)p + 16;
}

static void pool_free(void *opaque, void *p)
{
    if (p) {
        size_t *begin = (size_t *)((char *)p - 16);
        sek_pool_put(opaque, begin, *begin);
    }
}

static voidpf z_alloc(voidpf opaque, uInt items, uInt size)
{
    return pool_alloc(opaque, (size_t)items * size);
}

static void z_free(voidpf opaque, voidpf p)
{
    pool_free(opaque, p);
}

bool sek_decoder_open(struct sek_pool *pool, struct sek_decoder *l, const uint8_t *data,
                      uint32_t len)
{
    switch (l->coding) {
    case SEK_CODING_GZIP:
    case SEK_CODING_DEFLATE:
    case SEK_CODING_RAW_DEFLATE: {
        int bits = 15 + 32; /* zlib or gzip header, by itself */
        if (l->coding == SEK_CODING_DEFLATE &&
            !(len >= 2 && (data[0] & 15) == 8 && (data[0] << 8 | data[1]) % 31 == 0))
            bits = -15; /* raw deflate, which many servers send */
        if (l->coding == SEK_CODING_RAW_DEFLATE)
            bits = -15;
        l->z.zalloc = z_alloc;
        l->z.zfree = z_free;
        l->z.opaque = pool;
        return inflateInit2(&l->z, bits) == Z_OK;
    }
    case SEK_CODING_BROTLI:
        l->brotli = BrotliDecoderCreateInstance(pool_alloc, pool_free, pool);
        return l->brotli != NULL;
    case SEK_CODING_LZMA: {
        l->lzma = (lzma_stream)LZMA_STREAM_INIT;
        return lzma_alone_decoder(&l->lzma, LZMA_MEMORY) == LZMA_OK;
    }
    default:
        return false;
    }
}

void sek_decoder_close(struct sek_decoder *l)
{
    if (!l->ready)
        return;
    if (l->coding == SEK_CODING_BROTLI)
        BrotliDecoderDestroyInstance(l->brotli);
    else if (l->coding == SEK_CODING_LZMA)
        lzma_end(&l->lzma);
    else
        inflateEnd(&l->z);
    l->ready = false;
}

long sek_decoder_step(struct sek_decoder *l, const uint8_t **in, uint32_t *left, uint8_t *out,
                      uint32_t out_size, bool *end)
{
    switch (l->coding) {
    case SEK_CODING_BROTLI: {
        size_t have = *left, room = out_size;
        BrotliDecoderResult r =
            BrotliDecoderDecompressStream(l->brotli, &have, in, &room, &out, NULL);
        *left = (uint32_t)have;
        *end = r == BROTLI_DECODER_RESULT_SUCCESS;
        return r == BROTLI_DECODER_RESULT_ERROR ? -1 : (long)(out_size - room);
    }
    case SEK_CODING_LZMA: {
        l->lzma.next_in = *in;
        l->lzma.avail_in = *left;
        l->lzma.next_out = out;
        l->lzma.avail_out = out_size;
        lzma_ret r = lzma_code(&l->lzma, LZMA_RUN);
        l->memory |= r == LZMA_MEMLIMIT_ERROR;
        *in = l->lzma.next_in;
        *left = (uint32_t)l->lzma.avail_in;
        *end = r == LZMA_STREAM_END;
        return r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR
                   ? -1
                   : (long)(out_size - l->lzma.avail_out);
    }
    default: {
        l->z.next_in = (Bytef *)*in;
        l->z.avail_in = *left;
        l->z.next_out = out;
        l->z.avail_out = out_size;
        int r = inflate(&l->z, Z_SYNC_FLUSH);
        *in = l->z.next_in;
        *left = l->z.avail_in;
        *end = r == Z_STREAM_END;
        long n = (long)(out_size - l->z.avail_out);
        return r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR && !n ? -1 : n;
    }
    }
}

enum sek_coding sek_coding_find(const char *p, size_t len)
{
    static const struct {
        const char *name;
        enum sek_coding coding;
    } names[] = {{"gzip", SEK_CODING_GZIP},       {"x-gzip", SEK_CODING_GZIP},
                 {"deflate", SEK_CODING_DEFLATE}, {"x-deflate", SEK_CODING_DEFLATE},
                 {"br", SEK_CODING_BROTLI},       {"lzma", SEK_CODING_LZMA}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].name) == len && !strncasecmp(names[i].name, p, len))
            return names[i].coding;
    return SEK_CODING_NONE;
}
