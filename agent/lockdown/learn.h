/* Registering what is already there: every ELF file, script and file with an execute bit under a
 * folder, on its one file system, goes into an allowlist with its path. */
#ifndef SEK_AGENT_LEARN_H
#define SEK_AGENT_LEARN_H

#include "agent/digests.h"
#include "agent/lockdown/allowlist.h"

#include <sys/stat.h>

#define SEK_DIGESTS_ENDING ".digests" /* the file of digests beside an allowlist */

struct sek_learning {
    struct sek_allowlist *list;    /* gets every program */
    struct sek_allowlist_out *out; /* gets what is new; NULL: no file */
    struct sek_digests digests;    /* opened and closed by the caller; all zero: nothing is known */
    uint64_t files;                /* looked at */
    uint64_t added;                /* digests that were new */
    uint64_t unreadable;
};

/* Is the open file FD with this path and status a program: ELF, a script, or executable? */
bool sek_learn_is_program(int fd, const char *path, const struct stat *st);
/* Register the open file FD. */
enum sek_error sek_learn_descriptor(struct sek_learning *l, int fd, const char *path,
                                    const struct stat *st);
/* Register every program in a folder. */
enum sek_error sek_learn_folder(struct sek_learning *l, const char *folder,
                                struct sek_fault *fault);

#endif
