/* The pipeline of one worker: frame, packets, flow, stream, application, rules, verdict. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/detect/internal.h"

#include <netinet/in.h>
#include <pcre2.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define EXPIRE_EVERY_US 100000u
#define EXPIRE_BUDGET   16u /* at one packet; the next ones go on when there are more */

void sek_engine_options_default(struct sek_engine_options *o)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    *o = (struct sek_engine_options){.verify_checksum = true, .flow_limit = 1048576,
                                     .memory_limit = pages > 0 && size > 0 ? (size_t)pages / 2 * (size_t)size : 0};
}

static bool setting_is(struct sek_config *c, const char *key, const char *fallback, const char *word)
{
    return !strcasecmp(sek_config_get(c, key, fallback), word);
}

static bool setting_yes(struct sek_config *c, const char *key)
{
    const char *v = sek_config_get(c, key, "no");
    return !strcasecmp(v, "yes") || !strcasecmp(v, "true") || !strcmp(v, "1");
}

static uint8_t policy_of(struct sek_config *c, const char *key, bool ips)
{
    static const char *const names[] = {"ignore",      "drop-packet", "drop-flow", "reject",
                                        "pass-packet", "pass-flow",   "bypass"};
    const char *v = sek_config_get(c, key, NULL);
    if (!v)
        v = sek_config_get(c, "exception-policy", "ignore");
    for (uint8_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(names[i], v))
            return i;
    return !strcasecmp(v, "auto") && ips ? POLICY_DROP_FLOW : POLICY_IGNORE;
}

/* A size with kb, mb or gb behind it, or in bytes; *V stays when the setting is not there. */
static bool setting_size(struct sek_config *c, const char *key, uint64_t *v, struct sek_fault *fault)
{
    static const char *const units[] = {"", "kb", "mb", "gb"};
    const char *text = sek_config_get(c, key, NULL);
    char *end;
    if (!text)
        return true;
    uint64_t n = strtoull(text, &end, 10);
    while (*end == ' ')
        end++;
    for (unsigned i = 0; *text >= '0' && *text <= '9' && i < 4; i++) {
        if (!strcasecmp(end, units[i]) && n <= UINT64_MAX >> 10 * i) {
            *v = n << 10 * i;
            return true;
        }
    }
    sek_fail(fault, SEK_EINVAL, "%s: found '%.40s', expected a size such as 512mb", key, text);
    return false;
}

static bool read_settings(struct sek_engine *e, struct sek_fault *fault)
{
    struct sek_config *c = e->options.config;
    struct sek_fault ignored;
    long number;
    uint64_t depth = 1u << 20, memory = e->options.memory_limit;
    if (!setting_size(c, "stream.reassembly.depth", &depth, fault) || !setting_size(c, "memory.limit", &memory, fault))
        return false;
    e->pool.limit = memory < SIZE_MAX ? (size_t)memory : SIZE_MAX;
    e->tcp = (struct sek_tcp_settings){
        .midstream = e->options.midstream,
        .async = setting_yes(c, "stream.async-oneside"),
        .inline_mode = e->options.ips || e->options.inline_stream,
        .depth = depth < UINT32_MAX ? (uint32_t)depth : UINT32_MAX,
        .piece_limit = 4u << 20,
        .urgent_inline = setting_is(c, "stream.reassembly.urgent.policy", "oob", "inline"),
        .hosts = &e->hosts,
    };
    sek_app_settings_default(&e->app);
    sek_app_settings_read(&e->app, c);
    e->app.expectations = &e->expectations;
    e->app.body_inline = e->tcp.inline_mode;
    e->flows.vlan_tracking = !setting_is(c, "vlan.use-for-tracking", "true", "false");
    e->tunnel_flows = setting_yes(c, "decoder.ipv4.ipip.track-parent-flow") ||
                      setting_yes(c, "decoder.ipv6.ipip.track-parent-flow");
    e->midstream_policy = policy_of(c, "stream.midstream-policy", e->options.ips);
    number = 15;
    sek_config_number(c, "packet-alert-max", 1, ALERTS_MAX, &number, &ignored);
    e->alert_max = (uint32_t)number;
    return true;
}

