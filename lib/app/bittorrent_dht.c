/* BitTorrent's distributed hash table (BEP 5): bencoded queries, answers and errors over UDP, each
 * a transaction of its own. */
#include "lib/app/app.h"
#include "lib/app/fields.h"

#include <ctype.h>
#include <stdio.h>

#define DEPTH_MAX 16u

enum { DHT_STARTED, DHT_COMPLETE };
enum { DHT_EVENT_MALFORMED };

/* Values by their place: "q", "a.id", "r.nodes", "r.values" (several), "e" (code, then text). */
struct dht_tx {
    struct sek_tx base;
    struct sek_fields values;
};

static enum sek_probe dht_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    static const char *const starts[] = {"d1:ad2:id20:", "d1:rd2:id20:", "d2:ip", "d1:el", "d1:t"};
    struct sek_bytes b = {data, len};
    (void)flow, (void)dir;
    if (len < 20 || data[0] != 'd' || data[len - 1] != 'e')
        return SEK_PROBE_NO;
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (sek_bytes_begin(b, starts[i]) &&
            (memmem(data, len, "1:y1:", 5) || memmem(data, len, "2:id20:", 7)))
            return SEK_PROBE_YES;
    return SEK_PROBE_NO;
}

static bool string(struct sek_reader *r, struct sek_bytes *out)
{
    uint32_t n = 0, digits = 0;
    for (;;) {
        uint8_t c = sek_reader_u8(r);
        if (c == ':' && digits)
            break;
        if (!isdigit(c) || ++digits > 6)
            return false;
        n = n * 10 + (c - '0');
    }
    *out = sek_reader_bytes(r, n);
    return !r->failed;
}

static bool number(struct sek_reader *r, struct sek_bytes *out)
{
    uint32_t begin = r->pos;
    uint8_t c;
    while ((c = sek_reader_u8(r)) != 'e')
        if (r->failed || (!isdigit(c) && c != '-'))
            return false;
    *out = (struct sek_bytes){r->data + begin, r->pos - begin - 1};
    return true;
}

/* One value, which is called PATH in the whole. */
static bool value(struct sek_app_state *s, struct dht_tx *tx, struct sek_reader *r,
                  const char *path, unsigned depth)
{
    struct sek_bytes v;
    if (depth > DEPTH_MAX || !sek_reader_left(r))
        return false;
    uint8_t c = r->data[r->pos];
    if (isdigit(c) || c == 'i') {
        if (c == 'i')
            sek_reader_skip(r, 1);
        if (c == 'i' ? !number(r, &v) : !string(r, &v))
            return false;
        sek_fields_add(s->pool, &tx->values,
                       (struct sek_bytes){(const uint8_t *)path, (uint32_t)strlen(path)}, v, 65536);
        return true;
    }
    if (c != 'd' && c != 'l')
        return false;
    sek_reader_skip(r, 1);
    while (sek_reader_left(r) && r->data[r->pos] != 'e') {
        char inner[64];
        if (c == 'd') {
            if (!string(r, &v))
                return false;
            snprintf(inner, sizeof inner, "%s%s%.*s", path, *path ? "." : "",
                     (int)(v.len < 24 ? v.len : 24), (const char *)v.data);
        } else {
            snprintf(inner, sizeof inner, "%s", path);
        }
        if (!value(s, tx, r, inner, depth + 1))
            return false;
    }
    return sek_reader_u8(r) == 'e';
}

static struct sek_app_result dht_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_reader r = sek_reader_make(data, len);
    struct dht_tx *tx = (struct dht_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_BITTORRENT_DHT);
    struct sek_bytes v;
    (void)flags;
    if (!tx)
        return (struct sek_app_result){.consumed = len};
    tx->base.one_way = true;
    if (!len || data[0] != 'd' || !value(state, tx, &r, "", 0) ||
        !sek_fields_get(&tx->values, "y", 0, &v))
        sek_tx_event_any(&tx->base, DHT_EVENT_MALFORMED);
    tx->base.progress[dir] = DHT_COMPLETE;
    tx->base.complete[dir] = true;
    return (struct sek_app_result){.consumed = len};
}

static void dht_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    sek_fields_free(state->pool, &((struct dht_tx *)base)->values);
    sek_pool_put(state->pool, base, sizeof(struct dht_tx));
}

