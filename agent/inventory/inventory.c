/* Puts the parts together. Which package owns a listening program is read from dpkg's file lists
 * (/var/lib/dpkg/info/NAME.list), all programs in one pass. */
#include "agent/inventory/inventory.h"
#include "agent/event.h"
#include "agent/inventory/dpkg.h"
#include "agent/inventory/sockets.h"
#include "lib/base/file.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define STATUS_LIMIT (64u << 20)
#define LIST_LIMIT   (16u << 20)

struct collect {
    struct sek_text *out;
    char ecosystem[96];
};

void sek_os_release(const char *text, const char *key, char *out, size_t size)
{
    size_t key_len = strlen(key);
    *out = '\0';
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        if (len > key_len && !strncmp(p, key, key_len) && p[key_len] == '=') {
            const char *value = p + key_len + 1;
            size_t n = len - key_len - 1;
            if (n >= 2 && (*value == '"' || *value == '\'') && value[n - 1] == *value) {
                value++;
                n -= 2;
            }
            snprintf(out, size, "%.*s", (int)n, value);
            return;
        }
        p += len + (p[len] == '\n');
    }
}

/* OSV's name of the ecosystem. */
static void name_ecosystem(const char *id, const char *version, char *out, size_t size)
{
    static const struct {
        const char *id, *name;
    } known[] = {{"debian", "Debian"}, {"ubuntu", "Ubuntu"}, {"raspbian", "Debian"}};
    const char *name = NULL;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!strcmp(id, known[i].id))
            name = known[i].name;
    }
    if (name && *version)
        snprintf(out, size, "%s:%s", name, version);
    else
        snprintf(out, size, "%s", name ? name : "generic");
}

static void write_os(const char *root, struct collect *c)
{
    char path[PATH_MAX], id[64] = "", version[64] = "", codename[64] = "", *text;
    size_t len;
    struct utsname kernel;
    snprintf(path, sizeof path, "%s/etc/os-release", root);
    if (!sek_file_read(path, 65536, &text, &len, NULL)) {
        sek_os_release(text, "ID", id, sizeof id);
        sek_os_release(text, "VERSION_ID", version, sizeof version);
        sek_os_release(text, "VERSION_CODENAME", codename, sizeof codename);
        free(text);
    }
    sek_json_open(c->out, "os", '{');
    sek_json_str(c->out, "id", id);
    sek_json_str(c->out, "version_id", version);
    sek_json_str(c->out, "codename", codename);
    if (!*root && !uname(&kernel))
        sek_json_str(c->out, "kernel", kernel.release);
    sek_json_close(c->out, '}');
    name_ecosystem(id, version, c->ecosystem, sizeof c->ecosystem);
}

static void write_field(struct sek_text *out, const char *key, struct sek_field f)
{
    sek_json_bytes(out, key, f.data, f.len);
}

static bool write_component(void *arg, const struct sek_package *p)
{
    struct collect *c = arg;
    sek_json_open(c->out, NULL, '{');
    sek_json_str(c->out, "ecosystem", c->ecosystem);
    write_field(c->out, "name", p->name);
    write_field(c->out, "version", p->version);
    write_field(c->out, "arch", p->arch);
    write_field(c->out, "source", p->source);
    write_field(c->out, "source_version", p->source_version);
    sek_json_close(c->out, '}');
    return !c->out->failed;
}

/* A program whose package is wanted. */
struct wanted {
    const char *path; /* without /usr, which a merged system adds: see same_file */
    char component[128];
};

static const char *without_usr(const char *path)
{
    return strncmp(path, "/usr/", 5) ? path : path + 4;
}

static int compare_wanted(const void *a, const void *b)
{
    return strcmp(((const struct wanted *)a)->path, ((const struct wanted *)b)->path);
}

