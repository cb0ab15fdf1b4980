/* Merkle log: append, roots, proofs and their verification (RFC 9162, section 2). */
#include "lib/audit/merkle.h"

#include <openssl/evp.h>
#include <string.h>

static void hash_parts(uint8_t prefix, const void *a, size_t a_len, const void *b, size_t b_len,
                       struct sek_hash *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL);
    EVP_DigestUpdate(ctx, &prefix, 1);
    EVP_DigestUpdate(ctx, a, a_len);
    if (b_len)
        EVP_DigestUpdate(ctx, b, b_len);
    EVP_DigestFinal_ex(ctx, out->bytes, NULL);
    EVP_MD_CTX_free(ctx);
}

void sek_merkle_leaf(const void *record, size_t len, struct sek_hash *out)
{
    hash_parts(0, record, len, NULL, 0, out);
}

void sek_merkle_node(const struct sek_hash *left, const struct sek_hash *right,
                     struct sek_hash *out)
{
    struct sek_hash result;
    hash_parts(1, left, sizeof *left, right, sizeof *right, &result);
    *out = result;
}

enum sek_error sek_merkle_open(struct sek_merkle *log, uint64_t size,
                               const struct sek_merkle_source *source, struct sek_fault *fault)
{
    *log = (struct sek_merkle){.size = size};
    for (unsigned level = 0; level < SEK_MERKLE_LEVELS; level++) {
        if (!(size >> level & 1))
            continue;
        enum sek_error rc =
            source->node(source->arg, level, (size >> level) - 1, &log->edge[level], fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

enum sek_error sek_merkle_append(struct sek_merkle *log, const struct sek_hash *leaf,
                                 sek_merkle_store_node *store, void *arg, struct sek_fault *fault)
{
    struct sek_hash carry = *leaf;
    unsigned level = 0;
    for (;; level++) {
        enum sek_error rc =
            store ? store(arg, level, log->size >> level, &carry, fault) : SEK_OK;
        if (rc)
            return rc;
        if (!(log->size >> level & 1))
            break;
        sek_merkle_node(&log->edge[level], &carry, &carry);
    }
    log->edge[level] = carry;
    log->size++;
    return SEK_OK;
}

void sek_merkle_root(const struct sek_merkle *log, struct sek_hash *out)
{
    bool have = false;
    if (!log->size) {
        sek_sha256("", 0, out->bytes);
        return;
    }
    for (unsigned level = 0; level < SEK_MERKLE_LEVELS; level++) {
        if (!(log->size >> level & 1))
            continue;
        if (have)
            sek_merkle_node(&log->edge[level], out, out);
        else
            *out = log->edge[level];
        have = true;
    }
}

/* Largest power of two below N (N > 1). */
static uint64_t split(uint64_t n)
{
    return 1ull << (63 - __builtin_clzll(n - 1));
}

/* Root of leaves START .. START+COUNT-1; START is a multiple of the power of two >= COUNT. */
static enum sek_error range_root(const struct sek_merkle_source *source, uint64_t start,
                                 uint64_t count, struct sek_hash *out, struct sek_fault *fault)
{
    struct sek_hash right;
    if (!(count & (count - 1))) {
        unsigned level = (unsigned)__builtin_ctzll(count);
        return source->node(source->arg, level, start >> level, out, fault);
    }
    uint64_t k = split(count);
    enum sek_error rc = range_root(source, start, k, out, fault);
    if (!rc)
        rc = range_root(source, start + k, count - k, &right, fault);
    if (!rc)
        sek_merkle_node(out, &right, out);
    return rc;
}

enum sek_error sek_merkle_root_at(const struct sek_merkle_source *source, uint64_t size,
                                  struct sek_hash *out, struct sek_fault *fault)
{
    if (!size) {
        sek_sha256("", 0, out->bytes);
        return SEK_OK;
    }
    return range_root(source, 0, size, out, fault);
}

static enum sek_error proof_add(const struct sek_merkle_source *source, uint64_t start,
                                uint64_t count, struct sek_merkle_proof *out,
                                struct sek_fault *fault)
{
    if (out->count == SEK_MERKLE_PROOF_MAX)
        return sek_fail(fault, SEK_ELIMIT, "proof longer than %d hashes", SEK_MERKLE_PROOF_MAX);
    return range_root(source, start, count, &out->hash[out->count++], fault);
}

/* Both proofs walk from the root down and list hashes from the leaf up: record, then turn round. */
static void turn_round(struct sek_merkle_proof *proof)
{
    for (size_t i = 0, j = proof->count; i + 1 < j; i++) {
        struct sek_hash keep = proof->hash[i];
        proof->hash[i] = proof->hash[--j];
        proof->hash[j] = keep;
    }
}

enum sek_error sek_merkle_inclusion(const struct sek_merkle_source *source, uint64_t index,
                                    uint64_t size, struct sek_merkle_proof *out,
                                    struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    uint64_t start = 0, count = size;
    out->count = 0;
    if (index >= size)
        return sek_fail(fault, SEK_EINVAL, "leaf %llu is not in a tree of %llu leaves",
                        (unsigned long long)index, (unsigned long long)size);
    while (!rc && count > 1) {
        uint64_t k = split(count);
        if (index < start + k) {
            rc = proof_add(source, start + k, count - k, out, fault);
            count = k;
        } else {
            rc = proof_add(source, start, k, out, fault);
            start += k;
            count -= k;
        }
    }
    turn_round(out);
    return rc;
}

bool sek_merkle_included(const struct sek_hash *leaf, uint64_t index, uint64_t size,
                         const struct sek_merkle_proof *proof, const struct sek_hash *root)
{
    if (index >= size)
        return false;
    uint64_t fn = index, sn = size - 1;
    struct sek_hash r = *leaf;
    for (size_t i = 0; i < proof->count; i++) {
        if (!sn)
            return false;
        if (fn & 1 || fn == sn) {
            sek_merkle_node(&proof->hash[i], &r, &r);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sek_merkle_node(&r, &proof->hash[i], &r);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return !sn && !memcmp(&r, root, sizeof r);
}

enum sek_error sek_merkle_consistency(const struct sek_merkle_source *source, uint64_t old,
                                      uint64_t size, struct sek_merkle_proof *out,
                                      struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    uint64_t start = 0, count = size, m = old;
    bool whole = true; /* the old tree is still a complete subtree that the verifier knows */
    out->count = 0;
    if (!old || old > size)
        return sek_fail(fault, SEK_EINVAL, "no consistency proof from %llu to %llu leaves",
                        (unsigned long long)old, (unsigned long long)size);
    while (!rc && m != count) {
        uint64_t k = split(count);
        if (m <= k) {
            rc = proof_add(source, start + k, count - k, out, fault);
            count = k;
        } else {
            rc = proof_add(source, start, k, out, fault);
            start += k;
            count -= k;
            m -= k;
            whole = false;
        }
    }
    if (!rc && !whole)
        rc = proof_add(source, start, count, out, fault);
    turn_round(out);
    return rc;
}

bool sek_merkle_consistent(uint64_t old, const struct sek_hash *old_root, uint64_t size,
                           const struct sek_hash *root, const struct sek_merkle_proof *proof)
{
    if (!old || old > size)
        return false;
    if (old == size)
        return !proof->count && !memcmp(old_root, root, sizeof *root);
    size_t next = 0;
    struct sek_hash fr, sr;
    uint64_t fn = old - 1, sn = size - 1;
    if (!(old & (old - 1))) {
        fr = *old_root;
    } else {
        if (!proof->count)
            return false;
        fr = proof->hash[next++];
    }
    while (fn & 1) {
        fn >>= 1;
        sn >>= 1;
    }
    sr = fr;
    for (; next < proof->count; next++) {
        const struct sek_hash *c = &proof->hash[next];
        if (!sn)
            return false;
        if (fn & 1 || fn == sn) {
            sek_merkle_node(c, &fr, &fr);
            sek_merkle_node(c, &sr, &sr);
            while (!(fn & 1) && fn) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            sek_merkle_node(&sr, c, &sr);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return !sn && !memcmp(&fr, old_root, sizeof fr) && !memcmp(&sr, root, sizeof sr);
}
