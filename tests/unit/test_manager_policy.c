/* objects: manager/policy.c manager/policy_schema.c agent/worker/policy.c agent/worker/duties_check.c agent/section.c agent/integrity/options.c agent/logs/options.c agent/malware/options.c agent/lockdown/responder.c agent/lockdown/lease.c agent/lockdown/updater.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c agent/settle.c agent/event.c agent/message.c agent/guard/learned.c */
/* The policy's members: what is refused, at which place, that the schema says the same, and that a
 * device takes what the manager takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guard/learned.h"
#include "agent/worker/policy.h"
#include "manager/policy.h"

/* What the manager takes and a device does not would stop the whole bundle there. */
static void expect_device_takes(const json_t *policy)
{
    struct sek_policy p;
    struct sek_fault fault = {0};
    char *text = json_dumps(policy, JSON_COMPACT);
    if (sek_policy_parse(&p, text, strlen(text), &fault))
        fail_msg("the device refuses %s: %s", text, fault.message);
    free(text);
}

/* {SECTION: {MEMBER: VALUE (taken)}} passes or not. */
static enum sek_error check(const char *section, const char *member, json_t *value,
                            struct sek_fault *fault)
{
    json_t *policy = json_pack("{s:{s:o}}", section, member, value);
    enum sek_error rc = sek_policy_check(policy, fault);
    if (!rc)
        expect_device_takes(policy);
    json_decref(policy);
    return rc;
}

static void expect_place(const char *text, const char *place, const char *words)
{
    struct sek_fault fault = {0};
    char pointer[SEK_POLICY_POINTER];
    json_t *policy = json_loads(text, 0, NULL);
    assert_non_null(policy);
    enum sek_error rc = sek_policy_check(policy, &fault);
    if (rc != SEK_EINVAL && rc != SEK_ELIMIT)
        fail_msg("%s passes", text);
    const char *detail = sek_policy_place(&fault, pointer);
    if (strcmp(pointer, place) != 0 || !strstr(detail, words))
        fail_msg("%s: '%s' at %s, expected '%s' at %s", text, detail, pointer, words, place);
    json_decref(policy);
}

static void the_first_policy_passes_here_and_on_the_device(void **state)
{
    json_t *policy = sek_policy_initial();
    (void)state;
    assert_int_equal(sek_policy_check(policy, NULL), SEK_OK);
    expect_device_takes(policy);
    json_decref(policy);
}

