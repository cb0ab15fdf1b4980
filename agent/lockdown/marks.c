/* Marks by reading mountinfo from end to end: mounts change seldom. */
#include "agent/lockdown/marks.h"
#include "agent/lockdown/kernel.h"
#include "agent/lockdown/overlay.h"
#include "lib/base/linux.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static dev_t device_of(const char *text)
{
    char *end;
    unsigned long high = strtoul(text, &end, 10);
    return makedev((unsigned)high, *end ? (unsigned)strtoul(end + 1, NULL, 10) : 0);
}

uint64_t sek_marks_events(void)
{
    static uint64_t events;
    if (events)
        return events;
    /* Tried with a file that nobody can open; /proc takes no permission events. */
    int group = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY);
    int file = memfd_create("sekisho", MFD_CLOEXEC);
    bool both = !fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_EXEC_PERM, file, NULL);
    events = FAN_OPEN_PERM | (both ? FAN_OPEN_EXEC_PERM : 0);
    close(file);
    close(group);
    return events;
}

/* Marks of file systems came with Linux 4.20. */
static bool mark(int group, bool whole, const char *path)
{
    return (whole && !fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, sek_marks_events(),
                                    AT_FDCWD, path)) ||
           !fanotify_mark(group, FAN_MARK_ADD | FAN_MARK_MOUNT, sek_marks_events(), AT_FDCWD, path);
}

/* Does this mount show a part of SCOPE, or lie below it? */
static bool belongs(const struct sek_scope *scope, const struct sek_mount_line *m)
{
    if (m->id == scope->id)
        return false; /* the scope itself */
    if (!scope->whole && !strcmp(m->device, scope->device) && sek_path_below(m->root, scope->root))
        return true;
    return sek_path_below(m->point, scope->path);
}

static bool is_known(const struct sek_marks *marks, unsigned id)
{
    for (unsigned i = 0; i < marks->count; i++) {
        if (marks->ids[i] == id)
            return true;
    }
    return false;
}

static bool is_marked(void *arg, dev_t device)
{
    const struct sek_marks *marks = arg;
    for (unsigned i = 0; i < marks->device_count; i++) {
        if (marks->devices[i] == device)
            return true;
    }
    return false;
}

/* One mark that is wanted. */
struct wanted {
    const char *point, *type, *device;
    unsigned id; /* of the mount */
    bool whole;  /* the file system rather than the mount */
};

/* Has the file system the device number that its files show? Not so btrfs; of an overlay's files
 * some show that of their layer. */
static void note_numbers(struct sek_kernel_guard *kernel, const struct wanted *w)
{
    struct statx st;
    dev_t device = device_of(w->device);
    if (strcmp(w->type, "overlay") != 0 &&
        !statx(AT_FDCWD, w->point, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &st) &&
        makedev(st.stx_dev_major, st.stx_dev_minor) == device)
        sek_kernel_guard_numbers(kernel, device);
}

static bool mark_now(const struct sek_marks *marks, int group, const struct wanted *w)
{
    if (!mark(group, w->whole, w->point))
        return false;
    if (w->whole)
        sek_kernel_guard_device(marks->kernel, device_of(w->device));
    else
        sek_kernel_guard_mount(marks->kernel, w->id, true);
    note_numbers(marks->kernel, w);
    return true;
}

/* WAITS: it may wait for a server, and so is not done here. */
static bool put(struct sek_marks *marks, const struct wanted *w, bool waits)
{
    dev_t device = device_of(w->device);
    int group = marks->group_of(marks->arg, w->type, w->device);
    pid_t pid = group >= 0 && waits ? fork() : -1;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sekisho-mark");
        marks->on_child(marks->arg, group);
        if (!mark_now(marks, group, w))
            sek_warning("lockdown: %s: cannot mark the mount: %s", w->point, strerror(errno));
        _exit(0);
    }
    if (group < 0 || (pid < 0 && !mark_now(marks, group, w)))
        return false;
    if (w->whole && !is_marked(marks, device) && marks->device_count < SEK_MARKS)
        marks->devices[marks->device_count++] = device;
    return true;
}

enum cover { COVER_MARK, COVER_LAYERS, COVER_NONE };

/* How a mount becomes covered: by its own mark, or by those of its layers; see overlay.h. */
static enum cover cover_of(struct sek_marks *marks, const struct sek_mount_line *m)
{
    size_t layers, marked;
    if (strcmp(m->type, "overlay") != 0)
        return COVER_MARK;
    marked = sek_overlay_marked_layers(m->options, is_marked, marks, &layers);
    if (!marked)
        return COVER_MARK;
    if (marks->layers == SEK_LAYERS_UNKNOWN)
        marks->layers = sek_overlay_layers_speak() ? SEK_LAYERS_SPEAK : SEK_LAYERS_SILENT;
    if (marks->layers == SEK_LAYERS_SILENT)
        return COVER_MARK;
    return marked == layers ? COVER_LAYERS : COVER_NONE;
}