static void search_list(char *text, const char *package, struct wanted *wanted, size_t count)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        struct wanted key = {.path = without_usr(line)};
        struct wanted *w = bsearch(&key, wanted, count, sizeof *wanted, compare_wanted);
        if (w)
            snprintf(w->component, sizeof w->component, "%s", package);
    }
}

/* NAME.list or NAME:ARCH.list. */
static bool list_package(const char *file, char *package, size_t size)
{
    const char *dot = strrchr(file, '.');
    if (!dot || strcmp(dot, ".list") != 0)
        return false;
    size_t len = (size_t)(dot - file);
    const char *colon = memchr(file, ':', len);
    snprintf(package, size, "%.*s", (int)(colon ? (size_t)(colon - file) : len), file);
    return true;
}

static void find_components(const char *root, struct wanted *wanted, size_t count)
{
    char folder[PATH_MAX], path[2 * PATH_MAX], package[128];
    snprintf(folder, sizeof folder, "%s/var/lib/dpkg/info", root);
    DIR *dir = opendir(folder);
    if (count)
        qsort(wanted, count, sizeof *wanted, compare_wanted);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *text;
        size_t len;
        if (!list_package(e->d_name, package, sizeof package))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (sek_file_read(path, LIST_LIMIT, &text, &len, NULL))
            continue;
        search_list(text, package, wanted, count);
        free(text);
    }
    if (dir)
        closedir(dir);
}

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

static void write_service(struct collect *c, const struct sek_listener *l, struct wanted *wanted,
                          size_t count)
{
    char address[INET6_ADDRSTRLEN];
    struct wanted key = {.path = without_usr(l->path)};
    struct wanted *w = bsearch(&key, wanted, count, sizeof *wanted, compare_wanted);
    sek_address_text(l->address, address);
    sek_json_open(c->out, NULL, '{');
    sek_json_str(c->out, "component", w ? w->component : "");
    sek_json_str(c->out, "path", l->path);
    sek_json_str(c->out, "proto", l->udp ? "udp" : "tcp");
    sek_json_str(c->out, "address", address);
    sek_json_uint(c->out, "port", l->port);
    sek_json_close(c->out, '}');
}

static enum sek_error write_services(const char *root, struct collect *c, struct sek_fault *fault)
{
    struct sek_listener *list = NULL;
    size_t count = 0;
    enum sek_error rc = *root ? SEK_OK : sek_listeners_collect(&list, &count, fault);
    struct wanted *wanted = calloc(count + 1, sizeof *wanted);
    if (rc || !wanted)
        goto done;
    /* Sorted, so that the same services make the same text: only differences travel. */
    if (count)
        qsort(list, count, sizeof *list, compare_listeners);
    for (size_t i = 0; i < count; i++)
        wanted[i].path = without_usr(list[i].path);
    if (count)
        find_components(root, wanted, count);
    sek_json_open(c->out, "services", '[');
    for (size_t i = 0; i < count; i++) {
        if (!i || compare_listeners(&list[i - 1], &list[i]))
            write_service(c, &list[i], wanted, count);
    }
    sek_json_close(c->out, ']');
done:
    free(wanted);
    free(list);
    return rc;
}

enum sek_error sek_inventory_collect(const char *root, struct sek_text *out,
                                     struct sek_fault *fault)
{
    struct collect c = {.out = out};
    char path[PATH_MAX], *text;
    size_t len;
    if (!strcmp(root, "/"))
        root = "";
    snprintf(path, sizeof path, "%s/var/lib/dpkg/status", root);
    enum sek_error rc = sek_file_read(path, STATUS_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    sek_json_open(out, NULL, '{');
    write_os(root, &c);
    sek_json_open(out, "components", '[');
    rc = sek_dpkg_parse(path, text, len, write_component, &c, fault);
    free(text);
    sek_json_close(out, ']');
    if (!rc)
        rc = write_services(root, &c, fault);
    sek_json_close(out, '}');
    if (!rc && out->failed)
        rc = sek_fail(fault, SEK_ENOMEM, "inventory: out of memory");
    return rc;
}
