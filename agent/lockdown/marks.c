/* Marks by reading mountinfo from end to end: mounts change seldom. */
#include "agent/lockdown/marks.h"
#include "agent/lockdown/kernel.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MASK (FAN_OPEN_PERM | FAN_OPEN_EXEC_PERM)

/* File systems of the kernel's own, which hold no programs. */
static bool is_pseudo(const char *type)
{
    static const char *const types[] = {
        "proc",      "sysfs",   "cgroup",     "cgroup2",    "devpts",    "debugfs",     "tracefs",
        "mqueue",    "bpf",     "securityfs", "pstore",     "configfs",  "fusectl",     "efivarfs",
        "hugetlbfs", "autofs",  "nsfs",       "rpc_pipefs", "selinuxfs", "binfmt_misc", "sockfs"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!strcmp(type, types[i]))
            return true;
    }
    return false;
}

static dev_t device_of(const char *text)
{
    char *end;
    unsigned long high = strtoul(text, &end, 10);
    return makedev((unsigned)high, *end ? (unsigned)strtoul(end + 1, NULL, 10) : 0);
}

static bool mark(int fan_fd, bool whole, const char *path)
{
    unsigned flags = FAN_MARK_ADD | (whole ? FAN_MARK_FILESYSTEM : FAN_MARK_MOUNT);
    return !fanotify_mark(fan_fd, flags, MASK, AT_FDCWD, path);
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

/* A mount that none of the scopes names itself. */
static void mark_line(struct sek_marks *marks, int fan_fd, const struct sek_mount_line *m)
{
    bool all = false, wanted = false;
    for (unsigned i = 0; i < marks->scope_count; i++) {
        all = all || sek_scope_is_all(&marks->scopes[i]);
        wanted = wanted || belongs(&marks->scopes[i], m);
    }
    if (is_pseudo(m->type) || (!all && !wanted) || marks->count == SEK_MARKS)
        return;
    if (!mark(fan_fd, all, m->point)) {
        sek_warning("lockdown: %s: cannot mark the mount: %s", m->point, strerror(errno));
        return;
    }
    marks->ids[marks->count++] = m->id;
    if (all)
        sek_kernel_guard_device(marks->kernel, device_of(m->device));
    else
        sek_kernel_guard_mount(marks->kernel, m->id, true);
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

void sek_marks_follow(struct sek_marks *marks, int fan_fd)
{
    static struct sek_mount_line m;
    struct sek_fault fault;
    char *text;
    if (sek_mounts_read(&text, &fault)) {
        sek_warning("lockdown: %s", fault.message);
        return;
    }
    forget_gone(marks, text);
    for (const char *p = text; sek_mount_next(&p, &m);) {
        if (!is_known(marks, m.id))
            mark_line(marks, fan_fd, &m);
    }
    free(text);
}

enum sek_error sek_marks_open(struct sek_marks *marks, const struct sek_scope *scopes,
                              unsigned scope_count, struct sek_kernel_guard *kernel,
                              struct sek_fault *fault)
{
    *marks = (struct sek_marks){.scopes = scopes, .scope_count = scope_count, .kernel = kernel};
    marks->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    return marks->mounts_fd >= 0
               ? SEK_OK
               : sek_fail(fault, SEK_EIO, "/proc/self/mountinfo: %s", strerror(errno));
}

enum sek_error sek_marks_put(struct sek_marks *marks, int fan_fd, struct sek_fault *fault)
{
    marks->count = 0;
    for (unsigned i = 0; i < marks->scope_count; i++) {
        const struct sek_scope *scope = &marks->scopes[i];
        if (sek_scope_is_all(scope))
            continue;
        if (!mark(fan_fd, scope->whole, scope->path))
            return sek_fail(fault, SEK_EIO, "%s: cannot mark %s: %s", scope->path,
                            scope->whole ? "the file system" : "the mount", strerror(errno));
        if (scope->whole)
            sek_kernel_guard_device(marks->kernel, device_of(scope->device));
        else
            sek_kernel_guard_mount(marks->kernel, scope->id, true);
    }
    sek_marks_follow(marks, fan_fd);
    return SEK_OK;
}

void sek_marks_close(struct sek_marks *marks)
{
    if (marks->mounts_fd >= 0)
        close(marks->mounts_fd);
}
