/* Rules over packets and streams: prefilter, then the candidates in order. */
#include "lib/detect/internal.h"

#include <netinet/in.h>
#include <stdlib.h>

struct scan {
    struct sek_engine *e;
    const struct sek_prefilter *f;
    bool places; /* check where matches end: only when the data begins at 0 */
};

static inline void candidate_add(struct sek_engine *e, const struct sek_rule *r)
{
    if (e->stamps[r->order] == e->stamp || e->candidate_count == CANDIDATES_MAX)
        return;
    e->stamps[r->order] = e->stamp;
    e->candidates[e->candidate_count++] = r;
}

static void on_fixed(void *ctx, const struct sek_rule *r)
{
    candidate_add(ctx, r);
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *ctx)
{
    struct scan *s = ctx;
    (void)from, (void)flags;
    for (uint32_t i = s->f->first[id]; i < s->f->first[id + 1]; i++) {
        const struct sek_hit *h = &s->f->hits[i];
        if (!s->places || (to >= h->low && to <= h->high))
            candidate_add(s->e, h->rule);
    }
    return 0;
}

bool prefilter_scan(struct sek_engine *e, const struct sek_prefilter *f, const uint8_t *data,
                    uint32_t len, bool places)
{
    struct scan s = {.e = e, .f = f, .places = places};
    if (!f->db || !len)
        return false;
    if (places && len > f->reach)
        len = f->reach;
    if (e->options.on_scan)
        e->options.on_scan(e->options.ctx, f->db, data, len);
    uint8_t stage = stage_enter(e, SEK_STAGE_MATCHER);
    hs_scan(f->db, (const char *)data, len, 0, e->scratch, on_hit, &s);
    e->stage = stage;
    return true;
}

static int by_order(const void *a, const void *b)
{
    const struct sek_rule *x = *(const struct sek_rule *const *)a;
    const struct sek_rule *y = *(const struct sek_rule *const *)b;
    return (int)x->order - (int)y->order;
}

/* Few candidates are the rule; qsort would allocate for many. */
static void sort_candidates(const struct sek_rule **list, uint32_t count)
{
    if (count > 32) {
        qsort(list, count, sizeof *list, by_order);
        return;
    }
    for (uint32_t i = 1; i < count; i++) {
        const struct sek_rule *r = list[i];
        uint32_t at = i;
        for (; at && list[at - 1]->order > r->order; at--)
            list[at] = list[at - 1];
        list[at] = r;
    }
}

/* Messages whose fixed part is longer than eight bytes (RFC 792, 950, 1256). */
static uint32_t icmp_header(const struct sek_packet *p)
{
    uint32_t want = 8;
    switch (p->icmp_type) {
    case 9: /* router advertisement: addresses of a given size */
        want += (uint32_t)p->l4[4] * p->l4[5] * 4;
        break;
    case 13:
    case 14:
        want = 20;
        break;
    case 17:
    case 18:
        want = 12;
        break;
    }
    return want < p->payload_len + 8 ? want : p->payload_len + 8;
}

