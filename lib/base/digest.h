/* Message digests by OpenSSL, without its look-up by name at every call: the algorithms are fetched once
 * and the context is the thread's own, so that hashing on the packet path neither allocates nor
 * locks. */
#ifndef SEK_BASE_DIGEST_H
#define SEK_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sek_digest { SEK_MD5, SEK_SHA1, SEK_SHA256, SEK_DIGESTS };
#define SEK_DIGEST_MAX 32

/* Bytes of a digest of KIND. */
size_t sek_digest_size(enum sek_digest kind);
/* False when OpenSSL refuses (MD5 in a FIPS configuration) or memory is out. */
bool sek_digest(enum sek_digest kind, const void *data, size_t len, uint8_t out[SEK_DIGEST_MAX]);

#endif
