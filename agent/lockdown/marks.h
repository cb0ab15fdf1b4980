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
    /* The group for marks on a file system of this type and device; -1: there is none. */
    int (*group_of)(void *arg, const char *type, const char *device);
    void (*on_child)(void *arg, int group); /* in a process that marks, and needs this group only */
    /* A file system that somebody may want to unmount: it came after the first marks, or lies where
     * what comes and goes is mounted (/media, /run/media, /mnt). Not told for one that is also mounted
     * elsewhere. */
    void (*on_guest)(void *arg, dev_t device);
    void *arg;
    int mounts_fd;                   /* /proc/self/mountinfo: urgent data when mounts changed */
    bool following;                  /* the first marks are in place */
    unsigned ids[SEK_MARKS];         /* dealt with */
    unsigned count;
    dev_t devices[SEK_MARKS]; /* file systems that are marked as a whole */
    unsigned device_count;
    enum { SEK_LAYERS_UNKNOWN, SEK_LAYERS_SPEAK, SEK_LAYERS_SILENT } layers; /* overlay.h */
};

/* The permission events that this kernel has: opens, and from Linux 5.0 opens for execution.
 * Without the latter a script is judged when its interpreter opens it. */
uint64_t sek_marks_events(void);
/* scopes, scope_count, kernel, the calls and arg are set by the caller. */
enum sek_error sek_marks_open(struct sek_marks *marks, struct sek_fault *fault);
/* Put every mark into its group; those that are there stay. An error when a scope itself cannot be
 * marked. Whoever marks a served file system may have to wait for its server: but for a scope's own
 * mark, the FIRST time, that is done in a process of its own, which the caller reaps. */
enum sek_error sek_marks_put(struct sek_marks *marks, bool first, struct sek_fault *fault);
/* Mounts changed: mark what is new, forget what has gone. */
void sek_marks_follow(struct sek_marks *marks);
void sek_marks_close(struct sek_marks *marks);

#endif
