/* CoAP (RFC 7252, with the methods of RFC 8132) over UDP: each message is a transaction of its own. */
#include "lib/app/kit.h"

#include <stdio.h>

enum { COAP_EVENT_MALFORMED, COAP_EVENT_RESERVED_CODE, COAP_EVENT_CRITICAL_OPTION,
       COAP_EVENT_NOT_EMPTY, COAP_EVENT_TOO_MANY_OPTIONS };
enum { OPTION_URI_HOST = 3, OPTION_URI_PORT = 7, OPTION_URI_PATH = 11, OPTION_FORMAT = 12,
       OPTION_URI_QUERY = 15, OPTION_ACCEPT = 17, OPTION_PROXY_URI = 35 };

#define OPTIONS_MAX 64u

struct coap_tx {
    struct sek_tx base;
    uint8_t type, code;
    uint16_t id;
    bool has_format;
    uint32_t format;
    uint16_t options[OPTIONS_MAX];
    unsigned option_count;
    struct sek_buffer text, path, query;
    struct sek_slice token, host, proxy, payload;
};

/* Code classes that are used: 0 methods, 2, 4 and 5 responses. */
static bool code_usual(uint8_t code)
{
    unsigned class = code >> 5, detail = code & 31;
    return class == 2 || class == 4 || class == 5 || (class == 0 && detail <= 7);
}

static enum sek_probe coap_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    (void)dir;
    if (data[0] >> 6 != 1 || (data[0] & 15) > 8 || !sek_port_either(flow, 5683))
        return SEK_PROBE_NO;
    return len >= 4 + (data[0] & 15u) && code_usual(data[1]) && (data[1] || len == 4)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

/* Four bits of an option's header, and what 13 and 14 of them add. */
static bool nibble(struct sek_reader *r, unsigned bits, uint32_t *out)
{
    *out = bits;
    if (bits == 13)
        *out = 13u + sek_reader_u8(r);
    else if (bits == 14)
        *out = 269u + sek_reader_u16(r);
    return bits != 15 && !r->failed;
}

static void part_add(struct sek_pool *pool, struct sek_buffer *b, char before, struct sek_bytes v)
{
    if (before)
        sek_buffer_add(pool, b, &before, 1, 0);
    sek_buffer_add(pool, b, v.data, v.len, 0);
}

static bool option_known(uint32_t n)
{
    static const uint8_t known[] = {1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 19, 20,
                                    21, 23, 27, 28, 31, 35, 39, 60};
    for (size_t i = 0; i < sizeof known; i++)
        if (known[i] == n)
            return true;
    return n == 252 || n == 258 || n == 292;
}

static void option(struct sek_app_state *state, struct coap_tx *tx, enum sek_dir dir, uint32_t n,
                   struct sek_bytes v)
{
    struct sek_pool *pool = state->pool;
    if (tx->option_count < OPTIONS_MAX)
        tx->options[tx->option_count++] = (uint16_t)n;
    else
        sek_tx_event(&tx->base, dir, COAP_EVENT_TOO_MANY_OPTIONS);
    if (n & 1 && !option_known(n)) /* odd numbers must be understood */
        sek_tx_event(&tx->base, dir, COAP_EVENT_CRITICAL_OPTION);
    switch (n) {
    case OPTION_URI_HOST:
        tx->host = sek_slice_keep(pool, &tx->text, v);
        return;
    case OPTION_PROXY_URI:
        tx->proxy = sek_slice_keep(pool, &tx->text, v);
        return;
    case OPTION_URI_PATH:
        part_add(pool, &tx->path, '/', v);
        return;
    case OPTION_URI_QUERY:
        part_add(pool, &tx->query, tx->query.len ? '&' : 0, v);
        return;
    case OPTION_FORMAT:
        tx->has_format = true;
        for (uint32_t i = 0; i < v.len && i < 4; i++)
            tx->format = tx->format << 8 | v.data[i];
        return;
    }
}

