/* lib/bundle: a bundle takes effect only when every signature, hash, version and expiry holds, and
 * the last good one survives every refusal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bundle/build.h"

#define NOW 1800000000000000ull /* microseconds */
#define DAY (86400ull * 1000000)

static struct sek_signing_key *keys[6]; /* two of the root, three online, one of a stranger */
static struct sek_bundle_signer signer;
static struct sek_role_keys root_roles[SEK_ROLES];
static char *root_text;

static struct sek_role_keys role(int first, unsigned count, unsigned threshold)
{
    return (struct sek_role_keys){(const struct sek_signing_key *const *)&keys[first], count,
                                  threshold};
}

static int make_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        sek_signing_key_make(&keys[i], NULL);
    root_roles[SEK_ROLE_ROOT] = role(0, 2, 2);
    for (int r = SEK_ROLE_TARGETS; r < SEK_ROLES; r++)
        root_roles[r] = signer.roles[r] = role(1 + r, 1, 1);
    return sek_metadata_make_root(1, NOW + 100 * DAY, root_roles, &root_roles[SEK_ROLE_ROOT],
                                  &root_text, NULL);
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++)
        sek_signing_key_free(keys[i]);
    free(root_text);
    return 0;
}

struct bench {
    char folder[64];
    struct sek_bundle_store *store;
    struct sek_fault fault;
};

static int open_store(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->folder, sizeof b->folder, "/tmp/test-bundle-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    assert_int_equal(sek_bundle_store_open(b->folder, root_text, &b->store, &b->fault), SEK_OK);
    *state = b;
    return 0;
}

static int close_store(void **state)
{
    struct bench *b = *state;
    char command[128];
    sek_bundle_store_free(b->store);
    snprintf(command, sizeof command, "rm -rf %s", b->folder);
    int status = system(command);
    free(b);
    return status;
}

/* A bundle document with POLICY as policy.json, signed by WITH. */
static json_t *document(const struct sek_bundle_signer *with, uint64_t version, uint64_t when,
                        const char *policy)
{
    struct sek_bundle_file files[] = {{"policy.json", policy, strlen(policy), NULL},
                                      {"rules/base.rules", "# none", 6, NULL}};
    struct sek_bundle_versions versions = {version, version};
    json_t *metadata = NULL, *doc = NULL, *roots = json_array();
    assert_int_equal(sek_bundle_build(with, &versions, when, files, 2, &metadata, NULL), SEK_OK);
    assert_int_equal(sek_bundle_document(metadata, roots, files, 2, NULL, &doc, NULL), SEK_OK);
    json_decref(metadata);
    json_decref(roots);
    return doc;
}

/* Check DOC (taken); when it is accepted, commit it. */
static enum sek_error offer(struct bench *b, json_t *doc)
{
    struct sek_bundle_candidate *candidate = NULL;
    enum sek_error rc = sek_bundle_store_check(b->store, doc, NOW, &candidate, &b->fault);
    if (!rc)
        rc = sek_bundle_store_commit(b->store, candidate, &b->fault);
    sek_bundle_candidate_free(candidate);
    json_decref(doc);
    return rc;
}

static void assert_in_force(struct bench *b, uint64_t version, const char *policy)
{
    struct sek_bundle_store *again = NULL;
    assert_int_equal(sek_bundle_store_version(b->store), version);
    assert_int_equal(sek_bundle_store_open(b->folder, root_text, &again, NULL), SEK_OK);
    struct sek_bundle_candidate *good = sek_bundle_store_good(again, &b->fault);
    assert_non_null(good);
    const struct sek_bundle_view *view = sek_bundle_candidate_view(good);
    assert_int_equal(view->version, version);
    assert_string_equal(sek_bundle_find(view, "policy.json")->data, policy);
    assert_null(sek_bundle_find(view, "nothing"));
    sek_bundle_candidate_free(good);
    sek_bundle_store_free(again);
}

