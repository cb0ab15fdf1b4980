/* What rules can name of HTTP/2: the http2.* keywords, and the http.* buffers with the same meaning
 * as over HTTP/1. The EVE object. */
#include "lib/app/http2.h"
#include "lib/app/file.h"

#include "lib/base/error.h"
#include "lib/base/compare.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define TX(tx)   ((struct h2_tx *)(tx))
#define SIDE(tx) (&TX(tx)->side[dir])

static bool give(struct sek_bytes v, uint32_t i, struct sek_bytes *out)
{
    *out = v;
    return !i && v.data;
}

/* --- single fields --- */

#define FIELD_GETTER(fn, side_of, name)                                                            \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return !i && sek_fields_get(&TX(tx)->side[side_of].headers, name, 0, out);                 \
    }

FIELD_GETTER(get_method, 0, ":method")
FIELD_GETTER(get_uri, 0, ":path")
FIELD_GETTER(get_status, 1, ":status")
FIELD_GETTER(get_user_agent, 0, "user-agent")
FIELD_GETTER(get_accept, 0, "accept")
FIELD_GETTER(get_accept_language, 0, "accept-language")
FIELD_GETTER(get_accept_encoding, 0, "accept-encoding")
FIELD_GETTER(get_referer, 0, "referer")
FIELD_GETTER(get_connection, dir, "connection")
FIELD_GETTER(get_content_type, dir, "content-type")
FIELD_GETTER(get_content_length, dir, "content-length")
FIELD_GETTER(get_server, 1, "server")
FIELD_GETTER(get_location, 1, "location")

static bool get_raw_host(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    const struct sek_fields *f = &TX(tx)->side[0].headers;
    (void)s, (void)dir;
    return !i && (sek_fields_get(f, ":authority", 0, out) || sek_fields_get(f, "host", 0, out));
}

static bool get_host(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    return give(sek_buffer_view(&TX(tx)->host), i, out);
}

static bool get_protocol(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    (void)s;
    return SIDE(tx)->headers.count &&
           give((struct sek_bytes){(const uint8_t *)"HTTP/2", 6}, i, out);
}

/* HTTP/2 has no reason phrase: there, and empty. */
static bool get_reason(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    (void)s;
    return SIDE(tx)->headers.count && give((struct sek_bytes){(const uint8_t *)"", 0}, i, out);
}

static bool get_body(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    return give(sek_buffer_view(&SIDE(tx)->body), i, out);
}

static bool get_file_name(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          struct sek_bytes *out)
{
    (void)s;
    return give(SIDE(tx)->file.name, i, out);
}

/* --- made of several fields --- */

static void put(struct sek_pool *pool, struct sek_buffer *b, struct sek_bytes v, const char *after)
{
    sek_buffer_add(pool, b, v.data, v.len, 0);
    sek_buffer_add(pool, b, after, (uint32_t)strlen(after), 0);
}

static bool is_cookie(struct sek_bytes name, enum sek_dir dir)
{
    return sek_bytes_is(name, dir ? "set-cookie" : "cookie");
}

/* "name: value" lines; cookies have a buffer of their own. */
static bool header_list(struct sek_app_state *s, struct h2_side *d, enum sek_dir dir, bool raw,
                        struct sek_buffer *b)
{
    const struct sek_fields *f = &d->headers;
    b->len = 0;
    for (unsigned k = 0; k < f->count; k++) {
        struct sek_bytes name = sek_field_name(f, &f->list[k]);
        if (!raw && is_cookie(name, dir))
            continue;
        put(s->pool, b, name, ": ");
        put(s->pool, b, sek_field_value(f, &f->list[k]), "\r\n");
    }
    return f->count;
}

static bool get_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    return !i && header_list(s, d, dir, false, &d->list) && give(sek_buffer_view(&d->list), 0, out);
}

static bool get_raw_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    return !i && header_list(s, d, dir, true, &d->list) && give(sek_buffer_view(&d->list), 0, out);
}

static bool get_names(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    if (i || !d->headers.count)
        return false;
    d->names.len = 0;
    sek_buffer_add(s->pool, &d->names, "\r\n", 2, 0);
    for (unsigned k = 0; k < d->headers.count; k++)
        put(s->pool, &d->names, sek_field_name(&d->headers, &d->headers.list[k]), "\r\n");
    sek_buffer_add(s->pool, &d->names, "\r\n", 2, 0);
    return give(sek_buffer_view(&d->names), 0, out);
}

