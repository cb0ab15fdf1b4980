/* The HTTP/1 message parser: lines, fields, body framing, and which response answers which request. */
#include "lib/app/http.h"

#include "lib/app/file.h"

#include <netinet/in.h>
#include <strings.h>

#define LINE_LIMIT   65536u /* one line */
#define HEAD_LIMIT   262144u
#define WARNINGS_MAX 8 /* kinds of oddities in one head */

static const char *const methods[] = {
    "GET",    "POST",  "HEAD",  "PUT",      "DELETE",  "OPTIONS", "TRACE",     "CONNECT",
    "PATCH",  "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",   "LOCK",      "UNLOCK",
    "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "REPORT", "SEARCH", "MERGE", "CHECKOUT",
    "VERSION-CONTROL", "POLL", "BCOPY", "BMOVE", "RPC_IN_DATA", "RPC_OUT_DATA", "INVALID",
};

/* A line with a version is a request, whatever its method is called. */
static bool unknown_method(const uint8_t *data, uint32_t len)
{
    uint32_t n = 0;
    while (n < len && n < 32 && ((data[n] >= 'A' && data[n] <= 'Z') || data[n] == '-' || data[n] == '_'))
        n++;
    if (!n || n == len || (data[n] != ' ' && data[n] != '\t'))
        return false;
    const uint8_t *end = memchr(data, '\n', len);
    return memmem(data + n, end ? (size_t)(end - data) - n : len - n, " HTTP/1.", 8) != NULL;
}

static enum sek_probe http_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    (void)flow;
    if (dir == SEK_TOCLIENT) {
        uint32_t n = len < 5 ? len : 5;
        if (memcmp(data, "HTTP/", n))
            return SEK_PROBE_NO;
        return len >= 5 ? SEK_PROBE_YES : SEK_PROBE_MORE;
    }
    while (len && (*data == '\r' || *data == '\n')) { /* RFC 9112 section 2.2 */
        data++;
        len--;
    }
    bool more = !len;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        size_t size = strlen(methods[i]);
        size_t n = len < size ? len : size;
        if (strncasecmp((const char *)data, methods[i], n))
            continue;
        if (len > size + 4 && !strncasecmp((const char *)data + size + 1, "sip", 3))
            return SEK_PROBE_NO; /* NOTIFY sip:... is for another parser */
        if (len > size && (data[size] == ' ' || data[size] == '\t'))
            return SEK_PROBE_YES;
        if (len <= size)
            more = true;
    }
    if (unknown_method(data, len))
        return SEK_PROBE_YES;
    return more ? SEK_PROBE_MORE : SEK_PROBE_NO;
}

/* The line that begins at DATA: its length with the end in *WHOLE, without it in *LEN. */
static bool line_next(const uint8_t *data, uint32_t left, uint32_t *len, uint32_t *whole)
{
    const uint8_t *nl = memchr(data, '\n', left);
    if (!nl)
        return false;
    *whole = (uint32_t)(nl - data) + 1;
    *len = *whole - 1;
    if (*len && data[*len - 1] == '\r')
        (*len)--;
    return true;
}

/* --- transactions --- */

static struct http_tx *tx_for_request(struct http_state *h)
{
    struct http_tx *tx = (struct http_tx *)sek_tx_new(&h->base, sizeof *tx, SEK_APP_HTTP);
    if (tx) {
        tx->message[0].length = tx->message[1].length = -1;
        tx->file[0].dir = SEK_TOSERVER;
        tx->file[1].dir = SEK_TOCLIENT;
    }
    return tx;
}

static struct http_tx *tx_for_response(struct http_state *h)
{
    for (struct sek_tx *t = h->base.first; t; t = t->next)
        if (!t->complete[SEK_TOCLIENT])
            return (struct http_tx *)t;
    struct http_tx *tx = tx_for_request(h); /* a response that nobody asked for */
    if (tx) {
        sek_tx_event(&tx->base, SEK_TOCLIENT, HTTP_EVENT_UNMATCHED_RESPONSE);
        tx->base.complete[SEK_TOSERVER] = true;
        tx->base.progress[SEK_TOSERVER] = HTTP_COMPLETE;
    }
    return tx;
}

