/* The engine as a whole: rules over packets, streams and transactions, in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/selftest/selftest.h"

static struct sek_compiled *compile(const char *text)
{
    struct sek_fault fault = {0};
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    assert_non_null(rules);
    assert_int_equal(sek_rules_load_text(rules, "t.rules", text, strlen(text), &fault), SEK_OK);
    if (rules->errors)
        fail_msg("%s:%u: %s", rules->errors->file, rules->errors->line, rules->errors->message);
    assert_int_equal(sek_rules_finish(rules, &fault), SEK_OK);
    struct sek_compiled *c = sek_compile(rules, &fault);
    assert_non_null(c);
    return c;
}

/* Play EXCHANGE; every exploit must be blocked, every benign part must pass. */
static void expect(const char *rule, const char *exchange)
{
    struct sek_selftest_counts counts = {0};
    struct sek_fault fault = {0};
    struct sek_compiled *c = compile(rule);
    assert_int_equal(sek_selftest_run(c, "t", exchange, strlen(exchange), &counts, NULL, NULL,
                                      &fault), SEK_OK);
    assert_int_equal(counts.failed, 0);
    assert_true(counts.exploits + counts.benigns > 0);
    sek_compiled_free(c);
}

static void a_content_with_distance_and_within_matches_only_there(void **state)
{
    (void)state;
    expect("drop tcp any any -> any 7 (content:\"abc\"; content:\"def\"; distance:2; within:5; sid:1;)",
           "exploit: right place\ntcp 7\n> abc..def\n"
           "benign: too near\ntcp 7\n> abc.def\n"
           "benign: too far\ntcp 7\n> abc......def\n");
}

static void a_pattern_over_two_segments_is_found(void **state)
{
    (void)state;
    expect("drop tcp any any -> any 7 (content:\"needle\"; sid:1;)",
           "exploit: split by size\ntcp 7\n* 1397 .\n> needle\n"
           "exploit: split by direction\ntcp 7\n> nee\n< ok\n> dle\n"
           "benign: not there\ntcp 7\n> needl\n< e\n");
}

static void contents_of_one_rule_may_come_in_different_segments(void **state)
{
    (void)state;
    expect("drop tcp any any -> any 7 (content:\"one\"; content:\"two\"; distance:1; within:4; sid:1;)",
           "exploit: the second content is cut\ntcp 7\n> one-t\n< ok\n> wo\n"
           "exploit: each comes alone\ntcp 7\n> one\n< ok\n> -\n< ok\n> two\n"
           "benign: too near\ntcp 7\n> one\n< ok\n> two\n");
}

static void uri_is_normalised_before_it_is_matched(void **state)
{
    (void)state;
    expect("drop http any any -> any any (http.uri; content:\"/etc/passwd\"; sid:1;)",
           "exploit: encoded\n> GET /%65tc/passwd HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n"
           "exploit: dots\n> GET /x/.././etc//passwd HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n"
           "benign: other\n> GET /etc/password-help HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n"
           "exploit: absolute\n> GET http://a/etc/passwd HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n");
}

static void every_header_is_in_the_header_buffer(void **state)
{
    (void)state;
    expect("drop http any any -> any any (http.header; content:\"X-Last: evil\"; sid:1;)",
           "exploit: last of three\n> GET / HTTP/1.1\\r\\nHost: a\\r\\nAccept: b\\r\\nX-Last: evil\\r\\n\\r\\n\n"
           "benign: another value\n> GET / HTTP/1.1\\r\\nHost: a\\r\\nX-Last: good\\r\\n\\r\\n\n");
}

static void a_chunked_body_is_joined(void **state)
{
    (void)state;
    expect("drop http any any -> any any (http.request_body; content:\"wget http\"; sid:1;)",
           "exploit: in chunks\n> POST / HTTP/1.1\\r\\nHost: a\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n"
           "3\\r\\nwge\\r\\n6\\r\\nt http\\r\\n0\\r\\n\\r\\n\n"
           "benign: something else\n> POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 4\\r\\n\\r\\nwget\n");
}

static void flowbits_carry_from_one_packet_to_the_next(void **state)
{
    (void)state;
    expect("alert tcp any any -> any 7 (content:\"HELO\"; flowbits:set,seen; noalert; sid:1;)\n"
           "drop tcp any any -> any 7 (content:\"EVIL\"; flowbits:isset,seen; sid:2;)",
           "exploit: both\ntcp 7\n> HELO\n< ok\n> EVIL\n"
           "benign: only the second\ntcp 7\n> EVIL\n");
}

static void a_pass_rule_lets_the_rest_of_the_flow_through(void **state)
{
    (void)state;
    expect("pass http any any -> any any (http.host; content:\"good.example\"; sid:1;)\n"
           "drop http any any -> any any (http.uri; content:\"/x\"; sid:2;)",
           "benign: passed\n> GET /x HTTP/1.1\\r\\nHost: good.example\\r\\n\\r\\n\n"
           "exploit: not passed\n> GET /x HTTP/1.1\\r\\nHost: bad.example\\r\\n\\r\\n\n");
}

