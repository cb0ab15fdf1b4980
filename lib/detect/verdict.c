/* From matches to records and a verdict: order, pass, thresholds, drop, reject, and what holds for
 * the rest of the flow. */
#include "lib/detect/internal.h"

#include <stdlib.h>

const char *sek_drop_reason_name(enum sek_drop_reason reason)
{
    static const char *const names[] = {"",              "rules",        "flow drop",
                                        "stream error",  "stream midstream", "applayer error",
                                        "default packet policy"};
    return names[reason];
}

static int by_order(const void *a, const void *b)
{
    const struct alert *x = a, *y = b;
    if (x->rule->order != y->rule->order)
        return x->rule->order < y->rule->order ? -1 : 1;
    uint64_t tx = x->tx ? x->tx->id : 0, ty = y->tx ? y->tx->id : 0;
    return tx < ty ? -1 : tx > ty;
}

static void track_key(const struct inspect *in, const struct sek_rule *r, enum sek_track track,
                      unsigned kind, struct memory_key *key)
{
    const struct sek_packet *p = in->p;
    memset(key, 0, sizeof *key);
    key->what = (((uint64_t)r->gid << 40) ^ ((uint64_t)r->sid << 8)) | (0x80u + kind);
    key->version = p->ip_version;
    switch (track) {
    case SEK_TRACK_SRC:
        key->a = p->src;
        break;
    case SEK_TRACK_DST:
        key->a = p->dst;
        break;
    case SEK_TRACK_FLOW:
        memcpy(key->a.bytes, &in->flow, sizeof in->flow);
        if (in->flow)
            memcpy(key->b.bytes, &in->flow->id, sizeof in->flow->id);
        break;
    case SEK_TRACK_RULE:
        break;
    default:
        key->a = p->src;
        key->b = p->dst;
    }
}

/* Is PORT new to the entry? A small hashed set: a collision counts as seen. */
static bool unique_port(struct memory_entry *e, uint16_t port)
{
    uint32_t h = (uint32_t)port * 2654435761u >> 24;
    uint64_t bit = 1ull << (h % 64);
    bool fresh = !(e->unique[h / 64] & bit);
    e->unique[h / 64] |= bit;
    return fresh;
}

/* detection_filter: matches count from the moment the rate is over COUNT in SECONDS. */
static bool filter_passes(struct inspect *in, const struct sek_rule *r)
{
    const struct sek_threshold *t = &r->filter;
    struct memory_key key;
    uint64_t now = in->p->ts_us, length = t->seconds * 1000000ull;
    if (t->type == SEK_THRESHOLD_NONE)
        return true;
    track_key(in, r, t->track, 1, &key);
    struct memory_entry *e = memory_get(&in->e->memory, &key, now, now + length);
    if (t->unique && !unique_port(e, t->unique == 1 ? in->p->src_port : in->p->dst_port))
        return e->count > t->count;
    return ++e->count > t->count;
}

/* Is this match to be recorded? */
static bool threshold_passes(struct inspect *in, const struct sek_rule *r)
{
    const struct sek_threshold *t = &r->threshold;
    struct memory_key key;
    uint64_t now = in->p->ts_us, length = t->seconds * 1000000ull;
    if (t->type == SEK_THRESHOLD_NONE)
        return true;
    if (t->type == SEK_THRESHOLD_BACKOFF)
        length = UINT64_MAX / 4;
    track_key(in, r, t->track, 0, &key);
    struct memory_entry *e = memory_get(&in->e->memory, &key, now, now + length);
    e->count++;
    switch (t->type) {
    case SEK_THRESHOLD_LIMIT:
        return e->count <= t->count;
    case SEK_THRESHOLD_THRESHOLD:
        if (e->count < t->count)
            return false;
        e->count = 0;
        e->until_us = now + length;
        return true;
    case SEK_THRESHOLD_BOTH:
        return e->count == t->count;
    case SEK_THRESHOLD_BACKOFF:
        if (!e->next)
            e->next = t->count;
        if (e->count != e->next)
            return false;
        e->next *= t->multiplier ? t->multiplier : 2;
        return true;
    default:
        return true;
    }
}

struct flow_detect *flow_detect_get(struct sek_engine *e, struct sek_flow *flow)
{
    if (flow && !flow->detect)
        flow->detect = sek_pool_get_zero(&e->pool, sizeof(struct flow_detect));
    return flow ? flow->detect : NULL;
}

static void report_drop(struct inspect *in, struct sek_result *result, enum sek_drop_reason reason,
                        const struct sek_rule *rule)
{
    struct sek_engine *e = in->e;
    struct sek_event event = {
        .packet = in->p, .flow = in->flow, .dir = in->dir, .rule = rule, .blocked = true,
        .verdict = result->verdict, .reject_to = result->reject_to, .reason = reason,
    };
    e->stats.drops++;
    if (e->options.on_drop && in->p->source != SEK_SOURCE_STREAM_END)
        e->options.on_drop(e->options.ctx, e, &event);
}

void drop_flow(struct inspect *in, struct sek_result *result, enum sek_drop_reason reason)
{
    if (!in->e->options.ips)
        return;
    result->verdict = SEK_VERDICT_DROP;
    report_drop(in, result, reason, NULL);
}

static bool is_drop(const struct alert *a)
{
    return a->action >= SEK_ACTION_DROP;
}