static bool header_bytes(const struct sek_packet *p, int target, uint32_t index,
                         struct sek_bytes *out)
{
    bool icmp = p->proto == IPPROTO_ICMP, icmp6 = p->proto == IPPROTO_ICMPV6;
    uint32_t address = p->ip_version == 4 ? 4 : 16;
    if (target == SEK_TARGET_SCTP_CHUNK_DATA)
        return sek_sctp_chunk(p, index, NULL, out);
    if (index)
        return false;
    switch (target) {
    case SEK_TARGET_TCP_HEADER:
        *out = (struct sek_bytes){p->l4, p->tcp.header_len};
        return p->proto == IPPROTO_TCP && p->l4;
    case SEK_TARGET_UDP_HEADER:
        *out = (struct sek_bytes){p->l4, 8};
        return p->proto == IPPROTO_UDP && p->l4;
    case SEK_TARGET_IPV4_HEADER:
        *out = (struct sek_bytes){p->ip, p->ip_header_len};
        return p->ip_version == 4 && p->ip;
    case SEK_TARGET_IPV6_HEADER:
        *out = (struct sek_bytes){p->ip, p->ip_header_len};
        return p->ip_version == 6 && p->ip;
    case SEK_TARGET_ICMPV4_HEADER:
        *out = (struct sek_bytes){p->l4, icmp_header(p)};
        return icmp && p->l4;
    case SEK_TARGET_ICMPV6_HEADER:
        *out = (struct sek_bytes){p->l4, (uint32_t)(p->payload - p->l4)};
        return icmp6 && p->l4;
    case SEK_TARGET_SCTP_HEADER:
        *out = (struct sek_bytes){p->l4, p->payload_len + 12};
        return p->proto == IPPROTO_SCTP && p->l4;
    case SEK_TARGET_IGMP_HEADER:
        *out = (struct sek_bytes){p->ip + p->ip_header_len, p->ip_len - p->ip_header_len};
        return p->proto == IPPROTO_IGMP && p->ip_version == 4 && !p->fragment;
    case SEK_TARGET_IP_SRC:
        *out = (struct sek_bytes){p->src.bytes, address};
        return p->ip_version;
    case SEK_TARGET_IP_DST:
        *out = (struct sek_bytes){p->dst.bytes, address};
        return p->ip_version;
    default:
        return false;
    }
}

static bool header_matches(struct inspect *in, const struct sek_step *s)
{
    struct sek_bytes b;
    for (uint32_t i = 0; header_bytes(in->p, s->view->target, i, &b); i++) {
        if (!transform_apply(in->e, s->view, b, &b))
            continue;
        struct look l = {.in = in, .data = b.data, .len = b.len, .whole = true};
        if (inspect_detectors(&l, s->first))
            return true;
    }
    return false;
}

static bool payload_matches(struct inspect *in, const struct sek_step *s, const struct sek_rule *r,
                            bool *stream_match)
{
    if (r->flags & SEK_RULE_NEEDS_STREAM && in->has_stream) {
        struct look old = {.in = in, .data = in->stream.data, .len = in->stream_old,
                           .base = in->stream_base, .whole = true};
        struct look l = old;
        l.len = in->stream.len;
        if (old.len && inspect_detectors(&old, s->first)) { /* that was reported: the new ones by themselves */
            l.data += old.len;
            l.len -= old.len;
            l.base += old.len;
        }
        if (inspect_detectors(&l, s->first)) {
            *stream_match = true;
            return true;
        }
    }
    if (r->flags & SEK_RULE_ONLY_STREAM)
        return false;
    if (r->flags & SEK_RULE_NEEDS_STREAM && !(r->flags & SEK_RULE_NEEDS_PACKET) && in->stream_added)
        return false; /* the stream will show it */
    if (in->p->source == SEK_SOURCE_STREAM_END)
        return false;
    struct look l = {.in = in, .data = in->p->payload, .len = in->p->payload_len, .whole = true};
    return l.len && inspect_detectors(&l, s->first);
}

bool packet_step_matches(struct inspect *in, const struct sek_rule *r, const struct sek_step *s,
                         bool *stream_match)
{
    if (s->view->target == SEK_TARGET_PAYLOAD)
        return payload_matches(in, s, r, stream_match);
    if (s->view->target != SEK_TARGET_BASE64)
        return header_matches(in, s);
    struct sek_bytes b = sek_buffer_view(&in->e->base64);
    struct look l = {.in = in, .data = b.data, .len = b.len, .whole = true};
    return inspect_detectors(&l, s->first);
}

/* `replace`: what was found in the packet itself is overwritten; in a stream, what was found may have gone
 * by already. */
static void replace_payload(struct inspect *in)
{
    struct sek_engine *e = in->e;
    const struct sek_packet *p = in->p;
    for (uint32_t i = 0; i < e->replacement_count; i++) {
        const struct replacement *r = &e->replacements[i];
        bool inside = r->at >= p->payload && r->at + r->content->len <= p->payload + p->payload_len;
        if (inside && e->prevent && e->options.on_replace)
            e->options.on_replace(e->options.ctx, p, (uint32_t)(r->at - p->payload), r->content->replace,
                                  r->content->len);
    }
    e->replacement_count = 0;
}

