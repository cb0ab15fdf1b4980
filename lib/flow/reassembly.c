/* Bytes in order. What is contiguous lies in one growing buffer, which slides as parser and
 * inspection move on; what came early waits in a sorted list of pieces. Overlaps keep the bytes that
 * came first, and say so when the later ones differ. */
#include "lib/flow/tcp.h"

struct sek_segment {
    struct sek_segment *next;
    uint64_t offset;
    uint32_t len;
    uint8_t data[];
};

static size_t segment_size(uint32_t len)
{
    return sizeof(struct sek_segment) + len;
}

void sek_stream_free(struct sek_pool *pool, struct sek_stream *s)
{
    while (s->pieces) {
        struct sek_segment *g = s->pieces;
        s->pieces = g->next;
        sek_pool_put(pool, g, segment_size(g->len));
    }
    sek_pool_put(pool, s->buf, s->cap);
    s->buf = NULL;
    s->filled = s->cap = s->piece_bytes = 0;
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
    if (begin < end && memcmp(s->buf + (begin - s->base), data + (begin - offset), end - begin))
        sek_packet_stream_event(p, SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
}

/* Keep an early piece, cut where other pieces already have the bytes. */
static bool piece_insert(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                         struct sek_stream *s, struct sek_packet *p, uint64_t offset,
                         const uint8_t *data, uint32_t len)
{
    bool added = false;
    struct sek_segment **link = &s->pieces;
    while (len) {
        while (*link && (*link)->offset + (*link)->len <= offset)
            link = &(*link)->next;
        uint32_t take = len;
        if (*link && (*link)->offset <= offset) { /* already held: compare, skip */
            uint64_t have = (*link)->offset + (*link)->len - offset;
            take = have < len ? (uint32_t)have : len;
            if (memcmp((*link)->data + (offset - (*link)->offset), data, take))
                sek_packet_stream_event(p, SEK_STREAM_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
        } else {
            if (*link && (*link)->offset - offset < len)
                take = (uint32_t)((*link)->offset - offset);
            if (s->piece_bytes + take > settings->piece_limit)
                return added;
            struct sek_segment *g = sek_pool_get(pool, segment_size(take));
            if (!g)
                return added;
            g->offset = offset;
            g->len = take;
            memcpy(g->data, data, take);
            g->next = *link;
            *link = g;
            link = &g->next;
            s->piece_bytes += take;
            added = true;
        }
        offset += take;
        data += take;
        len -= take;
    }
    return added;
}

/* Move pieces that have become contiguous into the buffer. */
static void pieces_join(struct sek_pool *pool, struct sek_stream *s)
{
    while (s->pieces && s->pieces->offset <= s->base + s->filled) {
        struct sek_segment *g = s->pieces;
        uint64_t edge = s->base + s->filled;
        if (g->offset + g->len > edge) {
            uint32_t skip = (uint32_t)(edge - g->offset);
            if (!stream_append(pool, s, g->data + skip, g->len - skip))
                return;
        }
        s->pieces = g->next;
        s->piece_bytes -= g->len;
        sek_pool_put(pool, g, segment_size(g->len));
    }
}

bool sek_stream_insert(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                       struct sek_stream *s, struct sek_packet *p, uint32_t seq,
                       const uint8_t *data, uint32_t len)
{
    int64_t at = sek_stream_offset(s, seq);
    if (at < 0) {
        if (-at >= len)
            return false;
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
    if (offset + len <= edge)
        return false;
    if (offset < edge) {
        uint32_t skip = (uint32_t)(edge - offset);
        data += skip;
        len -= skip;
        offset = edge;
    }
    if (offset > edge || (s->pieces && s->pieces->offset < offset + len)) {
        bool added = piece_insert(pool, settings, s, p, offset, data, len);
        pieces_join(pool, s);
        return added;
    }
    if (!stream_append(pool, s, data, len))
        return false;
    pieces_join(pool, s);
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

uint64_t sek_stream_skip_gap(const struct sek_tcp_settings *settings, struct sek_pool *pool,
                             struct sek_stream *s, bool end)
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
    s->gap = true;
    s->base = target;
    s->filled = 0;
    s->app_offset = s->raw_offset = target;
    pieces_join(pool, s);
    return target - edge;
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
