/* The order matters: user first (it needs rights), system call filter last (it forbids the rest). */
#include "lib/base/sandbox.h"
#include "lib/base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_ACCESS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FILE_ACCESS                                                                                \
    (READ_ACCESS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |                \
     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR)
#define ALL_ACCESS                                                                                 \
    (FILE_ACCESS | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                     \
     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | \
     LANDLOCK_ACCESS_FS_MAKE_SYM)

enum sek_error sek_give_folder(const char *folder, uid_t uid, gid_t gid, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct sek_tree *tree = sek_tree_open(folder, false);
    if (!tree)
        return sek_fail(fault, SEK_EIO, "%s: cannot read: %s", folder, strerror(errno));
    for (const struct sek_tree_entry *e; !rc && (e = sek_tree_next(tree));)
        if (e->kind == SEK_TREE_UNREADABLE || lchown(e->path, uid, gid))
            rc = sek_fail(fault, SEK_EIO, "%s: cannot change the owner: %s", e->path,
                          strerror(e->error ? e->error : errno));
    sek_tree_close(tree);
    return rc;
}

enum sek_error sek_sandbox_user(const char *user, const char *folder, struct sek_fault *fault)
{
    const struct passwd *entry = getpwnam(user);
    if (!entry)
        return sek_fail(fault, SEK_ENOTFOUND, "user '%s' does not exist", user);
    if (!entry->pw_uid)
        return sek_fail(fault, SEK_EINVAL, "user '%s': an unprivileged user is expected", user);
    uid_t uid = entry->pw_uid;
    gid_t gid = entry->pw_gid;
    enum sek_error rc = folder ? sek_give_folder(folder, uid, gid, fault) : SEK_OK;
    if (rc)
        return rc;
    if (setgroups(0, NULL) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
        return sek_fail(fault, SEK_EIO, "cannot become user '%s': %s", user, strerror(errno));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0))
        return sek_fail(fault, SEK_EIO, "prctl: %s", strerror(errno));
    return SEK_OK;
}

static bool allow_path(int ruleset, const char *path, uint64_t access)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    if (fd < 0)
        return true; /* what is not there cannot be opened either */
    long rc = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
    return rc == 0;
}

