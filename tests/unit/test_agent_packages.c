/* objects: agent/inventory/apk.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/dpkg.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/inventory.c agent/inventory/jar.c agent/inventory/language.c agent/inventory/list.c agent/inventory/os.c agent/inventory/owner.c agent/inventory/packages.c agent/inventory/purl.c agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/rpm_sqlite.c agent/inventory/scan.c agent/inventory/scan_cache.c agent/inventory/sockets.c agent/inventory/versions.c agent/inventory/versions_table.c agent/inventory/view.c agent/inventory/walk.c  agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Package databases beside dpkg's: apk, opkg, RPM in its forms, good and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "agent/inventory/apk.h"
#include "agent/inventory/os.h"
#include "agent/inventory/packages.h"
#include "agent/inventory/rpm.h"
#include "tests/unit/agent_files.h"

/* --- RPM headers --- */

struct rpm_builder {
    struct sek_text index, store;
    unsigned count;
};

static void rpm_tag(struct rpm_builder *b, uint32_t tag, uint32_t type, uint32_t count,
                    const void *data, size_t len)
{
    add_be(&b->index, tag, 4);
    add_be(&b->index, type, 4);
    add_be(&b->index, b->store.len, 4);
    add_be(&b->index, count, 4);
    sek_text_add(&b->store, data, len);
    b->count++;
}

#define RPM_TEXT(b, tag, text) rpm_tag(b, tag, 6, 1, text, sizeof text)

static struct sek_text rpm_blob(const char *name)
{
    struct rpm_builder b = {0};
    struct sek_text blob = {0};
    rpm_tag(&b, 1000, 6, 1, name, strlen(name) + 1);
    RPM_TEXT(&b, 1001, "5.1.8");
    RPM_TEXT(&b, 1002, "9.el9");
    rpm_tag(&b, 1003, 4, 1, "\0\0\0\1", 4);
    RPM_TEXT(&b, 1022, "x86_64");
    RPM_TEXT(&b, 1044, "bash-5.1.8-9.el9.src.rpm");
    rpm_tag(&b, 1116, 4, 2, "\0\0\0\0\0\0\0\1", 8);
    rpm_tag(&b, 1117, 8, 2, "bash\0README", 12);
    rpm_tag(&b, 1118, 8, 2, "/usr/bin/\0/usr/share/doc/", 26);
    add_be(&blob, b.count, 4);
    add_be(&blob, b.store.len, 4);
    sek_text_add(&blob, b.index.data, b.index.len);
    sek_text_add(&blob, b.store.data, b.store.len);
    sek_text_free(&b.index);
    sek_text_free(&b.store);
    return blob;
}

static bool note_rpm(void *arg, const struct sek_rpm *rpm)
{
    snprintf(arg, 300, "%s %u:%s-%s %s %s", rpm->name, rpm->epoch, rpm->version, rpm->release,
             rpm->arch, rpm->source);
    return true;
}

static void note_file(void *arg, const char *path, size_t len)
{
    snprintf((char *)arg + strlen(arg), 300 - strlen(arg), " %.*s", (int)len, path);
}

static void an_rpm_header_gives_name_version_epoch_source_and_files(void **state)
{
    char seen[300] = "";
    struct sek_fault fault;
    struct sek_text blob = rpm_blob("bash");
    (void)state;
    assert_int_equal(
        sek_rpm_header((uint8_t *)blob.data, blob.len, note_rpm, note_file, seen, &fault), SEK_OK);
    assert_string_equal(seen, "bash 1:5.1.8-9.el9 x86_64 bash-5.1.8-9.el9.src.rpm /usr/bin/bash "
                              "/usr/share/doc/README");
    sek_text_free(&blob);
}

static void any_cut_of_an_rpm_header_is_refused_and_read_safely(void **state)
{
    struct sek_text blob = rpm_blob("bash");
    (void)state;
    for (size_t n = 0; n < blob.len; n++) {
        char seen[300] = "";
        uint8_t *exact = malloc(n + 1);
        memcpy(exact, blob.data, n);
        assert_int_equal(sek_rpm_header(exact, n, note_rpm, note_file, seen, NULL), SEK_EINVAL);
        free(exact);
    }
    sek_text_free(&blob);
}

/* --- databases below a root --- */

static const struct sek_item *find(const struct sek_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, name))
            return &list->items[i];
    return NULL;
}

