/* Event lines: what the library makes, the manager takes; anything else is judged without harm. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "lib/wire/record.h"
#include "lib/wire/zstd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_text record = {0}, plain = {0};
    char id[SEK_SHA256_HEX];
    struct sek_fault fault;
    sek_record_id((const char *)data, size, id, &fault);
    sek_zstd_expand(data, size, 1 << 16, &plain, &fault);
    if (!sek_record_make((const char *)data, size, "d-1", "default", 1, SEK_RECORD_NO_PREVIOUS,
                         &record, &fault) &&
        sek_record_id(record.data, record.len, id, &fault))
        abort();
    sek_text_free(&record);
    sek_text_free(&plain);
    return 0;
}
