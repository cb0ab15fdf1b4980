/* The layout of a reputation table, shared by the builder and the lookups.
 *
 *   header | records[count] | slots[slot_count] | pool
 *
 * One open-addressing hash table (linear probing, at most half full) finds a record by its type and
 * key. The pool holds keys and the interned source and reason strings. All offsets are checked once
 * when a file is mapped, so that lookups need no checks. */
#ifndef SEK_REPUTATION_INTERNAL_H
#define SEK_REPUTATION_INTERNAL_H

#include "lib/reputation/reputation.h"

#define REPUTATION_MAGIC "SEKREP\0\1"
#define REPUTATION_KEY   1024 /* longest key in bytes: a normalised URL is cut here */

enum { RECORD_SUBTREE = 1, RECORD_PREFIX = 2 };

struct reputation_record {
    uint32_t key; /* offset in the pool */
    uint32_t source, reason;
    uint32_t expiry;
    uint16_t key_len;
    uint8_t type;
    uint8_t confidence;
    uint8_t flags;
    uint8_t unused[3];
};

struct reputation_slot {
    uint32_t hash;
    uint32_t record; /* index + 1; 0: empty */
};

struct reputation_header {
    char magic[8];
    uint64_t seed;
    uint64_t lengths4;    /* bit N: a prefix of length N is present */
    uint64_t lengths6[3]; /* 129 bits */
    uint32_t counts[SEK_INDICATOR_TYPES];
    uint32_t record_count;
    uint32_t slot_count; /* a power of two */
    uint32_t pool_size;
    uint32_t size_check; /* whole size in bytes, modulo 2^32 */
};

struct sek_reputation {
    const struct reputation_header *header;
    const struct reputation_record *records;
    const struct reputation_slot *slots;
    const uint8_t *pool;
    size_t size;
    bool mapped;
};

uint32_t reputation_hash(uint64_t seed, uint8_t type, const uint8_t *key, size_t len);
/* Set the pointers of R from its block of SIZE bytes; false when the block is not sound. */
bool reputation_attach(struct sek_reputation *r, const void *block, size_t size);

/* Canonical forms. Each returns the key's length, or 0 when the text is not of that kind. */
size_t reputation_domain_key(const char *name, size_t len, uint8_t *key);
/* host/path?query without scheme, credentials, default port, fragment, dot segments. */
size_t reputation_url_key(const char *host, size_t host_len, const char *target, size_t target_len,
                          uint8_t *key);

#endif
