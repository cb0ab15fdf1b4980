/* objects: agent/inventory/dpkg.c */
/* The dpkg status parser. */
#include "agent/inventory/dpkg.h"

#include <stdint.h>

static bool visit(void *arg, const struct sek_package *p)
{
    *(size_t *)arg += p->name.len + p->version.len + p->source.len;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    size_t total = 0;
    sek_dpkg_parse("status", (const char *)data, size, visit, &total, &fault);
    return 0;
}
