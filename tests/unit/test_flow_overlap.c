/* Overlapping TCP segments and IP fragments: for each system what it keeps, in every shape that an
 * overlap can have. A unit is one byte of a stream, and eight of a datagram. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/detect/engine.h"
#include "tests/unit/frames.h"

#define UNITS 6 /* the earlier segment has units 1 to 4 */

static struct sek_pool pool;
static struct sek_packet packets[SEK_PACKET_LAYERS];

static int close_pool(void **state)
{
    (void)state;
    assert_int_equal(pool.used, 0);
    sek_pool_trim(&pool);
    return 0;
}

/* --- the tables --- */

static const struct shape {
    const char *name;
    unsigned begin, end; /* of the later segment, in units */
} shapes[] = {
    {"begins before, ends before", 0, 4}, {"begins before, ends same", 0, 5},
    {"begins before, ends after", 0, 6},  {"begins same, ends before", 1, 4},
    {"begins same, ends same", 1, 5},     {"begins same, ends after", 1, 6},
    {"begins after, ends before", 2, 4},  {"begins after, ends same", 2, 5},
    {"begins after, ends after", 2, 6},
};

#define SHAPES (sizeof shapes / sizeof *shapes)

/* What results, shape by shape: bytes of the earlier segment (e), of the later (L), or none. */
typedef const char *results[SHAPES];

static const results first = {"Leeee-", "Leeee-", "LeeeeL", "-eeee-", "-eeee-", "-eeeeL",
                              "-eeee-", "-eeee-", "-eeeeL"};
static const results last = {"LLLLe-", "LLLLL-", "LLLLLL", "-LLLe-", "-LLLL-", "-LLLLL",
                             "-eLLe-", "-eLLL-", "-eLLLL"};
static const results bsd = {"LLLLe-", "LLLLL-", "LLLLLL", "-eeee-", "-eeee-", "-eeeeL",
                            "-eeee-", "-eeee-", "-eeeeL"};
static const results bsd_right = {"Leeee-", "Leeee-", "LeeeeL", "-LLLe-", "-LLLL-", "-LLLLL",
                                  "-eLLe-", "-eLLL-", "-eLLLL"};
static const results tcp_linux = {"LLLLe-", "LLLLL-", "LLLLLL", "-eeee-", "-eeee-", "-LLLLL",
                                  "-eeee-", "-eeee-", "-eeeeL"};
static const results tcp_old_linux = {"LLLLe-", "LLLLL-", "LLLLLL", "-eeee-", "-LLLL-", "-LLLLL",
                                      "-eeee-", "-eeee-", "-eeeeL"};
static const results tcp_solaris = {"Leeee-", "LLLLL-", "LLLLLL", "-eeee-", "-LLLL-", "-LLLLL",
                                    "-eeee-", "-eeee-", "-eLLLL"};
static const results ip_linux = {"LLLLe-", "LLLLL-", "LLLLLL", "-LLLe-", "-LLLL-", "-LLLLL",
                                 "-eeee-", "-eeee-", "-eeeeL"};
static const results ip_solaris = {"Leeee-", "LLLLL-", "LLLLLL", "-eeee-", "-eeee-", "-eeeeL",
                                   "-eeee-", "-eeee-", "-eeeeL"};
static const results ip_windows = {"Leeee-", "Leeee-", "LLLLLL", "-eeee-", "-eeee-", "-eeeeL",
                                   "-eeee-", "-eeee-", "-eeeeL"};

static const struct {
    const char *const *segments, *const *fragments;
} systems[SEK_HOST_POLICIES] = {
    [SEK_HOST_BSD] = {bsd, bsd},
    [SEK_HOST_BSD_RIGHT] = {bsd, bsd_right},
    [SEK_HOST_FIRST] = {first, first},
    [SEK_HOST_LAST] = {last, last},
    [SEK_HOST_OLD_LINUX] = {tcp_old_linux, ip_linux},
    [SEK_HOST_LINUX] = {tcp_linux, ip_linux},
    [SEK_HOST_OLD_SOLARIS] = {tcp_solaris, first},
    [SEK_HOST_SOLARIS] = {tcp_solaris, ip_solaris},
    [SEK_HOST_HPUX10] = {bsd, bsd},
    [SEK_HOST_HPUX11] = {tcp_solaris, first},
    [SEK_HOST_IRIX] = {bsd, bsd},
    [SEK_HOST_MACOS] = {bsd, first},
    [SEK_HOST_WINDOWS] = {bsd, ip_windows},
    [SEK_HOST_VISTA] = {first, ip_windows},
    [SEK_HOST_WINDOWS2K3] = {bsd, ip_windows},
};

