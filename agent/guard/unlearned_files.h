/* What deny by default keeps on the disk, below STATE/exit: the table that was learned (a person may
 * edit it), the policy's, the mode in force, and the names that addresses had. All files belong to
 * the guard alone (mode 0600). */
#ifndef SEK_AGENT_UNLEARNED_FILES_H
#define SEK_AGENT_UNLEARNED_FILES_H

#include "agent/guard/guard.h"
#include "agent/guard/learned.h"
#include "agent/worker/names.h"

#include <sys/stat.h>

#define SEK_NAMED_MOST_S 86400 /* the longest that an address is taken to have a name */

struct sek_known_program {
    char path[256];
    uint8_t digest[32];
    uint32_t number;
    struct sek_exit_file file; /* at PATH when it was read; zero: met as a process only */
};

struct sek_unlearned {
    char folder[500], learned_path[512], listed_path[512], mode_path[512], names_path[512];
    struct sek_learned learned, listed;
    struct sek_known_program *known;
    size_t known_count;
    uint32_t next_number;
    struct sek_names names;
    bool in_force, learning, look_again;
    int watch_fd; /* inotify: the folder, and the files of known programs; -1: none */
    /* When there is something to do, us, monotonic; 0: nothing. */
    uint64_t write_at, names_at, look_at;
    struct stat read; /* of the learned file, as last read or written */
};

/* Make the folder STATE/exit when it is not there, and set the paths. */
enum sek_error sek_unlearned_folder(struct sek_unlearned *u, const char *state,
                                    struct sek_fault *fault);
/* The table in PATH becomes T; a file that is not there is an empty table. On an error T stays. */
enum sek_error sek_unlearned_read(const char *path, struct sek_learned *t, struct sek_fault *fault);
/* Read the learned file when somebody changed it. True: the table is another one. */
bool sek_unlearned_take_edits(struct sek_unlearned *u);
void sek_unlearned_write(struct sek_unlearned *u);
/* The modes of G's filter: exit, destinations, ports. */
void sek_unlearned_write_mode(const struct sek_guard *g);
void sek_unlearned_read_mode(struct sek_guard *g);
void sek_unlearned_write_names(struct sek_unlearned *u);
void sek_unlearned_read_names(struct sek_unlearned *u);

#endif
