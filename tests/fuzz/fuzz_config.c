/* YAML configuration. */
#include "lib/base/config.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_config *c = NULL;
    struct sek_fault fault;
    long n = 0;
    if (sek_config_parse("fuzz", (const char *)data, size, &c, &fault))
        return 0;
    sek_config_get(c, "a.b", "");
    sek_config_number(c, "n", 0, 9, &n, &fault);
    sek_config_unused(c);
    sek_config_free(c);
    return 0;
}
