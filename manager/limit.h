/* A rate limit by key (an address): a small table of token buckets; the oldest entry gives way. */
#ifndef SEK_MANAGER_LIMIT_H
#define SEK_MANAGER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SEK_LIMIT_ENTRIES 1024

struct sek_limit {
    double per_minute; /* tokens that come back in a minute; also the bucket's size */
    struct {
        char key[48];
        uint64_t at_us;
        double tokens;
    } entries[SEK_LIMIT_ENTRIES];
};

/* True when KEY still has a token. */
bool sek_limit_allows(struct sek_limit *limit, const char *key, uint64_t now_us);
/* Take one. */
void sek_limit_take(struct sek_limit *limit, const char *key, uint64_t now_us);

#endif