static void expect(const char *got, size_t count, const char *wanted, enum sek_host_policy policy,
                   const struct shape *shape, const char *where)
{
    char all[UNITS + 1] = "------";
    memcpy(all, got, count < UNITS ? count : UNITS);
    if (memcmp(all, wanted, UNITS))
        fail_msg("%s, %s, %s: found %s, expected %s", where, sek_host_policy_name(policy),
                 shape->name, all, wanted);
}

/* --- TCP --- */

static struct sek_tcp_settings passive = {.piece_limit = 1u << 20};

/* LEN bytes, each by STEP more than the one before. */
static void run(char *bytes, char byte, unsigned step, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = (char)((unsigned)byte + i * step);
}

static bool add_run(const struct sek_tcp_settings *settings, struct sek_stream *s, uint64_t offset,
                    char byte, unsigned step, uint32_t len)
{
    char bytes[256];
    assert_true(len <= sizeof bytes);
    run(bytes, byte, step, len);
    memset(&packets[0], 0, sizeof packets[0]);
    return sek_stream_insert(&pool, settings, s, &packets[0], s->isn + 1 + (uint32_t)offset,
                             (const uint8_t *)bytes, len);
}

static bool add(const struct sek_tcp_settings *settings, struct sek_stream *s, uint64_t offset,
                char byte, uint32_t len)
{
    return add_run(settings, s, offset, byte, 0, len);
}

static bool different(void)
{
    enum sek_stream_event e = SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA;
    return packets[0].stream_events[e / 64] >> (e % 64) & 1;
}

static void segments_beyond_a_hole_are_joined_as_the_receiver_joins_them(void **state)
{
    (void)state;
    for (unsigned policy = 0; policy < SEK_HOST_POLICIES; policy++)
        for (unsigned i = 0; i < SHAPES; i++) {
            const char *wanted = systems[policy].segments[i];
            struct sek_stream s = {.isn = 0xfffffff0, .receiver = (uint8_t)policy};
            unsigned missing = wanted[0] == '-';
            add(&passive, &s, 10 + 1, 'e', 4);
            assert_false(different());
            add(&passive, &s, 10 + shapes[i].begin, 'L', shapes[i].end - shapes[i].begin);
            assert_true(different());
            add(&passive, &s, 0, '-', 10 + missing);
            assert_null(s.pieces);
            assert_int_equal(s.piece_bytes, 0);
            struct sek_bytes b = sek_stream_ready(&passive, &s, 10, true);
            expect((const char *)b.data, b.len, wanted, policy, &shapes[i], "beyond a hole");
            sek_stream_free(&pool, &s);
        }
}

static void segments_in_order_but_not_acknowledged_follow_the_receiver_too(void **state)
{
    (void)state;
    for (unsigned policy = 0; policy < SEK_HOST_POLICIES; policy++)
        for (unsigned i = 0; i < SHAPES; i++) {
            char wanted[UNITS + 1];
            struct sek_stream s = {.isn = 7, .receiver = (uint8_t)policy};
            memcpy(wanted, systems[policy].segments[i], sizeof wanted);
            wanted[0] = 'a'; /* acknowledged: it stays */
            assert_true(add(&passive, &s, 0, 'a', 1));
            s.acked = 1;
            assert_true(add(&passive, &s, 1, 'e', 4));
            assert_int_equal(add(&passive, &s, shapes[i].begin, 'L', shapes[i].end - shapes[i].begin),
                             shapes[i].end == 6);
            assert_true(different());
            struct sek_bytes b = sek_stream_ready(&passive, &s, 0, true);
            expect((const char *)b.data, b.len, wanted, policy, &shapes[i], "in order");
            sek_stream_free(&pool, &s);
        }
}

