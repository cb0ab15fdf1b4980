/* SIP (RFC 3261) over UDP and TCP, with the session description (SDP, RFC 8866) that a message may
 * carry. Each message is a transaction of its own in its direction. Over TCP a body is taken as it
 * comes; only what SDP needs of it is kept. */
#include "lib/app/fields.h"
#include "lib/app/app.h"

#include <netinet/in.h>
#include <stdlib.h>

#define HEAD_LIMIT 65536u
#define BODY_KEEP  65536u

enum { SIP_STARTED, SIP_COMPLETE };
enum { SIP_EVENT_INCOMPLETE, SIP_EVENT_INVALID };
enum { FRAME_PDU, FRAME_REQUEST_LINE, FRAME_REQUEST_HEADERS, FRAME_REQUEST_BODY,
       FRAME_RESPONSE_LINE, FRAME_RESPONSE_HEADERS, FRAME_RESPONSE_BODY };

struct sip_tx {
    struct sek_tx base;
    struct sek_fields headers, sdp;
    struct sek_buffer line, body;
    struct sek_bytes token[3]; /* method, uri, protocol; or protocol, code, reason */
    bool response, media;
};

struct sip_side {
    struct sip_tx *tx; /* whose body is to come */
    uint64_t left;
};

struct sip_state {
    struct sek_app_state base;
    struct sip_side side[2];
};

static const char *const methods[] = {"INVITE ", "REGISTER ", "OPTIONS ", "ACK ", "BYE ", "CANCEL ",
                                      "PRACK ", "SUBSCRIBE ", "NOTIFY ", "PUBLISH ", "INFO ",
                                      "REFER ", "MESSAGE ", "UPDATE "};

static enum sek_probe sip_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    static const char version[] = "SIP/2.0 ";
    uint32_t n = len < 8 ? len : 8;
    (void)dir;
    if (!memcmp(data, version, n))
        return n == 8 ? SEK_PROBE_YES : SEK_PROBE_MORE;
    bool more = false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        uint32_t size = (uint32_t)strlen(methods[i]);
        if (memcmp(data, methods[i], len < size ? len : size))
            continue;
        const uint8_t *nl = memchr(data, '\n', len);
        if (nl && memmem(data, (size_t)(nl - data), " SIP/2.", 7))
            return SEK_PROBE_YES;
        more = !nl && len < 2048;
    }
    return more && flow->proto == IPPROTO_TCP ? SEK_PROBE_MORE : SEK_PROBE_NO;
}

/* --- parts of a message --- */

/* Short names of fields (RFC 3261 section 7.3.3). */
static struct sek_bytes long_name(struct sek_bytes name)
{
    static const struct {
        char letter;
        const char *name;
    } forms[] = {{'f', "From"}, {'t', "To"}, {'v', "Via"}, {'c', "Content-Type"},
                 {'l', "Content-Length"}, {'i', "Call-ID"}, {'m', "Contact"}, {'s', "Subject"}};
    for (size_t i = 0; name.len == 1 && i < sizeof forms / sizeof *forms; i++)
        if ((*name.data | 32) == forms[i].letter)
            return (struct sek_bytes){(const uint8_t *)forms[i].name,
                                      (uint32_t)strlen(forms[i].name)};
    return name;
}

static bool first_line(struct sip_state *s, struct sip_tx *tx, struct sek_bytes line)
{
    sek_buffer_add(s->base.pool, &tx->line, line.data, line.len, HEAD_LIMIT);
    const uint8_t *p = tx->line.data, *end = p ? p + tx->line.len : NULL;
    unsigned count = 0;
    while (p && p < end && count < 3) {
        const uint8_t *space = count < 2 ? memchr(p, ' ', (size_t)(end - p)) : NULL;
        const uint8_t *stop = space ? space : end;
        tx->token[count++] = (struct sek_bytes){p, (uint32_t)(stop - p)};
        p = space ? space + 1 : end;
    }
    tx->response = sek_bytes_begin(sek_buffer_view(&tx->line), "SIP/");
    return count == 3 && tx->token[0].len && tx->token[1].len;
}

