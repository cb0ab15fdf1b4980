/* `posture`: weaknesses of this device's set-up, or of an image's, each with its fix. */
#include "agent/posture/posture.h"
#include "agent/command/command.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PASSWORD_MS 20000

static void print_table(const struct sek_posture *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct sek_posture_finding *f = &p->items[i];
        sek_print_line(stdout, "%-9s %-20s %s: %s", f->severity, f->id, f->subject, f->detail);
        printf("%31s%s\n", "", f->fix);
    }
    if (!p->count)
        printf("no weakness found\n");
}

static void print_json(const struct sek_posture *p)
{
    struct sek_text out = {0};
    sek_json_open(&out, NULL, '{');
    sek_posture_write(p, "posture", &out);
    sek_json_close(&out, '}');
    printf("%s\n", out.data ? out.data : "");
    sek_text_free(&out);
}

int sek_command_posture(const struct sek_command_context *context, int argc, char **argv)
{
    char root[PATH_MAX];
    struct sek_inventory_options o = {.root = context->settings->root,
                                      .sbom = context->settings->sbom};
    struct sek_collection c;
    struct sek_fault fault;
    struct stat st;
    if (argc == 3 && !strcmp(argv[1], "--root")) {
        o.root = argv[2];
    } else if (argc != 1) {
        fprintf(stderr, "usage: sekisho-agent posture [--root DIR] [--json]\n");
        return 2;
    }
    if (*o.root && (stat(o.root, &st) || !S_ISDIR(st.st_mode))) {
        sek_fail(&fault, SEK_ENOTFOUND, "%s: a folder expected", o.root);
        return sek_command_failed(&fault);
    }
    if (sek_collect(&o, &c, &fault))
        return sek_command_failed(&fault);
    struct sek_posture p = {.root = root, .device = &c, .password_ms = PASSWORD_MS};
    sek_root_trim(o.root, root);
    sek_posture_check(&p);
    if (context->json)
        print_json(&p);
    else
        print_table(&p);
    sek_posture_free(&p);
    sek_collection_free(&c);
    return 0;
}