static bool get_one_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    if (i >= d->headers.count)
        return false;
    d->one.len = 0;
    put(s->pool, &d->one, sek_field_name(&d->headers, &d->headers.list[i]), ": ");
    put(s->pool, &d->one, sek_field_value(&d->headers, &d->headers.list[i]), "");
    return give(sek_buffer_view(&d->one), 0, out);
}

static bool get_header_name(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                            uint32_t i, struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    (void)s;
    if (i >= d->headers.count)
        return false;
    *out = sek_field_name(&d->headers, &d->headers.list[i]);
    return true;
}

static bool get_request_line(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                             uint32_t i, struct sek_bytes *out)
{
    struct h2_side *d = &TX(tx)->side[0];
    struct sek_bytes method, path;
    (void)dir;
    if (i || !sek_fields_get(&d->headers, ":method", 0, &method) ||
        !sek_fields_get(&d->headers, ":path", 0, &path))
        return false;
    d->line.len = 0;
    put(s->pool, &d->line, method, " ");
    put(s->pool, &d->line, path, " HTTP/2\r\n");
    return give(sek_buffer_view(&d->line), 0, out);
}

static bool get_response_line(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                              uint32_t i, struct sek_bytes *out)
{
    struct h2_side *d = &TX(tx)->side[1];
    struct sek_bytes status;
    (void)dir;
    if (i || !sek_fields_get(&d->headers, ":status", 0, &status))
        return false;
    d->line.len = 0;
    sek_buffer_add(s->pool, &d->line, "HTTP/2 ", 7, 0);
    put(s->pool, &d->line, status, "\r\n");
    return give(sek_buffer_view(&d->line), 0, out);
}

static bool get_cookie(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    struct h2_side *d = SIDE(tx);
    const char *name = dir ? "set-cookie" : "cookie";
    struct sek_bytes v;
    if (i || !sek_fields_get(&d->headers, name, 0, &v))
        return false;
    d->one.len = 0;
    put(s->pool, &d->one, v, "");
    for (uint32_t k = 1; sek_fields_get(&d->headers, name, k, &v); k++) {
        sek_buffer_add(s->pool, &d->one, "; ", 2, 0);
        put(s->pool, &d->one, v, "");
    }
    return give(sek_buffer_view(&d->one), 0, out);
}

#define HEADERS {H2_HEADERS, H2_HEADERS}
#define BODY    {H2_BODY, H2_BODY}
#define DONE    {H2_COMPLETE, H2_COMPLETE}