static bool field_line(struct sip_state *s, struct sip_tx *tx, struct sek_bytes line)
{
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (!colon)
        return false;
    uint32_t n = (uint32_t)(colon - line.data);
    struct sek_bytes name = sek_bytes_trim((struct sek_bytes){line.data, n});
    struct sek_bytes value =
        sek_bytes_trim((struct sek_bytes){line.data + n + 1, line.len - n - 1});
    return sek_fields_add(s->base.pool, &tx->headers, long_name(name), value, HEAD_LIMIT);
}

/* The fields of a description are kept by their letter; those of a medium after an 'm'. */
static void read_sdp(struct sip_state *s, struct sip_tx *tx, struct sek_bytes body)
{
    static const uint8_t names[] = "mombmcmammmkmimr";
    struct sek_bytes line;
    uint32_t n;
    while (body.len) {
        n = sek_line_next(body.data, body.len, &line);
        if (!n) {
            line = body;
            n = body.len;
        }
        body.data += n;
        body.len -= n;
        if (line.len < 2 || line.data[1] != '=')
            continue;
        uint8_t letter = line.data[0];
        tx->media |= letter == 'm';
        struct sek_bytes name = {line.data, 1};
        for (unsigned i = 0; tx->media && i + 1 < sizeof names; i += 2)
            if (names[i + 1] == letter)
                name = (struct sek_bytes){names + i, 2};
        sek_fields_add(s->base.pool, &tx->sdp, name,
                       (struct sek_bytes){line.data + 2, line.len - 2}, HEAD_LIMIT);
    }
}

static void message_done(struct sip_state *s, struct sip_tx *tx, enum sek_dir dir)
{
    struct sek_bytes type;
    if (sek_fields_get(&tx->headers, "content-type", 0, &type) &&
        sek_bytes_begin(type, "application/sdp"))
        read_sdp(s, tx, sek_buffer_view(&tx->body));
    sek_buffer_free(s->base.pool, &tx->body);
    tx->base.progress[dir] = SIP_COMPLETE;
    tx->base.complete[dir] = true;
}

static uint64_t body_length(const struct sip_tx *tx)
{
    struct sek_bytes v;
    uint64_t n = 0;
    if (!sek_fields_get(&tx->headers, "content-length", 0, &v))
        return 0;
    for (uint32_t i = 0; i < v.len && i < 10 && v.data[i] >= '0' && v.data[i] <= '9'; i++)
        n = n * 10 + (v.data[i] - '0');
    return n;
}

/* Bytes up to and with the blank line; 0: it is not there. */
static uint32_t head_length(const uint8_t *data, uint32_t len)
{
    for (uint32_t pos = 0; pos < len;) {
        struct sek_bytes line;
        uint32_t n = sek_line_next(data + pos, len - pos, &line);
        if (!n)
            return 0;
        pos += n;
        if (!line.len && pos > n)
            return pos;
    }
    return 0;
}

static void frames(struct sip_state *s, struct sip_tx *tx, enum sek_dir dir, uint32_t at,
                   uint32_t line, uint32_t head, uint64_t body)
{
    uint16_t first = tx->response ? FRAME_RESPONSE_LINE : FRAME_REQUEST_LINE;
    sek_frame_add(&s->base, dir, FRAME_PDU, at, head + body, &tx->base);
    sek_frame_add(&s->base, dir, first, at, line, &tx->base);
    if (head > line + 2)
        sek_frame_add(&s->base, dir, first + 1, at + line, head - line - 2, &tx->base);
    if (body)
        sek_frame_add(&s->base, dir, first + 2, at + head, body, &tx->base);
}

/* The head at DATA, which has HEAD bytes with its blank line. *OK: it is one. */
static struct sip_tx *read_head(struct sip_state *s, enum sek_dir dir, const uint8_t *data,
                                uint32_t head, uint32_t at, uint64_t body, bool *ok)
{
    struct sip_tx *tx = (struct sip_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_SIP);
    struct sek_bytes line;
    if (!tx)
        return NULL;
    tx->base.one_way = true;
    uint32_t pos = sek_line_next(data, head, &line), first = pos;
    *ok = pos && first_line(s, tx, line);
    while (*ok && pos < head) {
        uint32_t n = sek_line_next(data + pos, head - pos, &line);
        if (!n) {
            line = (struct sek_bytes){data + pos, head - pos};
            n = head - pos;
        }
        pos += n;
        if (line.len && *line.data != ' ' && *line.data != '\t')
            *ok = field_line(s, tx, line);
    }
    if (body == UINT64_MAX)
        body = body_length(tx);
    if (*ok)
        frames(s, tx, dir, at, first, head, body);
    else
        sek_tx_event(&tx->base, dir, SIP_EVENT_INVALID);
    return tx;
}