static void a_good_bundle_is_in_force_and_found_again_after_a_restart(void **state)
{
    struct bench *b = *state;
    assert_int_equal(offer(b, document(&signer, 1, NOW, "one")), SEK_OK);
    assert_in_force(b, 1, "one");
    assert_int_equal(offer(b, document(&signer, 2, NOW, "two")), SEK_OK);
    assert_in_force(b, 2, "two");
}

static void a_bundle_by_a_strangers_key_is_refused_and_the_last_good_stays(void **state)
{
    struct bench *b = *state;
    struct sek_bundle_signer stranger = signer;
    assert_int_equal(offer(b, document(&signer, 1, NOW, "one")), SEK_OK);
    stranger.roles[SEK_ROLE_TARGETS] = role(5, 1, 1);
    assert_int_equal(offer(b, document(&stranger, 2, NOW, "evil")), SEK_EAUTH);
    assert_non_null(strstr(b->fault.message, "targets metadata version 2: 0 valid signatures"));
    assert_in_force(b, 1, "one");
}

static void an_altered_byte_in_signed_metadata_is_refused(void **state)
{
    struct bench *b = *state;
    json_t *doc = document(&signer, 1, NOW, "one");
    char *text = strdup(json_string_value(json_object_get(doc, "timestamp")));
    char *version = strstr(text, "\"version\":1");
    assert_non_null(version);
    version[10] = '9';
    json_object_set_new(doc, "timestamp", json_string(text));
    free(text);
    assert_int_equal(offer(b, doc), SEK_EAUTH);
    assert_int_equal(sek_bundle_store_version(b->store), 0);
}

static void an_expired_bundle_is_refused_with_the_time_it_expired(void **state)
{
    struct bench *b = *state;
    assert_int_equal(offer(b, document(&signer, 1, NOW, "one")), SEK_OK);
    assert_int_equal(offer(b, document(&signer, 2, NOW - 30 * DAY, "late")), SEK_EEXPIRED);
    assert_non_null(strstr(b->fault.message, "timestamp metadata version 2: expired 20"));
    assert_in_force(b, 1, "one");
}

static void an_older_bundle_is_refused(void **state)
{
    struct bench *b = *state;
    assert_int_equal(offer(b, document(&signer, 3, NOW, "three")), SEK_OK);
    assert_int_equal(offer(b, document(&signer, 2, NOW, "two")), SEK_EROLLBACK);
    assert_non_null(strstr(b->fault.message, "version 2 is older than the trusted version 3"));
    assert_in_force(b, 3, "three");
}

static void a_file_that_is_not_what_was_signed_is_refused(void **state)
{
    struct bench *b = *state;
    json_t *doc = document(&signer, 1, NOW, "one"), *content;
    const char *sha;
    json_object_foreach(json_object_get(doc, "files"), sha, content)
    {
        json_object_set_new(json_object_get(doc, "files"), sha, json_string("changed"));
    }
    assert_int_equal(offer(b, doc), SEK_EAUTH);
}

static void a_document_without_a_role_or_a_file_names_what_is_missing(void **state)
{
    struct bench *b = *state;
    json_t *doc = document(&signer, 1, NOW, "one");
    json_object_del(doc, "snapshot");
    assert_int_equal(offer(b, doc), SEK_EINVAL);
    assert_non_null(strstr(b->fault.message, "\"snapshot\" is missing"));
    doc = document(&signer, 1, NOW, "one");
    json_object_clear(json_object_get(doc, "files"));
    assert_int_equal(offer(b, doc), SEK_EINVAL);
    assert_non_null(strstr(b->fault.message, "policy.json"));
}

