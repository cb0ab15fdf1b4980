/* Message digests by OpenSSL that neither allocate nor lock, for the packet path. */
#ifndef SEK_BASE_DIGEST_H
#define SEK_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sek_digest { SEK_MD5, SEK_SHA1, SEK_SHA256, SEK_DIGESTS };
#define SEK_DIGEST_MAX 32

/* Bytes of a digest of KIND. */
size_t sek_digest_size(enum sek_digest kind);
/* False for a kind that there is not. */
bool sek_digest(enum sek_digest kind, const void *data, size_t len, uint8_t out[SEK_DIGEST_MAX]);

#endif