static void requests_without_answers_do_not_pile_up(void **state)
{
    (void)state;
    static char exchange[400000];
    size_t used = (size_t)snprintf(exchange, sizeof exchange, "benign: many\n");
    for (int i = 0; i < 5000; i++)
        used += (size_t)snprintf(exchange + used, sizeof exchange - used,
                                 "> GET /%d HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\n", i);
    expect("drop http any any -> any any (http.uri; content:\"/evil\"; sid:1;)", exchange);
}

static void byte_jump_follows_a_length(void **state)
{
    (void)state;
    expect("drop udp any any -> any 9 (content:\"L\"; byte_jump:1,0,relative; content:\"X\"; "
           "distance:0; within:1; sid:1;)",
           "exploit: jumps on it\nudp 9\n> L\\x03abcX\n"
           "benign: jumps past\nudp 9\n> L\\x02abcX\n");
}

static void a_dns_name_is_matched_without_its_length_bytes(void **state)
{
    (void)state;
    expect("drop dns any any -> any any (dns.query; dotprefix; content:\".evil.example\"; nocase; "
           "endswith; sid:1;)",
           "exploit: subdomain\nudp 53\n> \\x00\\x01\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
           "\\x01c\\x04EVIL\\x07example\\x00\\x00\\x01\\x00\\x01\n"
           "benign: another\nudp 53\n> \\x00\\x01\\x01\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00"
           "\\x06notbad\\x07example\\x00\\x00\\x01\\x00\\x01\n");
}

static void a_bad_rule_names_file_line_sid_and_option(void **state)
{
    (void)state;
    struct sek_fault fault;
    static const struct {
        const char *rule, *part;
    } table[] = {
        {"alert tcp any any -> any any (content:\"a; sid:7;)", "';'"},
        {"alert tcp any any -> any any (contents:\"a\"; sid:7;)", "'contents'"},
        {"alert tcp any any -> any 99999 (sid:7;)", "99999"},
        {"alert tcp $NOBODY any -> any any (sid:7;)", "$NOBODY"},
        {"alert tcp any any -> any any (pcre:\"/(/\"; sid:7;)", "expression"},
        {"alert tcp any any -> any any (content:\"a\"; depth:0; sid:7;)", "depth"},
        {"alert tcp any any -> any any (msg:\"x\";)", "sid"},
        {"alert nothing any any -> any any (sid:7;)", "nothing"},
        {"jump tcp any any -> any any (sid:7;)", "jump"},
        {"alert tcp any any -> any any sid:7;", "'('"},
        {"alert tcp any any -> any any (content:\"|4|\"; sid:7;)", "odd"},
        {"alert tcp any any -> any any (byte_test:9,>,1,0; sid:7;)", "byte_test"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct sek_rules *rules = sek_rules_new(NULL, &fault);
        char text[300];
        int n = snprintf(text, sizeof text, "# first line\n%s\n", table[i].rule);
        assert_int_equal(sek_rules_load_text(rules, "bad.rules", text, (size_t)n, &fault), SEK_OK);
        assert_int_equal(rules->failed, 1);
        assert_int_equal(rules->errors->line, 2);
        assert_string_equal(rules->errors->file, "bad.rules");
        if (!strstr(rules->errors->message, table[i].part))
            fail_msg("'%s' does not name %s", rules->errors->message, table[i].part);
        sek_rules_free(rules);
    }
}

static void address_sets_combine_lists_and_negation(void **state)
{
    (void)state;
    struct sek_arena arena = {0};
    struct sek_variables *v = sek_variables_new();
    const struct sek_address_set *set;
    struct sek_addr a;
    struct sek_fault fault;
    sek_variables_set(v, "NET", "[10.0.0.0/8,!10.1.0.0/16]", false);
    assert_int_equal(sek_address_set_parse(&arena, v, "[$NET,!10.2.3.4,2001:db8::/32]", &set, &fault),
                     SEK_OK);
    static const struct {
        const char *text;
        bool in;
    } table[] = {{"10.0.0.1", true},  {"10.1.2.3", false}, {"10.2.3.4", false}, {"10.2.3.5", true},
                 {"11.0.0.1", false}, {"2001:db8::1", true}, {"2001:db9::1", false}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        int version = sek_addr_parse(table[i].text, &a);
        assert_int_equal(sek_address_set_has(set, &a, version), table[i].in);
    }
    sek_variables_free(v);
    sek_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_content_with_distance_and_within_matches_only_there),
        cmocka_unit_test(a_pattern_over_two_segments_is_found),
        cmocka_unit_test(contents_of_one_rule_may_come_in_different_segments),
        cmocka_unit_test(uri_is_normalised_before_it_is_matched),
        cmocka_unit_test(every_header_is_in_the_header_buffer),
        cmocka_unit_test(a_chunked_body_is_joined),
        cmocka_unit_test(flowbits_carry_from_one_packet_to_the_next),
        cmocka_unit_test(a_pass_rule_lets_the_rest_of_the_flow_through),
        cmocka_unit_test(requests_without_answers_do_not_pile_up),
        cmocka_unit_test(byte_jump_follows_a_length),
        cmocka_unit_test(a_dns_name_is_matched_without_its_length_bytes),
        cmocka_unit_test(a_bad_rule_names_file_line_sid_and_option),
        cmocka_unit_test(address_sets_combine_lists_and_negation),
    };
    return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
