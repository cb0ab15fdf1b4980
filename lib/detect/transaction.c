/* Rules over transactions. As a transaction goes on, each buffer that has become complete is scanned
 * once; rules whose pattern was found become its candidates and remember which of their steps are
 * done, so that a rule may match over several packets. */
#include "lib/detect/internal.h"

#include "lib/app/buffers.h"

#include <stdlib.h>

void tx_detect_free(struct sek_pool *pool, struct sek_tx *tx)
{
    for (int d = 0; d < 2; d++) {
        sek_pool_put(pool, tx->detect[d].candidates,
                     tx->detect[d].cap * sizeof(struct tx_candidate));
        tx->detect[d].candidates = NULL;
        tx->detect[d].count = tx->detect[d].cap = 0;
    }
}

void tx_forget(void *ctx, struct sek_flow *flow, struct sek_tx *tx)
{
    struct sek_engine *e = ctx;
    const struct flow_detect *fd = flow->detect;
    for (struct sek_file *f = e->options.on_file ? tx->files : NULL; f; f = f->next)
        if (f->storing || (fd && fd->store >> f->dir & 1))
            e->options.on_file(e->options.ctx, e, flow, tx, f);
    tx_detect_free(&e->pool, tx);
}

static void candidate_put(struct inspect *in, struct sek_tx_detect *det, const struct sek_rule *r)
{
    struct tx_candidate *list = det->candidates;
    uint32_t at = det->count;
    while (at && list[at - 1].rule->order > r->order)
        at--;
    if (at && list[at - 1].rule == r)
        return;
    if (det->count == det->cap) {
        uint32_t cap = det->cap ? det->cap * 2 : 8;
        list = sek_pool_grow(&in->e->pool, det->candidates, det->cap * sizeof *list,
                             cap * sizeof *list, det->count * sizeof *list);
        if (!list)
            return;
        det->candidates = list;
        det->cap = cap;
    }
    memmove(list + at + 1, list + at, (det->count - at) * sizeof *list);
    list[at] = (struct tx_candidate){.rule = r};
    det->count++;
}

/* A growing body is worth a scan when it is complete, or has grown enough. */
static bool body_ready(const struct inspect *in, const struct sek_tx_detect *det, uint32_t len)
{
    const struct sek_app_settings *s = &in->e->app;
    if (in->tx->complete[in->dir])
        return true;
    if (len == det->body_seen)
        return false;
    return s->body_inline || len >= s->http_body_inspect_min;
}

/* SEEN: bytes of a growing buffer that were scanned before. */
static void scan_view(struct inspect *in, struct sek_tx_detect *det, const struct sek_view_group *g,
                      uint32_t seen)
{
    uint32_t back = g->prefilter.longest;
    struct sek_engine *e = in->e;
    const struct sek_buffer_def *d = sek_buffer_in(g->view->target - SEK_TARGET_APP, in->tx->app);
    struct sek_bytes b;
    e->candidate_count = 0;
    e->stamp++;
    for (uint32_t i = 0; d->get(in->app, in->tx, in->dir, i, &b); i++) {
        if (!transform_apply(e, g->view, b, &b))
            continue;
        uint32_t skip = g->growing && !g->view->count && seen > back && seen <= b.len ? seen - back : 0;
        prefilter_scan(e, &g->prefilter, b.data + skip, b.len - skip, !skip);
        if (!g->multi)
            break;
    }
    for (uint32_t i = 0; i < e->candidate_count; i++)
        candidate_put(in, e->candidates[i]->flags & SEK_RULE_TWO_WAY ? &in->tx->detect[1] : det,
                      e->candidates[i]);
}

static uint32_t body_length(struct inspect *in, const struct sek_view_group *g)
{
    const struct sek_buffer_def *d = sek_buffer_in(g->view->target - SEK_TARGET_APP, in->tx->app);
    struct sek_bytes b = {0};
    d->get(in->app, in->tx, in->dir, 0, &b);
    return b.len;
}

static void scan_views(struct inspect *in, struct sek_tx_detect *det)
{
    const struct sek_app_group *g = &in->e->rules->apps[in->tx->app][in->dir];
    bool complete = in->tx->complete[in->dir];
    uint8_t progress = in->tx->progress[in->dir];
    uint32_t seen = det->body_seen;
    for (uint32_t v = (uint32_t)det->scanned; v < g->view_count; v++) {
        const struct sek_view_group *vg = &g->views[v];
        if (!complete && progress < vg->progress)
            break;
        if (vg->growing && !complete) {
            uint32_t len = body_length(in, vg);
            if (body_ready(in, det, len)) {
                scan_view(in, det, vg, det->body_seen);
                seen = len;
            }
            continue; /* again when there is more */
        }
        scan_view(in, det, vg, vg->growing ? det->body_seen : 0);
        if (v == det->scanned)
            det->scanned = v + 1;
    }
    det->body_seen = seen;
}

enum outcome { STEP_NO, STEP_YES, STEP_LATER };

