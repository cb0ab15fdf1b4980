/* inotify(7): a watch on each folder. What happens in a new folder before its watch is there is
 * found by looking into it once, and told as created. */
#include "agent/changes_backend.h"
#include "agent/folders.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

struct watch {
    int wd;
    char *path;
};

struct inotify {
    struct sek_changes base;
    struct watch *watches;
    size_t count, cap;
    uint32_t mask;
    bool failed; /* a folder could not be watched */
};

static const struct {
    uint32_t in, what;
} bits[] = {
    {IN_CREATE, SEK_CHANGE_CREATED},      {IN_DELETE, SEK_CHANGE_DELETED},
    {IN_MOVED_TO, SEK_CHANGE_MOVED_TO},   {IN_MOVED_FROM, SEK_CHANGE_MOVED_FROM},
    {IN_CLOSE_WRITE, SEK_CHANGE_WRITTEN}, {IN_ATTRIB, SEK_CHANGE_ATTRIBUTES},
};
#define BITS (sizeof bits / sizeof bits[0])

static struct watch *find_watch(struct inotify *n, int wd)
{
    for (size_t i = 0; i < n->count; i++) {
        if (n->watches[i].wd == wd)
            return &n->watches[i];
    }
    return NULL;
}

static void add_watch(void *arg, const char *path)
{
    struct inotify *n = arg;
    if (sek_paths_cover(n->base.options.exclude, path))
        return;
    int wd = inotify_add_watch(n->base.fd, path, n->mask | IN_ONLYDIR | IN_DONT_FOLLOW);
    char *copy = strdup(path);
    struct watch *known = wd < 0 ? NULL : find_watch(n, wd);
    if (!known && n->count == n->cap) {
        size_t cap = n->cap ? n->cap * 2 : 64;
        struct watch *more = realloc(n->watches, cap * sizeof *more);
        if (more) {
            n->watches = more;
            n->cap = cap;
        }
    }
    if (wd < 0 || !copy || (!known && n->count == n->cap)) {
        n->failed = true;
        free(copy);
        return;
    }
    if (known)
        free(known->path);
    else
        known = &n->watches[n->count++];
    *known = (struct watch){wd, copy};
}

static void drop_watch(struct inotify *n, struct watch *w)
{
    free(w->path);
    *w = n->watches[--n->count];
}

/* Tell what is in a folder that is new. */
static void tell_content(struct inotify *n, const char *folder)
{
    DIR *d = opendir(folder);
    char path[PATH_MAX];
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        struct sek_change change = {path, SEK_CHANGE_CREATED | SEK_CHANGE_WRITTEN,
                                    e->d_type == DT_DIR, 0};
        n->base.options.on_change(n->base.options.arg, &change);
    }
    if (d)
        closedir(d);
}

static void enter_folder(void *arg, const char *path)
{
    add_watch(arg, path);
    tell_content(arg, path);
}

static void take_event(struct inotify *n, const struct inotify_event *e)
{
    char path[PATH_MAX];
    struct watch *w = find_watch(n, e->wd);
    if (e->mask & IN_Q_OVERFLOW)
        n->base.options.on_lost(n->base.options.arg);
    if (w && e->mask & IN_IGNORED)
        drop_watch(n, w);
    else if (w && e->len) {
        snprintf(path, sizeof path, "%s/%s", strcmp(w->path, "/") ? w->path : "", e->name);
        struct sek_change change = {path, 0, (e->mask & IN_ISDIR) != 0, 0};
        for (size_t i = 0; i < BITS; i++)
            change.what |= e->mask & bits[i].in ? bits[i].what : 0;
        if (!sek_changes_covered(&n->base, path))
            return;
        if (change.what & n->base.options.what)
            n->base.options.on_change(n->base.options.arg, &change);
        if (change.folder && change.what & (SEK_CHANGE_CREATED | SEK_CHANGE_MOVED_TO))
            sek_folders_walk(path, enter_folder, n);
    }
}

static bool inotify_serve(struct sek_changes *c)
{
    struct inotify *n = (struct inotify *)c;
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t len = read(c->fd, buffer, sizeof buffer);
    for (ssize_t at = 0; at < len;) {
        const struct inotify_event *e = (const void *)(buffer + at);
        take_event(n, e);
        at += (ssize_t)(sizeof *e + e->len);
    }
    return len > 0;
}

static void inotify_close(struct sek_changes *c)
{
    struct inotify *n = (struct inotify *)c;
    for (size_t i = 0; i < n->count; i++)
        free(n->watches[i].path);
    free(n->watches);
    if (c->fd >= 0)
        close(c->fd);
    free(n);
}

static const struct sek_changes_backend inotify_backend = {inotify_serve, inotify_close};

enum sek_error sek_inotify_open(const struct sek_changes_options *options, struct sek_changes **out,
                                struct sek_fault *fault)
{
    struct inotify *n = calloc(1, sizeof *n);
    if (!n)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    n->base = (struct sek_changes){.backend = &inotify_backend, .options = *options};
    n->base.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    n->mask = IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM;
    for (size_t i = 0; i < BITS; i++)
        n->mask |= options->what & bits[i].what ? bits[i].in : 0;
    for (unsigned i = 0; n->base.fd >= 0 && i < options->paths->count; i++)
        sek_folders_walk(options->paths->item[i], add_watch, n);
    if (n->base.fd < 0 || !n->count) {
        inotify_close(&n->base);
        return sek_fail(fault, SEK_EIO, "inotify: nothing can be watched: %s", strerror(errno));
    }
    *out = &n->base;
    return SEK_OK;
}