static enum sek_error rules_attach(struct sek_engine *e, const struct sek_compiled *rules,
                                   struct sek_fault *fault)
{
    hs_scratch_t *scratch = NULL;
    uint32_t *stamps = calloc(rules->rules->count + 1, sizeof *stamps);
    if (!stamps || (rules->scratch && hs_clone_scratch(rules->scratch, &scratch) != HS_SUCCESS)) {
        free(stamps);
        return sek_fail(fault, SEK_ENOMEM, "out of memory for a worker's scratch space");
    }
    hs_free_scratch(e->scratch);
    free(e->stamps);
    free(e->costs);
    e->costs = e->options.profile ? calloc(rules->rules->count + 1, sizeof *e->costs) : NULL;
    e->scratch = scratch;
    e->stamps = stamps;
    e->stamp = 0;
    e->rules = rules;
    e->app.frames = rules->frame_apps;
    return SEK_OK;
}

static void on_flow_end(void *ctx, struct sek_flow *flow);

struct sek_engine *sek_engine_new(const struct sek_engine_options *options,
                                  const struct sek_compiled *rules, struct sek_fault *fault)
{
    struct sek_engine *e = calloc(1, sizeof *e);
    if (!e) {
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        return NULL;
    }
    e->options = *options;
    e->prevent = options->ips;
    e->candidates = calloc(CANDIDATES_MAX, sizeof *e->candidates);
    e->pcre_match = pcre2_match_data_create(16, NULL);
    e->pcre_context = pcre2_match_context_create(NULL);
    struct sek_fault ignored;
    long flow_limit = options->flow_limit;
    sek_config_number(options->config, "flow.limit", 16, 1 << 24, &flow_limit, &ignored);
    bool ok = e->candidates && e->pcre_match && e->pcre_context && memory_open(&e->memory) &&
              sek_flow_table_open(&e->flows, &e->pool, (uint32_t)flow_limit);
    if (!ok) {
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        sek_engine_free(e);
        return NULL;
    }
    pcre2_set_match_limit(e->pcre_context, 3500);
    pcre2_set_depth_limit(e->pcre_context, 1500);
    e->flows.on_end = on_flow_end;
    e->flows.ctx = e;
    sek_defrag_open(&e->defrag, &e->pool, &e->hosts);
    if (!read_settings(e, fault) || sek_host_policies_read(&e->hosts, e->options.config, fault) || rules_attach(e, rules, fault)) {
        sek_engine_free(e);
        return NULL;
    }
    return e;
}

void sek_engine_end_flows(struct sek_engine *e)
{
    sek_flow_end_all(&e->flows);
}

void sek_engine_free(struct sek_engine *e)
{
    if (!e)
        return;
    if (e->flows.buckets)
        sek_flow_table_close(&e->flows);
    sek_defrag_close(&e->defrag);
    sek_host_policies_free(&e->hosts);
    sek_text_free(&e->stream_text);
    sek_text_free(&e->frame_text);
    sek_buffer_free(&e->pool, &e->transformed[0]);
    sek_buffer_free(&e->pool, &e->transformed[1]);
    sek_buffer_free(&e->pool, &e->base64);
    sek_pool_trim(&e->pool);
    memory_close(&e->memory);
    pcre2_match_data_free(e->pcre_match);
    pcre2_match_context_free(e->pcre_context);
    hs_free_scratch(e->scratch);
    free(e->stamps);
    free(e->costs);
    free(e->candidates);
    free(e);
}

static void flow_detect_clear(struct sek_engine *e, struct flow_detect *fd)
{
    flow_vars_free(&e->pool, &fd->vars);
    for (int d = 0; d < 2; d++) {
        sek_pool_put(&e->pool, fd->pending[d], sizeof *fd->pending[d]);
        fd->pending[d] = NULL;
    }
    history_free(&e->pool, fd->history);
    fd->history = NULL;
    while (fd->texts) {
        struct flow_text *t = fd->texts;
        fd->texts = t->next;
        sek_pool_put(&e->pool, t, sizeof *t);
    }
}

/* What waits in transactions belongs to the old rules: it is dropped, and they are looked at anew. */
static void forget_candidates(struct sek_engine *e)
{
    for (unsigned list = 0; list < SEK_TIMEOUT_KINDS * 3; list++)
        for (struct sek_flow *f = e->flows.oldest[list]; f; f = f->newer) {
            struct sek_app_state *s = f->app_state;
            for (struct sek_tx *tx = s ? s->first : NULL; tx; tx = tx->next) {
                tx_detect_free(&e->pool, tx);
                for (int d = 0; d < 2; d++) {
                    tx->detect[d].scanned = 0;
                    tx->detect[d].began = false;
                }
            }
            struct flow_detect *fd = f->detect; /* names of variables are numbered by rule set */
            if (fd)
                flow_detect_clear(e, fd);
        }
}

