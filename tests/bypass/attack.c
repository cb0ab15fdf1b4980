/* One attempt to run code that is not registered: `attack CASE [ARGUMENT...]`. The code is the
 * program EVIL (or a script, or a library), which leaves a mark; tests/bypass/run looks for it. The
 * exit status says nothing: what counts is the mark. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int stop(const char *what)
{
    perror(what);
    return 1;
}

static int copy_into(int out, const char *from)
{
    char buffer[65536];
    ssize_t n = -1;
    int in = open(from, O_RDONLY);
    while (in >= 0 && (n = read(in, buffer, sizeof buffer)) > 0) {
        if (write(out, buffer, (size_t)n) != n)
            return -1;
    }
    close(in);
    return n == 0 ? 0 : -1;
}

static int execute_descriptor(int fd)
{
    char *const argv[] = {"evil", NULL};
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    return stop("execveat");
}

/* PROGRAM (outside the scope): into memory, and started from there. */
static int memory(char **a)
{
    int fd = memfd_create("evil", 0);
    return copy_into(fd, a[0]) ? stop(a[0]) : execute_descriptor(fd);
}

static int memory_path(char **a)
{
    char path[64];
    int fd = memfd_create("evil", 0);
    if (copy_into(fd, a[0]))
        return stop(a[0]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    execl(path, "evil", NULL);
    return stop(path);
}

static int memory_library(char **a)
{
    char path[64];
    int fd = memfd_create("evil", 0);
    if (copy_into(fd, a[0]))
        return stop(a[0]);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return dlopen(path, RTLD_NOW) ? 0 : (fprintf(stderr, "%s\n", dlerror()), 1);
}

static int library(char **a)
{
    return dlopen(a[0], RTLD_NOW) ? 0 : (fprintf(stderr, "%s\n", dlerror()), 1);
}

/* FILE is opened without reading it, so that nothing is asked then. */
static int by_path_descriptor(char **a)
{
    int fd = open(a[0], O_PATH);
    return fd < 0 ? stop(a[0]) : execute_descriptor(fd);
}

static int deleted(char **a)
{
    int fd = open(a[0], O_PATH);
    unlink(a[0]);
    return fd < 0 ? stop(a[0]) : execute_descriptor(fd);
}

static int unnamed_file(char **a, int *fd)
{
    *fd = open(a[1], O_TMPFILE | O_RDWR, 0755);
    return *fd < 0 || copy_into(*fd, a[0]) ? stop("O_TMPFILE") : 0;
}

/* PROGRAM (outside) FOLDER (in the scope). */
static int unnamed(char **a)
{
    char path[64];
    int fd;
    if (unnamed_file(a, &fd))
        return 1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int again = open(path, O_PATH);
    close(fd);
    return execute_descriptor(again);
}

static int unnamed_linked(char **a)
{
    char path[64], target[512];
    int fd;
    if (unnamed_file(a, &fd))
        return 1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    snprintf(target, sizeof target, "%s/unnamed", a[1]);
    if (linkat(AT_FDCWD, path, AT_FDCWD, target, AT_SYMLINK_FOLLOW))
        return stop("linkat");
    close(fd);
    execl(target, "evil", NULL);
    return stop(target);
}

/* --- races: the file is exchanged while it is started ------------------------------------------- */

static char *race_a, *race_b;
static _Atomic int racing = 1;

static void *exchange_names(void *arg)
{
    while (racing)
        renameat2(AT_FDCWD, race_a, AT_FDCWD, race_b, RENAME_EXCHANGE);
    return arg;
}

static void *exchange_link(void *arg)
{
    char *link = arg;
    for (unsigned i = 0; racing; i++) {
        unlink(link);
        if (symlink(i & 1 ? race_a : race_b, link))
            continue;
    }
    return NULL;
}

static void try_often(const char *path, int times)
{
    for (int i = 0; i < times; i++) {
        pid_t pid = vfork();
        if (pid == 0) {
            execl(path, "evil", NULL);
            _exit(127);
        }
        waitpid(pid, NULL, 0);
    }
    racing = 0;
}

/* KNOWN EVIL: which name is which changes all the time. */
static int race_rename(char **a)
{
    pthread_t t;
    race_a = a[0];
    race_b = a[1];
    pthread_create(&t, NULL, exchange_names, NULL);
    try_often(a[0], 300);
    pthread_join(t, NULL);
    return 0;
}

static int race_symlink(char **a)
{
    pthread_t t;
    race_a = a[0];
    race_b = a[1];
    pthread_create(&t, NULL, exchange_link, a[2]);
    try_often(a[2], 300);
    pthread_join(t, NULL);
    return 0;
}

/* KNOWN EVIL (outside): the content of a registered program's file changes to and fro. */
static void *rewrite(void *arg)
{
    char **a = arg;
    while (racing) {
        int fd = open(a[0], O_WRONLY | O_TRUNC);
        if (fd < 0)
            continue;
        copy_into(fd, a[1]);
        close(fd);
        fd = open(a[0], O_WRONLY | O_TRUNC);
        if (fd >= 0)
            copy_into(fd, a[2]);
        close(fd);
    }
    return NULL;
}

static int race_rewrite(char **a)
{
    pthread_t t;
    pthread_create(&t, NULL, rewrite, a);
    try_often(a[0], 300);
    pthread_join(t, NULL);
    return 0;
}

/* KNOWN EVIL (outside): written through a shared mapping, times restored. */
static int shared_mapping(char **a)
{
    struct stat before, evil;
    int fd = open(a[0], O_RDWR), in = open(a[1], O_RDONLY);
    if (fd < 0 || in < 0 || fstat(fd, &before) || fstat(in, &evil) ||
        ftruncate(fd, evil.st_size))
        return stop(a[0]);
    char *map = mmap(NULL, (size_t)evil.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED || read(in, map, (size_t)evil.st_size) != evil.st_size)
        return stop("mmap");
    munmap(map, (size_t)evil.st_size);
    const struct timespec times[] = {before.st_atim, before.st_mtim};
    utimensat(AT_FDCWD, a[0], times, 0);
    execl(a[0], "evil", NULL);
    return stop(a[0]);
}

/* KNOWN-SCRIPT TEXT SHELL: opened for writing before it is started, and changed while it waits. */
static int held_script(char **a)
{
    int fd = open(a[0], O_WRONLY | O_APPEND);
    if (fd < 0)
        return stop(a[0]);
    pid_t pid = fork();
    if (pid == 0) {
        execl(a[2], "sh", a[0], NULL);
        _exit(127);
    }
    usleep(200000);
    if (write(fd, a[1], strlen(a[1])) < 0)
        perror("write");
    waitpid(pid, NULL, 0);
    return 0;
}

/* --- namespaces and mounts ------------------------------------------------------------------------ */

static int write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    close(fd);
    return n < 0;
}

