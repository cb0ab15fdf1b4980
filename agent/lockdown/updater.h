/* Trusted updaters: what the package manager installs becomes registered. A process is an updater's
 * when it, or an ancestor, runs one of the listed programs (by device and inode of its executable,
 * so that a look-alike path in another mount namespace does not count).
 *
 * Files that an updater opens while they are empty are remembered by inode. Such a file is
 * registered when it is first opened by anybody else, provided that nobody is writing it then; if
 * anybody else opens it for writing first, it is forgotten. Every open passes the responder, so
 * nothing can come between. */
#ifndef SEK_AGENT_UPDATER_H
#define SEK_AGENT_UPDATER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SEK_UPDATER_PROGRAMS 8
#define SEK_UPDATER_PIDS     64
#define SEK_UPDATER_FILES    32768 /* allocated when the first updater is seen */

struct sek_updater_pid {
    pid_t pid;
    uint64_t started; /* clock ticks since boot: tells a reused pid apart */
    bool updater;
};

struct sek_updater_file {
    uint64_t device, inode;
};

struct sek_updaters {
    const char *programs[SEK_UPDATER_PROGRAMS]; /* borrowed paths */
    unsigned count;
    struct sek_updater_pid pids[SEK_UPDATER_PIDS];
    unsigned next_pid;
    struct sek_updater_file *files;
    uint32_t file_count;
};

/* MORE: one more program, or NULL. */
bool sek_updaters_process(struct sek_updaters *u, pid_t pid, const char *more);
/* Forget which processes were found to be updaters' : a window ended. */
void sek_updaters_forget_processes(struct sek_updaters *u);
/* Remember a file, ask, forget. */
void sek_updaters_wrote(struct sek_updaters *u, uint64_t device, uint64_t inode);
bool sek_updaters_has(const struct sek_updaters *u, uint64_t device, uint64_t inode);
void sek_updaters_forget(struct sek_updaters *u, uint64_t device, uint64_t inode);

#endif
