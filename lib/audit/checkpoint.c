/* Signed checkpoints of a Merkle log. */
#include "lib/audit/checkpoint.h"

#include <stdio.h>
#include <string.h>

static int statement(const struct sek_checkpoint *point, char *out, size_t size)
{
    char root[SEK_SHA256_HEX];
    sek_hex_encode(point->root.bytes, sizeof point->root.bytes, root);
    return snprintf(out, size, "sekisho-checkpoint-v1\n%s\n%llu\n%s\n%llu\n", point->log,
                    (unsigned long long)point->size, root, (unsigned long long)point->time_s);
}

enum sek_error sek_checkpoint_sign(const struct sek_checkpoint *point,
                                   const struct sek_signing_key *key, json_t **out,
                                   struct sek_fault *fault)
{
    char text[256], sig[SEK_ED25519_SIGNATURE_HEX], public_key[SEK_ED25519_PUBLIC_HEX];
    char root[SEK_SHA256_HEX];
    int len = statement(point, text, sizeof text);
    enum sek_error rc = sek_sign(key, text, (size_t)len, sig, fault);
    if (rc)
        return rc;
    sek_signing_key_public(key, public_key);
    sek_hex_encode(point->root.bytes, sizeof point->root.bytes, root);
    *out = json_pack("{s:s, s:I, s:s, s:I, s:s, s:s}", "log", point->log, "size",
                     (json_int_t)point->size, "root", root, "time", (json_int_t)point->time_s,
                     "public_key", public_key, "signature", sig);
    return *out ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "checkpoint: out of memory");
}

enum sek_error sek_checkpoint_verify(const json_t *doc, const char *public_key,
                                     struct sek_checkpoint *out, struct sek_fault *fault)
{
    const char *log = NULL, *root = NULL, *sig = NULL;
    json_int_t size = -1, when = -1;
    char text[256];
    if (json_unpack((json_t *)doc, "{s:s, s:I, s:s, s:I, s:s}", "log", &log, "size", &size, "root",
                    &root, "time", &when, "signature", &sig) ||
        size < 0 || when < 0 || strlen(log) >= sizeof out->log || strlen(root) != 64 ||
        !sek_hex_decode(root, out->root.bytes, sizeof out->root.bytes))
        return sek_fail(fault, SEK_EINVAL,
                        "checkpoint: log, size, root, time and signature expected");
    snprintf(out->log, sizeof out->log, "%s", log);
    out->size = (uint64_t)size;
    out->time_s = (uint64_t)when;
    int len = statement(out, text, sizeof text);
    if (!sek_signature_valid(public_key, sig, text, (size_t)len))
        return sek_fail(fault, SEK_EAUTH, "checkpoint of log %s at size %lld: bad signature", log,
                        (long long)size);
    return SEK_OK;
}
