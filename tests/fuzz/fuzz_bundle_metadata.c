/* Metadata from the network: parsing, verification against itself as root, freshness. */
#include <stddef.h>
#include <stdint.h>

#include "lib/bundle/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int role = 0; role < SEK_ROLES; role++) {
        json_t *doc = NULL;
        struct sek_fault fault;
        if (sek_metadata_parse(sek_role_names[role], (const char *)data, size, &doc, &fault))
            continue;
        sek_metadata_verify(doc, sek_role_names[role], doc, &fault);
        sek_metadata_fresh(sek_role_names[role], doc, 1800000000000000ull, &fault);
        json_decref(doc);
    }
    return 0;
}