static enum outcome app_step(struct inspect *in, const struct sek_rule *r, const struct sek_step *s)
{
    /* Rules with `=>` are looked at with the answer; the request is there still. */
    enum sek_dir dir = r->flags & SEK_RULE_TWO_WAY ? (enum sek_dir)s->dir : in->dir;
    const struct sek_buffer_def *d = sek_buffer_in(s->view->target - SEK_TARGET_APP, in->tx->app);
    bool complete = in->tx->complete[dir], present = false;
    struct sek_bytes b;
    if (!d)
        return STEP_NO;
    if (!complete && in->tx->progress[dir] < d->progress[dir])
        return STEP_LATER;
    for (uint32_t i = 0; d->get(in->app, in->tx, dir, i, &b); i++) {
        if (d->growing && !b.len)
            break;
        present = true;
        if (d->growing && !complete && !in->e->app.body_inline &&
            b.len < in->e->app.http_body_inspect_min)
            return STEP_LATER;
        if (transform_apply(in->e, s->view, b, &b)) {
            struct look l = {.in = in, .data = b.data, .len = b.len,
                             .whole = complete || !d->growing};
            if (inspect_detectors(&l, s->first))
                return STEP_YES;
        }
        if (!d->multi)
            break;
    }
    if (!present && s->first->kind == SEK_DETECT_ABSENT)
        return complete || !d->growing ? STEP_YES : STEP_LATER;
    return d->growing && !complete ? STEP_LATER : STEP_NO;
}

/* Numbers and events may still come while the transaction goes on. */
static bool conditions_final(const struct inspect *in)
{
    return in->tx->complete[in->dir];
}

static void try_candidate(struct inspect *in, struct tx_candidate *k)
{
    const struct sek_rule *r = k->rule;
    bool stream_match = false, all = true;
    uint32_t bit = 1;
    in->e->capture_count = 0;
    if (!k->header_done) {
        if (!rule_header_matches(in, r)) {
            k->finished = conditions_final(in);
            return;
        }
        k->header_done = true;
    }
    if (!rule_conditions_match(in, r)) {
        k->finished = conditions_final(in);
        return;
    }
    for (const struct sek_step *s = r->steps; s; s = s->next, bit <<= 1) {
        if (k->matched & bit)
            continue;
        enum outcome o;
        if (sek_target_is_buffer(s->view->target))
            o = app_step(in, r, s);
        else
            o = packet_step_matches(in, r, s, &stream_match)
                    ? STEP_YES
                    : conditions_final(in) && !in->has_stream ? STEP_NO : STEP_LATER;
        if (o == STEP_NO) {
            k->finished = true;
            return;
        }
        if (o == STEP_LATER) {
            all = false;
            break; /* steps after it may use what it leaves (base64, variables) */
        }
        k->matched |= bit;
    }
    if (!all)
        return;
    k->finished = true;
    alert_add(in, r, in->tx, stream_match);
}

static void inspect_tx(struct inspect *in)
{
    struct sek_tx_detect *det = &in->tx->detect[in->dir];
    const struct sek_app_group *g = &in->e->rules->apps[in->tx->app][in->dir];
    if (!det->began) {
        det->began = true;
        for (uint32_t i = 0; i < g->always_count; i++)
            candidate_put(in, det, g->always[i]);
    }
    scan_views(in, det);
    struct tx_candidate *list = det->candidates;
    for (uint32_t i = 0; i < det->count; i++)
        if (!list[i].finished) {
            uint64_t begin = cost_begin(in->e);
            uint32_t before = in->e->alert_count;
            try_candidate(in, &list[i]);
            cost_add(in->e, list[i].rule, begin, in->e->alert_count > before);
        }
    if (in->tx->complete[in->dir]) {
        det->done = true;
        sek_pool_put(&in->e->pool, det->candidates, det->cap * sizeof *list);
        det->candidates = NULL;
        det->count = det->cap = 0;
    }
    uint8_t now = (uint8_t)(in->tx->progress[in->dir] + 1 + 100 * in->tx->complete[in->dir]);
    if (in->e->options.on_progress && now != det->seen_progress) {
        det->seen_progress = now;
        in->refused |= in->e->options.on_progress(in->e->options.ctx, in->e, in->flow, in->tx,
                                                  in->dir);
    }
}

static void inspect_state(struct inspect *in, struct sek_app_state *state)
{
    in->app = state;
    for (struct sek_tx *tx = state->first; tx; tx = tx->next) {
        if (tx->detect[in->dir].done || tx->ignore[in->dir] ||
            (tx->one_way && !tx->complete[in->dir]) ||
            (!tx->progress[in->dir] && !tx->complete[in->dir] && !tx->events[in->dir]))
            continue;
        in->tx = tx;
        inspect_tx(in);
    }
    in->tx = NULL;
}

void inspect_transactions(struct inspect *in)
{
    struct sek_app_state *state = in->flow->app_state;
    struct sek_app_state *before = state ? state->before : in->flow->app_earlier;
    if (before)
        inspect_state(in, before);
    if (state)
        inspect_state(in, state);
    in->app = state;
}