static void a_wrong_member_is_named_by_its_place_with_what_is_expected(void **state)
{
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        {"{\"entry\":{\"mode\":\"maybe\"}}", "/entry/mode",
         "found 'maybe', expected one of prevent, detect, off"},
        {"{\"entry\":{\"mode\":7}}", "/entry/mode", "found a number, expected one of"},
        {"{\"entry\":{\"probe_threshold\":0}}", "/entry/probe_threshold",
         "found 0, expected a number from 1 to 10000"},
        {"{\"entry\":{\"probe_threshold\":2.5}}", "/entry/probe_threshold", "a whole number"},
        {"{\"inside\":{\"scopes\":[\"/\",\"usr\"]}}", "/inside/scopes/1",
         "an absolute path, or all"},
        {"{\"inside\":{\"scopes\":[\"/a\",\"/b\",\"/c\",\"/d\",\"/e\"]}}", "/inside/scopes",
         "at most 4"},
        {"{\"integrity\":{\"paths\":[\"all\"]}}", "/integrity/paths/0", "an absolute path of"},
        {"{\"integrity\":{\"secret\":[\"\"]}}", "/integrity/secret/0", "a name or pattern"},
        {"{\"integrity\":{\"mode\":\"prevent\"}}", "/integrity/mode", "one of detect, off"},
        {"{\"logs\":{\"journal\":\"yes\"}}", "/logs/journal", "found text, expected true or false"},
        {"{\"logs\":{\"level\":16}}", "/logs/level", "from 1 to 15"},
        {"{\"malware\":{\"clamd\":\"run\"}}", "/malware/clamd", "an absolute path"},
        {"{\"exit\":{\"speed\":1}}", "/exit/speed", "no such field"},
        {"{\"exit\":{\"a/b~c\":1}}", "/exit/a~1b~0c", "no such field"},
        {"{\"exit\":{\"default\":\"block\"}}", "/exit/default",
         "found 'block', expected one of allow, learn, detect, deny"},
        {"{\"exit\":{\"destinations\":[\"* 443/tcp a.example /bin/a\",\"* 443/tcp a.example\"]}}",
         "/exit/destinations/1", "an absolute path last"},
        {"{\"fleet\":{\"silence_s\":4}}", "/fleet/silence_s", "from 5 to 2592000"},
        {"{\"exits\":{}}", "/exits", "no such field"},
        {"{\"exit\":3}", "/exit", "found a number, expected an object"},
        {"{\"firewall\":[]}", "/firewall", "an object"},
        {"{\"firewall\":{\"mode\":\"on\"}}", "/firewall/mode", "off, detect, enforce"},
        {"{\"firewall\":{\"sets\":{\"a\":[\"10.0.0.1/8\"]}}}", "/firewall/sets/a/0", "a prefix"},
        {"{\"firewall\":{\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\","
         "\"proto\":\"tcp\",\"ports\":[0]}]}}",
         "/firewall/rules/0/ports/0", "a port 1..65535"},
        {"{\"firewall\":{\"rules\":[{\"name\":\"a b\",\"direction\":\"in\",\"action\":\"drop\"}]}}",
         "/firewall/rules/0/name", "letters, digits"},
        {"{\"firewall\":{\"rules\":[{\"name\":\"a\",\"direction\":\"in\",\"action\":\"drop\","
         "\"colour\":1}]}}",
         "/firewall/rules/0/colour", "no such field"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_place(cases[i].text, cases[i].place, cases[i].words);
}

static void a_place_of_any_length_stays_within_its_room(void **state)
{
    struct sek_fault fault;
    char pointer[SEK_POLICY_POINTER];
    (void)state;
    memset(fault.message, '~', 500);
    strcpy(fault.message + 500, ": x");
    assert_string_equal(sek_policy_place(&fault, pointer), "x");
    assert_in_range(strlen(pointer), 200, SEK_POLICY_POINTER - 1);
    strcpy(fault.message, "out of memory");
    assert_string_equal(sek_policy_place(&fault, pointer), "out of memory");
    assert_string_equal(pointer, "");
}

static void a_permission_is_one_line_of_four_good_words(void **state)
{
#define DIGEST "a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5a3f5"
    static const char *const good[] = {
        "* 443/tcp updates.example /usr/bin/updater",
        DIGEST " any/any any /usr/bin/a program with blanks",
        "* 53/udp 192.0.2.0/24 *",
        "* 0/raw 2001:db8::/32 /usr/bin/ping",
        "* 123/udp *.pool.example /usr/sbin/chronyd",
        "* 8080/tcp listen /usr/bin/httpd",
    };
    static const char *const bad[] = {
        "",
        "# a remark",
        "443/tcp updates.example /usr/bin/updater",
        "a3f5 443/tcp updates.example /usr/bin/updater",
        DIGEST " 443/tcp updates.example *",
        "* 65536/tcp updates.example /usr/bin/updater",
        "* 443 updates.example /usr/bin/updater",
        "* 443/icmp updates.example /usr/bin/updater",
        "* 443/any listen /usr/bin/updater",
        "* 443/tcp up<dates /usr/bin/updater",
        "* 443/tcp *. /usr/bin/updater",
        "* 443/tcp 192.0.2.1/24 /usr/bin/updater",
        "* 443/tcp updates.example usr/bin/updater",
        "* 443/tcp updates.example /usr/bin/updater\n* any/any any *",
    };
    struct sek_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct sek_learned table = {0};
        if (check("exit", "destinations", json_pack("[s]", good[i]), &fault) ||
            sek_learned_parse(&table, "of the device", good[i], strlen(good[i]), &fault))
            fail_msg("%s", fault.message);
        assert_int_equal(table.count, 1);
        sek_learned_free(&table);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!check("exit", "destinations", json_pack("[s]", bad[i]), &fault))
            fail_msg("'%s' passes", bad[i]);
    char *line = malloc(2001);
    memset(line, ' ', 2000);
    memcpy(line, "* 443/tcp a.example /b", 22);
    line[2000] = '\0';
    assert_int_equal(check("exit", "destinations", json_pack("[s]", line), &fault), SEK_EINVAL);
    free(line);
}

