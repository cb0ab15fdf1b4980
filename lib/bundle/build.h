/* Signed bundles, the manager's side: files of one device -> the four roles and the bundle
 * document. */
#ifndef SEK_BUNDLE_BUILD_H
#define SEK_BUNDLE_BUILD_H

#include "lib/bundle/bundle.h"
#include "lib/bundle/metadata.h"

struct sek_bundle_signer {
    struct sek_role_keys roles[SEK_ROLES]; /* the root's entry is not used here */
};

struct sek_bundle_versions {
    uint64_t content;   /* of targets and snapshot */
    uint64_t timestamp; /* of the timestamp */
};

/* Lifetimes from the moment of signing, in seconds. */
#define SEK_BUNDLE_TARGETS_LIFE   (90 * 86400ull)
#define SEK_BUNDLE_SNAPSHOT_LIFE  (14 * 86400ull)
#define SEK_BUNDLE_TIMESTAMP_LIFE (2 * 86400ull)

/* Digest of path and content of FILES: equal digests need no new version. */
void sek_bundle_digest(const struct sek_bundle_file *files, size_t count, char hex[65]);

/* Sign FILES (path, data, len are read). *OUT is {"timestamp","snapshot","targets"} as strings, a
 * new reference. */
enum sek_error sek_bundle_build(const struct sek_bundle_signer *signer,
                                const struct sek_bundle_versions *versions, uint64_t now_us,
                                const struct sek_bundle_file *files, size_t count, json_t **out,
                                struct sek_fault *fault);

/* The document for a device: METADATA as built, ROOTS (array of newer root texts, borrowed) and
 * the content of those FILES whose sha256 is not in HAVE (array, may be NULL). */
enum sek_error sek_bundle_document(const json_t *metadata, const json_t *roots,
                                   const struct sek_bundle_file *files, size_t count,
                                   const json_t *have, json_t **out, struct sek_fault *fault);

#endif
