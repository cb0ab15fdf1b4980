/* objects: agent/logs/line.c agent/logs/rules.c agent/logs/engine.c agent/logs/selftest.c agent/logs/follow.c agent/section.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/worker/policy.c agent/worker/duties_check.c agent/integrity/options.c agent/logs/options.c agent/malware/options.c agent/filehash.c */
/* Log inspection: lines, rule files, counting, and text of a client that looks like the program's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/logs/engine.h"
#include "agent/logs/follow.h"
#include "agent/logs/logs.h"

static struct sek_log_rules shipped;

static int load_shipped(void **state)
{
    struct sek_fault fault;
    (void)state;
    if (sek_log_rules_load(&shipped, "content/logs", &fault))
        fprintf(stderr, "%s\n", fault.message);
    return !shipped.rule_count;
}

static int free_shipped(void **state)
{
    (void)state;
    sek_log_rules_free(&shipped);
    return 0;
}

static void assert_line(const char *text, const char *program, const char *message)
{
    struct sek_log_line l;
    sek_log_line_parse(&l, "f", text, strlen(text));
    assert_int_equal(l.program.len, strlen(program));
    assert_memory_equal(l.program.data ? l.program.data : "", program, l.program.len);
    assert_int_equal(l.message.len, strlen(message));
    assert_memory_equal(l.message.data, message, l.message.len);
}

static void a_line_is_parted_into_program_and_message(void **state)
{
    (void)state;
    assert_line("Jan  2 03:04:05 host sshd[77]: text: more", "sshd", "text: more");
    assert_line("<34>Jan 12 03:04:05 host su: text", "su", "text");
    assert_line("2026-01-02T03:04:05.678901+00:00 host sudo: a : b", "sudo", "a : b");
    assert_line("Jan  2 03:04:05 host kernel: [ 1.0] x\r", "kernel", "[ 1.0] x");
    assert_line("not syslog at all", "", "not syslog at all");
    assert_line("Jan  2 03:04:05 host no tag here", "", "Jan  2 03:04:05 host no tag here");
    assert_line("Jan  2 03:04:05 host a[b]: x", "", "Jan  2 03:04:05 host a[b]: x");
    assert_line("Jan  2 03:04:05 ", "", "Jan  2 03:04:05 ");
    assert_line("", "", "");
}

static void every_shipped_rule_passes_its_own_lines(void **state)
{
    struct sek_fault fault;
    unsigned rules;
    (void)state;
    assert_int_equal(sek_logs_self_test("content/logs", &rules, &fault), 0);
    assert_true(rules >= 50);
}

/* The address that TEXT would get blocked after COUNT times; "": none. */
static const char *blocked_of(struct sek_log_engine *e, const char *text, int count, uint64_t now,
                              int64_t uid, const char *unit)
{
    static char address[46];
    struct sek_log_finding f;
    struct sek_log_line line;
    address[0] = '\0';
    for (int i = 0; i < count; i++) {
        sek_log_line_parse(&line, "-", text, strlen(text));
        line.uid = uid;
        line.unit = (struct sek_log_text){unit, (uint32_t)strlen(unit)};
        sek_log_engine_line(e, &line, now, &f);
        if (f.response)
            snprintf(address, sizeof address, "%s", f.address);
    }
    return address;
}

static const char *blocked(struct sek_log_engine *e, const char *text, int count, uint64_t now,
                           int64_t uid)
{
    return blocked_of(e, text, count, now, uid, "");
}

#define SYSLOG "Jan  2 03:04:05 host sshd[77]: "