const struct sek_buffer_def h2_buffers[] = {
    {"http2.header_name", "http2_header_name", NULL, 3, HEADERS, true, false, get_header_name},
    {"http2.header", "http2_header", NULL, 3, HEADERS, true, false, get_one_header},
    {"http.method", "http_method", "http_method", 1, HEADERS, false, false, get_method},
    {"http.uri", "http_uri", "http_uri", 1, HEADERS, false, false, get_uri},
    {"http.uri.raw", "http_raw_uri", "http_raw_uri", 1, HEADERS, false, false, get_uri},
    {"http.protocol", "http_protocol", NULL, 3, HEADERS, false, false, get_protocol},
    {"http.request_line", "http_request_line", NULL, 1, HEADERS, false, false, get_request_line},
    {"http.response_line", "http_response_line", NULL, 2, HEADERS, false, false, get_response_line},
    {"http.stat_code", "http_stat_code", "http_stat_code", 2, HEADERS, false, false, get_status},
    {"http.stat_msg", "http_stat_msg", "http_stat_msg", 2, HEADERS, false, false, get_reason},
    {"http.header", "http_header", "http_header", 3, HEADERS, false, false, get_header},
    {"http.header.raw", "http_raw_header", "http_raw_header", 3, HEADERS, false, false,
     get_raw_header},
    {"http.header_names", "http_header_names", NULL, 3, HEADERS, false, false, get_names},
    {"http.request_header", NULL, NULL, 1, HEADERS, true, false, get_one_header},
    {"http.response_header", NULL, NULL, 2, HEADERS, true, false, get_one_header},
    {"http.user_agent", "http_user_agent", "http_user_agent", 1, HEADERS, false, false,
     get_user_agent},
    {"http.host", "http_host", "http_host", 1, HEADERS, false, false, get_host},
    {"http.host.raw", "http_raw_host", "http_raw_host", 1, HEADERS, false, false, get_raw_host},
    {"http.accept", "http_accept", NULL, 1, HEADERS, false, false, get_accept},
    {"http.accept_lang", "http_accept_lang", NULL, 1, HEADERS, false, false, get_accept_language},
    {"http.accept_enc", "http_accept_enc", NULL, 1, HEADERS, false, false, get_accept_encoding},
    {"http.referer", "http_referer", NULL, 1, HEADERS, false, false, get_referer},
    {"http.connection", "http_connection", NULL, 3, HEADERS, false, false, get_connection},
    {"http.content_type", "http_content_type", NULL, 3, HEADERS, false, false, get_content_type},
    {"http.content_len", "http_content_len", NULL, 3, HEADERS, false, false, get_content_length},
    {"http.server", NULL, NULL, 2, HEADERS, false, false, get_server},
    {"http.location", NULL, NULL, 2, HEADERS, false, false, get_location},
    {"http.cookie", "http_cookie", "http_cookie", 3, HEADERS, false, false, get_cookie},
    {"http.request_body", "http_client_body", "http_client_body", 1, BODY, false, true, get_body},
    {"http.response_body", "http_server_body", "http_server_body", 2, BODY, false, true, get_body},
    {"file.data", "file_data", NULL, 3, BODY, false, true, get_body},
    {"file.magic", NULL, NULL, 3, BODY, true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 3, DONE, false, false, get_file_name},
    {0},
};

/* --- numbers --- */

static bool value_at(const struct h2_side *d, enum h2_kind kind, uint32_t index, uint64_t *out)
{
    for (unsigned k = 0; k < d->count; k++) {
        if (d->values[k].kind == kind && !index--) {
            *out = d->values[k].value;
            return true;
        }
    }
    return false;
}

#define VALUE_GETTER(fn, kind)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        (void)s;                                                                                   \
        return value_at(SIDE(tx), kind, i, out);                                                   \
    }

VALUE_GETTER(get_type, H2_IS_TYPE)
VALUE_GETTER(get_error, H2_IS_ERROR)
VALUE_GETTER(get_priority, H2_IS_PRIORITY)
VALUE_GETTER(get_window, H2_IS_WINDOW)
VALUE_GETTER(get_size, H2_IS_SIZE)

static bool get_uri_length(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           uint64_t *out)
{
    struct sek_bytes v;
    if (!get_uri(s, tx, dir, i, &v))
        return false;
    *out = v.len;
    return true;
}

static bool get_file_size(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          uint64_t *out)
{
    (void)s;
    *out = SIDE(tx)->file.size;
    return !i && SIDE(tx)->file.closed;
}

static const char *const type_words[] = {
    "DATA", "0", "HEADERS", "1", "PRIORITY", "2", "RST_STREAM", "3", "RSTSTREAM", "3", "SETTINGS",
    "4", "PUSH_PROMISE", "5", "PUSHPROMISE", "5", "PING", "6", "GOAWAY", "7", "WINDOW_UPDATE", "8",
    "WINDOWUPDATE", "8", "CONTINUATION", "9", NULL};

static const char *const error_words[] = {
    "NO_ERROR", "0", "PROTOCOL_ERROR", "1", "INTERNAL_ERROR", "2", "FLOW_CONTROL_ERROR", "3",
    "SETTINGS_TIMEOUT", "4", "STREAM_CLOSED", "5", "FRAME_SIZE_ERROR", "6", "REFUSED_STREAM", "7",
    "CANCEL", "8", "COMPRESSION_ERROR", "9", "CONNECT_ERROR", "10", "ENHANCE_YOUR_CALM", "11",
    "INADEQUATE_SECURITY", "12", "HTTP_1_1_REQUIRED", "13", "HTTP11_REQUIRED", "13", NULL};

