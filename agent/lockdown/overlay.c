/* Layers from mount options, and the trial of what this kernel does. */
#include "agent/lockdown/overlay.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One layer's path from *P: up to an unescaped ':' or ','. False at the end of the option. */
static bool next_layer(const char **p, char *path, size_t size)
{
    size_t n = 0;
    while (**p == ':')
        ++*p;
    for (; **p && **p != ':' && **p != ','; ++*p) {
        if (**p == '\\' && (*p)[1])
            ++*p;
        if (n + 1 < size)
            path[n++] = **p;
    }
    path[n] = '\0';
    return n > 0;
}

size_t sek_overlay_marked_layers(const char *options, bool (*is_marked)(void *arg, dev_t device),
                                 void *arg, size_t *layers)
{
    static const char *const keys[] = {"lowerdir=", "lowerdir+=", "datadir+=", "upperdir="};
    size_t marked = 0;
    char path[PATH_MAX];
    struct stat st;
    *layers = 0;
    for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',') {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            size_t len = strlen(keys[i]);
            if (strncmp(p, keys[i], len) != 0)
                continue;
            for (p += len; next_layer(&p, path, sizeof path); ++*layers)
                marked += !stat(path, &st) && is_marked(arg, st.st_dev);
            break;
        }
    }
    return marked;
}

/* In a mount namespace of its own: an overlay on a tmpfs, a group that is told of opens there, and
 * an open through the overlay. */
static bool try_out(void)
{
    const char *point = "/tmp";
    const char *options = "lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w";
    static const char *const folders[] = {"/tmp/l", "/tmp/u", "/tmp/w", "/tmp/m"};
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", point, "tmpfs", 0, "size=1m"))
        return false;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        mkdir(folders[i], 0700);
    close(open("/tmp/l/f", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    int group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);
    if (mount("overlay", "/tmp/m", "overlay", 0, options) || group < 0 ||
        fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN, AT_FDCWD, point))
        return false;
    int fd = open("/tmp/m/f", O_RDONLY | O_CLOEXEC);
    struct pollfd heard = {.fd = group, .events = POLLIN};
    return fd >= 0 && poll(&heard, 1, 0) == 1;
}

bool sek_overlay_layers_speak(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_out());
    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 1;
}
