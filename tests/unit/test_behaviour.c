/* objects: gateway/blocklist.c */
/* Which devices are judged infected, which are not, and the list that holds them back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "gateway/blocklist.h"
#include "lib/behaviour/behaviour.h"
#include "tests/unit/frames.h"

#define MS 1000u

static struct sek_packet packets[SEK_PACKET_LAYERS];
static struct sek_behaviour_judgement j;

static struct sek_behaviour *fresh(void)
{
    struct sek_behaviour_settings s;
    sek_behaviour_settings_default(&s);
    s.devices = 64;
    struct sek_behaviour *b = sek_behaviour_new(&s);
    assert_non_null(b);
    return b;
}

/* Device HOST opens a connection to PEER. */
static bool opens(struct sek_behaviour *b, int host, int peer, unsigned port, uint32_t seq,
                  uint64_t ts_us)
{
    struct frame f;
    tcp_packet(&f, packets, host, peer, 4000, port, seq, SEK_TCP_SYN, ts_us);
    return sek_behaviour_attempt(b, &packets[0], &j);
}

static void answers(struct sek_behaviour *b, int host, int peer, unsigned port, int flags,
                    uint64_t ts_us)
{
    struct frame f;
    tcp_packet(&f, packets, host, peer, port, 4000, 1, flags, ts_us);
    struct sek_addr swap = packets[0].src;
    packets[0].src = packets[0].dst;
    packets[0].dst = swap;
    sek_behaviour_answer(b, &packets[0]);
}

static void unanswered_telnet_probes_are_judged_with_their_reasons(void **state)
{
    struct sek_behaviour *b = fresh();
    bool judged = false;
    int probes = 0;
    (void)state;
    for (; probes < 100 && !judged; probes++)
        judged = opens(b, 1, probes, 23, 99, 10000u * MS + probes * 200u * MS);
    assert_true(judged);
    assert_true(probes < 30);
    assert_true(j.counts[SEK_BEHAVIOUR_SCAN] >= 10);
    assert_true(j.counts[SEK_BEHAVIOUR_WORM_PORTS] >= 6);
    assert_int_equal(j.counts[SEK_BEHAVIOUR_MIRAI], 0);
    assert_true(j.score >= 70);
    assert_int_equal(j.device.bytes[3], 1);
    assert_false(opens(b, 1, 200, 23, 99, 40000u * MS)); /* said once */
    sek_behaviour_free(b);
}

static void a_syn_numbered_as_mirais_is_a_reason(void **state)
{
    struct sek_behaviour *b = fresh();
    bool judged = false;
    (void)state;
    for (int i = 0; i < 100 && !judged; i++)
        judged = opens(b, 1, i, 23, 0xc0000200u + (uint32_t)i, 10000u * MS + i * 200u * MS);
    assert_true(judged);
    assert_true(j.counts[SEK_BEHAVIOUR_MIRAI] >= 3);
    sek_behaviour_free(b);
}

static void a_busy_device_that_is_answered_is_never_judged(void **state)
{
    struct sek_behaviour *b = fresh();
    (void)state;
    for (int i = 0; i < 2000; i++) {
        uint64_t now = 10000u * MS + i * 20u * MS;
        assert_false(opens(b, 1, i % 250, 1000 + i % 40, 99, now));
        answers(b, 1, i % 250, 1000 + i % 40, SEK_TCP_SYN | SEK_TCP_ACK, now + 5 * MS);
    }
    sek_behaviour_free(b);
}

static void a_reset_is_no_answer(void **state)
{
    struct sek_behaviour *b = fresh();
    bool judged = false;
    (void)state;
    for (int i = 0; i < 60 && !judged; i++) {
        uint64_t now = 10000u * MS + i * 100u * MS;
        judged = opens(b, 1, i, 2323, 99, now);
        answers(b, 1, i, 2323, SEK_TCP_RST | SEK_TCP_ACK, now + MS);
    }
    assert_true(judged);
    sek_behaviour_free(b);
}

static void slow_failures_of_an_ordinary_port_are_not_a_worm(void **state)
{
    struct sek_behaviour *b = fresh();
    (void)state;
    for (int i = 0; i < 50; i++) /* one server that is down, asked every two seconds */
        assert_false(opens(b, 1, 7, 443, 99, 10000u * MS + i * 2000u * MS));
    sek_behaviour_free(b);
}

