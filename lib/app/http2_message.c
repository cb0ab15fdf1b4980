/* Messages inside HTTP/2 streams: checks on headers, bodies with their content coding undone,
 * files, and DNS carried as RFC 8484 says. */
#include "lib/app/http2.h"

#include "lib/app/http.h"
#include "lib/base/encode.h"

#include <strings.h>

#define OUT_CHUNK  16384u
#define BOMB_RATIO 2048u
#define DNS_LIMIT  65535u

static bool header(const struct h2_side *d, const char *name, struct sek_bytes *out)
{
    return sek_fields_get(&d->headers, name, 0, out);
}

/* --- headers --- */

/* Authority without user and port, in lower case. */
static void read_host(struct h2_state *s, struct h2_tx *tx)
{
    struct sek_bytes v, other;
    bool authority = header(&tx->side[0], ":authority", &v);
    if (!authority && !header(&tx->side[0], "host", &v))
        return;
    const uint8_t *at = v.len ? memrchr(v.data, '@', v.len) : NULL;
    if (at) {
        sek_tx_event_any(&tx->base, H2_EVENT_USERINFO);
        v = (struct sek_bytes){at + 1, (uint32_t)(v.data + v.len - at - 1)};
    }
    if (authority && header(&tx->side[0], "host", &other) &&
        (other.len != v.len || strncasecmp((const char *)other.data, (const char *)v.data, v.len)))
        sek_tx_event_any(&tx->base, H2_EVENT_AUTHORITY);
    const uint8_t *colon = v.len ? memrchr(v.data, ':', v.len) : NULL;
    if (colon && !memchr(colon, ']', (size_t)(v.data + v.len - colon)))
        v.len = (uint32_t)(colon - v.data);
    tx->host.len = 0;
    sek_buffer_add(s->base.pool, &tx->host, v.data, v.len, 0);
    for (uint32_t i = 0; i < tx->host.len; i++)
        if (tx->host.data[i] >= 'A' && tx->host.data[i] <= 'Z')
            tx->host.data[i] |= 32;
}

static void dns_in_path(struct h2_state *s, struct h2_tx *tx, struct sek_bytes path)
{
    const uint8_t *p = path.len ? memmem(path.data, path.len, "dns=", 4) : NULL;
    if (!p || p == path.data || (p[-1] != '?' && p[-1] != '&'))
        return;
    p += 4;
    uint32_t len = (uint32_t)(path.data + path.len - p);
    const uint8_t *end = memchr(p, '&', len);
    if (end)
        len = (uint32_t)(end - p);
    if (len > DNS_LIMIT) {
        sek_tx_event_any(&tx->base, H2_EVENT_DNS_REQUEST);
        return;
    }
    struct sek_buffer *wire = &tx->side[0].wire;
    if (!sek_buffer_room(s->base.pool, wire, len / 4 * 3 + 3))
        return;
    long n = sek_base64_decode((const char *)p, len, wire->data);
    wire->len = n > 0 ? (uint32_t)n : 0;
}

/* The flow is DNS over HTTP/2 from its first such message on. */
static void note_doh(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir)
{
    static const char type[] = "application/dns-message";
    struct sek_bytes v, path;
    bool content = header(&tx->side[dir], "content-type", &v) && sek_bytes_is(v, type);
    bool accept =
        dir == SEK_TOSERVER && header(&tx->side[0], "accept", &v) && sek_bytes_is(v, type);
    if (!content && !accept)
        return;
    tx->doh = true;
    if (sek_app_ops(SEK_APP_DOH2) && s->base.settings->enabled[SEK_APP_DOH2]) {
        s->base.flow->app = SEK_APP_DOH2;
        tx->base.app = SEK_APP_DOH2;
    }
    if (accept && header(&tx->side[0], ":path", &path))
        dns_in_path(s, tx, path);
}

static void body_begin(struct h2_state *s, struct h2_side *d)
{
    struct sek_bytes v;
    if (!header(d, "content-encoding", &v) || d->decoder)
        return;
    enum sek_coding coding = sek_coding_find((const char *)v.data, v.len);
    if (!coding || !(d->decoder = sek_pool_get_zero(s->base.pool, sizeof *d->decoder)))
        return;
    d->decoder->coding = coding;
}

void h2_headers_done(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir)
{
    struct h2_side *d = &tx->side[dir];
    if (d->got_headers) /* trailers, or what follows an interim response */
        return;
    d->got_headers = true;
    if (tx->base.progress[dir] < H2_HEADERS)
        tx->base.progress[dir] = H2_HEADERS;
    struct sek_bytes range;
    if (dir == SEK_TOSERVER)
        read_host(s, tx);
    else if (header(d, "content-range", &range) && !http_range_good(range))
        sek_tx_event_any(&tx->base, H2_EVENT_RANGE);
    note_doh(s, tx, dir);
    body_begin(s, d);
}

/* HTTP2-Settings of an upgrade: settings in base64 (RFC 7540 section 3.2.1). */
static bool settings_good(struct sek_bytes v)
{
    uint8_t plain[512];
    if (v.len > 512)
        return false;
    long n = sek_base64_decode((const char *)v.data, v.len, plain);
    return n >= 0 && n % 6 == 0;
}

void h2_from_http1(struct h2_state *s, struct h2_tx *tx)
{
    static const char *const names[] = {":method", ":path", ":authority"};
    struct http_tx *old = (struct http_tx *)s->base.before->last;
    struct sek_fields *f = &tx->side[0].headers;
    if (!old)
        return;
    const struct http_message *m = &old->message[0];
    struct sek_bytes values[] = {m->token[0], m->token[1], http_field_value(m, "host")};
    for (int i = 0; i < 3; i++)
        sek_fields_add(s->base.pool, f,
                       (struct sek_bytes){(const uint8_t *)names[i], (uint32_t)strlen(names[i])},
                       values[i], UINT32_MAX);
    if (!settings_good(http_field_value(m, "http2-settings")))
        sek_tx_event_any(&tx->base, H2_EVENT_HTTP1_SETTINGS);
    h2_headers_done(s, tx, SEK_TOSERVER);
}