static void http_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct http_state *h = (struct http_state *)state;
    struct http_tx *tx = (struct http_tx *)base;
    struct sek_pool *pool = state->pool;
    for (int d = 0; d < 2; d++) {
        struct http_message *m = &tx->message[d];
        http_body_free(h, m);
        sek_buffer_free(pool, &m->line);
        sek_buffer_free(pool, &m->head);
        sek_buffer_free(pool, &m->names);
        sek_buffer_free(pool, &m->headers);
        sek_buffer_free(pool, &m->start);
        sek_buffer_free(pool, &m->body);
        sek_pool_put(pool, m->fields, m->field_cap * sizeof *m->fields);
        if (h->side[d].tx == tx)
            h->side[d].tx = NULL;
    }
    for (struct sek_file **link = &tx->base.files; *link;) { /* the bodies are not of the list */
        if (*link == &tx->file[0] || *link == &tx->file[1])
            *link = (*link)->next;
        else
            link = &(*link)->next;
    }
    sek_app_files_free(state, base);
    sek_buffer_free(pool, &tx->uri);
    sek_buffer_free(pool, &tx->host);
    sek_pool_put(pool, tx, sizeof *tx);
}

/* --- steps --- */

/* What a 101 response changes to (RFC 9110 section 7.8). */
static uint16_t upgraded_to(const struct http_message *m)
{
    struct sek_bytes v = http_field_value(m, "upgrade");
    if (v.len == 3 && !strncasecmp((const char *)v.data, "h2c", 3))
        return SEK_APP_HTTP2;
    if (v.len == 9 && !strncasecmp((const char *)v.data, "websocket", 9))
        return SEK_APP_WEBSOCKET;
    return 0;
}

static void message_done(struct http_state *h, enum sek_dir dir)
{
    struct http_side *s = &h->side[dir];
    struct http_tx *tx = s->tx;
    http_body_end(h, tx, dir);
    tx->base.progress[dir] = HTTP_COMPLETE;
    tx->base.complete[dir] = true;
    if (s->frame && s->frame->len == UINT64_MAX)
        s->frame->len = h->base.data_offset[dir] + s->at - s->frame->offset;
    s->frame = NULL;
    s->tx = NULL;
    s->step = STEP_LINE;
    uint16_t status = tx->message[1].status;
    if (dir == SEK_TOCLIENT && ((tx->connect && status >= 200 && status < 300) || status == 101)) {
        h->side[0].step = h->side[1].step = STEP_TUNNEL;
        h->change = tx->connect ? SEK_APP_DETECT : upgraded_to(&tx->message[1]);
    }
}

static void fields_done(struct http_state *h, enum sek_dir dir)
{
    struct http_side *s = &h->side[dir];
    struct http_tx *tx = s->tx;
    struct http_message *m = &tx->message[dir];
    http_note_repeats(tx, dir);
    http_framing(tx, dir);
    if (dir == SEK_TOSERVER) {
        http_check_host(h, tx);
        tx->upgrade = http_field_find(m, "upgrade") != NULL;
    }
    if (dir == SEK_TOCLIENT && m->status == 206 &&
        !http_range_good(http_field_value(m, "content-range")))
        sek_tx_event(&tx->base, dir, HTTP_EVENT_RANGE);
    if (__builtin_popcountll(tx->base.events[dir]) > WARNINGS_MAX)
        sek_tx_event(&tx->base, dir, HTTP_EVENT_WARNINGS);
    tx->base.progress[dir] = HTTP_HEADERS;
    http_body_begin(h, tx, dir);
    if (dir == SEK_TOSERVER) {
        if (m->chunked) {
            s->step = STEP_CHUNK_SIZE;
        } else if (m->length > 0) {
            s->step = STEP_BODY_LENGTH;
            s->left = (uint64_t)m->length;
        } else {
            message_done(h, dir);
        }
        return;
    }
    bool head = tx->message[0].token[0].len == 4 && !memcmp(tx->message[0].token[0].data, "HEAD", 4);
    bool bodiless = head || m->status == 204 || m->status == 304 || m->status == 101 ||
                    (tx->connect && m->status >= 200 && m->status < 300);
    if (bodiless) {
        message_done(h, dir);
    } else if (m->chunked) {
        s->step = STEP_CHUNK_SIZE;
    } else if (m->length >= 0) {
        s->step = STEP_BODY_LENGTH;
        s->left = (uint64_t)m->length;
        if (!s->left)
            message_done(h, dir);
    } else {
        s->step = STEP_BODY_CLOSE;
    }
}

