/* Which anomalies TCP tracking names: each row is a conversation whose last segment has the event, and which has
 * none before. Numbers are relative: the client begins at 0 (its SYN is 0, its first byte 1), the server as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/flow/tcp.h"

#include <netinet/in.h>

enum { C, S };
#define SYN SEK_TCP_SYN
#define ACK SEK_TCP_ACK
#define FIN SEK_TCP_FIN
#define RST SEK_TCP_RST

struct segment {
    uint8_t from, flags;
    uint32_t seq, ack, len;
    uint16_t window; /* 0: 60000 */
};

static struct sek_pool pool;
static uint8_t zeros[2048];

#define OPEN {C, SYN, 0, 0, 0, 0}, {S, SYN | ACK, 0, 1, 0, 0}, {C, ACK, 1, 1, 0, 0}

static const struct row {
    enum sek_stream_event event;
    struct segment segments[10];
} rows[] = {
    {SEK_STREAM__3WHS_SYNACK_IN_WRONG_DIRECTION, {{C, SYN, 0, 0, 0, 0}, {C, SYN | ACK, 0, 1, 0, 0}}},
    {SEK_STREAM__3WHS_SYNACK_TOSERVER_ON_SYN_RECV,
     {{C, SYN, 0, 0, 0, 0}, {S, SYN | ACK, 0, 1, 0, 0}, {C, SYN | ACK, 0, 1, 0, 0}}},
    {SEK_STREAM__3WHS_SYNACK_WITH_WRONG_ACK, {{C, SYN, 0, 0, 0, 0}, {S, SYN | ACK, 0, 77, 0, 0}}},
    {SEK_STREAM__3WHS_SYNACK_RESEND_WITH_DIFFERENT_ACK,
     {{C, SYN, 0, 0, 0, 0}, {S, SYN | ACK, 0, 1, 0, 0}, {S, SYN | ACK, 0, 77, 0, 0}}},
    {SEK_STREAM__3WHS_SYNACK_RESEND_WITH_DIFF_SEQ,
     {{C, SYN, 0, 0, 0, 0}, {S, SYN | ACK, 0, 1, 0, 0}, {S, SYN | ACK, 99, 1, 0, 0}}},
    {SEK_STREAM__3WHS_SYNACK_TFO_DATA_IGNORED, {{C, SYN, 0, 0, 20, 0}, {S, SYN | ACK, 0, 1, 0, 0}}},
    {SEK_STREAM__4WHS_SYNACK_WITH_WRONG_ACK,
     {{C, SYN, 0, 0, 0, 0}, {S, SYN, 0, 0, 0, 0}, {C, SYN | ACK, 0, 77, 0, 0}}},
    {SEK_STREAM__4WHS_SYNACK_WITH_WRONG_SYN,
     {{C, SYN, 0, 0, 0, 0}, {S, SYN, 0, 0, 0, 0}, {C, SYN | ACK, 77, 1, 0, 0}}},
    {SEK_STREAM_EST_SYN_RESEND, {OPEN, {C, SYN, 0, 0, 0, 0}}},
    {SEK_STREAM_EST_SYNACK_RESEND, {OPEN, {S, SYN | ACK, 0, 1, 0, 0}}},
    {SEK_STREAM_EST_PACKET_OUT_OF_WINDOW, {OPEN, {C, ACK, 200001, 1, 10, 0}}},
    {SEK_STREAM_EST_INVALID_ACK, {OPEN, {C, ACK, 1, 900001, 10, 0}}},
    {SEK_STREAM_EST_PKT_BEFORE_LAST_ACK, {OPEN, {C, ACK, 1, 1, 100, 0}, {S, ACK, 1, 101, 0, 0}, {C, ACK, 1, 1, 50, 0}}},
    {SEK_STREAM_PKT_RETRANSMISSION, {OPEN, {C, ACK, 1, 1, 100, 0}, {C, ACK, 1, 1, 100, 0}}},
    {SEK_STREAM_PKT_BAD_WINDOW_UPDATE,
     {OPEN, {S, ACK, 1, 1, 10, 0}, {C, ACK, 1, 11, 10, 0}, {C, ACK, 5011, 5011, 10, 20}}},
    {SEK_STREAM_FIN_OUT_OF_WINDOW, {OPEN, {C, FIN | ACK, 200001, 1, 0, 0}}},
    {SEK_STREAM_FIN_INVALID_ACK, {OPEN, {C, FIN | ACK, 1, 900001, 0, 0}}},
    /* the client closes: the server waits */
    {SEK_STREAM_CLOSEWAIT_INVALID_ACK, {OPEN, {C, FIN | ACK, 1, 1, 0, 0}, {S, ACK, 1, 900001, 10, 0}}},
    {SEK_STREAM_CLOSEWAIT_ACK_OUT_OF_WINDOW, {OPEN, {C, FIN | ACK, 1, 1, 0, 0}, {S, ACK, 200001, 2, 10, 0}}},
    {SEK_STREAM_CLOSEWAIT_FIN_OUT_OF_WINDOW, {OPEN, {C, FIN | ACK, 1, 1, 0, 0}, {S, FIN | ACK, 200001, 2, 0, 0}}},
    {SEK_STREAM_CLOSEWAIT_PKT_BEFORE_LAST_ACK,
     {OPEN, {C, ACK, 1, 1, 100, 0}, {S, ACK, 1, 101, 0, 0}, {C, FIN | ACK, 101, 1, 0, 0}, {C, ACK, 1, 1, 50, 0}}},
    {SEK_STREAM_LASTACK_INVALID_ACK,
     {OPEN, {C, FIN | ACK, 1, 1, 0, 0}, {S, FIN | ACK, 1, 2, 0, 0}, {C, ACK, 2, 900001, 0, 0}}},
    {SEK_STREAM_LASTACK_ACK_WRONG_SEQ,
     {OPEN, {C, FIN | ACK, 1, 1, 0, 0}, {S, FIN | ACK, 1, 2, 0, 0}, {C, ACK, 200001, 2, 0, 0}}},
    /* the server closes */
    {SEK_STREAM_FIN1_INVALID_ACK, {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, ACK, 1, 900001, 0, 0}}},
    {SEK_STREAM_FIN1_ACK_WRONG_SEQ, {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, ACK, 200001, 1, 10, 0}}},
    {SEK_STREAM_FIN1_FIN_WRONG_SEQ, {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, FIN | ACK, 200001, 1, 0, 0}}},
    {SEK_STREAM_FIN2_INVALID_ACK,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, ACK, 1, 2, 0, 0}, {C, ACK, 1, 900001, 10, 0}}},
    {SEK_STREAM_FIN2_ACK_WRONG_SEQ,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, ACK, 1, 2, 0, 0}, {C, ACK, 200001, 2, 10, 0}}},
    {SEK_STREAM_FIN2_FIN_WRONG_SEQ,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, ACK, 1, 2, 0, 0}, {C, FIN | ACK, 200001, 2, 0, 0}}},
    {SEK_STREAM_TIMEWAIT_INVALID_ACK,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, FIN | ACK, 1, 2, 0, 0}, {S, ACK, 2, 900001, 0, 0}}},
    {SEK_STREAM_TIMEWAIT_ACK_WRONG_SEQ,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, FIN | ACK, 1, 2, 0, 0}, {S, ACK, 200001, 2, 0, 0}}},
    {SEK_STREAM_CLOSING_INVALID_ACK,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, FIN | ACK, 1, 1, 0, 0}, {S, ACK, 2, 900001, 0, 0}}},
    {SEK_STREAM_CLOSING_ACK_WRONG_SEQ,
     {OPEN, {S, FIN | ACK, 1, 1, 0, 0}, {C, FIN | ACK, 1, 1, 0, 0}, {S, ACK, 200001, 1, 0, 0}}},
    {SEK_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ, {OPEN, {C, ACK, (uint32_t)-90, 1, 50, 0}}},
    {SEK_STREAM_REASSEMBLY_INSERT_LIMIT, {OPEN, {C, ACK, 11, 1, 2000, 0}, {C, ACK, 5011, 1, 2000, 0}, {C, ACK, 9011, 1, 2000, 0}}},
    {SEK_STREAM_RST_INVALID_ACK, {OPEN, {C, RST | ACK, 900001, 1, 0, 0}}},
};