static unsigned read_all(struct sek_list *list, struct sek_owners *owners, const char *ecosystem)
{
    unsigned count;
    struct sek_fault fault;
    if (sek_packages_read(files_root, ecosystem, list, owners, &count, &fault))
        fail_msg("%s", fault.message);
    return count;
}

static void check_bash(const char *note)
{
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    assert_int_equal(read_all(&list, &owners, "Rocky Linux:9"), 1);
    const struct sek_item *bash = find(&list, "bash");
    if (!bash)
        fail_msg("%s: no bash; %s", note, list.note_count ? list.notes[0] : "");
    assert_string_equal(bash->version, "1:5.1.8-9.el9");
    assert_string_equal(bash->source, "bash");
    assert_string_equal(bash->source_version, "1:5.1.8-9.el9");
    assert_string_equal(bash->ecosystem, "Rocky Linux:9");
    assert_null(find(&list, "gpg-pubkey"));
    assert_true(sek_owners_have(&owners, "/bin/bash"));
    assert_false(sek_owners_have(&owners, "/usr/bin/other"));
    sek_list_free(&list);
    sek_owners_free(&owners);
}

static void an_rpm_database_in_sqlite_form_is_read(void **state)
{
    char path[200];
    sqlite3 *db;
    sqlite3_stmt *put;
    const char *const names[] = {"bash", "gpg-pubkey"};
    (void)state;
    put_text("/var/lib/rpm/x", "");
    snprintf(path, sizeof path, "%s/var/lib/rpm/rpmdb.sqlite", files_root);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE Packages(hnum INTEGER PRIMARY KEY, blob BLOB)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_prepare_v2(db, "INSERT INTO Packages(blob) VALUES(?)", -1, &put, NULL);
    for (size_t i = 0; i < 2; i++) {
        struct sek_text blob = rpm_blob(names[i]);
        sqlite3_bind_blob(put, 1, blob.data, (int)blob.len, SQLITE_TRANSIENT);
        assert_int_equal(sqlite3_step(put), SQLITE_DONE);
        sqlite3_reset(put);
        sek_text_free(&blob);
    }
    sqlite3_finalize(put);
    sqlite3_close(db);
    check_bash("sqlite");
}

static struct sek_text ndb_file(void)
{
    struct sek_text file = {0}, blob = rpm_blob("bash");
    sek_text_puts(&file, "RpmP");
    add_le(&file, 0, 4);
    add_le(&file, 1, 4);
    add_le(&file, 1, 4);
    add_le(&file, 0, 8);
    add_le(&file, 0, 8);
    for (unsigned i = 0; i < (4096 - 32) / 16; i++) {
        sek_text_puts(&file, "Slot");
        add_le(&file, i == 3 ? 7 : 0, 4);
        add_le(&file, i == 3 ? 4096 / 16 : 0, 4);
        add_le(&file, 0, 4);
    }
    sek_text_puts(&file, "BlbS");
    add_le(&file, 7, 4);
    add_le(&file, 1, 4);
    add_le(&file, blob.len, 4);
    sek_text_add(&file, blob.data, blob.len);
    sek_text_free(&blob);
    return file;
}

static void an_rpm_database_in_ndb_form_is_read(void **state)
{
    struct sek_text file = ndb_file();
    (void)state;
    put_file("/usr/lib/sysimage/rpm/Packages.db", file.data, file.len, 0644);
    check_bash("ndb");
    sek_text_free(&file);
}

/* A Berkeley DB hash with pages of 512 bytes: a key and its value in page 2 (the counter of
 * packages, then a package whose header goes on in the chain of pages 3, 1, 4). */
static void put_number(char *at, uint32_t value, unsigned bytes, bool big)
{
    for (unsigned i = 0; i < bytes; i++)
        at[big ? bytes - 1 - i : i] = (char)(value >> 8 * i);
}

