/* HTTP/2 in the stream: the preface, frames, and which transaction each belongs to. DATA is taken
 * as it comes; other frames when they are whole. */
#include "lib/app/http2.h"

#include <strings.h>

#define FRAME_HEADER 9u
#define FRAME_KEEP   65536u  /* a frame other than DATA that is longer is let pass */
#define LONG_FRAME   (1u << 20)
#define BLOCK_LIMIT  65536u
#define VALUES_MAX   256u
#define RESET_WAIT   256u  /* with more transactions than this, a reset stream is over at once */

#define FLAG_END_STREAM  1
#define FLAG_ACK         1
#define FLAG_END_HEADERS 4
#define FLAG_PADDED      8
#define FLAG_PRIORITY    0x20

enum { FRAME_HDR, FRAME_DATA, FRAME_PDU };

static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
#define MAGIC_LEN 24u

static enum sek_probe h2_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                               uint32_t len)
{
    (void)flow;
    if (dir == SEK_TOSERVER) {
        if (memcmp(data, magic, len < MAGIC_LEN ? len : MAGIC_LEN))
            return SEK_PROBE_NO;
        return len < MAGIC_LEN ? SEK_PROBE_MORE : SEK_PROBE_YES;
    }
    /* A server begins with its SETTINGS: a short frame of whole settings on stream 0. */
    static const uint8_t rest[] = {H2_SETTINGS, 0, 0, 0, 0, 0};
    if (data[0] || (len > 1 && data[1]) || (len > 2 && (data[2] % 6 || data[2] > 96)) ||
        (len > 3 && memcmp(data + 3, rest, len < 9 ? len - 3 : 6)))
        return SEK_PROBE_NO;
    return len < FRAME_HEADER ? SEK_PROBE_MORE : SEK_PROBE_YES;
}

/* --- transactions --- */

static struct h2_tx *tx_new(struct h2_state *s, uint32_t stream)
{
    enum sek_app app = s->base.flow->app == SEK_APP_DOH2 ? SEK_APP_DOH2 : SEK_APP_HTTP2;
    struct h2_tx *tx = NULL;
    if (s->base.live < s->base.settings->http2_streams)
        tx = (struct h2_tx *)sek_tx_new(&s->base, sizeof *tx, app);
    if (!tx) {
        if (s->base.last)
            sek_tx_event_any(s->base.last, H2_EVENT_STREAMS);
        return NULL;
    }
    tx->stream = stream;
    tx->side[0].file.dir = SEK_TOSERVER;
    tx->side[1].file.dir = SEK_TOCLIENT;
    return tx;
}

/* An end in one direction: the transaction is over when both have ended. A request with a body is
 * looked at when it has ended; one without waits, because more frames of the stream may follow. */
static void side_over(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir)
{
    if (tx->side[dir].ended)
        return;
    tx->side[dir].ended = true;
    h2_side_end(s, tx, dir);
    tx->base.progress[dir] = H2_COMPLETE;
    if (tx->side[!dir].ended)
        tx->base.complete[0] = tx->base.complete[1] = true;
    else if (tx->side[dir].raw)
        tx->base.complete[dir] = true;
}

static struct h2_tx *tx_single(struct h2_state *s, enum sek_dir dir, uint32_t stream)
{
    struct h2_tx *tx = tx_new(s, stream);
    if (!tx)
        return NULL;
    tx->base.one_way = true;
    tx->base.progress[dir] = H2_COMPLETE;
    tx->base.complete[dir] = true;
    return tx;
}

static struct h2_tx *tx_for(struct h2_state *s, enum sek_dir dir, uint32_t stream, uint8_t type)
{
    if (!stream)
        return tx_single(s, dir, stream);
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct h2_tx *tx = (struct h2_tx *)t;
        if (tx->stream == stream && !tx->base.one_way && !(t->complete[0] && t->complete[1]))
            return tx;
    }
    if (stream <= s->highest) { /* the stream is over */
        struct h2_tx *tx = tx_single(s, dir, stream);
        if (tx && (type == H2_HEADERS_FRAME || type == H2_DATA))
            sek_tx_event_any(&tx->base, H2_EVENT_STREAM_REUSE);
        return tx;
    }
    s->highest = stream;
    return tx_new(s, stream);
}

