/* `inventory`: what the manager is told, for a person or as JSON. */
#include "agent/command/command.h"
#include "agent/inventory/inventory.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void print_table(json_t *inventory)
{
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(inventory, "components"), i, item)
        printf("%-40s %-30s %s\n", json_string_value(json_object_get(item, "name")),
               json_string_value(json_object_get(item, "version")),
               json_string_value(json_object_get(item, "source")));
    printf("\n");
    json_array_foreach(json_object_get(inventory, "services"), i, item)
        printf("%-4s %-24s %5lld  %-24s %s\n", json_string_value(json_object_get(item, "proto")),
               json_string_value(json_object_get(item, "address")),
               (long long)json_integer_value(json_object_get(item, "port")),
               json_string_value(json_object_get(item, "component")),
               json_string_value(json_object_get(item, "path")));
}

int sek_command_inventory(const struct sek_command_context *context, int argc, char **argv)
{
    const char *root = context->settings->root;
    struct sek_text out = {0};
    struct sek_fault fault;
    int status = 0;
    if (argc == 3 && !strcmp(argv[1], "--root"))
        root = argv[2];
    else if (argc != 1) {
        fprintf(stderr, "usage: sekisho-agent inventory [--root DIR] [--json]\n");
        return 2;
    }
    if (sek_inventory_collect(root, &out, &fault)) {
        status = sek_command_failed(&fault);
    } else if (context->json) {
        printf("%s\n", out.data);
    } else {
        json_t *inventory = json_loadb(out.data, out.len, 0, NULL);
        print_table(inventory);
        json_decref(inventory);
    }
    sek_text_free(&out);
    return status;
}