static bool read_message(struct sek_app_state *state, struct coap_tx *tx, enum sek_dir dir,
                         struct sek_reader r)
{
    uint8_t first = sek_reader_u8(&r);
    uint32_t number = 0, delta, length;
    tx->type = first >> 4 & 3;
    tx->code = sek_reader_u8(&r);
    tx->id = sek_reader_u16(&r);
    if (!code_usual(tx->code))
        sek_tx_event(&tx->base, dir, COAP_EVENT_RESERVED_CODE);
    if (!tx->code && sek_reader_left(&r))
        sek_tx_event(&tx->base, dir, COAP_EVENT_NOT_EMPTY);
    if ((first & 15) > 8)
        return false;
    struct sek_bytes token = sek_reader_bytes(&r, first & 15);
    if (token.len)
        tx->token = sek_slice_keep(state->pool, &tx->text, token);
    while (sek_reader_left(&r)) {
        uint8_t head = sek_reader_u8(&r);
        if (head == 0xff) { /* the payload is the rest, and must not be empty */
            struct sek_bytes v = sek_reader_bytes(&r, sek_reader_left(&r));
            tx->payload = sek_slice_keep(state->pool, &tx->text, v);
            return v.len;
        }
        if (!nibble(&r, head >> 4, &delta) || !nibble(&r, head & 15, &length))
            return false;
        number += delta;
        struct sek_bytes v = sek_reader_bytes(&r, length);
        if (r.failed)
            return false;
        option(state, tx, dir, number, v);
    }
    return !r.failed;
}

static struct sek_app_result coap_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct coap_tx *tx = len ? (struct coap_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_COAP) : NULL;
    (void)flags;
    if (!tx)
        return all;
    if (!read_message(state, tx, dir, sek_reader_make(data, len)))
        sek_tx_event(&tx->base, dir, COAP_EVENT_MALFORMED);
    sek_tx_end(&tx->base, dir);
    return all;
}

static void coap_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct coap_tx *tx = (struct coap_tx *)base;
    sek_buffer_free(state->pool, &tx->text);
    sek_buffer_free(state->pool, &tx->path);
    sek_buffer_free(state->pool, &tx->query);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const char *const type_words[] = {"con", "0", "non", "1", "ack", "2", "rst", "3", NULL};
static const char *const method_words[] = {"get", "1", "post", "2", "put", "3", "delete", "4",
                                           "fetch", "5", "patch", "6", "ipatch", "7", NULL};
static const char *const format_words[] = {
    "text/plain", "0", "application/link-format", "40", "application/xml", "41",
    "application/octet-stream", "42", "application/exi", "47", "application/json", "50",
    "application/cbor", "60", "application/senml+json", "110", "application/senml+cbor", "112",
    "application/vnd.oma.lwm2m+tlv", "11542", "application/vnd.oma.lwm2m+json", "11543", NULL};
static const char *const code_words[] = {
    "empty", "0", "get", "1", "post", "2", "put", "3", "delete", "4", "fetch", "5", "patch", "6",
    "ipatch", "7", "0.00", "0", "0.01", "1", "0.02", "2", "0.03", "3", "0.04", "4", "0.05", "5",
    "0.06", "6", "0.07", "7", "2.01", "65", "2.02", "66", "2.03", "67", "2.04", "68", "2.05", "69",
    "2.31", "95", "4.00", "128", "4.01", "129", "4.02", "130", "4.03", "131", "4.04", "132",
    "4.05", "133", "4.06", "134", "4.08", "136", "4.09", "137", "4.12", "140", "4.13", "141",
    "4.15", "143", "4.22", "150", "4.29", "157", "5.00", "160", "5.01", "161", "5.02", "162",
    "5.03", "163", "5.04", "164", "5.05", "165", "created", "65", "deleted", "66", "valid", "67",
    "changed", "68", "content", "69", "bad_request", "128", "unauthorized", "129", "forbidden",
    "131", "not_found", "132", "method_not_allowed", "133", "internal_server_error", "160", NULL};

