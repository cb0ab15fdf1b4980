/* objects: agent/inventory/apk.c */
/* Alpine's package database. */
#include "agent/inventory/apk.h"

#include <stdint.h>

static bool visit(void *arg, const struct sek_package *p)
{
    *(size_t *)arg += p->name.len + p->version.len + p->source.len;
    return true;
}

static void file(void *arg, struct sek_field package, const char *path, size_t len)
{
    *(size_t *)arg += package.len + len + (path[0] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    size_t total = 0;
    sek_apk_parse("installed", (const char *)data, size, visit, file, &total, &fault);
    return 0;
}
