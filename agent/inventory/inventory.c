/* Puts the sources together: package databases first, then the files that no package owns, then
 * what a maker's bill of materials says. */
#include "agent/inventory/inventory.h"
#include "agent/event.h"
#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/packages.h"
#include "agent/inventory/versions.h"
#include "lib/base/file.h"
#include "lib/base/heap.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- services --- */

static int compare_listeners(const void *left, const void *right)
{
    const struct sek_listener *a = left, *b = right;
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    if (a->udp != b->udp)
        return a->udp ? 1 : -1;
    int address = memcmp(a->address, b->address, 16);
    return address ? address : strcmp(a->path, b->path);
}

/* Sorted, so that the same services make the same text: only differences travel. */
static enum sek_error read_listeners(struct sek_collection *c, struct sek_fault *fault)
{
    size_t count, kept = 0;
    enum sek_error rc = sek_listeners_collect(&c->listeners, &count, fault);
    if (rc || !count)
        return rc;
    qsort(c->listeners, count, sizeof *c->listeners, compare_listeners);
    for (size_t i = 1; i < count; i++)
        if (compare_listeners(&c->listeners[kept], &c->listeners[i]))
            c->listeners[++kept] = c->listeners[i];
    c->service_count = kept + 1;
    c->services = calloc(c->service_count, sizeof *c->services);
    if (!c->services)
        return sek_fail(fault, SEK_ENOMEM, "inventory: out of memory");
    for (size_t i = 0; i < c->service_count; i++)
        c->services[i].listener = &c->listeners[i];
    return SEK_OK;
}

/* The package that owns the program, else the component that was found in its file. */
static void name_services(struct sek_collection *c, const struct sek_owners *owners)
{
    for (size_t i = 0; i < c->service_count; i++) {
        struct sek_service *s = &c->services[i];
        const char *name = sek_owners_package(owners, s->listener->path);
        const struct sek_item *item = *name ? NULL : sek_list_at_path(&c->list, s->listener->path);
        snprintf(s->component, sizeof s->component, "%.127s", item ? item->name : name);
    }
}

static void write_service(const struct sek_service *s, struct sek_text *out)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strrchr(s->listener->path, '/');
    sek_address_text(s->listener->address, address);
    sek_json_open(out, NULL, '{');
    sek_json_str(out, "component", s->component);
    sek_json_str(out, "process", slash ? slash + 1 : s->listener->path);
    sek_json_str(out, "path", s->listener->path);
    sek_json_str(out, "proto", s->listener->udp ? "udp" : "tcp");
    sek_json_str(out, "address", address);
    sek_json_uint(out, "port", s->listener->port);
    sek_json_close(out, '}');
}

/* --- what is no file --- */

static void add_product(struct sek_collection *c)
{
    const struct sek_product *p = &c->product;
    struct sek_item firmware = {.ecosystem = "generic",
                                .name = p->model,
                                .version = p->firmware,
                                .cpe = p->cpe,
                                .from = "product"};
    if (*p->cpe && *p->firmware)
        sek_list_add(&c->list, &firmware);
}

/* Packages name a kernel's image, or its modules, by its release. */
static bool is_packaged(const struct sek_owners *owners, const char *release)
{
    static const char *const formats[] = {"/boot/vmlinuz-%s", "/lib/modules/%s/modules.builtin",
                                          "/lib/modules/%s/kernel", "/lib/modules/%s/vmlinuz"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        char path[160];
        snprintf(path, sizeof path, formats[i], release);
        if (sek_owners_have(owners, path))
            return true;
    }
    return false;
}

/* The running kernel, where no package brought it. */
static void add_kernel(struct sek_collection *c, const struct sek_owners *owners)
{
    char version[40], cpe[200];
    if (!*c->os.kernel || is_packaged(owners, c->os.kernel) ||
        sscanf(c->os.kernel, "%39[0-9.]", version) != 1)
        return;
    sek_cpe("o:linux:linux_kernel", version, cpe, sizeof cpe);
    struct sek_item item = {
        .ecosystem = "generic", .name = "linux", .version = version, .cpe = cpe, .from = "running"};
    sek_list_add(&c->list, &item);
}

