/* Linux's calls that not every C library has functions of: glibc 2.36 has them, musl 1.2.3 has not. The
 * kernel's headers say what they take; errors are in errno. */
#ifndef SEK_BASE_LINUX_H
#define SEK_BASE_LINUX_H

#ifdef __GLIBC__
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#else
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef AT_STATX_DONT_SYNC
#define AT_STATX_DONT_SYNC 0x4000
#endif

static inline int statx(int folder, const char *path, int flags, unsigned mask, struct statx *out)
{
    return (int)syscall(SYS_statx, folder, path, flags, mask, out);
}

static inline int renameat2(int from, const char *old, int to, const char *now, unsigned flags)
{
    return (int)syscall(SYS_renameat2, from, old, to, now, flags);
}

static inline int fsopen(const char *type, unsigned flags)
{
    return (int)syscall(SYS_fsopen, type, flags);
}

static inline int fsconfig(int fd, unsigned command, const char *key, const void *value, int more)
{
    return (int)syscall(SYS_fsconfig, fd, command, key, value, more);
}

static inline int fsmount(int fd, unsigned flags, unsigned attributes)
{
    return (int)syscall(SYS_fsmount, fd, flags, attributes);
}
#endif

#endif