static void value_add(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, enum h2_kind kind,
                      uint16_t id, uint64_t value)
{
    struct h2_side *d = &tx->side[dir];
    if (d->count == d->cap) {
        uint16_t cap = d->cap ? (uint16_t)(d->cap * 2) : 4;
        struct h2_value *more =
            cap > VALUES_MAX ? NULL
                             : sek_pool_grow(s->base.pool, d->values, d->cap * sizeof *more,
                                             cap * sizeof *more, d->count * sizeof *more);
        if (!more) {
            sek_tx_event_any(&tx->base, H2_EVENT_FRAMES);
            return;
        }
        d->values = more;
        d->cap = cap;
    }
    d->values[d->count++] = (struct h2_value){(uint16_t)kind, id, value};
    if (!tx->base.progress[dir])
        tx->base.progress[dir] = H2_HEADERS;
}

/* --- header blocks --- */

struct block_target {
    struct h2_state *s;
    struct h2_tx *tx;
    enum sek_dir dir;
    bool push;
};

static void on_field(void *ctx, struct sek_bytes name, struct sek_bytes value)
{
    struct block_target *b = ctx;
    if (!b->tx || b->push)
        return;
    if (!h2_keep(b->s, b->tx, (uint64_t)name.len + value.len) ||
        !sek_fields_add(b->s->base.pool, &b->tx->side[b->dir].headers, name, value,
                        2 * BLOCK_LIMIT))
        sek_tx_event_any(&b->tx->base, H2_EVENT_HEADER);
}

static void on_size(void *ctx, uint64_t size)
{
    struct block_target *b = ctx;
    if (b->tx)
        value_add(b->s, b->tx, b->dir, H2_IS_SIZE, 0, size);
}

static void block_done(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir)
{
    struct h2_flow *f = &s->flow[dir];
    struct block_target target = {s, tx, dir, f->block_push};
    struct hpack_sink sink = {&target, on_field, on_size};
    enum hpack_result r = hpack_decode(s->base.pool, &f->table, sek_buffer_view(&f->block), &sink);
    sek_buffer_free(s->base.pool, &f->block);
    f->block_stream = 0;
    if (!tx)
        return;
    if (r != HPACK_OK) { /* the rest of the block cannot be read */
        sek_tx_event_any(&tx->base, r == HPACK_OVERFLOW ? H2_EVENT_INTEGER : H2_EVENT_HEADER);
        sek_tx_event_any(&tx->base, H2_EVENT_EXTRA_HEADER);
    }
    if (f->block_push)
        return;
    h2_headers_done(s, tx, dir);
    if (f->block_flags & FLAG_END_STREAM)
        side_over(s, tx, dir);
}

static void block_add(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, struct sek_reader r,
                      bool end)
{
    struct h2_flow *f = &s->flow[dir];
    struct sek_bytes part = sek_reader_bytes(&r, sek_reader_left(&r));
    sek_buffer_add(s->base.pool, &f->block, part.data, part.len, BLOCK_LIMIT);
    if (f->block.cut && tx)
        sek_tx_event_any(&tx->base, H2_EVENT_REASSEMBLY);
    if (end)
        block_done(s, tx, dir);
}

/* Cuts the padding of a frame off R. */
static bool unpad(struct sek_reader *r, uint8_t flags)
{
    if (!(flags & FLAG_PADDED))
        return true;
    uint8_t pad = sek_reader_u8(r);
    if (r->failed || pad > sek_reader_left(r))
        return false;
    r->len -= pad;
    return true;
}

