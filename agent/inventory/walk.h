/* Every regular file in the places where software lies, in one bounded walk: no links are followed,
 * no other file system is entered but those of the places themselves. */
#ifndef SEK_AGENT_WALK_H
#define SEK_AGENT_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#define SEK_WALK_FILES 1000000u
#define SEK_WALK_DEPTH 32

/* A file or a folder; FULL opens it, PATH is the same without the root's folder. */
struct sek_walk_entry {
    const char *full, *path, *name;
    const struct stat *stat;
};

/* Whether PATH (LEN bytes) lies in a folder that no walk enters. */
bool sek_walk_leaves_out(const char *path, size_t len);

/* Call EACH for every regular file and folder below ROOT ("" or a folder's path without a slash at
 * its end). WHOLE: everything, for an image without a package database; else the usual places.
 * False: the walk was cut off at a limit. */
bool sek_walk(const char *root, bool whole,
              void (*each)(void *arg, const struct sek_walk_entry *entry), void *arg);

#endif
