/* DNP3 link and transport layer: frames of at most 292 bytes, a checksum after every 16 of them,
 * gathered into application messages. */
#include "lib/app/dnp3.h"

#include <netinet/in.h>
#include <string.h>

#define LINK_HEADER 10u
#define USER_MIN    5u    /* of the length: control and addresses */
#define BLOCK       16u
#define MESSAGE_MAX (64u * 249u) /* bytes of an application message: 64 full frames */
#define PORT        20000

struct dnp3_state {
    struct sek_app_state base;
    struct sek_buffer pending[2]; /* of a message whose last frame is still to come */
    bool cut[2];                  /* it became too long: the rest of it is let go */
    uint32_t unanswered;
};

/* CRC-16/DNP, bit by bit: frames are short. */
static uint16_t crc(const uint8_t *p, uint32_t len)
{
    uint16_t c = 0;
    for (uint32_t i = 0; i < len; i++) {
        c ^= p[i];
        for (int b = 0; b < 8; b++)
            c = (uint16_t)(c & 1 ? (c >> 1) ^ 0xa6bc : c >> 1);
    }
    return (uint16_t)~c;
}

static bool crc_good(const uint8_t *p, uint32_t len)
{
    return crc(p, len) == (uint16_t)(p[len] | p[len + 1] << 8);
}

static enum sek_probe dnp3_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    (void)dir;
    if (data[0] != 0x05 || (len > 1 && data[1] != 0x64))
        return SEK_PROBE_NO;
    if (len < LINK_HEADER)
        return flow->proto == IPPROTO_TCP ? SEK_PROBE_MORE : SEK_PROBE_NO;
    if (sek_port_either(flow, PORT))
        return SEK_PROBE_YES;
    return data[2] >= USER_MIN && crc_good(data, 8) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

/* A flow that was met in its middle may begin with the outstation. */
static bool is_response(const struct sek_flow *flow, enum sek_dir dir)
{
    bool reversed = flow->port[0] == PORT && flow->port[1] != PORT;
    return (dir == SEK_TOCLIENT) != reversed;
}

static struct dnp3_tx *tx_open(struct dnp3_state *s, enum sek_dir dir, const uint8_t *link)
{
    struct dnp3_tx *tx = (struct dnp3_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_DNP3);
    if (!tx)
        return NULL;
    tx->response = is_response(s->base.flow, dir);
    tx->link_control = link[3];
    tx->to = (uint16_t)(link[4] | link[5] << 8);
    tx->from = (uint16_t)(link[6] | link[7] << 8);
    sek_tx_end(&tx->base, dir);
    return tx;
}

static void event(struct dnp3_state *s, enum sek_dir dir, const uint8_t *link, unsigned bit)
{
    struct dnp3_tx *tx = tx_open(s, dir, link);
    if (tx)
        sek_tx_event(&tx->base, dir, bit);
}

/* The message in PENDING is whole. */
static void on_message(struct dnp3_state *s, enum sek_dir dir, const uint8_t *link)
{
    struct dnp3_tx *tx = tx_open(s, dir, link);
    if (!tx) {
        s->pending[dir].len = 0;
        return;
    }
    tx->data = s->pending[dir];
    s->pending[dir] = (struct sek_buffer){0};
    if (tx->response)
        s->unanswered = 0;
    else if (++s->unanswered > s->base.settings->max_tx[SEK_APP_DNP3])
        sek_tx_event(&tx->base, dir, DNP3_EVENT_FLOODED);
    dnp3_application(&s->base, tx, dir);
}

/* A transport segment: its first byte says whether it begins (0x40) and ends (0x80) a message. */
static void segment(struct dnp3_state *s, enum sek_dir dir, const uint8_t *link,
                    struct sek_bytes data)
{
    struct sek_buffer *b = &s->pending[dir];
    uint8_t transport = data.data[0];
    if (transport & 0x40) {
        b->len = 0;
        s->cut[dir] = false;
    }
    if (s->cut[dir])
        return;
    if (b->len + data.len - 1 > MESSAGE_MAX) {
        event(s, dir, link, DNP3_EVENT_TOO_LONG);
        s->cut[dir] = true;
        b->len = 0;
        return;
    }
    sek_buffer_add(s->base.pool, b, data.data + 1, data.len - 1, 0);
    if (transport & 0x80 && b->len >= 2)
        on_message(s, dir, link);
}

