/* For tests of application parsers: a flow that is fed bytes as reassembly feeds it, and what rules
 * and records would see of its transactions. */
#ifndef SEK_TESTS_APP_FLOW_H
#define SEK_TESTS_APP_FLOW_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/app/buffers.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

static struct sek_pool pool;
static struct sek_app_settings settings;
static struct sek_expectations expectations;
static struct sek_flow flow;
static struct sek_session session;

/* What is fed becomes a seed of the protocols' fuzz targets, in their form, when the folder
 * SEKISHO_SEEDS is set. */
static struct sek_text seed;

static inline void seed_open(void)
{
    sek_text_clear(&seed);
    sek_text_add(&seed, (uint8_t[]){0, flow.tcp ? 0 : 1}, 2);
}

static inline void seed_add(enum sek_dir dir, const uint8_t *bytes, uint32_t len)
{
    for (uint32_t at = 0, n; at < len; at += n) {
        n = len - at < 4095 ? len - at : 4095;
        sek_text_add(&seed, (uint8_t[]){(uint8_t)dir, (uint8_t)(n >> 8), (uint8_t)n}, 3);
        sek_text_add(&seed, (const char *)bytes + at, n);
    }
}

static inline void seed_close(void)
{
    const char *folder = getenv("SEKISHO_SEEDS");
    char path[512];
    if (!folder || !sek_app_ops(flow.app) || seed.len > 16384)
        return;
    seed.data[0] = (char)flow.app;
    snprintf(path, sizeof path, "%s/%s-%08lx", folder, sek_app_name(flow.app),
             crc32(0, (const uint8_t *)seed.data, (uint32_t)seed.len));
    FILE *f = fopen(path, "wb");
    if (f) {
        fwrite(seed.data, 1, seed.len, f);
        fclose(f);
    }
}

static void flow_open(uint8_t proto, uint16_t port)
{
    static const struct sek_addr client = {.bytes = {10, 0, 0, 1}},
                                 server = {.bytes = {10, 0, 0, 2}};
    sek_app_settings_default(&settings);
    settings.expectations = &expectations;
    settings.frames = UINT64_MAX;
    session = (struct sek_session){0};
    flow = (struct sek_flow){.ip_version = 4, .proto = proto, .port = {40000, port},
                             .addr = {client, server},
                             .tcp = proto == IPPROTO_TCP ? &session : NULL};
    seed_open();
}

static void flow_close(void)
{
    seed_close();
    sek_app_close(&pool, &flow, NULL, NULL);
    assert_int_equal(pool.used, 0); /* nothing is forgotten */
    sek_pool_trim(&pool);
}

/* Bytes in pieces of STEP; what is not consumed comes again with more. */
static void feed(enum sek_dir dir, const void *bytes, uint32_t len, uint32_t step)
{
    uint32_t done = 0;
    seed_add(dir, bytes, len);
    for (uint32_t end = 0; end < len;) {
        end = step < len - end ? end + step : len;
        for (uint32_t before = UINT32_MAX; done < end && before != done;) {
            struct sek_app_result r = sek_app_data(&pool, &settings, &flow, dir,
                                                   (const uint8_t *)bytes + done, end - done,
                                                   done ? 0 : SEK_APP_START);
            assert_true(r.consumed <= end - done);
            before = done;
            done += r.consumed;
            if (flow.tcp)
                session.stream[dir].app_offset += r.consumed;
        }
    }
}
#define FEED(dir, literal, step) feed(dir, literal, sizeof(literal) - 1, step)

static struct sek_app_state *state_now(void)
{
    struct sek_app_state *s = flow.app_state;
    return s ? s : flow.app_earlier;
}

static struct sek_tx *tx_at(unsigned index)
{
    struct sek_tx *t = state_now() ? state_now()->first : NULL;
    while (t && index--)
        t = t->next;
    assert_non_null(t);
    return t;
}

static inline unsigned tx_count(void)
{
    return state_now() ? state_now()->live : 0;
}

