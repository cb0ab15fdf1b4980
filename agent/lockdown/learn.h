/* Registering what is already there: every ELF file, script and file with an execute bit under a
 * folder, on its one file system, goes into an allowlist with its path. */
#ifndef SEK_AGENT_LEARN_H
#define SEK_AGENT_LEARN_H

#include "agent/lockdown/allowlist.h"

#include <sys/stat.h>

struct sek_learned {
    uint64_t files; /* looked at */
    uint64_t added; /* digests that were new */
    uint64_t unreadable;
};

/* Is the open file FD with this path and status a program: ELF, a script, or executable? */
bool sek_learn_is_program(int fd, const char *path, const struct stat *st);
/* Register the open file FD. */
enum sek_error sek_learn_descriptor(int fd, const char *path, const struct stat *st,
                                    struct sek_allowlist *list, int out_fd,
                                    struct sek_learned *result);
/* Every program in a folder: add to LIST, and append what is new to the open file OUT_FD (-1: no file). */
enum sek_error sek_learn_folder(const char *folder, struct sek_allowlist *list, int out_fd,
                                struct sek_learned *result, struct sek_fault *fault);

#endif
