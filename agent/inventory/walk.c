#include "agent/inventory/walk.h"
#include "lib/base/tree.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Not software, or another system's: container images, caches, documents. */
static const char *const left_out[] = {
    "/proc",
    "/sys",
    "/dev",
    "/run",
    "/tmp",
    "/lost+found",
    "/var/tmp",
    "/var/cache",
    "/var/log",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/machines",
    "/var/lib/flatpak",
    "/var/lib/dpkg",
    "/var/lib/rpm",
    "/var/lib/apt",
    "/var/lib/sekisho-agent",
    "/usr/share/doc",
    "/usr/share/man",
    "/usr/share/locale",
    "/usr/share/icons",
    "/usr/share/zoneinfo",
    "/usr/include",
    "/usr/src",
};
static const char *const places[] = {
    "/usr",  "/bin", "/sbin", "/lib",  "/lib64",   "/opt",     "/srv",       "/home",
    "/root", "/app", "/etc",  "/boot", "/var/www", "/var/lib", "/usr/local",
};
#define PLACES (sizeof places / sizeof places[0])

bool sek_walk_leaves_out(const char *path, size_t len)
{
    for (size_t i = 0; i < sizeof left_out / sizeof left_out[0]; i++) {
        size_t folder = strlen(left_out[i]);
        if (len >= folder && !memcmp(path, left_out[i], folder) &&
            (len == folder || path[folder] == '/'))
            return true;
    }
    return false;
}

static bool is_left_out(const char *path)
{
    const char *name = strrchr(path, '/');
    return sek_walk_leaves_out(path, strlen(path)) ||
           (name && (!strcmp(name, "/.git") || !strcmp(name, "/__pycache__")));
}

static bool walk_tree(const char *root, const char *start,
                      void (*each)(void *, const struct sek_walk_entry *), void *arg,
                      unsigned *count)
{
    struct sek_tree *tree = sek_tree_open(start, false);
    size_t skip = strlen(root);
    bool whole = true;
    for (const struct sek_tree_entry *e; tree && (e = sek_tree_next(tree));) {
        struct sek_walk_entry entry = {e->path, e->path + skip, e->name, &e->st};
        bool folder = e->kind == SEK_TREE_FOLDER;
        if (++*count > SEK_WALK_FILES) {
            whole = false;
            break;
        }
        if (folder && (e->depth > SEK_WALK_DEPTH || is_left_out(entry.path))) {
            whole = whole && e->depth <= SEK_WALK_DEPTH;
            sek_tree_skip(tree);
        } else if (folder || e->kind == SEK_TREE_FILE) {
            each(arg, &entry);
        }
    }
    sek_tree_close(tree);
    return whole;
}

struct start {
    char path[PATH_MAX];
    dev_t device;
    uint64_t mount;
};

/* An earlier start goes through PATH already: it is above it, on the same mount. */
static bool is_covered(const struct start *list, size_t count, const struct start *now)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(list[i].path);
        while (len && list[i].path[len - 1] == '/')
            len--;
        if ((list[i].device == now->device || (now->mount && list[i].mount == now->mount)) &&
            !strncmp(list[i].path, now->path, len) &&
            now->path[len] == '/')
            return true;
    }
    return false;
}

static size_t choose(const char *root, bool whole, struct start *list)
{
    size_t count = 0;
    for (size_t i = whole ? 0 : 1; i <= PLACES; i++) {
        struct start *s = &list[count];
        struct stat st;
        int n = snprintf(s->path, sizeof s->path, "%s%s", root, i ? places[i - 1] : "/");
        if (n >= (int)sizeof s->path || lstat(s->path, &st) || !S_ISDIR(st.st_mode))
            continue;
        s->device = st.st_dev;
        s->mount = sek_tree_mount(s->path);
        count += !is_covered(list, count, s);
    }
    return count;
}

bool sek_walk(const char *root, bool whole,
              void (*each)(void *arg, const struct sek_walk_entry *entry), void *arg)
{
    struct start *list = calloc(PLACES + 1, sizeof *list);
    unsigned count = 0;
    size_t starts = list ? choose(root, whole, list) : 0;
    bool done = list != NULL;
    for (size_t i = 0; i < starts && count <= SEK_WALK_FILES; i++)
        done = walk_tree(root, list[i].path, each, arg, &count) && done;
    free(list);
    return done;
}
