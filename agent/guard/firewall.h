/* Everything the agent puts into the kernel's packet filter, and takes out again: its own table
 * `inet sekisho` (block sets, marks, the probe log) through the nft program, and the queueing of
 * packets. Where nft's `queue` is missing in the kernel, queueing is done by the NFQUEUE target of
 * iptables-nft, in own chains of the mangle table. Each change is one atomic transaction. */
#ifndef SEK_AGENT_FIREWALL_H
#define SEK_AGENT_FIREWALL_H

#include "agent/message.h"

/* Marks that the agent sets on connections; the other bits belong to others. */
#define SEK_MARK_MASK    0x00ff0000u
#define SEK_MARK_SETTLED 0x005e0000u

#define SEK_PROBE_GROUP 4023 /* NFLOG group of refused connection attempts */

enum sek_queue_backend { SEK_BACKEND_NONE, SEK_BACKEND_NFT, SEK_BACKEND_IPTABLES };

struct sek_firewall {
    enum sek_queue_backend backend;
    bool table;            /* `inet sekisho` is there */
    bool chains4, chains6; /* iptables chains are there */
    uint16_t queue[SEK_QUEUES];
    bool closed[SEK_QUEUES]; /* packets are dropped, not passed, while nobody serves the queue */
};

/* Remove what an earlier run left, make the table, find the backend. */
enum sek_error sek_firewall_open(struct sek_firewall *f, struct sek_fault *fault);
/* Remove everything. */
void sek_firewall_close(struct sek_firewall *f);
/* Which packets are queued from now on. Connections that are open stay open. */
enum sek_error sek_firewall_apply(struct sek_firewall *f, const struct sek_filter *filter,
                                  struct sek_fault *fault);
/* Drop all packets from and to ADDRESS for TTL_S seconds; 0: end it. */
enum sek_error sek_firewall_block(struct sek_firewall *f, const uint8_t address[16], uint32_t ttl_s,
                                  struct sek_fault *fault);
const char *sek_queue_backend_name(enum sek_queue_backend backend);

/* Run PROGRAM with ARGV and INPUT on its standard input; its messages go into FAULT. */
enum sek_error sek_program_run(const char *const argv[], const char *input, size_t len,
                               struct sek_fault *fault);

#endif
