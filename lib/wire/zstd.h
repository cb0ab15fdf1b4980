/* Whole-body zstd with a bound on the expanded size. */
#ifndef SEK_WIRE_ZSTD_H
#define SEK_WIRE_ZSTD_H

#include "lib/base/error.h"
#include "lib/base/text.h"

#include <stddef.h>

enum sek_error sek_zstd_compress(const void *data, size_t len, struct sek_text *out,
                                 struct sek_fault *fault);
/* Appends to OUT; more than LIMIT bytes is SEK_ELIMIT, a damaged or cut stream SEK_EINVAL. */
enum sek_error sek_zstd_expand(const void *data, size_t len, size_t limit, struct sek_text *out,
                               struct sek_fault *fault);

#endif