enum sek_error sek_engine_swap(struct sek_engine *e, const struct sek_compiled *rules,
                               struct sek_fault *fault)
{
    enum sek_error rc = rules_attach(e, rules, fault);
    if (!rc)
        forget_candidates(e);
    return rc;
}

static uint64_t nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t cost_begin(const struct sek_engine *e)
{
    return e->costs ? nanoseconds() : 0;
}

void cost_add(struct sek_engine *e, const struct sek_rule *r, uint64_t begin, bool matched)
{
    if (!e->costs)
        return;
    struct sek_rule_cost *c = &e->costs[r->order];
    c->checks++;
    c->matches += matched;
    c->nanoseconds += nanoseconds() - begin;
}

const struct sek_rule_cost *sek_engine_costs(const struct sek_engine *e)
{
    return e->costs;
}

void sek_engine_gauges(const struct sek_engine *e, struct sek_engine_gauges *out)
{
    *out = (struct sek_engine_gauges){
        .flows = e->flows.count,
        .evicted = e->flows.evicted,
        .memory_used = e->pool.used,
        .memory_taken = e->pool.taken,
        .memory_refused = e->pool.refused,
        .rules = e->rules->rules->count,
    };
}

const struct sek_engine_stats *sek_engine_stats(const struct sek_engine *e)
{
    return &e->stats;
}

const char *sek_engine_flowbit(const struct sek_engine *e, const struct sek_flow *flow,
                               unsigned index)
{
    const struct flow_detect *fd = flow->detect;
    for (unsigned i = 0; fd && i < fd->vars.count; i++)
        if (!(fd->vars.names[i] & 1) && !index--)
            return e->rules->rules->names[fd->vars.names[i] >> 1] + strlen("flow.");
    return NULL;
}

const char *sek_engine_flowint(const struct sek_engine *e, const struct sek_flow *flow,
                               unsigned index, uint32_t *value)
{
    const struct flow_detect *fd = flow->detect;
    for (unsigned i = 0; fd && i < fd->vars.count; i++) {
        if (fd->vars.names[i] & 1 && !index--) {
            *value = fd->vars.values[i];
            return e->rules->rules->names[fd->vars.names[i] >> 1] + strlen("int.");
        }
    }
    return NULL;
}

void sek_engine_prevent(struct sek_engine *e, bool prevent)
{
    e->prevent = prevent && e->options.ips;
}

void sek_engine_trust_checksums(struct sek_engine *e, bool trusted)
{
    e->trust_checksums = trusted;
}

/* The program's own policy dropped the flow. */
static void refuse(struct inspect *in, struct sek_result *result)
{
    in->flow->flags |= SEK_FLOW_DROPPED;
    if (in->fd)
        in->fd->reason = SEK_DROP_POLICY;
    drop_flow(in, result, SEK_DROP_POLICY);
}

static void close_session(struct sek_engine *e, struct sek_flow *f);

/* --- one packet --- */

static void run_rules(struct inspect *in, struct sek_result *result)
{
    stage_enter(in->e, SEK_STAGE_PACKET_RULES);
    if (in->p->any_event || !in->p->ip_version)
        inspect_decoder_rules(in);
    if (in->p->ip_version) {
        inspect_packet_rules(in);
        if (in->flow && in->flow->app_state && in->e->rules->frame_apps)
            inspect_frames(in);
        stage_enter(in->e, SEK_STAGE_TRANSACTION_RULES);
        if (in->flow && (in->flow->app_state || in->flow->app_earlier))
            inspect_transactions(in);
    }
    stage_enter(in->e, SEK_STAGE_RECORDS);
    alerts_finish(in, result);
    in->e->packet_var_count = 0;
    if (in->flow)
        in->flow->app_events = 0;
    if (in->refused && result->verdict == SEK_VERDICT_PASS)
        refuse(in, result);
}

