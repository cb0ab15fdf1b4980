/* A lockdown scope is a mount. When its file system is mounted nowhere else, the whole file system
 * is marked, so that a second mount of it (in another namespace too) is no way around; otherwise
 * only this mount is, so that protecting a bind mount never reaches the rest of the machine. */
#ifndef SEK_AGENT_SCOPE_H
#define SEK_AGENT_SCOPE_H

#include "lib/base/error.h"

#include <stdbool.h>

/* One mount, from a line of /proc/self/mountinfo. */
struct sek_mount_line {
    unsigned id;
    char device[32], root[4096], point[4096], type[64];
    char options[8192]; /* of the file system; cut when longer */
};

/* The next line of TEXT that has the right form; moves *TEXT on. False at the end. */
bool sek_mount_next(const char **text, struct sek_mount_line *line);
/* A file system of the kernel's own, which holds no programs (proc, cgroup, ...). */
bool sek_mount_is_pseudo(const struct sek_mount_line *line);
/* Who hands out the files of a file system: nobody but this kernel, another machine (of a share that
 * somebody with privilege mounted), or a program here (FUSE), which may give other content at each
 * reading. */
enum sek_server { SEK_SERVER_NONE, SEK_SERVER_NETWORK, SEK_SERVER_PROGRAM };
enum sek_server sek_server_of(const char *type);

/* /proc/self/mountinfo whole; the caller frees it. */
enum sek_error sek_mounts_read(char **text, struct sek_fault *fault);
/* Is PATH the folder FOLDER, or below it? */
bool sek_path_below(const char *path, const char *folder);

struct sek_scope {
    char path[512];   /* resolved; "all": every file system that can hold programs */
    bool whole;       /* the file system is mounted here only */
    char type[64];    /* of the file system */
    unsigned id;      /* of the mount */
    char device[32];  /* "8:1" */
    char root[512];   /* folder of the file system that is mounted */
};

/* PATH must be a mount point. TEXT is the content of /proc/self/mountinfo. */
enum sek_error sek_scope_find(const char *path, const char *text, struct sek_scope *scope,
                              struct sek_fault *fault);
/* Resolve PATH and look it up in /proc/self/mountinfo. "all" is taken as it is. */
enum sek_error sek_scope_open(const char *path, struct sek_scope *scope, struct sek_fault *fault);
bool sek_scope_is_all(const struct sek_scope *scope);

#endif
