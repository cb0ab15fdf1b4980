/* A compact set of hash prefixes: which 32-bit beginnings of listed hashes there are, in about two
 * bytes each. Made by the manager, carried in the bundle in base64 (target "indicators.prefixes"),
 * asked on the device: only when a prefix is in it does the device ask the manager.
 *
 *   "SKPX" | version 1 | 3 zero bytes | count, 32 bits big-endian | differences
 *
 * Differences of the sorted prefixes as LEB128 numbers; the first is from 0, each other at least 1.
 */
#ifndef SEK_REPUTATION_PREFIXES_H
#define SEK_REPUTATION_PREFIXES_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_PREFIXES_LIMIT 8000000u

struct sek_prefixes;

/* SORTED in ascending order; equal ones count once. *OUT is malloc'd. */
enum sek_error sek_prefixes_build(const uint32_t *sorted, size_t count, uint8_t **out, size_t *len,
                                  struct sek_fault *fault);
/* A copy of DATA is kept. SEK_EINVAL: it is not of this form. */
enum sek_error sek_prefixes_load(const uint8_t *data, size_t len, struct sek_prefixes **out,
                                 struct sek_fault *fault);
void sek_prefixes_free(struct sek_prefixes *p);
/* P may be NULL: an empty set. */
bool sek_prefixes_has(const struct sek_prefixes *p, uint32_t prefix);
uint32_t sek_prefixes_count(const struct sek_prefixes *p);
/* Bytes in memory. */
size_t sek_prefixes_size(const struct sek_prefixes *p);
/* A prefix near RANDOM that is in the set; RANDOM itself when the set is empty. */
uint32_t sek_prefixes_near(const struct sek_prefixes *p, uint32_t random);

#endif
