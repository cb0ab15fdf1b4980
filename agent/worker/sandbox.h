/* Takes every privilege from the calling process: another user, no capabilities, no new ones, only
 * its own folder to write (Landlock), and only the system calls that it needs (seccomp). */
#ifndef SEK_AGENT_SANDBOX_H
#define SEK_AGENT_SANDBOX_H

#include "lib/base/error.h"

#include <stdbool.h>

struct sek_sandbox {
    bool landlock; /* out: the kernel has it, and it is on */
};

/* Become USER ("nobody" when it does not exist); only FOLDER stays writable, and READABLE (may be
 * NULL) readable beside the system's own. A kernel without Landlock is not an error; anything else
 * that fails is. */
enum sek_error sek_sandbox_enter(const char *user, const char *folder, const char *readable,
                                 struct sek_sandbox *out, struct sek_fault *fault);

#endif
