/* objects: agent/guard/ranges.c agent/guard/learned.c agent/worker/addresses.c agent/worker/unsure.c agent/worker/resolvers.c agent/worker/glance.c agent/worker/glance_quic.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Exit control: the tables of listed prefixes and the plain list that fills them, what was learned,
 * answers about hash prefixes, QUIC's server names, known resolvers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/event.h"
#include "agent/guard/learned.h"
#include "agent/guard/ranges.h"
#include "agent/worker/addresses.h"
#include "agent/worker/glance.h"
#include "agent/worker/resolvers.h"
#include "agent/worker/unsure.h"
#include "lib/base/encode.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"
#include "tests/unit/agent_quic.h"
#include "lib/base/endian.h"

struct table {
    const uint8_t *elements;
    size_t size;
    uint32_t count;
};

static const void *element(const struct table *t, uint32_t index)
{
    return index < t->count ? t->elements + index * t->size : NULL;
}

SEK_RANGES_LOOKUP(in_list4, in_list6, const struct table *, element)

static uint32_t random_state = 7;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state ^ random_state >> 13;
}

static bool covered(const struct sek_prefix *p, const uint8_t *address, unsigned size)
{
    for (unsigned bit = 0; bit < p->bits && bit < 8 * size; bit++) {
        if ((p->address[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
            return false;
    }
    return true;
}

static void compare_with_brute_force(size_t count, bool v6, unsigned shortest)
{
    struct sek_fault fault;
    struct sek_range4 *table4;
    struct sek_range6 *table6;
    struct sek_prefix *list = calloc(count + 1, sizeof *list);
    uint32_t elements4, elements6;
    unsigned size = v6 ? 16 : 4;
    for (size_t i = 0; i < count; i++) {
        list[i].v6 = v6;
        list[i].bits = (uint8_t)(shortest + next_random() % (8 * size - shortest + 1));
        for (unsigned b = 0; b < size; b++)
            list[i].address[b] = (uint8_t)(next_random() >> (b < 2 ? 6 : 0) & (b < 2 ? 3 : 255));
    }
    assert_int_equal(sek_ranges4_build(list, count, &table4, &elements4, &fault), SEK_OK);
    assert_int_equal(sek_ranges6_build(list, count, &table6, &elements6, &fault), SEK_OK);
    const struct table t4 = {(uint8_t *)table4, sizeof *table4, elements4};
    const struct table t6 = {(uint8_t *)table6, sizeof *table6, elements6};
    for (int i = 0; i < 4000; i++) {
        uint8_t a[16] = {0};
        bool expected = false;
        for (unsigned b = 0; b < size; b++)
            a[b] = (uint8_t)(next_random() >> (b < 2 ? 6 : 0) & (b < 2 ? 3 : 255));
        if (count && i % 2)
            memcpy(a, list[next_random() % count].address, size);
        for (size_t k = 0; k < count; k++)
            expected = expected || covered(&list[k], a, size);
        uint64_t halves[2] = {(uint64_t)sek_get32(a) << 32 | sek_get32(a + 4),
                              (uint64_t)sek_get32(a + 8) << 32 | sek_get32(a + 12)};
        assert_int_equal(v6 ? in_list6(&t6, (const __u64 *)halves) : in_list4(&t4, sek_get32(a)),
                         expected);
    }
    free(table4);
    free(table6);
    free(list);
}

static void a_range_table_says_the_same_as_comparing_with_every_prefix(void **state)
{
    (void)state;
    const size_t counts[] = {0, 1, 2, 3, 17, 300};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        compare_with_brute_force(counts[i], false, 24);
        compare_with_brute_force(counts[i], false, 9);
        compare_with_brute_force(counts[i], true, 20);
        compare_with_brute_force(counts[i], true, 100);
    }
}

static void the_ends_of_the_address_space_are_found(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_range4 *table;
    uint32_t elements;
    const struct sek_prefix list[] = {{.bits = 32, .address = {255, 255, 255, 255}},
                                      {.bits = 8, .address = {0}}};
    assert_int_equal(sek_ranges4_build(list, 2, &table, &elements, &fault), SEK_OK);
    const struct table t = {(uint8_t *)table, sizeof *table, elements};
    assert_true(in_list4(&t, 0) && in_list4(&t, 0x00ffffff) && in_list4(&t, 0xffffffff));
    assert_false(in_list4(&t, 0x01000000) || in_list4(&t, 0xfffffffe));
    free(table);
}

static void a_plain_list_is_read_and_a_wrong_line_is_named(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_prefix list[4];
    size_t count;
    static const char good[] = "# comment\n192.0.2.1\n\n 198.51.100.0/24 # why\r\n2001:db8::/32";
    assert_int_equal(sek_addresses_count(good, sizeof good - 1), 3);
    assert_int_equal(sek_addresses_parse(good, sizeof good - 1, list, 4, &count, &fault), SEK_OK);
    assert_int_equal(count, 3);
    assert_int_equal(list[0].bits, 32);
    assert_int_equal(list[1].bits, 24);
    assert_true(list[2].v6 && list[2].bits == 32 && list[2].address[0] == 0x20);
    static const char *const bad[] = {"192.0.2.1\n192.0.2.256\n", "192.0.2.1\n1.2.3.4/33",
                                      "192.0.2.1\n1.2.3.4/",      "192.0.2.1\n1.2.3.4/0",
                                      "192.0.2.1\nexample.com",   "192.0.2.1\n::/129"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(sek_addresses_parse(bad[i], strlen(bad[i]), list, 4, &count, &fault),
                         SEK_EINVAL);
        assert_non_null(strstr(fault.message, "addresses:2:"));
    }
}

/* --- what was learned ------------------------------------------------------------------------ */

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static void a_learned_table_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_learned t = {0};
    struct sek_text out = {0};
    static const char text[] =
        HASH " 443/tcp api.example.com /usr/bin/app\n"
             "* 53/udp 192.0.2.53 /usr/lib/a program\n"
             "* any/tcp 198.51.100.0/24 /usr/bin/app\n" HASH " 8080/tcp listen /usr/bin/app\n"
             "* any/udp *.example.org *\n"
             "* any/any any /usr/bin/updater\n" HASH " any/raw any /usr/bin/ping\n"
             "* 443/tcp 2001:db8::/32 *\n";
    assert_int_equal(sek_learned_parse(&t, "t", text, strlen(text), &fault), SEK_OK);
    assert_int_equal(t.count, 8);
    sek_learned_write(&t, &out);
    assert_string_equal(out.data, text);
    assert_int_equal(sek_learned_parse(&t, "t", text, strlen(text), &fault), SEK_OK);
    assert_int_equal(t.count, 8); /* each once */
    assert_int_equal(sek_learned_forget(&t, "/usr/bin/app"), 3);
    assert_int_equal(t.count, 5);
    sek_text_free(&out);
    sek_learned_free(&t);
}