const struct sek_number_def h2_numbers[] = {
    {"http2.frametype", 3, HEADERS, get_type, type_words},
    {"http2.errorcode", 3, HEADERS, get_error, error_words},
    {"http2.priority", 3, HEADERS, get_priority, NULL},
    {"http2.window", 3, HEADERS, get_window, NULL},
    {"http2.size_update", 3, HEADERS, get_size, NULL},
    {"urilen", 1, HEADERS, get_uri_length, NULL},
    {"urilen.raw", 1, HEADERS, get_uri_length, NULL},
    {"filesize", 3, DONE, get_file_size, NULL},
    {0},
};

/* --- http2.settings --- */

static const char *const setting_names[] = {
    "", "SETTINGS_HEADER_TABLE_SIZE", "SETTINGS_ENABLE_PUSH", "SETTINGS_MAX_CONCURRENT_STREAMS",
    "SETTINGS_INITIAL_WINDOW_SIZE", "SETTINGS_MAX_FRAME_SIZE", "SETTINGS_MAX_HEADER_LIST_SIZE"};
#define SETTING_COUNT (sizeof setting_names / sizeof *setting_names)

struct setting_test {
    uint16_t id;
    bool any; /* value */
    struct sek_compare value;
};

static const void *setting_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct setting_test *t = sek_arena_alloc(arena, sizeof *t);
    char compact[96];
    size_t n = 0;
    for (const char *p = arg ? arg : ""; *p && n + 1 < sizeof compact; p++)
        if (!isspace((unsigned char)*p))
            compact[n++] = *p;
    compact[n] = '\0';
    size_t name = strspn(compact, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_");
    for (uint16_t i = 1; t && name && i < SETTING_COUNT; i++)
        if (strlen(setting_names[i]) == name && !strncasecmp(setting_names[i], compact, name))
            t->id = i;
    if (t)
        t->any = !compact[name];
    if (!t || !t->id || (!t->any && !sek_compare_parse(compact + name, NULL, &t->value))) {
        sek_fail(fault, SEK_EINVAL, "found '%.60s', expected a setting's name and a comparison",
                 compact);
        return NULL;
    }
    return t;
}

static bool match_settings(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                           const void *test)
{
    const struct h2_side *d = SIDE(tx);
    const struct setting_test *t = test;
    (void)s;
    for (unsigned k = 0; k < d->count; k++)
        if (d->values[k].kind == H2_IS_SETTING && d->values[k].id == t->id &&
            (t->any || sek_compare(&t->value, d->values[k].value)))
            return true;
    return false;
}

const struct sek_test_def h2_tests[] = {
    {"http2.settings", 3, HEADERS, setting_parse, match_settings},
    {0},
};

const struct sek_app_event_name h2_events[] = {
    {"invalid_client_magic", H2_EVENT_MAGIC},
    {"invalid_frame_header", H2_EVENT_FRAME_HEADER},
    {"invalid_frame_data", H2_EVENT_FRAME_DATA},
    {"invalid_header", H2_EVENT_HEADER},
    {"invalid_frame_length", H2_EVENT_FRAME_LENGTH},
    {"extra_header_data", H2_EVENT_EXTRA_HEADER},
    {"long_frame_data", H2_EVENT_LONG_FRAME},
    {"stream_id_reuse", H2_EVENT_STREAM_REUSE},
    {"invalid_http1_settings", H2_EVENT_HTTP1_SETTINGS},
    {"failed_decompression", H2_EVENT_DECOMPRESSION},
    {"invalid_range", H2_EVENT_RANGE},
    {"header_integer_overflow", H2_EVENT_INTEGER},
    {"too_many_streams", H2_EVENT_STREAMS},
    {"authority_host_mismatch", H2_EVENT_AUTHORITY},
    {"userinfo_in_uri", H2_EVENT_USERINFO},
    {"reassembly_limit_reached", H2_EVENT_REASSEMBLY},
    {"dns_request_too_long", H2_EVENT_DNS_REQUEST},
    {"dns_response_too_long", H2_EVENT_DNS_RESPONSE},
    {"data_stream_zero", H2_EVENT_STREAM_ZERO},
    {"too_many_frames", H2_EVENT_FRAMES},
    {"compression_bomb", H2_EVENT_BOMB},
    {0},
};