void alert_add(struct inspect *in, const struct sek_rule *r, struct sek_tx *tx, bool stream_match)
{
    struct sek_engine *e = in->e;
    rule_effects(in, r);
    captures_keep(in);
    if (e->replacement_count)
        replace_payload(in);
    if (e->alert_count == e->alert_max)
        return;
    e->alerts[e->alert_count++] = (struct alert){
        .rule = r,
        .tx = tx,
        .stream_match = stream_match,
        .has_frame = in->frame != NULL,
        .frame = in->frame ? *in->frame : (struct sek_frame){0},
        .frame_complete = in->frame_complete,
        .apply_to_flow = stream_match || tx ||
                         r->flags & (SEK_RULE_HEADER_ONLY | SEK_RULE_PROTO_ONLY),
    };
}

/* A content that says where in the frame it is. */
static bool anchored(const struct sek_step *s)
{
    for (const struct sek_detector *d = s->first; d; d = d->next)
        if (d->kind == SEK_DETECT_CONTENT &&
            (d->content.has_offset || d->content.has_depth || d->content.startswith))
            return true;
    return false;
}

/* The steps of rule R over frame F, whose bytes from FROM on are B; OLD of them were looked at before. */
static bool frame_matches(struct inspect *in, const struct sek_rule *r, const struct sek_frame *f,
                          struct sek_bytes b, uint64_t from, uint32_t old)
{
    int target = SEK_TARGET_FRAME + in->flow->app * SEK_FRAME_TYPES + f->type;
    bool any = false;
    for (const struct sek_step *s = r->steps; s; s = s->next) {
        struct sek_bytes view = b, before = {b.data, old};
        if (s->view->target < SEK_TARGET_FRAME) {
            bool stream_match;
            if (!packet_step_matches(in, r, s, &stream_match))
                return false;
            continue;
        }
        if (s->view->target != target || (from && anchored(s)) || !transform_apply(in->e, s->view, b, &view))
            return false;
        struct look l = {.in = in, .data = view.data, .len = view.len,
                         .whole = in->frame_complete};
        if (!inspect_detectors(&l, s->first))
            return false;
        any = true;
        if (old && transform_apply(in->e, s->view, before, &view)) {
            struct look l2 = {.in = in, .data = view.data, .len = view.len};
            if (inspect_detectors(&l2, s->first))
                any = false; /* that was reported with the earlier bytes */
        }
    }
    return any;
}

struct sek_bytes frame_bytes(const struct inspect *in, const struct sek_frame *f, uint64_t *from)
{
    struct sek_bytes all = {in->p->payload, in->p->payload_len};
    uint64_t base = 0;
    if (in->flow->tcp) {
        const struct sek_stream *s = &in->flow->tcp->stream[in->dir];
        all = (struct sek_bytes){s->buf, s->filled};
        base = s->base;
    }
    uint64_t begin = f->offset > base ? f->offset : base, end = base + all.len;
    if (f->len < end - f->offset)
        end = f->offset + f->len;
    *from = begin - f->offset;
    return begin < end ? (struct sek_bytes){all.data + (begin - base), (uint32_t)(end - begin)}
                       : (struct sek_bytes){0};
}

static bool stream_ends(const struct inspect *in)
{
    return in->p->source == SEK_SOURCE_STREAM_END || !in->flow->tcp || in->flow->tcp->state >= SEK_TCP_CLOSING;
}