/* As an ordinary user: PROGRAM (outside) FOLDER (in the scope), over which a tmpfs comes. */
static int user_namespace(char **a)
{
    char map[64], target[512];
    if (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1) ||
        unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return stop("unshare");
    snprintf(map, sizeof map, "0 65534 1");
    if (write_text("/proc/self/setgroups", "deny") | write_text("/proc/self/uid_map", map) |
        write_text("/proc/self/gid_map", map))
        return stop("uid_map");
    if (mount("tmpfs", a[1], "tmpfs", 0, NULL))
        return stop("mount");
    snprintf(target, sizeof target, "%s/evil", a[1]);
    int fd = open(target, O_WRONLY | O_CREAT, 0755);
    if (fd < 0 || copy_into(fd, a[0]))
        return stop(target);
    close(fd);
    execl(target, "evil", NULL);
    return stop(target);
}

/* A private mount namespace: FROM is bound to TO, and PROGRAM started over it. */
static int private_bind(char **a)
{
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount(a[0], a[1], NULL, MS_BIND, NULL))
        return stop("mount");
    execl(a[2], "evil", NULL);
    return stop(a[2]);
}

/* open_tree and move_mount, for kernels that have them: FROM TO PROGRAM. */
static int detached_mount(char **a)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, a[0], 1 /* OPEN_TREE_CLONE */);
    if (tree < 0)
        return stop("open_tree");
    syscall(SYS_execveat, tree, a[1], (char *[]){"evil", NULL}, environ, 0);
    return stop("execveat");
}