static struct sek_text bdb_file(bool big)
{
    static const uint32_t chain[] = {3, 1, 4};
    char bytes[5 * 512] = "", *page = bytes + 2 * 512;
    struct sek_text file = {0}, blob = rpm_blob("bash");
    put_number(bytes + 12, 0x061561, 4, big);
    put_number(bytes + 16, 9, 4, big);
    put_number(bytes + 20, 512, 4, big);
    bytes[25] = 8;
    put_number(bytes + 32, 4, 4, big);
    static const uint16_t items[] = {507, 498, 493, 481};
    page[25] = 13;
    put_number(page + 20, 4, 2, big);
    for (unsigned i = 0; i < 4; i++) {
        put_number(page + 26 + 2 * i, items[i], 2, big);
        page[items[i]] = i < 3 ? 1 : 3;
    }
    put_number(page + 498 + 1, 1, 4, big);
    put_number(page + 493 + 1, 1, 4, big);
    put_number(page + 481 + 4, chain[0], 4, big);
    put_number(page + 481 + 8, (uint32_t)blob.len, 4, big);
    for (unsigned i = 0; i < 3; i++) {
        size_t from = i * 100, part = i == 2 ? blob.len - from : 100;
        char *over = bytes + chain[i] * 512;
        assert_true(blob.len > from && part <= 512 - 26);
        put_number(over + 16, i < 2 ? chain[i + 1] : 0, 4, big);
        put_number(over + 22, (uint32_t)part, 2, big);
        over[25] = 7;
        memcpy(over + 26, blob.data + from, part);
    }
    sek_text_add(&file, bytes, sizeof bytes);
    sek_text_free(&blob);
    return file;
}

static void an_rpm_database_in_berkeley_db_form_is_read_in_either_byte_order(void **state)
{
    (void)state;
    for (int big = 0; big < 2; big++) {
        struct sek_text file = bdb_file(big);
        put_file("/var/lib/rpm/Packages", file.data, file.len, 0644);
        check_bash("Berkeley DB");
        sek_text_free(&file);
    }
}

static void count_blob(void *arg, const uint8_t *data, size_t len)
{
    (void)data;
    *(size_t *)arg += len;
}

static void a_damaged_berkeley_db_names_its_page_and_is_read_in_bounded_time(void **state)
{
    static const struct {
        unsigned at, value, bytes;
        const char *message;
    } cases[] = {
        {12, 0x053162, 4, "found 0x62310500 at byte 12"}, /* a B-tree */
        {16, 11, 4, "version 11"},
        {24, 1, 1, "encryption 1"},
        {20, 1000, 4, "pages of 1000 bytes"},
        {32, 9, 4, "10 pages of 512 bytes do not fit into 2560 bytes"},
        {2 * 512 + 26, 511, 2, NULL},
        {2 * 512 + 26, 512, 2, "page 2: item 0 of 4 lies outside of it"},
        {2 * 512 + 20, 999, 2, "page 2: item 4 of 999 lies outside of it"},
        {512 + 25, 0, 1, "page 1 does not go on with the value that page 3 begins"},
        {3 * 512 + 16, 99, 4, "page 99 does not go on with the value that page 3 begins"},
        {1 * 512 + 22, 500, 2, "page 1 does not go on"},
        {2 * 512 + 481 + 8, 1u << 31, 4, "a value of 2147483648 bytes"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sek_text file = bdb_file(false);
        struct sek_fault fault = {0};
        size_t bytes = 0;
        put_number(file.data + cases[i].at, cases[i].value, cases[i].bytes, false);
        struct sek_view view = {.fd = -1, .data = (uint8_t *)file.data, .size = file.len};
        enum sek_error rc = sek_rpm_bdb("Packages", &view, count_blob, &bytes, &fault);
        if (!cases[i].message != !rc || (rc && !strstr(fault.message, cases[i].message)))
            fail_msg("case %zu: %s", i, rc ? fault.message : "no fault");
        assert_true(bytes <= file.len);
        sek_text_free(&file);
    }
}

static void an_rpm_database_of_another_form_is_told_in_a_note(void **state)
{
    static const struct {
        const char *path, *note;
    } cases[] = {
        {"/var/lib/rpm/Packages", "Berkeley DB"},
        {"/var/lib/rpm/Packages.db", "an ndb database begins with"},
        {"/var/lib/rpm/rpmdb.sqlite", "not a database"},
    };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char command[200];
        struct sek_list list = {0};
        struct sek_owners owners = {0};
        put_text(cases[i].path, "something else, long enough to be looked at as a database file");
        read_all(&list, &owners, "Fedora:39");
        assert_int_equal(list.count, 0);
        assert_int_equal(list.note_count, 1);
        if (!strstr(list.notes[0], cases[i].note) || !strstr(list.notes[0], cases[i].path))
            fail_msg("%s", list.notes[0]);
        sek_list_free(&list);
        sek_owners_free(&owners);
        snprintf(command, sizeof command, "rm %s%s", files_root, cases[i].path);
        assert_int_equal(system(command), 0);
    }
}

