/* Listening sockets and the programs behind them, from /proc. */
#ifndef SEK_AGENT_SOCKETS_H
#define SEK_AGENT_SOCKETS_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sek_listener {
    uint8_t address[16]; /* IPv4-mapped for IPv4 */
    uint16_t port;
    bool udp;
    uint64_t inode;
    pid_t pid; /* 0: not found */
    char path[256];
};

/* Parse the TEXT of /proc/net/{tcp,tcp6,udp,udp6} and store up to CAP listeners (TCP in state
 * LISTEN, UDP bound and not connected) into OUT. Lines that are not of that form are skipped.
 * Returns how many were stored. */
size_t sek_listeners_parse(const char *text, bool v6, bool udp, struct sek_listener *out,
                           size_t cap);
/* All of this network namespace, with their processes. *OUT is malloc'd. */
enum sek_error sek_listeners_collect(struct sek_listener **out, size_t *count,
                                     struct sek_fault *fault);
/* The executable's path of process PID; empty when it cannot be read. */
void sek_process_path(pid_t pid, char *out, size_t size);
/* The process that has socket INODE open; 0: none found. */
pid_t sek_socket_owner(uint64_t inode);

#endif
