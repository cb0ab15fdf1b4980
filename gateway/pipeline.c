/* What is decided about a frame: blocked addresses first, then the engine with its rules, and on the
 * way reputation of addresses, names and URLs, and the behaviour of devices. */
#include "gateway/gateway.h"

#include "lib/app/buffers.h"
#include "lib/base/log.h"

#include <netinet/in.h>
#include <string.h>

static bool is_inside(const struct gateway *g)
{
    return g->from == 0;
}

/* Repeated exploits from one address make it an attacker for the whole tenant. */
static void count_source(struct gateway *g, const struct sek_packet *p)
{
    uint32_t at = 0;
    if (!g->policy.probe_threshold || is_inside(g))
        return;
    for (int i = 0; i < 4; i++)
        at = (at ^ p->src.words[i]) * 2654435761u;
    struct gateway_source *s = &g->sources[(at >> 16) % GATEWAY_SOURCES];
    bool same = s->ip_version == p->ip_version && sek_addr_equal(&s->addr, &p->src) &&
                p->ts_us - s->since_us < g->policy.probe_window_s * 1000000ull;
    if (!same)
        *s = (struct gateway_source){.addr = p->src, .ip_version = p->ip_version,
                                     .since_us = p->ts_us};
    if (++s->hits != g->policy.probe_threshold)
        return;
    const char *reason = "repeated exploits blocked at the gateway";
    blocklist_add(&g->blocked, BLOCK_ATTACKER, p->ip_version, &p->src, p->ts_us,
                  p->ts_us + g->policy.block_ttl_s * 1000000ull, reason);
    gateway_record_attacker(g, p->ip_version, &p->src, reason);
}

static void on_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct gateway *g = ctx;
    static const struct sek_eve_options eve = {.detail = SEK_EVE_LAYER, .layer = "network"};
    sek_text_clear(&g->line);
    sek_eve_alert(&g->line, &eve, engine, event);
    gateway_record_line(g);
    if (event->blocked)
        count_source(g, event->packet);
}

/* --- reputation --- */

static bool listed_address(struct gateway *g, const struct sek_flow *f, const struct sek_addr *addr)
{
    struct sek_reputation_hit hit;
    char text[SEK_ADDR_TEXT];
    if (!g->reputation || !sek_reputation_address(g->reputation, addr->bytes,
                                                  f->ip_version == 4 ? 4 : 16,
                                                  g->now_us / 1000000u, &hit))
        return false;
    bool block = g->policy.exit == MODE_PREVENT;
    sek_addr_format(addr, f->ip_version, text);
    gateway_record_listed(g, f, "ip", text, strlen(text), &hit, block);
    return block;
}

static bool buffer_of(struct sek_flow *f, struct sek_tx *tx, enum sek_dir dir, const char *name,
                      uint32_t index, struct sek_bytes *out)
{
    int id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    const struct sek_buffer_def *d = id < 0 ? NULL : sek_buffer_in(id, tx->app);
    return d && d->get(f->app_state, tx, dir, index, out) && out->len;
}

static bool listed_name(struct gateway *g, const struct sek_flow *f, struct sek_bytes name)
{
    struct sek_reputation_hit hit;
    if (!sek_reputation_domain(g->reputation, (const char *)name.data, name.len,
                               g->now_us / 1000000u, &hit))
        return false;
    bool block = g->policy.exit == MODE_PREVENT;
    gateway_record_listed(g, f, "domain", (const char *)name.data, name.len, &hit, block);
    return block;
}

static bool listed_url(struct gateway *g, const struct sek_flow *f, struct sek_bytes host,
                       struct sek_bytes target)
{
    struct sek_reputation_hit hit;
    struct sek_text url = {0};
    if (!sek_reputation_url(g->reputation, (const char *)host.data, host.len,
                            (const char *)target.data, target.len, g->now_us / 1000000u, &hit))
        return false;
    bool block = g->policy.exit == MODE_PREVENT;
    sek_text_puts(&url, "http://");
    sek_text_add(&url, host.data, host.len);
    sek_text_add(&url, target.data, target.len);
    gateway_record_listed(g, f, "url", url.data, url.len, &hit, block);
    sek_text_free(&url);
    return block;
}

static void quarantine(struct gateway *g, const struct sek_behaviour_judgement *j)
{
    bool on = g->policy.behaviour == MODE_PREVENT;
    char reason[160] = "";
    for (int i = 0; i < SEK_BEHAVIOUR_REASONS; i++) {
        size_t used = strlen(reason);
        if (j->counts[i])
            snprintf(reason + used, sizeof reason - used, "%s%s", used ? ", " : "",
                     sek_behaviour_reason_id(i));
    }
    if (on)
        blocklist_add(&g->blocked, BLOCK_QUARANTINE, j->ip_version, &j->device, g->now_us,
                      g->now_us + g->policy.quarantine_s * 1000000ull, reason);
    gateway_record_quarantine(g, j, on);
}

static void missing_name(struct gateway *g, struct sek_flow *f, struct sek_tx *tx, enum sek_dir dir)
{
    const sek_number_row *row = sek_number_find("dns.rcode");
    const struct sek_number_def *rcode = row ? (*row)[tx->app] : NULL;
    struct sek_behaviour_judgement j;
    uint64_t code;
    if (g->policy.behaviour != MODE_OFF && !is_inside(g) && rcode &&
        rcode->get(f->app_state, tx, dir, 0, &code) && code == 3 &&
        sek_behaviour_missing_name(g->behaviour, f->ip_version, &f->addr[0], g->now_us, &j))
        quarantine(g, &j);
}

