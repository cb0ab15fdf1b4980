/* inotify on each file for what is written, and on its folder for what is new. A file is known by
 * its inode; the hash of its first bytes tells when another file got the same inode, or the same
 * file new content. */
#include "agent/logs/follow.h"
#include "agent/logs/line.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES      256u
#define HEAD       64u        /* first bytes that are hashed */
#define TURN       (1u << 18) /* bytes of one file before the others have their turn */
#define RETIRED_US 120000000u /* a renamed file is read for this long */
#define POSITIONS  (1u << 20) /* bytes of the file of positions */

struct file {
    char *path;
    int fd, wd;
    uint64_t inode, offset; /* offset: of the first byte that is not in a line that was told */
    uint64_t head;          /* hash of the first head_len bytes; 0: none yet */
    uint32_t head_len;
    bool skipping;       /* the rest of a line that is too long */
    uint64_t retired_us; /* 0: it is the one at its path */
};

struct sek_follow {
    struct sek_follow_options options;
    int fd;
    struct file files[FILES];
    unsigned count;
    bool dirty;
    char *known; /* positions of the last time, text */
    size_t known_len;
};

/* --- positions ------------------------------------------------------------------------------- */

bool sek_follow_positions(const char *text, size_t len,
                          void (*visit)(void *arg, uint64_t inode, uint64_t offset, uint64_t head,
                                        const char *path),
                          void *arg)
{
    char line[PATH_MAX + 80], path[PATH_MAX];
    const char *next = text, *at;
    size_t n;
    while (sek_text_line(&next, text + len, &at, &n)) {
        unsigned long long inode, offset, head;
        if (n >= sizeof line)
            return false;
        memcpy(line, at, n);
        line[n] = '\0';
        if (sscanf(line, "%llu %llu %llx %4095[^\n]", &inode, &offset, &head, path) != 4 ||
            offset > INT64_MAX)
            return false;
        visit(arg, inode, offset, head, path);
    }
    return true;
}

enum sek_error sek_follow_save(struct sek_follow *f, struct sek_fault *fault)
{
    struct sek_text out = {0};
    enum sek_error rc = SEK_OK;
    if (!f->dirty || !f->options.positions)
        return SEK_OK;
    for (unsigned i = 0; i < f->count; i++) {
        const struct file *one = &f->files[i];
        if (!one->retired_us)
            sek_text_printf(&out, "%llu %llu %llx %s\n", (unsigned long long)one->inode,
                            (unsigned long long)one->offset, (unsigned long long)one->head,
                            one->path);
    }
    rc = sek_file_replace(f->options.positions, out.data ? out.data : "", out.len, 0600, fault);
    f->dirty = rc != SEK_OK;
    sek_text_free(&out);
    return rc;
}

struct lookup {
    const char *path;
    uint64_t inode, offset, head;
    bool found;
};

static void match_position(void *arg, uint64_t inode, uint64_t offset, uint64_t head,
                           const char *path)
{
    struct lookup *l = arg;
    if (!strcmp(l->path, path)) {
        l->inode = inode;
        l->offset = offset;
        l->head = head;
        l->found = true;
    }
}

/* --- one file -------------------------------------------------------------------------------- */

static uint64_t hash_head(int fd, uint32_t len)
{
    uint8_t bytes[HEAD];
    uint64_t h = 0xcbf29ce484222325u;
    if (!len || pread(fd, bytes, len, 0) != (ssize_t)len)
        return 0;
    for (uint32_t i = 0; i < len; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h ? h : 1;
}

static void note_head(struct file *one)
{
    if (one->head_len < HEAD && one->offset > one->head_len) {
        one->head_len = one->offset < HEAD ? (uint32_t)one->offset : HEAD;
        one->head = hash_head(one->fd, one->head_len);
    }
}

/* It is shorter than what was read, or begins otherwise: it was cut, or is another file. */
static bool was_replaced(const struct file *one)
{
    struct stat st;
    if (fstat(one->fd, &st))
        return false;
    return (uint64_t)st.st_size < one->offset ||
           (one->head_len && hash_head(one->fd, one->head_len) != one->head);
}

static void begin_again(struct file *one)
{
    one->offset = one->head = 0;
    one->head_len = 0;
    one->skipping = false;
}

/* Tell the whole lines in LEN bytes at the file's offset; returns how many bytes they are. */
static size_t tell_lines(struct sek_follow *f, struct file *one, const char *data, size_t len)
{
    size_t at = 0;
    while (at < len) {
        const char *end = memchr(data + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (data + at)) : len - at;
        if (!end && n < SEK_LOG_LINE)
            break;
        if (!one->skipping && n)
            f->options.on_line(f->options.arg, one->path, data + at,
                               n < SEK_LOG_LINE ? n : SEK_LOG_LINE);
        one->skipping = !end;
        at += n + (end != NULL);
    }
    return at;
}

/* True: there may be more. */
static bool read_file(struct sek_follow *f, struct file *one)
{
    char data[2 * SEK_LOG_LINE];
    uint64_t until = one->offset + TURN;
    if (was_replaced(one))
        begin_again(one);
    while (one->offset < until) {
        ssize_t n = pread(one->fd, data, sizeof data, (off_t)one->offset);
        size_t used = n > 0 ? tell_lines(f, one, data, (size_t)n) : 0;
        if (!used)
            return false;
        one->offset += used;
        f->dirty = true;
        note_head(one);
    }
    return true;
}

static void drop_file(struct sek_follow *f, unsigned index)
{
    struct file *one = &f->files[index];
    inotify_rm_watch(f->fd, one->wd);
    close(one->fd);
    free(one->path);
    *one = f->files[--f->count];
    f->dirty = true;
}

static struct file *add_file(struct sek_follow *f, const char *path, const char *real)
{
    struct stat st;
    int fd = f->count < FILES ? open(real, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    if (fd < 0)
        return NULL;
    struct file one = {.path = strdup(path), .fd = fd};
    if (!one.path || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        free(one.path);
        return NULL;
    }
    one.inode = st.st_ino;
    one.wd = inotify_add_watch(f->fd, real, IN_MODIFY);
    f->files[f->count] = one;
    f->dirty = true;
    return &f->files[f->count++];
}

static struct file *find_file(struct sek_follow *f, const char *path)
{
    for (unsigned i = 0; i < f->count; i++) {
        if (!f->files[i].retired_us && !strcmp(f->files[i].path, path))
            return &f->files[i];
    }
    return NULL;
}

/* The file with this inode beside PATH: what PATH was before it was rotated. */
static bool find_rotated(const char *path, uint64_t inode, char *out, size_t size)
{
    char folder[PATH_MAX];
    bool found = false;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash)
        return false;
    *slash = '\0';
    DIR *d = opendir(*folder ? folder : "/");
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        found = e->d_ino == inode;
        if (found)
            found = (size_t)snprintf(out, size, "%s/%s", folder, e->d_name) < size;
    }
    if (d)
        closedir(d);
    return found;
}

