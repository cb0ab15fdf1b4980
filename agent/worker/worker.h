/* The sandboxed worker: everything that reads hostile bytes (packets, DNS, TLS, HTTP, bundles,
 * JSON) and the link to the manager. It has no privileges: what needs one it asks of the guard. */
#ifndef SEK_AGENT_WORKER_H
#define SEK_AGENT_WORKER_H

#include "agent/message.h"
#include "agent/settings.h"

struct sek_worker_options {
    const struct sek_settings *settings;
    int guard_fd;             /* SOCK_SEQPACKET, see message.h */
    int queue_fd[SEK_QUEUES]; /* NFQUEUE sockets; -1: none */
    int probe_fd;             /* NFLOG socket; -1: none */
    int control_fd;           /* listening Unix socket for status and the like */
};

/* Drop privileges, sandbox, and serve until the guard is gone; returns an exit status. */
int sek_worker_run(const struct sek_worker_options *options);

#endif
