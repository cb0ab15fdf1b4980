/* From streams to inspection: what is ready goes to the parsers, rules are shown what is worth a search, and what
 * nobody needs any more is let go. */
#include "lib/detect/internal.h"

/* Does S hold bytes that rules over the stream have not seen? */
static bool raw_waits(const struct sek_stream *s)
{
    return s->filled && s->raw_offset < s->base + s->filled && !(s->raw_end && s->raw_offset >= s->raw_end);
}

bool stream_feed(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, bool end)
{
    struct sek_stream *s = &f->tcp->stream[dir];
    unsigned flags = s->app_offset ? 0 : SEK_APP_START;
    for (;;) {
        uint64_t gap = sek_stream_gap(&e->tcp, s, end);
        if (gap && raw_waits(s)) {
            s->inspect_now = true;
            return true;
        }
        if (gap) {
            struct flow_detect *fd = flow_detect_get(e, f);
            if (fd)
                history_gap(&e->pool, &fd->history, dir, s);
            sek_stream_skip(&e->tcp, &e->pool, s, gap);
            e->stats.stream_gaps++;
        }
        if (s->gap)
            flags |= SEK_APP_GAP;
        struct sek_bytes b = sek_stream_ready(&e->tcp, s, s->app_offset, end);
        bool last = end || s->depth_reached ||
                    (s->seen_fin && s->app_offset + b.len >= s->fin_offset);
        if (!b.len && (!last || s->closed))
            break;
        s->closed = last;
        s->gap = false;
        uint8_t stage = stage_enter(e, SEK_STAGE_APPLICATION);
        struct sek_app_result r = sek_app_data(&e->pool, &e->app, f, dir, b.data, b.len,
                                               flags | (last ? SEK_APP_END : 0));
        e->stage = stage;
        if (r.error)
            e->stats.app_errors++;
        s->app_offset += r.consumed;
        if (!r.consumed || !b.len)
            break;
        flags = 0;
    }
    if (s->closed && s->app_offset < s->base + s->filled)
        s->app_offset = s->base + s->filled; /* nobody will come for the rest */
    return false;
}

void stream_feed_rest(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, uint64_t number)
{
    struct sek_stream *s = &f->tcp->stream[dir];
    while (stream_feed(e, f, dir, true)) {
        flow_end_direction(e, f, dir, number);
        s->raw_offset = s->base + s->filled;
    }
}

void streams_want_inspection(struct sek_flow *f, const struct sek_packet *p)
{
    struct sek_app_state *state = f->app_state;
    for (struct sek_tx *tx = state ? state->first : NULL; tx; tx = tx->next)
        for (int d = 0; d < 2; d++)
            if (tx->complete[d] && !tx->detect[d].done && !tx->ignore[d])
                f->tcp->stream[d].inspect_now = true;
    if (!state && p && p->tcp.flags & (SEK_TCP_PSH | SEK_TCP_FIN | SEK_TCP_RST))
        f->tcp->stream[0].inspect_now = f->tcp->stream[1].inspect_now = true;
}

void stream_choose(struct inspect *in, bool all)
{

    struct sek_engine *e = in->e;
    struct sek_stream *s = &in->flow->tcp->stream[in->dir];
    struct sek_bytes fresh = sek_stream_ready(&e->tcp, s, s->raw_offset, all);
    uint32_t chunk = in->dir ? CHUNK_TOCLIENT : CHUNK_TOSERVER;
    if (s->raw_end && s->raw_offset >= s->raw_end) {
        s->raw_offset = s->base + s->filled;
        return;
    }
    bool closing = in->flow->tcp->state >= SEK_TCP_CLOSING;
    if (!fresh.len)
        return;
    if (!e->tcp.inline_mode && !all && !closing && !s->inspect_now && !s->depth_reached &&
        fresh.len < chunk)
        return;
    uint32_t back = s->raw_offset - s->base > STREAM_BACK ? STREAM_BACK
                                                          : (uint32_t)(s->raw_offset - s->base);
    in->stream = (struct sek_bytes){fresh.data - back, fresh.len + back};
    in->stream_base = s->raw_offset - back;
    in->stream_old = back;
    in->has_stream = true;
    s->inspect_now = false;
}

void stream_done(struct inspect *in)
{
    struct sek_stream *s = &in->flow->tcp->stream[in->dir];
    if (in->has_stream)
        s->raw_offset = in->stream_base + in->stream.len;
}

void streams_slide(struct sek_engine *e, struct sek_flow *f)
{
    for (int d = 0; d < 2; d++) {
        struct sek_stream *s = &f->tcp->stream[d];
        uint64_t app = s->app_offset, raw = s->raw_offset;
        if (f->app == SEK_APP_FAILED) /* nobody parses what is ready */
            app = s->app_offset += sek_stream_ready(&e->tcp, s, app, false).len;
        uint64_t least = app < raw ? app : raw;
        if (least - s->base < 2 * STREAM_BACK)
            continue;
        struct flow_detect *fd = f->detect;
        if (fd && fd->history)
            history_forget(&e->pool, fd->history, d);
        s->app_offset = s->raw_offset = least - STREAM_BACK;
        sek_stream_slide(&e->pool, s);
        s->app_offset = app;
        s->raw_offset = raw;
    }
}

void streams_end_inspection(struct sek_flow *f)
{
    for (int d = 0; d < 2; d++) {
        struct sek_stream *s = &f->tcp->stream[d];
        if (s->raw_end)
            continue;
        s->raw_end = s->base + s->filled;
        s->raw_end += !s->raw_end; /* 0 means none */
        s->inspect_now = true;
    }
}
