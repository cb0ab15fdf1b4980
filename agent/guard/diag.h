/* Local sockets by their addresses, through sock_diag(7): who owns one, and ending one. */
#ifndef SEK_AGENT_DIAG_H
#define SEK_AGENT_DIAG_H

#include "agent/message.h"

struct sek_diag_socket {
    uint64_t cookie;
    uint64_t inode;
    uint32_t uid;
};

/* The socket whose own end is E->source. False: no such socket in this network namespace. */
bool sek_diag_find(const struct sek_endpoints *e, struct sek_diag_socket *out);
/* Call EACH for every connected TCP and UDP socket of this network namespace. */
void sek_diag_each(void (*each)(void *arg, const struct sek_endpoints *e,
                                const struct sek_diag_socket *socket),
                   void *arg);
/* Close it as if the peer had reset it (ECONNABORTED). False: not there, or the kernel cannot. */
bool sek_diag_destroy(const struct sek_endpoints *e);

#endif
