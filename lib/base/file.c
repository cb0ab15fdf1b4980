/* File helpers that never leave a half-written file behind. */
#include "lib/base/file.h"
#include "lib/base/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

enum sek_error sek_file_read(const char *path, size_t limit, char **data, size_t *len,
                             struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    char *buf = NULL;
    size_t used = 0, cap = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return sek_fail(fault, errno == ENOENT ? SEK_ENOTFOUND : SEK_EIO, "%s: cannot open: %s",
                        path, strerror(errno));
    for (;;) {
        if (cap - used < 2) {
            cap = cap ? cap * 2 : 16384;
            char *more = realloc(buf, cap);
            if (!more) {
                rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory at %zu bytes", path, used);
                goto done;
            }
            buf = more;
        }
        ssize_t n = read(fd, buf + used, cap - used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rc = sek_fail(fault, SEK_EIO, "%s: cannot read: %s", path, strerror(errno));
            goto done;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used > limit) {
            rc = sek_fail(fault, SEK_ELIMIT, "%s: larger than %zu bytes", path, limit);
            goto done;
        }
    }
    buf[used] = '\0';
    *data = buf;
    *len = used;
    buf = NULL;
done:
    free(buf);
    close(fd);
    return rc;
}

static enum sek_error write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SEK_EIO;
        p += n;
        len -= (size_t)n;
    }
    return SEK_OK;
}

enum sek_error sek_file_replace(const char *path, const void *data, size_t len, mode_t mode,
                                struct sek_fault *fault)
{
    char tmp[PATH_MAX], folder[PATH_MAX];
    int n = snprintf(tmp, sizeof tmp, "%s.new.%d", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof tmp)
        return sek_fail(fault, SEK_EINVAL, "%s: path too long", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return sek_fail(fault, SEK_EIO, "%s: cannot create: %s", tmp, strerror(errno));
    if (write_all(fd, data, len) || fsync(fd)) {
        int saved = errno;
        close(fd);
        unlink(tmp);
        return sek_fail(fault, SEK_EIO, "%s: cannot write: %s", tmp, strerror(saved));
    }
    close(fd);
    if (rename(tmp, path)) {
        int saved = errno;
        unlink(tmp);
        return sek_fail(fault, SEK_EIO, "%s: cannot replace: %s", path, strerror(saved));
    }
    snprintf(folder, sizeof folder, "%s", path);
    int dir = open(dirname(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        fsync(dir);
        close(dir);
    }
    return SEK_OK;
}

enum sek_error sek_make_folder(const char *path, mode_t mode, struct sek_fault *fault)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    if (len >= sizeof part)
        return sek_fail(fault, SEK_EINVAL, "%s: path too long", path);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        char keep = part[i];
        part[i] = '\0';
        if (mkdir(part, mode) && errno != EEXIST)
            return sek_fail(fault, SEK_EIO, "%s: cannot create folder: %s", part, strerror(errno));
        part[i] = keep;
    }
    return SEK_OK;
}

int sek_file_system(const char *type)
{
    int context = fsopen(type, FSOPEN_CLOEXEC), root = -1;
    if (context >= 0 && !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        root = fsmount(context, FSMOUNT_CLOEXEC, 0);
    if (context >= 0)
        close(context);
    return root;
}
