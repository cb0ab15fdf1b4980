/* The order matters: user first (it needs rights), system call filter last (it forbids the rest).
 */
#include "agent/worker/sandbox.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <pwd.h>
#include <seccomp.h>
#include <signal.h>
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

static enum sek_error become_user(const char *name, struct sek_fault *fault)
{
    const struct passwd *user = getpwnam(name);
    if (!user) {
        sek_warning("user '%s' does not exist; the worker runs as nobody", name);
        user = getpwnam("nobody");
    }
    if (!user || user->pw_uid == 0)
        return sek_fail(fault, SEK_ESTATE, "user '%s': expected an unprivileged user", name);
    if (setgroups(0, NULL) || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid))
        return sek_fail(fault, SEK_EIO, "user '%s': %s", name, strerror(errno));
    /* Changing the user forgets the parent-death signal. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_DUMPABLE, 0))
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

static enum sek_error restrict_files(const char *folder, const char *extra, bool *on,
                                     struct sek_fault *fault)
{
    /* Name resolution and certificates read these; the libraries of name services are loaded late.
     */
    static const char *const readable[] = {"/etc",   "/usr",         "/lib",
                                           "/lib64", "/run/systemd", "/run/resolvconf"};
    static const char *const devices[] = {"/dev/null", "/dev/urandom"};
    struct landlock_ruleset_attr all = {.handled_access_fs = ALL_ACCESS};
    long ruleset = syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    *on = false;
    if (ruleset < 0)
        return SEK_OK;
    bool good = allow_path((int)ruleset, folder, FILE_ACCESS) &&
                (!extra || allow_path((int)ruleset, extra, READ_ACCESS));
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++)
        good = good && allow_path((int)ruleset, readable[i], READ_ACCESS);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        good = good && allow_path((int)ruleset, devices[i],
                                  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
    good = good && !syscall(SYS_landlock_restrict_self, ruleset, 0);
    close((int)ruleset);
    if (!good)
        return sek_fail(fault, SEK_EIO, "landlock: %s", strerror(errno));
    *on = true;
    return SEK_OK;
}

static enum sek_error restrict_calls(struct sek_fault *fault)
{
    static const int calls[] = {
        SCMP_SYS(read),
        SCMP_SYS(write),
        SCMP_SYS(readv),
        SCMP_SYS(writev),
        SCMP_SYS(pread64),
        SCMP_SYS(pwrite64),
        SCMP_SYS(close),
        SCMP_SYS(close_range),
        SCMP_SYS(openat),
        SCMP_SYS(open),
        SCMP_SYS(fstat),
        SCMP_SYS(stat),
        SCMP_SYS(lstat),
        SCMP_SYS(newfstatat),
        SCMP_SYS(statx),
        SCMP_SYS(statfs),
        SCMP_SYS(fstatfs),
        SCMP_SYS(lseek),
        SCMP_SYS(access),
        SCMP_SYS(faccessat),
        SCMP_SYS(faccessat2),
        SCMP_SYS(readlink),
        SCMP_SYS(readlinkat),
        SCMP_SYS(getdents64),
        SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat),
        SCMP_SYS(rename),
        SCMP_SYS(renameat),
        SCMP_SYS(renameat2),
        SCMP_SYS(unlink),
        SCMP_SYS(unlinkat),
        SCMP_SYS(rmdir),
        SCMP_SYS(fsync),
        SCMP_SYS(fdatasync),
        SCMP_SYS(ftruncate),
        SCMP_SYS(fallocate),
        SCMP_SYS(flock),
        SCMP_SYS(fcntl),
        SCMP_SYS(fchmod),
        SCMP_SYS(chmod),
        SCMP_SYS(umask),
        SCMP_SYS(dup),
        SCMP_SYS(dup2),
        SCMP_SYS(dup3),
        SCMP_SYS(pipe2),
        SCMP_SYS(eventfd2),
        SCMP_SYS(memfd_create),
        SCMP_SYS(copy_file_range),
        SCMP_SYS(mmap),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(mprotect),
        SCMP_SYS(madvise),
        SCMP_SYS(brk),
        SCMP_SYS(membarrier),
        SCMP_SYS(rseq),
        SCMP_SYS(socketpair),
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(accept),
        SCMP_SYS(accept4),
        SCMP_SYS(shutdown),
        SCMP_SYS(sendto),
        SCMP_SYS(sendmsg),
        SCMP_SYS(sendmmsg),
        SCMP_SYS(recvfrom),
        SCMP_SYS(recvmsg),
        SCMP_SYS(recvmmsg),
        SCMP_SYS(getsockname),
        SCMP_SYS(getpeername),
        SCMP_SYS(getsockopt),
        SCMP_SYS(setsockopt),
        SCMP_SYS(ioctl),
        SCMP_SYS(poll),
        SCMP_SYS(ppoll),
        SCMP_SYS(select),
        SCMP_SYS(pselect6),
        SCMP_SYS(epoll_create1),
        SCMP_SYS(epoll_ctl),
        SCMP_SYS(epoll_wait),
        SCMP_SYS(epoll_pwait),
        SCMP_SYS(epoll_pwait2),
        SCMP_SYS(timerfd_create),
        SCMP_SYS(timerfd_settime),
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_getres),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(nanosleep),
        SCMP_SYS(gettimeofday),
        SCMP_SYS(time),
        SCMP_SYS(getrandom),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(getppid),
        SCMP_SYS(getuid),
        SCMP_SYS(geteuid),
        SCMP_SYS(getgid),
        SCMP_SYS(getegid),
        SCMP_SYS(uname),
        SCMP_SYS(sysinfo),
        SCMP_SYS(prlimit64),
        SCMP_SYS(getrusage),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(getcpu),
        SCMP_SYS(futex),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(rt_sigaction),
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(sigaltstack),
        SCMP_SYS(tgkill),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
    static const int families[] = {AF_UNIX, AF_INET, AF_INET6};
    enum sek_error rc = SEK_OK;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int failed = filter ? 0 : -ENOMEM;
    for (size_t i = 0; !failed && i < sizeof calls / sizeof calls[0]; i++)
        failed = calls[i] < 0 ? 0 : seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    for (size_t i = 0; !failed && i < sizeof families / sizeof families[0]; i++)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
    /* The C library asks for the addresses of the host before it resolves a name. */
    if (!failed)
        failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                  SCMP_A0(SCMP_CMP_EQ, AF_NETLINK),
                                  SCMP_A2(SCMP_CMP_EQ, 0) /* NETLINK_ROUTE */);
    if (!failed)
        failed = seccomp_load(filter);
    if (failed)
        rc = sek_fail(fault, SEK_EIO, "seccomp: %s", strerror(-failed));
    seccomp_release(filter);
    return rc;
}

enum sek_error sek_sandbox_enter(const char *user, const char *folder, const char *readable,
                                 struct sek_sandbox *out, struct sek_fault *fault)
{
    enum sek_error rc;
    if ((rc = become_user(user, fault)) ||
        (rc = restrict_files(folder, readable, &out->landlock, fault)))
        return rc;
    return restrict_calls(fault);
}