static void another_spelling_is_the_same_permission(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_learned t = {0};
    static const char text[] = "* 443/tcp any /a\n* 443/tcp ANY /a\r\n* 443/tcp fe80::/0 /a\n"
                               "* 80/tcp listen /a\n* 80/6 Listen /a\n"
                               "* 1/udp 192.0.2.0/24 /a\n* 1/udp 192.0.2.77/24 /a\n"
                               "* 2/udp A.Example /a\n* 2/17 a.example  /a\n";
    assert_int_equal(sek_learned_parse(&t, "t", text, strlen(text), &fault), SEK_OK);
    assert_int_equal(t.count, 4);
    sek_learned_free(&t);
}

static void a_wrong_line_of_a_learned_table_is_named_and_changes_nothing(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_learned t = {0};
    static const char *const bad[] = {
        "123 443/tcp a.example /usr/bin/app", "* 443 a.example /usr/bin/app",
        "* 65536/tcp a.example /usr/bin/app", "* 443/tcp a.example app",
        "* 443/tcp a..exa mple /usr/bin/app", "* 443/tcp 192.0.2.0/33 /usr/bin/app",
        "* 443/xyz a.example /usr/bin/app",   "* any/any listen /usr/bin/app",
        HASH " 443/tcp a.example *",          "* 443/tcp",
        "* -1/tcp a.example /usr/bin/app",    "* 443/tcp a.example /usr/bin/\x01p",
        "* 443/tcp a.example /usr/bin/app\r\r",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "# comment\n* 1/tcp any *\n%s\n", bad[i]);
        assert_int_equal(sek_learned_parse(&t, "table", text, strlen(text), &fault), SEK_EINVAL);
        assert_non_null(strstr(fault.message, "table:3:"));
        assert_int_equal(t.count, 0);
    }
    sek_learned_free(&t);
}

