/* Least privilege for a program that reads hostile bytes: another user without capabilities, no way
 * to win new ones, only its own folder to write (Landlock), and only the system calls that its duty
 * needs (seccomp). Call them in this order; each is for good. */
#ifndef SEK_BASE_SANDBOX_H
#define SEK_BASE_SANDBOX_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <sys/types.h>

enum sek_sandbox_duty {
    SEK_SANDBOX_SERVER, /* listens; never connects */
    SEK_SANDBOX_DEVICE, /* connects to its manager; packets by sockets that are open already */
    SEK_SANDBOX_WATCHER, /* reads files and is told of their changes; makes no socket */
    SEK_SANDBOX_KEEPER,  /* the same; also moves files away and back, and starts a reader */
    SEK_SANDBOX_READER,  /* reads descriptors that it is given; opens nothing, makes no socket */
};

/* FOLDER, with all in it on its mount, belongs to UID and GID from now on. Links are not followed. */
enum sek_error sek_give_folder(const char *folder, uid_t uid, gid_t gid, struct sek_fault *fault);
/* Become USER, who may not be root. FOLDER, with all in it, is given to USER first; NULL: nothing
 * is given. Needs root. SEK_ENOTFOUND: no such user. */
enum sek_error sek_sandbox_user(const char *user, const char *folder, struct sek_fault *fault);

/* Only FOLDER stays writable, and READABLE (may be NULL) readable beside the system's own files.
 * FOLDER NULL: nothing can be opened any more. A kernel without Landlock is not an error: *ON
 * tells. */
enum sek_error sek_sandbox_files(const char *folder, const char *readable, bool *on,
                                 struct sek_fault *fault);

/* From now on only the calls that DUTY needs, in every thread; all others fail with EPERM. Programs
 * are never started: execve is among the refused. Does not filter in a build with ASan, whose own
 * calls (ptrace, clone) are not the program's. */
enum sek_error sek_sandbox_calls(enum sek_sandbox_duty duty, struct sek_fault *fault);

#endif
