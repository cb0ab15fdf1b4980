/* Defragmentation, the flow table, and bytes put in order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/flow/defrag.h"
#include "lib/flow/tcp.h"
#include "tests/unit/frames.h"

#define SECOND 1000000u

static struct sek_pool pool;
static struct sek_packet packets[SEK_PACKET_LAYERS];

static int close_pool(void **state)
{
    (void)state;
    assert_int_equal(pool.used, 0); /* nothing is forgotten */
    sek_pool_trim(&pool);
    return 0;
}

/* --- defragmentation --- */

static void fragment(struct frame *f, unsigned id, unsigned offset, bool more, const char *bytes)
{
    ethernet(f, 0x800);
    ipv4(f, 1, 2, IPPROTO_UDP, (uint32_t)strlen(bytes), id, (more ? 0x2000u : 0) | offset / 8);
    put(f, bytes, (uint32_t)strlen(bytes));
    sek_packet_decode(SEK_LINK_ETHERNET, f->bytes, f->len, 1, 1, packets);
}

static void fragments_in_any_order_become_one_datagram(void **state)
{
    struct sek_defrag d;
    struct frame f;
    const uint8_t *ip;
    uint32_t len;
    (void)state;
    sek_defrag_open(&d, &pool, NULL);
    fragment(&f, 5, 16, false, "last");
    assert_false(sek_defrag_packet(&d, &packets[0], &ip, &len));
    fragment(&f, 5, 8, true, "BBBBBBBB");
    assert_false(sek_defrag_packet(&d, &packets[0], &ip, &len));
    fragment(&f, 6, 0, true, "another.");
    assert_false(sek_defrag_packet(&d, &packets[0], &ip, &len));
    fragment(&f, 5, 0, true, "AAAAAAAA");
    assert_true(sek_defrag_packet(&d, &packets[0], &ip, &len));
    assert_int_equal(len, 40);
    assert_memory_equal(ip + 20, "AAAAAAAABBBBBBBBlast", 20);
    sek_defrag_close(&d);
}

static void an_overlapping_fragment_does_not_rewrite_what_came_first(void **state)
{
    struct sek_defrag d;
    struct frame f;
    const uint8_t *ip;
    uint32_t len;
    (void)state;
    sek_defrag_open(&d, &pool, NULL);
    fragment(&f, 5, 0, true, "AAAAAAAABBBBBBBB");
    assert_false(sek_defrag_packet(&d, &packets[0], &ip, &len));
    fragment(&f, 5, 8, false, "XXXXXXXXend");
    assert_true(sek_defrag_packet(&d, &packets[0], &ip, &len));
    assert_memory_equal(ip + 20, "AAAAAAAABBBBBBBBend", 19);
    sek_defrag_close(&d);
}

/* --- the flow table --- */

static unsigned ended;

static void on_end(void *ctx, struct sek_flow *flow)
{
    (void)ctx, (void)flow;
    ended++;
}

static void open_table(struct sek_flow_table *t, uint32_t limit)
{
    ended = 0;
    assert_true(sek_flow_table_open(t, &pool, limit));
    t->on_end = on_end;
}

static void both_directions_are_one_flow_and_another_vlan_is_another(void **state)
{
    struct sek_flow_table t;
    struct frame f;
    enum sek_dir dir;
    (void)state;
    open_table(&t, 10);
    tcp_packet(&f, packets, 1, 2, 1000, 80, 1, SEK_TCP_SYN, SECOND);
    struct sek_flow *a = sek_flow_find(&t, &packets[0], &dir);
    assert_int_equal(dir, SEK_TOSERVER);
    struct sek_packet back = packets[0];
    back.src = packets[0].dst, back.dst = packets[0].src;
    back.src_port = 80, back.dst_port = 1000;
    assert_ptr_equal(sek_flow_find(&t, &back, &dir), a);
    assert_int_equal(dir, SEK_TOCLIENT);
    back.vlan_count = 1, back.vlan[0] = 7;
    assert_ptr_not_equal(sek_flow_find(&t, &back, &dir), a);
    assert_int_equal(t.count, 2);
    sek_flow_table_close(&t);
    assert_int_equal(ended, 2);
}