static void datagram(struct sip_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    bool ok = false;
    uint32_t head = head_length(data, len);
    if (len < 4) /* a keepalive (RFC 5626) */
        return;
    struct sip_tx *tx = read_head(s, dir, data, head ? head : len, 0, head ? len - head : 0, &ok);
    if (!tx)
        return;
    if (!head)
        sek_tx_event(&tx->base, dir, SIP_EVENT_INVALID);
    if (ok && head)
        sek_buffer_add(s->base.pool, &tx->body, data + head, len - head, BODY_KEEP);
    message_done(s, tx, dir);
}

static uint32_t body_bytes(struct sip_state *s, enum sek_dir dir, const uint8_t *data, uint32_t len)
{
    struct sip_side *side = &s->side[dir];
    uint32_t n = len < side->left ? len : (uint32_t)side->left;
    if (side->tx)
        sek_buffer_add(s->base.pool, &side->tx->body, data, n, BODY_KEEP);
    side->left -= n;
    if (!side->left && side->tx) {
        message_done(s, side->tx, dir);
        side->tx = NULL;
    }
    return n;
}

static struct sek_app_result sip_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sip_state *s = (struct sip_state *)state;
    struct sip_side *side = &s->side[dir];
    uint32_t pos = 0;
    if (state->flow->proto == IPPROTO_UDP) {
        datagram(s, dir, data, len);
        return (struct sek_app_result){.consumed = len};
    }
    while (pos < len) {
        bool ok = false;
        if (side->left) {
            pos += body_bytes(s, dir, data + pos, len - pos);
            continue;
        }
        if (data[pos] == '\r' || data[pos] == '\n' || !data[pos]) { /* keepalive between messages */
            pos++;
            continue;
        }
        uint32_t head = head_length(data + pos, len - pos);
        if (!head && len - pos < HEAD_LIMIT)
            break;
        struct sip_tx *tx = read_head(s, dir, data + pos, head ? head : len - pos, pos, UINT64_MAX,
                                      &ok);
        if (!tx || !ok || !head) {
            if (tx)
                message_done(s, tx, dir);
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        pos += head;
        side->left = body_length(tx);
        side->tx = tx;
        if (!side->left)
            body_bytes(s, dir, data + pos, 0);
    }
    if (flags & SEK_APP_END && side->tx) {
        message_done(s, side->tx, dir);
        side->tx = NULL;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void sip_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct sip_tx *tx = (struct sip_tx *)base;
    struct sip_state *s = (struct sip_state *)state;
    for (int d = 0; d < 2; d++)
        if (s->side[d].tx == tx)
            s->side[d].tx = NULL;
    sek_fields_free(state->pool, &tx->headers);
    sek_fields_free(state->pool, &tx->sdp);
    sek_buffer_free(state->pool, &tx->line);
    sek_buffer_free(state->pool, &tx->body);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

/* --- EVE --- */

static void eve_field(struct sek_text *out, const char *key, const struct sek_fields *f,
                      const char *name)
{
    struct sek_bytes v;
    if (sek_fields_get(f, name, 0, &v))
        sek_json_bytes(out, key, v.data, v.len);
}

static void eve_list(struct sek_text *out, const char *key, const struct sek_fields *f,
                     const char *name)
{
    struct sek_bytes v;
    if (!sek_fields_get(f, name, 0, &v))
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0; sek_fields_get(f, name, i, &v); i++)
        sek_json_bytes(out, NULL, v.data, v.len);
    sek_json_close(out, ']');
}

/* Each medium with what follows it up to the next. */
static void eve_media(struct sek_text *out, const struct sek_fields *f)
{
    static const struct {
        const char *name, *key;
    } keys[] = {{"mm", "media"}, {"mi", "media_info"}, {"mc", "connection_data"},
                {"mk", "encryption_key"}};
    bool open = false;
    sek_json_open(out, "media_descriptions", '[');
    for (unsigned i = 0; i < f->count; i++) {
        struct sek_bytes name = sek_field_name(f, &f->list[i]);
        struct sek_bytes value = sek_field_value(f, &f->list[i]);
        if (sek_bytes_is(name, "mm")) {
            if (open)
                sek_json_close(out, '}');
            sek_json_open(out, NULL, '{');
            open = true;
        }
        for (size_t k = 0; open && k < sizeof keys / sizeof *keys; k++)
            if (sek_bytes_is(name, keys[k].name))
                sek_json_bytes(out, keys[k].key, value.data, value.len);
    }
    if (open)
        sek_json_close(out, '}');
    sek_json_close(out, ']');
}

static void eve_sdp(struct sek_text *out, const struct sek_fields *f)
{
    sek_json_open(out, "sdp", '{');
    eve_field(out, "version", f, "v");
    eve_field(out, "origin", f, "o");
    eve_field(out, "session_name", f, "s");
    eve_field(out, "session_info", f, "i");
    eve_field(out, "uri", f, "u");
    eve_field(out, "email", f, "e");
    eve_field(out, "phone_number", f, "p");
    eve_field(out, "connection_data", f, "c");
    eve_list(out, "bandwidths", f, "b");
    eve_field(out, "time", f, "t");
    eve_field(out, "repeat_time", f, "r");
    eve_field(out, "timezone", f, "z");
    eve_field(out, "encryption_key", f, "k");
    eve_list(out, "attributes", f, "a");
    eve_media(out, f);
    sek_json_close(out, '}');
}

static void sip_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    static const char *const keys[2][3] = {{"method", "uri", "version"},
                                           {"version", "code", "reason"}};
    const struct sip_tx *tx = (const struct sip_tx *)base;
    (void)state;
    for (int i = 0; i < 3; i++)
        if (tx->token[i].len)
            sek_json_bytes(out, keys[tx->response][i], tx->token[i].data, tx->token[i].len);
    sek_json_bytes(out, tx->response ? "response_line" : "request_line", tx->line.data,
                   tx->line.len);
    if (tx->sdp.count)
        eve_sdp(out, &tx->sdp);
}

