/* Verification of a bundle document and the store of the last good one. The order of checks is
 * TUF's client workflow (root chain, timestamp, snapshot, targets, files). */
#include "lib/bundle/bundle.h"

#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/bundle/metadata.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GOOD_LIMIT (16u << 20)

/* Parsed metadata below the root, with the exact text that hashes and signatures refer to. */
struct metadata_set {
    char *text[SEK_ROLES]; /* the root's stays NULL: it is kept apart */
    json_t *doc[SEK_ROLES];
};

struct sek_bundle_store {
    char *folder;
    json_t *root;
    struct metadata_set good; /* all NULL: none yet */
};

struct sek_bundle_candidate {
    struct sek_bundle_view view;
    struct sek_bundle_file *files;
    struct metadata_set set;
};

static const enum sek_role below_root[] = {SEK_ROLE_TIMESTAMP, SEK_ROLE_SNAPSHOT, SEK_ROLE_TARGETS};

static void set_clear(struct metadata_set *set)
{
    for (int r = 0; r < SEK_ROLES; r++) {
        free(set->text[r]);
        json_decref(set->doc[r]);
    }
    *set = (struct metadata_set){0};
}

const struct sek_bundle_file *sek_bundle_find(const struct sek_bundle_view *view, const char *path)
{
    size_t low = 0, high = view->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = strcmp(path, view->files[mid].path);
        if (!order)
            return &view->files[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static void store_path(const struct sek_bundle_store *store, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", store->folder, name);
}

static enum sek_error set_take(struct metadata_set *set, enum sek_role role, const json_t *doc,
                               struct sek_fault *fault)
{
    const char *name = sek_role_names[role];
    const json_t *text = json_object_get(doc, name);
    if (!json_is_string(text))
        return sek_fail(fault, SEK_EINVAL, "bundle document: \"%s\" is missing, a string expected",
                        name);
    set->text[role] = strdup(json_string_value(text));
    if (!set->text[role])
        return sek_fail(fault, SEK_ENOMEM, "bundle document: out of memory");
    return sek_metadata_parse(name, set->text[role], strlen(set->text[role]), &set->doc[role],
                              fault);
}

/* The {"version","length","hashes":{"sha256"}} entry that UPPER gives for FILE must describe TEXT. */
static enum sek_error check_listed(const json_t *upper, const char *file, const char *text,
                                   struct sek_fault *fault)
{
    const json_t *entry = json_object_get(
        json_object_get(json_object_get(upper, "signed"), "meta"), file);
    const char *want =
        json_string_value(json_object_get(json_object_get(entry, "hashes"), "sha256"));
    char have[SEK_SHA256_HEX];
    sek_sha256_hex(text, strlen(text), have);
    if (!want)
        return sek_fail(fault, SEK_EINVAL, "%s: the role above does not list its sha256", file);
    if (strcmp(want, have) ||
        (size_t)json_integer_value(json_object_get(entry, "length")) != strlen(text))
        return sek_fail(fault, SEK_EAUTH, "%s: sha256 %s, %s expected", file, have, want);
    return SEK_OK;
}

static enum sek_error check_not_older(const struct sek_bundle_store *store,
                                      const struct metadata_set *set, enum sek_role role,
                                      struct sek_fault *fault)
{
    uint64_t trusted = store->good.doc[role] ? sek_metadata_version(store->good.doc[role]) : 0;
    uint64_t offered = sek_metadata_version(set->doc[role]);
    if (offered < trusted)
        return sek_fail(fault, SEK_EROLLBACK,
                        "%s metadata: version %llu is older than the trusted version %llu",
                        sek_role_names[role], (unsigned long long)offered,
                        (unsigned long long)trusted);
    return SEK_OK;
}

/* Signatures and links between roles; expiry and rollback only for what comes from outside. */
static enum sek_error set_verify(const struct sek_bundle_store *store,
                                 const struct metadata_set *set, uint64_t now_us, bool outside,
                                 struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    for (size_t i = 0; !rc && i < 3; i++) {
        enum sek_role role = below_root[i];
        const char *name = sek_role_names[role];
        rc = sek_metadata_verify(store->root, name, set->doc[role], fault);
        if (!rc && role == SEK_ROLE_SNAPSHOT)
            rc = check_listed(set->doc[SEK_ROLE_TIMESTAMP], "snapshot.json", set->text[role],
                              fault);
        if (!rc && role == SEK_ROLE_TARGETS)
            rc = check_listed(set->doc[SEK_ROLE_SNAPSHOT], "targets.json", set->text[role], fault);
        if (!rc && outside)
            rc = check_not_older(store, set, role, fault);
        if (!rc && outside)
            rc = sek_metadata_fresh(name, set->doc[role], now_us, fault);
    }
    return rc;
}

/* Each new root must be signed by the present root's keys and by its own (TUF 5.3). */
static enum sek_error follow_roots(struct sek_bundle_store *store, const json_t *roots,
                                   uint64_t now_us, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    size_t i;
    json_t *item;
    json_array_foreach(roots, i, item)
    {
        json_t *next = NULL;
        const char *text = json_string_value(item);
        char path[PATH_MAX];
        if (!text)
            return sek_fail(fault, SEK_EINVAL, "bundle document: \"root[%zu]\" is not a string", i);
        rc = sek_metadata_parse("root", text, strlen(text), &next, fault);
        if (rc)
            return rc;
        uint64_t have = sek_metadata_version(store->root), offered = sek_metadata_version(next);
        if (offered <= have) {
            json_decref(next);
            return sek_fail(fault, SEK_EROLLBACK,
                            "root metadata: version %llu, %llu expected",
                            (unsigned long long)offered, (unsigned long long)have + 1);
        }
        if (offered != have + 1)
            rc = sek_fail(fault, SEK_EINVAL, "root metadata: version %llu, %llu expected",
                          (unsigned long long)offered, (unsigned long long)have + 1);
        if (!rc)
            rc = sek_metadata_verify(store->root, "root", next, fault);
        if (!rc)
            rc = sek_metadata_verify(next, "root", next, fault);
        store_path(store, "root.json", path);
        if (!rc)
            rc = sek_file_replace(path, text, strlen(text), 0600, fault);
        if (rc) {
            json_decref(next);
            return rc;
        }
        json_decref(store->root);
        store->root = next;
    }
    return sek_metadata_fresh("root", store->root, now_us, fault);
}

static bool path_is_safe(const char *path)
{
    if (!*path || *path == '/' || strlen(path) > 200 || strstr(path, ".."))
        return false;
    for (const char *p = path; *p; p++)
        if ((unsigned char)*p < 0x21 || (unsigned char)*p > 0x7e || *p == '\\')
            return false;
    return true;
}

/* Find the bytes of one target: in DOC's "files", else in the folder. Keeps them in the folder. */
static enum sek_error take_file(const struct sek_bundle_store *store, const json_t *offered,
                                const char *path, const json_t *entry, struct sek_bundle_file *out,
                                struct sek_fault *fault)
{
    const char *want =
        json_string_value(json_object_get(json_object_get(entry, "hashes"), "sha256"));
    json_int_t length = json_integer_value(json_object_get(entry, "length"));
    char name[16 + SEK_SHA256_HEX], file[PATH_MAX], have[SEK_SHA256_HEX];
    uint8_t scratch[SEK_SHA256_SIZE];
    char *data = NULL;
    size_t len = 0;
    if (!path_is_safe(path))
        return sek_fail(fault, SEK_EINVAL, "targets metadata: path \"%.80s\" is not allowed", path);
    if (!want || strlen(want) != 64 || !sek_hex_decode(want, scratch, sizeof scratch) ||
        length < 0 || length > (json_int_t)SEK_BUNDLE_FILE_LIMIT)
        return sek_fail(fault, SEK_EINVAL, "targets metadata: %s: bad sha256 or length", path);
    snprintf(name, sizeof name, "targets/%s", want);
    store_path(store, name, file);
    const json_t *fresh = json_object_get(offered, want);
    if (json_is_string(fresh)) {
        len = json_string_length(fresh);
        data = malloc(len + 1);
        if (!data)
            return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path);
        memcpy(data, json_string_value(fresh), len + 1);
    } else {
        enum sek_error rc = sek_file_read(file, SEK_BUNDLE_FILE_LIMIT, &data, &len, fault);
        if (rc)
            return rc == SEK_ENOTFOUND
                       ? sek_fail(fault, SEK_EINVAL, "%s: not in the document and not on disk", path)
                       : rc;
    }
    sek_sha256_hex(data, len, have);
    if (strcmp(have, want) || (json_int_t)len != length) {
        free(data);
        return sek_fail(fault, SEK_EAUTH, "%s: sha256 %s (%zu bytes), %s (%lld bytes) expected",
                        path, have, len, want, (long long)length);
    }
    enum sek_error rc = SEK_OK;
    if (json_is_string(fresh))
        rc = sek_file_replace(file, data, len, 0600, fault);
    *out = (struct sek_bundle_file){.path = path, .data = data, .len = len, .sha256 = want};
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sek_bundle_file *)a)->path,
                  ((const struct sek_bundle_file *)b)->path);
}

