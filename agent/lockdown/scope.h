/* A lockdown scope is a mount. When its file system is mounted nowhere else, the whole file system
 * is marked, so that a second mount of it (in another namespace too) is no way around; otherwise
 * only this mount is, so that protecting a bind mount never reaches the rest of the machine. */
#ifndef SEK_AGENT_SCOPE_H
#define SEK_AGENT_SCOPE_H

#include "lib/base/error.h"

#include <stdbool.h>

struct sek_scope {
    char path[512];   /* resolved */
    bool whole;       /* the file system is mounted here only */
    char source[128]; /* file system type, for messages */
};

/* PATH must be a mount point. TEXT is the content of /proc/self/mountinfo. */
enum sek_error sek_scope_find(const char *path, const char *text, struct sek_scope *scope,
                              struct sek_fault *fault);
/* Resolve PATH and look it up in /proc/self/mountinfo. */
enum sek_error sek_scope_open(const char *path, struct sek_scope *scope, struct sek_fault *fault);
/* Put the permission marks on SCOPE in group FAN_FD. */
enum sek_error sek_scope_mark(const struct sek_scope *scope, int fan_fd, struct sek_fault *fault);

#endif
