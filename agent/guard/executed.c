/* One exec makes several events: the script, its interpreter, and last the dynamic loader. The
 * program is the last that is not a loader, unless the loader is all there is. */
#include "agent/guard/executed.h"
#include "agent/guard/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

#define RECENT 256

static int group = -1;
static struct {
    int32_t pid;
    char path[256];
} recent[RECENT];
static unsigned recent_next;

bool sek_executed_open(void)
{
    static const char *const places[] = {"/", "/usr", "/opt", "/var", "/home", "/tmp", "/dev/shm"};
    unsigned marked = 0;
    group = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK,
                          O_RDONLY | O_LARGEFILE | O_CLOEXEC);
    for (size_t i = 0; group >= 0 && i < sizeof places / sizeof places[0]; i++)
        marked += !fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_OPEN_EXEC, AT_FDCWD,
                                 places[i]);
    if (!marked)
        sek_executed_close();
    return marked != 0;
}

void sek_executed_close(void)
{
    if (group >= 0)
        close(group);
    group = -1;
}

static bool is_loader(const char *path)
{
    const char *base = strrchr(path, '/');
    return base &&
           (!strncmp(base, "/ld-", 4) || !strncmp(base, "/ld.", 4) || !strncmp(base, "/ld64", 5));
}

static void take(const struct fanotify_event_metadata *event, struct sek_process *wanted)
{
    char link[40], path[256];
    snprintf(link, sizeof link, "/proc/self/fd/%d", event->fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    unsigned last = (recent_next - 1) % RECENT;
    if (is_loader(path) && recent_next && recent[last].pid == event->pid)
        return; /* the loader of the program just seen */
    unsigned at = recent_next++ % RECENT;
    recent[at].pid = event->pid;
    memcpy(recent[at].path, path, sizeof path);
    if (wanted && wanted->pid == event->pid) {
        memcpy(wanted->path, path, sizeof path);
        sek_process_digest(event->fd, wanted->digest);
    }
}

static void find_recent(struct sek_process *wanted)
{
    for (unsigned i = 1; i <= RECENT && !wanted->path[0]; i++) {
        unsigned at = (recent_next - i) % RECENT;
        if (recent[at].pid != wanted->pid || !recent[at].path[0])
            continue;
        memcpy(wanted->path, recent[at].path, sizeof wanted->path);
        int fd = open(wanted->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0) {
            sek_process_digest(fd, wanted->digest);
            close(fd);
        }
    }
}

unsigned sek_executed_drain(struct sek_process *process)
{
    unsigned count = 0;
    struct fanotify_event_metadata events[64];
    struct sek_process *wanted = process && !process->path[0] ? process : NULL;
    ssize_t n;
    while (group >= 0 && (n = read(group, events, sizeof events)) > 0) {
        const struct fanotify_event_metadata *e = events;
        for (; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n)) {
            if (e->fd < 0)
                continue;
            count++;
            take(e, wanted);
            close(e->fd);
        }
    }
    if (wanted)
        find_recent(wanted);
    return count;
}
