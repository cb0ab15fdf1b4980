/* Two rings, searched from end to end: there are few interpreters. */
#include "agent/lockdown/interpreters.h"
#include "agent/lockdown/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void tell_kernel(struct sek_kernel_guard *kernel, const struct stat *st,
                        const struct sek_interpreter *in)
{
    struct sek_guard_program program;
    sek_interpreter_program(in, &program);
    sek_kernel_guard_program(kernel, st, &program);
}

static const struct sek_interpreter *by_content(const struct sek_interpreters *all,
                                                const uint8_t digest[32])
{
    for (unsigned i = 0; i < SEK_INTERPRETERS; i++) {
        if (all->contents[i].interpreter && !memcmp(all->contents[i].digest, digest, 32))
            return all->contents[i].interpreter;
    }
    return NULL;
}

static const struct sek_interpreter *by_file(const struct sek_interpreters *all,
                                             const struct stat *st)
{
    for (unsigned i = 0; i < SEK_INTERPRETERS; i++) {
        if (all->files[i].interpreter && all->files[i].inode == st->st_ino &&
            all->files[i].device == st->st_dev)
            return all->files[i].interpreter;
    }
    return NULL;
}

void sek_interpreters_label(struct sek_interpreters *all, const uint8_t digest[32],
                            const char *path)
{
    const struct sek_interpreter *in = sek_interpreter_named(last_part(path));
    if (!in || by_content(all, digest))
        return;
    unsigned at = all->next_content++ % SEK_INTERPRETERS;
    memcpy(all->contents[at].digest, digest, 32);
    all->contents[at].interpreter = in;
}

void sek_interpreters_note(struct sek_interpreters *all, int fd, const struct stat *st,
                           const uint8_t digest[32], struct sek_kernel_guard *kernel)
{
    char path[PATH_MAX], name[40];
    if (by_file(all, st))
        return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(name, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    sek_interpreters_label(all, digest, path);
    const struct sek_interpreter *in = by_content(all, digest);
    if (!in)
        return;
    unsigned at = all->next_file++ % SEK_INTERPRETERS;
    all->files[at].device = st->st_dev;
    all->files[at].inode = st->st_ino;
    all->files[at].interpreter = in;
    tell_kernel(kernel, st, in);
}

const struct sek_interpreter *sek_interpreters_running(const struct sek_interpreters *all,
                                                       pid_t pid)
{
    char path[40];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    const struct sek_interpreter *in = stat(path, &st) ? NULL : by_file(all, &st);
    return in && in->syntax.flags & SEK_GUARD_IS_MULTICALL ? sek_interpreter_applet(pid) : in;
}

void sek_interpreters_usual(struct sek_kernel_guard *kernel)
{
    static const char *const folders[] = {"/bin", "/usr/bin", "/usr/local/bin"};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        DIR *dir = opendir(folders[i]);
        for (struct dirent *e; dir && (e = readdir(dir));) {
            const struct sek_interpreter *in = sek_interpreter_named(e->d_name), *real;
            char path[PATH_MAX], target[PATH_MAX];
            struct stat st;
            snprintf(path, sizeof path, "%s/%s", folders[i], e->d_name);
            if (!in || !realpath(path, target) || stat(target, &st) || !S_ISREG(st.st_mode))
                continue;
            real = sek_interpreter_named(last_part(target)); /* sh may be a link to busybox */
            tell_kernel(kernel, &st, real ? real : in);
        }
        if (dir)
            closedir(dir);
    }
}
