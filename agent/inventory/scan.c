/* A table of kinds of files: who claims a file reads it. */
#include "agent/inventory/scan.h"
#include "agent/inventory/golang.h"
#include "agent/inventory/jar.h"
#include "agent/inventory/language.h"
#include "agent/inventory/scan_cache.h"
#include "agent/inventory/versions.h"
#include "agent/inventory/walk.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/reader.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALLEST_PROGRAM 64 /* bytes; a smaller file holds no component */
#define NAME             256
#define SHARE            100 /* a walk waits this often as long as the last one took */

struct scan {
    const struct sek_scan_options *options;
    struct sek_list *list;
    struct sek_writable_list *writable;
    struct sek_scan_cache cache;
    struct sek_versions *versions; /* opened for the first program */
    bool no_versions;              /* that failed */
    struct stat self;              /* this program, which holds the text of every row */
    uint64_t deadline;             /* us, monotonic; 0: none */
    bool late;                     /* files were left for the next time */
    /* of the file under way */
    const struct sek_walk_entry *entry;
    char build_id[SEK_BUILD_ID];
};

static bool ends(const char *text, const char *tail)
{
    size_t a = strlen(text), b = strlen(tail);
    return a >= b && !strcmp(text + a - b, tail);
}

static bool name_has(const struct sek_walk_entry *e, const char *part)
{
    return strstr(e->name, part) != NULL;
}

static void add(struct scan *s, const char *ecosystem, const char *name, const char *version,
                const char *cpe, const char *from)
{
    struct sek_item item = {.ecosystem = ecosystem,
                            .name = name,
                            .version = version,
                            .cpe = cpe,
                            .build_id = s->build_id,
                            .path = s->entry->path,
                            .from = from};
    sek_list_add(s->list, &item);
}

/* --- language packages --- */

/* The file of a package itself, node_modules/NAME or node_modules/@SCOPE/NAME, not one deeper in
 * it: tests and parts of packages have such files too. */
static bool claims_node(const struct sek_walk_entry *e)
{
    static const char folder[] = "/node_modules/";
    const char *at = NULL;
    if (strcmp(e->name, "package.json"))
        return false;
    for (const char *next = e->path; (next = strstr(next, folder));)
        at = next += sizeof folder - 1;
    if (at && *at == '@')
        at = strchr(at, '/') ? strchr(at, '/') + 1 : NULL;
    const char *slash = at ? strchr(at, '/') : NULL;
    return slash && !strcmp(slash + 1, "package.json");
}

/* What a lock file names counts where no node_modules beside it tells what is there in truth, as in
 * programs that were bundled into one file. */
static bool claims_node_lock(const struct sek_walk_entry *e)
{
    char beside[PATH_MAX];
    if ((strcmp(e->name, "package-lock.json") && strcmp(e->name, "npm-shrinkwrap.json")) ||
        strstr(e->path, "/node_modules/"))
        return false;
    int n = snprintf(beside, sizeof beside, "%.*s/node_modules",
                     (int)(strlen(e->full) - strlen(e->name) - 1), e->full);
    return n > 0 && (size_t)n < sizeof beside && access(beside, F_OK);
}

static bool claims_python(const struct sek_walk_entry *e)
{
    return (!strcmp(e->name, "METADATA") && strstr(e->path, ".dist-info/")) ||
           (!strcmp(e->name, "PKG-INFO") &&
            (strstr(e->path, ".egg-info/") || strstr(e->path, "/EGG-INFO/"))) ||
           ends(e->name, ".egg-info");
}

static void read_metadata(struct scan *s, const char *ecosystem, const char *from,
                          bool (*parse)(const char *, size_t, char *, char *, size_t))
{
    char *text, name[NAME], version[NAME];
    size_t len;
    if (sek_file_read(s->entry->full, SEK_LANGUAGE_LIMIT, &text, &len, NULL))
        return;
    if (parse(text, len, name, version, NAME))
        add(s, ecosystem, name, version, NULL, from);
    free(text);
}

static void read_node(struct scan *s, const struct sek_view *view)
{
    (void)view;
    read_metadata(s, "npm", "npm", sek_node_package);
}

static void add_locked(void *arg, const char *name, const char *version)
{
    add(arg, "npm", name, version, NULL, "npm");
}

static void read_node_lock(struct scan *s, const struct sek_view *view)
{
    char *text;
    size_t len;
    (void)view;
    if (sek_file_read(s->entry->full, SEK_NODE_LOCK_LIMIT, &text, &len, NULL))
        return;
    sek_node_lock(text, len, add_locked, s);
    free(text);
}

static void read_python(struct scan *s, const struct sek_view *view)
{
    (void)view;
    read_metadata(s, "PyPI", "pip", sek_python_package);
}

static bool claims_jar(const struct sek_walk_entry *e)
{
    return sek_jar_name(e->name, strlen(e->name));
}

