/* Who a process is: path, command line and hash of its executable, asked at event time. Hashes are
 * remembered by device, inode, change time and size. */
#ifndef SEK_AGENT_PROCESS_H
#define SEK_AGENT_PROCESS_H

#include "agent/event.h"

/* Fill OUT for process PID. What cannot be read any more stays empty; PATH and then the open
 * executable are taken first, because a refused process may end at once. */
void sek_process_look(int32_t pid, struct sek_process *out);

/* SHA-256 of the file behind FD, from the cache where it is known; unchanged when unreadable. */
void sek_process_digest(int fd, uint8_t digest[32]);

#endif
