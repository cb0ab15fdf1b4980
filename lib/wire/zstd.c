/* zstd for request and response bodies. */
#include "lib/wire/zstd.h"

#include <stdlib.h>
#include <zstd.h>

enum sek_error sek_zstd_compress(const void *data, size_t len, struct sek_text *out,
                                 struct sek_fault *fault)
{
    size_t bound = ZSTD_compressBound(len);
    void *buffer = malloc(bound);
    if (!buffer)
        return sek_fail(fault, SEK_ENOMEM, "zstd: out of memory");
    size_t n = ZSTD_compress(buffer, bound, data, len, 3);
    enum sek_error rc = SEK_OK;
    if (ZSTD_isError(n))
        rc = sek_fail(fault, SEK_EIO, "zstd: %s", ZSTD_getErrorName(n));
    else
        sek_text_add(out, buffer, n);
    free(buffer);
    return rc;
}

enum sek_error sek_zstd_expand(const void *data, size_t len, size_t limit, struct sek_text *out,
                               struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    char block[16384];
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {data, len, 0};
    size_t left = 1;
    if (!stream)
        return sek_fail(fault, SEK_ENOMEM, "zstd: out of memory");
    /* 8 MiB windows: what level 19 uses; a hostile frame cannot ask for more memory. */
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, 23);
    for (;;) {
        ZSTD_outBuffer chunk = {block, sizeof block, 0};
        left = ZSTD_decompressStream(stream, &chunk, &in);
        if (ZSTD_isError(left)) {
            rc = sek_fail(fault, SEK_EINVAL, "zstd: byte %zu: %s", in.pos, ZSTD_getErrorName(left));
            break;
        }
        sek_text_add(out, block, chunk.pos);
        if (out->len > limit || out->failed) {
            rc = sek_fail(fault, SEK_ELIMIT, "zstd: expands to more than %zu bytes", limit);
            break;
        }
        if (in.pos == in.size && chunk.pos < sizeof block) {
            if (left)
                rc = sek_fail(fault, SEK_EINVAL, "zstd: cut off at byte %zu", in.pos);
            break;
        }
    }
    ZSTD_freeDStream(stream);
    return rc;
}