/* Libraries whose flaws advisories name by CPE. */
static const char *jar_product(const char *name)
{
    static const struct {
        const char *artifact, *product;
    } known[] = {
        {"log4j-core", "a:apache:log4j"},
        {"struts2-core", "a:apache:struts"},
        {"spring-core", "a:vmware:spring_framework"},
        {"activemq-broker", "a:apache:activemq"},
    };
    const char *colon = strrchr(name, ':');
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcmp(colon ? colon + 1 : name, known[i].artifact))
            return known[i].product;
    return NULL;
}

static void add_jar(void *arg, const struct sek_jar_item *item)
{
    char cpe[NAME] = "";
    const char *product = jar_product(item->name);
    if (product)
        sek_cpe(product, item->version, cpe, sizeof cpe);
    add(arg, item->ecosystem, item->name, item->version, cpe, "jar");
}

static void read_jar(struct scan *s, const struct sek_view *view)
{
    sek_jar_read(view, s->entry->name, add_jar, s);
}

/* --- programs, libraries, firmware images --- */

static bool is_loader_or_kernel(const struct sek_walk_entry *e)
{
    static const char *const parts[] = {"u-boot", "uboot",  "U-Boot", "vmlinu",
                                        "zImage", "uImage", "Image",  "kernel"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (name_has(e, parts[i]))
            return true;
    return ends(e->name, ".bin") || ends(e->name, ".img");
}

static bool claims_program(const struct sek_walk_entry *e)
{
    return e->stat->st_size >= SMALLEST_PROGRAM &&
           ((e->stat->st_mode & 0111) || name_has(e, ".so") || ends(e->name, ".a") ||
            ends(e->name, ".ko") || strstr(e->path, "/bin/") || strstr(e->path, "/sbin/") ||
            is_loader_or_kernel(e));
}

static void add_module(void *arg, const char *path, const char *version, bool main)
{
    (void)main;
    add(arg, "Go", path, version, NULL, "go");
}

static void add_version(void *arg, const struct sek_version_row *row, const char *version)
{
    char cpe[NAME];
    sek_cpe(row->cpe, version, cpe, sizeof cpe);
    add(arg, "generic", row->name, version, cpe, "strings");
}

/* Libraries whose version is in the file's name only. */
static void add_by_name(struct scan *s)
{
    static const struct {
        const char *format, *name, *product;
    } known[] = {
        {"libuClibc-%40[0-9.].so%n", "uclibc", "a:uclibc:uclibc"},
        {"ld-uClibc-%40[0-9.].so%n", "uclibc", "a:uclibc:uclibc"},
        {"libmosquitto.so.%40[0-9.]%n", "mosquitto", "a:eclipse:mosquitto"},
    };
    char version[41], cpe[NAME];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int end = 0;
        if (sscanf(s->entry->name, known[i].format, version, &end) < 1 || !end ||
            s->entry->name[end])
            continue;
        version[strcspn(version, " ")] = '\0';
        size_t n = strlen(version);
        if (n && version[n - 1] == '.')
            version[n - 1] = '\0';
        if (!strchr(version, '.'))
            continue; /* an interface's number, no version */
        sek_cpe(known[i].product, version, cpe, sizeof cpe);
        add(s, "generic", known[i].name, version, cpe, "name");
    }
}

static void scan_versions(struct scan *s, const struct sek_view *view)
{
    struct sek_fault fault;
    if (!s->versions && !s->no_versions) {
        s->versions = sek_versions_open(&fault);
        s->no_versions = !s->versions;
        if (s->no_versions)
            sek_list_note(s->list, "%s", fault.message);
    }
    bool self = s->entry->stat->st_ino == s->self.st_ino && s->entry->stat->st_dev == s->self.st_dev;
    if (s->versions && !self)
        sek_versions_scan(s->versions, view, s->entry->path, add_version, s, NULL);
}

/* The header of a compressed kernel tells its version: U-Boot's image format ("Linux-5.4.0" in the
 * name), and the x86 boot protocol (Documentation/arch/x86/boot.rst). */
static void read_kernel_header(struct scan *s, const struct sek_view *view)
{
    uint8_t head[0x210];
    char text[80] = "", version[40], cpe[NAME];
    if (!sek_view_read(view, 0, head, sizeof head))
        return;
    struct sek_reader r = sek_reader_make(head, sizeof head);
    if (sek_reader_u32(&r) == 0x27051956) {
        snprintf(text, sizeof text, "%.32s", (const char *)head + 32);
    } else if (!memcmp(head + 0x202, "HdrS", 4)) {
        uint64_t at = 0x200u + (head[0x20e] | head[0x20f] << 8);
        snprintf(text, sizeof text, "Linux-");
        text[6 + sek_view_some(view, at, text + 6, 60)] = '\0';
    }
    if (sscanf(text, "Linux-%39[0-9.]", version) != 1 || !strchr(version, '.'))
        return;
    sek_cpe("o:linux:linux_kernel", version, cpe, sizeof cpe);
    add(s, "generic", "linux", version, cpe, "strings");
}

