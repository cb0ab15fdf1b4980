/* Bytes in order. What is contiguous lies in one growing buffer, which slides as parser and
 * inspection move on; what came early waits in a sorted list of pieces. Where segments overlap, the
 * receiver's policy decides (host_policy.h), as long as the bytes were not used: inline they are used
 * at once, so the first stay; else they wait for their acknowledgement, and spans.h keeps the borders
 * of their segments. Bytes that differ raise an event. */
#include "lib/flow/tcp.h"

struct sek_segment {
    struct sek_segment *next;
    uint64_t offset;
    uint32_t len;
    uint32_t skip, size; /* bytes cut off in front, and bytes of the block */
    uint8_t bytes[];
};

/* A segment on its way into the stream. */
struct arrival {
    struct sek_pool *pool;
    const struct sek_tcp_settings *settings;
    struct sek_stream *s;
    struct sek_packet *p;
    struct sek_claim claim;
};

static size_t segment_size(uint32_t len)
{
    return sizeof(struct sek_segment) + len;
}

static void segment_free(struct sek_pool *pool, struct sek_stream *s, struct sek_segment *g)
{
    s->piece_bytes -= g->size;
    sek_pool_put(pool, g, segment_size(g->size));
}

void sek_stream_free(struct sek_pool *pool, struct sek_stream *s)
{
    while (s->pieces) {
        struct sek_segment *g = s->pieces;
        s->pieces = g->next;
        segment_free(pool, s, g);
    }
    sek_pool_put(pool, s->buf, s->cap);
    sek_spans_free(pool, &s->spans);
    s->buf = NULL;
    s->filled = s->cap = 0;
}

static bool stream_append(struct sek_pool *pool, struct sek_stream *s, const uint8_t *data,
                          uint32_t len)
{
    if (s->cap - s->filled < len) {
        /* Most streams are one short message; the others grow in fewer steps. */
        bool grows = s->cap && s->filled + len < 2048;
        size_t want = sek_pool_size(grows ? 2048 : s->filled + len);
        uint8_t *more = sek_pool_grow(pool, s->buf, s->cap, want, s->filled);
        if (!more)
            return false;
        s->buf = more;
        s->cap = (uint32_t)want;
    }
    memcpy(s->buf + s->filled, data, len);
    s->filled += len;
    return true;
}