static const char apk[] =
    "C:Q1abc=\nP:busybox\nV:1.36.1-r15\nA:x86_64\no:busybox\nF:bin\nR:busybox\na:0:0:755\nZ:Q1x\n"
    "F:etc\n\nP:libssl3\nV:3.1.4-r5\nA:x86_64\no:openssl\nF:usr/lib\nR:libssl.so.3\n";

static void an_apk_database_gives_packages_with_origin_and_files(void **state)
{
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    (void)state;
    put_text("/lib/apk/db/installed", apk);
    assert_int_equal(read_all(&list, &owners, "Alpine:v3.19"), 1);
    assert_int_equal(list.count, 2);
    assert_string_equal(find(&list, "busybox")->version, "1.36.1-r15");
    assert_string_equal(find(&list, "libssl3")->source, "openssl");
    assert_string_equal(find(&list, "libssl3")->source_version, "3.1.4-r5");
    assert_true(sek_owners_have(&owners, "/bin/busybox"));
    assert_true(sek_owners_have(&owners, "/usr/lib/libssl.so.3"));
    sek_list_free(&list);
    sek_owners_free(&owners);
}

static void a_damaged_apk_database_is_named_by_line(void **state)
{
    unsigned count;
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    struct sek_fault fault = {0};
    (void)state;
    put_text("/lib/apk/db/installed", "P:a\nV:1\nbroken line\n");
    assert_int_equal(sek_packages_read(files_root, "x", &list, &owners, &count, &fault),
                     SEK_EINVAL);
    assert_non_null(strstr(fault.message, "installed:3: found 'broken line'"));
    sek_list_free(&list);
}

static void an_opkg_status_is_read_with_its_file_lists(void **state)
{
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    struct sek_wanted wanted = {.path = "/usr/sbin/dropbear"};
    (void)state;
    put_text(
        "/usr/lib/opkg/status",
        "Package: dropbear\nVersion: 2022.82-2\nDepends: libc\nStatus: install user installed\n"
        "Architecture: mips_24kc\nInstalled-Time: 1\n\nPackage: gone\nVersion: 1\n"
        "Status: deinstall ok not-installed\nArchitecture: all\n");
    put_text("/usr/lib/opkg/info/dropbear.list",
             "/usr/sbin/dropbear	100755\n/etc/init.d/dropbear\n");
    sek_owners_want(&owners, &wanted, 1);
    assert_int_equal(read_all(&list, &owners, "OpenWrt:23.05"), 1);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].name, "dropbear");
    assert_string_equal(list.items[0].arch, "mips_24kc");
    assert_string_equal(sek_owners_package(&owners, "/usr/sbin/dropbear"), "dropbear");
    sek_list_free(&list);
    sek_owners_free(&owners);
}

static void opkg_control_files_count_without_a_status_file_and_give_the_cpe(void **state)
{
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    (void)state;
    put_text("/usr/lib/opkg/info/dropbear.control",
             "Package: dropbear\nVersion: 2020.81-2\n"
             "Source: package/network/services/dropbear\nSourceName: dropbear\n"
             "CPE-ID: cpe:/a:matt_johnston:dropbear_ssh_server\nArchitecture: mips_24kc\n"
             "Description:  small\n server\n");
    put_text("/usr/lib/opkg/info/dropbear.list", "/usr/sbin/dropbear\n");
    put_text("/usr/lib/opkg/info/dropbear.postinst", "#!/bin/sh\nexit 0\n");
    put_text("/usr/lib/opkg/info/torn.control", "Package: torn\nVersi");
    assert_int_equal(read_all(&list, &owners, "OpenWrt:22.03"), 1);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].source, "dropbear");
    assert_string_equal(list.items[0].cpe,
                        "cpe:2.3:a:matt_johnston:dropbear_ssh_server:2020.81:*:*:*:*:*:*:*");
    assert_true(sek_owners_have(&owners, "/usr/sbin/dropbear"));
    assert_int_equal(list.note_count, 1);
    assert_non_null(strstr(list.notes[0], "torn.control:2: found 'Versi'"));
    sek_list_free(&list);
    sek_owners_free(&owners);
}