static bool headers_frame(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, uint8_t type,
                          uint8_t flags, struct sek_reader r)
{
    struct h2_flow *f = &s->flow[dir];
    if (!unpad(&r, flags))
        return false;
    if (type == H2_HEADERS_FRAME && flags & FLAG_PRIORITY) {
        sek_reader_skip(&r, 4);
        uint8_t weight = sek_reader_u8(&r);
        if (tx)
            value_add(s, tx, dir, H2_IS_PRIORITY, 0, weight);
    }
    if (type == H2_PUSH_PROMISE)
        sek_reader_skip(&r, 4);
    if (r.failed)
        return false;
    f->block_stream = tx ? tx->stream : 0;
    f->block_flags = flags;
    f->block_push = type == H2_PUSH_PROMISE;
    f->block.len = 0;
    block_add(s, tx, dir, r, flags & FLAG_END_HEADERS);
    return true;
}

/* --- other frames --- */

static bool settings_frame(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir,
                           struct sek_reader r)
{
    while (sek_reader_left(&r) >= 6) {
        uint16_t id = sek_reader_u16(&r);
        uint32_t value = sek_reader_u32(&r);
        value_add(s, tx, dir, H2_IS_SETTING, id, value);
        if (id == 1) { /* SETTINGS_HEADER_TABLE_SIZE: what the peer's encoder may use */
            struct hpack_table *t = &s->flow[!dir].table;
            t->allowed = value < HPACK_TABLE_MAX ? value : HPACK_TABLE_MAX;
            if (t->limit > t->allowed)
                t->limit = t->allowed;
        }
    }
    return !sek_reader_left(&r);
}

/* Frames of a fixed length have it (RFC 9113 section 6). */
static bool length_right(uint8_t type, uint8_t flags, uint32_t size)
{
    switch (type) {
    case H2_PRIORITY_FRAME:
        return size == 5;
    case H2_RST_STREAM:
    case H2_WINDOW_UPDATE:
        return size == 4;
    case H2_PING:
        return size == 8;
    case H2_GOAWAY:
        return size >= 8;
    case H2_SETTINGS:
        return flags & FLAG_ACK ? !size : size % 6 == 0;
    default:
        return true;
    }
}

/* A whole frame other than DATA. */
static bool frame_body(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, uint8_t type,
                       uint8_t flags, struct sek_reader r)
{
    switch (type) {
    case H2_HEADERS_FRAME:
    case H2_PUSH_PROMISE:
        return headers_frame(s, tx, dir, type, flags, r);
    case H2_CONTINUATION:
        if (!tx || s->flow[dir].block_stream != tx->stream)
            return false;
        block_add(s, tx, dir, r, flags & FLAG_END_HEADERS);
        return true;
    case H2_PRIORITY_FRAME:
        sek_reader_skip(&r, 4);
        value_add(s, tx, dir, H2_IS_PRIORITY, 0, sek_reader_u8(&r));
        return !r.failed;
    case H2_RST_STREAM:
        value_add(s, tx, dir, H2_IS_ERROR, 0, sek_reader_u32(&r));
        if (!tx->base.one_way)
            side_over(s, tx, dir); /* what the other side has sent meanwhile still comes */
        if (!tx->base.one_way && s->base.live > RESET_WAIT)
            side_over(s, tx, !dir);
        return !r.failed;
    case H2_GOAWAY:
        sek_reader_skip(&r, 4);
        value_add(s, tx, dir, H2_IS_ERROR, 0, sek_reader_u32(&r));
        return !r.failed;
    case H2_WINDOW_UPDATE:
        value_add(s, tx, dir, H2_IS_WINDOW, 0, sek_reader_u32(&r) & 0x7fffffff);
        return !r.failed;
    case H2_SETTINGS:
        return flags & FLAG_ACK || settings_frame(s, tx, dir, r);
    default:
        return true;
    }
}

