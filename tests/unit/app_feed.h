/* For tests of application parsers: a flow, bytes fed in pieces as reassembly does, and what rules
 * would see of the transactions. Each test closes the flow, which proves that nothing is left. */
#ifndef SEK_TESTS_APP_FEED_H
#define SEK_TESTS_APP_FEED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/app/buffers.h"

#include <netinet/in.h>

static struct sek_pool pool;
static struct sek_app_settings settings;
static struct sek_flow flow;

static void flow_open(uint8_t proto, uint16_t port)
{
    sek_app_settings_default(&settings);
    flow = (struct sek_flow){.ip_version = 4, .proto = proto, .port = {40000, port}};
}

static void flow_close(void)
{
    sek_app_close(&pool, &flow, NULL);
    assert_int_equal(pool.used, 0);
    sek_pool_trim(&pool);
}

/* What is not consumed comes again, with STEP bytes more. */
static void feed(enum sek_dir dir, const void *bytes, uint32_t len, uint32_t step)
{
    uint32_t done = 0;
    for (uint32_t end = 0; end < len;) {
        end = end + step < len ? end + step : len;
        struct sek_app_result r = sek_app_data(&pool, &settings, &flow, dir,
                                               (const uint8_t *)bytes + done, end - done,
                                               done ? 0 : SEK_APP_START);
        assert_true(r.consumed <= end - done);
        done += r.consumed;
    }
}
#define FEED(dir, literal, step) feed(dir, literal, sizeof(literal) - 1, step)

static struct sek_tx *tx_at(unsigned index)
{
    struct sek_tx *t = flow.app_state ? ((struct sek_app_state *)flow.app_state)->first : NULL;
    while (t && index--)
        t = t->next;
    assert_non_null(t);
    return t;
}

static unsigned tx_count(void)
{
    return flow.app_state ? ((struct sek_app_state *)flow.app_state)->live : 0;
}

static bool get_buffer(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                       struct sek_bytes *out)
{
    int id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    assert_true(id >= 0);
    const struct sek_buffer_def *d = sek_buffer_in(id, tx_at(at)->app);
    assert_non_null(d);
    return d->get(flow.app_state, tx_at(at), dir, index, out);
}

static void expect_bytes(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                         const void *value, uint32_t len)
{
    struct sek_bytes b = {0};
    if (!get_buffer(at, dir, name, index, &b) || b.len != len || memcmp(b.data, value, len))
        fail_msg("%s of %u: found '%.*s', expected '%.*s'", name, at, (int)b.len,
                 b.data ? (const char *)b.data : "", (int)len, (const char *)value);
}

static inline void expect_text(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                               const char *value)
{
    expect_bytes(at, dir, name, index, value, (uint32_t)strlen(value));
}

static inline bool has_number(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                              uint64_t *out)
{
    enum sek_app app;
    const struct sek_number_def *d = sek_number_find(name, &app);
    assert_non_null(d);
    assert_int_equal(app, tx_at(at)->app);
    return d->get(flow.app_state, tx_at(at), dir, index, out);
}

static inline void expect_number(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                                 uint64_t value)
{
    uint64_t v;
    assert_true(has_number(at, dir, name, index, &v));
    assert_int_equal(v, value);
}

static inline bool has_event(unsigned at, enum sek_dir dir, const char *name)
{
    enum sek_app app;
    int bit = sek_app_event_find(name, &app);
    assert_true(bit >= 0);
    return tx_at(at)->app == app && tx_at(at)->events[dir] >> bit & 1;
}

/* Whether keyword NAME with ARG matches; it must be a good rule. */
static inline bool keyword(unsigned at, enum sek_dir dir, const char *name, const char *arg)
{
    enum sek_app app;
    struct sek_arena arena = {0};
    struct sek_fault fault = {0};
    char copy[256];
    const struct sek_test_def *d = sek_test_find(name, &app);
    assert_non_null(d);
    strcpy(copy, arg);
    const void *test = d->parse(&arena, copy, &fault);
    if (!test)
        fail_msg("%s:%s: %s", name, arg, fault.message);
    bool match = d->match(flow.app_state, tx_at(at), dir, test);
    sek_arena_free(&arena);
    return match;
}

/* Whether a rule with NAME:ARG would be refused. */
static inline bool refused(const char *name, const char *arg)
{
    enum sek_app app;
    struct sek_arena arena = {0};
    struct sek_fault fault = {0};
    char copy[256];
    const struct sek_test_def *d = sek_test_find(name, &app);
    strcpy(copy, arg);
    bool bad = !d->parse(&arena, copy, &fault);
    sek_arena_free(&arena);
    return bad;
}

/* The record of a transaction, as JSON. */
static inline void expect_record(unsigned at, const char *part)
{
    struct sek_text t = {0};
    sek_json_open(&t, NULL, '{');
    sek_app_ops(tx_at(at)->app)->eve(flow.app_state, tx_at(at), &t);
    sek_json_close(&t, '}');
    if (!strstr(t.data, part))
        fail_msg("found %s, expected %s in it", t.data, part);
    sek_text_free(&t);
}

static const uint32_t steps[] = {1, 2, 7, 100000};
#define FOR_STEPS(i) for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)

#endif