/* Bytes of a frame on the wire whose header has LENGTH. */
static uint32_t frame_size(uint8_t length)
{
    uint32_t user = length - USER_MIN;
    return LINK_HEADER + user + (user + BLOCK - 1) / BLOCK * 2;
}

static void frame(struct dnp3_state *s, enum sek_dir dir, const uint8_t *p)
{
    uint8_t plain[256];
    uint32_t left = p[2] - USER_MIN, n = 0, at = LINK_HEADER;
    if (!crc_good(p, 8)) {
        event(s, dir, p, DNP3_EVENT_LINK_CRC);
        return;
    }
    while (left) {
        uint32_t block = left < BLOCK ? left : BLOCK;
        if (!crc_good(p + at, block)) {
            event(s, dir, p, DNP3_EVENT_TRANSPORT_CRC);
            return;
        }
        memcpy(plain + n, p + at, block);
        n += block;
        left -= block;
        at += block + 2;
    }
    unsigned function = p[3] & 15;
    bool primary = p[3] & 0x40; /* of the link, not the application */
    if (n && primary && (function == 3 || function == 4))
        segment(s, dir, p, (struct sek_bytes){plain, n});
}

static struct sek_app_result dnp3_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct dnp3_state *s = (struct dnp3_state *)state;
    struct sek_app_result all = {.consumed = len}, broken = {.consumed = len, .error = true};
    uint32_t pos = 0;
    bool stream = state->flow->proto == IPPROTO_TCP;
    (void)flags;
    while (len - pos >= LINK_HEADER) {
        const uint8_t *p = data + pos;
        if (p[0] != 0x05 || p[1] != 0x64)
            return stream ? broken : all;
        if (p[2] < USER_MIN) {
            event(s, dir, p, DNP3_EVENT_LEN_TOO_SMALL);
            return stream ? broken : all;
        }
        if (len - pos < frame_size(p[2]))
            break;
        frame(s, dir, p);
        pos += frame_size(p[2]);
    }
    return stream ? (struct sek_app_result){.consumed = pos} : all;
}

static void dnp3_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct dnp3_tx *tx = (struct dnp3_tx *)base;
    sek_buffer_free(state->pool, &tx->data);
    sek_buffer_free(state->pool, &tx->objects);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void dnp3_close(struct sek_app_state *state)
{
    struct dnp3_state *s = (struct dnp3_state *)state;
    sek_buffer_free(state->pool, &s->pending[0]);
    sek_buffer_free(state->pool, &s->pending[1]);
}

static const struct sek_app_event_name dnp3_events[] = {
    {"flooded", DNP3_EVENT_FLOODED},
    {"len_too_small", DNP3_EVENT_LEN_TOO_SMALL},
    {"bad_link_crc", DNP3_EVENT_LINK_CRC},
    {"bad_transport_crc", DNP3_EVENT_TRANSPORT_CRC},
    {"unknown_object", DNP3_EVENT_UNKNOWN_OBJECT},
    {"too_long_reassembly", DNP3_EVENT_TOO_LONG},
    {"too_many_objects", DNP3_EVENT_TOO_MANY_OBJECTS},
    {"too_many_points", DNP3_EVENT_TOO_MANY_POINTS},
    {0},
};

const struct sek_app_ops sek_dnp3_ops = {
    .id = SEK_APP_DNP3,
    .name = "dnp3",
    .eve_key = "dnp3",
    .transports = 3,
    .probe = dnp3_probe,
    .state_size = sizeof(struct dnp3_state),
    .parse = dnp3_parse,
    .tx_free = dnp3_tx_free,
    .close = dnp3_close,
    .eve = dnp3_eve,
    .buffers = dnp3_buffers,
    .numbers = dnp3_numbers,
    .tests = dnp3_tests,
    .events = dnp3_events,
    .complete = {1, 1},
};
