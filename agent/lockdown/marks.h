/* The permission marks of the scopes, kept true while mounts come and go: a mount below a scope, or
 * one that shows a part of it elsewhere, is marked as soon as it appears. The kernel's programs
 * know which mounts are marked, and refuse programs over one that is not yet. */
#ifndef SEK_AGENT_MARKS_H
#define SEK_AGENT_MARKS_H

#include "agent/lockdown/scope.h"

#include <stdint.h>
#include <sys/types.h>

#define SEK_MARKS 1024 /* mounts */

struct sek_kernel_guard;

struct sek_marks {
    const struct sek_scope *scopes;
    unsigned scope_count;
    struct sek_kernel_guard *kernel; /* may be NULL */
    int mounts_fd;                   /* /proc/self/mountinfo: urgent data when mounts changed */
    unsigned ids[SEK_MARKS];         /* dealt with */
    unsigned count;
    dev_t devices[SEK_MARKS]; /* file systems that are marked as a whole */
    unsigned device_count;
    enum { SEK_LAYERS_UNKNOWN, SEK_LAYERS_SPEAK, SEK_LAYERS_SILENT } layers; /* overlay.h */
};

/* The permission events that this kernel has: opens, and from Linux 5.0 opens for execution.
 * Without the latter a script is judged when its interpreter opens it. */
uint64_t sek_marks_events(void);
enum sek_error sek_marks_open(struct sek_marks *marks, const struct sek_scope *scopes,
                              unsigned scope_count, struct sek_kernel_guard *kernel,
                              struct sek_fault *fault);
/* Put every mark into group FAN_FD, a new one. An error when a scope itself cannot be marked. */
enum sek_error sek_marks_put(struct sek_marks *marks, int fan_fd, struct sek_fault *fault);
/* Mounts changed: mark what is new, forget what has gone. */
void sek_marks_follow(struct sek_marks *marks, int fan_fd);
void sek_marks_close(struct sek_marks *marks);

#endif
