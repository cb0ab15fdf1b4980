/* Process ancestry from /proc (which is never a protected mount), and the table of files that an
 * updater began: open addressing with a bounded probe, the first place is given up when all are
 * taken. */
#include "agent/lockdown/updater.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ANCESTORS 32
#define PROBES    16

/* Parent and start time from /proc/PID/stat; the name in it may hold spaces and parentheses. */
static bool read_stat(pid_t pid, pid_t *parent, uint64_t *started)
{
    char path[40], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = '\0';
    char *p = strrchr(text, ')');
    int ppid;
    unsigned long long ticks;
    if (!p || sscanf(p + 1,
                     " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                     "%*d %*d %llu",
                     &ppid, &ticks) != 2)
        return false;
    *parent = ppid;
    *started = ticks;
    return true;
}

static bool is_file(const struct stat *file, const char *path)
{
    struct stat st;
    return path && !stat(path, &st) && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

static bool runs_updater(const struct sek_updaters *u, pid_t pid, const char *more)
{
    char path[40];
    struct stat exe;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    if (stat(path, &exe))
        return false;
    for (unsigned i = 0; i < u->count; i++) {
        if (is_file(&exe, u->programs[i]))
            return true;
    }
    return is_file(&exe, more);
}

void sek_updaters_forget_processes(struct sek_updaters *u)
{
    memset(u->pids, 0, sizeof u->pids);
}

bool sek_updaters_process(struct sek_updaters *u, pid_t pid, const char *more)
{
    pid_t parent, at = pid;
    uint64_t started = 0, ignored;
    bool updater = false;
    if ((!u->count && !more) || pid <= 1 || !read_stat(pid, &parent, &started))
        return false;
    for (unsigned i = 0; i < SEK_UPDATER_PIDS; i++) {
        if (u->pids[i].pid == pid && u->pids[i].started == started && u->pids[i].updater)
            return true;
    }
    /* Only "yes" is remembered: a process that is none may become one by exec. */
    for (int depth = 0; depth < ANCESTORS && at > 1 && !updater; depth++) {
        updater = runs_updater(u, at, more);
        if (!read_stat(at, &parent, &ignored))
            break;
        at = parent;
    }
    if (updater)
        u->pids[u->next_pid++ % SEK_UPDATER_PIDS] = (struct sek_updater_pid){pid, started, true};
    return updater;
}

static struct sek_updater_file *place(const struct sek_updaters *u, uint64_t device, uint64_t inode,
                                      bool empty_too)
{
    uint64_t h = (inode ^ device << 32) * 0x9e3779b97f4a7c15u >> 32;
    for (unsigned i = 0; u->files && i < PROBES; i++) {
        struct sek_updater_file *f = &u->files[(h + i) % SEK_UPDATER_FILES];
        if ((f->inode == inode && f->device == device) || (empty_too && !f->inode))
            return f;
    }
    return empty_too && u->files ? &u->files[h % SEK_UPDATER_FILES] : NULL;
}

void sek_updaters_wrote(struct sek_updaters *u, uint64_t device, uint64_t inode)
{
    if (!u->files)
        u->files = calloc(SEK_UPDATER_FILES, sizeof *u->files);
    struct sek_updater_file *f = place(u, device, inode, true);
    if (f)
        *f = (struct sek_updater_file){device, inode};
}

bool sek_updaters_has(const struct sek_updaters *u, uint64_t device, uint64_t inode)
{
    return place(u, device, inode, false) != NULL;
}

void sek_updaters_forget(struct sek_updaters *u, uint64_t device, uint64_t inode)
{
    struct sek_updater_file *f = place(u, device, inode, false);
    if (f)
        *f = (struct sek_updater_file){0};
}
