/* Bytes of a spool segment: the scan never reads past them and reports whole records only. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/wire/spool.h"

struct seen {
    size_t bytes;
};

static void visit(void *arg, uint64_t seq, const void *payload, size_t len)
{
    volatile uint8_t touch = len ? ((const uint8_t *)payload)[len - 1] : 0;
    (void)touch;
    (void)seq;
    ((struct seen *)arg)->bytes += SEK_SPOOL_HEADER + len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen seen = {0};
    size_t whole = sek_spool_scan(data, size, visit, &seen);
    if (whole > size || whole != seen.bytes)
        abort();
    return 0;
}
