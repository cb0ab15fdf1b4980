/* IP defragmentation (RFC 791, RFC 8200 section 4.5). Of overlapping fragments the receiver's policy
 * (host_policy.h) says which bytes stay. A tracker per datagram; the oldest is dropped when there
 * are too many. */
#ifndef SEK_FLOW_DEFRAG_H
#define SEK_FLOW_DEFRAG_H

#include "lib/base/pool.h"
#include "lib/flow/host_policy.h"
#include "lib/packet/packet.h"

#define SEK_DEFRAG_TRACKERS 1024
#define SEK_DEFRAG_TIMEOUT_US 60000000u

struct sek_defrag_tracker;

struct sek_defrag {
    struct sek_pool *pool;
    const struct sek_host_policies *hosts;
    struct sek_defrag_tracker *trackers[SEK_DEFRAG_TRACKERS];
    uint64_t dropped; /* datagrams given up: timeout, limit or memory */
};

/* HOSTS: which system each receiver is; borrowed, may be NULL. */
void sek_defrag_open(struct sek_defrag *d, struct sek_pool *pool,
                     const struct sek_host_policies *hosts);
void sek_defrag_close(struct sek_defrag *d);

/* Take fragment P. When it completes its datagram, *IP and *LEN are the whole packet with a
 * rewritten header, valid until the next call; returns true then. */
bool sek_defrag_packet(struct sek_defrag *d, struct sek_packet *p, const uint8_t **ip,
                       uint32_t *len);

#endif
