/* Numbers that have several values in a transaction: which of them a rule looks at. The options of a
 * CoAP message serve as an example: two with number 11 and one with number 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/selftest/selftest.h"

static const char message[] = "udp 5683\n> \\x40\\x01\\x00\\x01\\xb1a\\x01b\\x11\\x32\n";
static const char without[] = "udp 5683\n> \\x40\\x01\\x00\\x01\n";

static struct sek_compiled *compile(const char *number)
{
    struct sek_fault fault = {0};
    char text[200];
    snprintf(text, sizeof text, "drop coap any any -> any any (coap.option:%s; sid:1;)", number);
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    assert_non_null(rules);
    assert_int_equal(sek_rules_load_text(rules, "t.rules", text, strlen(text), &fault), SEK_OK);
    if (rules->errors) {
        sek_rules_free(rules);
        return NULL;
    }
    assert_int_equal(sek_rules_finish(rules, &fault), SEK_OK);
    struct sek_compiled *c = sek_compile(rules, &fault);
    assert_non_null(c);
    return c;
}

static void expect(const char *number, bool matches, const char *exchange)
{
    struct sek_selftest_counts counts = {0};
    struct sek_fault fault = {0};
    char text[300];
    struct sek_compiled *c = compile(number);
    assert_non_null(c);
    snprintf(text, sizeof text, "%s: it\n%s", matches ? "exploit" : "benign", exchange);
    assert_int_equal(sek_selftest_run(c, "t", text, strlen(text), &counts, NULL, NULL, &fault),
                     SEK_OK);
    if (counts.failed)
        fail_msg("coap.option:%s does%s match", number, matches ? " not" : "");
    sek_compiled_free(c);
}

static void one_of_several_values_is_enough_or_all_must_compare(void **state)
{
    (void)state;
    expect("12", true, message);
    expect("12,any", true, message);
    expect("13", false, message);
    expect("12,all", false, message);
    expect(">10,all", true, message);
    expect(">10,all", false, without);
    expect(">10,all_or_absent", true, without);
    expect("13,or_absent", false, message);
    expect("13,or_absent", true, without);
}

static void a_value_is_picked_by_its_place_from_either_end(void **state)
{
    (void)state;
    expect("11,0", true, message);
    expect("12,0", false, message);
    expect("12,-1", true, message);
    expect("12,3", false, message);
    expect("12,oob_or 3", true, message);
    expect("11,oob_or 2", false, message);
    expect("12,any,0:2", false, message);
    expect("12,any,-1:3", true, message);
    expect("11,all,0:2", true, message);
}

static void values_are_counted(void **state)
{
    (void)state;
    expect("11,nb2", true, message);
    expect("11,nb>2", false, message);
    expect("count 3", true, message);
    expect("count >3", false, message);
    expect("count 0", true, without);
}

static void bits_are_compared_under_a_mask_and_numbers_take_units(void **state)
{
    (void)state;
    expect("&0x0c=0x0c", true, message); /* 12 */
    expect("&0x0c=0x04", false, message);
    expect("&0x03!=0x03", true, message);
    expect("&0x08!=0x08", false, message);
    expect("<1kb", true, message);
    expect(">1KiB", false, message);
    assert_null(compile("&0xc0=2"));
    assert_null(compile("&0xc0"));
    assert_null(compile("3tb"));
}

static void what_names_no_values_is_refused(void **state)
{
    (void)state;
    assert_null(compile("11,some"));
    assert_null(compile("11,any,2"));
    assert_null(compile("11,any,0:2,3"));
    assert_null(compile("count x"));
}

static void bits_are_compared_under_a_mask(void **state)
{
    (void)state;
    expect("&0x08=0x08", true, message); /* 11 and 12 have it */
    expect("&0x0c!=0x08", true, message);
    expect("&0x03=0x02", false, message);
    assert_null(compile("&0x03=0x04")); /* never true */
    assert_null(compile("&=1"));
}

static void numbers_may_have_units(void **state)
{
    (void)state;
    expect("<1kb", true, message);
    expect(">1 KiB", false, message);
    assert_null(compile("1tb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_several_values_is_enough_or_all_must_compare),
        cmocka_unit_test(a_value_is_picked_by_its_place_from_either_end),
        cmocka_unit_test(values_are_counted),
        cmocka_unit_test(bits_are_compared_under_a_mask_and_numbers_take_units),
        cmocka_unit_test(what_names_no_values_is_refused),
        cmocka_unit_test(bits_are_compared_under_a_mask),
        cmocka_unit_test(numbers_may_have_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