/* One member as its schema says: what it allows passes, what is just beyond does not. */
static void try_member(const char *section, const char *member, const json_t *schema)
{
    struct sek_fault fault;
    const char *type = json_string_value(json_object_get(schema, "type"));
    const json_t *low = json_object_get(schema, "minimum"),
                 *words = json_object_get(schema, "enum");
    const json_t *most = json_object_get(schema, "maxItems");
    const json_t *fallback = json_object_get(schema, "default");
    size_t i;
    json_t *word;
    if (fallback && check(section, member, json_deep_copy(fallback), &fault))
        fail_msg("%s.%s: its default does not pass: %s", section, member, fault.message);
    assert_int_not_equal(check(section, member, json_real(1.5), &fault), SEK_OK);
    assert_int_not_equal(check(section, member, json_null(), &fault), SEK_OK);
    if (!strcmp(type, "integer")) {
        json_int_t a = json_integer_value(low);
        json_int_t b = json_integer_value(json_object_get(schema, "maximum"));
        assert_int_equal(check(section, member, json_integer(a), &fault), SEK_OK);
        assert_int_equal(check(section, member, json_integer(b), &fault), SEK_OK);
        assert_int_equal(check(section, member, json_integer(a - 1), &fault), SEK_EINVAL);
        assert_int_equal(check(section, member, json_integer(b + 1), &fault), SEK_EINVAL);
        assert_int_equal(check(section, member, json_string("5"), &fault), SEK_EINVAL);
    }
    json_array_foreach(words, i, word)
        assert_int_equal(check(section, member, json_incref(word), &fault), SEK_OK);
    if (words)
        assert_int_equal(check(section, member, json_string("nonsense"), &fault), SEK_EINVAL);
    if (most && strcmp(section, "firewall") && strcmp(member, "destinations")) {
        json_t *list = json_array();
        for (json_int_t k = 0; k < json_integer_value(most); k++)
            json_array_append_new(list, json_string("/a"));
        assert_int_equal(check(section, member, json_deep_copy(list), &fault), SEK_OK);
        json_array_append_new(list, json_string("/a"));
        assert_int_equal(check(section, member, list, &fault), SEK_EINVAL);
        char text[SEK_POLICY_ITEM + 2];
        memset(text, '/', sizeof text);
        text[SEK_POLICY_ITEM + 1] = '\0';
        assert_int_equal(check(section, member, json_pack("[s]", text), &fault), SEK_EINVAL);
        text[SEK_POLICY_ITEM] = '\0';
        assert_int_equal(check(section, member, json_pack("[s]", text), &fault), SEK_OK);
    }
}

static void the_schema_allows_what_manager_and_device_take(void **state)
{
    const char *name, *member;
    json_t *section, *schema, *whole = sek_policy_schema();
    size_t members = 0;
    (void)state;
    json_object_foreach(json_object_get(whole, "properties"), name, section)
    {
        json_object_foreach(json_object_get(section, "properties"), member, schema)
        {
            try_member(name, member, schema);
            members++;
        }
    }
    assert_int_equal(members, 44);
    json_decref(whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_policy_passes_here_and_on_the_device),
        cmocka_unit_test(a_wrong_member_is_named_by_its_place_with_what_is_expected),
        cmocka_unit_test(a_place_of_any_length_stays_within_its_room),
        cmocka_unit_test(a_permission_is_one_line_of_four_good_words),
        cmocka_unit_test(the_schema_allows_what_manager_and_device_take),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