static void holds(const struct sek_stream *s, const char *wanted)
{
    struct sek_bytes b = sek_stream_ready(&passive, s, 0, true);
    assert_int_equal(b.len, strlen(wanted));
    assert_memory_equal(b.data, wanted, b.len);
}

static void inline_what_was_let_through_first_stays(void **state)
{
    struct sek_tcp_settings inline_mode = {.inline_mode = true, .piece_limit = 4096};
    struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_LAST};
    (void)state;
    add(&inline_mode, &s, 0, 'a', 4);
    add(&inline_mode, &s, 2, 'b', 4);
    assert_true(different());
    add(&inline_mode, &s, 8, 'c', 2);
    add(&inline_mode, &s, 6, 'd', 4);
    assert_true(different());
    holds(&s, "aaaabbddcc");
    assert_null(s.spans.block);
    sek_stream_free(&pool, &s);
}

static void bytes_that_were_used_do_not_change(void **state)
{
    (void)state;
    for (int by = 0; by < 3; by++) {
        struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_LAST};
        add(&passive, &s, 0, 'a', 6);
        *(by == 0 ? &s.acked : by == 1 ? &s.app_offset : &s.raw_offset) = 3;
        add(&passive, &s, 0, 'b', 8);
        assert_true(different());
        holds(&s, "aaabbbbb");
        sek_stream_free(&pool, &s);
    }
}

/* A sends 4 bytes, B the next 4, then C covers the end of A and the beginning of B: BSD trims C by A,
 * and B by C. */
static void a_segment_is_weighed_against_each_one_that_it_overlaps(void **state)
{
    (void)state;
    for (unsigned hole = 0; hole < 2; hole++) {
        struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_BSD};
        add(&passive, &s, hole, 'a', 4);
        add(&passive, &s, hole + 4, 'b', 4);
        add(&passive, &s, hole + 2, 'c', 4);
        add(&passive, &s, 0, '-', hole);
        holds(&s, hole ? "-aaaaccbb" : "aaaaccbb");
        sek_stream_free(&pool, &s);
    }
}

static void what_adds_no_bytes_is_a_retransmission_whoever_wins(void **state)
{
    struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_LAST};
    (void)state;
    assert_true(add(&passive, &s, 10, 'a', 4));
    assert_true(add(&passive, &s, 14, 'a', 4));
    assert_false(add(&passive, &s, 11, 'b', 6));
    assert_true(add(&passive, &s, 11, 'b', 8));
    sek_stream_free(&pool, &s);
}

static void cutting_pieces_keeps_within_their_limit(void **state)
{
    struct sek_tcp_settings small = {.piece_limit = 1000};
    struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_LAST};
    (void)state;
    add(&small, &s, 10, 'a', 200);
    for (unsigned i = 0; i < 100; i++) {
        add(&small, &s, 12 + i, 'b', 1);
        assert_true(s.piece_bytes <= 1000);
    }
    sek_stream_free(&pool, &s);
}

static void a_stream_in_order_takes_no_memory_for_borders_after_its_first(void **state)
{
    struct sek_stream s = {.isn = 1};
    size_t used = 0;
    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        assert_true(add(&passive, &s, i * 200, 'a', 200));
        if (i == 4)
            used = s.spans.block->cap;
        s.acked = i < 4 ? 0 : (i - 3) * 200;
        s.app_offset = s.raw_offset = s.acked;
        sek_stream_slide(&pool, &s);
    }
    assert_int_equal(s.spans.block->cap, used);
    assert_true(s.spans.block->cap <= 8);
    sek_stream_free(&pool, &s);
}

static void unacknowledged_borders_are_bounded(void **state)
{
    struct sek_stream s = {.isn = 1, .receiver = SEK_HOST_LAST};
    (void)state;
    for (uint64_t i = 0; i < 2 * SEK_SPANS_MAX; i++)
        assert_true(add(&passive, &s, i, 'a', 1));
    assert_true(s.spans.block->cap <= SEK_SPANS_MAX * 3 / 2);
    add(&passive, &s, 1000, 'b', 100);
    sek_stream_free(&pool, &s);
}

