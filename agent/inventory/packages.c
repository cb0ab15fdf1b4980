/* A table of databases: where each may be, and who reads it. */
#include "agent/inventory/packages.h"
#include "agent/inventory/apk.h"
#include "agent/inventory/dpkg.h"
#include "agent/inventory/rpm.h"
#include "agent/inventory/versions.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATABASE_LIMIT (256u << 20)
#define LIST_LIMIT     (16u << 20)
#define NAME           256

struct reading {
    const char *ecosystem, *from;
    struct sek_list *list;
    struct sek_owners *owners;
    char package[NAME]; /* the one whose files come now */
    const char *path;   /* of the database */
    unsigned packages;
};

static void copy_field(struct sek_field f, char out[NAME])
{
    snprintf(out, NAME, "%.*s", (int)(f.len < NAME ? f.len : NAME - 1), f.data ? f.data : "");
}

/* "cpe:/a:vendor:product" and the version without epoch and the package's own revision. */
static void make_cpe(struct sek_field id, const char *version, char out[NAME])
{
    char given[NAME], part[2], vendor[64], product[64], upstream[NAME];
    const char *colon = strchr(version, ':');
    copy_field(id, given);
    *out = '\0';
    if (sscanf(given, "cpe:/%1[aoh]:%63[^:]:%63[^:]", part, vendor, product) != 3)
        return;
    snprintf(upstream, sizeof upstream, "%s", colon ? colon + 1 : version);
    char *dash = strrchr(upstream, '-');
    if (dash)
        *dash = '\0';
    snprintf(given, sizeof given, "%s:%s:%s", part, vendor, product);
    sek_cpe(given, upstream, out, NAME);
}

static bool add_package(void *arg, const struct sek_package *p)
{
    struct reading *r = arg;
    char name[NAME], version[NAME], arch[NAME], source[NAME], source_version[NAME], cpe[NAME];
    struct sek_item item = {r->ecosystem, name,           version,    arch,
                            source,       source_version, .cpe = cpe, .from = r->from};
    copy_field(p->name, name);
    copy_field(p->version, version);
    copy_field(p->arch, arch);
    copy_field(p->source, source);
    copy_field(p->source_version, source_version);
    make_cpe(p->cpe, version, cpe);
    r->packages++;
    return sek_list_add(r->list, &item);
}

/* --- dpkg and opkg: a status file, and a list of files for each package in a folder --- */

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

/* A path a line; opkg writes its mode behind a tab. */
static void add_lines(struct reading *r, const char *text, size_t len)
{
    const char *next = text, *at;
    size_t n;
    while (sek_text_line(&next, text + len, &at, &n)) {
        const char *tab = memchr(at, '\t', n);
        if (n && *at == '/')
            sek_owners_add(r->owners, at, tab ? (size_t)(tab - at) : n, r->package);
    }
}

static void read_lists(struct reading *r, const char *status)
{
    char folder[PATH_MAX], path[2 * PATH_MAX];
    snprintf(folder, sizeof folder, "%s", status);
    *strrchr(folder, '/') = '\0';
    snprintf(path, sizeof path, "%s/info", folder);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir));) {
        char *text;
        size_t len;
        if (!list_package(e->d_name, r->package, sizeof r->package))
            continue;
        snprintf(path, sizeof path, "%s/info/%s", folder, e->d_name);
        if (sek_file_read(path, LIST_LIMIT, &text, &len, NULL))
            continue;
        add_lines(r, text, len);
        free(text);
    }
    if (dir)
        closedir(dir);
}

static enum sek_error read_status(struct reading *r, const char *path, struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, DATABASE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_dpkg_parse(path, text, len, add_package, r, fault);
    free(text);
    if (!rc)
        read_lists(r, path);
    return rc;
}

/* A folder of control files: opkg's beside its status file, with what that lacks (CPE-ID), or alone
 * in images whose status file was left out; dpkg's status.d of images without a package manager,
 * with NAME.md5sums ("DIGEST  usr/bin/x" lines) for files. One that is damaged is left out. */
static void read_control(struct reading *r, const char *path, const char *text, size_t len)
{
    struct sek_fault fault;
    if (sek_dpkg_control(path, text, len, add_package, r, &fault))
        sek_list_note(r->list, "a package is left out: %.450s", fault.message);
}