/* stream.midstream-policy: what is done with a flow whose beginning was not seen. */
static void midstream_policy(struct inspect *in)
{
    struct sek_flow *f = in->flow;
    switch (in->e->midstream_policy) {
    case POLICY_DROP_FLOW:
    case POLICY_REJECT:
        f->flags |= SEK_FLOW_DROPPED;
        return;
    case POLICY_PASS_FLOW:
        f->flags |= SEK_FLOW_PASSED;
        return;
    case POLICY_BYPASS:
        f->flags |= SEK_FLOW_BYPASSED;
        return;
    default:
        return;
    }
}

/* TCP without a session: the policy holds at the first packet, when that is not a handshake's. */
static void untracked(struct inspect *in)
{
    struct sek_flow *f = in->flow;
    if (f->packets[0] + f->packets[1] == 1 && !(in->p->tcp.flags & SEK_TCP_RST))
        midstream_policy(in);
}

static void tcp_packet(struct inspect *in, struct sek_result *result)
{
    struct sek_engine *e = in->e;
    struct sek_flow *f = in->flow;
    if (in->p->bad_checksum)
        return;
    bool had_session = f->tcp != NULL;
    struct sek_tcp_result r = sek_tcp_packet(&e->pool, &e->tcp, f, &in->dir, in->p);
    in->stream_added = r.stream_added;
    result->dir = in->dir;
    if (!f->tcp) {
        untracked(in);
        return;
    }
    if (!had_session && f->tcp->midstream && e->midstream_policy != POLICY_IGNORE) {
        midstream_policy(in);
    }
    if (e->options.ips && r.tracked && !r.valid && !r.retransmission && had_session)
        result->verdict = SEK_VERDICT_DROP;
    uint64_t gaps = e->stats.stream_gaps;
    stream_feed(e, f, e->tcp.inline_mode ? in->dir : !in->dir, false);
    stream_feed(e, f, e->tcp.inline_mode ? !in->dir : in->dir, false);
    if (e->stats.stream_gaps != gaps)
        sek_packet_stream_event(in->p, SEK_STREAM_REASSEMBLY_SEQ_GAP);
    if (r.closed_now && f->tcp->rst_seen) {
        stream_feed_rest(e, f, SEK_TOSERVER, in->p->number);
        stream_feed_rest(e, f, SEK_TOCLIENT, in->p->number);
    }
    if (f->flags & SEK_FLOW_ENCRYPTED)
        streams_end_inspection(f);
    streams_want_inspection(f, in->p);
    in->reset = r.closed_now && f->tcp->rst_seen;
    in->closed = r.closed_now && !f->tcp->rst_seen;
    stream_choose(in, in->reset);
}

static void datagram(struct inspect *in)
{
    struct sek_packet *p = in->p;
    stage_enter(in->e, SEK_STAGE_APPLICATION);
    if (p->proto == IPPROTO_UDP && p->payload_len)
        sek_app_data(&in->e->pool, &in->e->app, in->flow, in->dir, p->payload, p->payload_len, 0);
}

static void count_packet(struct inspect *in)
{
    struct sek_flow *f = in->flow;
    f->packets[in->dir]++;
    f->bytes[in->dir] += in->p->frame_len;
    if (in->dir == SEK_TOCLIENT && f->proto != IPPROTO_TCP)
        f->flags |= SEK_FLOW_ESTABLISHED;
    sek_flow_touch(&in->e->flows, f, in->p->ts_us);
}