/* Compare what overlaps the contiguous part with what is already there. */
static void overlap_check(struct sek_stream *s, struct sek_packet *p, uint64_t offset,
                          const uint8_t *data, uint32_t len)
{
    uint64_t begin = offset > s->base ? offset : s->base;
    uint64_t end = offset + len < s->base + s->filled ? offset + len : s->base + s->filled;
    if (begin < end && memcmp(s->buf + (begin - s->base), data + (begin - offset), (size_t)(end - begin)))
        sek_packet_stream_event(p, SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
}

/* Bytes before this one were used, or will be as they are. */
static uint64_t settled(const struct sek_stream *s)
{
    uint64_t used = s->app_offset > s->raw_offset ? s->app_offset : s->raw_offset;
    return s->acked > used ? s->acked : used;
}

/* Make the spans hold all that is not settled: of one segment alone nothing was noted. */
static void spans_complete(struct arrival *a, uint64_t from, uint64_t edge)
{
    struct sek_stream *s = a->s;
    uint32_t count;
    if (!sek_spans_list(&s->spans, &count))
        sek_spans_append(a->pool, &s->spans, (uint32_t)(from > s->base ? from : s->base),
                         (uint32_t)edge, false);
}

/* A segment of LEN bytes came behind EDGE, where the buffer ended. */
static void spans_note(struct arrival *a, uint64_t edge, uint32_t len, bool joined)
{
    struct sek_spans *spans = &a->s->spans;
    uint64_t from = settled(a->s);
    if (from >= edge) {
        sek_spans_clear(spans);
        return;
    }
    sek_spans_settle(spans, (uint32_t)from);
    spans_complete(a, from, edge);
    sek_spans_append(a->pool, spans, (uint32_t)edge, (uint32_t)edge + len, joined);
}

/* The part of an arrival that lies in the buffer, under the receiver's policy. True when it owns
 * the last byte of the buffer. */
static bool buffer_claim(struct arrival *a, uint64_t offset, const uint8_t *data, uint32_t len)
{
    struct sek_stream *s = a->s;
    uint64_t edge = s->base + s->filled, from = settled(s);
    uint64_t to = offset + len < edge ? offset + len : edge;
    if (from < s->base)
        from = s->base;
    if (from < offset)
        from = offset;
    if (a->settings->inline_mode || from >= to)
        return false;
    spans_complete(a, settled(s), edge);
    struct sek_spans_change c =
        sek_spans_claim(a->pool, &s->spans, &a->claim, (uint32_t)from, (uint32_t)to,
                        s->buf + (from - s->base), data + (from - offset));
    return c.last && to == edge;
}

/* There is no packet when pieces join behind a hole that was given up. */
static bool refuse(struct arrival *a, enum sek_stream_event event)
{
    if (a->p)
        sek_packet_stream_event(a->p, event);
    return false;
}

static bool stream_extend(struct arrival *a, const uint8_t *data, uint32_t len, bool joined)
{
    struct sek_stream *s = a->s;
    uint64_t edge = s->base + s->filled;
    if (!stream_append(a->pool, s, data, len))
        return refuse(a, SEK_STREAM_REASSEMBLY_INSERT_MEMCAP);
    if (!a->settings->inline_mode)
        spans_note(a, edge, len, joined);
    return true;
}

/* A piece in front of *LINK; false when memory is out. */
static bool piece_put(struct arrival *a, struct sek_segment **link, uint64_t offset,
                      const uint8_t *data, uint32_t len)
{
    struct sek_segment *g = sek_pool_get(a->pool, segment_size(len));
    if (!g)
        return refuse(a, SEK_STREAM_REASSEMBLY_NO_SEGMENT);
    *g = (struct sek_segment){.next = *link, .offset = offset, .len = len, .size = len};
    memcpy(g->bytes, data, len);
    *link = g;
    a->s->piece_bytes += len;
    return true;
}

static bool piece_fits(const struct arrival *a, uint64_t len)
{
    return a->s->piece_bytes + len <= a->settings->piece_limit;
}

/* Take FROM..TO out of the piece at *LINK. False when what is left behind it finds no room. */
static bool piece_cut(struct arrival *a, struct sek_segment **link, uint64_t from, uint64_t to)
{
    struct sek_segment *g = *link;
    uint64_t end = g->offset + g->len;
    if (g->offset < from) {
        if (to < end && (!piece_fits(a, end - to) ||
                         !piece_put(a, &g->next, to, g->bytes + g->skip + (to - g->offset),
                                    (uint32_t)(end - to))))
            return false;
        g->len = (uint32_t)(from - g->offset);
    } else if (to < end) {
        g->skip += (uint32_t)(to - g->offset);
        g->offset = to;
        g->len = (uint32_t)(end - to);
    } else {
        *link = g->next;
        segment_free(a->pool, a->s, g);
    }
    return true;
}

/* Whether the arrival gets what it has in common with piece G. */
static bool piece_yields(const struct arrival *a, const struct sek_segment *g)
{
    uint32_t begin = (uint32_t)g->offset, end = begin + g->len;
    return a->claim.rule(a->claim.policy, (int32_t)(a->claim.begin - begin),
                         (int32_t)(a->claim.end - end));
}

static void piece_check(struct arrival *a, const struct sek_segment *g, uint64_t offset,
                        const uint8_t *data, uint64_t from, uint64_t to)
{
    if (memcmp(g->bytes + g->skip + (from - g->offset), data + (from - offset), (size_t)(to - from)))
        sek_packet_stream_event(a->p, SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
}

/* Keep bytes that came early, among the pieces that are there; true when some are new. */
static bool piece_insert(struct arrival *a, uint64_t offset, const uint8_t *data, uint32_t len)
{
    struct sek_segment **link = &a->s->pieces;
    uint64_t at = offset, end = offset + len, held = 0;
    if (offset > a->s->base + a->s->filled && !piece_fits(a, len))
        return refuse(a, SEK_STREAM_REASSEMBLY_INSERT_LIMIT);
    while (*link && (*link)->offset < end) {
        struct sek_segment *g = *link;
        uint64_t piece_end = g->offset + g->len;
        if (piece_end <= at) {
            link = &g->next;
            continue;
        }
        uint64_t from = g->offset > at ? g->offset : at, to = piece_end < end ? piece_end : end;
        piece_check(a, g, offset, data, from, to);
        held += to - from;
        if (piece_yields(a, g) && piece_cut(a, link, from, to))
            continue; /* with what took its place */
        if (at < g->offset) {
            if (!piece_put(a, link, at, data + (at - offset), (uint32_t)(g->offset - at)))
                return false;
            link = &(*link)->next;
        }
        at = piece_end;
        link = &g->next;
    }
    if (at < end && !piece_put(a, link, at, data + (at - offset), (uint32_t)(end - at)))
        return false;
    return held < len;
}

/* Move pieces that have become contiguous into the buffer. */
static void pieces_join(struct arrival *a)
{
    struct sek_stream *s = a->s;
    while (s->pieces && s->pieces->offset <= s->base + s->filled) {
        struct sek_segment *g = s->pieces;
        uint64_t edge = s->base + s->filled;
        if (g->offset + g->len > edge) {
            uint32_t skip = (uint32_t)(edge - g->offset);
            if (!stream_extend(a, g->bytes + g->skip + skip, g->len - skip, false))
                return;
        }
        s->pieces = g->next;
        segment_free(a->pool, s, g);
    }
}

bool sek_stream_insert(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                       struct sek_stream *s, struct sek_packet *p, uint32_t seq,
                       const uint8_t *data, uint32_t len)
{
    int64_t at = sek_stream_offset(s, seq);
    struct arrival a = {
        .pool = pool,
        .settings = settings,
        .s = s,
        .p = p,
        .claim = {.rule = sek_host_takes_segment,
                  .policy = settings->inline_mode ? SEK_HOST_FIRST : s->receiver,
                  .begin = (uint32_t)at,
                  .end = (uint32_t)at + len},
    };
    if (at < 0) {
        if (-at >= len)
            return refuse(&a, SEK_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
        data += -at;
        len -= (uint32_t)-at;
        at = 0;
    }
    uint64_t offset = (uint64_t)at, edge = s->base + s->filled;
    if (settings->depth) {
        if (offset >= settings->depth) {
            if (!s->depth_reached)
                sek_packet_stream_event(p, SEK_STREAM_REASSEMBLY_DEPTH_REACHED);
            s->depth_reached = true;
            return false;
        }
        if (offset + len >= settings->depth) {
            if (!s->depth_reached)
                sek_packet_stream_event(p, SEK_STREAM_REASSEMBLY_DEPTH_REACHED);
            s->depth_reached = true;
            len = (uint32_t)(settings->depth - offset);
        }
    }
    overlap_check(s, p, offset, data, len);
    bool joined = offset < edge && buffer_claim(&a, offset, data, len);
    if (offset + len <= edge)
        return offset + len <= s->base ? refuse(&a, SEK_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ) : false;
    if (offset < edge) {
        uint32_t skip = (uint32_t)(edge - offset);
        data += skip;
        len -= skip;
        offset = edge;
    }
    if (offset > edge || (s->pieces && s->pieces->offset < offset + len)) {
        bool added = piece_insert(&a, offset, data, len);
        pieces_join(&a);
        return added;
    }
    if (!stream_extend(&a, data, len, joined))
        return false;
    pieces_join(&a);
    return true;
}

struct sek_bytes sek_stream_ready(const struct sek_tcp_settings *settings,
                                  const struct sek_stream *s, uint64_t offset, bool all)
{
    uint64_t end = s->base + s->filled;
    if (!settings->inline_mode && !all && s->acked < end)
        end = s->acked;
    if (offset < s->base || offset >= end)
        return (struct sek_bytes){0};
    return (struct sek_bytes){s->buf + (offset - s->base), (uint32_t)(end - offset)};
}

struct sek_bytes sek_stream_piece(const struct sek_stream *s, unsigned index, uint64_t *offset)
{
    const struct sek_segment *g = s->pieces;
    while (g && index--)
        g = g->next;
    if (!g)
        return (struct sek_bytes){0};
    *offset = g->offset;
    return (struct sek_bytes){g->bytes + g->skip, g->len};
}

uint64_t sek_stream_gap(const struct sek_tcp_settings *settings, const struct sek_stream *s, bool end)
{
    uint64_t edge = s->base + s->filled;
    if (s->app_offset < edge || s->depth_reached)
        return 0;
    uint64_t target = s->pieces ? s->pieces->offset : s->acked;
    if (s->seen_fin && target > s->fin_offset)
        target = s->fin_offset;
    if (target <= edge || (!end && s->acked < target + (s->pieces ? 1 : 0)))
        return 0;
    if (!s->pieces && !end && settings->inline_mode)
        return 0; /* the bytes may still come */
    return target - edge;
}

void sek_stream_skip(const struct sek_tcp_settings *settings, struct sek_pool *pool, struct sek_stream *s,
                     uint64_t gap)
{
    s->gap = true;
    s->base += s->filled + gap;
    s->filled = 0;
    s->app_offset = s->raw_offset = s->base;
    sek_spans_clear(&s->spans);
    pieces_join(&(struct arrival){.pool = pool, .settings = settings, .s = s});
}

void sek_stream_slide(struct sek_pool *pool, struct sek_stream *s)
{
    uint64_t done = s->app_offset < s->raw_offset ? s->app_offset : s->raw_offset;
    if (done <= s->base)
        return;
    uint32_t n = (uint32_t)(done - s->base);
    if (n > s->filled)
        n = s->filled;
    s->filled -= n;
    s->base += n;
    if (!s->filled) {
        sek_pool_put(pool, s->buf, s->cap);
        s->buf = NULL;
        s->cap = 0;
        return;
    }
    memmove(s->buf, s->buf + n, s->filled);
}