static void a_permission_covers_what_it_says_and_nothing_else(void **state)
{
    (void)state;
    struct sek_fault fault;
    struct sek_learned t = {0};
    uint8_t a[16], b[16], digest[32] = {0};
    static const char text[] = "* 443/tcp *.example.com /a\n* any/udp 192.0.2.0/25 /a\n"
                               "* 80/tcp listen /a\n* any/tcp listen /a\n";
    sek_address_parse("192.0.2.127", a);
    sek_address_parse("192.0.2.128", b);
    assert_int_equal(sek_learned_parse(&t, "t", text, strlen(text), &fault), SEK_OK);
    const struct sek_permission *p = t.list;
    assert_true(sek_permission_covers(&p[0], "www.example.com", a, 443, IPPROTO_TCP));
    assert_false(sek_permission_covers(&p[0], "example.com", a, 443, IPPROTO_TCP));
    assert_false(sek_permission_covers(&p[0], "badexample.com", a, 443, IPPROTO_TCP));
    assert_false(sek_permission_covers(&p[0], "www.example.com", a, 444, IPPROTO_TCP));
    assert_false(sek_permission_covers(&p[0], "www.example.com", a, 443, IPPROTO_UDP));
    assert_false(sek_permission_covers(&p[0], NULL, a, 443, IPPROTO_TCP));
    assert_true(sek_permission_covers(&p[1], NULL, a, 9999, IPPROTO_UDP));
    assert_false(sek_permission_covers(&p[1], NULL, b, 9999, IPPROTO_UDP));
    assert_true(sek_permission_covers(&p[2], NULL, b, 80, IPPROTO_TCP | SEK_EXIT_LISTEN));
    assert_false(sek_permission_covers(&p[2], NULL, b, 80, IPPROTO_TCP));
    assert_false(sek_permission_covers(&p[3], NULL, b, 80, IPPROTO_TCP | SEK_EXIT_LISTEN));
    assert_true(sek_permission_is_for(&p[0], "/a", digest));
    assert_false(sek_permission_is_for(&p[0], "/b", digest));
    sek_learned_free(&t);
}

/* --- answers about prefixes ------------------------------------------------------------------ */

static struct sek_unsure *unsure_with(const char *type, const char *value, char prefix[9],
                                      char hash[65])
{
    struct sek_fault fault;
    uint8_t digest[32], *set;
    char text[64];
    size_t len;
    struct sek_unsure *u = sek_unsure_new();
    assert_true(sek_expression_hash(type, value, digest));
    const uint32_t one = sek_expression_prefix(digest);
    assert_int_equal(sek_prefixes_build(&one, 1, &set, &len, &fault), SEK_OK);
    sek_base64url_encode(set, len, text);
    assert_int_equal(sek_unsure_set(u, text, strlen(text), &fault), SEK_OK);
    snprintf(prefix, 9, "%08x", one);
    sek_hex_encode(digest, 32, hash);
    free(set);
    return u;
}

static enum sek_look look_at(struct sek_unsure *u, const char *host, const char *target,
                             uint64_t now_s, struct sek_reputation_hit *hit)
{
    return sek_unsure_look(u, host, strlen(host), target, target ? strlen(target) : 0, now_s, hit);
}