/* --- against a model that knows the owner of every byte --- */

#define SPACE 64u
#define STEP  37u

struct model {
    char byte[SPACE];
    int owner[SPACE]; /* number of a segment, 0: none */
    int segments;
};

static void model_add(struct model *m, sek_overlap_rule *rule, enum sek_host_policy policy,
                      unsigned begin, unsigned end, char byte)
{
    struct model old = *m;
    m->segments++;
    for (unsigned i = begin; i < end; i++) {
        unsigned a = i, b = i + 1;
        while (old.owner[i] && a && old.owner[a - 1] == old.owner[i])
            a--;
        while (old.owner[i] && b < SPACE && old.owner[b] == old.owner[i])
            b++;
        if (old.owner[i] && !rule(policy, (int32_t)(begin - a), (int32_t)(end - b)))
            continue;
        m->byte[i] = (char)((unsigned)byte + (i - begin) * STEP);
        m->owner[i] = m->segments;
    }
}

static void streams_agree_with_the_model(void **state)
{
    (void)state;
    srandom(1);
    for (unsigned round = 0; round < 6000; round++) {
        enum sek_host_policy policy = round % SEK_HOST_POLICIES;
        struct sek_stream early = {.isn = 5, .receiver = (uint8_t)policy};
        struct sek_stream order = {.isn = 0xffffffe0, .receiver = (uint8_t)policy};
        struct model m = {0}, o = {0};
        unsigned edge = 0;
        for (unsigned i = 0; i < 12; i++) {
            unsigned begin = (unsigned)random() % (SPACE - 1);
            unsigned len = 1 + (unsigned)random() % (SPACE - begin), at = begin % (edge + 1);
            char byte = (char)('a' + i);
            model_add(&m, sek_host_takes_segment, policy, begin, begin + len, byte);
            add_run(&passive, &early, 1 + begin, byte, STEP, len);
            len = 1 + len % 20;
            if (at + len > SPACE)
                continue;
            model_add(&o, sek_host_takes_segment, policy, at, at + len, byte);
            add_run(&passive, &order, at, byte, STEP, len);
            edge = at + len > edge ? at + len : edge;
        }
        struct sek_bytes b = sek_stream_ready(&passive, &order, 0, true);
        assert_int_equal(b.len, edge);
        assert_memory_equal(b.data, o.byte, edge);
        add(&passive, &early, 0, '-', 1);
        b = sek_stream_ready(&passive, &early, 1, true);
        assert_memory_equal(b.data, m.byte, b.len);
        assert_true(b.len == SPACE || !m.owner[b.len]);
        sek_stream_free(&pool, &early);
        sek_stream_free(&pool, &order);
    }
}

static void spans_agree_with_the_model(void **state)
{
    (void)state;
    srandom(2);
    for (unsigned round = 0; round < 6000; round++) {
        enum sek_host_policy policy = round % SEK_HOST_POLICIES;
        struct sek_spans spans = {0};
        struct model m = {0};
        char got[SPACE] = {0};
        uint32_t zero = round % 2 ? 0xfffffff0 : 0; /* positions wrap */
        for (unsigned i = 0; i < 12; i++) {
            unsigned begin = (unsigned)random() % (SPACE - 1);
            unsigned len = 1 + (unsigned)random() % (SPACE - begin), covered = 0;
            char bytes[SPACE];
            for (unsigned k = begin; k < begin + len; k++)
                covered += m.owner[k] != 0;
            run(bytes, (char)('a' + i), STEP, len);
            struct sek_claim claim = {sek_host_takes_fragment, policy, zero + begin,
                                      zero + begin + len};
            struct sek_spans_change c =
                sek_spans_claim(&pool, &spans, &claim, claim.begin, claim.end,
                                (uint8_t *)got + begin, (const uint8_t *)bytes);
            model_add(&m, sek_host_takes_fragment, policy, begin, begin + len, (char)('a' + i));
            assert_false(c.failed);
            assert_int_equal(c.covered, covered);
            assert_int_equal(c.last, m.owner[begin + len - 1] == m.segments);
        }
        assert_memory_equal(got, m.byte, SPACE);
        sek_spans_free(&pool, &spans);
    }
}

