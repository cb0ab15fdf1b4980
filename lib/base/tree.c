/* Folders are opened from their parents, so that nobody can put a link in the way. A folder with another
 * device number is a subvolume when statx(2) calls its mount the same (Linux 5.8), and else a mount. */
#include "lib/base/tree.h"
#include "lib/base/linux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct level {
    DIR *dir;
    size_t len; /* of its path */
};

struct sek_tree {
    struct level levels[SEK_TREE_DEPTH];
    unsigned depth; /* open levels */
    bool begun, enter;
    dev_t device;
    uint64_t mount; /* 0: the kernel does not tell */
    char path[PATH_MAX];
    size_t len;
    struct sek_tree_entry entry;
};

static uint64_t mount_of(int folder, const char *name, int flags)
{
    struct statx st;
    return !statx(folder, name, flags | AT_NO_AUTOMOUNT, STATX_MNT_ID, &st) &&
                   st.stx_mask & STATX_MNT_ID
               ? st.stx_mnt_id
               : 0;
}

uint64_t sek_tree_mount(const char *path)
{
    return mount_of(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW);
}

static enum sek_tree_kind kind_of(const struct stat *st)
{
    return S_ISDIR(st->st_mode) ? SEK_TREE_FOLDER : S_ISREG(st->st_mode) ? SEK_TREE_FILE : SEK_TREE_OTHER;
}

struct sek_tree *sek_tree_open(const char *root, bool follow)
{
    struct sek_tree *t = calloc(1, sizeof *t);
    int flags = follow ? 0 : AT_SYMLINK_NOFOLLOW;
    if (t && strlen(root) < sizeof t->path && !fstatat(AT_FDCWD, root, &t->entry.st, flags)) {
        strcpy(t->path, root);
        t->len = strlen(root);
        t->device = t->entry.st.st_dev;
        t->mount = mount_of(AT_FDCWD, root, flags);
        return t;
    }
    int why = !t ? ENOMEM : strlen(root) < sizeof t->path ? errno : ENAMETOOLONG;
    free(t);
    errno = why;
    return NULL;
}

static const struct sek_tree_entry *tell(struct sek_tree *t, enum sek_tree_kind kind, unsigned depth,
                                         int error)
{
    const char *slash = strrchr(t->path, '/');
    t->entry.kind = kind;
    t->entry.path = t->path;
    t->entry.name = slash && slash[1] ? slash + 1 : t->path;
    t->entry.depth = depth;
    t->entry.error = error;
    t->enter = kind == SEK_TREE_FOLDER;
    return &t->entry;
}

/* The folder that was told last. False with errno. */
static bool enter(struct sek_tree *t)
{
    bool root = t->depth == 0;
    int from = root ? AT_FDCWD : dirfd(t->levels[t->depth - 1].dir);
    const char *name = root ? t->path : t->entry.name;
    t->enter = false;
    if (t->depth == SEK_TREE_DEPTH) {
        errno = ELOOP;
        return false;
    }
    int fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (root ? 0 : O_NOFOLLOW));
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        int why = errno;
        if (fd >= 0)
            close(fd);
        errno = why;
        return false;
    }
    t->levels[t->depth++] = (struct level){dir, t->len};
    return true;
}

/* The path of NAME in the innermost folder. */
static bool put_name(struct sek_tree *t, const char *name)
{
    size_t len = t->levels[t->depth - 1].len, more = strlen(name);
    bool slash = len && t->path[len - 1] == '/';
    if (len + !slash + more >= sizeof t->path)
        return false;
    if (!slash)
        t->path[len++] = '/';
    memcpy(t->path + len, name, more + 1);
    t->len = len + more;
    return true;
}

static bool is_elsewhere(const struct sek_tree *t, int folder, const char *name)
{
    return t->entry.st.st_dev != t->device &&
           (!t->mount || mount_of(folder, name, AT_SYMLINK_NOFOLLOW) != t->mount);
}

const struct sek_tree_entry *sek_tree_next(struct sek_tree *t)
{
    if (!t->begun) {
        t->begun = true;
        return tell(t, kind_of(&t->entry.st), 0, 0);
    }
    if (t->enter && !enter(t) && errno != ENOENT)
        return tell(t, SEK_TREE_UNREADABLE, t->depth, errno);
    while (t->depth) {
        struct level *l = &t->levels[t->depth - 1];
        errno = 0;
        struct dirent *d = readdir(l->dir);
        if (!d) {
            int why = errno;
            closedir(l->dir);
            t->depth--;
            if (!why)
                continue;
            t->path[t->len = l->len] = '\0';
            return tell(t, SEK_TREE_UNREADABLE, t->depth, why);
        }
        if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || !put_name(t, d->d_name))
            continue;
        if (fstatat(dirfd(l->dir), d->d_name, &t->entry.st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT)) {
            if (errno != ENOENT)
                return tell(t, SEK_TREE_UNREADABLE, t->depth, errno);
            continue;
        }
        const struct sek_tree_entry *e = tell(t, kind_of(&t->entry.st), t->depth, 0);
        if (e->kind == SEK_TREE_FOLDER && is_elsewhere(t, dirfd(l->dir), d->d_name))
            t->enter = false;
        return e;
    }
    return NULL;
}

void sek_tree_skip(struct sek_tree *t)
{
    t->enter = false;
}

void sek_tree_close(struct sek_tree *t)
{
    while (t && t->depth)
        closedir(t->levels[--t->depth].dir);
    free(t);
}
