/* objects: agent/inventory/apk.c agent/inventory/cyclonedx_read.c agent/inventory/cyclonedx_write.c agent/inventory/dpkg.c agent/inventory/elf.c agent/inventory/golang.c agent/inventory/inventory.c agent/inventory/jar.c agent/inventory/language.c agent/inventory/list.c agent/inventory/os.c agent/inventory/owner.c agent/inventory/packages.c agent/inventory/purl.c agent/inventory/rpm.c agent/inventory/rpm_bdb.c agent/inventory/rpm_sqlite.c agent/inventory/scan.c agent/inventory/scan_cache.c agent/inventory/sockets.c agent/inventory/versions.c agent/inventory/versions_table.c agent/inventory/view.c agent/inventory/walk.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* The inventory: the dpkg status file in good and hostile forms, sockets, os-release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/inventory/dpkg.h"
#include "agent/inventory/inventory.h"
#include "agent/inventory/sockets.h"
#include "lib/base/file.h"

struct seen {
    unsigned count;
    char text[8][160];
};

static bool note(void *arg, const struct sek_package *p)
{
    struct seen *s = arg;
    if (s->count < 8)
        snprintf(s->text[s->count], sizeof s->text[0], "%.*s %.*s %.*s %.*s %.*s", (int)p->name.len,
                 p->name.data, (int)p->version.len, p->version.data, (int)p->arch.len, p->arch.data,
                 (int)p->source.len, p->source.data, (int)p->source_version.len,
                 p->source_version.data);
    s->count++;
    return true;
}

static void installed_packages_are_read_with_their_source(void **state)
{
    (void)state;
    struct seen s = {0};
    struct sek_fault fault;
    const char text[] =
        "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2.15-2\n"
        "Description: shell\n with: a colon line\n .\n\n"
        "Package: libssl3\nStatus: hold ok installed\nArchitecture: arm64\nSource: openssl "
        "(3.0.9-1)\n"
        "Version: 3.0.9-1+b1\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
        "Package: half\nStatus: install ok unpacked\nArchitecture: all\nVersion: 2\nSource: "
        "whole\n";
    assert_int_equal(sek_dpkg_parse("status", text, sizeof text - 1, note, &s, &fault), SEK_OK);
    assert_int_equal(s.count, 3);
    assert_string_equal(s.text[0], "bash 5.2.15-2 amd64 bash 5.2.15-2");
    assert_string_equal(s.text[1], "libssl3 3.0.9-1+b1 arm64 openssl 3.0.9-1");
    assert_string_equal(s.text[2], "half 2 all whole 2");
}

static void a_damaged_status_file_is_named_by_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"Package: a\nStatus: install ok installed\n\n",
         "status:3: the paragraph that ends here has no Version"},
        {"Package: a\nnonsense\n", "status:2: found 'nonsense'"},
        {": x\n", "status:1"},
        {"Status: install ok installed\nVersion: 1\n", "no Package field"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct seen s = {0};
        struct sek_fault fault = {0};
        assert_int_equal(
            sek_dpkg_parse("status", bad[i].text, strlen(bad[i].text), note, &s, &fault),
            SEK_EINVAL);
        if (!strstr(fault.message, bad[i].message))
            fail_msg("%s", fault.message);
    }
}

static void any_cut_of_a_status_file_is_read_safely(void **state)
{
    (void)state;
    const char text[] =
        "Package: libssl3\nStatus: hold ok installed\nSource: openssl (3.0.9\nVersion: 3\n";
    for (size_t n = 0; n < sizeof text; n++) {
        struct seen s = {0};
        char *exact = malloc(n + 1);
        memcpy(exact, text, n);
        sek_dpkg_parse("status", exact, n, note, &s, NULL);
        free(exact);
    }
}

static void listening_sockets_are_read_from_proc_tables(void **state)
{
    (void)state;
    struct sek_listener l[4];
    const char tcp[] = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
                       "retrnsmt   uid  timeout inode\n"
                       "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 "
                       "00000000     0        0 1588 1 0 100 0 0 10 0\n"
                       "   1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 "
                       "00000000     0        0 99 1 0 100\n"
                       "garbage\n   2: 01:zz\n";
    assert_int_equal(sek_listeners_parse(tcp, false, false, l, 4), 1);
    assert_int_equal(l[0].port, 8080);
    assert_int_equal(l[0].address[12], 127);
    assert_int_equal(l[0].inode, 1588);
    assert_int_equal(sek_listeners_parse(tcp, false, true, l, 4), 0);
}

static void os_release_values_lose_their_quotes(void **state)
{
    (void)state;
    char out[32];
    sek_os_release("ID=debian\nVERSION_ID=\"12\"\n", "VERSION_ID", out, sizeof out);
    assert_string_equal(out, "12");
    sek_os_release("XID=no\nID=debian", "ID", out, sizeof out);
    assert_string_equal(out, "debian");
    sek_os_release("A=1\n", "ID", out, sizeof out);
    assert_string_equal(out, "");
}

static void an_image_of_two_thousand_packages_is_inventoried_within_a_second(void **state)
{
    (void)state;
    char root[] = "/tmp/sekisho-image.XXXXXX", path[256];
    struct sek_text text = {0}, out = {0};
    struct sek_fault fault;
    struct timespec from, to;
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/var/lib/dpkg/info", root);
    assert_int_equal(sek_make_folder(path, 0755, &fault), SEK_OK);
    snprintf(path, sizeof path, "%s/etc", root);
    assert_int_equal(sek_make_folder(path, 0755, &fault), SEK_OK);
    snprintf(path, sizeof path, "%s/etc/os-release", root);
    assert_int_equal(sek_file_replace(path, "ID=debian\nVERSION_ID=\"11\"\n", 26, 0644, &fault),
                     SEK_OK);
    for (int i = 0; i < 2000; i++)
        sek_text_printf(&text,
                        "Package: p%d\nStatus: install ok installed\nArchitecture: amd64\n"
                        "Version: 1.%d-1\nDescription: x\n %0900d\n\n",
                        i, i, i);
    snprintf(path, sizeof path, "%s/var/lib/dpkg/status", root);
    assert_int_equal(sek_file_replace(path, text.data, text.len, 0644, &fault), SEK_OK);
    clock_gettime(CLOCK_MONOTONIC, &from);
    struct sek_inventory_options options = {.root = root};
    struct sek_collection collection;
    assert_int_equal(sek_collect(&options, &collection, &fault), SEK_OK);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000 < 1000);
    sek_json_open(&out, NULL, '{');
    sek_collection_write(&collection, &out);
    sek_json_close(&out, '}');
    sek_collection_free(&collection);
    json_t *inventory = json_loadb(out.data, out.len, 0, NULL);
    json_t *list = json_object_get(inventory, "components");
    assert_int_equal(json_array_size(list), 2000);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 7), "ecosystem")),
                        "Debian:11");
    assert_int_equal(json_array_size(json_object_get(inventory, "services")), 0);
    json_decref(inventory);
    sek_text_free(&text);
    sek_text_free(&out);
    char command[300];
    snprintf(command, sizeof command, "rm -rf %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(installed_packages_are_read_with_their_source),
        cmocka_unit_test(a_damaged_status_file_is_named_by_line),
        cmocka_unit_test(any_cut_of_a_status_file_is_read_safely),
        cmocka_unit_test(listening_sockets_are_read_from_proc_tables),
        cmocka_unit_test(os_release_values_lose_their_quotes),
        cmocka_unit_test(an_image_of_two_thousand_packages_is_inventoried_within_a_second),
    };
    return cmocka_run_group_tests_name("agent inventory", tests, NULL, NULL);
}