/* Is one of the names that are asked for listed? */
static bool listed_query(struct gateway *g, struct sek_flow *f, struct sek_tx *tx)
{
    struct sek_bytes name;
    for (uint32_t i = 0; buffer_of(f, tx, SEK_TOSERVER, "dns.query", i, &name); i++)
        if (listed_name(g, f, name))
            return true;
    return false;
}

static bool listed_request(struct gateway *g, struct sek_flow *f, struct sek_tx *tx)
{
    struct sek_bytes host, target;
    if (!buffer_of(f, tx, SEK_TOSERVER, "http.host", 0, &host))
        return false;
    return listed_name(g, f, host) || (buffer_of(f, tx, SEK_TOSERVER, "http.uri.raw", 0, &target) &&
                                       listed_url(g, f, host, target));
}

static bool on_progress(void *ctx, struct sek_engine *engine, struct sek_flow *f, struct sek_tx *tx,
                        enum sek_dir dir)
{
    struct gateway *g = ctx;
    struct sek_bytes name;
    (void)engine;
    if (tx->app == SEK_APP_DNS && dir == SEK_TOCLIENT)
        missing_name(g, f, tx, dir);
    if (!g->reputation || g->policy.exit == MODE_OFF || dir == SEK_TOCLIENT)
        return false;
    switch (tx->app) {
    case SEK_APP_DNS:
        return listed_query(g, f, tx);
    case SEK_APP_TLS:
        return buffer_of(f, tx, dir, "tls.sni", 0, &name) && listed_name(g, f, name);
    case SEK_APP_QUIC:
        return buffer_of(f, tx, dir, "quic.sni", 0, &name) && listed_name(g, f, name);
    case SEK_APP_HTTP:
    case SEK_APP_HTTP2:
        return listed_request(g, f, tx);
    case SEK_APP_DOH2:
        return listed_request(g, f, tx) || listed_query(g, f, tx);
    default:
        return false;
    }
}

/* --- flows --- */

static bool on_flow_start(void *ctx, struct sek_engine *engine, struct sek_flow *f,
                          const struct sek_packet *p)
{
    struct gateway *g = ctx;
    struct sek_behaviour_judgement j;
    (void)engine;
    if (is_inside(g) && g->policy.behaviour != MODE_OFF &&
        sek_behaviour_attempt(g->behaviour, p, &j)) {
        quarantine(g, &j);
        if (g->policy.behaviour == MODE_PREVENT)
            return true;
    }
    if (g->policy.exit == MODE_OFF)
        return false;
    return listed_address(g, f, &f->addr[is_inside(g) ? 1 : 0]);
}

static bool on_flow_answer(void *ctx, struct sek_engine *engine, struct sek_flow *f,
                           const struct sek_packet *p)
{
    struct gateway *g = ctx;
    (void)engine, (void)f;
    sek_behaviour_answer(g->behaviour, p);
    return false;
}

enum sek_error gateway_engine_open(struct gateway *g, struct sek_fault *fault)
{
    g->options.ips = true;
    g->options.inline_stream = true;
    g->options.midstream = true; /* flows that were open before the gateway started go on */
    g->options.config = g->config;
    g->options.on_alert = on_alert;
    g->options.on_replace = gateway_replace;
    g->options.on_progress = on_progress;
    g->options.on_flow_start = on_flow_start;
    g->options.on_flow_answer = on_flow_answer;
    g->options.ctx = g;
    g->engine = sek_engine_new(&g->options, g->rules, fault);
    if (!g->engine)
        return fault->code;
    sek_engine_prevent(g->engine, g->policy.entry == MODE_PREVENT);
    return SEK_OK;
}

/* Is one of the frame's addresses blocked? */
static bool address_blocked(struct gateway *g, const uint8_t *data, uint32_t len)
{
    struct sek_packet packets[SEK_PACKET_LAYERS];
    unsigned n = sek_packet_decode(SEK_LINK_ETHERNET, data, len, g->now_us, 0, packets);
    for (unsigned i = 0; i < n; i++) {
        const struct sek_packet *p = &packets[i];
        if (!p->ip_version)
            continue;
        struct block *b = blocklist_find(&g->blocked, p->ip_version, &p->src, g->now_us);
        if (!b)
            b = blocklist_find(&g->blocked, p->ip_version, &p->dst, g->now_us);
        if (!b)
            continue;
        b->frames++;
        gateway_record_block(g, b, p);
        return true;
    }
    return false;
}

bool gateway_frame(struct gateway *g, int from, struct live_frame *frame, struct sek_result *result)
{
    g->from = from;
    g->frame = frame;
    g->frames++;
    *result = (struct sek_result){0};
    if (g->blocked.count && address_blocked(g, frame->data, frame->len)) {
        g->dropped++;
        return false;
    }
    sek_engine_trust_checksums(g->engine, frame->checksum_known);
    *result = sek_engine_packet(g->engine, SEK_LINK_ETHERNET, frame->data, frame->len, g->now_us,
                                g->frames);
    bool pass = result->verdict == SEK_VERDICT_PASS;
    g->dropped += !pass;
    return pass;
}
