/* objects: agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/view.c */
/* RPM's header blobs, ndb and Berkeley DB databases: the first byte says which. */
#include "agent/inventory/rpm.h"

#include <string.h>

static bool package(void *arg, const struct sek_rpm *rpm)
{
    *(size_t *)arg += strlen(rpm->name) + strlen(rpm->version) + strlen(rpm->source);
    return true;
}

static void file(void *arg, const char *path, size_t len)
{
    *(size_t *)arg += strlen(path) == len;
}

static void blob(void *arg, const uint8_t *data, size_t len)
{
    struct sek_fault fault;
    sek_rpm_header(data, len, package, file, arg, &fault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_fault fault;
    size_t total = 0;
    if (size && *data == 'R')
        sek_rpm_ndb("Packages.db", data, size, blob, &total, &fault);
    else if (size && !*data)
        sek_rpm_bdb("Packages", &(struct sek_view){.fd = -1, .data = data, .size = size}, blob, &total,
                    &fault);
    else
        blob(&total, data, size);
    return 0;
}