static void add_frames(struct h2_state *s, enum sek_dir dir, uint32_t at, uint32_t size,
                       const struct h2_tx *tx)
{
    sek_frame_add(&s->base, dir, FRAME_HDR, at, FRAME_HEADER, &tx->base);
    sek_frame_add(&s->base, dir, FRAME_DATA, at + FRAME_HEADER, size, &tx->base);
    sek_frame_add(&s->base, dir, FRAME_PDU, at, FRAME_HEADER + size, &tx->base);
}

/* The frame that begins at DATA; returns what it used, 0: wait. */
static uint32_t frame(struct h2_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len,
                      uint32_t at)
{
    struct h2_flow *f = &s->flow[dir];
    struct sek_reader r = sek_reader_make(data, len);
    uint32_t size = sek_reader_u24(&r);
    uint8_t type = sek_reader_u8(&r), flags = sek_reader_u8(&r);
    uint32_t stream = sek_reader_u32(&r);
    bool reserved = stream >> 31; /* must be 0 (RFC 9113 section 4.1) */
    stream &= 0x7fffffff;
    bool padded = type == H2_DATA && flags & FLAG_PADDED && size;
    uint32_t need = FRAME_HEADER + padded;
    if (type != H2_DATA && size <= FRAME_KEEP)
        need += size;
    if (len < need)
        return 0;
    struct h2_tx *tx = tx_for(s, dir, stream, type);
    bool block = type == H2_HEADERS_FRAME || type == H2_PUSH_PROMISE;
    if (!tx && (!block || size > FRAME_KEEP)) {
        f->skip = size;
        return FRAME_HEADER;
    }
    if (!tx) { /* too many streams; the tables of compression must go on */
        frame_body(s, NULL, dir, type, flags, sek_reader_sub(&r, size));
        return need;
    }
    value_add(s, tx, dir, H2_IS_TYPE, 0, type);
    add_frames(s, dir, at, size, tx);
    if (reserved)
        sek_tx_event_any(&tx->base, H2_EVENT_FRAME_HEADER);
    if (!length_right(type, flags, size))
        sek_tx_event_any(&tx->base, H2_EVENT_FRAME_LENGTH);
    if (size > LONG_FRAME)
        sek_tx_event_any(&tx->base, H2_EVENT_LONG_FRAME);
    if (type > H2_CONTINUATION || (type != H2_DATA && size > FRAME_KEEP)) {
        f->skip = size;
        return FRAME_HEADER;
    }
    if (type == H2_DATA) {
        uint32_t pad = padded ? data[FRAME_HEADER] : 0;
        if (!stream)
            sek_tx_event_any(&tx->base, H2_EVENT_STREAM_ZERO);
        if (padded && pad >= size)
            sek_tx_event_any(&tx->base, H2_EVENT_FRAME_DATA);
        f->pad_left = pad < size ? pad : size - padded;
        f->data_left = size - padded - f->pad_left;
        f->data_stream = tx->base.one_way ? 0 : stream;
        f->data_end = flags & FLAG_END_STREAM;
        return need;
    }
    if (!frame_body(s, tx, dir, type, flags, sek_reader_sub(&r, size)))
        sek_tx_event_any(&tx->base, H2_EVENT_FRAME_DATA);
    return need;
}

static struct h2_tx *tx_of_data(struct h2_state *s, enum sek_dir dir)
{
    for (struct sek_tx *t = s->flow[dir].data_stream ? s->base.first : NULL; t; t = t->next)
        if (((struct h2_tx *)t)->stream == s->flow[dir].data_stream && !t->one_way)
            return (struct h2_tx *)t;
    return NULL;
}

/* Bytes of a DATA frame whose head is behind us. */
static uint32_t data_bytes(struct h2_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    struct h2_flow *f = &s->flow[dir];
    struct h2_tx *tx = tx_of_data(s, dir);
    uint32_t n = len < f->data_left ? len : f->data_left;
    if (tx && n)
        h2_body_add(s, tx, dir, data, n);
    f->data_left -= n;
    if (!f->data_left) {
        f->skip = f->pad_left;
        f->pad_left = 0;
        if (f->data_end && tx)
            side_over(s, tx, dir);
        f->data_end = false;
    }
    return n;
}