static inline bool get_buffer(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                              struct sek_bytes *out)
{
    int id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    assert_true(id >= 0);
    const struct sek_buffer_def *d = sek_buffer_in(id, tx_at(at)->app);
    assert_non_null(d);
    return d->get(state_now(), tx_at(at), dir, index, out);
}

static inline void expect_bytes(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                                const void *value, size_t len)
{
    struct sek_bytes b = {0};
    if (!get_buffer(at, dir, name, index, &b) || b.len != len || memcmp(b.data, value, len))
        fail_msg("%s of %u: found '%.*s', expected '%.*s'", name, at, (int)b.len,
                 b.data ? (const char *)b.data : "", (int)len, (const char *)value);
}

static inline void expect(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                          const char *value)
{
    expect_bytes(at, dir, name, index, value, strlen(value));
}

static inline bool get_number(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                              uint64_t *out)
{
    const sek_number_row *row = sek_number_find(name);
    assert_non_null(row);
    const struct sek_number_def *d = (*row)[tx_at(at)->app];
    assert_non_null(d);
    return d->get(state_now(), tx_at(at), dir, index, out);
}

static inline bool has_number(unsigned at, enum sek_dir dir, const char *name, uint64_t value)
{
    uint64_t v;
    for (uint32_t i = 0; get_number(at, dir, name, i, &v); i++)
        if (v == value)
            return true;
    return false;
}

static inline void expect_number(unsigned at, enum sek_dir dir, const char *name, uint32_t index,
                                 uint64_t value)
{
    uint64_t v;
    assert_true(get_number(at, dir, name, index, &v));
    assert_int_equal(v, value);
}

static inline bool has_event_in(unsigned at, enum sek_dir dir, const char *name)
{
    enum sek_app app;
    int bit = sek_app_event_find(name, &app);
    assert_true(bit >= 0);
    return tx_at(at)->events[dir] >> bit & 1;
}

static inline bool has_event(unsigned at, const char *name)
{
    return has_event_in(at, SEK_TOSERVER, name) || has_event_in(at, SEK_TOCLIENT, name);
}

/* Does keyword NAME with ARG match? A keyword that would be refused does not. */
static inline bool keyword(unsigned at, enum sek_dir dir, const char *name, const char *arg)
{
    struct sek_arena arena = {0};
    struct sek_fault fault = {0};
    const sek_test_row *row = sek_test_find(name);
    char copy[256];
    assert_non_null(row);
    const struct sek_test_def *d = (*row)[tx_at(at)->app];
    assert_non_null(d);
    if (arg)
        strcpy(copy, arg);
    const void *test = d->parse(&arena, arg ? copy : NULL, &fault);
    bool match = test && d->match(state_now(), tx_at(at), dir, test);
    sek_arena_free(&arena);
    return match;
}

/* Whether a rule with NAME:ARG would be refused. */
static inline bool refused(const char *name, const char *arg)
{
    struct sek_arena arena = {0};
    struct sek_fault fault = {0};
    const sek_test_row *row = sek_test_find(name);
    char copy[256];
    assert_non_null(row);
    bool bad = true;
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        strcpy(copy, arg);
        if ((*row)[app] && (*row)[app]->parse(&arena, copy, &fault))
            bad = false;
    }
    sek_arena_free(&arena);
    return bad;
}

/* PART is in the EVE objects of a transaction. */
static inline void expect_record(unsigned at, const char *part)
{
    struct sek_text t = {0};
    const struct sek_app_ops *ops = sek_app_ops(tx_at(at)->app);
    sek_json_open(&t, NULL, '{');
    sek_json_open(&t, ops->eve_key, '{');
    ops->eve(state_now(), tx_at(at), &t);
    sek_json_close(&t, '}');
    if (ops->eve_more)
        ops->eve_more(state_now(), tx_at(at), &t);
    sek_json_close(&t, '}');
    if (!strstr(t.data, part))
        fail_msg("found %s, expected %s in it", t.data, part);
    sek_text_free(&t);
}

static const uint32_t steps[] = {1, 2, 7, 100000};
#define FOR_STEPS(i) for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)

#endif
