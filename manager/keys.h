/* Signing keys of the manager: two root keys (both needed), one online key each for targets,
 * snapshot and timestamp, and the audit log's key. The root keys are needed only to change the
 * others: move keys/root-*.pem off the machine after the first start. */
#ifndef SEK_MANAGER_KEYS_H
#define SEK_MANAGER_KEYS_H

#include "lib/bundle/build.h"

#include <jansson.h>

struct sek_keys;

/* Load from FOLDER, made at first start. */
enum sek_error sek_keys_open(const char *folder, struct sek_keys **out, struct sek_fault *fault);
void sek_keys_free(struct sek_keys *keys);
const struct sek_bundle_signer *sek_keys_signer(const struct sek_keys *keys);
const struct sek_signing_key *sek_keys_log(const struct sek_keys *keys);
/* All roots, oldest first, as texts: roots[i] has version i+1. */
const json_t *sek_keys_roots(const struct sek_keys *keys);
/* New online keys under a new root, signed by the root keys in ROOT_FOLDER. */
enum sek_error sek_keys_rotate(const char *folder, const char *root_folder,
                               struct sek_fault *fault);

#endif
