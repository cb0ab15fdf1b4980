/* lib/reputation: what is listed is found, what is not is not, and bad input never becomes a table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/reputation/reputation.h"

static struct sek_reputation *table_of(const char *json)
{
    struct sek_fault fault;
    struct sek_reputation *r = NULL;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    if (sek_reputation_add_json(b, "i.json", json, strlen(json), &fault))
        fail_msg("%s", fault.message);
    assert_int_equal(sek_reputation_build(b, &r, &fault), SEK_OK);
    sek_reputation_builder_free(b);
    return r;
}

static bool has_address(const struct sek_reputation *r, const char *text,
                        struct sek_reputation_hit *hit)
{
    uint8_t a[16];
    size_t len = strchr(text, ':') ? 16 : 4;
    assert_int_equal(inet_pton(len == 4 ? AF_INET : AF_INET6, text, a), 1);
    return sek_reputation_address(r, a, len, 1000, hit);
}

static bool has_domain(const struct sek_reputation *r, const char *name)
{
    return sek_reputation_domain(r, name, strlen(name), 1000, NULL);
}

static bool has_url(const struct sek_reputation *r, const char *host, const char *target)
{
    return sek_reputation_url(r, host, strlen(host), target, strlen(target), 1000, NULL);
}

static void the_longest_prefix_wins(void **state)
{
    (void)state;
    struct sek_reputation_hit hit;
    char text[SEK_INDICATOR_TEXT];
    struct sek_reputation *r =
        table_of("[{\"type\":\"cidr\",\"value\":\"203.0.113.0/24\",\"reason\":\"net\"},"
                 "{\"type\":\"ip\",\"value\":\"203.0.113.9\",\"reason\":\"host\"},"
                 "{\"type\":\"cidr\",\"value\":\"2001:db8::/33\",\"reason\":\"six\"}]");
    assert_true(has_address(r, "203.0.113.8", &hit));
    assert_string_equal(hit.reason, "net");
    sek_reputation_text(&hit, text);
    assert_string_equal(text, "203.0.113.0/24");
    assert_true(has_address(r, "203.0.113.9", &hit));
    assert_string_equal(hit.reason, "host");
    assert_false(has_address(r, "203.0.114.9", NULL));
    assert_true(has_address(r, "2001:db8:1::1", NULL));
    assert_false(has_address(r, "2001:db8:8000::1", NULL));
    assert_true(has_address(r, "::ffff:203.0.113.8", NULL));
    sek_reputation_free(r);
}

static void a_domain_covers_its_subdomains_on_label_boundaries_only(void **state)
{
    (void)state;
    struct sek_reputation *r = table_of("[{\"type\":\"domain\",\"value\":\"Evil.Example\"},"
                                        "{\"type\":\"domain\",\"value\":\"=only.example\"}]");
    assert_true(has_domain(r, "evil.example"));
    assert_true(has_domain(r, "A.b.EVIL.example."));
    assert_false(has_domain(r, "notevil.example"));
    assert_false(has_domain(r, "example"));
    assert_true(has_domain(r, "only.example"));
    assert_false(has_domain(r, "sub.only.example"));
    sek_reputation_free(r);
}

static void a_url_is_found_in_every_spelling_and_its_neighbours_are_not(void **state)
{
    (void)state;
    struct sek_reputation *r =
        table_of("[{\"type\":\"url\",\"value\":\"http://Shared.Example:80/a/./x.sh?q=1#f\"},"
                 "{\"type\":\"url\",\"value\":\"https://shared.example/kit/*\"}]");
    assert_true(has_url(r, "shared.example", "/a/x.sh?q=1"));
    assert_true(has_url(r, "SHARED.example:80", "/b/../a/%78.sh?q=1"));
    assert_true(has_url(r, "proxy.example", "http://shared.example/a/x.sh?q=1"));
    assert_false(has_url(r, "shared.example", "/a/x.sh"));
    assert_false(has_url(r, "shared.example:8080", "/a/x.sh?q=1"));
    assert_false(has_url(r, "other.example", "/a/x.sh?q=1"));
    assert_true(has_url(r, "shared.example", "/kit/deep/file"));
    assert_false(has_url(r, "shared.example", "/kitchen"));
    sek_reputation_free(r);
}

static void expired_indicators_do_not_match(void **state)
{
    (void)state;
    struct sek_reputation *r =
        table_of("[{\"type\":\"domain\",\"value\":\"a.example\",\"expiry\":999},"
                 "{\"type\":\"domain\",\"value\":\"b.example\",\"expiry\":1001}]");
    assert_false(has_domain(r, "a.example"));
    assert_true(has_domain(r, "b.example"));
    sek_reputation_free(r);
}

static void what_was_removed_is_gone(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_reputation *r = NULL;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    struct sek_indicator i = {.type = "ip", .value = "192.0.2.1", .confidence = 5};
    assert_int_equal(sek_reputation_add(b, &i, &fault), SEK_OK);
    i.value = "192.0.2.2";
    assert_int_equal(sek_reputation_add(b, &i, &fault), SEK_OK);
    assert_int_equal(sek_reputation_remove(b, "ip", "192.0.2.1", &fault), SEK_OK);
    assert_int_equal(sek_reputation_build(b, &r, &fault), SEK_OK);
    assert_false(has_address(r, "192.0.2.1", NULL));
    assert_true(has_address(r, "192.0.2.2", NULL));
    assert_int_equal(sek_reputation_count(r, SEK_INDICATOR_IP4), 1);
    sek_reputation_free(r);
    sek_reputation_builder_free(b);
}

static void bad_json_names_the_item_and_the_field(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"[{\"type\":\"ip\",\"value\":\"1.2.3\"}]", "item 0: value: found '1.2.3'"},
        {"[{\"type\":\"ip\",\"value\":\"1.2.3.4\"},{\"type\":\"x\",\"value\":\"y\"}]",
         "item 1: type"},
        {"[{\"type\":\"ip\",\"value\":\"0.0.0.0/0\"}]", "covers every address"},
        {"[{\"type\":\"ip\",\"value\":\"1.2.3.4\",\"confidence\":101}]", "confidence"},
        {"[{\"type\":\"domain\",\"value\":\"a..b\"}]", "a domain name"},
        {"[{\"type\":\"ip\"}]", "value: missing"},
        {"[7]", "item 0"},
        {"{}", "expected a list"},
        {"[{\"type\":", "not JSON"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct sek_fault fault;
        struct sek_reputation_builder *b = sek_reputation_builder_new();
        assert_int_equal(sek_reputation_add_json(b, "i.json", bad[i][0], strlen(bad[i][0]), &fault),
                         SEK_EINVAL);
        if (!strstr(fault.message, bad[i][1]) || !strstr(fault.message, "i.json"))
            fail_msg("%s: %s", bad[i][0], fault.message);
        sek_reputation_builder_free(b);
    }
}

static void text_lists_are_read_and_a_bad_line_is_named(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_reputation *r = NULL;
    struct sek_reputation_list list = {.source = "ipsum", .reason = "listed", .confidence = 60};
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    const char good[] = "# comment\n198.51.100.1\t7\n198.51.100.2:8080\nbad.example # Mirai\r\n\n"
                        "http://x.example/dropper.sh\n";
    assert_int_equal(sek_reputation_add_list(b, "l.txt", good, sizeof good - 1, &list, &fault),
                     SEK_OK);
    assert_int_equal(list.added, 4);
    const char bad[] = "198.51.100.1\nnonsense\n";
    assert_int_equal(sek_reputation_add_list(b, "l.txt", bad, sizeof bad - 1, &list, &fault),
                     SEK_EINVAL);
    assert_non_null(strstr(fault.message, "l.txt:2"));
    list.skip_bad = true;
    assert_int_equal(sek_reputation_add_list(b, "l.txt", bad, sizeof bad - 1, &list, &fault),
                     SEK_OK);
    assert_int_equal(list.skipped, 1);
    assert_int_equal(sek_reputation_build(b, &r, &fault), SEK_OK);
    assert_true(has_address(r, "198.51.100.2", NULL));
    struct sek_reputation_hit hit;
    assert_true(sek_reputation_domain(r, "bad.example", 11, 1, &hit));
    assert_string_equal(hit.reason, "Mirai");
    assert_true(has_url(r, "x.example", "/dropper.sh"));
    sek_reputation_free(r);
    sek_reputation_builder_free(b);
}

static void a_saved_table_is_mapped_back_and_an_altered_one_is_refused(void **state)
{
    (void)state;
    struct sek_fault fault;
    char path[] = "/tmp/sekisho-reputation.XXXXXX", *data;
    size_t len;
    close(mkstemp(path));
    struct sek_reputation *r = table_of(
        "[{\"type\":\"sha256\",\"value\":"
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"reason\":\"m\"}]");
    assert_int_equal(sek_reputation_save(r, path, &fault), SEK_OK);
    sek_reputation_free(r);
    assert_int_equal(sek_reputation_map(path, &r, &fault), SEK_OK);
    uint8_t digest[32];
    sek_sha256("", 0, digest);
    assert_true(sek_reputation_sha256(r, digest, 5, NULL));
    sek_reputation_free(r);
    assert_int_equal(sek_file_read(path, 1 << 20, &data, &len, &fault), SEK_OK);
    int fd = open(path, O_RDWR);
    for (size_t cut = 0; cut < len; cut += 7) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, data, cut, 0), (ssize_t)cut);
        assert_int_equal(sek_reputation_map(path, &r, &fault), SEK_EINVAL);
    }
    free(data);
    close(fd);
    unlink(path);
}

static void a_hundred_thousand_indicators_are_all_found(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_reputation *r = NULL;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    char value[64];
    for (unsigned n = 0; n < 100000; n++) {
        snprintf(value, sizeof value, "10.%u.%u.%u", n >> 16, n >> 8 & 255, n & 255);
        struct sek_indicator i = {.type = "ip", .value = value, .source = "s"};
        assert_int_equal(sek_reputation_add(b, &i, &fault), SEK_OK);
    }
    assert_int_equal(sek_reputation_build(b, &r, &fault), SEK_OK);
    sek_reputation_builder_free(b);
    for (uint32_t n = 0; n < 100000; n++) {
        uint8_t a[4] = {10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        assert_true(sek_reputation_address(r, a, 4, 1, NULL));
        a[0] = 11;
        assert_false(sek_reputation_address(r, a, 4, 1, NULL));
    }
    sek_reputation_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(a_domain_covers_its_subdomains_on_label_boundaries_only),
        cmocka_unit_test(a_url_is_found_in_every_spelling_and_its_neighbours_are_not),
        cmocka_unit_test(expired_indicators_do_not_match),
        cmocka_unit_test(what_was_removed_is_gone),
        cmocka_unit_test(bad_json_names_the_item_and_the_field),
        cmocka_unit_test(text_lists_are_read_and_a_bad_line_is_named),
        cmocka_unit_test(a_saved_table_is_mapped_back_and_an_altered_one_is_refused),
        cmocka_unit_test(a_hundred_thousand_indicators_are_all_found),
    };
    return cmocka_run_group_tests_name("reputation", tests, NULL, NULL);
}
