/* Which name an address was resolved from: a small ring of the answers that this device got, so
 * that an event about an address can say the name. */
#ifndef SEK_AGENT_NAMES_H
#define SEK_AGENT_NAMES_H

#include <stdint.h>

#define SEK_NAMES 256

struct sek_names {
    struct {
        uint8_t address[16];
        uint64_t until_us; /* monotonic */
        char name[80];
    } entries[SEK_NAMES];
    unsigned next;
    /* Told of each address, when not NULL. */
    void (*added)(void *arg, const uint8_t address[16], const char *name, uint32_t ttl_s);
    void *arg;
};

void sek_names_add(struct sek_names *n, const uint8_t address[16], const char *name, uint32_t ttl_s,
                   uint64_t now_us);
/* NULL: not known. */
const char *sek_names_find(const struct sek_names *n, const uint8_t address[16], uint64_t now_us);

#endif