/* --- fragments --- */

static bool fragment(struct sek_defrag *d, unsigned offset, bool more, char byte, unsigned units,
                     const uint8_t **ip, uint32_t *len)
{
    struct frame f;
    char bytes[UNITS * 8];
    memset(bytes, byte, sizeof bytes);
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_UDP, units * 8, 5, (more ? 0x2000u : 0) | offset);
    put(&f, bytes, units * 8);
    sek_packet_decode(SEK_LINK_ETHERNET, f.bytes, f.len, 1, 1, packets);
    return sek_defrag_packet(d, &packets[0], ip, len);
}

static void fragments_are_joined_as_the_receiver_joins_them(void **state)
{
    (void)state;
    for (unsigned policy = 0; policy < SEK_HOST_POLICIES; policy++)
        for (unsigned i = 0; i < SHAPES; i++) {
            const char *wanted = systems[policy].fragments[i];
            struct sek_host_range range = {.version = 4, .policy = (uint8_t)policy};
            struct sek_host_policies hosts = {&range, 1, 1};
            struct sek_defrag d;
            const uint8_t *ip;
            uint32_t len;
            char got[UNITS];
            unsigned missing = wanted[0] == '-', count = UNITS - (wanted[UNITS - 1] == '-');
            sek_defrag_open(&d, &pool, &hosts);
            assert_false(fragment(&d, 2, true, 'e', 4, &ip, &len));
            assert_false(fragment(&d, 1 + shapes[i].begin, true, 'L',
                                  shapes[i].end - shapes[i].begin, &ip, &len));
            assert_false(fragment(&d, 1 + count, false, '.', 1, &ip, &len));
            assert_true(fragment(&d, 0, true, '-', 1 + missing, &ip, &len));
            assert_int_equal(len, 20 + (1 + count + 1) * 8);
            for (unsigned u = 0; u < count; u++) {
                got[u] = (char)ip[20 + 8 + u * 8];
                for (unsigned k = 1; k < 8; k++)
                    assert_int_equal(ip[20 + 8 + u * 8 + k], got[u]);
            }
            expect(got, count, wanted, policy, &shapes[i], "fragments");
            sek_defrag_close(&d);
        }
}

/* --- settings --- */

static enum sek_host_policy policy_of(const struct sek_host_policies *hosts, const char *text)
{
    struct sek_addr addr;
    int version = sek_addr_parse(text, &addr);
    return sek_host_policy_of(hosts, version, &addr);
}

static void the_narrowest_network_that_holds_a_host_decides(void **state)
{
    struct sek_config *c = sek_config_new("settings");
    struct sek_host_policies hosts;
    struct sek_fault fault;
    (void)state;
    sek_config_set(c, "host-os-policy.windows", "0.0.0.0/0");
    sek_config_set(c, "host-os-policy.old-linux", "[10.1.2.3, 10.2.0.0/15]");
    sek_config_set(c, "host-os-policy.linux.0", "10.0.0.0/8");
    sek_config_set(c, "host-os-policy.linux.1", "2001:db8::/33");
    sek_config_set(c, "host-os-policy.bsd_right", "2001:db8::7");
    assert_int_equal(sek_host_policies_read(&hosts, c, &fault), SEK_OK);
    assert_int_equal(policy_of(&hosts, "192.0.2.1"), SEK_HOST_WINDOWS);
    assert_int_equal(policy_of(&hosts, "10.1.2.4"), SEK_HOST_LINUX);
    assert_int_equal(policy_of(&hosts, "10.1.2.3"), SEK_HOST_OLD_LINUX);
    assert_int_equal(policy_of(&hosts, "10.3.255.255"), SEK_HOST_OLD_LINUX);
    assert_int_equal(policy_of(&hosts, "10.4.0.0"), SEK_HOST_LINUX);
    assert_int_equal(policy_of(&hosts, "2001:db8:7fff::1"), SEK_HOST_LINUX);
    assert_int_equal(policy_of(&hosts, "2001:db8:8000::1"), SEK_HOST_BSD);
    assert_int_equal(policy_of(&hosts, "2001:db8::7"), SEK_HOST_BSD_RIGHT);
    assert_int_equal(policy_of(NULL, "192.0.2.1"), SEK_HOST_BSD);
    sek_host_policies_free(&hosts);
    sek_config_free(c);
}