static bool is_guest(const struct sek_marks *marks, const struct sek_mount_line *m, const char *text)
{
    static const char *const places[] = {"/media", "/run/media", "/mnt"};
    static struct sek_mount_line other;
    bool guest = marks->following;
    unsigned same = 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        guest = guest || sek_path_below(m->point, places[i]);
    for (const char *p = text; guest && sek_mount_next(&p, &other);)
        same += !strcmp(other.device, m->device);
    return same == 1;
}

/* A mount that none of the scopes names itself. */
static void mark_line(struct sek_marks *marks, const struct sek_mount_line *m, const char *text)
{
    bool all = false, wanted = false;
    for (unsigned i = 0; i < marks->scope_count; i++) {
        all = all || sek_scope_is_all(&marks->scopes[i]);
        wanted = wanted || belongs(&marks->scopes[i], m);
    }
    /* An overlay elsewhere that shows files of a scope. */
    size_t layers;
    wanted = wanted || (!strcmp(m->type, "overlay") &&
                        sek_overlay_marked_layers(m->options, is_marked, marks, &layers) > 0);
    if (sek_mount_is_pseudo(m) || (!all && !wanted) || marks->count == SEK_MARKS)
        return;
    const struct wanted w = {m->point, m->type, m->device, m->id, all};
    enum cover cover = cover_of(marks, m);
    marks->ids[marks->count++] = m->id;
    if (is_guest(marks, m, text))
        marks->on_guest(marks->arg, device_of(m->device));
    if (cover == COVER_NONE) {
        sek_warning("lockdown: %s: an overlay with layers outside the scope: programs on it are "
                    "refused",
                    m->point);
    } else if (cover == COVER_LAYERS) {
        sek_kernel_guard_mount(marks->kernel, m->id, true);
    } else if (!put(marks, &w, sek_server_of(m->type) != SEK_SERVER_NONE)) {
        sek_warning("lockdown: %s: cannot mark the mount: %s", m->point, strerror(errno));
        marks->count--; /* it is tried again when mounts change */
    }
}

static void forget_gone(struct sek_marks *marks, const char *text)
{
    static struct sek_mount_line m;
    for (unsigned i = marks->count; i-- > 0;) {
        bool found = false;
        for (const char *p = text; !found && sek_mount_next(&p, &m);)
            found = m.id == marks->ids[i];
        if (!found) {
            sek_kernel_guard_mount(marks->kernel, marks->ids[i], false);
            marks->ids[i] = marks->ids[--marks->count];
        }
    }
}

void sek_marks_follow(struct sek_marks *marks)
{
    static struct sek_mount_line m;
    struct sek_fault fault;
    char *text;
    if (sek_mounts_read(&text, &fault)) {
        sek_warning("lockdown: %s", fault.message);
        return;
    }
    forget_gone(marks, text);
    /* Overlays after what may be their layers. */
    for (int overlays = 0; overlays < 2; overlays++) {
        for (const char *p = text; sek_mount_next(&p, &m);) {
            if (!is_known(marks, m.id) && overlays == !strcmp(m.type, "overlay"))
                mark_line(marks, &m, text);
        }
    }
    free(text);
}

enum sek_error sek_marks_open(struct sek_marks *marks, struct sek_fault *fault)
{
    marks->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return marks->mounts_fd >= 0
               ? SEK_OK
               : sek_fail(fault, SEK_EIO, "/proc/self/mountinfo: %s", strerror(errno));
}

enum sek_error sek_marks_put(struct sek_marks *marks, bool first, struct sek_fault *fault)
{
    marks->count = marks->device_count = 0;
    marks->following = false;
    for (unsigned i = 0; i < marks->scope_count; i++) {
        const struct sek_scope *scope = &marks->scopes[i];
        const struct wanted w = {scope->path, scope->type, scope->device, scope->id, scope->whole};
        if (!sek_scope_is_all(scope) &&
            !put(marks, &w, !first && sek_server_of(scope->type) != SEK_SERVER_NONE))
            return sek_fail(fault, SEK_EIO, "%s: cannot mark %s: %s", scope->path,
                            scope->whole ? "the file system" : "the mount", strerror(errno));
    }
    sek_marks_follow(marks);
    marks->following = true;
    return SEK_OK;
}

void sek_marks_close(struct sek_marks *marks)
{
    if (marks->mounts_fd >= 0)
        close(marks->mounts_fd);
}
