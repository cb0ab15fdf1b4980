/* Addresses whose frames do not pass: devices in quarantine, and attackers that the fleet reported.
 * Each has an end; a look-up costs one hash and, while the list is empty, nothing. */
#ifndef SEK_GATEWAY_BLOCKLIST_H
#define SEK_GATEWAY_BLOCKLIST_H

#include "lib/packet/address.h"

enum block_kind { BLOCK_QUARANTINE, BLOCK_ATTACKER };

struct block {
    struct sek_addr addr;
    uint64_t until_us, since_us, reported_us;
    uint64_t frames; /* refused so far */
    uint64_t reported_frames;
    char reason[160];
    uint8_t ip_version, kind;
    bool used;
};

#define BLOCKLIST_SIZE 16384u

struct blocklist {
    struct block *blocks;
    uint32_t count;
};

bool blocklist_open(struct blocklist *l);
void blocklist_close(struct blocklist *l);
/* Add or prolong. NULL when the list is full. */
struct block *blocklist_add(struct blocklist *l, enum block_kind kind, int ip_version,
                            const struct sek_addr *addr, uint64_t now_us, uint64_t until_us,
                            const char *reason);
void blocklist_remove(struct blocklist *l, int ip_version, const struct sek_addr *addr);
/* The block in force for ADDR, or NULL; one that has ended is removed. */
struct block *blocklist_find(struct blocklist *l, int ip_version, const struct sek_addr *addr,
                             uint64_t now_us);

#endif