static void a_new_flow_ends_after_a_minute_and_an_established_one_after_ten(void **state)
{
    struct sek_flow_table t;
    struct frame f;
    enum sek_dir dir;
    (void)state;
    open_table(&t, 10);
    tcp_packet(&f, packets, 1, 2, 1000, 80, 1, SEK_TCP_SYN, SECOND);
    sek_flow_find(&t, &packets[0], &dir);
    tcp_packet(&f, packets, 1, 2, 1001, 80, 1, SEK_TCP_SYN, SECOND);
    struct sek_flow *b = sek_flow_find(&t, &packets[0], &dir);
    b->flags |= SEK_FLOW_ESTABLISHED;
    sek_flow_touch(&t, b, SECOND);
    sek_flow_expire(&t, 60u * SECOND, 100);
    assert_int_equal(t.count, 2);
    sek_flow_expire(&t, 62u * SECOND, 100);
    assert_int_equal(t.count, 1);
    sek_flow_expire(&t, 602u * SECOND, 100);
    assert_int_equal(t.count, 0);
    sek_flow_table_close(&t);
}

static void a_full_table_ends_the_oldest_flow_for_the_newest(void **state)
{
    struct sek_flow_table t;
    struct frame f;
    enum sek_dir dir;
    (void)state;
    open_table(&t, 3);
    for (unsigned i = 0; i < 5; i++) {
        tcp_packet(&f, packets, 1, 2, 1000 + i, 80, 1, SEK_TCP_SYN, (i + 1) * SECOND);
        assert_non_null(sek_flow_find(&t, &packets[0], &dir));
    }
    assert_int_equal(t.count, 3);
    assert_int_equal(t.evicted, 2);
    tcp_packet(&f, packets, 1, 2, 1004, 80, 1, SEK_TCP_ACK, 6 * SECOND);
    sek_flow_find(&t, &packets[0], &dir);
    assert_int_equal(t.evicted, 2); /* the newest is still there */
    sek_flow_table_close(&t);
}

/* --- streams --- */

static struct sek_tcp_settings settings = {.inline_mode = true, .piece_limit = 4096};

static bool add(struct sek_stream *s, uint32_t offset, const char *bytes)
{
    memset(&packets[0], 0, sizeof packets[0]);
    return sek_stream_insert(&pool, &settings, s, &packets[0], s->isn + 1 + offset,
                             (const uint8_t *)bytes, (uint32_t)strlen(bytes));
}

static bool different(void)
{
    enum sek_stream_event e = SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA;
    return packets[0].stream_events[e / 64] >> (e % 64) & 1;
}

static void holds(const struct sek_stream *s, const char *expected)
{
    struct sek_bytes b = sek_stream_ready(&settings, s, 0, true);
    assert_int_equal(b.len, strlen(expected));
    assert_memory_equal(b.data, expected, b.len);
}

static void segments_out_of_order_are_put_in_order(void **state)
{
    struct sek_stream s = {.isn = 0xfffffffa, .has_isn = true}; /* wraps on the way */
    (void)state;
    assert_true(add(&s, 8, "ccc"));
    assert_true(add(&s, 4, "bbbb"));
    holds(&s, "");
    assert_true(add(&s, 0, "aaaa"));
    holds(&s, "aaaabbbbccc");
    assert_null(s.pieces);
    sek_stream_free(&pool, &s);
}

static void a_retransmission_adds_nothing(void **state)
{
    struct sek_stream s = {.isn = 1, .has_isn = true};
    (void)state;
    assert_true(add(&s, 0, "aaaabbbb"));
    assert_false(add(&s, 0, "aaaa"));
    assert_false(different());
    assert_true(add(&s, 4, "bbbbcc"));
    holds(&s, "aaaabbbbcc");
    sek_stream_free(&pool, &s);
}

