/* Self-test files. */
#include "lib/selftest/selftest.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_compiled *compiled;
    struct sek_selftest_counts counts = {0};
    struct sek_fault fault;
    if (!compiled)
        compiled = sek_compile(sek_rules_new(NULL, &fault), &fault);
    if (!compiled)
        abort();
    sek_selftest_run(compiled, "fuzz", (const char *)data, size, &counts, NULL, NULL, &fault);
    return 0;
}
