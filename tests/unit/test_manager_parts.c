/* objects: manager/limit.c manager/store/store.c manager/store/sqlite.c manager/store/schema.c manager/pki.c manager/keys.c */
/* Parts of the manager that stand alone: rate limits, transactions, certificates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/wire/tls.h"
#include "manager/keys.h"
#include "manager/limit.h"
#include "manager/pki.h"
#include "manager/store/store.h"

static void a_rate_limit_stops_one_address_and_no_other(void **state)
{
    static struct sek_limit limit = {.per_minute = 3};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_true(sek_limit_allows(&limit, "a", 1000000));
        sek_limit_take(&limit, "a", 1000000);
    }
    assert_false(sek_limit_allows(&limit, "a", 1000000));
    assert_true(sek_limit_allows(&limit, "b", 1000000));
    assert_true(sek_limit_allows(&limit, "a", 61000000));
}

static void a_failed_inner_transaction_undoes_the_outer_one(void **state)
{
    struct sek_store *store = NULL;
    struct sek_fault fault = {0};
    (void)state;
    assert_int_equal(sek_store_open(":memory:", &store, &fault), SEK_OK);
    assert_int_equal(sek_store_begin(store, &fault), SEK_OK);
    assert_int_equal(sek_store_run(store, &fault, "INSERT INTO tenants VALUES('a','A',1)", ""),
                     SEK_OK);
    assert_int_equal(sek_store_begin(store, &fault), SEK_OK);
    assert_int_equal(sek_store_end(store, SEK_EINVAL, &fault), SEK_EINVAL);
    assert_int_equal(sek_store_end(store, SEK_OK, &fault), SEK_ESTATE);
    assert_int_equal(sek_store_number(store, -1, "SELECT count(*) FROM tenants", ""), 0);
    sek_store_close(store);
}

static void a_device_gets_a_client_certificate_for_its_own_key_only(void **state)
{
    char folder[] = "/tmp/test-pki-XXXXXX", command[64], serial[48];
    const char *const names[] = {"localhost", "127.0.0.1"};
    char *key = NULL, *request = NULL, *certificate = NULL;
    struct sek_pki *pki = NULL;
    struct sek_fault fault = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sek_pki_open(folder, names, 2, &pki, &fault), SEK_OK);
    assert_int_equal(strlen(sek_pki_ca_pin(pki)), 43);
    assert_int_equal(sek_tls_request(&key, &request, &fault), SEK_OK);
    assert_int_equal(sek_pki_issue(pki, request, "d-1", "default", &certificate, serial, &fault),
                     SEK_OK);
    assert_non_null(strstr(certificate, "BEGIN CERTIFICATE"));
    free(certificate);
    assert_int_equal(sek_pki_issue(pki, "no request", "d-1", "t", &certificate, serial, &fault),
                     SEK_EINVAL);
    free(key);
    free(request);
    sek_pki_free(pki);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static void rotated_keys_come_with_a_root_that_the_old_root_trusts(void **state)
{
    char folder[] = "/tmp/test-keys-XXXXXX", command[64];
    struct sek_keys *keys = NULL;
    struct sek_fault fault = {0};
    json_t *old = NULL, *new = NULL;
    (void)state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sek_keys_open(folder, &keys, &fault), SEK_OK);
    sek_keys_free(keys);
    assert_int_equal(sek_keys_rotate(folder, folder, &fault), SEK_OK);
    assert_int_equal(sek_keys_open(folder, &keys, &fault), SEK_OK);
    const json_t *roots = sek_keys_roots(keys);
    assert_int_equal(json_array_size(roots), 2);
    const char *a = json_string_value(json_array_get(roots, 0));
    const char *b = json_string_value(json_array_get(roots, 1));
    assert_int_equal(sek_metadata_parse("root", a, strlen(a), &old, &fault), SEK_OK);
    assert_int_equal(sek_metadata_parse("root", b, strlen(b), &new, &fault), SEK_OK);
    assert_int_equal(sek_metadata_verify(old, "root", new, &fault), SEK_OK);
    assert_int_equal(sek_metadata_version(new), 2);
    json_decref(old);
    json_decref(new);
    sek_keys_free(keys);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
}

static void an_older_database_keeps_its_components(void **state)
{
    char folder[] = "/tmp/sekisho-store.XXXXXX", path[60], command[80];
    struct sek_store *store = NULL;
    struct sek_fault fault = {0};
    sqlite3 *db;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/manager.db", folder);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(
            db,
            "CREATE TABLE devices(id TEXT PRIMARY KEY, tenant TEXT NOT NULL, inventory TEXT);"
            "CREATE TABLE components(device TEXT NOT NULL, ecosystem TEXT NOT NULL,"
            " name TEXT NOT NULL, arch TEXT NOT NULL, version TEXT NOT NULL,"
            " source TEXT NOT NULL, source_version TEXT NOT NULL, cpe TEXT,"
            " PRIMARY KEY(device, ecosystem, name, arch)) WITHOUT ROWID;"
            "CREATE INDEX components_source ON components(source);"
            "INSERT INTO devices VALUES('d','t','x');"
            "INSERT INTO components VALUES('d','npm','p','','1','p','1',NULL)",
            NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    if (sek_store_open(path, &store, &fault))
        fail_msg("%s", fault.message);
    assert_int_equal(
        sek_store_number(store, 0, "SELECT count(*) FROM components WHERE path IS NULL", ""), 1);
    /* A second version of the package has room now, and devices have a posture. */
    assert_int_equal(sek_store_run(store, &fault,
                                   "INSERT INTO components(device, ecosystem, name, arch, version,"
                                   " source, source_version) VALUES('d','npm','p','','2','p','2')",
                                   ""),
                     SEK_OK);
    assert_int_equal(
        sek_store_number(store, 0, "SELECT count(*) FROM devices WHERE posture='[]'", ""), 1);
    sek_store_close(store);
    assert_int_equal(sek_store_open(path, &store, &fault), SEK_OK);
    assert_int_equal(sek_store_number(store, 0, "SELECT count(*) FROM components", ""), 2);
    sek_store_close(store);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_limit_stops_one_address_and_no_other),
        cmocka_unit_test(a_failed_inner_transaction_undoes_the_outer_one),
        cmocka_unit_test(an_older_database_keeps_its_components),
        cmocka_unit_test(a_device_gets_a_client_certificate_for_its_own_key_only),
        cmocka_unit_test(rotated_keys_come_with_a_root_that_the_old_root_trusts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