static void a_flood_of_connections_to_one_address_is_judged(void **state)
{
    struct sek_behaviour *b = fresh();
    bool judged = false;
    (void)state;
    for (int i = 0; i < 300 && !judged; i++)
        judged = opens(b, 1, 7, 80, 99, 10000u * MS + i * MS);
    assert_true(judged);
    assert_true(j.counts[SEK_BEHAVIOUR_FLOOD] >= 200);
    sek_behaviour_free(b);
}

static void many_names_that_do_not_exist_are_judged_and_few_are_not(void **state)
{
    struct sek_behaviour *b = fresh();
    struct sek_addr device = {.bytes = {10, 0, 0, 3}};
    (void)state;
    for (int i = 0; i < 29; i++)
        assert_false(sek_behaviour_missing_name(b, 4, &device, 10000u * MS + i * MS, &j));
    assert_true(sek_behaviour_missing_name(b, 4, &device, 10100u * MS, &j));
    assert_int_equal(j.counts[SEK_BEHAVIOUR_DGA], 30);
    sek_behaviour_forget(b, 4, &device);
    assert_false(sek_behaviour_missing_name(b, 4, &device, 10200u * MS, &j));
    sek_behaviour_free(b);
}

static void one_device_does_not_pay_for_another(void **state)
{
    struct sek_behaviour *b = fresh();
    (void)state;
    for (int i = 0; i < 100; i++)
        opens(b, 1, i, 23, 99, 10000u * MS + i * 200u * MS);
    assert_false(opens(b, 2, 1, 443, 99, 31000u * MS));
    sek_behaviour_free(b);
}

static void a_block_holds_until_its_end_and_can_be_prolonged(void **state)
{
    struct blocklist l;
    struct sek_addr a = {.bytes = {10, 0, 0, 3}};
    (void)state;
    assert_true(blocklist_open(&l));
    assert_null(blocklist_find(&l, 4, &a, 1));
    struct block *b = blocklist_add(&l, BLOCK_QUARANTINE, 4, &a, 1, 100, "scan");
    assert_non_null(b);
    assert_string_equal(b->reason, "scan");
    assert_ptr_equal(blocklist_find(&l, 4, &a, 99), b);
    assert_null(blocklist_find(&l, 6, &a, 99)); /* the same bytes in IPv6 are another address */
    blocklist_add(&l, BLOCK_QUARANTINE, 4, &a, 50, 200, "scan again");
    assert_int_equal(l.count, 1);
    assert_non_null(blocklist_find(&l, 4, &a, 150));
    assert_null(blocklist_find(&l, 4, &a, 200));
    assert_int_equal(l.count, 0);
    blocklist_close(&l);
}

static void a_removed_block_does_not_hide_the_others(void **state)
{
    struct blocklist l;
    (void)state;
    assert_true(blocklist_open(&l));
    for (uint32_t i = 0; i < 4000; i++) {
        struct sek_addr a = {.words = {i}};
        assert_non_null(blocklist_add(&l, BLOCK_ATTACKER, 4, &a, 1, 1000, "x"));
    }
    for (uint32_t i = 0; i < 4000; i += 2) {
        struct sek_addr a = {.words = {i}};
        blocklist_remove(&l, 4, &a);
    }
    assert_int_equal(l.count, 2000);
    for (uint32_t i = 0; i < 4000; i++) {
        struct sek_addr a = {.words = {i}};
        assert_int_equal(blocklist_find(&l, 4, &a, 500) != NULL, i % 2);
    }
    blocklist_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unanswered_telnet_probes_are_judged_with_their_reasons),
        cmocka_unit_test(a_syn_numbered_as_mirais_is_a_reason),
        cmocka_unit_test(a_busy_device_that_is_answered_is_never_judged),
        cmocka_unit_test(a_reset_is_no_answer),
        cmocka_unit_test(slow_failures_of_an_ordinary_port_are_not_a_worm),
        cmocka_unit_test(a_flood_of_connections_to_one_address_is_judged),
        cmocka_unit_test(many_names_that_do_not_exist_are_judged_and_few_are_not),
        cmocka_unit_test(one_device_does_not_pay_for_another),
        cmocka_unit_test(a_block_holds_until_its_end_and_can_be_prolonged),
        cmocka_unit_test(a_removed_block_does_not_hide_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
