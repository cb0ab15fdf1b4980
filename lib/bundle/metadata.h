/* Signed metadata as The Update Framework has it: {"signed":{...},"signatures":[{keyid,sig}]}. The
 * signature is over the canonical form of "signed": compact JSON with sorted keys and no reals. A
 * root names the keys and thresholds of all roles. */
#ifndef SEK_BUNDLE_METADATA_H
#define SEK_BUNDLE_METADATA_H

#include "lib/base/error.h"
#include "lib/bundle/ed25519.h"

#include <jansson.h>
#include <stdint.h>

#define SEK_METADATA_LIMIT (4u << 20) /* bytes of one role */

/* Parse TEXT and check its shape: type ROLE, version, expires. *OUT (the whole document) is freed
 * with json_decref. Signatures are not checked yet. */
enum sek_error sek_metadata_parse(const char *role, const char *text, size_t len, json_t **out,
                                  struct sek_fault *fault);

/* A threshold of ROLE's keys in ROOT (a parsed root) signed DOC: else SEK_EAUTH. Each key counts
 * once. */
enum sek_error sek_metadata_verify(const json_t *root, const char *role, const json_t *doc,
                                   struct sek_fault *fault);

/* SEK_EEXPIRED when DOC's "expires" is not after NOW_US. */
enum sek_error sek_metadata_fresh(const char *role, const json_t *doc, uint64_t now_us,
                                  struct sek_fault *fault);

uint64_t sek_metadata_version(const json_t *doc);

/* --- the signing side --- */

/* Keys of a role, for signing and for listing in a root. */
struct sek_role_keys {
    const struct sek_signing_key *const *keys;
    unsigned count;
    unsigned threshold;
};

/* Common members of "signed"; add the role's own, then sek_metadata_sign. NULL: out of memory. */
json_t *sek_metadata_signed(const char *role, uint64_t version, uint64_t expires_us);
/* The finished document as text (malloc'd). SIGNED is borrowed. */
enum sek_error sek_metadata_sign(const json_t *signed_part, const struct sek_role_keys *keys,
                                 char **text, struct sek_fault *fault);

enum sek_role { SEK_ROLE_ROOT, SEK_ROLE_TARGETS, SEK_ROLE_SNAPSHOT, SEK_ROLE_TIMESTAMP, SEK_ROLES };
extern const char *const sek_role_names[SEK_ROLES];

/* A root of VERSION that trusts ROLES. SIGNERS sign it (for a rotation: old and new root keys). */
enum sek_error sek_metadata_make_root(uint64_t version, uint64_t expires_us,
                                      const struct sek_role_keys roles[SEK_ROLES],
                                      const struct sek_role_keys *signers, char **text,
                                      struct sek_fault *fault);

#endif