/* The frame that is a whole stream is looked at when a chunk of it has come, or when it ends. */
void inspect_frames(struct inspect *in)
{
    const struct sek_compiled *c = in->e->rules;
    struct sek_app_state *state = in->flow->app_state;
    in->app = state;
    for (struct sek_frame *f = state->frames; f; f = f->next) {
        if (f->done || f->dir != in->dir)
            continue;
        uint64_t from;
        struct sek_bytes b = frame_bytes(in, f, &from);
        bool complete = f->len == from + b.len;
        if (from + b.len <= f->seen && !complete)
            continue;
        if (f->type == SEK_FRAME_STREAM && from + b.len - f->seen < CHUNK_TOCLIENT && !stream_ends(in))
            continue;
        in->frame = f;
        in->frame_complete = complete;
        for (struct sek_tx *tx = state->first; tx; tx = tx->next)
            if (tx->id == f->tx_id)
                in->tx = tx;
        for (uint32_t i = 0; i < c->frame_count[in->dir]; i++) {
            const struct sek_rule *r = c->frames[in->dir][i];
            in->e->capture_count = 0;
            if (rule_header_matches(in, r) && rule_conditions_match(in, r) &&
                frame_matches(in, r, f, b, from, f->seen > from ? (uint32_t)(f->seen - from) : 0))
                alert_add(in, r, in->tx, false);
        }
        f->seen = from + b.len;
        f->done = complete || !in->flow->tcp;
        in->tx = NULL;
    }
    in->frame = NULL;
}

/* False: the rule is about this packet's flow, but what it looks for is not there (yet). */
static bool try_rule(struct inspect *in, const struct sek_rule *r)
{
    bool stream_match = false;
    in->e->capture_count = in->e->replacement_count = 0;
    if (!rule_header_matches(in, r) || !rule_conditions_match(in, r))
        return true;
    for (const struct sek_step *s = r->steps; s; s = s->next)
        if (!packet_step_matches(in, r, s, &stream_match))
            return false;
    alert_add(in, r, NULL, stream_match);
    return true;
}

static bool measured(struct inspect *in, const struct sek_rule *r)
{
    uint64_t begin = cost_begin(in->e);
    uint32_t before = in->e->alert_count;
    bool done = try_rule(in, r);
    cost_add(in->e, r, begin, in->e->alert_count > before);
    return done;
}

/* Rules that wait for more of the stream are candidates again. */
static void pending_take(struct inspect *in)
{
    struct pending *p = in->fd ? in->fd->pending[in->dir] : NULL;
    uint32_t kept = 0;
    for (uint32_t i = 0; p && i < p->count; i++) {
        if (p->items[i].end <= in->stream_base)
            continue; /* where its pattern was is gone */
        candidate_add(in->e, p->items[i].rule);
        p->items[kept++] = p->items[i];
    }
    if (p)
        p->count = kept;
}

/* Does the rule look for more than the one pattern that was found? */
static bool needs_more(const struct sek_rule *r)
{
    return r->steps && r->steps->view->target == SEK_TARGET_PAYLOAD && r->steps->first->next;
}

static void pending_put(struct inspect *in, const struct sek_rule *r)
{
    if (!in->fd || !needs_more(r))
        return;
    struct pending **p = &in->fd->pending[in->dir];
    if (!*p && !(*p = sek_pool_get_zero(&in->e->pool, sizeof **p)))
        return;
    for (uint32_t i = 0; i < (*p)->count; i++)
        if ((*p)->items[i].rule == r)
            return;
    uint32_t at = (*p)->count < PENDING_MAX ? (*p)->count++ : 0;
    (*p)->items[at].rule = r;
    (*p)->items[at].end = in->stream_base + in->stream.len;
}

static void ip_only(struct inspect *in)
{
    const struct sek_compiled *c = in->e->rules;
    const uint8_t proto = in->p->proto;
    bool tunnel = in->e->tunnel_flows && (proto == IPPROTO_IPIP || proto == IPPROTO_IPV6);
    /* Other protocols have no conversations: each packet. */
    if (in->fd && (sek_group_of(proto) != SEK_GROUP_OTHER || tunnel)) {
        if (in->fd->ip_only_done[in->dir])
            return;
        in->fd->ip_only_done[in->dir] = true;
    }
    if (!c->ip_only.count)
        return;
    for (int side = 0; side < 2; side++) {
        struct sek_rule *const *rules = NULL;
        uint32_t n = sek_ip_only_find(&c->ip_only, side, in->p->ip_version,
                                      side ? &in->p->dst : &in->p->src, &rules);
        for (uint32_t i = 0; i < n; i++)
            try_rule(in, rules[i]);
    }
    for (uint32_t i = 0; i < c->ip_only.wide_count; i++)
        try_rule(in, c->ip_only.wide[i]);
}