static void text_of_a_client_never_gets_another_address_blocked(void **state)
{
    static const char *const hostile[] = {
        SYSLOG "Failed password for invalid user a from 198.51.100.9 port 1 ssh2 from 203.0.113.5 "
               "port 2 ssh2",
        SYSLOG
        "Failed password for invalid user Failed password for root from 198.51.100.9 port 1 ssh2"
        " from 203.0.113.5 port 2 ssh2",
        SYSLOG "Invalid user x from 198.51.100.9 port 1 from 203.0.113.5 port 2",
        "203.0.113.5 - 198.51.100.9 - - [02/Jan/2026:03:04:05 +0000] \"GET /cgi-bin/x?;wget+a "
        "HTTP/1.1\""
        " 404 1 \"-\" \"198.51.100.9 - - [x] \\\"GET / HTTP/1.1\\\" 401 1\"",
    };
    static const char *const ignored[] = {
        SYSLOG "Failed password for root from not-an-address port 2 ssh2",
        SYSLOG "Failed password for root from 1.2.3.4.5 port 2 ssh2",
        "Jan  2 03:04:05 host other[77]: Failed password for root from 198.51.100.9 port 2 ssh2",
        SYSLOG "x Failed password for root from 198.51.100.9 port 2 ssh2",
        "2026-01-02 03:04:05.678 UTC [77] FATAL:  no pg_hba.conf entry for host \"198.51.100.9\", "
        "user \"@x"
        " FATAL:  no pg_hba.conf entry for host \"203.0.113.5\", user \"...",
    };
    struct sek_log_engine *e = sek_log_engine_new(&shipped);
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        assert_string_equal(blocked(e, hostile[i], 12, 100 + 1000 * i, -1), "203.0.113.5");
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
        assert_string_equal(blocked(e, ignored[i], 12, 100000 + 1000 * i, -1), "");
    /* The journal knows the writer: only root's sshd is sshd. */
    assert_string_equal(blocked(e, SYSLOG "Failed password for root from 198.51.100.9 port 2 ssh2",
                                12, 200000, 1000),
                        "");
    assert_string_equal(
        blocked(e, SYSLOG "Failed password for root from 198.51.100.9 port 2 ssh2", 12, 300000, 0),
        "198.51.100.9");
    /* A broker has a user of its own: what counts is its unit. */
    const char *broker = "Jan  2 03:04:05 host mosquitto[77]: Client x [198.51.100.7:4] disconnected: not "
                         "authorised.";
    assert_string_equal(blocked_of(e, broker, 12, 400000, 1000, ""), "");
    assert_string_equal(blocked_of(e, broker, 12, 400000, 1000, "user@1000.service"), "");
    assert_string_equal(blocked_of(e, broker, 12, 500000, 107, "mosquitto.service"), "198.51.100.7");
    assert_string_equal(blocked_of(e, broker, 12, 600000, -1, ""), "198.51.100.7"); /* a file */
    sek_log_engine_free(e);
}

static void a_rule_counts_within_its_time_and_is_quiet_afterwards(void **state)
{
    const char *line = SYSLOG "Failed password for root from 203.0.113.5 port 2 ssh2";
    const char *other = SYSLOG "Failed password for root from 203.0.113.6 port 2 ssh2";
    struct sek_log_engine *e = sek_log_engine_new(&shipped);
    (void)state;
    for (int i = 0; i < 20; i++) /* one in 20 s: never five within 60 s */
        assert_string_equal(blocked(e, line, 1, 1000 + 20 * (uint64_t)i, -1), "");
    assert_string_equal(blocked(e, line, 4, 5000, -1), "");
    assert_string_equal(blocked(e, other, 4, 5000, -1), ""); /* each address by itself */
    assert_string_equal(blocked(e, line, 1, 5001, -1), "203.0.113.5");
    assert_string_equal(blocked(e, line, 30, 5050, -1), ""); /* ignore: 60 s */
    assert_string_equal(blocked(e, line, 5, 5062, -1), "203.0.113.5");
    sek_log_engine_free(e);
}