/* Fill C's files from its verified targets role. */
static enum sek_error take_files(const struct sek_bundle_store *store, const json_t *offered,
                                 struct sek_bundle_candidate *c, struct sek_fault *fault)
{
    json_t *targets =
        json_object_get(json_object_get(c->set.doc[SEK_ROLE_TARGETS], "signed"), "targets");
    size_t total = 0;
    const char *path;
    json_t *entry;
    if (!json_is_object(targets))
        return sek_fail(fault, SEK_EINVAL, "targets metadata: \"signed.targets\" is missing");
    c->files = calloc(json_object_size(targets) + 1, sizeof *c->files);
    if (!c->files)
        return sek_fail(fault, SEK_ENOMEM, "bundle: out of memory");
    json_object_foreach(targets, path, entry)
    {
        enum sek_error rc =
            take_file(store, offered, path, entry, &c->files[c->view.count], fault);
        total += c->files[c->view.count].len;
        c->view.count += c->files[c->view.count].data != NULL;
        if (rc)
            return rc;
        if (total > SEK_BUNDLE_TOTAL_LIMIT)
            return sek_fail(fault, SEK_ELIMIT, "bundle: its files are larger than %u bytes",
                            SEK_BUNDLE_TOTAL_LIMIT);
    }
    qsort(c->files, c->view.count, sizeof *c->files, by_path);
    c->view.files = c->files;
    c->view.version = sek_metadata_version(c->set.doc[SEK_ROLE_TARGETS]);
    return SEK_OK;
}

