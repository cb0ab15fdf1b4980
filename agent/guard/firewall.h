/* Everything the agent puts into the kernel's packet filter, and takes out again: its own table
 * `inet sekisho` (block sets, the probe log, the queueing of packets), through the nft program. Where
 * nft's `queue` is missing in the kernel, the NFQUEUE target takes its place. A packet that concerns
 * nobody passes one chain in each direction at the most, and none where there is nothing to look
 * for; connections are not tracked. Each change is one atomic transaction. */
#ifndef SEK_AGENT_FIREWALL_H
#define SEK_AGENT_FIREWALL_H

#include "agent/message.h"

#define SEK_PROBE_GROUP 4023 /* NFLOG group of refused connection attempts */

enum sek_queue_backend { SEK_BACKEND_NONE, SEK_BACKEND_NFT, SEK_BACKEND_TARGET };

struct sek_firewall {
    enum sek_queue_backend backend;
    bool table;               /* `inet sekisho` is there */
    bool input, output;       /* its chains are there */
    uint64_t blocked_until;   /* us, monotonic: the last block ends; 0: none */
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
/* Drop all packets from and to ADDRESS for TTL_S seconds; 0: end it. FILTER as last applied. */
enum sek_error sek_firewall_block(struct sek_firewall *f, const struct sek_filter *filter,
                                  const uint8_t address[16], uint32_t ttl_s,
                                  struct sek_fault *fault);
/* Once in a while: what nobody needs any more goes. */
void sek_firewall_time(struct sek_firewall *f, const struct sek_filter *filter);
const char *sek_queue_backend_name(enum sek_queue_backend backend);

/* Run PROGRAM with ARGV and INPUT on its standard input; its messages go into FAULT. */
enum sek_error sek_program_run(const char *const argv[], const char *input, size_t len,
                               struct sek_fault *fault);

#endif
