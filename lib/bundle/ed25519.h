/* Ed25519 keys and signatures over OpenSSL: signed metadata and checkpoints. Private keys live in
 * PEM files of mode 0600; public keys travel as 64 hex digits. */
#ifndef SEK_BUNDLE_ED25519_H
#define SEK_BUNDLE_ED25519_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_ED25519_PUBLIC_HEX    65  /* with the NUL */
#define SEK_ED25519_SIGNATURE_HEX 129 /* with the NUL */

struct sek_signing_key; /* a private key */

enum sek_error sek_signing_key_make(struct sek_signing_key **out, struct sek_fault *fault);
enum sek_error sek_signing_key_load(const char *path, struct sek_signing_key **out,
                                    struct sek_fault *fault);
enum sek_error sek_signing_key_save(const struct sek_signing_key *key, const char *path,
                                    struct sek_fault *fault);
void sek_signing_key_free(struct sek_signing_key *key);
void sek_signing_key_public(const struct sek_signing_key *key, char out[SEK_ED25519_PUBLIC_HEX]);
enum sek_error sek_sign(const struct sek_signing_key *key, const void *data, size_t len,
                        char out[SEK_ED25519_SIGNATURE_HEX], struct sek_fault *fault);

/* True when SIGNATURE (hex) over DATA is by PUBLIC_KEY (hex). Malformed hex is false. */
bool sek_signature_valid(const char *public_key, const char *signature, const void *data,
                         size_t len);

#endif
