/* A Merkle log as in RFC 9162, section 2: leaf hash SHA-256(0x00 || record), node hash
 * SHA-256(0x01 || left || right). A node (LEVEL, INDEX) is the root of the complete subtree over
 * leaves INDEX * 2^LEVEL .. (INDEX+1) * 2^LEVEL - 1; only complete subtrees are ever stored, so a
 * stored node never changes. The appender itself keeps one hash per level. */
#ifndef SEK_AUDIT_MERKLE_H
#define SEK_AUDIT_MERKLE_H

#include "lib/base/encode.h"
#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sek_hash {
    uint8_t bytes[SEK_SHA256_SIZE];
};

#define SEK_MERKLE_LEVELS 64

/* The right edge of the tree: `edge[l]` is valid when bit l of `size` is set. */
struct sek_merkle {
    uint64_t size; /* leaves */
    struct sek_hash edge[SEK_MERKLE_LEVELS];
};

/* Where complete nodes are read from. */
struct sek_merkle_source {
    enum sek_error (*node)(void *arg, unsigned level, uint64_t index, struct sek_hash *out,
                           struct sek_fault *fault);
    void *arg;
};

/* Where appended nodes go: the leaf first, then each subtree that it completes. */
typedef enum sek_error sek_merkle_store_node(void *arg, unsigned level, uint64_t index,
                                             const struct sek_hash *hash, struct sek_fault *fault);

void sek_merkle_leaf(const void *record, size_t len, struct sek_hash *out);
void sek_merkle_node(const struct sek_hash *left, const struct sek_hash *right,
                     struct sek_hash *out);

/* Take up a stored log of SIZE leaves. */
enum sek_error sek_merkle_open(struct sek_merkle *log, uint64_t size,
                               const struct sek_merkle_source *source, struct sek_fault *fault);
/* Append LEAF (a leaf hash). STORE may be NULL. On failure LOG is unchanged. */
enum sek_error sek_merkle_append(struct sek_merkle *log, const struct sek_hash *leaf,
                                 sek_merkle_store_node *store, void *arg, struct sek_fault *fault);
/* The root of the present tree; of the empty tree SHA-256(""). */
void sek_merkle_root(const struct sek_merkle *log, struct sek_hash *out);
/* The root that the tree had at SIZE leaves. */
enum sek_error sek_merkle_root_at(const struct sek_merkle_source *source, uint64_t size,
                                  struct sek_hash *out, struct sek_fault *fault);

#define SEK_MERKLE_PROOF_MAX 130

struct sek_merkle_proof {
    struct sek_hash hash[SEK_MERKLE_PROOF_MAX];
    size_t count;
};

/* RFC 9162, 2.1.3: that leaf INDEX is in the tree of SIZE leaves. */
enum sek_error sek_merkle_inclusion(const struct sek_merkle_source *source, uint64_t index,
                                    uint64_t size, struct sek_merkle_proof *out,
                                    struct sek_fault *fault);
bool sek_merkle_included(const struct sek_hash *leaf, uint64_t index, uint64_t size,
                         const struct sek_merkle_proof *proof, const struct sek_hash *root);
/* RFC 9162, 2.1.4: that the tree of OLD leaves is a prefix of the tree of SIZE leaves. */
enum sek_error sek_merkle_consistency(const struct sek_merkle_source *source, uint64_t old,
                                      uint64_t size, struct sek_merkle_proof *out,
                                      struct sek_fault *fault);
bool sek_merkle_consistent(uint64_t old, const struct sek_hash *old_root, uint64_t size,
                           const struct sek_hash *root, const struct sek_merkle_proof *proof);

#endif
