/* Signed metadata: shape, canonical form, thresholds, expiry; and the signing side. */
#include "lib/bundle/metadata.h"

#include "lib/base/encode.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const sek_role_names[SEK_ROLES] = {"root", "targets", "snapshot", "timestamp"};

#define MAX_ROLE_KEYS 32

static bool has_real(const json_t *value, unsigned depth)
{
    const char *key;
    json_t *item;
    size_t i;
    if (depth > 16)
        return true;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, item)
        {
            if (has_real(item, depth + 1))
                return true;
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (has_real(item, depth + 1))
                return true;
        }
    }
    return json_is_real(value);
}

static char *canonical(const json_t *value)
{
    return json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS);
}

/* "2027-01-02T03:04:05Z" to microseconds; 0 when it is not of that form. */
static uint64_t parse_time(const char *text)
{
    struct tm tm = {0};
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm) : NULL;
    if (!end || *end)
        return 0;
    time_t t = timegm(&tm);
    return t > 0 ? (uint64_t)t * 1000000 : 0;
}

static void format_time(uint64_t us, char out[32])
{
    time_t t = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

enum sek_error sek_metadata_parse(const char *role, const char *text, size_t len, json_t **out,
                                  struct sek_fault *fault)
{
    json_error_t error;
    if (len > SEK_METADATA_LIMIT)
        return sek_fail(fault, SEK_ELIMIT, "%s metadata: %zu bytes, at most %u expected", role, len,
                        SEK_METADATA_LIMIT);
    json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!doc)
        return sek_fail(fault, SEK_EINVAL, "%s metadata: line %d, byte %d: %s", role, error.line,
                        error.position, error.text);
    const json_t *body = json_object_get(doc, "signed");
    const char *type = json_string_value(json_object_get(body, "_type"));
    const char *problem = NULL;
    if (!json_is_object(body))
        problem = "\"signed\" is missing, an object is expected";
    else if (!json_is_array(json_object_get(doc, "signatures")))
        problem = "\"signatures\" is missing, an array is expected";
    else if (!type || strcmp(type, role))
        problem = "\"signed._type\" is another role";
    else if (json_integer_value(json_object_get(body, "version")) < 1)
        problem = "\"signed.version\" is not a positive integer";
    else if (!parse_time(json_string_value(json_object_get(body, "expires"))))
        problem = "\"signed.expires\" is not a time like 2027-01-02T03:04:05Z";
    else if (has_real(body, 0))
        problem = "\"signed\" holds a real number or is nested too deep";
    if (problem) {
        json_decref(doc);
        return sek_fail(fault, SEK_EINVAL, "%s metadata: %s", role, problem);
    }
    *out = doc;
    return SEK_OK;
}

uint64_t sek_metadata_version(const json_t *doc)
{
    return (uint64_t)json_integer_value(
        json_object_get(json_object_get(doc, "signed"), "version"));
}

static const char *public_key(const json_t *root_signed, const char *keyid)
{
    const json_t *key = json_object_get(json_object_get(root_signed, "keys"), keyid);
    const char *type = json_string_value(json_object_get(key, "keytype"));
    if (!type || strcmp(type, "ed25519"))
        return NULL;
    return json_string_value(json_object_get(json_object_get(key, "keyval"), "public"));
}

static bool listed(const json_t *keyids, const char *keyid)
{
    size_t i;
    json_t *item;
    json_array_foreach(keyids, i, item)
    {
        const char *have = json_string_value(item);
        if (have && !strcmp(have, keyid))
            return true;
    }
    return false;
}

/* Distinct public keys of KEYIDS that signed BYTES. Two key ids with one key count once. */
static unsigned count_signers(const json_t *root_signed, const json_t *keyids,
                              const json_t *signatures, const char *bytes)
{
    const char *seen[MAX_ROLE_KEYS];
    unsigned count = 0;
    size_t i;
    json_t *item;
    json_array_foreach(signatures, i, item)
    {
        const char *keyid = json_string_value(json_object_get(item, "keyid"));
        const char *sig = json_string_value(json_object_get(item, "sig"));
        const char *key = keyid && listed(keyids, keyid) ? public_key(root_signed, keyid) : NULL;
        bool again = false;
        for (unsigned k = 0; key && k < count; k++)
            again = again || !strcmp(seen[k], key);
        if (!key || !sig || again || count == MAX_ROLE_KEYS)
            continue;
        if (sek_signature_valid(key, sig, bytes, strlen(bytes)))
            seen[count++] = key;
    }
    return count;
}

