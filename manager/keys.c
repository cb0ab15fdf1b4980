/* Key files and the chain of roots (keys/root.<version>.json). */
#include "manager/keys.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT_KEYS 2
#define ROOT_LIFE (5 * 365 * 86400ull * 1000000)

struct sek_keys {
    struct sek_signing_key *online[SEK_ROLES]; /* the root's entry stays NULL */
    struct sek_signing_key *log;
    struct sek_bundle_signer signer;
    json_t *roots;
};

static enum sek_error load_or_make(const char *folder, const char *name, bool make,
                                   struct sek_signing_key **out, struct sek_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s.pem", folder, name);
    if (!make || !access(path, F_OK))
        return sek_signing_key_load(path, out, fault);
    enum sek_error rc = sek_signing_key_make(out, fault);
    return rc ? rc : sek_signing_key_save(*out, path, fault);
}

static enum sek_error load_root_keys(const char *folder, bool make,
                                     struct sek_signing_key *keys[ROOT_KEYS],
                                     struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    for (int i = 0; !rc && i < ROOT_KEYS; i++) {
        char name[24];
        snprintf(name, sizeof name, "root-%d", i + 1);
        rc = load_or_make(folder, name, make, &keys[i], fault);
    }
    return rc;
}

static void online_roles(struct sek_signing_key *online[SEK_ROLES],
                         struct sek_role_keys roles[SEK_ROLES])
{
    for (int r = SEK_ROLE_TARGETS; r < SEK_ROLES; r++)
        roles[r] = (struct sek_role_keys){
            (const struct sek_signing_key *const *)&online[r], 1, 1};
}

/* Sign root VERSION over ONLINE and write it; the root keys are read only for this. */
static enum sek_error write_root(const char *folder, const char *root_folder, bool make,
                                 uint64_t version, struct sek_signing_key *online[SEK_ROLES],
                                 struct sek_fault *fault)
{
    struct sek_signing_key *root[ROOT_KEYS] = {0};
    struct sek_role_keys roles[SEK_ROLES];
    char path[PATH_MAX];
    char *text = NULL;
    enum sek_error rc = load_root_keys(root_folder, make, root, fault);
    if (rc)
        goto done;
    online_roles(online, roles);
    roles[SEK_ROLE_ROOT] = (struct sek_role_keys){
        (const struct sek_signing_key *const *)root, ROOT_KEYS, ROOT_KEYS};
    rc = sek_metadata_make_root(version, sek_clock_wall_us() + ROOT_LIFE, roles,
                                &roles[SEK_ROLE_ROOT], &text, fault);
    snprintf(path, sizeof path, "%s/root.%llu.json", folder, (unsigned long long)version);
    if (!rc)
        rc = sek_file_replace(path, text, strlen(text), 0644, fault);
done:
    free(text);
    for (int i = 0; i < ROOT_KEYS; i++)
        sek_signing_key_free(root[i]);
    return rc;
}

static json_t *load_roots(const char *folder)
{
    json_t *roots = json_array();
    for (unsigned version = 1;; version++) {
        char path[PATH_MAX];
        char *text = NULL;
        size_t len = 0;
        snprintf(path, sizeof path, "%s/root.%u.json", folder, version);
        if (sek_file_read(path, SEK_METADATA_LIMIT, &text, &len, NULL))
            return roots;
        json_array_append_new(roots, json_stringn(text, len));
        free(text);
    }
}

enum sek_error sek_keys_open(const char *folder, struct sek_keys **out, struct sek_fault *fault)
{
    struct sek_keys *keys = calloc(1, sizeof *keys);
    enum sek_error rc;
    if (!keys)
        return sek_fail(fault, SEK_ENOMEM, "keys: out of memory");
    rc = sek_make_folder(folder, 0700, fault);
    for (int r = SEK_ROLE_TARGETS; !rc && r < SEK_ROLES; r++)
        rc = load_or_make(folder, sek_role_names[r], true, &keys->online[r], fault);
    if (!rc)
        rc = load_or_make(folder, "log", true, &keys->log, fault);
    if (rc)
        goto done;
    online_roles(keys->online, keys->signer.roles);
    keys->roots = load_roots(folder);
    if (!json_array_size(keys->roots)) {
        rc = write_root(folder, folder, true, 1, keys->online, fault);
        json_decref(keys->roots);
        keys->roots = load_roots(folder);
    }
done:
    if (rc)
        sek_keys_free(keys);
    else
        *out = keys;
    return rc;
}

void sek_keys_free(struct sek_keys *keys)
{
    if (!keys)
        return;
    for (int r = 0; r < SEK_ROLES; r++)
        sek_signing_key_free(keys->online[r]);
    sek_signing_key_free(keys->log);
    json_decref(keys->roots);
    free(keys);
}

const struct sek_bundle_signer *sek_keys_signer(const struct sek_keys *keys)
{
    return &keys->signer;
}

const struct sek_signing_key *sek_keys_log(const struct sek_keys *keys)
{
    return keys->log;
}

const json_t *sek_keys_roots(const struct sek_keys *keys)
{
    return keys->roots;
}

enum sek_error sek_keys_rotate(const char *folder, const char *root_folder, struct sek_fault *fault)
{
    struct sek_signing_key *online[SEK_ROLES] = {0};
    json_t *roots = load_roots(folder);
    enum sek_error rc = SEK_OK;
    if (!json_array_size(roots))
        rc = sek_fail(fault, SEK_ENOTFOUND, "%s: no root.1.json: start the manager once", folder);
    for (int r = SEK_ROLE_TARGETS; !rc && r < SEK_ROLES; r++)
        rc = sek_signing_key_make(&online[r], fault);
    if (!rc)
        rc = write_root(folder, root_folder, false, json_array_size(roots) + 1, online, fault);
    for (int r = SEK_ROLE_TARGETS; !rc && r < SEK_ROLES; r++) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s.pem", folder, sek_role_names[r]);
        rc = sek_signing_key_save(online[r], path, fault);
    }
    for (int r = 0; r < SEK_ROLES; r++)
        sek_signing_key_free(online[r]);
    json_decref(roots);
    return rc;
}