static void read_program(struct scan *s, const struct sek_view *view)
{
    struct sek_elf *elf = malloc(sizeof *elf);
    char magic[8] = "";
    sek_view_some(view, 0, magic, sizeof magic);
    if (elf && sek_elf_open(view, elf)) {
        sek_elf_build_id(elf, s->build_id);
        if (!sek_go_modules(elf, add_module, s))
            scan_versions(s, view);
        add_by_name(s);
    } else if (!memcmp(magic, "!<arch>\n", 8)) {
        scan_versions(s, view);
    } else if (is_loader_or_kernel(s->entry)) {
        read_kernel_header(s, view);
        scan_versions(s, view);
    }
    free(elf);
}

static const struct {
    bool (*claims)(const struct sek_walk_entry *entry);
    void (*read)(struct scan *s, const struct sek_view *view);
} kinds[] = {
    {claims_node, read_node}, {claims_node_lock, read_node_lock}, {claims_python, read_python},
    {claims_jar, read_jar},   {claims_program, read_program},
};

static void read_file(struct scan *s, void (*read)(struct scan *, const struct sek_view *))
{
    size_t first = s->list->count;
    struct sek_view view = {.fd = open(s->entry->full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW),
                            .size = (uint64_t)s->entry->stat->st_size};
    if (view.fd < 0)
        return;
    s->build_id[0] = '\0';
    read(s, &view);
    close(view.fd);
    sek_cache_keep(&s->cache, s->entry->stat, s->list, first);
}

/* Of the system itself; what is below /home or /srv is the users' own. */
static bool is_system(const char *path)
{
    static const char *const parts[] = {"/etc", "/usr",   "/bin", "/sbin",
                                        "/lib", "/lib64", "/opt", "/boot"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t len = strlen(parts[i]);
        if (!strncmp(path, parts[i], len) && (path[len] == '/' || !path[len]))
            return true;
    }
    return false;
}

static void note_writable(struct scan *s, const struct sek_walk_entry *e)
{
    mode_t mode = e->stat->st_mode;
    struct sek_writable w = {e->path, S_ISDIR(mode), S_ISREG(mode) && (mode & 0111)};
    if (!(mode & S_IWOTH) || (w.folder && (mode & S_ISVTX)) || !is_system(e->path))
        return;
    sek_writable_add(s->writable, &w);
    sek_cache_writable(&s->cache, &w);
}

static void visit(void *arg, const struct sek_walk_entry *e)
{
    struct scan *s = arg;
    note_writable(s, e);
    if (!S_ISREG(e->stat->st_mode))
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!kinds[i].claims(e))
            continue;
        s->entry = e;
        if (sek_owners_have(s->options->owners, e->path) ||
            sek_cache_use(&s->cache, e->stat, s->list))
            return;
        s->late = s->late || (s->deadline && sek_clock_mono_us() > s->deadline);
        if (!s->late)
            read_file(s, kinds[i].read);
        return;
    }
}

/* Young enough, or so long that repeating it would take more than a hundredth of the time. */
static bool is_fresh(const struct sek_scan_cache *c, const struct sek_scan_options *o, uint64_t now)
{
    if (!c->walked || now < c->walked || !o->walk_every_s)
        return false;
    uint64_t age = now - c->walked;
    return age < o->walk_every_s || age < (uint64_t)c->took * SHARE / 1000u;
}

enum sek_error sek_scan(const struct sek_scan_options *options, struct sek_list *list,
                        struct sek_writable_list *writable, struct sek_fault *fault)
{
    struct scan s = {.options = options, .list = list, .writable = writable};
    if (stat("/proc/self/exe", &s.self))
        s.self = (struct stat){0};
    uint64_t now = sek_clock_wall_us() / 1000000u, from = sek_clock_mono_us();
    sek_cache_load(&s.cache, options->cache);
    bool fresh = is_fresh(&s.cache, options, now);
    if (options->cache && options->read_s)
        s.deadline = from + options->read_s * 1000000ull;
    bool cut = s.cache.cut;
    if (fresh)
        sek_cache_replay(&s.cache, list, writable);
    else
        cut = !sek_walk(options->root, options->whole, visit, &s);
    if (cut)
        sek_list_note(list, "more than %u files or %d folders deep: the rest was not looked at",
                      SEK_WALK_FILES, SEK_WALK_DEPTH);
    if (s.late)
        sek_list_note(list, "not all files could be read in %u s: the rest is read next time",
                      options->read_s);
    sek_versions_close(s.versions);
    sek_cache_close(&s.cache, fresh ? NULL : options->cache,
                    s.late ? 0 : (uint32_t)((sek_clock_mono_us() - from) / 1000u), cut);
    return list->failed ? sek_fail(fault, SEK_ENOMEM, "inventory: out of memory") : SEK_OK;
}
