/* `inventory`: what the manager is told, for a person, as JSON or as CycloneDX. */
#include "agent/command/command.h"
#include "agent/event.h"
#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/inventory.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CYCLONEDX };

static void print_table(const struct sek_collection *c)
{
    char address[INET6_ADDRSTRLEN];
    if (*c->product.model)
        sek_print_line(stdout, "%s %s %s", c->product.vendor, c->product.model,
                       c->product.firmware);
    if (*c->product.model)
        printf("\n");
    for (size_t i = 0; i < c->list.count; i++) {
        const struct sek_item *item = &c->list.items[i];
        const char *note = item->path ? item->path : item->source;
        sek_print_line(stdout, "%-14s %-40s %-30s %s", item->ecosystem, item->name, item->version,
                       note ? note : "");
    }
    printf("\n");
    for (size_t i = 0; i < c->service_count; i++) {
        const struct sek_listener *l = c->services[i].listener;
        sek_address_text(l->address, address);
        sek_print_line(stdout, "%-4s %-24s %5u  %-24s %s", l->udp ? "udp" : "tcp", address, l->port,
                       c->services[i].component, l->path);
    }
    for (size_t i = 0; i < c->list.note_count; i++)
        sek_print_line(stderr, "note: %s", c->list.notes[i]);
}

static int print_usage(void)
{
    fprintf(stderr, "usage: sekisho-agent inventory [--root DIR] [--format json|cyclonedx] "
                    "[--sbom FILE]\n");
    return 2;
}

static bool read_format(const char *word, enum format *out)
{
    *out = !strcmp(word, "json") ? FORMAT_JSON : FORMAT_CYCLONEDX;
    return *out == FORMAT_JSON || !strcmp(word, "cyclonedx");
}

static void print(const struct sek_collection *c, enum format format)
{
    struct sek_text out = {0};
    if (format == FORMAT_TABLE) {
        print_table(c);
        return;
    }
    if (format == FORMAT_JSON) {
        sek_json_open(&out, NULL, '{');
        sek_collection_write(c, &out);
        sek_json_close(&out, '}');
    } else {
        sek_cyclonedx_write(&c->list, &c->os, &c->product, &out);
    }
    printf("%s\n", out.data ? out.data : "");
    sek_text_free(&out);
}

int sek_command_inventory(const struct sek_command_context *context, int argc, char **argv)
{
    struct sek_inventory_options o = {
        .root = context->settings->root, .sbom = context->settings->sbom, .sbom_must = true};
    enum format format = context->json ? FORMAT_JSON : FORMAT_TABLE;
    struct sek_collection c;
    struct sek_fault fault;
    struct stat st;
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (value && !strcmp(argv[i], "--root"))
            o.root = value;
        else if (value && !strcmp(argv[i], "--sbom"))
            o.sbom = value;
        else if (!value || strcmp(argv[i], "--format") || !read_format(value, &format))
            return print_usage();
    }
    if (*o.root && (stat(o.root, &st) || !S_ISDIR(st.st_mode))) {
        sek_fail(&fault, SEK_ENOTFOUND, "%s: a folder expected", o.root);
        return sek_command_failed(&fault);
    }
    if (sek_collect(&o, &c, &fault))
        return sek_command_failed(&fault);
    print(&c, format);
    sek_collection_free(&c);
    return 0;
}