/* --- what rules can name --- */

#define TX(tx) ((struct sip_tx *)(tx))

#define TOKEN_GETTER(fn, of_response, n)                                                           \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = TX(tx)->token[n];                                                                   \
        return !i && TX(tx)->response == (of_response) && out->len;                                \
    }

TOKEN_GETTER(get_method, false, 0)
TOKEN_GETTER(get_uri, false, 1)
TOKEN_GETTER(get_code, true, 1)
TOKEN_GETTER(get_reason, true, 2)

static bool get_protocol(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->token[TX(tx)->response ? 0 : 2];
    return !i && out->len;
}

#define LINE_GETTER(fn, of_response)                                                               \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        *out = sek_buffer_view(&TX(tx)->line);                                                     \
        return !i && TX(tx)->response == (of_response) && out->len;                                \
    }

LINE_GETTER(get_request_line, false)
LINE_GETTER(get_response_line, true)

#define FIELD_GETTER(fn, list, name)                                                               \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return sek_fields_get(&TX(tx)->list, name, i, out);                                        \
    }

FIELD_GETTER(get_from, headers, "from")
FIELD_GETTER(get_to, headers, "to")
FIELD_GETTER(get_via, headers, "via")
FIELD_GETTER(get_user_agent, headers, "user-agent")
FIELD_GETTER(get_content_type, headers, "content-type")
FIELD_GETTER(get_content_length, headers, "content-length")
FIELD_GETTER(get_origin, sdp, "o")
FIELD_GETTER(get_session_name, sdp, "s")
FIELD_GETTER(get_session_info, sdp, "i")
FIELD_GETTER(get_sdp_uri, sdp, "u")
FIELD_GETTER(get_email, sdp, "e")
FIELD_GETTER(get_phone, sdp, "p")
FIELD_GETTER(get_connection, sdp, "c")
FIELD_GETTER(get_bandwidth, sdp, "b")
FIELD_GETTER(get_time, sdp, "t")
FIELD_GETTER(get_repeat, sdp, "r")
FIELD_GETTER(get_timezone, sdp, "z")
FIELD_GETTER(get_key, sdp, "k")
FIELD_GETTER(get_attribute, sdp, "a")
FIELD_GETTER(get_media, sdp, "mm")
FIELD_GETTER(get_media_info, sdp, "mi")
FIELD_GETTER(get_media_connection, sdp, "mc")
FIELD_GETTER(get_media_key, sdp, "mk")