static bool has(const struct sek_packet *p, enum sek_stream_event event)
{
    return p->stream_events[event / 64] >> (event % 64) & 1;
}

static struct sek_tcp_result play(struct sek_flow *flow, const struct segment *s, struct sek_packet *p)
{
    static const struct sek_tcp_settings settings = {.depth = 1u << 20, .piece_limit = 4096};
    enum sek_dir dir = s->from == C ? SEK_TOSERVER : SEK_TOCLIENT;
    *p = (struct sek_packet){.ip_version = 4, .proto = IPPROTO_TCP, .payload = zeros, .payload_len = s->len};
    p->tcp.flags = s->flags;
    p->tcp.seq = (s->from == C ? 1000u : 900000u) + s->seq;
    p->tcp.ack = s->flags & ACK ? (s->from == C ? 900000u : 1000u) + s->ack : 0;
    p->tcp.window = s->window ? s->window : 60000;
    p->tcp.wscale = 0xff;
    return sek_tcp_packet(&pool, &settings, flow, &dir, p);
}

static void each_anomaly_has_its_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sek_flow flow = {.ip_version = 4, .proto = IPPROTO_TCP};
        const struct segment *s = rows[i].segments;
        struct sek_packet p;
        for (; s < rows[i].segments + 10 && s->flags; s++) {
            bool last = s == rows[i].segments + 9 || !s[1].flags;
            play(&flow, s, &p);
            if (!last && has(&p, rows[i].event))
                fail_msg("row %zu: the event is there before its time", i);
        }
        if (!has(&p, rows[i].event))
            fail_msg("row %zu: no event", i);
        sek_session_free(&pool, flow.tcp);
    }
    assert_int_equal(pool.used, 0);
    sek_pool_trim(&pool);
}