/* A 1xx response is not the answer: forget it, and wait for the real one. */
static bool interim(struct http_state *h, enum sek_dir dir)
{
    struct http_tx *tx = h->side[dir].tx;
    struct http_message *m = &tx->message[dir];
    if (dir != SEK_TOCLIENT || m->status < 100 || m->status > 199 || m->status == 101)
        return false;
    if (tx->interim_seen)
        sek_tx_event(&tx->base, dir, HTTP_EVENT_100_AGAIN);
    tx->interim_seen = true;
    m->head.len = m->line.len = m->line_len = 0;
    m->version = 0;
    m->field_count = 0;
    m->status = 0;
    tx->base.progress[dir] = HTTP_STARTED;
    h->side[dir].step = STEP_LINE;
    return true;
}

static void message_line(struct http_state *h, enum sek_dir dir, const uint8_t *line, uint32_t len)
{
    struct http_side *s = &h->side[dir];
    struct http_tx *before = (struct http_tx *)h->base.last;
    struct http_tx *tx = s->tx = dir ? tx_for_response(h) : tx_for_request(h);
    if (!tx)
        return;
    s->frame = sek_frame_add(&h->base, dir, (uint16_t)dir, (uint32_t)(line - s->data), UINT64_MAX,
                             &tx->base);
    struct http_message *m = &tx->message[dir];
    sek_buffer_add(h->base.pool, &m->head, line, len, HEAD_LIMIT);
    m->line_len = m->head.len;
    sek_buffer_add(h->base.pool, &m->head, "\r\n", 2, 0);
    sek_buffer_add(h->base.pool, &m->line, line, m->line_len, 0);
    bool ok = true;
    if (dir == SEK_TOSERVER) {
        http_request_line(tx);
        if (before && m->http09 && !before->message[0].http09 && before->message[0].length < 0 &&
            !before->message[0].chunked) /* no request: bytes behind one that said nothing of a body */
            sek_tx_event(&before->base, SEK_TOSERVER, HTTP_EVENT_BODY_UNEXPECTED);
        http_uri_normalize(h->base.pool, tx, m->token[1], &tx->uri);
    } else {
        ok = http_status_line(tx);
    }
    if (!ok) { /* not a status line: HTTP/0.9 style, all is body */
        sek_tx_event(&tx->base, dir, HTTP_EVENT_INVALID_PROTOCOL_RES);
        m->http09 = true;
        tx->base.progress[dir] = HTTP_HEADERS;
        http_body_begin(h, tx, dir);
        http_body_add(h, tx, dir, line, len);
        http_body_add(h, tx, dir, (const uint8_t *)"\n", 1);
        s->step = STEP_BODY_CLOSE;
        return;
    }
    tx->base.progress[dir] = HTTP_LINE;
    s->step = STEP_FIELDS;
    if (dir == SEK_TOSERVER && m->http09) {
        tx->base.progress[dir] = HTTP_HEADERS;
        http_check_host(h, tx);
        message_done(h, dir);
    }
}

