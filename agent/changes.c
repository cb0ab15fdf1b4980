/* fanotify(7) with FAN_REPORT_DFID_NAME: each event names a folder by its file handle, and a name
 * in it. The folders that are watched are in a map from handle to path, so that events from a
 * folder that is gone by now still have a path. The whole file system is marked, because a mark on
 * each folder would miss what happens in a new one before it is marked; folders that are not
 * watched get an ignore mark when they first make noise (Linux 6.0). */
#include "agent/changes.h"
#include "agent/changes_backend.h"
#include "agent/folders.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define READ_BYTES (256u << 10)
#define SYSTEMS    SEK_PATHS

#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x00001000
#endif
#ifndef FAN_MARK_EVICTABLE
#define FAN_MARK_EVICTABLE 0x00000200
#endif
#ifndef FAN_MARK_IGNORE
#define FAN_MARK_IGNORE 0x00000400
#endif

struct system {
    uint64_t fsid;
    int mount_fd;
};

struct fan {
    struct sek_changes base;
    struct system systems[SYSTEMS];
    unsigned system_count;
    bool targets, ignores;
    uint64_t mask;
    struct sek_folders folders;
    char *buffer;
};

static const struct {
    uint64_t fan;
    uint32_t what;
} bits[] = {
    {FAN_CREATE, SEK_CHANGE_CREATED},      {FAN_DELETE, SEK_CHANGE_DELETED},
    {FAN_MOVED_TO, SEK_CHANGE_MOVED_TO},   {FAN_MOVED_FROM, SEK_CHANGE_MOVED_FROM},
    {FAN_CLOSE_WRITE, SEK_CHANGE_WRITTEN}, {FAN_ATTRIB, SEK_CHANGE_ATTRIBUTES},
};
#define BITS (sizeof bits / sizeof bits[0])

static uint64_t fsid_number(const void *fsid)
{
    uint64_t n;
    memcpy(&n, fsid, sizeof n);
    return n;
}

static const struct system *find_system(const struct fan *f, uint64_t fsid)
{
    for (unsigned i = 0; i < f->system_count; i++) {
        if (f->systems[i].fsid == fsid)
            return &f->systems[i];
    }
    return NULL;
}

/* A folder that nobody asked for shall not wake us again. */
static void ignore_folder(struct fan *f, int fd)
{
    char self[40];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    if (f->ignores &&
        fanotify_mark(f->base.fd,
                      FAN_MARK_ADD | FAN_MARK_IGNORE | FAN_MARK_IGNORED_SURV_MODIFY |
                          FAN_MARK_EVICTABLE,
                      f->mask | FAN_ONDIR | FAN_EVENT_ON_CHILD, AT_FDCWD, self) &&
        errno == EINVAL)
        f->ignores = false;
}

/* Changes of metadata are marked folder by folder: each removal of a file anywhere is one, without
 * a name, and would wake us. What happens in a new folder before its mark is seen with the file
 * itself, which is looked at when its creation is taken up. */
static void mark_folder(struct fan *f, const char *path)
{
    if (f->base.options.what & SEK_CHANGE_ATTRIBUTES)
        fanotify_mark(f->base.fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR | FAN_MARK_DONT_FOLLOW,
                      FAN_ATTRIB | FAN_ONDIR | FAN_EVENT_ON_CHILD, AT_FDCWD, path);
}

