/* A signed statement "log L had N records with root R at time T". Whoever keeps one can later prove
 * that history was changed. */
#ifndef SEK_AUDIT_CHECKPOINT_H
#define SEK_AUDIT_CHECKPOINT_H

#include "lib/audit/merkle.h"
#include "lib/bundle/ed25519.h"

#include <jansson.h>

struct sek_checkpoint {
    char log[64]; /* name of the log: the tenant */
    uint64_t size;
    struct sek_hash root;
    uint64_t time_s; /* seconds since 1970 */
};

/* {"log","size","root","time","public_key","signature"}, a new reference. The signature is over the
 * five lines "sekisho-checkpoint-v1", log, size, root (hex), time. */
enum sek_error sek_checkpoint_sign(const struct sek_checkpoint *point,
                                   const struct sek_signing_key *key, json_t **out,
                                   struct sek_fault *fault);
/* Read and verify. PUBLIC_KEY (hex) is the key that the reader trusts. */
enum sek_error sek_checkpoint_verify(const json_t *doc, const char *public_key,
                                     struct sek_checkpoint *out, struct sek_fault *fault);

#endif
