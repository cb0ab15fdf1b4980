/* One attempt to run code that is not registered, by ways that exchange content or mounts: `files
 * CASE [ARGUMENT...]`. As attack.c: what counts is the mark that EVIL leaves. KNOWN is a registered
 * program, EVIL (outside the scope) is smaller than KNOWN. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int stop(const char *what)
{
    perror(what);
    return 1;
}

static int start(const char *path)
{
    execl(path, "evil", NULL);
    return stop(path);
}

static int execute(int fd)
{
    char *const argv[] = {"evil", NULL};
    syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
    return stop("execveat");
}

/* EVIL in memory, as long as KNOWN. */
static char *evil_text(int known, const char *evil, size_t *len)
{
    struct stat st;
    int in = open(evil, O_RDONLY);
    if (in < 0 || fstat(known, &st))
        return NULL;
    *len = (size_t)st.st_size;
    char *text = calloc(1, *len);
    if (!text || read(in, text, *len) <= 0)
        return NULL;
    close(in);
    return text;
}

/* Pages that were read before are written without telling the file system. */
static int mapped_early(char **a)
{
    size_t len;
    int fd = open(a[0], O_RDWR);
    char *text = fd < 0 ? NULL : evil_text(fd, a[1], &len);
    if (!text)
        return stop(a[0]);
    volatile char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return stop("mmap");
    for (size_t i = 0; i < len; i += 4096)
        (void)map[i];
    sleep(1);
    memcpy((void *)(uintptr_t)map, text, len);
    munmap((void *)(uintptr_t)map, len);
    return start(a[0]);
}

/* --- into the file by other calls than write
 * --------------------------------------------------------- */

static int by_splice(char **a)
{
    int pipes[2], in = open(a[1], O_RDONLY), out = open(a[0], O_WRONLY | O_TRUNC);
    ssize_t n;
    if (out < 0 || in < 0 || pipe(pipes))
        return stop(a[0]);
    while ((n = splice(in, NULL, pipes[1], NULL, 4096, 0)) > 0 &&
           splice(pipes[0], NULL, out, NULL, (size_t)n, 0) == n)
        ;
    close(out);
    return start(a[0]);
}

static int by_sendfile(char **a)
{
    int in = open(a[1], O_RDONLY), out = open(a[0], O_WRONLY | O_TRUNC);
    if (out < 0 || sendfile(out, in, NULL, 1 << 20) <= 0)
        return stop(a[0]);
    close(out);
    return start(a[0]);
}

/* KNOWN, and SOURCE in the same scope that holds EVIL's bytes behind a first line. */
static int by_copy_range(char **a)
{
    loff_t from = 8;
    int in = open(a[1], O_RDONLY), out = open(a[0], O_WRONLY | O_TRUNC);
    if (out < 0 || copy_file_range(in, &from, out, NULL, 1 << 20, 0) <= 0)
        return stop(a[0]);
    close(out);
    return start(a[0]);
}

static int by_hole(char **a)
{
    size_t len;
    int fd = open(a[0], O_RDWR);
    char *text = fd < 0 ? NULL : evil_text(fd, a[1], &len);
    if (!text || fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)len) ||
        pwrite(fd, text, len, 0) != (ssize_t)len)
        return stop(a[0]);
    close(fd);
    return start(a[0]);
}

/* --- held since before the lock: FILE EVIL GO. Waits until GO is there.
 * ------------------------------ */

static void wait_for(const char *path)
{
    for (int i = 0; i < 6000 && access(path, F_OK); i++)
        usleep(10000);
}

static int held_descriptor(char **a)
{
    size_t len;
    int fd = open(a[0], O_RDWR);
    char *text = fd < 0 ? NULL : evil_text(fd, a[1], &len);
    wait_for(a[2]);
    if (!text || pwrite(fd, text, len, 0) != (ssize_t)len)
        return stop(a[0]);
    return 0;
}

static int held_mapping(char **a)
{
    size_t len;
    int fd = open(a[0], O_RDWR);
    char *text = fd < 0 ? NULL : evil_text(fd, a[1], &len);
    if (!text)
        return stop(a[0]);
    char *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    map[0] = text[0]; /* the page is dirty: later writes leave the times alone */
    wait_for(a[2]);
    memcpy(map, text, len);
    munmap(map, len);
    return 0;
}

/* FILE that is not registered was opened for reading before the lock, and is started after it. */
static int held_evil(char **a)
{
    int fd = open(a[0], O_RDONLY);
    wait_for(a[1]);
    return fd < 0 ? stop(a[0]) : execute(fd);
}

/* --- names
 * -------------------------------------------------------------------------------------------- */

static int by_handle(char **a)
{
    char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
    struct file_handle *handle = (void *)space;
    int id, mount = open(a[1], O_RDONLY | O_DIRECTORY);
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(AT_FDCWD, a[0], handle, &id, 0))
        return stop("name_to_handle_at");
    int fd = open_by_handle_at(mount, handle, O_PATH);
    return fd < 0 ? stop("open_by_handle_at") : execute(fd);
}

