/* fanotify does not say how a file is opened. But the task is held within its system call, whose
 * arguments /proc/PID/syscall shows: they were copied to the kernel's stack, so that nobody can change
 * them meanwhile. With one thread it is surely that call that asks. (Numbers are those of this program's
 * own architecture; in the others that these kernels run, they are no calls that open.) */
#include "agent/lockdown/opener.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC_PATH     48
#define KERNEL_THREAD 0x00200000ul /* PF_KTHREAD of linux/sched.h */

static bool read_proc(pid_t pid, const char *name, char *line, size_t size)
{
    char path[PROC_PATH];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, size - 1);
    if (fd >= 0)
        close(fd);
    line[n > 0 ? n : 0] = '\0';
    return n > 0;
}

bool sek_opener_call_only_writes(const char *line)
{
    static const struct {
        long number;
        int flags; /* which argument */
    } calls[] = {
        {SYS_openat, 2},
#ifdef SYS_open
        {SYS_open, 1},
#endif
    };
    unsigned long argument[3];
    char *end;
    long number = strtol(line, &end, 10);
    if (end == line)
        return false;
    for (int i = 0; i < 3; i++) {
        const char *from = end;
        argument[i] = strtoul(from, &end, 16);
        if (end == from)
            return false;
    }
#ifdef SYS_creat
    if (number == SYS_creat)
        return true;
#endif
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (number == calls[i].number)
            return (argument[calls[i].flags] & O_ACCMODE) == O_WRONLY;
    }
    return false;
}

bool sek_opener_only_writes(pid_t pid)
{
    char path[PROC_PATH], line[256];
    struct stat tasks;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (stat(path, &tasks) || tasks.st_nlink != 3) /* ".", "..", and each thread */
        return false;
    return read_proc(pid, "syscall", line, sizeof line) && sek_opener_call_only_writes(line);
}

bool sek_opener_stat_is_kernel(const char *line)
{
    unsigned long flags;
    const char *name = strchr(line, '('), *after = strrchr(line, ')'); /* a name may hold both */
    if (!name || !after || sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) != 1)
        return false;
    return flags & KERNEL_THREAD && strncmp(name + 1, "io_", 3) != 0;
}

bool sek_opener_is_kernel(pid_t pid)
{
    char line[256];
    return read_proc(pid, "stat", line, sizeof line) && sek_opener_stat_is_kernel(line);
}