static void a_hostile_line_costs_no_more_than_the_limit(void **state)
{
    static const char rules[] =
        "decoders:\n  - name: slow\n    pattern: '^(a+)+$'\n"
        "rules:\n  - {id: 1, level: 5, description: d, decoder: slow, match: [a], no_match: [b]}\n";
    struct sek_log_rules set = {0};
    struct sek_fault fault;
    char text[8000];
    struct sek_log_line line;
    struct sek_log_finding f;
    struct timespec begin, end;
    (void)state;
    assert_int_equal(sek_log_rules_parse(&set, "r", rules, strlen(rules), &fault), SEK_OK);
    struct sek_log_engine *e = sek_log_engine_new(&set);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '!';
    sek_log_line_parse(&line, "f", text, sizeof text);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    sek_log_engine_line(e, &line, 1, &f);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    assert_null(f.decoder);
    assert_true(end.tv_sec - begin.tv_sec < 2);
    sek_log_engine_free(e);
    sek_log_rules_free(&set);
}

static void a_wrong_rule_file_is_named_with_line_and_rule(void **state)
{
    static const char *const good =
        "decoders:\n  - name: d\n    pattern: '^x (?<f>.*)$'\nrules:\n  - id: 5\n    level: 5\n"
        "    description: t\n    decoder: d\n    match: [x 1]\n    no_match: [y]\n";
    static const struct {
        const char *find, *put, *fault;
    } cases[] = {
        {"'^x (?<f>.*)$'", "'x'", "r:3: decoder d: the pattern must begin with ^"},
        {"'^x (?<f>.*)$'", "'^x('", "r:3: decoders.0.pattern: not a pattern"},
        {"decoder: d", "decoder: e", "r:8: rule 5: decoder: no 'e' is there"},
        {"decoder: d", "of: 9", "r:8: rule 5: of: found 9"},
        {"level: 5", "level: 16", "r:6: rules.0.level: found '16'"},
        {"    no_match: [y]\n", "", "r:5: rule 5: expected at least one line in no_match"},
        {"no_match: [y]", "no_match: [y]\n    colour: red", "r:11: rules.0.colour: unknown key"},
        {"no_match: [y]", "no_match: [y]\n    respond: burn",
         "respond: found 'burn', expected block"},
        {"no_match: [y]", "no_match: [y]\n    frequency: 5", "rule 5: expected within"},
    };
    struct sek_log_rules set = {0};
    struct sek_fault fault;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[600];
        const char *at = strstr(good, cases[i].find);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, cases[i].put,
                 at + strlen(cases[i].find));
        assert_true(sek_log_rules_parse(&set, "r", text, strlen(text), &fault) != SEK_OK);
        if (!strstr(fault.message, cases[i].fault))
            fail_msg("found: %s", fault.message);
        assert_int_equal(set.rule_count, 0);
        assert_int_equal(set.decoder_count, 0);
    }
    assert_int_equal(sek_log_rules_parse(&set, "r", good, strlen(good), &fault), SEK_OK);
    assert_int_equal(sek_log_rules_parse(&set, "r", good, strlen(good), &fault), SEK_EEXIST);
    sek_log_rules_free(&set);
}

static void a_finding_is_an_event_with_fields_and_the_line(void **state)
{
    const char *text = SYSLOG "Failed password for \x01\xff\"q from 203.0.113.5 port 2 ssh2";
    struct sek_log_engine *e = sek_log_engine_new(&shipped);
    struct sek_log_line line;
    struct sek_log_finding f;
    struct sek_text out = {0};
    (void)state;
    for (int i = 0; i < 5; i++) {
        sek_log_line_parse(&line, "/var/log/auth.log", text, strlen(text));
        sek_log_engine_line(e, &line, 1, &f);
    }
    assert_non_null(f.worst);
    sek_log_write(&out, &f, true);
    json_t *event = json_loadb(out.data, out.len, 0, NULL);
    json_t *log = json_object_get(event, "log");
    assert_string_equal(json_string_value(json_object_get(event, "src_ip")), "203.0.113.5");
    assert_int_equal(json_integer_value(json_object_get(log, "rule")), 100010);
    assert_string_equal(json_string_value(json_object_get(json_object_get(log, "block"), "ip")),
                        "203.0.113.5");
    assert_non_null(json_object_get(json_object_get(log, "fields"), "user"));
    json_decref(event);
    sek_text_free(&out);
    sek_log_engine_free(e);
}

