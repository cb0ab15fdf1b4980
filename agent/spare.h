/* Addresses and prefixes that are never blocked. */
#ifndef SEK_AGENT_SPARE_H
#define SEK_AGENT_SPARE_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define SEK_SPARES 16

struct sek_spares {
    unsigned count;
    struct {
        uint8_t address[16]; /* IPv4-mapped for IPv4 */
        unsigned bits;       /* of the 128 */
    } list[SEK_SPARES];
};

/* TEXT is an address or prefix; false: it is none, or there are too many. */
bool sek_spares_add(struct sek_spares *s, const char *text);
/* What the device at STATE never blocks: loopback, EXTRA (NULL-terminated; may be NULL), and the manager
 * it is enrolled at, when that was named by its address. SEK_EINVAL: the one of EXTRA that is none. */
enum sek_error sek_spares_device(struct sek_spares *s, const char *state, const char *const *extra,
                                 struct sek_fault *fault);
/* Does the prefix hold a spared address, or lie in a spared prefix? BITS: of the 128. */
bool sek_spares_cover(const struct sek_spares *s, const uint8_t address[16], unsigned bits);

#endif
