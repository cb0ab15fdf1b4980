/* setuid and seccomp. */
#include "manager/sandbox.h"

#include <errno.h>
#include <fts.h>
#include <grp.h>
#include <pwd.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static enum sek_error give_folder(const char *folder, uid_t uid, gid_t gid, struct sek_fault *fault)
{
    char *const paths[] = {(char *)folder, NULL};
    enum sek_error rc = SEK_OK;
    FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    if (!tree)
        return sek_fail(fault, SEK_EIO, "%s: cannot read: %s", folder, strerror(errno));
    for (FTSENT *entry; !rc && (entry = fts_read(tree));)
        if (entry->fts_info != FTS_DP && lchown(entry->fts_path, uid, gid))
            rc = sek_fail(fault, SEK_EIO, "%s: cannot change the owner: %s", entry->fts_path,
                          strerror(errno));
    fts_close(tree);
    return rc;
}

enum sek_error sek_sandbox_user(const char *user, const char *folder, struct sek_fault *fault)
{
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return sek_fail(fault, SEK_ENOTFOUND, "--user %s: no such user", user);
    if (!entry->pw_uid)
        return sek_fail(fault, SEK_EINVAL, "--user %s: an unprivileged user is expected", user);
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    enum sek_error rc = give_folder(folder, uid, gid, fault);
    if (rc)
        return rc;
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return sek_fail(fault, SEK_EIO, "cannot become user %s: %s", user, strerror(errno));
    return SEK_OK;
}

static const char *const allowed[] = {
    "read", "write", "readv", "writev", "pread64", "pwrite64", "open", "openat", "close", "fstat",
    "newfstatat", "stat", "lstat", "statx", "lseek", "_llseek", "mmap", "mmap2", "munmap", "mremap",
    "mprotect", "madvise", "brk", "fcntl", "fcntl64", "flock", "fsync", "fdatasync", "ftruncate",
    "ftruncate64", "fallocate", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir",
    "mkdirat", "getdents64", "chmod", "fchmod", "fchmodat", "fchown", "fchown32", "access", "faccessat",
    "faccessat2", "readlink", "readlinkat", "getcwd", "utimensat", "umask", "epoll_create1",
    "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "eventfd2", "pipe2",
    "timerfd_create", "timerfd_settime", "socket", "accept", "accept4", "bind", "listen",
    "setsockopt", "getsockopt", "getsockname", "getpeername", "sendto", "recvfrom", "sendmsg",
    "recvmsg", "sendfile", "sendfile64", "shutdown", "ioctl", "futex", "futex_time64",
    "clock_gettime", "clock_gettime64", "clock_getres", "clock_nanosleep", "nanosleep",
    "gettimeofday", "time", "getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid",
    "getgid", "getegid", "getuid32", "geteuid32", "getgid32", "getegid32", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall", "exit",
    "exit_group", "tgkill", "sysinfo", "uname", "prlimit64", "sched_yield", "sched_getaffinity",
    "rseq", "set_robust_list", "membarrier", "dup", "dup3",
};

enum sek_error sek_sandbox_filter(struct sek_fault *fault)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return sek_fail(fault, SEK_EIO, "cannot set no_new_privs: %s", strerror(errno));
#ifdef __SANITIZE_ADDRESS__
    return SEK_OK; /* the sanitizers' own calls (ptrace, clone) are not a manager's */
#else
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    enum sek_error rc = SEK_OK;
    if (!filter)
        return sek_fail(fault, SEK_ENOMEM, "seccomp: out of memory");
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++) {
        int call = seccomp_syscall_resolve_name(allowed[i]);
        if (call != __NR_SCMP_ERROR) /* a name that this architecture does not have is passed over */
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* the worker's thread too */
    int error = seccomp_load(filter);
    if (error)
        rc = sek_fail(fault, SEK_EIO, "seccomp: cannot load the filter: %s", strerror(-error));
    seccomp_release(filter);
    return rc;
#endif
}