static void one_packet(struct sek_engine *e, struct sek_packet *p, struct sek_result *result)
{
    struct inspect in = {.e = e, .p = p};
    enum sek_tcp_state state = SEK_TCP_NONE;
    if (e->options.verify_checksum && !e->trust_checksums && p->ip_version &&
        sek_packet_checksum_bad(p)) {
        p->bad_checksum = true;
        e->stats.invalid_checksums++;
    }
    stage_enter(e, SEK_STAGE_FLOWS);
    in.flow = sek_flow_find(&e->flows, p, &in.dir);
    if (in.flow) {
        bool fresh = !in.flow->packets[0] && !in.flow->packets[1];
        in.fd = flow_detect_get(e, in.flow);
        result->flow = in.flow;
        result->dir = in.dir;
        e->stats.flows += fresh;
        count_packet(&in);
        state = in.flow->tcp ? in.flow->tcp->state : SEK_TCP_NONE;
        in.established = in.flow->flags & SEK_FLOW_ESTABLISHED;
        bool answer = in.dir == SEK_TOCLIENT && in.flow->packets[SEK_TOCLIENT] == 1;
        bool no = fresh && e->options.on_flow_start &&
                  e->options.on_flow_start(e->options.ctx, e, in.flow, p);
        no |= answer && e->options.on_flow_answer &&
              e->options.on_flow_answer(e->options.ctx, e, in.flow, p);
        if (no && e->options.ips) {
            refuse(&in, result);
            return;
        }
        if (in.flow->flags & SEK_FLOW_DROPPED) {
            drop_flow(&in, result, in.fd && in.fd->reason ? in.fd->reason : SEK_DROP_FLOW);
            if (e->options.ips)
                return;
        }
        stage_enter(e, SEK_STAGE_STREAMS);
        if (p->proto == IPPROTO_TCP)
            tcp_packet(&in, result);
        else
            datagram(&in);
        if (in.flow->tcp && p->payload_len) /* the packet that opened the session may bring bytes */
            in.established = in.flow->flags & SEK_FLOW_ESTABLISHED;
        if (result->verdict == SEK_VERDICT_DROP) {
            drop_flow(&in, result, SEK_DROP_STREAM);
            return;
        }
        if (in.flow->flags & SEK_FLOW_DROPPED && e->options.ips) {
            drop_flow(&in, result, SEK_DROP_MIDSTREAM);
            return;
        }
        if (in.flow->flags & (SEK_FLOW_PASSED | SEK_FLOW_BYPASSED)) {
            if (in.flow->tcp) {
                stream_done(&in);
                streams_slide(e, in.flow);
            }
            return;
        }
    }
    run_rules(&in, result);
    if (in.reset) /* nothing more will be acknowledged: the other side's rest is looked at now */
        flow_end_direction(e, in.flow, !in.dir, p->number);
    if (in.flow && in.flow->tcp) {
        stream_done(&in);
        streams_slide(e, in.flow);
    }
    if (in.closed)
        close_session(e, in.flow);
    if (in.flow) {
        sek_app_reap(&e->pool, in.flow, tx_forget, e);
        if (in.flow->tcp && in.flow->tcp->state != state) /* another timeout holds now */
            sek_flow_touch(&e->flows, in.flow, p->ts_us);
    }
}

static void merge(struct sek_result *all, const struct sek_result *one)
{
    if (one->verdict > all->verdict) {
        all->verdict = one->verdict;
        all->reject_to = one->reject_to;
    }
    if (one->flow) {
        all->flow = one->flow;
        all->dir = one->dir;
    }
}

#define RELIEF_FLOWS 64

/* Memory is near its limit, or met it: make room for what comes, at the cost of what was idle longest. */
static void relieve(struct sek_engine *e)
{
    size_t limit = e->pool.limit;
    if (!limit || (e->pool.refused == e->refused_seen && e->pool.taken <= limit - limit / 16))
        return;
    for (unsigned i = 0; i < RELIEF_FLOWS && sek_flow_evict(&e->flows, e->now_us); i++)
        ;
    sek_pool_trim(&e->pool);
    e->refused_seen = e->pool.refused;
}

struct sek_result sek_engine_packet(struct sek_engine *e, enum sek_link link, const uint8_t *frame,
                                    uint32_t len, uint64_t ts_us, uint64_t number)
{
    struct sek_result all = {0};
    stage_enter(e, SEK_STAGE_FLOWS);
    relieve(e);
    if (ts_us > e->now_us)
        e->now_us = ts_us;
    if (e->now_us >= e->next_expire_us) {
        bool more = sek_flow_expire(&e->flows, e->now_us, EXPIRE_BUDGET);
        e->next_expire_us = e->now_us + (more ? 0 : EXPIRE_EVERY_US);
    }
    e->stats.packets++;
    e->stats.bytes += len;
    stage_enter(e, SEK_STAGE_DECODE);
    unsigned count = sek_packet_decode(link, frame, len, ts_us, number, e->packets);
    for (unsigned i = count; i-- > 0;) {
        struct sek_result one = {0};
        struct sek_packet *p = &e->packets[i];
        const uint8_t *ip;
        uint32_t ip_len;
        /* Before the rules see the fragment: they ask for what defragmentation finds wrong with it. */
        bool complete = p->fragment && sek_defrag_packet(&e->defrag, p, &ip, &ip_len);
        one_packet(e, p, &one);
        merge(&all, &one);
        if (!complete)
            continue;
        struct sek_packet base = *p, whole[SEK_PACKET_LAYERS];
        unsigned n = sek_packet_decode_datagram(&base, ip, ip_len, whole);
        for (unsigned k = n; k-- > 0;) {
            struct sek_result inner = {0};
            one_packet(e, &whole[k], &inner);
            merge(&all, &inner);
        }
    }
    stage_enter(e, SEK_STAGE_WAITING);
    return all;
}

