/* lib/base: readers never overrun, JSON is always valid, configuration errors name their line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <stdlib.h>
#include <jansson.h>

#include "lib/base/arena.h"
#include "lib/base/config.h"
#include "lib/base/encode.h"
#include "lib/base/reader.h"
#include "lib/base/text.h"

static void a_read_past_the_end_fails_and_yields_zero(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3};
    struct sek_reader r = sek_reader_make(data, sizeof data);
    assert_int_equal(sek_reader_u16(&r), 0x0102);
    assert_int_equal(sek_reader_u32(&r), 0);
    assert_true(r.failed);
    assert_int_equal(sek_reader_u8(&r), 0);
    assert_int_equal(sek_reader_left(&r), 0);
}

static void any_bytes_become_valid_json(void **state)
{
    (void)state;
    struct sek_text t = {0};
    uint8_t all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    sek_json_open(&t, NULL, '{');
    sek_json_bytes(&t, "all", all, sizeof all);
    sek_json_bytes(&t, "utf8", "\xe9\x96\xa2\xe6\x89\x80", 6);
    sek_json_open(&t, "list", '[');
    sek_json_uint(&t, NULL, 1);
    sek_json_uint(&t, NULL, 2);
    sek_json_close(&t, ']');
    sek_json_base64(&t, "b64", "hello", 5);
    sek_json_close(&t, '}');
    json_error_t error;
    json_t *parsed = json_loadb(t.data, t.len, JSON_ALLOW_NUL, &error);
    assert_non_null(parsed);
    assert_string_equal(json_string_value(json_object_get(parsed, "utf8")),
                        "\xe9\x96\xa2\xe6\x89\x80");
    assert_string_equal(json_string_value(json_object_get(parsed, "b64")), "aGVsbG8=");
    assert_int_equal(json_array_size(json_object_get(parsed, "list")), 2);
    json_decref(parsed);
    sek_text_free(&t);
}

static void a_printed_line_holds_no_control_characters(void **state)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    (void)state;
    assert_non_null(out);
    sek_print_line(out, "a\tb %s|%s", "\x1b[2J\r\nforged", "\xc2\x9b\xe9\x96\xa2\x7f\xc2");
    fclose(out);
    assert_string_equal(text, "a\tb \\x1b[2J\\x0d\\x0aforged|\\xc2\\x9b\xe9\x96\xa2\\x7f\xc2\n");
    free(text);
}

static void configuration_is_read_by_dotted_key(void **state)
{
    (void)state;
    const char yaml[] = "manager:\n  url: https://a\n  names: [x, y]\nlevel: 3\n";
    struct sek_config *c = NULL;
    struct sek_fault fault;
    long level = 0;
    assert_int_equal(sek_config_parse("c.yaml", yaml, sizeof yaml - 1, &c, &fault), SEK_OK);
    assert_string_equal(sek_config_get(c, "manager.url", ""), "https://a");
    assert_string_equal(sek_config_get(c, "manager.names.1", ""), "y");
    assert_int_equal(sek_config_number(c, "level", 0, 9, &level, &fault), SEK_OK);
    assert_int_equal(level, 3);
    assert_int_equal(sek_config_number(c, "level", 5, 9, &level, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "c.yaml:4"));
    assert_non_null(strstr(sek_config_unused(c), "names.0"));
    sek_config_free(c);
}

static void broken_configuration_names_file_and_line(void **state)
{
    (void)state;
    struct sek_config *c = NULL;
    struct sek_fault fault;
    const char bad[] = "a: 1\nb: [2\n";
    assert_int_equal(sek_config_parse("c.yaml", bad, sizeof bad - 1, &c, &fault), SEK_EINVAL);
    assert_non_null(strstr(fault.message, "c.yaml:"));
}

static void base64_and_hex_round_trip(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_int_equal(sek_base64_decode("aGVsbG8=", 8, out), 5);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(sek_base64_decode("a*", 2, out), -1);
    assert_true(sek_hex_decode("00fF", out, 2));
    assert_int_equal(out[1], 0xff);
    assert_false(sek_hex_decode("00f", out, 2));
}

static void an_arena_gives_zeroed_memory(void **state)
{
    (void)state;
    struct sek_arena a = {0};
    for (int i = 1; i < 2000; i += 37) {
        char *p = sek_arena_alloc(&a, (size_t)i);
        for (int j = 0; j < i; j++)
            assert_int_equal(p[j], 0);
        memset(p, 0xff, (size_t)i);
    }
    sek_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_past_the_end_fails_and_yields_zero),
        cmocka_unit_test(any_bytes_become_valid_json),
        cmocka_unit_test(a_printed_line_holds_no_control_characters),
        cmocka_unit_test(configuration_is_read_by_dotted_key),
        cmocka_unit_test(broken_configuration_names_file_and_line),
        cmocka_unit_test(base64_and_hex_round_trip),
        cmocka_unit_test(an_arena_gives_zeroed_memory),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
