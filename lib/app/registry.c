/* The table of protocols, protocol detection, and the life of transactions. */
#include "lib/app/app.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* A new protocol is one row here. */
static const struct sek_app_ops *const protocols[SEK_APP_COUNT] = {
    [SEK_APP_HTTP] = &sek_http_ops,
    [SEK_APP_TLS] = &sek_tls_ops,
    [SEK_APP_DNS] = &sek_dns_ops,
    [SEK_APP_MDNS] = &sek_mdns_ops,
    [SEK_APP_PGSQL] = &sek_pgsql_ops,
    [SEK_APP_BITTORRENT_DHT] = &sek_bittorrent_dht_ops,
    [SEK_APP_RFB] = &sek_rfb_ops,
    [SEK_APP_POP3] = &sek_pop3_ops,
    [SEK_APP_IMAP] = &sek_imap_ops,
    [SEK_APP_QUIC] = &sek_quic_ops,
    [SEK_APP_WEBSOCKET] = &sek_websocket_ops,
    [SEK_APP_FTP] = &sek_ftp_ops,
    [SEK_APP_FTP_DATA] = &sek_ftp_data_ops,
    [SEK_APP_SMTP] = &sek_smtp_ops,
    [SEK_APP_HTTP2] = &sek_http2_ops,
    [SEK_APP_DOH2] = &sek_doh2_ops,
    [SEK_APP_SSH] = &sek_ssh_ops,
    [SEK_APP_SIP] = &sek_sip_ops,
    [SEK_APP_SMB] = &sek_smb_ops,
    [SEK_APP_DCERPC] = &sek_dcerpc_ops,
    [SEK_APP_MQTT] = &sek_mqtt_ops,
    [SEK_APP_COAP] = &sek_coap_ops,
    [SEK_APP_MODBUS] = &sek_modbus_ops,
    [SEK_APP_DNP3] = &sek_dnp3_ops,
    [SEK_APP_ENIP] = &sek_enip_ops,
    [SEK_APP_BACNET] = &sek_bacnet_ops,
    [SEK_APP_S7COMM] = &sek_s7comm_ops,
    [SEK_APP_IEC104] = &sek_iec104_ops,
    [SEK_APP_OPCUA] = &sek_opcua_ops,
    [SEK_APP_NFS] = &sek_nfs_ops,
    [SEK_APP_TFTP] = &sek_tftp_ops,
    [SEK_APP_DHCP] = &sek_dhcp_ops,
    [SEK_APP_SNMP] = &sek_snmp_ops,
    [SEK_APP_NTP] = &sek_ntp_ops,
    [SEK_APP_IKE] = &sek_ike_ops,
    [SEK_APP_KRB5] = &sek_krb5_ops,
    [SEK_APP_RDP] = &sek_rdp_ops,
    [SEK_APP_TELNET] = &sek_telnet_ops,
    [SEK_APP_LDAP] = &sek_ldap_ops,
};

#define PROBE_LIMIT 32u /* bytes after which a direction that matched nothing is given up */

const struct sek_app_ops *sek_app_ops(enum sek_app id)
{
    return id < SEK_APP_COUNT ? protocols[id] : NULL;
}

static bool has_name(const struct sek_app_ops *ops, const char *name)
{
    if (!strcasecmp(ops->name, name))
        return true;
    for (const char *const *a = ops->aliases; a && *a; a++)
        if (!strcasecmp(*a, name))
            return true;
    return false;
}

const struct sek_app_ops *sek_app_find(const char *name)
{
    for (int i = 0; i < SEK_APP_COUNT; i++)
        if (protocols[i] && has_name(protocols[i], name))
            return protocols[i];
    return NULL;
}

uint64_t sek_app_bits(const char *name)
{
    const struct sek_app_ops *ops = sek_app_find(name);
    if (!ops)
        return 0;
    return SEK_APP_BIT(ops->id) | (strcasecmp(ops->name, name) ? 0 : ops->also);
}

const char *sek_app_name(enum sek_app id)
{
    if (id == SEK_APP_FAILED)
        return "failed";
    return id < SEK_APP_COUNT && protocols[id] ? protocols[id]->name : "unknown";
}

