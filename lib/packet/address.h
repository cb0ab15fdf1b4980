/* An IPv4 or IPv6 address in network byte order. IPv4 fills the first four bytes, the rest is zero,
 * so that two addresses compare with memcmp when their versions are equal. */
#ifndef SEK_PACKET_ADDRESS_H
#define SEK_PACKET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct sek_addr {
    union {
        uint8_t bytes[16];
        uint32_t words[4]; /* network byte order */
    };
};

static inline bool sek_addr_equal(const struct sek_addr *a, const struct sek_addr *b)
{
    return !memcmp(a->bytes, b->bytes, 16);
}

#define SEK_ADDR_TEXT 46
/* Text form (RFC 5952 for IPv6); OUT holds SEK_ADDR_TEXT bytes. VERSION is 4 or 6. */
void sek_addr_format(const struct sek_addr *addr, int version, char *out);

/* Parse one address; returns 4 or 6, or 0 when TEXT is not an address. */
int sek_addr_parse(const char *text, struct sek_addr *out);

#endif
