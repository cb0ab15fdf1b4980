/* Memory between packets: flowbits and flowints on a flow; thresholds, xbits and hostbits by address.
 * The table by address has a fixed size; the entry that expires first gives way. */
#ifndef SEK_DETECT_MEMORY_H
#define SEK_DETECT_MEMORY_H

#include "lib/base/pool.h"
#include "lib/packet/address.h"
#include "lib/rules/rule.h"

/* Names with values; few per flow, so a list is searched from front to back. */
struct flow_vars {
    uint32_t *names; /* name << 1 | is a number */
    uint32_t *values;
    uint16_t count, cap;
};

bool flow_bit_get(const struct flow_vars *v, uint32_t name);
void flow_bit_set(struct sek_pool *pool, struct flow_vars *v, uint32_t name, bool on);
bool flow_int_get(const struct flow_vars *v, uint32_t name, uint32_t *value);
void flow_int_set(struct sek_pool *pool, struct flow_vars *v, uint32_t name, uint32_t value);
void flow_vars_free(struct sek_pool *pool, struct flow_vars *v);

#define MEMORY_ENTRIES 65536u

struct memory_key {
    struct sek_addr a, b;
    uint64_t what; /* rule or name, and kind */
    uint8_t version;
};

struct memory_entry {
    struct memory_key key;
    uint64_t until_us, since_us;
    uint32_t count;
    uint32_t next; /* backoff: count that is reported next */
    uint64_t unique[4]; /* small set of ports already counted, hashed */
    bool used;
};

struct memory {
    struct memory_entry *entries;
};

bool memory_open(struct memory *m);
void memory_close(struct memory *m);
/* The live entry for KEY, or NULL. */
struct memory_entry *memory_find(struct memory *m, const struct memory_key *key, uint64_t now_us);
/* Find or make; a new one has count 0 and lives until UNTIL. */
struct memory_entry *memory_get(struct memory *m, const struct memory_key *key, uint64_t now_us,
                                uint64_t until_us);

#endif
