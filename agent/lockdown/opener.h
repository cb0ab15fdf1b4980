/* How the task that waits for a verdict opens the file. */
#ifndef SEK_AGENT_OPENER_H
#define SEK_AGENT_OPENER_H

#include <stdbool.h>
#include <sys/types.h>

/* Does the process PID, which waits in open(2), openat(2) or creat(2), ask for writing alone? Through
 * such a descriptor nothing can be read, mapped or started. False when that cannot be known: several
 * threads, a system call of another kind, a process that is gone. */
bool sek_opener_only_writes(pid_t pid);
/* The same of a line as /proc/PID/syscall has it (proc(5)). */
bool sek_opener_call_only_writes(const char *line);

/* Is PID a thread of the kernel's own, such as the NFS server's? Not so io_uring's workers, which open in
 * the name of a process; before Linux 5.12 they were kernel threads. */
bool sek_opener_is_kernel(pid_t pid);
/* The same of a line as /proc/PID/stat has it. */
bool sek_opener_stat_is_kernel(const char *line);

#endif