static enum sek_error add_sbom(const struct sek_inventory_options *o, struct sek_collection *c,
                               struct sek_fault *fault)
{
    char *text = NULL;
    size_t len = 0;
    struct sek_fault why;
    if (!o->sbom)
        return SEK_OK;
    enum sek_error rc = sek_file_read(o->sbom, SEK_SBOM_BYTES, &text, &len, &why);
    if (!rc)
        rc = sek_cyclonedx_read(o->sbom, text, len, &c->os, &c->list, &why);
    free(text);
    if (rc && !o->sbom_must) {
        sek_list_note(&c->list, "%.500s", why.message);
        return SEK_OK;
    }
    return rc ? sek_fail(fault, rc, "%s", why.message) : SEK_OK;
}

/* --- all --- */

static enum sek_error read_software(const struct sek_inventory_options *o, const char *root,
                                    struct sek_collection *c, struct sek_owners *owners,
                                    struct sek_fault *fault)
{
    char cache[PATH_MAX];
    unsigned databases;
    enum sek_error rc =
        sek_packages_read(root, c->os.ecosystem, &c->list, owners, &databases, fault);
    if (o->cache)
        snprintf(cache, sizeof cache, "%s/scan", o->cache);
    if (!rc && o->cache && o->early && access(cache, F_OK)) {
        name_services(c, owners);
        sek_list_finish(&c->list);
        o->early(o->arg, c);
    }
    sek_heap_give_back(); /* the databases' texts: the walk may take a while */
    struct sek_scan_options scan = {
        .root = root,
        .whole = !databases,
        .owners = owners,
        .cache = o->cache ? cache : NULL,
        .walk_every_s = o->walk_every_s,
        .read_s = o->read_s,
    };
    return rc ? rc : sek_scan(&scan, &c->list, &c->writable, fault);
}

static enum sek_error collect(const struct sek_inventory_options *o, const char *root,
                              struct sek_collection *c, struct sek_fault *fault)
{
    struct sek_owners owners = {0};
    enum sek_error rc = *root ? SEK_OK : read_listeners(c, fault);
    if (!rc && o->confine)
        rc = o->confine(o->arg, fault);
    if (rc)
        return rc;
    struct sek_wanted *wanted = calloc(c->service_count + 1, sizeof *wanted);
    if (!wanted)
        return sek_fail(fault, SEK_ENOMEM, "inventory: out of memory");
    for (size_t i = 0; i < c->service_count; i++)
        wanted[i].path = c->listeners[i].path;
    sek_owners_want(&owners, wanted, c->service_count);
    sek_os_read(root, &c->os);
    sek_product_read(root, &c->product);
    rc = read_software(o, root, c, &owners, fault);
    if (!rc)
        rc = add_sbom(o, c, fault);
    if (!rc) {
        add_product(c);
        add_kernel(c, &owners);
        name_services(c, &owners); /* before the files of one component become one */
        sek_list_finish(&c->list);
    }
    sek_owners_free(&owners);
    free(wanted);
    return rc;
}

void sek_root_trim(const char *root, char *out)
{
    snprintf(out, PATH_MAX, "%s", root);
    for (size_t n = strlen(out); n && out[n - 1] == '/';)
        out[--n] = '\0';
}

enum sek_error sek_collect(const struct sek_inventory_options *options, struct sek_collection *out,
                           struct sek_fault *fault)
{
    char root[PATH_MAX];
    *out = (struct sek_collection){0};
    sek_root_trim(options->root, root);
    enum sek_error rc = collect(options, root, out, fault);
    if (!rc && out->list.failed)
        rc = sek_fail(fault, SEK_ENOMEM, "inventory: out of memory");
    if (rc)
        sek_collection_free(out);
    return rc;
}

void sek_collection_free(struct sek_collection *c)
{
    sek_list_free(&c->list);
    sek_arena_free(&c->writable.arena);
    free(c->listeners);
    free(c->services);
    *c = (struct sek_collection){0};
}

void sek_collection_write(const struct sek_collection *c, struct sek_text *out)
{
    sek_os_write(&c->os, out);
    sek_product_write(&c->product, out);
    sek_list_write(&c->list, out);
    sek_json_open(out, "services", '[');
    for (size_t i = 0; i < c->service_count; i++)
        write_service(&c->services[i], out);
    sek_json_close(out, ']');
}