static void what_is_not_a_network_is_refused_by_name(void **state)
{
    static const char *const bad[] = {"10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "::/129", "x"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sek_config *c = sek_config_new("settings");
        struct sek_host_policies hosts;
        struct sek_fault fault;
        sek_config_set(c, "host-os-policy.vista", bad[i]);
        assert_int_equal(sek_host_policies_read(&hosts, c, &fault), SEK_EINVAL);
        assert_non_null(strstr(fault.message, "host-os-policy.vista"));
        assert_non_null(strstr(fault.message, bad[i]));
        sek_host_policies_free(&hosts);
        sek_config_free(c);
    }
}

/* --- the whole engine --- */

struct sensor {
    struct sek_rules *rules;
    struct sek_compiled *compiled;
    struct sek_config *config;
    struct sek_engine *engine;
    uint64_t now;
    unsigned alerts;
};

static void on_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    (void)engine, (void)event;
    ((struct sensor *)ctx)->alerts++;
}

/* A sensor that looks for EVIL on the way to 192.0.2.2, a host with POLICY. */
static void sensor_open(struct sensor *n, const char *policy)
{
    static const char *const rule =
        "alert ip any any -> 192.0.2.2 any (content:\"EVIL\"; sid:1;)"
        "\nalert tcp-stream any any -> 192.0.2.2 any (content:\"EVIL\"; sid:2;)";
    struct sek_engine_options options;
    struct sek_fault fault;
    char key[40];
    *n = (struct sensor){.config = sek_config_new("settings")};
    snprintf(key, sizeof key, "host-os-policy.%s", policy);
    sek_config_set(n->config, key, "192.0.2.2");
    sek_config_set(n->config, "host-os-policy.solaris", "10.0.0.0/8"); /* the sender's: no matter */
    n->rules = sek_rules_new(NULL, &fault);
    assert_int_equal(sek_rules_load_text(n->rules, "t.rules", rule, strlen(rule), &fault), SEK_OK);
    assert_int_equal(sek_rules_finish(n->rules, &fault), SEK_OK);
    n->compiled = sek_compile(n->rules, &fault);
    assert_non_null(n->compiled);
    sek_engine_options_default(&options);
    options.verify_checksum = false;
    options.config = n->config;
    options.on_alert = on_alert;
    options.ctx = n;
    n->engine = sek_engine_new(&options, n->compiled, &fault);
    assert_non_null(n->engine);
}

static unsigned sensor_close(struct sensor *n)
{
    unsigned alerts;
    sek_engine_free(n->engine);
    alerts = n->alerts;
    sek_compiled_free(n->compiled);
    sek_config_free(n->config);
    return alerts;
}

static void sensor_frame(struct sensor *n, const struct frame *f)
{
    n->now += 1000;
    sek_engine_packet(n->engine, SEK_LINK_ETHERNET, f->bytes, f->len, n->now, n->now / 1000);
}

static void segment(struct sensor *n, bool back, int flags, uint32_t seq, uint32_t ack,
                    const char *bytes)
{
    struct frame f;
    ethernet(&f, 0x800);
    ipv4(&f, 1, 2, IPPROTO_TCP, 20 + (uint32_t)strlen(bytes), 1, 0);
    tcp(&f, back ? 7777 : 40000, back ? 40000 : 7777, seq, ack, flags, bytes);
    if (back) {
        uint8_t swap[4];
        memcpy(swap, f.bytes + 26, 4);
        memcpy(f.bytes + 26, f.bytes + 30, 4);
        memcpy(f.bytes + 30, swap, 4);
    }
    sensor_frame(n, &f);
}