static void a_target_path_cannot_leave_its_folder(void **state)
{
    struct bench *b = *state;
    struct sek_bundle_file file = {"../../etc/passwd", "x", 1, NULL};
    struct sek_bundle_versions versions = {1, 1};
    json_t *metadata = NULL, *doc = NULL, *roots = json_array();
    sek_bundle_build(&signer, &versions, NOW, &file, 1, &metadata, NULL);
    sek_bundle_document(metadata, roots, &file, 1, NULL, &doc, NULL);
    assert_int_equal(offer(b, doc), SEK_EINVAL);
    json_decref(metadata);
    json_decref(roots);
}

/* Root version 2 with a new timestamp key, signed by COUNT root keys starting at FIRST. */
static json_t *with_new_root(int first, unsigned count, uint64_t version,
                             struct sek_bundle_signer *after)
{
    struct sek_role_keys roles[SEK_ROLES], by = role(first, count, count);
    char *text = NULL;
    memcpy(roles, root_roles, sizeof roles);
    *after = signer;
    roles[SEK_ROLE_TIMESTAMP] = after->roles[SEK_ROLE_TIMESTAMP] = role(5, 1, 1);
    assert_int_equal(
        sek_metadata_make_root(version, NOW + 100 * DAY, roles, &by, &text, NULL), SEK_OK);
    json_t *list = json_pack("[s]", text);
    free(text);
    return list;
}

static void a_new_root_takes_effect_when_both_root_keys_signed_it(void **state)
{
    struct bench *b = *state;
    struct sek_bundle_signer after;
    json_t *roots = with_new_root(0, 2, 2, &after);
    assert_int_equal(offer(b, document(&signer, 1, NOW, "one")), SEK_OK);
    json_t *doc = document(&after, 2, NOW, "two");
    json_object_set_new(doc, "root", roots);
    assert_int_equal(offer(b, doc), SEK_OK);
    assert_int_equal(sek_bundle_store_root_version(b->store), 2);
    assert_int_equal(offer(b, document(&signer, 3, NOW, "by the old key")), SEK_EAUTH);
    assert_in_force(b, 2, "two");
}

static void a_new_root_below_its_threshold_is_refused(void **state)
{
    struct bench *b = *state;
    struct sek_bundle_signer after;
    json_t *roots = with_new_root(0, 1, 2, &after);
    json_t *doc = document(&after, 1, NOW, "one");
    json_object_set_new(doc, "root", roots);
    assert_int_equal(offer(b, doc), SEK_EAUTH);
    assert_non_null(strstr(b->fault.message, "1 valid signatures, 2 expected"));
    assert_int_equal(sek_bundle_store_root_version(b->store), 1);
}

static void a_root_that_skips_a_version_is_refused(void **state)
{
    struct bench *b = *state;
    struct sek_bundle_signer after;
    json_t *roots = with_new_root(0, 2, 3, &after);
    json_t *doc = document(&after, 1, NOW, "one");
    json_object_set_new(doc, "root", roots);
    assert_int_equal(offer(b, doc), SEK_EINVAL);
    assert_non_null(strstr(b->fault.message, "version 3, 2 expected"));
}

#define WITH_STORE(f) cmocka_unit_test_setup_teardown(f, open_store, close_store)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(a_good_bundle_is_in_force_and_found_again_after_a_restart),
        WITH_STORE(a_bundle_by_a_strangers_key_is_refused_and_the_last_good_stays),
        WITH_STORE(an_altered_byte_in_signed_metadata_is_refused),
        WITH_STORE(an_expired_bundle_is_refused_with_the_time_it_expired),
        WITH_STORE(an_older_bundle_is_refused),
        WITH_STORE(a_file_that_is_not_what_was_signed_is_refused),
        WITH_STORE(a_document_without_a_role_or_a_file_names_what_is_missing),
        WITH_STORE(a_target_path_cannot_leave_its_folder),
        WITH_STORE(a_new_root_takes_effect_when_both_root_keys_signed_it),
        WITH_STORE(a_new_root_below_its_threshold_is_refused),
        WITH_STORE(a_root_that_skips_a_version_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