static void a_line_with_zero_bytes_is_still_an_event(void **state)
{
    static const char text[] = SYSLOG "Failed password for a\0b from 203.0.113.5 port 2 ssh2";
    struct sek_log_engine *e = sek_log_engine_new(&shipped);
    struct sek_log_line line;
    struct sek_log_finding f;
    struct sek_text out = {0};
    (void)state;
    sek_log_line_parse(&line, "-", text, sizeof text - 1);
    sek_log_engine_line(e, &line, 1, &f);
    assert_non_null(f.worst);
    sek_log_write(&out, &f, true);
    json_t *event = json_loadb(out.data, out.len, 0, NULL);
    assert_non_null(event);
    json_decref(event);
    sek_text_free(&out);
    sek_log_engine_free(e);
}

static void an_event_of_bytes_that_are_no_text_still_fits_a_datagram(void **state)
{
    char text[6000], *at = text;
    struct sek_log_engine *e = sek_log_engine_new(&shipped);
    struct sek_log_line line;
    struct sek_log_finding f;
    struct sek_text out = {0};
    (void)state;
    at += sprintf(at, "203.0.113.5 - ");
    at = memset(at, 0xff, 400), at += 400;
    at += sprintf(at, " [02/Jan/2026:03:04:05 +0000] \"GET /../../etc/passwd");
    at = memset(at, 0xfe, 1500), at += 1500;
    at += sprintf(at, "\" 404 1 \"");
    at = memset(at, 0xfd, 1000), at += 1000;
    at += sprintf(at, "\" \"");
    at = memset(at, 0xfc, 1000), at += 1000;
    at += sprintf(at, "\"");
    sek_log_line_parse(&line, "-", text, (size_t)(at - text));
    sek_log_engine_line(e, &line, 1, &f);
    assert_non_null(f.worst);
    assert_int_equal(f.worst->id, 102003);
    sek_log_write(&out, &f, true);
    assert_true(out.len <= 12288);
    json_t *event = json_loadb(out.data, out.len, 0, NULL);
    assert_non_null(event);
    json_decref(event);
    sek_text_free(&out);
    sek_log_engine_free(e);
}

static void count_position(void *arg, uint64_t inode, uint64_t offset, uint64_t head,
                           const char *path)
{
    *(int *)arg += inode == 12 && offset == 34 && head == 0xab && !strcmp(path, "/a b");
}

static void positions_that_are_damaged_are_not_used(void **state)
{
    static const char text[] = "12 34 ab /a b\n12 x ab /c\n12 34 ab /a b\n";
    int count = 0;
    (void)state;
    assert_false(sek_follow_positions(text, strlen(text), count_position, &count));
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_parted_into_program_and_message),
        cmocka_unit_test(every_shipped_rule_passes_its_own_lines),
        cmocka_unit_test(text_of_a_client_never_gets_another_address_blocked),
        cmocka_unit_test(a_rule_counts_within_its_time_and_is_quiet_afterwards),
        cmocka_unit_test(a_hostile_line_costs_no_more_than_the_limit),
        cmocka_unit_test(a_wrong_rule_file_is_named_with_line_and_rule),
        cmocka_unit_test(a_finding_is_an_event_with_fields_and_the_line),
        cmocka_unit_test(a_line_with_zero_bytes_is_still_an_event),
        cmocka_unit_test(an_event_of_bytes_that_are_no_text_still_fits_a_datagram),
        cmocka_unit_test(positions_that_are_damaged_are_not_used),
    };
    return cmocka_run_group_tests(tests, load_shipped, free_shipped);
}
