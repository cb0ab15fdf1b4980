/* One pass over the package lists and the scopes; each that ends well gets its line. */
#include "agent/lockdown/baseline.h"
#include "agent/lockdown/learn.h"
#include "agent/lockdown/packages.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REMEMBERED_LIMIT (64u << 10) /* bytes of the file */

static const char packages_line[] = "packages";

static void remembered_path(const struct sek_baseline *b, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s.baseline", b->allowlist);
}

/* Allocated text, empty when nothing was registered. NULL: out of memory. */
static char *remembered(const struct sek_baseline *b)
{
    char path[PATH_MAX], *text;
    struct sek_fault fault;
    size_t len;
    remembered_path(b, path);
    return sek_file_read(path, REMEMBERED_LIMIT, &text, &len, &fault) ? strdup("") : text;
}

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);
    for (const char *p = text; p && *p; p = strchr(p, '\n'), p += p != NULL) {
        if (!strncmp(p, line, len) && (p[len] == '\n' || !p[len]))
            return true;
    }
    return false;
}

static enum sek_error remember(const struct sek_baseline *b, const char *text, const char *line,
                               struct sek_fault *fault)
{
    char path[PATH_MAX];
    if (b->forget || has_line(text, line))
        return SEK_OK;
    remembered_path(b, path);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool written = fd >= 0 && dprintf(fd, "%s\n", line) == (int)strlen(line) + 1 && !fsync(fd);
    int why = errno;
    if (fd >= 0)
        close(fd);
    return written ? SEK_OK : sek_fail(fault, SEK_EIO, "%s: %s", path, strerror(why));
}

bool sek_baseline_remembered(const struct sek_baseline *b, bool *folders, bool *packages)
{
    char *text = b->forget ? NULL : remembered(b);
    bool some = *packages = text && has_line(text, packages_line);
    *folders = text != NULL;
    for (unsigned i = 0; i < b->scope_count && text; i++) {
        bool registered = has_line(text, b->scopes[i].path);
        *folders = *folders && registered;
        some = some || registered;
    }
    free(text);
    return some;
}

static void warn_altered(void *arg, const char *path, const char *package)
{
    (void)arg;
    sek_warning("lockdown: %s is not what package %s installed: not registered", path, package);
}

static enum sek_error learn_scope(struct sek_learning *l, const struct sek_scope *scope,
                                  struct sek_fault *fault)
{
    static struct sek_mount_line m;
    char *text;
    if (!sek_scope_is_all(scope))
        return sek_learn_folder(l, scope->path, fault);
    enum sek_error rc = sek_mounts_read(&text, fault);
    if (rc)
        return rc;
    for (const char *p = text; !rc && sek_mount_next(&p, &m);) {
        if (!sek_mount_is_pseudo(&m))
            rc = sek_learn_folder(l, m.point, fault);
        if (rc == SEK_ENOTFOUND) /* unmounted meanwhile, or a file */
            rc = SEK_OK;
    }
    free(text);
    return rc;
}

static enum sek_error learn(const struct sek_baseline *b, bool again, struct sek_learning *l,
                            struct sek_fault *fault)
{
    char *text = remembered(b);
    if (!text)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    enum sek_error rc = sek_allowlist_load(l->list, b->allowlist, fault);
    if (!rc)
        rc = sek_allowlist_open(l->out, b->allowlist, fault);
    if (!rc && b->packages && !(rc = sek_learn_packages(l, b->root, warn_altered, NULL, fault)))
        rc = remember(b, text, packages_line, fault);
    for (unsigned i = 0; i < b->scope_count && !rc && b->folders; i++) {
        if ((again || !has_line(text, b->scopes[i].path)) &&
            !(rc = learn_scope(l, &b->scopes[i], fault)))
            rc = remember(b, text, b->scopes[i].path, fault);
    }
    free(text);
    return rc;
}

enum sek_error sek_baseline_register(const struct sek_baseline *b, bool again,
                                     struct sek_fault *fault)
{
    struct sek_allowlist list = {0};
    struct sek_allowlist_out out = {NULL, -1};
    struct sek_learning l = {.list = &list, .out = &out};
    struct sek_fault unsaved;
    char digests[PATH_MAX], *kept = b->forget ? NULL : digests;
    snprintf(digests, sizeof digests, "%s" SEK_DIGESTS_ENDING, b->allowlist);
    sek_digests_open(&l.digests, kept);
    enum sek_error rc = learn(b, again, &l, fault);
    if (!rc)
        sek_info("lockdown: %llu programs of %llu files registered (%llu read, %llu known)",
                 (unsigned long long)l.added, (unsigned long long)l.files,
                 (unsigned long long)l.digests.read, (unsigned long long)l.digests.used);
    if (sek_digests_close(&l.digests, rc ? NULL : kept, &unsaved))
        sek_warning("lockdown: %s", unsaved.message);
    sek_allowlist_free(&list);
    if (out.fd >= 0)
        close(out.fd);
    return rc;
}
