/* Rule text through the rule compiler; what loads is also grouped and compiled. */
#include "lib/detect/compiled.h"
#include "lib/selftest/selftest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    if (size > 4096)
        size = 4096;
    sek_rules_load_text(rules, "fuzz", (const char *)data, size, &fault);
    if (sek_rules_finish(rules, &fault) || !rules->count) {
        sek_rules_free(rules);
        return 0;
    }
    sek_compiled_free(sek_compile(rules, &fault));
    return 0;
}
