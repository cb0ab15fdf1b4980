/* WebSocket (RFC 6455) after an upgrade of HTTP/1, with permessage-deflate (RFC 7692). Each frame
 * is a transaction in its direction; the last one of a fragmented message carries the whole of it.
 */
#include "lib/app/app.h"
#include "lib/app/decode.h"

#include <stdio.h>

enum { WS_STARTED, WS_COMPLETE };
enum { WS_EVENT_SKIP, WS_EVENT_REASSEMBLY };
enum { FRAME_HEADER, FRAME_PDU, FRAME_DATA };
enum { OP_CONTINUATION, OP_TEXT, OP_BINARY, OP_CLOSE = 8, OP_PING, OP_PONG };
enum { FLAG_FIN = 0x80, FLAG_COMPRESSED = 0x40 };

struct ws_tx {
    struct sek_tx base;
    struct sek_buffer payload;
    uint8_t flags, opcode;
    bool masked;
    uint32_t mask;
};

struct ws_side {
    struct ws_tx *tx; /* whose payload is coming */
    uint64_t left, total;
    uint8_t key[4];
    struct sek_buffer message; /* fragments so far */
    bool compressed;           /* they are */
    struct sek_decoder inflater;
    bool inflating;
};

struct ws_state {
    struct sek_app_state base;
    struct ws_side side[2];
};

static enum sek_probe ws_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                               uint32_t len)
{
    (void)flow, (void)dir, (void)data, (void)len;
    return SEK_PROBE_NO; /* only HTTP can tell */
}

static uint32_t limit(const struct ws_state *s)
{
    return s->base.settings->websocket_payload_limit;
}

/* --- messages --- */

/* One message through the inflater, whose window lasts from message to message. */
static bool inflate_message(struct ws_state *s, struct ws_side *side, struct sek_bytes in,
                            struct sek_buffer *out)
{
    static const uint8_t tail[] = {0, 0, 0xff, 0xff}; /* RFC 7692 section 7.2.2 */
    uint8_t chunk[4096];
    if (!side->inflating) {
        side->inflater.coding = SEK_CODING_RAW_DEFLATE;
        side->inflating = sek_decoder_open(s->base.pool, &side->inflater, in.data, in.len);
        side->inflater.ready = side->inflating;
        if (!side->inflating)
            return false;
    }
    for (int part = 0; part < 2; part++) {
        const uint8_t *p = part ? tail : in.data;
        uint32_t left = part ? sizeof tail : in.len;
        for (;;) {
            bool end = false;
            long n = sek_decoder_step(&side->inflater, &p, &left, chunk, sizeof chunk, &end);
            if (n < 0)
                return false;
            sek_buffer_add(s->base.pool, out, chunk, (uint32_t)n, limit(s));
            if (end || out->cut || (n < (long)sizeof chunk && (!left || !n)))
                break;
        }
    }
    return true;
}

static void inflater_close(struct ws_side *side)
{
    sek_decoder_close(&side->inflater);
    side->inflating = false;
}

static void decompress(struct ws_state *s, struct ws_side *side, struct sek_buffer *payload)
{
    struct sek_buffer out = {0};
    bool kept = side->inflating;
    bool ok = inflate_message(s, side, sek_buffer_view(payload), &out);
    if (!ok && kept) { /* the other side may begin anew with each message */
        inflater_close(side);
        out.len = 0;
        ok = inflate_message(s, side, sek_buffer_view(payload), &out);
    }
    if (!ok || out.cut)
        inflater_close(side);
    if (!ok) {
        sek_buffer_free(s->base.pool, &out);
        return;
    }
    sek_buffer_free(s->base.pool, payload);
    *payload = out;
}

/* The payload of a frame that belongs to a message in pieces. */
static void fragment(struct ws_state *s, struct ws_side *side, struct ws_tx *tx)
{
    if (tx->opcode != OP_CONTINUATION) {
        side->message.len = 0;
        side->compressed = tx->flags & FLAG_COMPRESSED;
    }
    sek_buffer_add(s->base.pool, &side->message, tx->payload.data, tx->payload.len, limit(s));
    if (side->message.cut)
        sek_tx_event_any(&tx->base, WS_EVENT_REASSEMBLY);
    if (!(tx->flags & FLAG_FIN))
        return;
    sek_buffer_free(s->base.pool, &tx->payload);
    tx->payload = side->message;
    side->message = (struct sek_buffer){0};
    if (side->compressed)
        decompress(s, side, &tx->payload);
}

static void frame_done(struct ws_state *s, enum sek_dir dir)
{
    struct ws_side *side = &s->side[dir];
    struct ws_tx *tx = side->tx;
    bool control = tx->opcode >= OP_CLOSE;
    side->tx = NULL;
    if (!control && (!(tx->flags & FLAG_FIN) || tx->opcode == OP_CONTINUATION))
        fragment(s, side, tx);
    else if (!control && tx->flags & FLAG_COMPRESSED)
        decompress(s, side, &tx->payload);
    tx->base.progress[dir] = WS_COMPLETE;
    tx->base.complete[dir] = true;
}

/* --- the stream --- */

