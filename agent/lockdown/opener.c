/* fanotify does not say how a file is opened. But the task is held within its system call, whose
 * arguments /proc/PID/syscall shows: they were copied to the kernel's stack, so that nobody can change
 * them meanwhile. With one thread it is surely that call that asks. (Numbers are those of this program's
 * own architecture; in the others that these kernels run, they are no calls that open.) */
#include "agent/lockdown/opener.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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
    char path[48], line[256];
    struct stat tasks;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    if (stat(path, &tasks) || tasks.st_nlink != 3) /* ".", "..", and each thread */
        return false;
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    line[n] = '\0';
    return sek_opener_call_only_writes(line);
}