static void coap_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct coap_tx *tx = (const struct coap_tx *)base;
    const char *method = sek_word(method_words, tx->code);
    struct sek_bytes token;
    char code[8];
    (void)state;
    snprintf(code, sizeof code, "%u.%02u", tx->code >> 5, tx->code & 31u);
    sek_json_str(out, "type", sek_word(type_words, tx->type));
    sek_json_str(out, "code", code);
    if (method)
        sek_json_str(out, "method", method);
    sek_json_uint(out, "message_id", tx->id);
    if (sek_slice_give(&tx->text, tx->token, &token))
        sek_json_hex(out, "token", token.data, token.len);
    sek_slice_json(out, "uri_host", &tx->text, tx->host);
    if (tx->path.len)
        sek_json_bytes(out, "uri_path", tx->path.data, tx->path.len);
    if (tx->query.len)
        sek_json_bytes(out, "uri_query", tx->query.data, tx->query.len);
    sek_slice_json(out, "proxy_uri", &tx->text, tx->proxy);
    if (tx->has_format)
        sek_json_uint(out, "content_format", tx->format);
    if (tx->payload.set)
        sek_json_uint(out, "payload_length", tx->payload.len);
}

SEK_BUFFER_GETTER(get_path, coap_tx, path)
SEK_BUFFER_GETTER(get_query, coap_tx, query)
SEK_SLICE_GETTER(get_host, coap_tx, host)
SEK_SLICE_GETTER(get_proxy, coap_tx, proxy)
SEK_SLICE_GETTER(get_payload, coap_tx, payload)
SEK_SLICE_GETTER(get_token, coap_tx, token)
SEK_NUMBER_GETTER(get_type, coap_tx, true, tx->type)
SEK_NUMBER_GETTER(get_code, coap_tx, true, tx->code)
SEK_NUMBER_GETTER(get_method, coap_tx, tx->code && tx->code < 32, tx->code)
SEK_NUMBER_GETTER(get_id, coap_tx, true, tx->id)
SEK_NUMBER_GETTER(get_format, coap_tx, tx->has_format, tx->format)

static bool get_option(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    const struct coap_tx *c = (const struct coap_tx *)tx;
    (void)s, (void)dir;
    if (i >= c->option_count)
        return false;
    *out = c->options[i];
    return true;
}

#define DONE {1, 1}

static const struct sek_buffer_def coap_buffers[] = {
    {"coap.uri_path", NULL, NULL, 3, DONE, false, false, get_path},
    {"coap.uri_query", NULL, NULL, 3, DONE, false, false, get_query},
    {"coap.uri_host", NULL, NULL, 3, DONE, false, false, get_host},
    {"coap.proxy_uri", NULL, NULL, 3, DONE, false, false, get_proxy},
    {"coap.payload", NULL, NULL, 3, DONE, false, false, get_payload},
    {"coap.token", NULL, NULL, 3, DONE, false, false, get_token},
    {0},
};

static const struct sek_number_def coap_numbers[] = {
    {"coap.type", 3, DONE, get_type, type_words},
    {"coap.code", 3, DONE, get_code, code_words},
    {"coap.method", 3, DONE, get_method, method_words},
    {"coap.message_id", 3, DONE, get_id, NULL},
    {"coap.content_format", 3, DONE, get_format, format_words},
    {"coap.option", 3, DONE, get_option, NULL},
    {0},
};

static const struct sek_app_event_name coap_events[] = {
    {"malformed_data", COAP_EVENT_MALFORMED},
    {"reserved_code", COAP_EVENT_RESERVED_CODE},
    {"unknown_critical_option", COAP_EVENT_CRITICAL_OPTION},
    {"empty_message_with_data", COAP_EVENT_NOT_EMPTY},
    {"too_many_options", COAP_EVENT_TOO_MANY_OPTIONS},
    {0},
};

const struct sek_app_ops sek_coap_ops = {
    .id = SEK_APP_COAP,
    .name = "coap",
    .eve_key = "coap",
    .transports = 2,
    .probe = coap_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = coap_parse,
    .tx_free = coap_tx_free,
    .eve = coap_eve,
    .buffers = coap_buffers,
    .numbers = coap_numbers,
    .events = coap_events,
    .complete = {1, 1},
};