/* Rules about nothing but the application protocol: once in each direction, when it is known. */
static void proto_only(struct inspect *in)
{
    const struct sek_compiled *c = in->e->rules;
    const struct sek_flow *f = in->flow;
    if (!f || !c->proto_only_count || f->app == SEK_APP_UNKNOWN || in->fd->proto_seen[in->dir] == f->app)
        return;
    /* a change, or a protocol inside the one that was recognised, is news once, not each way */
    bool once = f->app != f->app_dir[0] && f->app != f->app_dir[1];
    for (int d = 0; d < 2; d++)
        once |= in->fd->proto_seen[d] && in->fd->proto_seen[d] != f->app;
    in->fd->proto_seen[in->dir] = f->app;
    if (once)
        in->fd->proto_seen[!in->dir] = f->app;
    for (uint32_t i = 0; i < c->proto_only_count; i++)
        try_rule(in, c->proto_only[i]);
}

void inspect_decoder_rules(struct inspect *in)
{
    const struct sek_compiled *c = in->e->rules;
    for (uint32_t i = 0; i < c->decoder_count; i++)
        try_rule(in, c->decoder[i]);
}

/* What is new of the stream is scanned, and as much before it as a pattern can begin in. */
static void scan_stream(struct inspect *in, const struct sek_prefilter *f)
{
    uint32_t back = f->longest ? f->longest - 1 : 0;
    uint32_t skip = in->stream_old > back ? in->stream_old - back : 0;
    prefilter_scan(in->e, f, in->stream.data + skip, in->stream.len - skip, !in->stream_base && !skip);
}

static void scan_group(struct inspect *in, const struct sek_port_group *g)
{
    struct sek_engine *e = in->e;
    struct sek_packet *p = in->p;
    for (uint32_t i = 0; i < g->always_count; i++)
        if (!(g->always[i]->tcp_flags & (uint8_t)~p->tcp.flags))
            candidate_add(e, g->always[i]);
    bool readable = !(in->flow && in->flow->tcp && in->flow->tcp->stream[in->dir].raw_end) ||
                    in->has_stream;
    if (p->payload_len && readable && p->source != SEK_SOURCE_STREAM_END) {
        sek_fixed_look(&g->fixed, p->payload, p->payload_len, on_fixed, e);
        prefilter_scan(e, &g->head, p->payload, p->payload_len, true);
        prefilter_scan(e, &g->packet, p->payload, p->payload_len, true);
        if (!in->stream_added) /* not in a stream: rules for streams look at the packet */
            prefilter_scan(e, &g->stream, p->payload, p->payload_len, true);
    }
    if (in->has_stream)
        scan_stream(in, &g->stream);
}

void inspect_packet_rules(struct inspect *in)
{
    struct sek_engine *e = in->e;
    enum sek_group_proto proto = sek_group_of(in->p->proto);
    uint16_t port = in->dir ? in->p->src_port : in->p->dst_port;
    uint16_t own = e->rules->port_group[proto][in->dir][port];
    ip_only(in);
    proto_only(in);
    e->candidate_count = 0;
    e->stamp++;
    scan_group(in, &e->rules->any_port[proto][in->dir]);
    if (own)
        scan_group(in, &e->rules->groups[own - 1]);
    if (in->has_stream)
        pending_take(in);
    sort_candidates(e->candidates, e->candidate_count);
    for (uint32_t i = 0; i < e->candidate_count; i++)
        if (!measured(in, e->candidates[i]) && in->has_stream &&
            e->candidates[i]->flags & SEK_RULE_NEEDS_STREAM && e->candidates[i]->fast)
            pending_put(in, e->candidates[i]);
}