/* One line of the header section. Folded lines (RFC 9112 section 5.2) join the field before. */
static void field_line(struct http_state *h, enum sek_dir dir, const uint8_t *line, uint32_t len)
{
    struct http_tx *tx = h->side[dir].tx;
    struct http_message *m = &tx->message[dir];
    struct sek_pool *pool = h->base.pool;
    if (http_is_space(line[0]) && m->field_count) {
        struct http_field *f = &m->fields[m->field_count - 1];
        sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_FOLDING_RES : HTTP_EVENT_FOLDING_REQ);
        uint32_t skip = 0;
        while (skip < len && http_is_space(line[skip]))
            skip++;
        m->head.len = f->value + f->value_len;
        sek_buffer_add(pool, &m->head, " ", 1, HEAD_LIMIT);
        sek_buffer_add(pool, &m->head, line + skip, len - skip, HEAD_LIMIT);
        f->value_len = m->head.len - f->value;
        sek_buffer_add(pool, &m->head, "\r\n", 2, HEAD_LIMIT);
        return;
    }
    uint32_t at = m->head.len;
    sek_buffer_add(pool, &m->head, line, len, HEAD_LIMIT);
    if (m->head.cut)
        return;
    http_field_add(h, tx, dir, at, len);
    sek_buffer_add(pool, &m->head, "\r\n", 2, HEAD_LIMIT);
}

/* Chunk size in hex, blanks allowed around it; -1 when there is no number. */
static int64_t chunk_size(const uint8_t *p, uint32_t len, bool *extension)
{
    int64_t n = 0;
    uint32_t i = 0, digits = 0;
    while (i < len && http_is_space(p[i]))
        i++;
    for (; i < len; i++) {
        int c = p[i] | 32;
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0)
            break;
        if (++digits > 12)
            return -1;
        n = n * 16 + d;
    }
    *extension = i < len && p[i] == ';';
    return digits ? n : -1;
}

static void chunk_line(struct http_state *h, enum sek_dir dir, const uint8_t *line, uint32_t len)
{
    struct http_side *s = &h->side[dir];
    bool extension = false;
    int64_t n = chunk_size(line, len, &extension);
    if (extension)
        sek_tx_event(&s->tx->base, dir,
                     dir ? HTTP_EVENT_CHUNK_EXTENSION_RES : HTTP_EVENT_CHUNK_EXTENSION_REQ);
    if (n < 0) {
        sek_tx_event(&s->tx->base, dir, dir ? HTTP_EVENT_CHUNK_LEN_RES : HTTP_EVENT_CHUNK_LEN_REQ);
        s->step = STEP_BODY_CLOSE; /* what follows is body, as a lenient receiver takes it */
        http_body_add(h, s->tx, dir, line, len);
        return;
    }
    s->left = (uint64_t)n;
    s->step = n ? STEP_CHUNK_DATA : STEP_TRAILER;
}

static void body_took(struct http_state *h, enum sek_dir dir, uint64_t n)
{
    struct http_side *s = &h->side[dir];
    if (s->step == STEP_BODY_CLOSE || (s->left -= n))
        return;
    if (s->step == STEP_CHUNK_DATA)
        s->step = STEP_CHUNK_END;
    else
        message_done(h, dir);
}

static uint32_t body_bytes(struct http_state *h, enum sek_dir dir, const uint8_t *data,
                           uint32_t len)
{
    struct http_side *s = &h->side[dir];
    uint32_t n = s->step == STEP_BODY_CLOSE || s->left > len ? len : (uint32_t)s->left;
    http_body_add(h, s->tx, dir, data, n);
    s->at = (uint32_t)(data - s->data) + n;
    body_took(h, dir, n);
    return n;
}

/* LOST bytes are missing. False: not all of them are of a body, so that nobody knows what follows. */
static bool skip_gap(struct http_state *h, enum sek_dir dir, uint64_t lost)
{
    struct http_side *s = &h->side[dir];
    bool counted = s->step == STEP_BODY_LENGTH || s->step == STEP_CHUNK_DATA;
    if (s->step != STEP_BODY_CLOSE && (!counted || lost > s->left))
        return false;
    http_body_gap(s->tx, dir);
    s->at = 0;
    body_took(h, dir, lost);
    return true;
}