static void answers_hold_for_their_lifetime_and_over_a_restart(void **state)
{
    (void)state;
    char prefix[9], hash[65];
    struct sek_reputation_hit hit;
    struct sek_unsure *u = unsure_with("domain", "evil.example", prefix, hash);
    assert_int_equal(look_at(u, "good.example", NULL, 1000, &hit), SEK_LOOK_CLEAN);
    assert_null(sek_unsure_question(u));
    assert_int_equal(look_at(u, "www.evil.example", NULL, 1000, &hit), SEK_LOOK_ASK);
    json_t *question = sek_unsure_question(u);
    assert_string_equal(json_string_value(json_array_get(json_object_get(question, "prefixes"), 0)),
                        prefix);
    char *text = json_dumps(question, 0);
    assert_null(strstr(text, "evil"));
    free(text);
    json_t *reply = json_pack("{s:[{s:s, s:s, s:s, s:i, s:i}], s:i, s:i}", "hashes", "hash", hash,
                              "source", "feed", "reason", "C&C", "confidence", 90, "expiry", 0,
                              "lifetime_s", 100, "negative_s", 10);
    sek_unsure_answer(u, question, reply, 1000);
    assert_int_equal(look_at(u, "www.evil.example", NULL, 1099, &hit), SEK_LOOK_LISTED);
    assert_string_equal(hit.reason, "C&C");
    assert_int_equal(look_at(u, "www.evil.example", NULL, 1100, &hit), SEK_LOOK_ASK);
    json_decref(sek_unsure_question(u));
    text = sek_unsure_save(u);
    assert_non_null(text);
    assert_null(sek_unsure_save(u)); /* nothing changed since */
    struct sek_unsure *again = unsure_with("domain", "evil.example", prefix, hash);
    sek_unsure_restore(again, text, strlen(text), 1050);
    assert_int_equal(look_at(again, "evil.example", NULL, 1050, &hit), SEK_LOOK_LISTED);
    /* "Nothing begins like this" has its own lifetime. */
    json_object_set_new(reply, "hashes", json_array());
    sek_unsure_answer(again, question, reply, 1060);
    assert_int_equal(look_at(again, "evil.example", NULL, 1069, &hit), SEK_LOOK_CLEAN);
    assert_int_equal(look_at(again, "evil.example", NULL, 1070, &hit), SEK_LOOK_ASK);
    json_decref(reply);
    json_decref(question);
    free(text);
    sek_unsure_free(u);
    sek_unsure_free(again);
}

static void another_hash_with_the_same_beginning_is_not_listed(void **state)
{
    (void)state;
    char prefix[9], hash[65];
    struct sek_reputation_hit hit;
    struct sek_unsure *u = unsure_with("url", "http://shared.example/bad/payload", prefix, hash);
    assert_int_equal(look_at(u, "shared.example", "/ok", 1, &hit), SEK_LOOK_CLEAN);
    assert_int_equal(look_at(u, "shared.example", "/bad/payload?x=1", 1, &hit), SEK_LOOK_ASK);
    json_t *question = sek_unsure_question(u);
    hash[63] = hash[63] == '0' ? '1' : '0';
    json_t *reply = json_pack("{s:[{s:s}], s:i, s:i}", "hashes", "hash", hash, "lifetime_s", 100,
                              "negative_s", 10);
    sek_unsure_answer(u, question, reply, 1);
    assert_int_equal(look_at(u, "shared.example", "/bad/payload", 2, &hit), SEK_LOOK_CLEAN);
    json_decref(reply);
    json_decref(question);
    sek_unsure_free(u);
}

static void without_an_answer_nothing_is_asked_for_some_seconds(void **state)
{
    (void)state;
    char prefix[9], hash[65];
    struct sek_reputation_hit hit;
    struct sek_unsure *u = unsure_with("domain", "evil.example", prefix, hash);
    sek_unsure_online(u, true);
    assert_true(sek_unsure_may_ask(u, 1));
    assert_int_equal(look_at(u, "evil.example", NULL, 1, &hit), SEK_LOOK_ASK);
    json_t *question = sek_unsure_question(u);
    sek_unsure_answer(u, question, NULL, 1);
    assert_false(sek_unsure_may_ask(u, 3));
    assert_true(sek_unsure_may_ask(u, 10));
    json_decref(question);
    sek_unsure_free(u);
}