static enum sek_error make_candidate(const struct sek_bundle_store *store, const json_t *doc,
                                     uint64_t now_us, bool outside,
                                     struct sek_bundle_candidate **out, struct sek_fault *fault)
{
    struct sek_bundle_candidate *c = calloc(1, sizeof *c);
    enum sek_error rc = SEK_OK;
    if (!c)
        return sek_fail(fault, SEK_ENOMEM, "bundle: out of memory");
    for (size_t i = 0; !rc && i < 3; i++)
        rc = set_take(&c->set, below_root[i], doc, fault);
    if (!rc)
        rc = set_verify(store, &c->set, now_us, outside, fault);
    if (!rc)
        rc = take_files(store, json_object_get(doc, "files"), c, fault);
    if (rc) {
        sek_bundle_candidate_free(c);
        return rc;
    }
    *out = c;
    return SEK_OK;
}

enum sek_error sek_bundle_store_check(struct sek_bundle_store *store, const json_t *doc,
                                      uint64_t now_us, struct sek_bundle_candidate **out,
                                      struct sek_fault *fault)
{
    if (!json_is_object(doc))
        return sek_fail(fault, SEK_EINVAL, "bundle document: not an object");
    enum sek_error rc = follow_roots(store, json_object_get(doc, "root"), now_us, fault);
    if (rc)
        return rc;
    return make_candidate(store, doc, now_us, true, out, fault);
}

const struct sek_bundle_view *sek_bundle_candidate_view(const struct sek_bundle_candidate *c)
{
    return &c->view;
}

void sek_bundle_candidate_free(struct sek_bundle_candidate *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->view.count; i++)
        free((char *)c->files[i].data);
    free(c->files);
    set_clear(&c->set);
    free(c);
}