enum sek_error sek_sandbox_files(const char *folder, const char *readable, bool *on,
                                 struct sek_fault *fault)
{
    /* Name resolution and certificates read these; the libraries of name services load late. */
    static const char *const system[] = {"/etc",   "/usr",         "/lib",
                                         "/lib64", "/run/systemd", "/run/resolvconf"};
    static const char *const devices[] = {"/dev/null", "/dev/urandom"};
    struct landlock_ruleset_attr all = {.handled_access_fs = ALL_ACCESS};
    long ruleset = syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    *on = false;
    if (ruleset < 0)
        return SEK_OK;
    bool good = !folder || (allow_path((int)ruleset, folder, FILE_ACCESS) &&
                (!readable || allow_path((int)ruleset, readable, READ_ACCESS)));
    for (size_t i = 0; folder && i < sizeof system / sizeof system[0]; i++)
        good = good && allow_path((int)ruleset, system[i], READ_ACCESS);
    for (size_t i = 0; folder && i < sizeof devices / sizeof devices[0]; i++)
        good = good && allow_path((int)ruleset, devices[i],
                                  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    good = good && !syscall(SYS_landlock_restrict_self, ruleset, 0);
    close((int)ruleset);
    if (!good)
        return sek_fail(fault, SEK_EIO, "landlock: %s", strerror(errno));
    *on = true;
    return SEK_OK;
}

/* Some names belong to one architecture or C library only: what a call is named where numbers have
 * 32 bits stands beside it, and so does what musl calls (tkill, fork) where glibc calls another.
 * socket is allowed by family, below. */
static const char *const common[] = {
    "accept", "accept4", "access", "bind", "brk", "cacheflush", "chmod", "clock_getres",
    "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep",
    "clock_nanosleep_time64", "close", "dup", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "eventfd2", "exit", "exit_group", "faccessat", "faccessat2",
    "fallocate", "fchmod", "fchmodat", "fchown", "fchown32", "fcntl", "fcntl64", "fdatasync",
    "flock", "fstat", "fstat64", "fstatat64", "fsync", "ftruncate", "ftruncate64", "futex",
    "futex_time64", "getcwd", "getdents64", "getegid", "getegid32", "geteuid", "geteuid32",
    "getgid", "getgid32", "getpeername", "getpid", "getppid", "getrandom", "getsockname",
    "getsockopt", "gettid", "gettimeofday", "getuid", "getuid32", "ioctl", "_llseek", "lseek",
    "lstat", "lstat64", "madvise", "membarrier", "mkdir", "mkdirat", "mmap", "mmap2", "mprotect",
    "mremap", "munmap", "nanosleep", "newfstatat", "open", "openat", "pipe2", "poll", "ppoll",
    "ppoll_time64", "pread64", "prlimit64", "pwrite64", "read", "readlink", "readlinkat", "readv",
    "recv", "recvfrom", "recvmsg", "rename", "renameat", "renameat2", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield", "send",
    "sendmsg", "sendto", "set_robust_list", "setsockopt", "shutdown", "sigaltstack", "sigreturn",
    "stat", "stat64", "statx", "sysinfo", "tgkill", "time", "timerfd_create", "timerfd_settime",
    "timerfd_settime64", "tkill", "umask", "uname", "unlink", "unlinkat", "utimensat",
    "utimensat_time64", "write", "writev", NULL,
};
static const char *const server[] = {"listen", "sendfile", "sendfile64", NULL};
static const char *const device[] = {
    "close_range", "connect", "copy_file_range", "dup2", "fstatfs", "fstatfs64", "getcpu",
    "getrusage", "memfd_create", "pselect6", "pselect6_time64", "recvmmsg", "recvmmsg_time64",
    "rmdir", "sched_setscheduler", "select", "_newselect", "sendmmsg", "socketpair", "statfs",
    "statfs64", NULL,
};

static const char *const watcher[] = {
    "fanotify_mark", "fgetxattr", "flistxattr", "fstatfs", "fstatfs64", "inotify_add_watch",
    "inotify_rm_watch", "lgetxattr", "llistxattr", "name_to_handle_at", "open_by_handle_at",
    "statfs", "statfs64", NULL,
};
static const char *const keeper[] = {
    "clone", "clone3", "close_range", "fchownat", "fork", "fsetxattr", "getrlimit", "ugetrlimit",
    "kill", "linkat", "openat2", "prctl", "rmdir", "setgroups", "setgroups32", "setpriority",
    "setresgid", "setresgid32", "setresuid", "setresuid32", "setrlimit", "seccomp",
    "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "capget", "capset",
    "connect", "socketpair", "wait4", "vfork", "memfd_create", NULL,
};
static const char *const reader[] = {"fadvise64", "arm_fadvise64_64", NULL};

static const struct {
    const char *const *names[3];
    bool sockets;
} allowed[] = {
    [SEK_SANDBOX_SERVER] = {{common, server}, true},
    [SEK_SANDBOX_DEVICE] = {{common, device}, true},
    [SEK_SANDBOX_WATCHER] = {{common, watcher}, false},
    [SEK_SANDBOX_KEEPER] = {{common, watcher, keeper}, false},
    [SEK_SANDBOX_READER] = {{common, reader}, false},
};

static int allow_names(scmp_filter_ctx filter, const char *const *names)
{
    int failed = 0;
    for (; !failed && *names; names++) {
        int call = seccomp_syscall_resolve_name(*names);
        if (call >= 0) /* negative: this architecture does not have it */
            failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    }
    return failed;
}

static int allow_sockets(scmp_filter_ctx filter)
{
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    int failed = 0;
    for (size_t i = 0; !failed && i < sizeof families / sizeof families[0]; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    /* The C library asks for the addresses of the host before it resolves a name. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                  SCMP_A2(SCMP_CMP_EQ, 0) /* NETLINK_ROUTE */);
    return failed;
}

enum sek_error sek_sandbox_calls(enum sek_sandbox_duty duty, struct sek_fault *fault)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return sek_fail(fault, SEK_EIO, "cannot set no_new_privs: %s", strerror(errno));
#ifdef __SANITIZE_ADDRESS__
    (void)duty, (void)allow_names, (void)allow_sockets, (void)allowed;
    return SEK_OK;
#else
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    enum sek_error rc = SEK_OK;
    int failed = filter ? 0 : -ENOMEM;
    if (!failed)
        failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    for (size_t i = 0; !failed && i < 3 && allowed[duty].names[i]; i++)
        failed = allow_names(filter, allowed[duty].names[i]);
    if (!failed && allowed[duty].sockets)
        failed = allow_sockets(filter);
    if (!failed && duty == SEK_SANDBOX_KEEPER) /* clamd's socket */
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    if (!failed)
        failed = seccomp_load(filter);
    if (failed)
        rc = sek_fail(fault, SEK_EIO, "seccomp: cannot load the filter: %s", strerror(-failed));
    seccomp_release(filter);
    return rc;
#endif
}