/* --- EVE --- */

static const char *const error_names[] = {
    "NOERROR", "PROTOCOLERROR", "INTERNALERROR", "FLOWCONTROLERROR", "SETTINGSTIMEOUT",
    "STREAMCLOSED", "FRAMESIZEERROR", "REFUSEDSTREAM", "CANCEL", "COMPRESSIONERROR",
    "CONNECTERROR", "ENHANCEYOURCALM", "INADEQUATESECURITY", "HTTP11REQUIRED"};

static const char *const setting_eve[] = {
    "", "SETTINGSHEADERTABLESIZE", "SETTINGSENABLEPUSH", "SETTINGSMAXCONCURRENTSTREAMS",
    "SETTINGSINITIALWINDOWSIZE", "SETTINGSMAXFRAMESIZE", "SETTINGSMAXHEADERLISTSIZE"};

static void eve_settings(struct sek_text *out, const struct h2_side *d)
{
    bool open = false;
    for (unsigned k = 0; k < d->count; k++) {
        const struct h2_value *v = &d->values[k];
        char text[24];
        if (v->kind != H2_IS_SETTING)
            continue;
        if (!open)
            sek_json_open(out, "settings", '[');
        open = true;
        snprintf(text, sizeof text, "SETTINGS_%u", v->id);
        sek_json_open(out, NULL, '{');
        sek_json_str(out, "settings_id",
                     v->id && v->id < SETTING_COUNT ? setting_eve[v->id] : text);
        sek_json_uint(out, "settings_value", v->value);
        sek_json_close(out, '}');
    }
    if (open)
        sek_json_close(out, ']');
}

static void eve_side(struct sek_text *out, const struct h2_side *d, const char *key)
{
    uint64_t v;
    char text[24];
    sek_json_open(out, key, '{');
    eve_settings(out, d);
    if (value_at(d, H2_IS_ERROR, 0, &v)) {
        snprintf(text, sizeof text, "%llu", (unsigned long long)v);
        sek_json_str(out, "error_code",
                     v < sizeof error_names / sizeof *error_names ? error_names[v] : text);
    }
    if (value_at(d, H2_IS_PRIORITY, 0, &v))
        sek_json_uint(out, "priority", v);
    sek_json_close(out, '}');
}

static void eve_headers(struct sek_text *out, const struct sek_fields *f, const char *key)
{
    if (!f->count)
        return;
    sek_json_open(out, key, '[');
    for (unsigned k = 0; k < f->count; k++) {
        struct sek_bytes n = sek_field_name(f, &f->list[k]), v = sek_field_value(f, &f->list[k]);
        sek_json_open(out, NULL, '{');
        sek_json_bytes(out, "name", n.data, n.len);
        sek_json_bytes(out, "value", v.data, v.len);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

void h2_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    static const struct {
        const char *key, *name;
        int side;
    } fields[] = {{"hostname", ":authority", 0}, {"url", ":path", 0},
                  {"http_user_agent", "user-agent", 0}, {"http_content_type", "content-type", 1},
                  {"http_refer", "referer", 0}, {"http_method", ":method", 0}};
    const struct h2_tx *tx = TX(base);
    struct sek_bytes v;
    (void)state;
    sek_json_str(out, "version", "2");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (sek_fields_get(&tx->side[fields[i].side].headers, fields[i].name, 0, &v))
            sek_json_bytes(out, fields[i].key, v.data, v.len);
    if (sek_fields_get(&tx->side[1].headers, ":status", 0, &v)) {
        char digits[12] = {0};
        memcpy(digits, v.data, v.len < sizeof digits - 1 ? v.len : sizeof digits - 1);
        sek_json_uint(out, "status", strtoul(digits, NULL, 10));
    }
    if (tx->side[1].raw)
        sek_json_uint(out, "length", tx->side[1].raw);
    eve_headers(out, &tx->side[0].headers, "request_headers");
    eve_headers(out, &tx->side[1].headers, "response_headers");
    sek_json_open(out, "http2", '{');
    sek_json_uint(out, "stream_id", tx->stream);
    eve_side(out, &tx->side[0], "request");
    eve_side(out, &tx->side[1], "response");
    sek_json_close(out, '}');
}