/* Files that the good bundle does not name would fill a small flash over the years. */
static void remove_unnamed(const struct sek_bundle_store *store, const struct sek_bundle_view *view)
{
    char folder[PATH_MAX];
    store_path(store, "targets", folder);
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool named = entry->d_name[0] == '.';
        for (size_t i = 0; !named && i < view->count; i++)
            named = !strcmp(entry->d_name, view->files[i].sha256);
        if (!named)
            unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

enum sek_error sek_bundle_store_commit(struct sek_bundle_store *store,
                                       struct sek_bundle_candidate *c, struct sek_fault *fault)
{
    char path[PATH_MAX];
    json_t *doc = json_object();
    char *text = NULL;
    enum sek_error rc = SEK_OK;
    for (size_t i = 0; i < 3; i++)
        json_object_set_new(doc, sek_role_names[below_root[i]],
                            json_string(c->set.text[below_root[i]]));
    text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    if (!text) {
        rc = sek_fail(fault, SEK_ENOMEM, "bundle: out of memory");
        goto done;
    }
    store_path(store, "good.json", path);
    rc = sek_file_replace(path, text, strlen(text), 0600, fault);
    if (rc)
        goto done;
    set_clear(&store->good);
    for (size_t i = 0; i < 3; i++) {
        enum sek_role role = below_root[i];
        store->good.text[role] = strdup(c->set.text[role]);
        store->good.doc[role] = json_incref(c->set.doc[role]);
    }
    remove_unnamed(store, &c->view);
done:
    free(text);
    json_decref(doc);
    return rc;
}

struct sek_bundle_candidate *sek_bundle_store_good(struct sek_bundle_store *store,
                                                   struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    json_error_t error;
    struct sek_bundle_candidate *c = NULL;
    store_path(store, "good.json", path);
    if (sek_file_read(path, GOOD_LIMIT, &text, &len, fault))
        return NULL;
    json_t *doc = json_loadb(text, len, 0, &error);
    free(text);
    if (!doc) {
        sek_fail(fault, SEK_EINVAL, "%s: line %d: %s", path, error.line, error.text);
        return NULL;
    }
    if (!make_candidate(store, doc, 0, false, &c, fault) && !store->good.doc[SEK_ROLE_TARGETS])
        for (size_t i = 0; i < 3; i++) {
            enum sek_role role = below_root[i];
            store->good.text[role] = strdup(c->set.text[role]);
            store->good.doc[role] = json_incref(c->set.doc[role]);
        }
    json_decref(doc);
    return c;
}

uint64_t sek_bundle_store_version(const struct sek_bundle_store *store)
{
    const json_t *targets = store->good.doc[SEK_ROLE_TARGETS];
    return targets ? sek_metadata_version(targets) : 0;
}

uint64_t sek_bundle_store_root_version(const struct sek_bundle_store *store)
{
    return sek_metadata_version(store->root);
}

json_t *sek_bundle_store_have(const struct sek_bundle_store *store)
{
    char folder[PATH_MAX];
    json_t *have = json_array();
    store_path(store, "targets", folder);
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (strlen(entry->d_name) == 64)
            json_array_append_new(have, json_string(entry->d_name));
    if (dir)
        closedir(dir);
    return have;
}

static enum sek_error load_root(struct sek_bundle_store *store, const char *initial_root,
                                struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    store_path(store, "root.json", path);
    enum sek_error rc = sek_file_read(path, SEK_METADATA_LIMIT, &text, &len, fault);
    if (rc == SEK_ENOTFOUND) {
        rc = sek_metadata_parse("root", initial_root, strlen(initial_root), &store->root, fault);
        if (!rc)
            rc = sek_metadata_verify(store->root, "root", store->root, fault);
        return rc;
    }
    if (!rc)
        rc = sek_metadata_parse("root", text, len, &store->root, fault);
    free(text);
    return rc;
}

enum sek_error sek_bundle_store_open(const char *folder, const char *initial_root,
                                     struct sek_bundle_store **out, struct sek_fault *fault)
{
    char path[PATH_MAX];
    struct sek_bundle_store *store = calloc(1, sizeof *store);
    enum sek_error rc;
    if (!store || !(store->folder = strdup(folder))) {
        free(store);
        return sek_fail(fault, SEK_ENOMEM, "bundle store: out of memory");
    }
    store_path(store, "targets", path);
    rc = sek_make_folder(path, 0700, fault);
    if (!rc)
        rc = load_root(store, initial_root, fault);
    if (rc) {
        sek_bundle_store_free(store);
        return rc;
    }
    *out = store;
    return SEK_OK;
}

void sek_bundle_store_free(struct sek_bundle_store *store)
{
    if (!store)
        return;
    set_clear(&store->good);
    json_decref(store->root);
    free(store->folder);
    free(store);
}
