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
};

#define PROBE_LIMIT 32u /* bytes after which a direction that matched nothing is given up */

const struct sek_app_ops *sek_app_ops(enum sek_app id)
{
    return id < SEK_APP_COUNT ? protocols[id] : NULL;
}

const struct sek_app_ops *sek_app_find(const char *name)
{
    if (!strcasecmp(name, "http1"))
        name = "http";
    if (!strcasecmp(name, "ssl"))
        name = "tls";
    for (int i = 0; i < SEK_APP_COUNT; i++)
        if (protocols[i] && !strcasecmp(protocols[i]->name, name))
            return protocols[i];
    return NULL;
}

const char *sek_app_name(enum sek_app id)
{
    if (id == SEK_APP_FAILED)
        return "failed";
    return id < SEK_APP_COUNT && protocols[id] ? protocols[id]->name : "unknown";
}

void sek_app_settings_default(struct sek_app_settings *s)
{
    *s = (struct sek_app_settings){
        .http_request_body_limit = 100 * 1024,
        .http_response_body_limit = 100 * 1024,
        .http_body_inspect_min = 32 * 1024,
        .http_field_limit = 18000,
        .http_layers = 2,
        .http_bomb_limit = 1024 * 1024,
    };
    for (int i = 0; i < SEK_APP_COUNT; i++)
        s->enabled[i] = true;
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

void sek_app_settings_read(struct sek_app_settings *s, struct sek_config *config)
{
    static const char base[] = "app-layer.protocols.http.libhtp.default-config.";
    char key[160];
    for (int i = 0; i < SEK_APP_COUNT; i++) {
        if (!protocols[i])
            continue;
        snprintf(key, sizeof key, "app-layer.protocols.%s.enabled", protocols[i]->name);
        const char *v = sek_config_get(config, key, "yes");
        s->enabled[i] = strcasecmp(v, "no") && strcasecmp(v, "false") && strcmp(v, "0");
    }
    snprintf(key, sizeof key, "%srequest-body-limit", base);
    s->http_request_body_limit = size_setting(config, key, s->http_request_body_limit);
    snprintf(key, sizeof key, "%sresponse-body-limit", base);
    s->http_response_body_limit = size_setting(config, key, s->http_response_body_limit);
    snprintf(key, sizeof key, "%scompression-bomb-limit", base);
    s->http_bomb_limit = size_setting(config, key, s->http_bomb_limit);
}

/* What the first bytes in DIR are; MORE when a longer look could tell. */
static enum sek_app detect(const struct sek_app_settings *settings, const struct sek_flow *flow,
                           enum sek_dir dir, const uint8_t *data, uint32_t len, bool *more)
{
    uint8_t transport = flow->proto == IPPROTO_TCP ? 1 : 2;
    *more = false;
    for (int i = 0; i < SEK_APP_COUNT; i++) {
        const struct sek_app_ops *ops = protocols[i];
        if (!ops || !settings->enabled[i] || !(ops->transports & transport))
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
    flow->app_state = state;
    return true;
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
        enum sek_app found = len ? detect(settings, flow, dir, data, len, &more) : SEK_APP_UNKNOWN;
        if (found == SEK_APP_UNKNOWN) {
            if (!len || (more && !(flags & SEK_APP_END))) {
                all.consumed = 0;
                return all;
            }
            flow->app_probed[dir] = 1;
            flow->app_dir[dir] = SEK_APP_FAILED;
            if (flow->app_probed[!dir] || flow->proto != IPPROTO_TCP) {
                flow->app = SEK_APP_FAILED;
                return all;
            }
            /* The other side may still be recognised: keep these bytes for it, but not for ever. */
            all.consumed = len > 4096 || flags & SEK_APP_END ? len : 0;
            return all;
        }
        flow->app = found;
        flow->app_dir[dir] = found;
        if (!state_open(pool, settings, flow)) {
            flow->app = SEK_APP_FAILED;
            return all;
        }
    } else if (flow->app_dir[dir] == SEK_APP_UNKNOWN && len) {
        flow->app_dir[dir] = (uint16_t)detect(settings, flow, dir, data, len, &more);
    }
    struct sek_app_state *state = flow->app_state;
    const struct sek_app_ops *ops = protocols[flow->app];
    if (state->failed[dir])
        return all;
    if (flags & SEK_APP_GAP && !ops->gaps) {
        state->failed[dir] = true;
        return all;
    }
    struct sek_app_result r = ops->parse(state, dir, data, len, flags);
    if (r.error) {
        state->failed[dir] = true;
        r.consumed = len;
    }
    return r;
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

static void tx_release(struct sek_pool *pool, struct sek_app_state *state, struct sek_tx *tx,
                       void (*free_detect)(struct sek_pool *pool, struct sek_tx *tx))
{
    if (free_detect)
        free_detect(pool, tx);
    state->live--;
    protocols[tx->app]->tx_free(state, tx);
}

void sek_app_close(struct sek_pool *pool, struct sek_flow *flow,
                   void (*free_detect)(struct sek_pool *pool, struct sek_tx *tx))
{
    struct sek_app_state *state = flow->app_state;
    if (!state)
        return;
    const struct sek_app_ops *ops = protocols[flow->app];
    while (state->first) {
        struct sek_tx *tx = state->first;
        state->first = tx->next;
        tx_release(pool, state, tx, free_detect);
    }
    if (ops->close)
        ops->close(state);
    sek_pool_put(pool, state, ops->state_size);
    flow->app_state = NULL;
}

void sek_app_reap(struct sek_pool *pool, struct sek_flow *flow,
                  void (*free_detect)(struct sek_pool *pool, struct sek_tx *tx))
{
    struct sek_app_state *state = flow->app_state;
    struct sek_tx **link;
    if (!state)
        return;
    for (link = &state->first; *link;) {
        struct sek_tx *tx = *link;
        bool server = tx->complete[0] && tx->detect[0].done;
        bool client = tx->complete[1] && tx->detect[1].done;
        bool both = tx->one_way ? server || client : server && client;
        if (!both || tx == state->last) { /* parsers may still point at the last one */
            link = &tx->next;
            continue;
        }
        *link = tx->next;
        tx_release(pool, state, tx, free_detect);
    }
}
