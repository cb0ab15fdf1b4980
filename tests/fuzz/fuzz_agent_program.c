/* objects: agent/inventory/view.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/versions.c agent/inventory/versions_table.c */
/* Programs: ELF tables, Go's build information, version strings. */
#include "agent/inventory/golang.h"
#include "agent/inventory/versions.h"

#include <stdlib.h>
#include <string.h>

static void module(void *arg, const char *path, const char *version, bool main)
{
    *(size_t *)arg += strlen(path) + strlen(version) + main;
}

static void version(void *arg, const struct sek_version_row *row, const char *text)
{
    char cpe[200];
    sek_cpe(row->cpe, text, cpe, sizeof cpe);
    *(size_t *)arg += strlen(cpe);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_versions *versions;
    static struct sek_elf elf;
    struct sek_view view = {.data = data, .size = size};
    char id[SEK_BUILD_ID];
    size_t total = 0;
    struct sek_fault fault;
    if (!versions && !(versions = sek_versions_open(&fault)))
        abort();
    if (!size)
        return 0;
    if (sek_elf_open(&view, &elf)) {
        sek_elf_build_id(&elf, id);
        sek_go_modules(&elf, module, &total);
    }
    sek_versions_scan(versions, &view, "/bin/x", version, &total, &fault);
    return 0;
}