/* A whole line in state STEP_LINE .. STEP_TRAILER. */
static void on_line(struct http_state *h, enum sek_dir dir, const uint8_t *line, uint32_t len)
{
    struct http_side *s = &h->side[dir];
    switch (s->step) {
    case STEP_LINE:
        if (len)
            message_line(h, dir, line, len);
        return;
    case STEP_FIELDS:
        if (len) {
            field_line(h, dir, line, len);
            return;
        }
        sek_buffer_add(h->base.pool, &s->tx->message[dir].head, "\r\n", 2, HEAD_LIMIT);
        if (!interim(h, dir))
            fields_done(h, dir);
        return;
    case STEP_CHUNK_SIZE:
        chunk_line(h, dir, line, len);
        return;
    case STEP_CHUNK_END:
        s->step = STEP_CHUNK_SIZE;
        if (len)
            chunk_line(h, dir, line, len);
        return;
    case STEP_TRAILER:
        if (len)
            field_line(h, dir, line, len);
        else
            message_done(h, dir);
        return;
    default:
        return;
    }
}

/* The connection ended: what is unfinished is as complete as it gets. */
static void on_end(struct http_state *h, enum sek_dir dir)
{
    struct http_side *s = &h->side[dir];
    if (s->step == STEP_TUNNEL)
        return;
    if (s->tx)
        message_done(h, dir);
    if (dir == SEK_TOCLIENT)
        for (struct sek_tx *t = h->base.first; t; t = t->next)
            t->complete[dir] = true;
}

/* The client ended in the middle of a request line. */
static void line_incomplete(struct http_state *h)
{
    struct http_tx *tx = tx_for_request(h);
    if (!tx)
        return;
    sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_LINE_INCOMPLETE);
    tx->base.complete[SEK_TOSERVER] = true;
}

/* After a gap: the line in which the next request seems to begin; LEN: not here. */
static uint32_t request_begin(const uint8_t *data, uint32_t len)
{
    const uint8_t *lf;
    for (uint32_t at = 0; (lf = memchr(data + at, '\n', len - at)); at = (uint32_t)(lf - data) + 1) {
        const uint8_t *version = memmem(data + at, (uint32_t)(lf - data) - at, " HTTP/1.", 8);
        if (version > data + at && data[at] >= 'A' && data[at] <= 'Z')
            return at;
    }
    return len;
}

/* In a response, text that does not begin like a status line makes the rest a body. */
static bool not_a_status_line(const uint8_t *data, uint32_t len)
{
    uint32_t n = len < 5 ? len : 5;
    return len && data[0] != '\r' && data[0] != '\n' && strncasecmp((const char *)data, "HTTP/", n);
}

static struct sek_app_result http_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct http_state *h = (struct http_state *)state;
    struct http_side *s = &h->side[dir];
    uint32_t pos = 0;
    s->data = data;
    s->at = 0;
    if (flags & SEK_APP_GAP && !skip_gap(h, dir, state->data_offset[dir] - s->next)) {
        if (s->tx)
            message_done(h, dir);
        /* What comes from a server is a body to its end then, unless it begins like a response. */
        s->step = dir == SEK_TOCLIENT ? STEP_LINE : STEP_LOST;
    }
    while (pos < len) {
        uint32_t left = len - pos, n, whole;
        if (s->step == STEP_LOST) {
            n = request_begin(data + pos, left);
            s->step = n < left ? STEP_LINE : STEP_LOST;
            pos += n;
            s->at = pos;
            continue;
        }
        if (s->step == STEP_TUNNEL)
            return (struct sek_app_result){.consumed = h->change ? pos : len, .change = h->change};
        if (s->step == STEP_BODY_LENGTH || s->step == STEP_CHUNK_DATA ||
            s->step == STEP_BODY_CLOSE) {
            pos += body_bytes(h, dir, data + pos, left);
            continue;
        }
        if (dir == SEK_TOCLIENT && s->step == STEP_LINE && not_a_status_line(data + pos, left)) {
            if (!s->tx && !(s->tx = tx_for_response(h)))
                return (struct sek_app_result){.consumed = len, .error = true};
            s->tx->base.progress[dir] = HTTP_HEADERS;
            s->tx->message[dir].http09 = true;
            http_body_begin(h, s->tx, dir);
            s->step = STEP_BODY_CLOSE;
            continue;
        }
        if (!line_next(data + pos, left, &n, &whole)) {
            bool cut = left >= LINE_LIMIT; /* no line is this long: take it as one */
            if (cut)
                on_line(h, dir, data + pos, left);
            if (s->tx && left > state->settings->http_field_limit)
                sek_tx_event(&s->tx->base, dir,
                             dir ? HTTP_EVENT_FIELD_TOO_LONG_RES : HTTP_EVENT_FIELD_TOO_LONG_REQ);
            pos = cut ? len : pos;
            break;
        }
        s->at = pos + whole;
        on_line(h, dir, data + pos, n);
        if (!s->tx && n && s->step == STEP_LINE && h->base.live >= SEK_TX_LIMIT)
            return (struct sek_app_result){.consumed = len, .error = true};
        pos += whole;
    }
    s->next = state->data_offset[dir] + pos;
    if (flags & SEK_APP_END && dir == SEK_TOSERVER && s->step == STEP_LINE && pos < len)
        line_incomplete(h);
    if (flags & SEK_APP_END)
        on_end(h, dir);
    return (struct sek_app_result){.consumed = pos, .change = h->change};
}