enum sek_stage sek_engine_stage(const struct sek_engine *e)
{
    return e->stage;
}

const char *sek_stage_name(enum sek_stage stage)
{
    static const char *const names[] = {"waiting", "decode", "flows", "streams", "application", "matcher",
                                        "packet_rules", "transaction_rules", "records"};
    return names[stage];
}

/* --- the end of a flow --- */

struct sek_packet sek_engine_flow_packet(const struct sek_flow *f, enum sek_dir dir, uint64_t number)
{
    struct sek_packet p = {
        .source = SEK_SOURCE_STREAM_END,
        .number = number,
        .ts_us = f->last_us,
        .ip_version = f->ip_version,
        .proto = f->proto,
        .src = f->addr[dir],
        .dst = f->addr[!dir],
        .src_port = f->port[dir],
        .dst_port = f->port[!dir],
        .vlan_count = f->vlan_count,
    };
    memcpy(p.vlan, f->vlan, sizeof p.vlan);
    return p;
}

void flow_end_direction(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, uint64_t number)
{
    struct sek_result result = {0};
    struct sek_packet p = sek_engine_flow_packet(f, dir, number);
    struct inspect in = {.e = e, .p = &p, .flow = f, .fd = f->detect, .dir = dir,
                         .stream_added = true, .established = f->flags & SEK_FLOW_ESTABLISHED};
    stream_choose(&in, true);
    struct sek_app_state *state = f->app_state;
    bool open = false;
    for (struct sek_tx *tx = state ? state->first : NULL; tx; tx = tx->next)
        open |= !tx->detect[dir].done && !tx->ignore[dir] && (!tx->one_way || tx->complete[dir]);
    if (!in.has_stream && !open)
        return;
    run_rules(&in, &result);
    stream_done(&in);
}

/* The last inspection: nothing more will come. */
static void finish_streams(struct sek_engine *e, struct sek_flow *f)
{
    const uint32_t settled = SEK_FLOW_DROPPED | SEK_FLOW_PASSED | SEK_FLOW_BYPASSED | SEK_FLOW_FINISHED;
    if (f->tcp && !(f->flags & settled)) {
        stream_feed_rest(e, f, SEK_TOSERVER, 0);
        stream_feed_rest(e, f, SEK_TOCLIENT, 0);
        struct sek_app_state *state = f->app_state;
        for (struct sek_tx *tx = state ? state->first : NULL; tx; tx = tx->next)
            if (!tx->one_way)
                tx->complete[0] = tx->complete[1] = true;
        flow_end_direction(e, f, SEK_TOSERVER, 0);
        flow_end_direction(e, f, SEK_TOCLIENT, 0);
    }
    f->flags |= SEK_FLOW_FINISHED;
}

/* Both sides have closed: a flow that only waits for late copies needs neither bytes nor transactions. */
static void close_session(struct sek_engine *e, struct sek_flow *f)
{
    finish_streams(e, f);
    sek_app_close(&e->pool, f, tx_forget, e);
    for (int d = 0; d < 2; d++)
        sek_stream_free(&e->pool, &f->tcp->stream[d]);
}

static void on_flow_end(void *ctx, struct sek_flow *f)
{
    struct sek_engine *e = ctx;
    f->flags |= SEK_FLOW_ENDING;
    e->stats.app_flows[f->app]++;
    finish_streams(e, f);
    if (e->options.on_flow_end)
        e->options.on_flow_end(e->options.ctx, e, f);
    sek_app_close(&e->pool, f, tx_forget, e);
    struct flow_detect *fd = f->detect;
    if (fd) {
        flow_detect_clear(e, fd);
        sek_pool_put(&e->pool, fd, sizeof *fd);
        f->detect = NULL;
    }
}