static void an_overlap_keeps_the_first_bytes_and_tells_that_they_differ(void **state)
{
    struct sek_stream s = {.isn = 1, .has_isn = true};
    (void)state;
    assert_true(add(&s, 0, "aaaa"));
    assert_true(add(&s, 2, "XXbb"));
    assert_true(different());
    holds(&s, "aaaabb");
    assert_true(add(&s, 8, "dd")); /* and among pieces that wait */
    assert_true(add(&s, 6, "ccYYee"));
    assert_true(different());
    holds(&s, "aaaabbccddee");
    sek_stream_free(&pool, &s);
}

static void a_hole_is_skipped_only_when_the_peer_acknowledged_past_it(void **state)
{
    struct sek_stream s = {.isn = 1, .has_isn = true};
    (void)state;
    assert_true(add(&s, 0, "aaaa"));
    s.app_offset = s.raw_offset = 4;
    assert_true(add(&s, 8, "cccc"));
    assert_int_equal(sek_stream_gap(&settings, &s, false), 0);
    s.acked = 12;
    assert_int_equal(sek_stream_gap(&settings, &s, false), 4);
    sek_stream_skip(&settings, &pool, &s, 4);
    assert_true(s.gap);
    struct sek_bytes b = sek_stream_ready(&settings, &s, 8, true);
    assert_int_equal(b.len, 4);
    assert_memory_equal(b.data, "cccc", 4);
    sek_stream_free(&pool, &s);
}

static void what_waits_behind_a_hole_is_bounded(void **state)
{
    struct sek_stream s = {.isn = 1, .has_isn = true};
    char big[1025];
    unsigned taken = 0;
    (void)state;
    memset(big, 'x', 1024);
    big[1024] = '\0';
    for (uint32_t i = 0; i < 10; i++)
        taken += add(&s, 10 + i * 1024, big);
    assert_int_equal(taken, 4);
    assert_true(s.piece_bytes <= settings.piece_limit);
    sek_stream_free(&pool, &s);
}

static void bytes_are_usable_after_acknowledgement_when_not_inline(void **state)
{
    struct sek_tcp_settings passive = {.piece_limit = 4096};
    struct sek_stream s = {.isn = 1, .has_isn = true};
    (void)state;
    assert_true(add(&s, 0, "aaaabbbb"));
    assert_int_equal(sek_stream_ready(&passive, &s, 0, false).len, 0);
    s.acked = 4;
    assert_int_equal(sek_stream_ready(&passive, &s, 0, false).len, 4);
    assert_int_equal(sek_stream_ready(&passive, &s, 0, true).len, 8);
    sek_stream_free(&pool, &s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_in_any_order_become_one_datagram),
        cmocka_unit_test(an_overlapping_fragment_does_not_rewrite_what_came_first),
        cmocka_unit_test(both_directions_are_one_flow_and_another_vlan_is_another),
        cmocka_unit_test(a_new_flow_ends_after_a_minute_and_an_established_one_after_ten),
        cmocka_unit_test(a_full_table_ends_the_oldest_flow_for_the_newest),
        cmocka_unit_test(segments_out_of_order_are_put_in_order),
        cmocka_unit_test(a_retransmission_adds_nothing),
        cmocka_unit_test(an_overlap_keeps_the_first_bytes_and_tells_that_they_differ),
        cmocka_unit_test(a_hole_is_skipped_only_when_the_peer_acknowledged_past_it),
        cmocka_unit_test(what_waits_behind_a_hole_is_bounded),
        cmocka_unit_test(bytes_are_usable_after_acknowledgement_when_not_inline),
    };
    return cmocka_run_group_tests(tests, NULL, close_pool);
}