/* What a match does: rate_filter may say otherwise than the rule. */
static enum sek_action action_of(struct inspect *in, const struct sek_rule *r)
{
    const struct sek_rate_filter *f = r->rate;
    struct memory_key hits, force;
    uint64_t now = in->p->ts_us;
    if (!f)
        return r->action;
    track_key(in, r, f->track, 2, &hits);
    track_key(in, r, f->track, 3, &force);
    if (memory_find(&in->e->memory, &force, now))
        return f->action;
    if (++memory_get(&in->e->memory, &hits, now, now + f->seconds * 1000000ull)->count < f->count)
        return r->action;
    memory_get(&in->e->memory, &force, now, now + f->timeout_s * 1000000ull);
    return f->action;
}

static void take_action(struct inspect *in, const struct alert *a, struct sek_result *result)
{
    if (!is_drop(a) || !in->e->prevent)
        return;
    if (result->verdict == SEK_VERDICT_PASS)
        result->verdict = SEK_VERDICT_DROP;
    if (a->action >= SEK_ACTION_REJECT && !result->reject_to) {
        result->verdict = SEK_VERDICT_REJECT;
        result->reject_to = (uint8_t)(a->action - SEK_ACTION_REJECT + 1);
    }
    if (a->apply_to_flow && in->flow) {
        in->flow->flags |= SEK_FLOW_DROPPED;
        if (in->fd)
            in->fd->reason = SEK_DROP_FLOW;
    }
}

/* Is the rule silent about these addresses? */
static bool suppressed(const struct inspect *in, const struct sek_rule *r)
{
    const struct sek_packet *p = in->p;
    for (const struct sek_suppression *s = r->suppressions; s; s = s->next) {
        bool src = sek_address_set_has(s->addresses, &p->src, p->ip_version);
        bool dst = sek_address_set_has(s->addresses, &p->dst, p->ip_version);
        if (s->side == 0 ? src : s->side == 1 ? dst : s->side == 3 ? src || dst : true)
            return true;
    }
    return false;
}

/* filestore: the files of the transaction, or of the flow from now on, are to be kept. */
static void store_files(struct inspect *in, const struct alert *a)
{
    unsigned dirs = a->rule->store_dirs ? a->rule->store_dirs : 1u << in->dir;
    for (struct sek_file *f = a->tx ? a->tx->files : NULL; f; f = f->next)
        f->storing |= dirs >> f->dir & 1;
    if (a->rule->store_flow && in->fd)
        in->fd->store |= (uint8_t)dirs;
}

/* What is still there of the stream that a match is in, as an analyst wants to see it. */
static struct sek_bytes stream_text(struct inspect *in)
{
    const struct sek_stream *s = &in->flow->tcp->stream[in->dir];
    return history_view(in->fd ? in->fd->history : NULL, in->dir, s, 0, UINT64_MAX, &in->e->stream_text);
}

static struct sek_bytes frame_text(struct inspect *in, const struct sek_frame *f)
{
    uint64_t from;
    if (!in->flow->tcp)
        return frame_bytes(in, f, &from);
    const struct sek_stream *s = &in->flow->tcp->stream[in->dir];
    uint64_t end = f->len < UINT64_MAX - f->offset ? f->offset + f->len : UINT64_MAX;
    return history_view(in->fd ? in->fd->history : NULL, in->dir, s, f->offset, end, &in->e->frame_text);
}

void alerts_finish(struct inspect *in, struct sek_result *result)
{
    struct sek_engine *e = in->e;
    const struct sek_rule *dropper = NULL;
    uint32_t count = e->alert_count, kept = 0;
    bool pass = false;
    e->alert_count = 0;
    if (!count)
        return;
    if (count > 1)
        qsort(e->alerts, count, sizeof *e->alerts, by_order);
    /* First what each match does; a pass ends it for what comes after in the order of actions. */
    for (uint32_t i = 0; i < count && !pass; i++) {
        struct alert *a = &e->alerts[i];
        if (!filter_passes(in, a->rule))
            continue;
        a->action = action_of(in, a->rule);
        e->alerts[kept++] = *a;
        if (a->rule->flags & SEK_RULE_BYPASS && in->flow)
            in->flow->flags |= SEK_FLOW_BYPASSED;
        if (a->action == SEK_ACTION_PASS) {
            pass = true;
            if (a->apply_to_flow && in->flow)
                in->flow->flags |= SEK_FLOW_PASSED;
            continue;
        }
        take_action(in, a, result);
        if (!dropper && is_drop(a))
            dropper = a->rule;
    }
    for (uint32_t i = 0; i < kept; i++) {
        struct alert *a = &e->alerts[i];
        const struct sek_rule *r = a->rule;
        if (r->flags & SEK_RULE_NOALERT ||
            (a->action == SEK_ACTION_PASS && !(r->flags & SEK_RULE_FORCE_ALERT)) ||
            suppressed(in, r) || !threshold_passes(in, r))
            continue;
        if (r->flags & SEK_RULE_FILESTORE)
            store_files(in, a);
        bool of_stream = in->flow && in->flow->tcp && (a->stream_match || a->tx || a->has_frame);
        struct sek_event event = {
            .packet = in->p, .flow = in->flow, .dir = in->dir, .rule = r, .tx = a->tx,
            .stream_match = of_stream, .blocked = is_drop(a) && e->prevent,
            .verdict = result->verdict, .reject_to = result->reject_to,
            .reason = dropper ? SEK_DROP_RULES : SEK_DROP_NONE, .pass = pass,
            .stream = of_stream ? stream_text(in) : (struct sek_bytes){0},
        };
        if (a->has_frame) {
            event.frame = &a->frame;
            event.frame_complete = a->frame_complete;
            event.frame_bytes = frame_text(in, &a->frame);
        }
        e->stats.alerts++;
        if (e->options.on_alert)
            e->options.on_alert(e->options.ctx, e, &event);
    }
    if (dropper && e->prevent)
        report_drop(in, result, SEK_DROP_RULES, dropper);
}
