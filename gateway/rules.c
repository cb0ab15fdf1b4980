/* `rules check`: do these files load, and if not, why not. */
#include "gateway/command.h"
#include "gateway/load.h"

#include <stdio.h>
#include <string.h>

int gateway_rules(int argc, char **argv)
{
    struct gateway_rules_summary summary = {0};
    struct sek_fault fault;
    if (argc < 3 || strcmp(argv[1], "check")) {
        fprintf(stderr, "usage: sekisho-gateway rules check FILE...\n");
        return 2;
    }
    struct sek_compiled *c =
        gateway_load_rules(argv + 2, (unsigned)argc - 2, NULL, &summary, &fault);
    if (!c) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        return 1;
    }
    printf("%u groups by port, %zu bytes of patterns, compiled in %.2f s\n", c->group_count,
           c->database_bytes, c->compile_seconds);
    printf("%u loaded, %u failed\n", summary.loaded, summary.failed);
    sek_compiled_free(c);
    return summary.failed ? 1 : 0;
}