static void read_sums(struct reading *r, char *text)
{
    char path[PATH_MAX], *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        char *name = strstr(line, "  ");
        int n = name ? snprintf(path, sizeof path, "/%s", name + 2) : 0;
        if (n > 1 && (size_t)n < sizeof path)
            sek_owners_add(r->owners, path, (size_t)n, r->package);
    }
}

static void read_info(struct reading *r, const char *path, const char *file)
{
    const char *dot = strrchr(file, '.');
    bool control = !strcmp(r->from, "opkg") ? dot && !strcmp(dot, ".control") : *file != '.';
    bool sums = !strcmp(r->from, "dpkg") && dot && !strcmp(dot, ".md5sums");
    char *text;
    size_t len;
    if ((!control && !sums) || sek_file_read(path, LIST_LIMIT, &text, &len, NULL))
        return;
    snprintf(r->package, sizeof r->package, "%.*s", (int)(dot ? dot - file : 0), file);
    if (sums)
        read_sums(r, text);
    else
        read_control(r, path, text, len);
    free(text);
}

static enum sek_error read_folder(struct reading *r, const char *folder, struct sek_fault *fault)
{
    char path[2 * PATH_MAX];
    DIR *dir = opendir(folder);
    (void)fault;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        read_info(r, path, e->d_name);
    }
    if (dir)
        closedir(dir);
    snprintf(path, sizeof path, "%s/../status", folder);
    if (access(path, F_OK))
        read_lists(r, folder);
    return SEK_OK;
}

/* --- apk --- */

static void add_apk_file(void *arg, struct sek_field package, const char *path, size_t len)
{
    struct reading *r = arg;
    copy_field(package, r->package);
    sek_owners_add(r->owners, path, len, r->package);
}

static enum sek_error read_apk(struct reading *r, const char *path, struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, DATABASE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_apk_parse(path, text, len, add_package, add_apk_file, r, fault);
    free(text);
    return rc;
}

/* --- RPM --- */

/* "bash-5.1.8-9.el9.src.rpm" is source package bash in version 5.1.8-9.el9. */
static void split_source(const char *file, char name[NAME], char version[NAME])
{
    snprintf(name, NAME, "%s", file);
    *version = '\0';
    char *end = strstr(name, ".src.rpm");
    if (!end)
        end = strstr(name, ".nosrc.rpm");
    if (!end) {
        *name = '\0';
        return;
    }
    *end = '\0';
    char *dash = strrchr(name, '-');
    if (dash) {
        *dash = '\0';
        char *first = strrchr(name, '-');
        *dash = '-';
        dash = first ? first : dash;
        snprintf(version, NAME, "%s", dash + 1);
        *dash = '\0';
    }
}

static bool add_rpm(void *arg, const struct sek_rpm *rpm)
{
    struct reading *r = arg;
    char version[NAME], source[NAME], source_version[NAME], full[NAME], epoch[16] = "";
    if (!strcmp(rpm->name, "gpg-pubkey"))
        return false; /* a key that is kept as if it were a package */
    if (rpm->has_epoch && rpm->epoch)
        snprintf(epoch, sizeof epoch, "%u:", rpm->epoch);
    snprintf(version, sizeof version, "%s%.100s%s%.100s", epoch, rpm->version,
             *rpm->release ? "-" : "", rpm->release);
    split_source(rpm->source, source, source_version);
    /* Advisories count with the package's epoch, which a source's file name does not carry. */
    snprintf(full, sizeof full, "%s%.200s", epoch, source_version);
    struct sek_item item = {r->ecosystem,   rpm->name, version,
                            rpm->arch,      source,    *source_version ? full : NULL,
                            .from = r->from};
    snprintf(r->package, sizeof r->package, "%s", rpm->name);
    r->packages++;
    return sek_list_add(r->list, &item);
}

static void add_rpm_file(void *arg, const char *path, size_t len)
{
    struct reading *r = arg;
    sek_owners_add(r->owners, path, len, r->package);
}

static void read_blob(void *arg, const uint8_t *data, size_t len)
{
    struct reading *r = arg;
    struct sek_fault fault;
    if (sek_rpm_header(data, len, add_rpm, add_rpm_file, r, &fault))
        sek_list_note(r->list, "%.200s: a package is left out: %.200s", r->path, fault.message);
}

/* RPM's databases are other programs' formats: one that cannot be read is a note, so that the rest
 * of the inventory is made. */