static int in_chroot(char **a)
{
    if (chroot(a[0]) || chdir("/"))
        return stop("chroot");
    execl(a[1], "evil", NULL);
    return stop(a[1]);
}

/* --- into other processes --------------------------------------------------------------------------- */

/* Ends at once, having left the mark: what is injected calls it by its address. */
static volatile int injected;

static pid_t victim(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        while (!injected)
            usleep(10000);
        const char *mark = getenv("SEK_MARK");
        int fd = open(mark, O_WRONLY | O_CREAT, 0644);
        _exit(fd < 0);
    }
    usleep(50000);
    return pid;
}

static int give_time(pid_t pid)
{
    usleep(300000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return 0;
}

static int write_memory(char **a)
{
    char path[64];
    int one = 1;
    pid_t pid = victim();
    (void)a;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    int fd = open(path, O_RDWR);
    if (fd < 0 || pwrite(fd, &one, sizeof one, (off_t)(uintptr_t)&injected) < 0)
        perror(path);
    return give_time(pid);
}

static int trace(char **a)
{
    pid_t pid = victim();
    (void)a;
    if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) || waitpid(pid, NULL, 0) < 0 ||
        ptrace(PTRACE_POKEDATA, pid, (void *)&injected, (void *)1L))
        perror("ptrace");
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    return give_time(pid);
}

static int write_vm(char **a)
{
    int one = 1;
    pid_t pid = victim();
    struct iovec from = {&one, sizeof one}, to = {(void *)&injected, sizeof one};
    (void)a;
    if (process_vm_writev(pid, &from, 1, &to, 1, 0) < 0)
        perror("process_vm_writev");
    return give_time(pid);
}

/* --- mapped code --------------------------------------------------------------------------------------- */

/* FILE has machine code of a function that writes to its argument. */
static int run_mapping(char *code)
{
    volatile int done = 0;
    if (code == MAP_FAILED)
        return stop("mmap");
    ((void (*)(volatile int *))(uintptr_t)code)(&done);
    return done ? !open(getenv("SEK_MARK"), O_WRONLY | O_CREAT, 0644) : 1;
}

static int map_code(char **a)
{
    int fd = open(a[0], O_RDONLY);
    return run_mapping(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
}

static int protect_code(char **a)
{
    int fd = open(a[0], O_RDONLY);
    char *code = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
    if (code != MAP_FAILED && mprotect(code, 4096, PROT_READ | PROT_EXEC))
        return stop("mprotect");
    return run_mapping(code);
}

/* FILE is writable and mapped so, shared, and as code. */
static int map_writable(char **a)
{
    int fd = open(a[0], O_RDWR);
    return run_mapping(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0));
}

/* --- the kernel ------------------------------------------------------------------------------------------ */

static int mark_kernel(long result, const char *what)
{
    if (result < 0)
        return stop(what);
    return !open(getenv("SEK_MARK"), O_WRONLY | O_CREAT, 0644);
}

static int module_file(char **a)
{
    int fd = open(a[0], O_RDONLY);
    return mark_kernel(fd < 0 ? fd : syscall(SYS_finit_module, fd, "", 0), "finit_module");
}

/* FILE (outside the scope) is loaded from memory. */
static int module_memory(char **a)
{
    struct stat st;
    int fd = open(a[0], O_RDONLY);
    if (fd < 0 || fstat(fd, &st))
        return stop(a[0]);
    char *data = malloc((size_t)st.st_size);
    if (!data || read(fd, data, (size_t)st.st_size) != st.st_size)
        return stop("read");
    return mark_kernel(syscall(SYS_init_module, data, st.st_size, ""), "init_module");
}

static int bpf_program(char **a)
{
    /* mov r0, 0; exit */
    static const struct bpf_insn code[] = {{.code = 0xb7}, {.code = 0x95}};
    union bpf_attr attr = {.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                           .insn_cnt = 2,
                           .insns = (uintptr_t)code,
                           .license = (uintptr_t)"GPL"};
    (void)a;
    return mark_kernel(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr), "bpf");
}

