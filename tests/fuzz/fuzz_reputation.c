/* Indicator lists, and look-ups by hostile names and URLs. */
#include "lib/reputation/reputation.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    struct sek_reputation *r = NULL;
    struct sek_reputation_list list = {.source = "fuzz", .skip_bad = true};
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    const char *text = (const char *)data;
    if (!b)
        return 0;
    if (size && data[0] == '[')
        sek_reputation_add_json(b, "fuzz", text, size, &fault);
    sek_reputation_add_list(b, "fuzz", text, size, &list, &fault);
    if (!sek_reputation_build(b, &r, &fault)) {
        sek_reputation_domain(r, text, size, 1, NULL);
        sek_reputation_url(r, text, size / 2, text + size / 2, size - size / 2, 1, NULL);
    }
    sek_reputation_free(r);
    sek_reputation_builder_free(b);
    return 0;
}
