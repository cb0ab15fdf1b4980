/* Read leases on trusted files, and the kernel's ignore marks that stand on them (see responder.h).
 * A lease breaks when somebody opens the file for writing: the mark goes first, then the writer. */
#ifndef SEK_AGENT_LEASE_H
#define SEK_AGENT_LEASE_H

#include <stdbool.h>
#include <sys/stat.h>

#define SEK_LEASES 3000 /* open files at most */

enum sek_lease { SEK_LEASE_TAKEN, SEK_LEASE_WRITER, SEK_LEASE_NONE };

struct sek_kernel_guard;

/* Prepare signal delivery; returns a signalfd that reads as ready when a lease breaks, or -1.
 * KERNEL, when not NULL, is told what is held; ON_BREAK, of which files somebody opens for writing.
 */
int sek_leases_open(struct sek_kernel_guard *kernel,
                    void (*on_break)(void *arg, const struct stat *st), void *arg);
/* Try for a read lease on FD. WRITER: somebody has the file open for writing, or maps it so.
 * NONE: this file system has no leases. */
enum sek_lease sek_lease_take(int fd);
void sek_lease_drop(int fd);
/* Keep FD (leased) and mark its file as ignored in group FAN_FD. False: not done, drop it. */
bool sek_lease_keep(int fan_fd, int fd);
/* Serve broken leases from SIGNAL_FD. */
void sek_leases_serve(int fan_fd, int signal_fd);
/* Give up everything that is kept: after the allowlist lost entries. */
void sek_leases_clear(int fan_fd);
/* Give up files that were deleted meanwhile, so that their space is freed. */
void sek_leases_sweep(int fan_fd);

#endif