/* BEFORE goes both ways first and is acknowledged, so that the engine knows that nobody parses it. */
static unsigned alerts_for_segments(const char *policy, const char *before)
{
    struct sensor n;
    uint32_t c = 1001, s = 9001, len = (uint32_t)strlen(before);
    sensor_open(&n, policy);
    segment(&n, false, SEK_TCP_SYN, 1000, 0, "");
    segment(&n, true, SEK_TCP_SYN | SEK_TCP_ACK, 9000, c, "");
    segment(&n, false, SEK_TCP_ACK, c, s, "");
    if (len) {
        segment(&n, false, SEK_TCP_ACK, c, s, before);
        segment(&n, true, SEK_TCP_ACK, s, c + len, before);
        segment(&n, false, SEK_TCP_ACK, c + len, s + len, "");
    }
    segment(&n, false, SEK_TCP_ACK, c + len, s + len, "a GOOD day");
    segment(&n, false, SEK_TCP_ACK, c + len, s + len, "a EV");
    segment(&n, false, SEK_TCP_ACK, c + len + 4, s + len, "IL day");
    segment(&n, true, SEK_TCP_ACK, s + len, c + len + 10, "");
    return sensor_close(&n);
}

static void an_attack_is_found_where_the_receiver_joins_one(void **state)
{
    char before[1500];
    (void)state;
    memset(before, '\x81', sizeof before);
    before[sizeof before - 1] = '\0';
    for (unsigned known = 0; known < 2; known++) {
        const char *first_bytes = known ? before : "";
        assert_int_equal(alerts_for_segments("last", first_bytes), 2);
        assert_int_equal(alerts_for_segments("first", first_bytes), 0);
        assert_int_equal(alerts_for_segments("bsd", first_bytes), 0);
    }
}

static unsigned alerts_for_fragments(const char *policy)
{
    static const struct {
        unsigned offset;
        bool more;
        const char *bytes;
    } sent[] = {{1, true, "GOOD day"},
                {1, true, "the EVIL"},
                {2, false, "end"},
                {0, true, "\x9c\x40\x1f\x40\0\x13\0\0"}}; /* UDP's header, 19 bytes in all */
    struct sensor n;
    sensor_open(&n, policy);
    for (unsigned i = 0; i < sizeof sent / sizeof *sent; i++) {
        struct frame f;
        uint32_t len = sent[i].offset ? (uint32_t)strlen(sent[i].bytes) : 8;
        ethernet(&f, 0x800);
        ipv4(&f, 1, 2, IPPROTO_UDP, len, 5, (sent[i].more ? 0x2000u : 0) | sent[i].offset);
        put(&f, sent[i].bytes, len);
        sensor_frame(&n, &f);
    }
    return sensor_close(&n);
}

static void an_attack_is_found_where_the_receiver_joins_one_from_fragments(void **state)
{
    (void)state;
    unsigned raw = alerts_for_fragments("first"); /* EVIL stands in one fragment, too */
    assert_int_equal(alerts_for_fragments("linux"), raw + 1);
    assert_int_equal(alerts_for_fragments("windows"), raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_beyond_a_hole_are_joined_as_the_receiver_joins_them),
        cmocka_unit_test(segments_in_order_but_not_acknowledged_follow_the_receiver_too),
        cmocka_unit_test(inline_what_was_let_through_first_stays),
        cmocka_unit_test(bytes_that_were_used_do_not_change),
        cmocka_unit_test(a_segment_is_weighed_against_each_one_that_it_overlaps),
        cmocka_unit_test(what_adds_no_bytes_is_a_retransmission_whoever_wins),
        cmocka_unit_test(cutting_pieces_keeps_within_their_limit),
        cmocka_unit_test(a_stream_in_order_takes_no_memory_for_borders_after_its_first),
        cmocka_unit_test(unacknowledged_borders_are_bounded),
        cmocka_unit_test(streams_agree_with_the_model),
        cmocka_unit_test(spans_agree_with_the_model),
        cmocka_unit_test(fragments_are_joined_as_the_receiver_joins_them),
        cmocka_unit_test(the_narrowest_network_that_holds_a_host_decides),
        cmocka_unit_test(what_is_not_a_network_is_refused_by_name),
        cmocka_unit_test(an_attack_is_found_where_the_receiver_joins_one),
        cmocka_unit_test(an_attack_is_found_where_the_receiver_joins_one_from_fragments),
    };
    return cmocka_run_group_tests(tests, NULL, close_pool);
}