/* The path of a folder's handle; NULL: it is not watched. */
static const char *folder_path(struct fan *f, const struct fanotify_event_info_fid *info,
                               const struct file_handle *handle)
{
    static char path[PATH_MAX];
    char self[40];
    uint64_t fsid = fsid_number(&info->fsid), key = sek_folder_key(fsid, handle);
    const char *known = sek_folders_find(&f->folders, key);
    if (known)
        return known;
    const struct system *s = find_system(f, fsid);
    int fd = s ? open_by_handle_at(s->mount_fd, (struct file_handle *)(uintptr_t)handle,
                                   O_PATH | O_CLOEXEC)
               : -1;
    if (fd < 0)
        return NULL;
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(self, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    bool watched = sek_changes_covered(&f->base, path) || sek_changes_leads(&f->base, path);
    if (!watched)
        ignore_folder(f, fd);
    else
        sek_folders_add(&f->folders, key, path);
    if (watched)
        mark_folder(f, path);
    close(fd);
    return watched ? path : NULL;
}

/* The info record of TYPE, with its handle wholly inside the event; NULL: none. */
static const struct fanotify_event_info_fid *
find_info(const struct fanotify_event_metadata *e, uint8_t type, const struct file_handle **handle)
{
    const char *p = (const char *)e + e->metadata_len, *end = (const char *)e + e->event_len;
    while (end - p >= (ssize_t)sizeof(struct fanotify_event_info_fid)) {
        const struct fanotify_event_info_fid *info = (const void *)p;
        if (info->hdr.len < sizeof *info || info->hdr.len > end - p)
            return NULL;
        *handle = (const void *)info->handle;
        if (info->hdr.info_type == type && info->hdr.len >= sizeof *info + sizeof **handle &&
            (*handle)->handle_bytes <= info->hdr.len - sizeof *info - sizeof **handle)
            return info;
        p += info->hdr.len;
    }
    return NULL;
}

static void learn_tree(void *arg, const char *path)
{
    struct fan *f = arg;
    sek_folders_learn(&f->folders, path);
    mark_folder(f, path);
}

static void folder_changed(struct fan *f, const struct sek_change *change,
                           const struct fanotify_event_metadata *e)
{
    const struct file_handle *handle;
    const struct fanotify_event_info_fid *own = find_info(e, FAN_EVENT_INFO_TYPE_FID, &handle);
    if (change->what & SEK_CHANGE_MOVED_FROM)
        sek_folders_forget(&f->folders, change->path);
    if (change->what & SEK_CHANGE_CREATED) {
        if (own)
            sek_folders_add(&f->folders, sek_folder_key(fsid_number(&own->fsid), handle),
                            change->path);
        else
            sek_folders_learn(&f->folders, change->path);
        mark_folder(f, change->path);
    }
    if (change->what & SEK_CHANGE_MOVED_TO)
        sek_folders_walk(change->path, learn_tree, f);
    if (change->what & SEK_CHANGE_DELETED && own)
        sek_folders_remove(&f->folders, sek_folder_key(fsid_number(&own->fsid), handle));
}

static void take_event(struct fan *f, const struct fanotify_event_metadata *e)
{
    static char path[PATH_MAX + NAME_MAX + 2];
    const struct file_handle *handle;
    if (e->mask & FAN_Q_OVERFLOW) {
        f->base.options.on_lost(f->base.options.arg);
        return;
    }
    const struct fanotify_event_info_fid *info =
        find_info(e, FAN_EVENT_INFO_TYPE_DFID_NAME, &handle);
    const char *folder = info ? folder_path(f, info, handle) : NULL;
    if (!folder)
        return;
    const char *name = (const char *)handle->f_handle + handle->handle_bytes;
    size_t room = (size_t)((const char *)info + info->hdr.len - name);
    size_t len = strnlen(name, room);
    if (!len || len == room || !strcmp(name, "."))
        return;
    snprintf(path, sizeof path, "%s/%.*s", strcmp(folder, "/") ? folder : "", (int)len, name);
    struct sek_change change = {path, 0, (e->mask & FAN_ONDIR) != 0, e->pid};
    for (size_t i = 0; i < BITS; i++)
        change.what |= e->mask & bits[i].fan ? bits[i].what : 0;
    if (!sek_changes_covered(&f->base, path))
        return;
    if (change.folder)
        folder_changed(f, &change, e);
    if (change.what & f->base.options.what)
        f->base.options.on_change(f->base.options.arg, &change);
}

static bool fan_serve(struct sek_changes *c)
{
    struct fan *f = (struct fan *)c;
    ssize_t n = read(c->fd, f->buffer, READ_BYTES);
    const struct fanotify_event_metadata *e = (const void *)f->buffer;
    if (n <= 0)
        return false;
    for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n))
        take_event(f, e);
    return true;
}

static void fan_close(struct sek_changes *c)
{
    struct fan *f = (struct fan *)c;
    for (unsigned i = 0; i < f->system_count; i++)
        close(f->systems[i].mount_fd);
    if (c->fd >= 0)
        close(c->fd);
    sek_folders_free(&f->folders);
    free(f->buffer);
    free(f);
}