/* An ordinary conversation, closed from either side, has no anomaly. */
static void an_ordinary_conversation_has_none(void **state)
{
    static const struct segment plain[2][12] = {
        {OPEN, {C, ACK, 1, 1, 100, 0}, {S, ACK, 1, 101, 0, 0}, {S, ACK, 1, 101, 500, 0}, {C, ACK, 101, 501, 0, 50000},
         {C, FIN | ACK, 101, 501, 0, 0}, {S, ACK, 501, 102, 0, 0}, {S, FIN | ACK, 501, 102, 0, 0}, {C, ACK, 102, 502, 0, 0}},
        {OPEN, {C, ACK, 1, 1, 100, 0}, {S, ACK, 1, 101, 500, 0}, {S, FIN | ACK, 501, 101, 0, 0}, {C, ACK, 101, 502, 0, 0},
         {C, ACK, 101, 502, 10, 0}, {S, ACK, 502, 111, 0, 0}, {C, FIN | ACK, 111, 502, 0, 0}, {S, ACK, 502, 112, 0, 0}}};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sek_flow flow = {.ip_version = 4, .proto = IPPROTO_TCP};
        for (const struct segment *s = plain[i]; s < plain[i] + 12 && s->flags; s++) {
            struct sek_packet p;
            struct sek_tcp_result r = play(&flow, s, &p);
            assert_true(r.valid);
            for (int e = 0; e < SEK_STREAM_EVENT_COUNT; e++)
                if (has(&p, (enum sek_stream_event)e))
                    fail_msg("conversation %zu, segment %zu: event %d", i, (size_t)(s - plain[i]), e);
        }
        sek_session_free(&pool, flow.tcp);
    }
    sek_pool_trim(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_anomaly_has_its_name),
        cmocka_unit_test(an_ordinary_conversation_has_none),
    };
    return cmocka_run_group_tests_name("flow events", tests, NULL, NULL);
}