static void eve_hex(struct sek_text *out, const char *key, const struct sek_fields *f,
                    const char *name)
{
    struct sek_bytes v;
    if (sek_fields_get(f, name, 0, &v))
        sek_json_hex(out, key, v.data, v.len);
}

static void eve_text(struct sek_text *out, const char *key, const struct sek_fields *f,
                     const char *name)
{
    struct sek_bytes v;
    if (sek_fields_get(f, name, 0, &v))
        sek_json_bytes(out, key, v.data, v.len);
}

static void eve_number(struct sek_text *out, const char *key, const struct sek_fields *f,
                       const char *name)
{
    struct sek_bytes v;
    uint64_t n = 0;
    if (!sek_fields_get(f, name, 0, &v))
        return;
    for (uint32_t i = 0; i < v.len && i < 18 && isdigit(v.data[i]); i++)
        n = n * 10 + (v.data[i] - '0');
    sek_json_uint(out, key, n);
}

/* An address of four bytes and a port of two. */
static void eve_peer(struct sek_text *out, const uint8_t *p)
{
    char ip[16];
    snprintf(ip, sizeof ip, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
    sek_json_str(out, "ip", ip);
    sek_json_uint(out, "port", (uint64_t)p[4] << 8 | p[5]);
}

static void eve_request(struct sek_text *out, const struct sek_fields *f)
{
    eve_text(out, "request_type", f, "q");
    sek_json_open(out, "request", '{');
    eve_hex(out, "id", f, "a.id");
    eve_hex(out, "target", f, "a.target");
    eve_hex(out, "info_hash", f, "a.info_hash");
    eve_hex(out, "token", f, "a.token");
    eve_number(out, "implied_port", f, "a.implied_port");
    eve_number(out, "port", f, "a.port");
    sek_json_close(out, '}');
}

static void eve_response(struct sek_text *out, const struct sek_fields *f)
{
    struct sek_bytes v;
    sek_json_open(out, "response", '{');
    eve_hex(out, "id", f, "r.id");
    if (sek_fields_get(f, "r.nodes", 0, &v)) {
        sek_json_open(out, "nodes", '[');
        for (uint32_t i = 0; i + 26 <= v.len; i += 26) {
            sek_json_open(out, NULL, '{');
            sek_json_hex(out, "id", v.data + i, 20);
            eve_peer(out, v.data + i + 20);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
    if (sek_fields_get(f, "r.values", 0, &v)) {
        sek_json_open(out, "values", '[');
        for (uint32_t i = 0; sek_fields_get(f, "r.values", i, &v); i++) {
            if (v.len != 6)
                continue;
            sek_json_open(out, NULL, '{');
            eve_peer(out, v.data);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
    eve_hex(out, "token", f, "r.token");
    sek_json_close(out, '}');
}

static void dht_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct sek_fields *f = &((struct dht_tx *)base)->values;
    struct sek_bytes type;
    (void)state;
    eve_hex(out, "transaction_id", f, "t");
    eve_hex(out, "client_version", f, "v");
    if (!sek_fields_get(f, "y", 0, &type))
        return;
    if (sek_bytes_is(type, "q")) {
        eve_request(out, f);
    } else if (sek_bytes_is(type, "r")) {
        eve_response(out, f);
    } else if (sek_bytes_is(type, "e")) {
        struct sek_bytes text;
        sek_json_open(out, "error", '{');
        eve_number(out, "num", f, "e");
        if (sek_fields_get(f, "e", 1, &text))
            sek_json_bytes(out, "msg", text.data, text.len);
        sek_json_close(out, '}');
    }
}

static const struct sek_buffer_def dht_buffers[] = {{0}};

static const struct sek_app_event_name dht_events[] = {
    {"malformed_packet", DHT_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_bittorrent_dht_ops = {
    .id = SEK_APP_BITTORRENT_DHT,
    .name = "bittorrent-dht",
    .eve_key = "bittorrent_dht",
    .transports = 2,
    .probe = dht_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = dht_parse,
    .tx_free = dht_tx_free,
    .eve = dht_eve,
    .buffers = dht_buffers,
    .events = dht_events,
    .complete = {DHT_COMPLETE, DHT_COMPLETE},
};
