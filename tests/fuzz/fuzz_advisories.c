/* Feeds of all three shapes: what is taken can be matched, what is refused leaves nothing behind. */
#include <stddef.h>
#include <stdint.h>

#include "lib/vuln/advisory.h"

static void found(void *arg, const struct sek_finding *finding)
{
    (void)arg;
    (void)finding;
}

static void changed(void *arg, const char *package)
{
    const struct sek_advisory_set *set = arg;
    struct sek_component component = {"Debian:12", package, "1:2.3-4", "cpe:2.3:a:gnu:bash:4.3"};
    sek_match(&set, 1, &component, found, NULL, NULL);
    component.ecosystem = "Alpine:v3.19";
    sek_match(&set, 1, &component, found, NULL, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sek_advisory_set *set = NULL;
    struct sek_fault fault;
    if (sek_advisories_read("feed", (const char *)data, size, &set, &fault))
        return 0;
    sek_advisories_changed(NULL, set, changed, set);
    sek_advisories_free(set);
    return 0;
}
