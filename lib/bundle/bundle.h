/* Signed bundles, the device's side: verify what the manager sends, never go back, keep the last
 * good set on disk.
 *
 * A folder holds root.json (the newest trusted root), good.json (timestamp, snapshot and targets of
 * the last good bundle, replaced atomically) and targets/<sha256> (files by content). A bundle is
 * checked into a candidate, the caller applies it, and only a committed candidate becomes the last
 * good one. Reload at start does not check expiry: a device that is cut off stays protected. */
#ifndef SEK_BUNDLE_BUNDLE_H
#define SEK_BUNDLE_BUNDLE_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One file of a verified bundle: its path ("policy.json", "rules/base.rules",
 * "devices/<id>/patches.rules", ...) and its bytes, NUL-terminated one byte past LEN. */
struct sek_bundle_file {
    const char *path;
    const char *data;
    size_t len;
    const char *sha256; /* lower-case hex: unchanged files need not be compiled again */
};

struct sek_bundle_view {
    uint64_t version;
    const struct sek_bundle_file *files; /* sorted by path */
    size_t count;
};

/* The file at PATH, or NULL. */
const struct sek_bundle_file *sek_bundle_find(const struct sek_bundle_view *view, const char *path);

#define SEK_BUNDLE_FILE_LIMIT  (24u << 20) /* bytes of one target */
#define SEK_BUNDLE_TOTAL_LIMIT (48u << 20) /* bytes of all targets */

struct sek_bundle_store;
struct sek_bundle_candidate;

/* Open FOLDER (made when absent). INITIAL_ROOT is the root that enrolment gave; a newer root.json
 * in FOLDER wins. A damaged good.json is SEK_EINVAL in FAULT but the store opens without a last
 * good bundle: check sek_bundle_store_good. */
enum sek_error sek_bundle_store_open(const char *folder, const char *initial_root,
                                     struct sek_bundle_store **out, struct sek_fault *fault);
void sek_bundle_store_free(struct sek_bundle_store *store);

/* The last good bundle, or NULL. The caller frees it with sek_bundle_candidate_free. */
struct sek_bundle_candidate *sek_bundle_store_good(struct sek_bundle_store *store,
                                                   struct sek_fault *fault);
uint64_t sek_bundle_store_version(const struct sek_bundle_store *store);
uint64_t sek_bundle_store_root_version(const struct sek_bundle_store *store);
/* SHA-256 names of the files in hand, as a JSON array (new reference). */
json_t *sek_bundle_store_have(const struct sek_bundle_store *store);

/* Check DOC (docs/protocol.md, "Bundle document") against the trusted state.
 * SEK_EAUTH bad signature, hash or length; SEK_EEXPIRED; SEK_EROLLBACK older than what is trusted;
 * SEK_EINVAL malformed. The trusted state changes only by verified newer roots. */
enum sek_error sek_bundle_store_check(struct sek_bundle_store *store, const json_t *doc,
                                      uint64_t now_us, struct sek_bundle_candidate **out,
                                      struct sek_fault *fault);
const struct sek_bundle_view *sek_bundle_candidate_view(const struct sek_bundle_candidate *c);
/* Make CANDIDATE the last good bundle, durably; files that it does not name are removed. */
enum sek_error sek_bundle_store_commit(struct sek_bundle_store *store,
                                       struct sek_bundle_candidate *candidate,
                                       struct sek_fault *fault);
void sek_bundle_candidate_free(struct sek_bundle_candidate *candidate);

#endif
