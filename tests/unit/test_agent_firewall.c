/* objects: agent/guard/ruleset.c */
/* The firewall section of the policy: what is refused, and what becomes of it as text for nft. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "agent/guard/ruleset.h"

#include <stdlib.h>
#include <string.h>

static struct sek_ruleset ruleset;

static enum sek_error parse(const char *text, struct sek_fault *fault)
{
    json_t *root = json_loads(text, 0, NULL);
    assert_non_null(root);
    enum sek_error rc = sek_ruleset_parse(root, &ruleset, fault);
    json_decref(root);
    return rc;
}

static void a_wrong_field_is_named(void **state)
{
    static const struct {
        const char *section, *named;
    } table[] = {
        {"{\"mode\":\"on\"}", "firewall.mode"},
        {"{\"default_in\":\"reject\"}", "firewall.default_in"},
        {"{\"colour\":1}", "firewall.colour"},
        {"{\"sets\":{\"a b\":[]}}", "firewall.sets"},
        {"{\"sets\":{\"a\":[\"192.0.2.1/24\"]}}", "firewall.sets.a[0]"},
        {"{\"sets\":{\"a\":[\"2001:db8::/129\"]}}", "firewall.sets.a[0]"},
        {"{\"rules\":{}}", "firewall.rules"},
        {"{\"rules\":[{}]}", "firewall.rules[0].name"},
        {"{\"rules\":[{\"name\":\"a\",\"action\":\"drop\"}]}", "firewall.rules[0].direction"},
        {"{\"rules\":[{\"name\":\"a\",\"direction\":\"in\"}]}", "firewall.rules[0].action"},
        {"{\"rules\":[{\"name\":\"a\\\" accept\",\"direction\":\"in\",\"action\":\"drop\"}]}",
         "firewall.rules[0].name"},
#define RULE(more)                                                                                 \
    "{\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\"," more "}]}"
        {RULE("\"ports\":[22]"), "firewall.rules[0].proto"},
        {RULE("\"proto\":\"tcp\",\"ports\":[0]"), "firewall.rules[0].ports[0]"},
        {RULE("\"proto\":\"tcp\",\"ports\":[65536]"), "firewall.rules[0].ports[0]"},
        {RULE("\"proto\":\"tcp\",\"ports\":[1,\"90-80\"]"), "firewall.rules[0].ports[1]"},
        {RULE("\"proto\":\"sctp\""), "firewall.rules[0].proto"},
        {RULE("\"addresses\":[\"set:nobody\"]"), "firewall.rules[0].addresses[0]"},
        {RULE("\"addresses\":[\"1.2.3.4\",\"1.2.3\"]"), "firewall.rules[0].addresses[1]"},
        {RULE("\"addresses\":[]"), "firewall.rules[0].addresses"},
        {RULE("\"process\":\"sshd\""), "firewall.rules[0].process"},
        {RULE("\"process\":\"user:root\""), "firewall.rules[0].process"},
        {RULE("\"process\":\"cgroup:a/../b\""), "firewall.rules[0].process"},
        {RULE("\"process\":\"/bin/a\\nflush ruleset\""), "firewall.rules[0].process"},
        {RULE("\"interface\":\"eth0\\\" accept\""), "firewall.rules[0].interface"},
        {RULE("\"interface\":\"abcdefghijklmnop\""), "firewall.rules[0].interface"},
        {RULE("\"rate\":\"10\""), "firewall.rules[0].rate"},
        {RULE("\"rate\":\"10/week\""), "firewall.rules[0].rate"},
        {RULE("\"rate\":\"0/second\""), "firewall.rules[0].rate"},
        {RULE("\"port\":22"), "firewall.rules[0].port"},
        {"{\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\"},"
         "{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\"}]}",
         "firewall.rules[1].name"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct sek_fault fault = {0};
        assert_int_not_equal(parse(table[i].section, &fault), SEK_OK);
        if (!strstr(fault.message, table[i].named))
            fail_msg("%s: %s", table[i].section, fault.message);
    }
}

static bool no_marks(void *arg, const char *kind, const char *word, struct sek_text *out)
{
    (void)arg;
    if (!strcmp(kind, "always4"))
        sek_text_puts(out, "127.0.0.0/8");
    else if (!strcmp(kind, "user") && !strcmp(word, "www-data"))
        sek_text_puts(out, "33");
    else
        return false;
    return true;
}

/* The compiled and expanded text of SECTION. */
static char *text_of(const char *section, unsigned *left_out)
{
    struct sek_fault fault;
    struct sek_text template = {0}, out = {0};
    unsigned gone;
    assert_int_equal(parse(section, &fault), SEK_OK);
    assert_int_equal(sek_ruleset_check(&ruleset, &fault), SEK_OK);
    sek_ruleset_compile(&ruleset, 7, &template);
    gone = sek_ruleset_expand(template.data, no_marks, NULL, &out);
    if (left_out)
        *left_out = gone;
    sek_text_free(&template);
    return out.data;
}

