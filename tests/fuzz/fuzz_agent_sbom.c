/* objects: agent/inventory/list.c agent/inventory/os.c agent/inventory/purl.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/language.c */
/* A maker's bill of materials, with package URLs; what was read is written again. Language
 * packages' metadata too: they are JSON and header lines. */
#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/language.h"
#include "agent/inventory/purl.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sek_os os = {.id = "debian", .version_id = "12", .ecosystem = "Debian:12"};
    struct sek_product product = {.model = ""};
    struct sek_list list = {0};
    struct sek_text out = {0};
    struct sek_fault fault;
    struct sek_purl purl;
    char name[256], version[256], ecosystem[256];
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    sek_cyclonedx_read("bill", text, size, &os, &list, &fault);
    sek_list_finish(&list);
    sek_cyclonedx_write(&list, &os, &product, &out);
    sek_node_package(text, size, name, version, sizeof name);
    sek_python_package(text, size, name, version, sizeof name);
    if (sek_purl_parse(text, &purl))
        sek_purl_osv(&purl, &os, ecosystem, name, sizeof name);
    sek_list_free(&list);
    sek_text_free(&out);
    free(text);
    return 0;
}