static void an_image_without_a_package_manager_tells_its_packages_in_status_d(void **state)
{
    struct sek_list list = {0};
    struct sek_owners owners = {0};
    (void)state;
    put_text("/var/lib/dpkg/status.d/libssl1.1",
             "Package: libssl1.1\nVersion: 1.1.1n-0+deb11u3\nSource: openssl\n"
             "Architecture: amd64\n");
    put_text("/var/lib/dpkg/status.d/libssl1.1.md5sums",
             "5d41402abc4b2a76b9719d911017c592  usr/lib/x86_64-linux-gnu/libssl.so.1.1\n");
    assert_int_equal(read_all(&list, &owners, "Debian:11"), 1);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.items[0].name, "libssl1.1");
    assert_string_equal(list.items[0].source, "openssl");
    assert_true(sek_owners_have(&owners, "/usr/lib/x86_64-linux-gnu/libssl.so.1.1"));
    assert_int_equal(list.note_count, 0);
    sek_list_free(&list);
    sek_owners_free(&owners);
}

static void ecosystems_have_the_names_that_osv_gives_them(void **state)
{
    static const char *const rows[][3] = {
        {"debian", "12", "Debian:12"},
        {"alpine", "3.19.1", "Alpine:v3.19"},
        {"rocky", "9.3", "Rocky Linux:9"},
        {"rhel", "8.9", "Red Hat:enterprise_linux:8"},
        {"opensuse-leap", "15.5", "openSUSE:Leap 15.5"},
        {"opensuse-tumbleweed", "20240101", "openSUSE:Tumbleweed"},
        {"debian", "", "Debian"},
        {"buildroot", "2023.02", "generic"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[96];
        sek_os_ecosystem(rows[i][0], rows[i][1], out, sizeof out);
        assert_string_equal(out, rows[i][2]);
    }
}

static void a_product_is_named_by_device_tree_else_by_dmi(void **state)
{
    struct sek_product product;
    (void)state;
    put_text("/sys/class/dmi/id/sys_vendor", "D-Link\n");
    put_text("/sys/class/dmi/id/product_name", "DIR-645\n");
    put_text("/sys/class/dmi/id/bios_version", "1.03\n");
    put_text("/sys/class/dmi/id/product_serial", "SECRET\n");
    sek_product_read(files_root, &product);
    assert_string_equal(product.cpe, "cpe:2.3:o:dlink:dir-645_firmware:1.03:*:*:*:*:*:*:*");
    put_file("/proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4", 31, 0644);
    put_file("/proc/device-tree/compatible", "raspberrypi,4-model-b\0brcm,bcm2711", 35, 0644);
    sek_product_read(files_root, &product);
    assert_string_equal(product.vendor, "Raspberry");
    assert_string_equal(product.model, "Raspberry Pi 4 Model B Rev 1.4");
    assert_string_equal(product.compatible, "raspberrypi,4-model-b");
}

#define IN_ROOT(f) cmocka_unit_test_setup_teardown(f, files_setup, files_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_rpm_header_gives_name_version_epoch_source_and_files),
        cmocka_unit_test(any_cut_of_an_rpm_header_is_refused_and_read_safely),
        IN_ROOT(an_rpm_database_in_sqlite_form_is_read),
        IN_ROOT(an_rpm_database_in_ndb_form_is_read),
        IN_ROOT(an_rpm_database_in_berkeley_db_form_is_read_in_either_byte_order),
        cmocka_unit_test(a_damaged_berkeley_db_names_its_page_and_is_read_in_bounded_time),
        IN_ROOT(an_rpm_database_of_another_form_is_told_in_a_note),
        IN_ROOT(an_apk_database_gives_packages_with_origin_and_files),
        IN_ROOT(a_damaged_apk_database_is_named_by_line),
        IN_ROOT(an_opkg_status_is_read_with_its_file_lists),
        IN_ROOT(opkg_control_files_count_without_a_status_file_and_give_the_cpe),
        IN_ROOT(an_image_without_a_package_manager_tells_its_packages_in_status_d),
        cmocka_unit_test(ecosystems_have_the_names_that_osv_gives_them),
        IN_ROOT(a_product_is_named_by_device_tree_else_by_dmi),
    };
    return cmocka_run_group_tests_name("agent packages", tests, NULL, NULL);
}