enum sek_error sek_metadata_verify(const json_t *root, const char *role, const json_t *doc,
                                   struct sek_fault *fault)
{
    const json_t *root_signed = json_object_get(root, "signed");
    const json_t *entry = json_object_get(json_object_get(root_signed, "roles"), role);
    json_int_t threshold = json_integer_value(json_object_get(entry, "threshold"));
    if (threshold < 1 || threshold > MAX_ROLE_KEYS)
        return sek_fail(fault, SEK_EINVAL,
                        "root metadata: \"roles.%s.threshold\" is %lld, 1 to %d expected", role,
                        (long long)threshold, MAX_ROLE_KEYS);
    char *bytes = canonical(json_object_get(doc, "signed"));
    if (!bytes)
        return sek_fail(fault, SEK_ENOMEM, "%s metadata: out of memory", role);
    unsigned valid = count_signers(root_signed, json_object_get(entry, "keyids"),
                                   json_object_get(doc, "signatures"), bytes);
    free(bytes);
    if (valid < (unsigned)threshold)
        return sek_fail(fault, SEK_EAUTH,
                        "%s metadata version %llu: %u valid signatures, %lld expected", role,
                        (unsigned long long)sek_metadata_version(doc), valid, (long long)threshold);
    return SEK_OK;
}

enum sek_error sek_metadata_fresh(const char *role, const json_t *doc, uint64_t now_us,
                                  struct sek_fault *fault)
{
    const char *expires =
        json_string_value(json_object_get(json_object_get(doc, "signed"), "expires"));
    if (parse_time(expires) > now_us)
        return SEK_OK;
    char now[32];
    format_time(now_us, now);
    return sek_fail(fault, SEK_EEXPIRED, "%s metadata version %llu: expired %s, now it is %s", role,
                    (unsigned long long)sek_metadata_version(doc), expires, now);
}

json_t *sek_metadata_signed(const char *role, uint64_t version, uint64_t expires_us)
{
    char expires[32];
    format_time(expires_us, expires);
    return json_pack("{s:s, s:s, s:I, s:s}", "_type", role, "spec_version", "1.0.31", "version",
                     (json_int_t)version, "expires", expires);
}

static json_t *key_object(const struct sek_signing_key *key)
{
    char hex[SEK_ED25519_PUBLIC_HEX];
    sek_signing_key_public(key, hex);
    return json_pack("{s:s, s:s, s:{s:s}}", "keytype", "ed25519", "scheme", "ed25519", "keyval",
                     "public", hex);
}

/* TUF's key id: SHA-256 of the canonical form of the key object. */
static bool key_id(const struct sek_signing_key *key, char out[SEK_SHA256_HEX])
{
    json_t *object = key_object(key);
    char *text = object ? canonical(object) : NULL;
    if (text)
        sek_sha256_hex(text, strlen(text), out);
    free(text);
    json_decref(object);
    return text != NULL;
}

enum sek_error sek_metadata_sign(const json_t *signed_part, const struct sek_role_keys *keys,
                                 char **text, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    char *bytes = canonical(signed_part);
    json_t *signatures = json_array();
    json_t *doc = NULL;
    for (unsigned i = 0; bytes && signatures && i < keys->count; i++) {
        char sig[SEK_ED25519_SIGNATURE_HEX], id[SEK_SHA256_HEX];
        rc = sek_sign(keys->keys[i], bytes, strlen(bytes), sig, fault);
        if (rc)
            goto done;
        if (!key_id(keys->keys[i], id) ||
            json_array_append_new(signatures, json_pack("{s:s, s:s}", "keyid", id, "sig", sig))) {
            rc = sek_fail(fault, SEK_ENOMEM, "out of memory while signing metadata");
            goto done;
        }
    }
    doc = json_pack("{s:O, s:O}", "signed", signed_part, "signatures", signatures);
    *text = doc ? canonical(doc) : NULL;
    if (!*text)
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory while signing metadata");
done:
    json_decref(doc);
    json_decref(signatures);
    free(bytes);
    return rc;
}

enum sek_error sek_metadata_make_root(uint64_t version, uint64_t expires_us,
                                      const struct sek_role_keys roles[SEK_ROLES],
                                      const struct sek_role_keys *signers, char **text,
                                      struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    json_t *body = sek_metadata_signed("root", version, expires_us);
    json_t *keys = json_object(), *role_map = json_object();
    for (int r = 0; r < SEK_ROLES; r++) {
        json_t *ids = json_array();
        for (unsigned i = 0; i < roles[r].count; i++) {
            char id[SEK_SHA256_HEX] = "";
            if (key_id(roles[r].keys[i], id))
                json_object_set_new(keys, id, key_object(roles[r].keys[i]));
            json_array_append_new(ids, json_string(id));
        }
        json_object_set_new(role_map, sek_role_names[r],
                            json_pack("{s:o, s:i}", "keyids", ids, "threshold",
                                      (int)roles[r].threshold));
    }
    if (json_object_set_new(body, "consistent_snapshot", json_false()) ||
        json_object_set(body, "keys", keys) || json_object_set(body, "roles", role_map))
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory while making a root");
    else
        rc = sek_metadata_sign(body, signers, text, fault);
    json_decref(keys);
    json_decref(role_map);
    json_decref(body);
    return rc;
}