static void a_rule_becomes_lines_of_nft(void **state)
{
    static const struct {
        const char *rule, *line;
    } table[] = {
        {"\"direction\":\"in\",\"action\":\"accept\",\"proto\":\"tcp\",\"ports\":[22,\"8000-"
         "8100\"]",
         "  meta l4proto tcp th dport { 22-22, 8000-8100 } jump rule_0\n"},
        {"\"direction\":\"in\",\"action\":\"accept\",\"addresses\":[\"set:office\"]",
         "  ip saddr @s_office_4 jump rule_0\n  ip6 saddr @s_office_6 jump rule_0\n"},
        {"\"direction\":\"out\",\"action\":\"accept\",\"addresses\":[\"198.51.100.7\"]",
         "  ip daddr @r_0_4 jump rule_0\n"},
        {"\"direction\":\"out\",\"action\":\"accept\",\"addresses\":[\"198.51.100.7\"]",
         " set r_0_4 {\n  type ipv4_addr\n  flags interval\n  auto-merge\n"
         "  elements = { 198.51.100.7/32 }\n }\n"},
        {"\"direction\":\"out\",\"action\":\"drop\",\"process\":\"user:www-data\"",
         "  meta skuid 33 jump rule_0\n"},
        {"\"direction\":\"in\",\"action\":\"drop\",\"interface\":\"eth*\",\"proto\":\"icmp\"",
         "  iifname \"eth*\" meta l4proto { icmp, ipv6-icmp } jump rule_0\n"},
        {"\"direction\":\"in\",\"action\":\"drop\"",
         " chain rule_0 {\n  limit rate 20/second burst 40 packets log prefix "
         "\"sekisho_fw enforce in a\" group 7\n  drop\n }\n"},
        {"\"direction\":\"in\",\"action\":\"accept\",\"rate\":\"10/second\"",
         " chain rule_0 {\n  limit rate over 10/second return\n  accept\n }\n"},
        {"\"direction\":\"in\",\"action\":\"drop\",\"rate\":\"5/minute\"",
         " chain rule_0 {\n  limit rate 5/minute return\n"},
        {"\"direction\":\"in\",\"action\":\"reject\"",
         "  meta l4proto tcp reject with tcp reset\n"},
        {"\"direction\":\"forward\",\"action\":\"drop\",\"addresses\":[\"set:office\"]",
         "  ip daddr @s_office_4 jump rule_0\n  ip saddr @s_office_4 jump rule_0\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char section[600];
        snprintf(section, sizeof section,
                 "{\"mode\":\"enforce\",\"sets\":{\"office\":[\"192.0.2.0/24\",\"2001:db8::/32\"]},"
                 "\"rules\":[{\"name\":\"a\",%s}]}",
                 table[i].rule);
        char *text = text_of(section, NULL);
        if (!strstr(text, table[i].line))
            fail_msg("%s\nnot in\n%s", table[i].line, text);
        free(text);
    }
}

static void detect_mode_drops_nothing(void **state)
{
    (void)state;
    char *text = text_of("{\"mode\":\"detect\",\"default_in\":\"drop\",\"default_out\":\"drop\","
                         "\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\"},"
                         "{\"name\":\"b\",\"direction\":\"out\",\"action\":\"reject\"}]}",
                         NULL);
    assert_null(strstr(text, "  drop\n"));
    assert_null(strstr(text, "reject"));
    assert_non_null(strstr(text, "sekisho_fw detect in default"));
    free(text);
}

static void what_nobody_may_shut_out_stands_before_every_rule(void **state)
{
    (void)state;
    char *text = text_of("{\"mode\":\"enforce\",\"default_in\":\"drop\",\"default_out\":\"drop\","
                         "\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\"}]}",
                         NULL);
    const char *input = strstr(text, " chain input {");
    assert_non_null(input);
    const char *rule = strstr(input, "jump rule_0");
    static const char *const always[] = {"ct state established,related accept",
                                         "iifname \"lo\" accept", "ip saddr @always_4 accept",
                                         "nd-neighbor-solicit", "udp sport 67 udp dport 68 accept"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++) {
        const char *at = strstr(input, always[i]);
        assert_non_null(at);
        assert_true(at < rule);
    }
    assert_non_null(strstr(text, "elements = { 127.0.0.0/8 }"));
    free(text);
}

static void a_line_whose_user_or_cgroup_is_not_there_is_left_out_and_counted(void **state)
{
    unsigned left_out;
    (void)state;
    char *text = text_of("{\"mode\":\"enforce\",\"rules\":["
                         "{\"name\":\"a\",\"direction\":\"out\",\"action\":\"drop\","
                         "\"process\":\"cgroup:/system.slice/x.service\"},"
                         "{\"name\":\"b\",\"direction\":\"out\",\"action\":\"drop\","
                         "\"process\":\"user:nobody-here\"}]}",
                         &left_out);
    assert_int_equal(left_out, 3); /* and the empty IPv6 elements */
    assert_null(strstr(text, "jump rule_0"));
    assert_null(strstr(text, "jump rule_1"));
    assert_null(strchr(text, '<'));
    free(text);
}

static void a_structure_that_the_parser_does_not_make_is_refused(void **state)
{
    struct sek_fault fault;
    struct sek_ruleset *r = malloc(sizeof *r);
    const char *good =
        "{\"mode\":\"enforce\",\"sets\":{\"a\":[\"1.2.3.4\"]},\"rules\":[{\"name\":"
        "\"a\",\"direction\":\"in\",\"action\":\"drop\",\"addresses\":[\"set:a\"]}]}";
    (void)state;
    assert_non_null(r);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(parse(good, &fault), SEK_OK);
        *r = ruleset;
        assert_int_equal(sek_ruleset_check(r, &fault), SEK_OK);
        switch (i) {
        case 0:
            r->mode = 3;
            break;
        case 1:
            r->rule_count = SEK_RULESET_RULES + 1;
            break;
        case 2:
            memset(r->rules[0].name, 'a', sizeof r->rules[0].name);
            break;
        case 3:
            strcpy(r->rules[0].interface, "a\nb");
            break;
        case 4:
            r->rules[0].sets[0] = 1;
            break;
        case 5:
            r->rules[0].first = 1, r->rules[0].count = 1;
            break;
        case 6:
            r->sets[0].count = 2;
            break;
        case 7:
            r->prefixes[0].bits = 33;
            break;
        }
        assert_int_equal(sek_ruleset_check(r, &fault), SEK_EINVAL);
    }
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_field_is_named),
        cmocka_unit_test(a_rule_becomes_lines_of_nft),
        cmocka_unit_test(detect_mode_drops_nothing),
        cmocka_unit_test(what_nobody_may_shut_out_stands_before_every_rule),
        cmocka_unit_test(a_line_whose_user_or_cgroup_is_not_there_is_left_out_and_counted),
        cmocka_unit_test(a_structure_that_the_parser_does_not_make_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
