/* objects: agent/logs/rules.c */
/* A rule file for logs: taken whole or not at all. */
#include "agent/logs/rules.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_log_rules set = {0};
    struct sek_fault fault;
    if (size > 20000)
        return 0;
    if (sek_log_rules_parse(&set, "fuzz", (const char *)data, size, &fault) &&
        (set.rule_count || set.decoder_count))
        abort();
    sek_log_rules_free(&set);
    return 0;
}