/* The child sits in a mount namespace of its own, in FOLDER of the scope with EVIL over it. */
static pid_t tenant(const char *folder, const char *evil, int ready[2])
{
    pid_t pid = fork();
    if (pid)
        return pid;
    char path[512];
    snprintf(path, sizeof path, "%s/tenant", folder);
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", folder, "tmpfs", 0, NULL))
        _exit(stop("mount"));
    int in = open(evil, O_RDONLY), out = open(path, O_WRONLY | O_CREAT, 0755);
    if (sendfile(out, in, NULL, 1 << 20) <= 0 || close(out) || chdir(folder))
        _exit(stop(path));
    if (write(ready[1], "r", 1) != 1)
        _exit(1);
    sleep(5);
    _exit(0);
}

/* EVIL FOLDER WAY: over /proc/PID/root, /proc/PID/cwd, or in the namespace itself. */
static int of_a_tenant(char **a)
{
    char path[600], byte;
    int ready[2], status = 1;
    if (pipe(ready))
        return stop("pipe");
    pid_t pid = tenant(a[1], a[0], ready);
    if (read(ready[0], &byte, 1) != 1)
        return stop("tenant");
    pid_t child = fork();
    if (child == 0) {
        if (!strcmp(a[2], "root"))
            snprintf(path, sizeof path, "/proc/%d/root%s/tenant", (int)pid, a[1]);
        else if (!strcmp(a[2], "cwd"))
            snprintf(path, sizeof path, "/proc/%d/cwd/tenant", (int)pid);
        else
            snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
        if (!strcmp(a[2], "setns")) {
            if (setns(open(path, O_RDONLY), CLONE_NEWNS))
                _exit(stop("setns"));
            snprintf(path, sizeof path, "%s/tenant", a[1]);
        }
        _exit(start(path));
    }
    waitpid(child, &status, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return status;
}

/* EVIL FOLDER: a file system that never had a name is filled, put on FOLDER, and used at once. */
static int by_new_mount(char **a)
{
    int fs = (int)syscall(SYS_fsopen, "tmpfs", 0);
    if (fs < 0 || syscall(SYS_fsconfig, fs, 6 /* FSCONFIG_CMD_CREATE */, NULL, NULL, 0))
        return stop("fsopen");
    int mnt = (int)syscall(SYS_fsmount, fs, 0, 0);
    int in = open(a[0], O_RDONLY), out = openat(mnt, "evil", O_WRONLY | O_CREAT, 0755);
    if (mnt < 0 || sendfile(out, in, NULL, 1 << 20) <= 0)
        return stop("fsmount");
    close(out);
    if (syscall(SYS_move_mount, mnt, "", AT_FDCWD, a[1], 4 /* MOVE_MOUNT_F_EMPTY_PATH */))
        return stop("move_mount");
    syscall(SYS_execveat, mnt, "evil", (char *[]){"evil", NULL}, environ, 0);
    return stop("execveat");
}

/* FROM TO NAME: a copy of a mount is put elsewhere, and used at once. */
static int by_tree(char **a)
{
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, a[0], 1 /* OPEN_TREE_CLONE */);
    if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, a[1], 4))
        return stop("move_mount");
    syscall(SYS_execveat, tree, a[2], (char *[]){"evil", NULL}, environ, 0);
    return stop("execveat");
}

/* KNOWN EVIL N: sixteen at a time, one and the other. */
static int among_many(char **a)
{
    for (int i = 0; i < atoi(a[2]); i++) {
        if (fork() == 0) {
            execl(i & 1 ? a[0] : a[1], "evil", NULL);
            _exit(127);
        }
        if (i % 16 == 15)
            while (wait(NULL) > 0)
                ;
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}

static const struct {
    const char *name;
    int (*run)(char **arguments);
    int arguments;
} cases[] = {
    {"mapped-early", mapped_early, 2},
    {"splice", by_splice, 2},
    {"sendfile", by_sendfile, 2},
    {"copy-range", by_copy_range, 2},
    {"hole", by_hole, 2},
    {"held-descriptor", held_descriptor, 3},
    {"held-mapping", held_mapping, 3},
    {"held-evil", held_evil, 2},
    {"handle", by_handle, 2},
    {"tenant", of_a_tenant, 3},
    {"new-mount", by_new_mount, 2},
    {"tree", by_tree, 3},
    {"among-many", among_many, 3},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof cases / sizeof cases[0]; i++) {
        if (!strcmp(argv[1], cases[i].name) && argc - 2 >= cases[i].arguments)
            return cases[i].run(argv + 2);
    }
    fprintf(stderr, "usage: files CASE [ARGUMENT...]\n");
    return 2;
}