/* FILE is opened by io_uring, and what was opened is started. */
static int by_io_uring(char **a)
{
    struct io_uring_params p = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &p);
    if (ring < 0)
        return stop("io_uring_setup");
    char *sq = mmap(NULL, p.sq_off.array + p.sq_entries * 4, PROT_READ | PROT_WRITE, MAP_SHARED,
                    ring, IORING_OFF_SQ_RING);
    char *cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                    PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_CQ_RING);
    struct io_uring_sqe *e = mmap(NULL, p.sq_entries * sizeof *e, PROT_READ | PROT_WRITE,
                                  MAP_SHARED, ring, IORING_OFF_SQES);
    if (sq == MAP_FAILED || cq == MAP_FAILED || e == MAP_FAILED)
        return stop("mmap");
    memset(e, 0, sizeof *e);
    e->opcode = IORING_OP_OPENAT;
    e->fd = AT_FDCWD;
    e->addr = (uintptr_t)a[0];
    e->open_flags = O_RDONLY;
    ((unsigned *)(void *)(sq + p.sq_off.array))[0] = 0;
    ++*(unsigned *)(void *)(sq + p.sq_off.tail);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        return stop("io_uring_enter");
    int fd = ((struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes))->res;
    if (fd < 0) {
        errno = -fd;
        return stop("open by io_uring");
    }
    return execute_descriptor(fd);
}

/* --- around the process ------------------------------------------------------------------------------------ */

/* Without parents, in a session of its own, as cron and systemd-run start programs. */
static int detached(char **a)
{
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0) {
            execl(a[0], "evil", NULL);
            _exit(127);
        }
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    usleep(200000);
    return 0;
}

static void *start_in_thread(void *arg)
{
    execl(arg, "evil", NULL);
    return NULL;
}

static int from_thread(char **a)
{
    pthread_t t;
    pthread_create(&t, NULL, start_in_thread, a[0]);
    pthread_join(t, NULL);
    return stop(a[0]);
}

/* The descriptor comes over a socket from another process. */
static int passed_descriptor(char **a)
{
    int pair[2], fd = open(a[0], O_PATH);
    char byte = 'x', space[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
        return stop(a[0]);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(pair[0], &m, 0) < 0 || recvmsg(pair[1], &m, 0) < 0)
        return stop("socket");
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
    return execute_descriptor(fd);
}

/* As an ordinary user: PROGRAM is set-user-ID. */
static int as_user(char **a)
{
    if (setgid(65534) || setuid(65534))
        return stop("setuid");
    execv(a[0], a);
    return stop(a[0]);
}

static int plain(char **a)
{
    execv(a[0], a);
    return stop(a[0]);
}

static const struct {
    const char *name;
    int (*run)(char **arguments);
    int arguments;
} cases[] = {
    {"plain", plain, 1},
    {"memory", memory, 1},
    {"memory-path", memory_path, 1},
    {"memory-library", memory_library, 1},
    {"library", library, 1},
    {"path-descriptor", by_path_descriptor, 1},
    {"passed-descriptor", passed_descriptor, 1},
    {"deleted", deleted, 1},
    {"unnamed", unnamed, 2},
    {"unnamed-linked", unnamed_linked, 2},
    {"race-rename", race_rename, 2},
    {"race-symlink", race_symlink, 3},
    {"race-rewrite", race_rewrite, 3},
    {"shared-mapping", shared_mapping, 2},
    {"held-script", held_script, 3},
    {"user-namespace", user_namespace, 2},
    {"private-bind", private_bind, 3},
    {"detached-mount", detached_mount, 2},
    {"chroot", in_chroot, 2},
    {"write-memory", write_memory, 0},
    {"trace", trace, 0},
    {"write-vm", write_vm, 0},
    {"map-code", map_code, 1},
    {"protect-code", protect_code, 1},
    {"map-writable", map_writable, 1},
    {"module-file", module_file, 1},
    {"module-memory", module_memory, 1},
    {"bpf", bpf_program, 0},
    {"io-uring", by_io_uring, 1},
    {"detached", detached, 1},
    {"thread", from_thread, 1},
    {"as-user", as_user, 1},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++) {
        if (!strcmp(argv[1], cases[i].name) && argc - 2 >= cases[i].arguments)
            return cases[i].run(argv + 2);
    }
    fprintf(stderr, "usage: attack CASE [ARGUMENT...]\n");
    return 2;
}