/* --- QUIC and resolvers ---------------------------------------------------------------------- */

static void the_server_name_of_a_quic_flow_is_found_in_any_order_of_its_pieces(void **state)
{
    (void)state;
    static const uint32_t versions[] = {QUIC_V1, QUIC_V2};
    static struct sek_quic_stream stream;
    uint8_t hello[600], frames[1000], packet[1250];
    char name[SEK_NAME_SIZE];
    bool ech;
    uint32_t len = quic_test_hello("www.evil.example", true, hello);
    for (size_t v = 0; v < 2; v++) {
        stream = (struct sek_quic_stream){0};
        uint32_t n = quic_test_frame(hello, 40, len - 40, frames);
        n += quic_test_frame(hello, 10, 20, frames + n);
        assert_true(quic_test_packet(versions[v], frames, n, 0, packet, sizeof packet));
        assert_int_equal(sek_glance_quic(&stream, packet, sizeof packet, name, &ech),
                         SEK_GLANCE_MORE);
        n = quic_test_frame(hello, 0, 15, frames);
        n += quic_test_frame(hello, 25, 15, frames + n);
        assert_true(quic_test_packet(versions[v], frames, n, 1, packet, sizeof packet));
        assert_int_equal(sek_glance_quic(&stream, packet, sizeof packet, name, &ech),
                         SEK_GLANCE_FOUND);
        assert_string_equal(name, "www.evil.example");
        assert_true(ech);
        /* One changed bit, a cut packet, another version: it cannot be read. */
        packet[600] ^= 1;
        stream = (struct sek_quic_stream){0};
        assert_int_equal(sek_glance_quic(&stream, packet, sizeof packet, name, &ech),
                         SEK_GLANCE_NONE);
        packet[600] ^= 1;
        assert_int_equal(sek_glance_quic(&stream, packet, 300, name, &ech), SEK_GLANCE_NONE);
        packet[1] = 0x7a;
        assert_int_equal(sek_glance_quic(&stream, packet, sizeof packet, name, &ech),
                         SEK_GLANCE_NONE);
    }
}

static void known_resolvers_are_known_by_name_address_and_port(void **state)
{
    (void)state;
    uint8_t a[16];
    assert_true(sek_resolver_name("dns.google", 10));
    assert_true(sek_resolver_name("Mozilla.Cloudflare-DNS.com.", 27));
    assert_false(sek_resolver_name("notdns.google", 13));
    assert_false(sek_resolver_name("google", 6));
    assert_true(sek_address_parse("1.1.1.1", a) && sek_resolver_address(a));
    assert_true(sek_address_parse("2001:4860:4860::8888", a) && sek_resolver_address(a));
    assert_true(sek_address_parse("192.0.2.1", a) && !sek_resolver_address(a));
    assert_string_equal(sek_resolver_port(853, false), "DNS over TLS");
    assert_string_equal(sek_resolver_port(784, true), "DNS over QUIC");
    assert_null(sek_resolver_port(784, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_table_says_the_same_as_comparing_with_every_prefix),
        cmocka_unit_test(the_ends_of_the_address_space_are_found),
        cmocka_unit_test(a_plain_list_is_read_and_a_wrong_line_is_named),
        cmocka_unit_test(a_learned_table_is_written_as_it_was_read),
        cmocka_unit_test(another_spelling_is_the_same_permission),
        cmocka_unit_test(a_wrong_line_of_a_learned_table_is_named_and_changes_nothing),
        cmocka_unit_test(a_permission_covers_what_it_says_and_nothing_else),
        cmocka_unit_test(answers_hold_for_their_lifetime_and_over_a_restart),
        cmocka_unit_test(another_hash_with_the_same_beginning_is_not_listed),
        cmocka_unit_test(without_an_answer_nothing_is_asked_for_some_seconds),
        cmocka_unit_test(the_server_name_of_a_quic_flow_is_found_in_any_order_of_its_pieces),
        cmocka_unit_test(known_resolvers_are_known_by_name_address_and_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