static uint32_t header(struct ws_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                       uint32_t at)
{
    struct ws_side *side = &s->side[dir];
    struct sek_reader r = sek_reader_make(data, len);
    uint8_t first = sek_reader_u8(&r), second = sek_reader_u8(&r);
    uint64_t size = second & 0x7f;
    if (size == 126)
        size = sek_reader_u16(&r);
    else if (size == 127)
        size = sek_reader_u64(&r);
    struct sek_bytes key = sek_reader_bytes(&r, second & 0x80 ? 4 : 0);
    if (r.failed)
        return 0;
    struct ws_tx *tx = (struct ws_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_WEBSOCKET);
    memset(side->key, 0, sizeof side->key);
    if (key.len)
        memcpy(side->key, key.data, 4);
    side->left = side->total = size;
    side->tx = tx;
    if (!tx)
        return r.pos;
    tx->base.one_way = true;
    tx->flags = first & 0xf0;
    tx->opcode = first & 15;
    tx->masked = key.len;
    if (key.len)
        tx->mask = (uint32_t)key.data[0] << 24 | (uint32_t)key.data[1] << 16 |
                   (uint32_t)key.data[2] << 8 | key.data[3];
    if (size > limit(s))
        sek_tx_event_any(&tx->base, WS_EVENT_SKIP);
    sek_frame_add(&s->base, dir, FRAME_HEADER, at, r.pos, &tx->base);
    sek_frame_add(&s->base, dir, FRAME_PDU, at, r.pos + size, &tx->base);
    if (size)
        sek_frame_add(&s->base, dir, FRAME_DATA, at + r.pos, size, &tx->base);
    if (!size)
        frame_done(s, dir);
    return r.pos;
}

static uint32_t payload(struct ws_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    struct ws_side *side = &s->side[dir];
    uint32_t n = len < side->left ? len : (uint32_t)side->left;
    struct ws_tx *tx = side->tx;
    if (tx) {
        uint64_t done = side->total - side->left;
        uint32_t begin = tx->payload.len;
        sek_buffer_add(s->base.pool, &tx->payload, data, n, limit(s));
        for (uint32_t i = begin; tx->masked && i < tx->payload.len; i++)
            tx->payload.data[i] ^= side->key[(done + (i - begin)) % 4];
    }
    side->left -= n;
    if (!side->left && tx)
        frame_done(s, dir);
    return n;
}

static struct sek_app_result ws_parse(struct sek_app_state *state, enum sek_dir dir,
                                      const uint8_t *data, uint32_t len, unsigned flags)
{
    struct ws_state *s = (struct ws_state *)state;
    uint32_t pos = 0;
    while (pos < len) {
        uint32_t n = s->side[dir].left ? payload(s, dir, data + pos, len - pos)
                                       : header(s, dir, data + pos, len - pos, pos);
        if (!n)
            break;
        pos += n;
    }
    if (flags & SEK_APP_END && s->side[dir].tx)
        frame_done(s, dir);
    return (struct sek_app_result){.consumed = pos};
}

static void ws_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct ws_state *s = (struct ws_state *)state;
    struct ws_tx *tx = (struct ws_tx *)base;
    for (int d = 0; d < 2; d++)
        if (s->side[d].tx == tx)
            s->side[d].tx = NULL;
    sek_buffer_free(state->pool, &tx->payload);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void ws_close(struct sek_app_state *state)
{
    struct ws_state *s = (struct ws_state *)state;
    for (int d = 0; d < 2; d++) {
        inflater_close(&s->side[d]);
        sek_buffer_free(state->pool, &s->side[d].message);
    }
}

static void ws_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ws_tx *tx = (const struct ws_tx *)base;
    static const char *const names[16] = {
        [OP_CONTINUATION] = "continuation", [OP_TEXT] = "text", [OP_BINARY] = "binary",
        [OP_CLOSE] = "connection_close", [OP_PING] = "ping", [OP_PONG] = "pong"};
    char number[16];
    (void)state;
    snprintf(number, sizeof number, "unknown-%u", tx->opcode);
    sek_json_bool(out, "fin", tx->flags & FLAG_FIN);
    if (tx->masked)
        sek_json_uint(out, "mask", tx->mask);
    sek_json_str(out, "opcode", names[tx->opcode] ? names[tx->opcode] : number);
}

/* --- what rules can name --- */

#define TX(tx) ((struct ws_tx *)(tx))

static bool get_payload(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                        struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&TX(tx)->payload);
    return !i && out->data;
}

static bool get_opcode(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->opcode;
    return !i;
}

static bool get_flags(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->flags;
    return !i;
}

static bool get_mask(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->mask;
    return !i && TX(tx)->masked;
}

#define DONE {WS_COMPLETE, WS_COMPLETE}

static const struct sek_buffer_def ws_buffers[] = {
    {"websocket.payload", "websocket_payload", NULL, 3, DONE, false, false, get_payload},
    {0},
};

static const char *const opcode_words[] = {
    "continuation", "0", "text", "1", "binary", "2", "connection_close", "8", "close", "8",
    "ping", "9", "pong", "10", NULL};
static const char *const flag_words[] = {"fin", "128", "comp", "64", "rsv2", "32", "rsv3", "16",
                                         NULL};

static const struct sek_number_def ws_numbers[] = {
    {"websocket.opcode", 3, DONE, get_opcode, opcode_words, false},
    {"websocket.flags", 3, DONE, get_flags, flag_words, true},
    {"websocket.mask", 3, DONE, get_mask, NULL, false},
    {0},
};

static const struct sek_app_event_name ws_events[] = {
    {"skip_end_of_payload", WS_EVENT_SKIP},
    {"reassembly_limit_reached", WS_EVENT_REASSEMBLY},
    {0},
};

static const char *const ws_frames[] = {"header", "pdu", "data", NULL};

const struct sek_app_ops sek_websocket_ops = {
    .id = SEK_APP_WEBSOCKET,
    .name = "websocket",
    .eve_key = "websocket",
    .transports = 1,
    .probe = ws_probe,
    .state_size = sizeof(struct ws_state),
    .parse = ws_parse,
    .tx_free = ws_tx_free,
    .close = ws_close,
    .eve = ws_eve,
    .buffers = ws_buffers,
    .numbers = ws_numbers,
    .events = ws_events,
    .frames = ws_frames,
    .complete = {WS_COMPLETE, WS_COMPLETE},
};