static bool preface(struct h2_state *s, const uint8_t *data, uint32_t len, uint32_t *used)
{
    struct h2_flow *f = &s->flow[SEK_TOSERVER];
    if (len < MAGIC_LEN && !memcmp(data, magic, len))
        return false;
    f->preface = true;
    *used = MAGIC_LEN;
    if (len >= MAGIC_LEN && !memcmp(data, magic, MAGIC_LEN))
        return true;
    struct h2_tx *tx = tx_single(s, SEK_TOSERVER, 0);
    if (tx)
        sek_tx_event_any(&tx->base, H2_EVENT_MAGIC);
    *used = 0;
    return true;
}

struct sek_app_result h2_parse(struct sek_app_state *state, enum sek_dir dir, const uint8_t *data,
                               uint32_t len, unsigned flags)
{
    struct h2_state *s = (struct h2_state *)state;
    struct h2_flow *f = &s->flow[dir];
    uint32_t pos = 0;
    if (dir == SEK_TOSERVER && !f->preface && len && !preface(s, data, len, &pos))
        return (struct sek_app_result){0};
    while (pos < len || (f->data_end && !f->data_left)) {
        uint32_t left = len - pos, n;
        if (f->data_left || f->data_end) {
            pos += data_bytes(s, dir, data + pos, left);
            continue;
        }
        if (f->skip || f->pad_left) {
            f->skip += f->pad_left;
            f->pad_left = 0;
            n = left < f->skip ? left : f->skip;
            f->skip -= n;
            pos += n;
            continue;
        }
        if (left < FRAME_HEADER || !(n = frame(s, dir, data + pos, left, pos)))
            break;
        pos += n;
    }
    if (flags & SEK_APP_END)
        for (struct sek_tx *t = state->first; t; t = t->next)
            if (!t->one_way)
                side_over(s, (struct h2_tx *)t, dir);
    return (struct sek_app_result){.consumed = pos};
}

void h2_state_open(struct sek_app_state *state)
{
    struct h2_state *s = (struct h2_state *)state;
    for (int d = 0; d < 2; d++)
        s->flow[d].table.limit = s->flow[d].table.allowed = HPACK_TABLE_DEFAULT;
    if (!state->before || state->flow->app_before != SEK_APP_HTTP)
        return;
    s->highest = 1;
    struct h2_tx *tx = tx_new(s, 1);
    if (!tx)
        return;
    h2_from_http1(s, tx);
    side_over(s, tx, SEK_TOSERVER);
}

static void h2_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct h2_tx *tx = (struct h2_tx *)base;
    for (int d = 0; d < 2; d++)
        sek_pool_put(state->pool, tx->side[d].values,
                     tx->side[d].cap * sizeof *tx->side[d].values);
    ((struct h2_state *)state)->kept -= tx->kept;
    h2_message_free((struct h2_state *)state, tx);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static void h2_close(struct sek_app_state *state)
{
    struct h2_state *s = (struct h2_state *)state;
    for (int d = 0; d < 2; d++) {
        hpack_free(state->pool, &s->flow[d].table);
        sek_buffer_free(state->pool, &s->flow[d].block);
    }
}

static const char *const h2_frames[] = {"hdr", "data", "pdu", NULL};

const struct sek_app_ops sek_http2_ops = {
    .id = SEK_APP_HTTP2,
    .name = "http2",
    .eve_key = "http",
    .also = SEK_APP_BIT(SEK_APP_DOH2),
    .transports = 1,
    .probe = h2_probe,
    .state_size = sizeof(struct h2_state),
    .open = h2_state_open,
    .parse = h2_parse,
    .tx_free = h2_tx_free,
    .close = h2_close,
    .eve = h2_eve,
    .buffers = h2_buffers,
    .numbers = h2_numbers,
    .tests = h2_tests,
    .events = h2_events,
    .frames = h2_frames,
    .complete = {H2_COMPLETE, H2_COMPLETE},
};
