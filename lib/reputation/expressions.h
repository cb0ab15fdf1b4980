/* What is asked about a URL without telling it: the expressions of Safe Browsing v4 (host suffixes
 * with path prefixes), each by its SHA-256. Canonical forms are those of the rest of this room, so
 * that a listed value and a seen one have the same hash.
 * https://developers.google.com/safe-browsing/v4/urls-hashing */
#ifndef SEK_REPUTATION_EXPRESSIONS_H
#define SEK_REPUTATION_EXPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_EXPRESSIONS 30 /* 5 hosts with 6 paths each */

struct sek_expressions {
    unsigned count;
    uint8_t hash[SEK_EXPRESSIONS][32];
    uint16_t length[SEK_EXPRESSIONS]; /* of the expression, for tests and messages */
};

/* HOST may carry a port, which is left out; TARGET is "/path?query" or NULL for the host alone. */
void sek_expressions_make(const char *host, size_t host_len, const char *target, size_t target_len,
                          struct sek_expressions *out);
/* The hash of an indicator's value: TYPE is "domain" or "url". False: it has none. */
bool sek_expression_hash(const char *type, const char *value, uint8_t hash[32]);
/* The number that a hash begins with. */
static inline uint32_t sek_expression_prefix(const uint8_t hash[32])
{
    return (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
}

#endif