int sek_app_frame(enum sek_app id, const char *name)
{
    const char *const *names = protocols[id] ? protocols[id]->frames : NULL;
    if (!strcmp(name, "stream"))
        return SEK_FRAME_STREAM;
    for (int i = 0; names && names[i]; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

const char *sek_app_frame_name(enum sek_app id, uint16_t type)
{
    return type == SEK_FRAME_STREAM ? "stream" : protocols[id]->frames[type];
}

void sek_app_settings_default(struct sek_app_settings *s)
{
    *s = (struct sek_app_settings){
        .http_request_body_limit = 100 * 1024,
        .http_response_body_limit = 100 * 1024,
        .http_body_inspect_min = 32 * 1024,
        .http_field_limit = 18000,
        .smb_transfer = {16 * 1024 * 1024, 16 * 1024 * 1024},
        .smb_queue_size = {1024 * 1024, 1024 * 1024},
        .smb_queue_count = {64, 64},
        .http2_streams = SEK_TX_LIMIT,
        .websocket_payload_limit = 65535,
        .mail_url_schemes = SEK_URL_HTTP,
        .http_layers = 2,
        .http_bomb_limit = 1024 * 1024,
        .mqtt_message_limit = 1024 * 1024,
        .mqtt_subscribe_topics = 100,
        .mqtt_unsubscribe_topics = 100,
        .dnp3_points = 16384,
        .dnp3_objects = 2048,
    };
    for (int i = 0; i < SEK_APP_COUNT; i++) {
        s->enabled[i] = true;
        s->transports[i] = 3;
        s->max_tx[i] = SEK_TX_LIMIT;
    }
    s->max_tx[SEK_APP_DNP3] = 32;
}

static bool setting_on(const char *v)
{
    return strcasecmp(v, "no") && strcasecmp(v, "false") && strcmp(v, "0");
}

/* "100kb", "1mb", "4096"; FALLBACK when absent or malformed. */
static uint32_t size_setting(struct sek_config *config, const char *key, uint32_t fallback)
{
    const char *text = sek_config_get(config, key, NULL);
    char *end;
    if (!text)
        return fallback;
    unsigned long v = strtoul(text, &end, 10);
    if (end == text)
        return fallback;
    if (!strncasecmp(end, "kb", 2) || !strcasecmp(end, "kib"))
        v *= 1024;
    else if (!strncasecmp(end, "mb", 2) || !strcasecmp(end, "mib"))
        v *= 1024 * 1024;
    return v > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)v;
}

/* Settings that every protocol has, at app-layer.protocols.NAME. */
static void protocol_settings(struct sek_app_settings *s, struct sek_config *config, int app)
{
    static const char *const transports[] = {"tcp.", "udp."};
    char key[160];
    const char *name = protocols[app]->name;
    snprintf(key, sizeof key, "app-layer.protocols.%s.enabled", name);
    const char *v = sek_config_get(config, key, "yes");
    s->enabled[app] = setting_on(v);
    s->detect_only[app] = !strcasecmp(v, "detection-only");
    for (int t = 0; t < 2; t++) {
        snprintf(key, sizeof key, "app-layer.protocols.%s.%senabled", name, transports[t]);
        if (!setting_on(sek_config_get(config, key, "yes")))
            s->transports[app] &= (uint8_t)~(1u << t);
    }
    snprintf(key, sizeof key, "app-layer.protocols.%s.max-tx", name);
    uint32_t limit = size_setting(config, key, s->max_tx[app]);
    s->max_tx[app] = limit && limit < SEK_TX_LIMIT ? limit : SEK_TX_LIMIT;
}

static bool yes_setting(struct sek_config *config, const char *key, bool fallback)
{
    const char *v = sek_config_get(config, key, fallback ? "yes" : "no");
    return strcasecmp(v, "no") && strcasecmp(v, "false") && strcmp(v, "0");
}

/* Which addresses are taken out of mails: a list of schemes, or none at all. */
static uint8_t url_schemes(struct sek_config *config, uint8_t fallback)
{
    static const struct {
        const char *name;
        uint8_t bit;
    } known[] = {{"https", SEK_URL_HTTPS}, {"http", SEK_URL_HTTP}, {"ftp", SEK_URL_FTP},
                 {"mailto", SEK_URL_MAILTO}};
    static const char base[] = "app-layer.protocols.smtp.mime.";
    uint8_t bits = 0;
    char key[96], list[96];
    snprintf(key, sizeof key, "%sextract-urls", base);
    if (!yes_setting(config, key, true))
        return 0;
    snprintf(key, sizeof key, "%sextract-urls-schemes", base);
    const char *text = sek_config_get(config, key, NULL);
    if (!text)
        return fallback;
    snprintf(list, sizeof list, "%s", text);
    for (char *save, *item = strtok_r(list, ", []", &save); item;
         item = strtok_r(NULL, ", []", &save))
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (!strcasecmp(known[i].name, item))
                bits |= known[i].bit;
    return bits;
}

static void smb_settings(struct sek_app_settings *s, struct sek_config *config)
{
    static const char *const ways[] = {"write", "read"};
    char key[96];
    for (int d = 0; d < 2; d++) {
        snprintf(key, sizeof key, "app-layer.protocols.smb.max-%s-size", ways[d]);
        s->smb_transfer[d] = size_setting(config, key, s->smb_transfer[d]);
        snprintf(key, sizeof key, "app-layer.protocols.smb.max-%s-queue-size", ways[d]);
        s->smb_queue_size[d] = size_setting(config, key, s->smb_queue_size[d]);
        snprintf(key, sizeof key, "app-layer.protocols.smb.max-%s-queue-cnt", ways[d]);
        s->smb_queue_count[d] = size_setting(config, key, s->smb_queue_count[d]);
    }
}

void sek_app_settings_read(struct sek_app_settings *s, struct sek_config *config)
{
    static const char base[] = "app-layer.protocols.http.libhtp.default-config.";
    char key[160];
    for (int i = 0; i < SEK_APP_COUNT; i++)
        if (protocols[i])
            protocol_settings(s, config, i);
    const char *encrypted =
        sek_config_get(config, "app-layer.protocols.tls.encryption-handling", "track-only");
    s->tls_inspect_encrypted = !strcasecmp(encrypted, "full");
    s->tls_bypass_encrypted = !strcasecmp(encrypted, "bypass");
    snprintf(key, sizeof key, "%srequest-body-limit", base);
    s->http_request_body_limit = size_setting(config, key, s->http_request_body_limit);
    snprintf(key, sizeof key, "%sresponse-body-limit", base);
    s->http_response_body_limit = size_setting(config, key, s->http_response_body_limit);
    snprintf(key, sizeof key, "%scompression-bomb-limit", base);
    s->http_bomb_limit = size_setting(config, key, s->http_bomb_limit);
    smb_settings(s, config);
    s->http2_streams =
        size_setting(config, "app-layer.protocols.http2.max-streams", s->http2_streams);
    s->websocket_payload_limit = size_setting(
        config, "app-layer.protocols.websocket.max-payload-size", s->websocket_payload_limit);
    s->mail_url_schemes = url_schemes(config, s->mail_url_schemes);
    s->mail_url_with_scheme =
        yes_setting(config, "app-layer.protocols.smtp.mime.log-url-scheme", false);
    s->mqtt_message_limit = size_setting(config, "app-layer.protocols.mqtt.max-msg-length",
                                         s->mqtt_message_limit);
    s->dnp3_points = size_setting(config, "app-layer.protocols.dnp3.max-points", s->dnp3_points);
    s->dnp3_objects = size_setting(config, "app-layer.protocols.dnp3.max-objects", s->dnp3_objects);
    s->mqtt_subscribe_topics =
        size_setting(config, "app-layer.protocols.mqtt.subscribe-topic-match-limit",
                     s->mqtt_subscribe_topics);
    s->mqtt_unsubscribe_topics =
        size_setting(config, "app-layer.protocols.mqtt.unsubscribe-topic-match-limit",
                     s->mqtt_unsubscribe_topics);
}

/* What the first bytes in DIR are; MORE when a longer look could tell. */
static enum sek_app detect(const struct sek_app_settings *settings, const struct sek_flow *flow,
                           enum sek_dir dir, const uint8_t *data, uint32_t len, bool *more)
{
    uint8_t transport = flow->proto == IPPROTO_TCP ? 1 : 2;
    *more = false;
    for (int i = 0; i < SEK_APP_COUNT; i++) {
        const struct sek_app_ops *ops = protocols[i];
        if (!ops || !settings->enabled[i] ||
            !(ops->transports & settings->transports[i] & transport))
            continue;
        enum sek_probe found = ops->probe(flow, dir, data, len);
        if (found == SEK_PROBE_YES)
            return ops->id;
        if (found == SEK_PROBE_MORE)
            *more = true;
    }
    if (transport == 1 && len >= PROBE_LIMIT)
        *more = false;
    return SEK_APP_UNKNOWN;
}

/* The parser's state for FLOW->app, which has just become known; ANNOUNCED: by what, or NULL. */
static bool state_open(struct sek_pool *pool, const struct sek_app_settings *settings,
                       struct sek_flow *flow)
{
    const struct sek_app_ops *ops = protocols[flow->app];
    struct sek_app_state *state = sek_pool_get_zero(pool, ops->state_size);
    if (!state)
        return false;
    state->pool = pool;
    state->settings = settings;
    state->flow = flow;
    state->before = flow->app_earlier;
    flow->app_earlier = NULL;
    flow->app_state = state;
    if (ops->open)
        ops->open(state);
    return true;
}

/* --- connections that others announced --- */

void sek_app_expect(struct sek_app_state *state, const struct sek_expected *what, unsigned seconds)
{
    struct sek_expectations *all = state->settings->expectations;
    const struct sek_flow *f = state->flow;
    if (!all)
        return;
    struct sek_expected *e = &all->slots[all->next++ % SEK_EXPECT_MAX];
    *e = *what;
    e->ip_version = f->ip_version;
    e->client = f->addr[0];
    e->server = f->addr[1];
    e->until_us = f->last_us + seconds * 1000000ull;
}

static struct sek_expected *expected_find(const struct sek_app_settings *settings,
                                          const struct sek_flow *f)
{
    struct sek_expectations *all = settings->expectations;
    for (unsigned i = 0; all && i < SEK_EXPECT_MAX; i++) {
        struct sek_expected *e = &all->slots[i];
        if (e->until_us < f->last_us || e->ip_version != f->ip_version ||
            e->server_port != f->port[1])
            continue;
        if (sek_addr_equal(&f->addr[0], e->from_server ? &e->server : &e->client) &&
            sek_addr_equal(&f->addr[1], e->from_server ? &e->client : &e->server))
            return e;
    }
    return NULL;
}

/* --- frames --- */

#define FRAMES_MAX 512u /* of one flow at once */

struct sek_frame *sek_frame_add(struct sek_app_state *state, enum sek_dir dir, uint16_t type,
                                uint32_t at, uint64_t len, const struct sek_tx *tx)
{
    const struct sek_flow *f = state->flow;
    if (!(state->settings->frames & SEK_APP_BIT(f->app)) || state->frame_count >= FRAMES_MAX)
        return NULL;
    struct sek_frame *frame = sek_pool_get_zero(state->pool, sizeof *frame);
    if (!frame)
        return NULL;
    *frame = (struct sek_frame){.next = state->frames, .type = type, .dir = (uint8_t)dir,
                                .offset = state->data_offset[dir] + at, .len = len,
                                .id = state->next_frame++,
                                .tx_id = tx ? tx->id : UINT64_MAX};
    state->frames = frame;
    state->frame_count++;
    return frame;
}

static void frames_free(struct sek_app_state *state, bool all)
{
    for (struct sek_frame **link = &state->frames; *link;) {
        struct sek_frame *f = *link;
        if (!all && !f->done) {
            link = &f->next;
            continue;
        }
        *link = f->next;
        state->frame_count--;
        sek_pool_put(state->pool, f, sizeof *f);
    }
}

/* --- bytes to parsers --- */

static void flow_event(struct sek_flow *flow, enum sek_app_flow_event event)
{
    flow->app_events |= (uint8_t)(1u << event);
}

/* FOUND comes after a change that announced something else. */
static void note_unexpected(struct sek_flow *flow, uint16_t found)
{
    if (flow->app_expected && found != flow->app_expected)
        flow_event(flow, flow->app_expected == SEK_APP_TLS ? SEK_APP_FLOW_NO_TLS
                                                           : SEK_APP_FLOW_UNEXPECTED);
}

/* The protocol changes (STARTTLS, Upgrade): what was before is only inspected and let go. */
static void change_protocol(struct sek_pool *pool, const struct sek_app_settings *settings,
                            struct sek_flow *flow, uint16_t to)
{
    struct sek_app_state *old = flow->app_state;
    for (struct sek_tx *tx = old->first; tx; tx = tx->next)
        if (!tx->one_way)
            tx->complete[0] = tx->complete[1] = true;
    flow->app_before = flow->app;
    flow->app_dir[0] = flow->app_dir[1] = 0;
    flow->app_probed[0] = flow->app_probed[1] = 0;
    flow->app_earlier = old;
    flow->app_state = NULL;
    flow->app = SEK_APP_UNKNOWN;
    flow->app_expected = to == SEK_APP_TLS ? to : 0;
    if (to != SEK_APP_TLS && to < SEK_APP_COUNT && protocols[to] && settings->enabled[to]) {
        flow->app = to;
        flow->app_dir[0] = flow->app_dir[1] = to;
        if (!state_open(pool, settings, flow))
            flow->app = SEK_APP_FAILED;
    }
}

/* The change before is not inspected yet, or did not become what it asked for. */
static void change_refused(struct sek_app_state *state, const struct sek_app_ops *ops)
{
    for (const struct sek_app_event_name *e = ops->events; e && e->name; e++)
        if (!strcmp(e->name, "failed_protocol_change") && state->last)
            sek_tx_event_any(state->last, e->bit);
    state->failed[0] = state->failed[1] = true;
}

struct sek_app_result sek_app_data(struct sek_pool *pool, const struct sek_app_settings *settings,
                                   struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                   uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    bool more;
    if (flow->app == SEK_APP_FAILED)
        return all;
    if (flow->app == SEK_APP_UNKNOWN) {
        if (flags & SEK_APP_GAP) {
            flow->app = SEK_APP_FAILED;
            return all;
        }
        struct sek_expected *announced = expected_find(settings, flow);
        enum sek_app found = announced ? (enum sek_app)announced->app
                             : len     ? detect(settings, flow, dir, data, len, &more)
                                       : SEK_APP_UNKNOWN;
        if (found == SEK_APP_UNKNOWN) {
            if (!len || (more && !(flags & SEK_APP_END))) {
                all.consumed = 0;
                return all;
            }
            flow->app_probed[dir] = 1;
            flow->app_dir[dir] = SEK_APP_FAILED;
            note_unexpected(flow, SEK_APP_FAILED);
            if (flow->app_probed[!dir] || flow->proto != IPPROTO_TCP) {
                flow->app = SEK_APP_FAILED;
                flow_event(flow, SEK_APP_FLOW_SKIPPED);
                return all;
            }
            /* The other side may still be recognised: keep these bytes for it, but not for ever. */
            all.consumed = len > 4096 || flags & SEK_APP_END ? len : 0;
            return all;
        }
        if (flow->app_probed[!dir])
            flow_event(flow, SEK_APP_FLOW_ONE_DIRECTION);
        note_unexpected(flow, found);
        flow->app = found;
        flow->app_dir[dir] = found;
        if (settings->detect_only[found])
            return all;
        if (!state_open(pool, settings, flow)) {
            flow->app = SEK_APP_FAILED;
            return all;
        }
        if (announced) {
            ((struct sek_app_state *)flow->app_state)->expected = announced;
            flow->app_dir[0] = flow->app_dir[1] = found;
        }
    } else if (flow->app_dir[dir] == SEK_APP_UNKNOWN && len) {
        flow->app_dir[dir] = (uint16_t)detect(settings, flow, dir, data, len, &more);
        if (flow->app_dir[dir] == SEK_APP_UNKNOWN && !more) {
            flow->app_dir[dir] = SEK_APP_FAILED;
            flow_event(flow, SEK_APP_FLOW_ONE_DIRECTION);
        } else if (flow->app_dir[dir] && flow->app_dir[dir] != flow->app) {
            flow_event(flow, SEK_APP_FLOW_MISMATCH);
        }
    }
    struct sek_app_state *state = flow->app_state;
    const struct sek_app_ops *ops = protocols[flow->app];
    if (!state || state->failed[dir])
        return all;
    if (flags & SEK_APP_GAP && !ops->gaps) {
        state->failed[dir] = true;
        return all;
    }
    state->data_offset[dir] = flow->tcp ? flow->tcp->stream[dir].app_offset : 0;
    if (flags & SEK_APP_START && len && flow->tcp && !state->stream_frame[dir])
        state->stream_frame[dir] = sek_frame_add(state, dir, SEK_FRAME_STREAM, 0, UINT64_MAX, NULL);
    struct sek_app_result r = ops->parse(state, dir, data, len, flags);
    if (state->expected) { /* used up */
        ((struct sek_expected *)state->expected)->until_us = 0;
        state->expected = NULL;
    }
    if (r.error) {
        state->failed[dir] = true;
        r.consumed = len;
    }
    bool as_expected = !flow->app_expected || flow->app == flow->app_expected;
    if (r.change && as_expected && !flow->app_earlier && !state->before)
        change_protocol(pool, settings, flow, r.change);
    else if (r.change)
        change_refused(state, ops);
    return r;
}

struct sek_app_state *sek_app_state_of(const struct sek_flow *flow, const struct sek_tx *tx)
{
    struct sek_app_state *state = flow->app_state;
    for (struct sek_tx *t = state ? state->first : NULL; t; t = t->next)
        if (t == tx)
            return state;
    return state && state->before ? state->before : flow->app_earlier;
}

struct sek_tx *sek_tx_new(struct sek_app_state *state, size_t size, enum sek_app app)
{
    struct sek_tx *tx =
        state->live < SEK_TX_LIMIT ? sek_pool_get_zero(state->pool, size) : NULL;
    if (!tx)
        return NULL;
    state->live++;
    tx->id = state->next_tx++;
    tx->app = (uint16_t)app;
    if (state->last)
        state->last->next = tx;
    else
        state->first = tx;
    state->last = tx;
    return tx;
}

static void tx_release(struct sek_app_state *state, struct sek_tx *tx, sek_tx_forget *forget, void *ctx)
{
    if (forget)
        forget(ctx, state->flow, tx);
    state->live--;
    protocols[tx->app]->tx_free(state, tx);
}

static void state_close(struct sek_pool *pool, struct sek_app_state *state, uint16_t app,
                        sek_tx_forget *forget, void *ctx)
{
    const struct sek_app_ops *ops = protocols[app];
    while (state->first) {
        struct sek_tx *tx = state->first;
        state->first = tx->next;
        tx_release(state, tx, forget, ctx);
    }
    if (ops->close)
        ops->close(state);
    frames_free(state, true);
    sek_pool_put(pool, state, ops->state_size);
}

void sek_app_close(struct sek_pool *pool, struct sek_flow *flow, sek_tx_forget *forget, void *ctx)
{
    struct sek_app_state *state = flow->app_state, *before = flow->app_earlier;
    if (state) {
        before = state->before;
        state_close(pool, state, flow->app, forget, ctx);
    }
    if (before)
        state_close(pool, before, flow->app_before, forget, ctx);
    flow->app_state = flow->app_earlier = NULL;
}

/* True when nothing is left of STATE that inspection may ask for. */
static bool state_reap(struct sek_app_state *state, bool last_too, sek_tx_forget *forget, void *ctx)
{
    struct sek_tx **link, *kept = NULL;
    if (state->frames)
        frames_free(state, false);
    for (link = &state->first; *link;) {
        struct sek_tx *tx = *link;
        bool server = tx->ignore[0] || (tx->complete[0] && tx->detect[0].done);
        bool client = tx->ignore[1] || (tx->complete[1] && tx->detect[1].done);
        bool both = tx->one_way ? server || client : server && client;
        if (!both || (tx == state->last && !last_too)) { /* parsers may still point at it */
            link = &tx->next;
            kept = tx;
            continue;
        }
        *link = tx->next;
        if (tx == state->last)
            state->last = kept;
        tx_release(state, tx, forget, ctx);
    }
    return !state->first;
}

void sek_app_reap(struct sek_pool *pool, struct sek_flow *flow, sek_tx_forget *forget, void *ctx)
{
    struct sek_app_state *state = flow->app_state;
    struct sek_app_state **before =
        state ? &state->before : (struct sek_app_state **)&flow->app_earlier;
    if (state)
        state_reap(state, protocols[flow->app]->lets_go, forget, ctx);
    if (*before && state_reap(*before, true, forget, ctx)) {
        state_close(pool, *before, flow->app_before, forget, ctx);
        *before = NULL;
    }
}
