/* Making and signing targets, snapshot and timestamp. */
#include "lib/bundle/build.h"

#include "lib/base/encode.h"
#include "lib/base/text.h"

#include <stdlib.h>
#include <string.h>

void sek_bundle_digest(const struct sek_bundle_file *files, size_t count, char hex[65])
{
    struct sek_text list = {0};
    for (size_t i = 0; i < count; i++) {
        char sha[SEK_SHA256_HEX];
        sek_sha256_hex(files[i].data, files[i].len, sha);
        sek_text_printf(&list, "%s %s\n", sha, files[i].path);
    }
    sek_sha256_hex(list.data ? list.data : "", list.len, hex);
    sek_text_free(&list);
}

static json_t *describe(const char *data, size_t len, uint64_t version)
{
    char sha[SEK_SHA256_HEX];
    sek_sha256_hex(data, len, sha);
    json_t *entry = json_pack("{s:I, s:{s:s}}", "length", (json_int_t)len, "hashes", "sha256", sha);
    if (entry && version)
        json_object_set_new(entry, "version", json_integer((json_int_t)version));
    return entry;
}

/* Sign one role with its single extra member and put its text into METADATA. */
static enum sek_error sign_role(const struct sek_bundle_signer *signer, enum sek_role role,
                                uint64_t version, uint64_t expires_us, const char *member,
                                json_t *value, json_t *metadata, struct sek_fault *fault)
{
    char *text = NULL;
    json_t *body = sek_metadata_signed(sek_role_names[role], version, expires_us);
    enum sek_error rc = SEK_OK;
    if (json_object_set_new(body, member, value))
        rc = sek_fail(fault, SEK_ENOMEM, "%s metadata: out of memory", sek_role_names[role]);
    if (!rc)
        rc = sek_metadata_sign(body, &signer->roles[role], &text, fault);
    if (!rc && json_object_set_new(metadata, sek_role_names[role], json_string(text)))
        rc = sek_fail(fault, SEK_ENOMEM, "%s metadata: out of memory", sek_role_names[role]);
    free(text);
    json_decref(body);
    return rc;
}

static json_t *meta_of(const json_t *metadata, enum sek_role role, const char *file,
                       uint64_t version)
{
    const json_t *text = json_object_get(metadata, sek_role_names[role]);
    return json_pack("{s:o}", file,
                     describe(json_string_value(text), json_string_length(text), version));
}

enum sek_error sek_bundle_build(const struct sek_bundle_signer *signer,
                                const struct sek_bundle_versions *versions, uint64_t now_us,
                                const struct sek_bundle_file *files, size_t count, json_t **out,
                                struct sek_fault *fault)
{
    json_t *metadata = json_object(), *targets = json_object();
    for (size_t i = 0; i < count; i++)
        json_object_set_new(targets, files[i].path, describe(files[i].data, files[i].len, 0));
    enum sek_error rc = sign_role(signer, SEK_ROLE_TARGETS, versions->content,
                                  now_us + SEK_BUNDLE_TARGETS_LIFE * 1000000, "targets", targets,
                                  metadata, fault);
    if (!rc)
        rc = sign_role(signer, SEK_ROLE_SNAPSHOT, versions->content,
                       now_us + SEK_BUNDLE_SNAPSHOT_LIFE * 1000000, "meta",
                       meta_of(metadata, SEK_ROLE_TARGETS, "targets.json", versions->content),
                       metadata, fault);
    if (!rc)
        rc = sign_role(signer, SEK_ROLE_TIMESTAMP, versions->timestamp,
                       now_us + SEK_BUNDLE_TIMESTAMP_LIFE * 1000000, "meta",
                       meta_of(metadata, SEK_ROLE_SNAPSHOT, "snapshot.json", versions->content),
                       metadata, fault);
    if (rc)
        json_decref(metadata);
    else
        *out = metadata;
    return rc;
}

static bool in_hand(const json_t *have, const char *sha256)
{
    size_t i;
    json_t *item;
    json_array_foreach(have, i, item)
    {
        const char *text = json_string_value(item);
        if (text && !strcmp(text, sha256))
            return true;
    }
    return false;
}

enum sek_error sek_bundle_document(const json_t *metadata, const json_t *roots,
                                   const struct sek_bundle_file *files, size_t count,
                                   const json_t *have, json_t **out, struct sek_fault *fault)
{
    json_t *doc = json_copy((json_t *)metadata), *content = json_object();
    for (size_t i = 0; i < count; i++) {
        char sha[SEK_SHA256_HEX];
        sek_sha256_hex(files[i].data, files[i].len, sha);
        if (in_hand(have, sha))
            continue;
        json_t *text = json_stringn(files[i].data, files[i].len);
        if (!text || json_object_set_new(content, sha, text)) {
            json_decref(content);
            json_decref(doc);
            return sek_fail(fault, SEK_EINVAL, "%s: not valid UTF-8", files[i].path);
        }
    }
    json_object_set_new(doc, "files", content);
    json_object_set(doc, "root", (json_t *)roots);
    *out = doc;
    return SEK_OK;
}