#define DONE {SIP_COMPLETE, SIP_COMPLETE}

static const struct sek_buffer_def sip_buffers[] = {
    {"sip.method", "sip_method", NULL, 1, DONE, false, false, get_method},
    {"sip.uri", "sip_uri", NULL, 1, DONE, false, false, get_uri},
    {"sip.protocol", "sip_protocol", NULL, 3, DONE, false, false, get_protocol},
    {"sip.request_line", "sip_request_line", NULL, 1, DONE, false, false, get_request_line},
    {"sip.response_line", "sip_response_line", NULL, 2, DONE, false, false, get_response_line},
    {"sip.stat_code", "sip_stat_code", NULL, 2, DONE, false, false, get_code},
    {"sip.stat_msg", "sip_stat_msg", NULL, 2, DONE, false, false, get_reason},
    {"sip.from", "sip_from", NULL, 3, DONE, true, false, get_from},
    {"sip.to", "sip_to", NULL, 3, DONE, true, false, get_to},
    {"sip.via", "sip_via", NULL, 3, DONE, true, false, get_via},
    {"sip.user_agent", "sip_user_agent", NULL, 3, DONE, true, false, get_user_agent},
    {"sip.content_type", "sip_content_type", NULL, 3, DONE, true, false, get_content_type},
    {"sip.content_length", "sip_content_length", NULL, 3, DONE, true, false, get_content_length},
    {"sdp.origin", NULL, NULL, 3, DONE, false, false, get_origin},
    {"sdp.session_name", NULL, NULL, 3, DONE, false, false, get_session_name},
    {"sdp.session_info", NULL, NULL, 3, DONE, false, false, get_session_info},
    {"sdp.uri", NULL, NULL, 3, DONE, false, false, get_sdp_uri},
    {"sdp.email", NULL, NULL, 3, DONE, false, false, get_email},
    {"sdp.phone_number", NULL, NULL, 3, DONE, false, false, get_phone},
    {"sdp.connection_data", NULL, NULL, 3, DONE, false, false, get_connection},
    {"sdp.bandwidth", NULL, NULL, 3, DONE, true, false, get_bandwidth},
    {"sdp.time", NULL, NULL, 3, DONE, true, false, get_time},
    {"sdp.repeat_time", NULL, NULL, 3, DONE, true, false, get_repeat},
    {"sdp.timezone", NULL, NULL, 3, DONE, false, false, get_timezone},
    {"sdp.encryption_key", NULL, NULL, 3, DONE, false, false, get_key},
    {"sdp.attribute", NULL, NULL, 3, DONE, true, false, get_attribute},
    {"sdp.media.media", "sdp.media_description.media", NULL, 3, DONE, true, false, get_media},
    {"sdp.media.media_info", "sdp.media.session_info", NULL, 3, DONE, true, false, get_media_info},
    {"sdp.media_description.session_info", NULL, NULL, 3, DONE, true, false, get_media_info},
    {"sdp.media.connection_data", "sdp.media_description.connection_data", NULL, 3, DONE, true,
     false, get_media_connection},
    {"sdp.media.encryption_key", "sdp.media_description.encryption_key", NULL, 3, DONE, true, false,
     get_media_key},
    {0},
};

static const struct sek_app_event_name sip_events[] = {
    {"incomplete_data", SIP_EVENT_INCOMPLETE},
    {"invalid_data", SIP_EVENT_INVALID},
    {0},
};

static const char *const sip_frames[] = {"pdu", "request.line", "request.headers", "request.body",
                                         "response.line", "response.headers", "response.body",
                                         NULL};

const struct sek_app_ops sek_sip_ops = {
    .id = SEK_APP_SIP,
    .name = "sip",
    .eve_key = "sip",
    .transports = 3,
    .probe = sip_probe,
    .state_size = sizeof(struct sip_state),
    .parse = sip_parse,
    .tx_free = sip_tx_free,
    .eve = sip_eve,
    .buffers = sip_buffers,
    .events = sip_events,
    .frames = sip_frames,
    .complete = {SIP_COMPLETE, SIP_COMPLETE},
};
