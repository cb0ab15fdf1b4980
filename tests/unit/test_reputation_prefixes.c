/* Expressions of URLs, and the compact set of their prefixes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/digest.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"

static void expect(const char *host, const char *target, const char *const *texts)
{
    struct sek_expressions e;
    unsigned count = 0;
    sek_expressions_make(host, strlen(host), target, target ? strlen(target) : 0, &e);
    for (; texts[count]; count++) {
        uint8_t hash[32];
        bool found = false;
        sek_digest(SEK_SHA256, texts[count], strlen(texts[count]), hash);
        for (unsigned i = 0; i < e.count; i++)
            found = found || !memcmp(e.hash[i], hash, 32);
        if (!found)
            print_message("missing: %s\n", texts[count]);
        assert_true(found);
    }
    assert_int_equal(e.count, count);
}

/* The examples of the Safe Browsing v4 documentation. */
static void a_url_has_the_expressions_that_safe_browsing_gives_it(void **state)
{
    (void)state;
    expect("a.b.c", "/1/2.html?param=1",
           (const char *const[]){"a.b.c/1/2.html?param=1", "a.b.c/1/2.html", "a.b.c/", "a.b.c/1/",
                                 "b.c/1/2.html?param=1", "b.c/1/2.html", "b.c/", "b.c/1/", NULL});
    expect("a.b.c.d.e.f.g", "/1.html",
           (const char *const[]){"a.b.c.d.e.f.g/1.html", "a.b.c.d.e.f.g/", "c.d.e.f.g/1.html",
                                 "c.d.e.f.g/", "d.e.f.g/1.html", "d.e.f.g/", "e.f.g/1.html",
                                 "e.f.g/", "f.g/1.html", "f.g/", NULL});
    expect("1.2.3.4", "/1/", (const char *const[]){"1.2.3.4/1/", "1.2.3.4/", NULL});
    expect("h.example", "/a/b/c/d/e.html?q",
           (const char *const[]){"h.example/a/b/c/d/e.html?q", "h.example/a/b/c/d/e.html",
                                 "h.example/", "h.example/a/", "h.example/a/b/", "h.example/a/b/c/",
                                 NULL});
}

static void spellings_of_one_url_have_the_same_expressions(void **state)
{
    (void)state;
    static const char *const ways[][2] = {
        {"EVIL.example", "/bad/file"},     {"evil.example.", "/bad/file"},
        {"evil.example:80", "/bad/file"},  {"evil.example", "/x/../bad/./file"},
        {"evil.example", "/%62ad/fil%65"}, {"evil.example", "/bad/file#part"},
        {"u:p@evil.example", "/bad/file"}, {"other", "http://evil.example/bad/file"},
    };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        expect(ways[i][0], ways[i][1],
               (const char *const[]){"evil.example/bad/file", "evil.example/", "evil.example/bad/",
                                     NULL});
}

static void an_indicator_has_the_hash_that_its_url_has_on_the_device(void **state)
{
    (void)state;
    uint8_t hash[32], expected[32];
    static const char *const cases[][3] = {
        {"domain", "evil.example", "evil.example/"},
        {"url", "http://Evil.example:80/bad/./file", "evil.example/bad/file"},
        {"url", "https://evil.example/bad/*", "evil.example/bad/"},
        {"url", "https://evil.example", "evil.example/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(sek_expression_hash(cases[i][0], cases[i][1], hash));
        sek_digest(SEK_SHA256, cases[i][2], strlen(cases[i][2]), expected);
        assert_memory_equal(hash, expected, 32);
    }
    assert_false(sek_expression_hash("ip", "192.0.2.1", hash));
    assert_false(sek_expression_hash("url", "no scheme", hash));
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void a_million_prefixes_take_less_than_four_megabytes_and_are_all_found(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    struct sek_fault fault;
    struct sek_prefixes *p;
    uint32_t *list = malloc(COUNT * sizeof *list), x = 1;
    uint8_t *data;
    size_t len;
    for (int i = 0; i < COUNT; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        list[i] = x;
    }
    qsort(list, COUNT, sizeof *list, compare);
    assert_int_equal(sek_prefixes_build(list, COUNT, &data, &len, &fault), SEK_OK);
    assert_int_equal(sek_prefixes_load(data, len, &p, &fault), SEK_OK);
    assert_int_equal(sek_prefixes_count(p), COUNT);
    assert_true(sek_prefixes_size(p) < 4u << 20);
    print_message("a million prefixes: %zu bytes in the bundle, %zu in memory\n", len,
                  sek_prefixes_size(p));
    for (int i = 0; i < COUNT; i += 7) {
        assert_true(sek_prefixes_has(p, list[i]));
        if (i && list[i] - 1 != list[i - 1])
            assert_false(sek_prefixes_has(p, list[i] - 1));
    }
    assert_true(sek_prefixes_has(p, sek_prefixes_near(p, 12345678)));
    sek_prefixes_free(p);
    free(data);
    free(list);
}

static void the_least_and_the_largest_prefix_are_kept_and_none_is_an_empty_set(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_prefixes *p;
    const uint32_t ends[] = {0, 0, 1, UINT32_MAX};
    uint8_t *data;
    size_t len;
    assert_int_equal(sek_prefixes_build(ends, 4, &data, &len, &fault), SEK_OK);
    assert_int_equal(sek_prefixes_load(data, len, &p, &fault), SEK_OK);
    assert_int_equal(sek_prefixes_count(p), 3);
    assert_true(sek_prefixes_has(p, 0) && sek_prefixes_has(p, 1) &&
                sek_prefixes_has(p, UINT32_MAX));
    assert_false(sek_prefixes_has(p, 2));
    sek_prefixes_free(p);
    free(data);
    assert_int_equal(sek_prefixes_build(ends, 0, &data, &len, &fault), SEK_OK);
    assert_int_equal(sek_prefixes_load(data, len, &p, &fault), SEK_OK);
    assert_false(sek_prefixes_has(p, 0) || sek_prefixes_has(NULL, 0));
    sek_prefixes_free(p);
    free(data);
}

static void a_damaged_set_is_refused(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_prefixes *p;
    const uint32_t list[] = {5, 300, 70000};
    uint8_t *data, copy[64];
    size_t len;
    assert_int_equal(sek_prefixes_build(list, 3, &data, &len, &fault), SEK_OK);
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(sek_prefixes_load(data, cut, &p, &fault), SEK_EINVAL);
    memcpy(copy, data, len);
    copy[len] = 1; /* more than it says */
    assert_int_equal(sek_prefixes_load(copy, len + 1, &p, &fault), SEK_EINVAL);
    memcpy(copy, data, len);
    copy[4] = 2; /* version */
    assert_int_equal(sek_prefixes_load(copy, len, &p, &fault), SEK_EINVAL);
    memcpy(copy, data, len);
    memset(copy + 12, 0xff, len - 12); /* a number that never ends */
    assert_int_equal(sek_prefixes_load(copy, len, &p, &fault), SEK_EINVAL);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_has_the_expressions_that_safe_browsing_gives_it),
        cmocka_unit_test(spellings_of_one_url_have_the_same_expressions),
        cmocka_unit_test(an_indicator_has_the_hash_that_its_url_has_on_the_device),
        cmocka_unit_test(a_million_prefixes_take_less_than_four_megabytes_and_are_all_found),
        cmocka_unit_test(the_least_and_the_largest_prefix_are_kept_and_none_is_an_empty_set),
        cmocka_unit_test(a_damaged_set_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
