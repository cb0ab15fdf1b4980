/* lib/audit: roots are RFC 9162's, every proof verifies, and no altered one does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/audit/checkpoint.h"

#define LEAVES 70

struct nodes {
    struct sek_hash at[8][LEAVES];
};

static enum sek_error keep(void *arg, unsigned level, uint64_t index, const struct sek_hash *hash,
                           struct sek_fault *fault)
{
    (void)fault;
    ((struct nodes *)arg)->at[level][index] = *hash;
    return SEK_OK;
}

static enum sek_error give(void *arg, unsigned level, uint64_t index, struct sek_hash *out,
                           struct sek_fault *fault)
{
    (void)fault;
    *out = ((struct nodes *)arg)->at[level][index];
    return SEK_OK;
}

static struct nodes nodes;
static const struct sek_merkle_source source = {give, &nodes};
static struct sek_hash roots[LEAVES + 1], leaves[LEAVES];

static int fill(void **state)
{
    struct sek_merkle log = {0};
    (void)state;
    sek_merkle_root(&log, &roots[0]);
    for (int i = 0; i < LEAVES; i++) {
        char text[32];
        int len = snprintf(text, sizeof text, "record %d", i);
        sek_merkle_leaf(text, (size_t)len, &leaves[i]);
        sek_merkle_append(&log, &leaves[i], keep, &nodes, NULL);
        sek_merkle_root(&log, &roots[i + 1]);
    }
    return 0;
}

static void assert_hash(const struct sek_hash *hash, const char *hex)
{
    char text[SEK_SHA256_HEX];
    sek_hex_encode(hash->bytes, sizeof hash->bytes, text);
    assert_string_equal(text, hex);
}

static void roots_are_those_of_the_certificate_transparency_vectors(void **state)
{
    static const struct {
        const char *data;
        size_t len;
    } input[] = {{"", 0},           {"\0", 1},        {"\x10", 1},
                 {"\x20\x21", 2},   {"\x30\x31", 2},  {"\x40\x41\x42\x43", 4},
                 {"\x50\x51\x52\x53\x54\x55\x56\x57", 8},
                 {"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f", 16}};
    struct sek_merkle log = {0};
    struct sek_hash leaf, root;
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        sek_merkle_leaf(input[i].data, input[i].len, &leaf);
        sek_merkle_append(&log, &leaf, NULL, NULL, NULL);
        sek_merkle_root(&log, &root);
        if (i == 0)
            assert_hash(&root, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    }
    assert_hash(&root, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

static void every_leaf_is_proved_included_and_no_other_leaf_is(void **state)
{
    struct sek_merkle_proof proof;
    (void)state;
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t i = 0; i < size; i++) {
            assert_int_equal(sek_merkle_inclusion(&source, i, size, &proof, NULL), SEK_OK);
            assert_true(sek_merkle_included(&leaves[i], i, size, &proof, &roots[size]));
            assert_false(sek_merkle_included(&leaves[(i + 1) % LEAVES], i, size, &proof,
                                             &roots[size]));
            if (proof.count) {
                proof.hash[0].bytes[0] ^= 1;
                assert_false(sek_merkle_included(&leaves[i], i, size, &proof, &roots[size]));
            }
        }
}

static void every_earlier_tree_is_proved_a_prefix_and_no_other_tree_is(void **state)
{
    struct sek_merkle_proof proof;
    (void)state;
    for (uint64_t size = 1; size <= LEAVES; size++)
        for (uint64_t old = 1; old <= size; old++) {
            assert_int_equal(sek_merkle_consistency(&source, old, size, &proof, NULL), SEK_OK);
            assert_true(
                sek_merkle_consistent(old, &roots[old], size, &roots[size], &proof));
            assert_false(
                sek_merkle_consistent(old, &roots[old - 1], size, &roots[size], &proof));
        }
}

static void a_log_taken_up_from_its_nodes_goes_on_with_the_same_roots(void **state)
{
    (void)state;
    for (uint64_t size = 0; size < LEAVES; size++) {
        struct sek_merkle log;
        struct sek_hash root;
        assert_int_equal(sek_merkle_open(&log, size, &source, NULL), SEK_OK);
        sek_merkle_append(&log, &leaves[size], NULL, NULL, NULL);
        sek_merkle_root(&log, &root);
        assert_memory_equal(&root, &roots[size + 1], sizeof root);
        sek_merkle_root_at(&source, size, &root, NULL);
        assert_memory_equal(&root, &roots[size], sizeof root);
    }
}

static void a_checkpoint_with_any_altered_member_is_refused(void **state)
{
    struct sek_signing_key *key = NULL;
    struct sek_checkpoint point = {.log = "default", .size = 5, .time_s = 1700000000}, read;
    char public_key[SEK_ED25519_PUBLIC_HEX];
    struct sek_fault fault;
    json_t *doc = NULL;
    (void)state;
    point.root = roots[5];
    assert_int_equal(sek_signing_key_make(&key, NULL), SEK_OK);
    sek_signing_key_public(key, public_key);
    assert_int_equal(sek_checkpoint_sign(&point, key, &doc, NULL), SEK_OK);
    assert_int_equal(sek_checkpoint_verify(doc, public_key, &read, &fault), SEK_OK);
    assert_int_equal(read.size, 5);
    json_object_set_new(doc, "size", json_integer(4));
    assert_int_equal(sek_checkpoint_verify(doc, public_key, &read, &fault), SEK_EAUTH);
    json_object_set_new(doc, "size", json_integer(5));
    json_object_set_new(doc, "log", json_string("other"));
    assert_int_equal(sek_checkpoint_verify(doc, public_key, &read, &fault), SEK_EAUTH);
    json_object_del(doc, "root");
    assert_int_equal(sek_checkpoint_verify(doc, public_key, &read, &fault), SEK_EINVAL);
    json_decref(doc);
    sek_signing_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_those_of_the_certificate_transparency_vectors),
        cmocka_unit_test(every_leaf_is_proved_included_and_no_other_leaf_is),
        cmocka_unit_test(every_earlier_tree_is_proved_a_prefix_and_no_other_tree_is),
        cmocka_unit_test(a_log_taken_up_from_its_nodes_goes_on_with_the_same_roots),
        cmocka_unit_test(a_checkpoint_with_any_altered_member_is_refused),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