static void eve_field(struct sek_text *out, const char *key, const struct http_message *m,
                      const char *name)
{
    const struct http_field *f = http_field_find(m, name);
    if (f)
        sek_json_bytes(out, key, m->head.data + f->value, f->value_len);
}

static void http_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    struct http_tx *tx = (struct http_tx *)base;
    const struct http_message *req = &tx->message[0], *res = &tx->message[1];
    (void)state;
    if (tx->host.len)
        sek_json_bytes(out, "hostname", tx->host.data, tx->host.len);
    if (tx->uri.len)
        sek_json_bytes(out, "url", tx->uri.data, tx->uri.len);
    eve_field(out, "http_user_agent", req, "user-agent");
    struct sek_bytes type = http_field_value(res, "content-type");
    if (type.len) {
        const uint8_t *semi = memchr(type.data, ';', type.len);
        sek_json_bytes(out, "http_content_type", type.data,
                       semi ? (size_t)(semi - type.data) : type.len);
    }
    eve_field(out, "http_refer", req, "referer");
    if (req->token[0].len)
        sek_json_bytes(out, "http_method", req->token[0].data, req->token[0].len);
    if (req->token[2].len)
        sek_json_bytes(out, "protocol", req->token[2].data, req->token[2].len);
    if (res->status)
        sek_json_uint(out, "status", res->status);
    eve_field(out, "redirect", res, "location");
    sek_json_uint(out, "length", res->body_raw);
}

static const struct sek_state_name http_states[] = {
    {"request_started", 0, HTTP_STARTED},   {"request_line", 0, HTTP_LINE},
    {"request_headers", 0, HTTP_HEADERS},   {"request_body", 0, HTTP_BODY},
    {"request_trailer", 0, HTTP_COMPLETE},  {"request_complete", 0, UINT8_MAX},
    {"response_started", 1, HTTP_STARTED},  {"response_line", 1, HTTP_LINE},
    {"response_headers", 1, HTTP_HEADERS},  {"response_body", 1, HTTP_BODY},
    {"response_trailer", 1, HTTP_COMPLETE}, {"response_complete", 1, UINT8_MAX},
    {0},
};

const struct sek_app_ops sek_http_ops = {
    .id = SEK_APP_HTTP,
    .name = "http",
    .aliases = (const char *const[]){"http1", NULL},
    .also = SEK_APP_BIT(SEK_APP_HTTP2) | SEK_APP_BIT(SEK_APP_DOH2),
    .eve_key = "http",
    .transports = 1,
    .probe = http_probe,
    .state_size = sizeof(struct http_state),
    .parse = http_parse,
    .tx_free = http_tx_free,
    .eve = http_eve,
    .buffers = http_buffers,
    .numbers = http_numbers,
    .events = http_events,
    .frames = (const char *const[]){"request", "response", NULL},
    .states = http_states,
    .complete = {HTTP_COMPLETE, HTTP_COMPLETE},
    .gaps = true,
    .lets_go = true,
};