static void place(struct sek_follow *f, struct file *one, bool starting)
{
    struct lookup l = {.path = one->path};
    struct stat st;
    char rotated[PATH_MAX];
    sek_follow_positions(f->known ? f->known : "", f->known_len, match_position, &l);
    if (!starting)
        return; /* new: from its beginning */
    if (!l.found) {
        if (!f->options.from_start && !fstat(one->fd, &st))
            one->offset = (uint64_t)st.st_size;
        note_head(one);
        return;
    }
    uint32_t head_len = l.offset < HEAD ? (uint32_t)l.offset : HEAD;
    if (l.inode == one->inode && (!l.head || hash_head(one->fd, head_len) == l.head)) {
        one->offset = l.offset;
        note_head(one);
        return;
    }
    /* Rotated while nobody followed: the rest of the old one first. */
    if (l.inode != one->inode && find_rotated(one->path, l.inode, rotated, sizeof rotated)) {
        struct file *old = add_file(f, one->path, rotated);
        if (!old)
            return;
        if (!l.head || hash_head(old->fd, head_len) == l.head) {
            old->offset = l.offset;
            while (read_file(f, old))
                ;
        }
        drop_file(f, f->count - 1);
    }
}

static void watch_folders(struct sek_follow *f)
{
    char folder[SEK_PATH_SIZE];
    for (unsigned p = 0; p < f->options.files->count; p++) {
        snprintf(folder, sizeof folder, "%s", f->options.files->item[p]);
        char *slash = strrchr(folder, '/');
        if (!slash)
            continue;
        slash[slash == folder] = '\0';
        inotify_add_watch(f->fd, folder, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    }
}

/* What the patterns name now: new files are added, and those they replace are retired. */
static void look_around(struct sek_follow *f, bool starting)
{
    uint64_t now = sek_clock_mono_us();
    watch_folders(f);
    for (unsigned p = 0; p < f->options.files->count; p++) {
        glob_t found;
        if (glob(f->options.files->item[p], GLOB_NOSORT, NULL, &found))
            continue;
        for (size_t i = 0; i < found.gl_pathc; i++) {
            const char *path = found.gl_pathv[i];
            struct stat st;
            struct file *have = find_file(f, path);
            if (stat(path, &st) || !S_ISREG(st.st_mode) || (have && have->inode == st.st_ino))
                continue;
            if (have)
                have->retired_us = now;
            unsigned index = f->count;
            if (add_file(f, path, path))
                place(f, &f->files[index], starting);
        }
        globfree(&found);
    }
    for (unsigned i = f->count; i-- > 0;) {
        if (f->files[i].retired_us && now - f->files[i].retired_us > RETIRED_US)
            drop_file(f, i);
    }
}

enum sek_error sek_follow_open(const struct sek_follow_options *options, struct sek_follow **out,
                               struct sek_fault *fault)
{
    struct sek_follow *f = calloc(1, sizeof *f);
    if (!f)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    f->options = *options;
    f->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (f->fd < 0) {
        free(f);
        return sek_fail(fault, SEK_EIO, "inotify: %s", strerror(errno));
    }
    if (options->positions)
        sek_file_read(options->positions, POSITIONS, &f->known, &f->known_len, NULL);
    look_around(f, true);
    free(f->known);
    f->known = NULL;
    f->known_len = 0;
    *out = f;
    return SEK_OK;
}

int sek_follow_fd(const struct sek_follow *f)
{
    return f->fd;
}

unsigned sek_follow_count(const struct sek_follow *f)
{
    return f->count;
}

bool sek_follow_serve(struct sek_follow *f)
{
    char buffer[8192];
    bool more = false;
    while (read(f->fd, buffer, sizeof buffer) > 0)
        ;
    /* The old before the new: a rotated file's last lines come first. */
    for (unsigned i = 0; i < f->count; i++)
        more = read_file(f, &f->files[i]) || more;
    unsigned before = f->count;
    look_around(f, false);
    return more || f->count > before;
}

void sek_follow_close(struct sek_follow *f)
{
    if (!f)
        return;
    while (f->count)
        drop_file(f, f->count - 1);
    close(f->fd);
    free(f->known);
    free(f);
}