/* Mark the file system that holds PATH, once. */
static enum sek_error mark_system(struct fan *f, const char *path, struct sek_fault *fault)
{
    struct statfs fs;
    struct stat st;
    char folder[SEK_PATH_SIZE];
    snprintf(folder, sizeof folder, "%s", path);
    /* A single file, or what is not there yet, is watched through its folder. */
    while (folder[1] && (stat(folder, &st) || !S_ISDIR(st.st_mode))) {
        char *slash = strrchr(folder, '/');
        slash[slash == folder] = '\0';
    }
    if (statfs(folder, &fs))
        return sek_fail(fault, SEK_EIO, "%s: %s", folder, strerror(errno));
    uint64_t fsid = fsid_number(&fs.f_fsid);
    mark_folder(f, folder);
    if (find_system(f, fsid))
        return SEK_OK;
    if (fanotify_mark(f->base.fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, f->mask | FAN_ONDIR, AT_FDCWD,
                      folder))
        return sek_fail(fault, SEK_EIO, "%s: cannot mark the file system: %s", folder,
                        errno == ENODEV ? "it has no number (tmpfs before Linux 5.13)"
                                        : strerror(errno));
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sek_fail(fault, SEK_EIO, "%s: %s", folder, strerror(errno));
    f->systems[f->system_count++] = (struct system){fsid, fd};
    return SEK_OK;
}

static const struct sek_changes_backend fan_backend = {fan_serve, fan_close};

static enum sek_error fan_open(const struct sek_changes_options *o, struct sek_changes **out,
                               struct sek_fault *fault)
{
    const unsigned flags = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
                           FAN_UNLIMITED_MARKS | FAN_REPORT_DFID_NAME;
    struct fan *f = calloc(1, sizeof *f);
    enum sek_error rc = SEK_OK;
    if (!f || !(f->buffer = malloc(READ_BYTES))) {
        free(f);
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    }
    f->base = (struct sek_changes){.backend = &fan_backend, .options = *o, .processes = true};
    f->ignores = true;
    f->base.fd = fanotify_init(flags | FAN_REPORT_FID | FAN_REPORT_TARGET_FID, O_RDONLY);
    f->targets = f->base.fd >= 0;
    if (!f->targets)
        f->base.fd = fanotify_init(flags, O_RDONLY);
    if (f->base.fd < 0)
        rc = sek_fail(fault, SEK_EUNSUPPORTED, "fanotify with names, as of Linux 5.9: %s", strerror(errno));
    snprintf(f->base.how, sizeof f->base.how, "fanotify, changes with their process%s",
             f->targets ? ""
                        : "; repeated changes of one name may be told as one (before Linux 5.17)");
    for (size_t i = 0; i < BITS; i++)
        f->mask |= o->what & bits[i].what & ~(uint32_t)SEK_CHANGE_ATTRIBUTES ? bits[i].fan : 0;
    /* Folders that come and go are followed whatever is wanted. */
    f->mask |= FAN_CREATE | FAN_DELETE | FAN_MOVED_TO | FAN_MOVED_FROM;
    for (unsigned i = 0; !rc && i < o->paths->count; i++)
        rc = mark_system(f, o->paths->item[i], fault);
    for (unsigned i = 0; !rc && i < o->paths->count; i++)
        sek_folders_walk(o->paths->item[i], learn_tree, f);
    if (rc) {
        fan_close(&f->base);
        return rc;
    }
    *out = &f->base;
    return SEK_OK;
}

bool sek_changes_covered(const struct sek_changes *c, const char *path)
{
    return sek_paths_cover(c->options.paths, path) && !sek_paths_cover(c->options.exclude, path);
}

bool sek_changes_leads(const struct sek_changes *c, const char *path)
{
    size_t len = strlen(path);
    for (unsigned i = 0; i < c->options.paths->count; i++) {
        const char *item = c->options.paths->item[i];
        if (len == 1 || (!strncmp(item, path, len) && item[len] == '/'))
            return true;
    }
    return false;
}

enum sek_error sek_changes_open(const struct sek_changes_options *options, struct sek_changes **out,
                                struct sek_fault *fault)
{
    struct sek_fault why;
    if (!fan_open(options, out, &why))
        return SEK_OK;
    enum sek_error rc = sek_inotify_open(options, out, fault);
    if (!rc)
        snprintf((*out)->how, sizeof(*out)->how, "inotify, without processes: %.90s", why.message);
    return rc;
}

void sek_changes_close(struct sek_changes *c)
{
    if (c)
        c->backend->close(c);
}

int sek_changes_fd(const struct sek_changes *c)
{
    return c->fd;
}

bool sek_changes_serve(struct sek_changes *c)
{
    return c->backend->serve(c);
}

const char *sek_changes_how(const struct sek_changes *c)
{
    return c->how;
}

bool sek_changes_names_processes(const struct sek_changes *c)
{
    return c->processes;
}