/* --- bodies --- */

static void body_store(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, const uint8_t *data,
                       uint32_t len)
{
    struct h2_side *d = &tx->side[dir];
    const struct sek_app_settings *set = s->base.settings;
    uint32_t limit = dir ? set->http_response_body_limit : set->http_request_body_limit;
    if (d->body.len < limit && h2_keep(s, tx, len))
        sek_buffer_add(s->base.pool, &d->body, data, len, limit);
    else
        d->body.cut |= len > 0;
    d->total += len;
    if (tx->doh)
        sek_buffer_add(s->base.pool, &d->wire, data, len, DNS_LIMIT);
    if (tx->doh && d->wire.cut)
        sek_tx_event_any(&tx->base, dir ? H2_EVENT_DNS_RESPONSE : H2_EVENT_DNS_REQUEST);
}

static void decoder_stop(struct sek_decoder *c)
{
    sek_decoder_close(c); /* does nothing when it was not opened */
    c->dead = true;
}

static void decode(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, const uint8_t *data,
                   uint32_t len)
{
    struct h2_side *d = &tx->side[dir];
    struct sek_decoder *c = d->decoder;
    uint8_t out[OUT_CHUNK];
    uint32_t left = len;
    const uint8_t *in = data;
    if (c->dead)
        return;
    if (!c->ready && !(c->ready = sek_decoder_open(s->base.pool, c, data, len))) {
        decoder_stop(c);
        return;
    }
    for (;;) {
        bool end = false;
        long n = sek_decoder_step(c, &in, &left, out, sizeof out, &end);
        if (n < 0) {
            sek_tx_event_any(&tx->base, H2_EVENT_DECOMPRESSION);
            decoder_stop(c);
            if (!d->total)
                body_store(s, tx, dir, data, len); /* mislabelled plain text */
            return;
        }
        body_store(s, tx, dir, out, (uint32_t)n);
        if (d->total > s->base.settings->http_bomb_limit && d->total / BOMB_RATIO > d->raw) {
            sek_tx_event_any(&tx->base, H2_EVENT_BOMB);
            end = true;
        }
        if (end)
            decoder_stop(c);
        if (end || (n < (long)sizeof out && (!left || !n)))
            return;
    }
}

void h2_body_add(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir, const uint8_t *data,
                 uint32_t len)
{
    struct h2_side *d = &tx->side[dir];
    if (d->ended)
        return;
    if (tx->base.progress[dir] < H2_BODY)
        tx->base.progress[dir] = H2_BODY;
    d->raw += len;
    if (d->decoder)
        decode(s, tx, dir, data, len);
    else
        body_store(s, tx, dir, data, len);
}

/* Content-Disposition's name, else the last part of the path. */
static struct sek_bytes file_name(const struct h2_tx *tx, enum sek_dir dir)
{
    struct sek_bytes v;
    const uint8_t *p;
    if (header(&tx->side[dir], "content-disposition", &v) &&
        (p = memmem(v.data, v.len, "filename=", 9))) {
        const uint8_t *end = v.data + v.len;
        p += 9;
        p += p < end && *p == '"';
        const uint8_t *stop = p;
        while (stop < end && *stop != '"' && *stop != ';')
            stop++;
        return (struct sek_bytes){p, (uint32_t)(stop - p)};
    }
    if (!header(&tx->side[0], ":path", &v))
        return (struct sek_bytes){0};
    const uint8_t *query = memchr(v.data, '?', v.len);
    if (query)
        v.len = (uint32_t)(query - v.data);
    const uint8_t *slash = v.len ? memrchr(v.data, '/', v.len) : NULL;
    if (slash && slash + 1 < v.data + v.len)
        return (struct sek_bytes){slash + 1, (uint32_t)(v.data + v.len - slash - 1)};
    return v;
}

void h2_side_end(struct h2_state *s, struct h2_tx *tx, enum sek_dir dir)
{
    struct h2_side *d = &tx->side[dir];
    if (d->decoder)
        decoder_stop(d->decoder);
    if (d->wire.len && !d->dns && tx->doh)
        d->dns = sek_dns_message(&s->base, d->wire.data, d->wire.len, dir);
    sek_buffer_free(s->base.pool, &d->wire);
    if (!d->total)
        return;
    struct sek_bytes name = file_name(tx, dir);
    sek_buffer_add(s->base.pool, &d->file_name, name.data, name.len, 4096);
    d->file.name = sek_buffer_view(&d->file_name);
    d->file.content = &d->body;
    d->file.size = d->total;
    d->file.truncated = d->body.cut;
    d->file.closed = true;
    d->file.next = tx->base.files;
    tx->base.files = &d->file;
}

void h2_message_free(struct h2_state *s, struct h2_tx *tx)
{
    struct sek_pool *pool = s->base.pool;
    for (int i = 0; i < 2; i++) {
        struct h2_side *d = &tx->side[i];
        struct sek_buffer *all[] = {&d->body, &d->file_name, &d->list, &d->names, &d->line, &d->one,
                                    &d->wire};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            sek_buffer_free(pool, all[k]);
        sek_fields_free(pool, &d->headers);
        if (d->decoder) {
            decoder_stop(d->decoder);
            sek_pool_put(pool, d->decoder, sizeof *d->decoder);
        }
        if (d->dns)
            sek_dns_message_free(&s->base, d->dns);
    }
    sek_buffer_free(pool, &tx->host);
}
