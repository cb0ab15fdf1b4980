/* objects: agent/inventory/view.c agent/inventory/jar.c */
/* Java archives. */
#include "agent/inventory/jar.h"

#include <string.h>

static void found(void *arg, const struct sek_jar_item *item)
{
    *(size_t *)arg += strlen(item->name) + strlen(item->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_view view = {.data = data, .size = size};
    size_t total = 0;
    if (size)
        sek_jar_read(&view, "a-1.0.jar", found, &total);
    return 0;
}
