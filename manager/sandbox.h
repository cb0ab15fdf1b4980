/* Least privilege: an unprivileged user, no new privileges, and a filter of system calls. */
#ifndef SEK_MANAGER_SANDBOX_H
#define SEK_MANAGER_SANDBOX_H

#include "lib/base/error.h"

/* Give FOLDER (the state, with all in it) to USER and become USER for good. */
enum sek_error sek_sandbox_user(const char *user, const char *folder, struct sek_fault *fault);

/* From now on only the calls that a running manager needs; all others fail with EPERM. Programs
 * are never started: execve is among the refused. */
enum sek_error sek_sandbox_filter(struct sek_fault *fault);

#endif