static void note_unread(struct reading *r, const struct sek_fault *fault)
{
    sek_list_note(r->list, "%.500s", fault->message);
}

static enum sek_error read_rpm_sqlite(struct reading *r, const char *path, struct sek_fault *fault)
{
    if (sek_rpm_sqlite(path, read_blob, r, fault))
        note_unread(r, fault);
    return SEK_OK;
}

static enum sek_error read_rpm_ndb(struct reading *r, const char *path, struct sek_fault *fault)
{
    char *text = NULL;
    size_t len = 0;
    enum sek_error rc = sek_file_read(path, DATABASE_LIMIT, &text, &len, fault);
    if (!rc)
        rc = sek_rpm_ndb(path, (uint8_t *)text, len, read_blob, r, fault);
    if (rc)
        note_unread(r, fault);
    free(text);
    return SEK_OK;
}

static enum sek_error read_rpm_bdb(struct reading *r, const char *path, struct sek_fault *fault)
{
    struct sek_view view = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    struct stat st;
    enum sek_error rc = SEK_OK;
    if (view.fd < 0 || fstat(view.fd, &st) || !S_ISREG(st.st_mode)) {
        rc = sek_fail(fault, SEK_EIO, "%s: cannot be read as a file", path);
    } else {
        view.size = (uint64_t)st.st_size;
        rc = sek_rpm_bdb(path, &view, read_blob, r, fault);
    }
    if (rc)
        note_unread(r, fault);
    if (view.fd >= 0)
        close(view.fd);
    return SEK_OK;
}

static const struct {
    const char *path, *from;
    enum sek_error (*read)(struct reading *r, const char *path, struct sek_fault *fault);
} databases[] = {
    {"/var/lib/dpkg/status", "dpkg", read_status},
    {"/usr/lib/opkg/status", "opkg", read_status},
    {"/var/lib/opkg/status", "opkg", read_status},
    {"/opt/lib/opkg/status", "opkg", read_status},
    {"/var/lib/dpkg/status.d", "dpkg", read_folder},
    {"/usr/lib/opkg/info", "opkg", read_folder},
    {"/var/lib/opkg/info", "opkg", read_folder},
    {"/opt/lib/opkg/info", "opkg", read_folder},
    {"/lib/apk/db/installed", "apk", read_apk},
    {"/usr/lib/apk/db/installed", "apk", read_apk},
    {"/var/lib/rpm/rpmdb.sqlite", "rpm", read_rpm_sqlite},
    {"/usr/lib/sysimage/rpm/rpmdb.sqlite", "rpm", read_rpm_sqlite},
    {"/var/lib/rpm/Packages.db", "rpm", read_rpm_ndb},
    {"/usr/lib/sysimage/rpm/Packages.db", "rpm", read_rpm_ndb},
    {"/var/lib/rpm/Packages", "rpm", read_rpm_bdb},
    {"/usr/lib/sysimage/rpm/Packages", "rpm", read_rpm_bdb},
};
#define DATABASES (sizeof databases / sizeof databases[0])

/* /lib may be a link to /usr/lib: the same file counts once. */
static bool seen_before(char real[DATABASES][PATH_MAX], size_t now)
{
    for (size_t i = 0; i < now; i++)
        if (real[i][0] && !strcmp(real[i], real[now]))
            return true;
    return false;
}

enum sek_error sek_packages_read(const char *root, const char *ecosystem, struct sek_list *list,
                                 struct sek_owners *owners, unsigned *count,
                                 struct sek_fault *fault)
{
    static char real[DATABASES][PATH_MAX];
    char path[PATH_MAX];
    enum sek_error rc = SEK_OK;
    *count = 0;
    for (size_t i = 0; !rc && i < DATABASES; i++) {
        struct reading r = {.ecosystem = ecosystem,
                            .from = databases[i].from,
                            .list = list,
                            .owners = owners,
                            .path = path};
        snprintf(path, sizeof path, "%s%s", root, databases[i].path);
        real[i][0] = '\0';
        if (!realpath(path, real[i]) || seen_before(real, i))
            continue;
        rc = databases[i].read(&r, path, fault);
        *count += r.packages != 0;
    }
    if (!rc && owners->full)
        sek_list_note(list,
                      "more than %d files in packages: some may be looked at as if they "
                      "belonged to none",
                      SEK_OWNERS_MAX);
    return rc;
}
