/* The HTTP/1 message parser: lines, fields, body framing, and which response answers which request. */
#include "lib/app/http.h"

#include <netinet/in.h>
#include <strings.h>

#define LINE_LIMIT   65536u /* one line */
#define HEAD_LIMIT   262144u
#define TX_LIMIT     256 /* transactions of a flow that wait for an answer */

static const char *const methods[] = {
    "GET",    "POST",  "HEAD",  "PUT",      "DELETE",  "OPTIONS", "TRACE",     "CONNECT",
    "PATCH",  "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",   "LOCK",      "UNLOCK",
    "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH", "REPORT", "SEARCH", "MERGE", "CHECKOUT",
    "VERSION-CONTROL", "POLL", "BCOPY", "BMOVE", "RPC_IN_DATA", "RPC_OUT_DATA", "INVALID",
};

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
        if (len > size && (data[size] == ' ' || data[size] == '\t'))
            return SEK_PROBE_YES;
        if (len <= size)
            more = true;
    }
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

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
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
    unsigned waiting = 0;
    for (struct sek_tx *t = h->base.first; t; t = t->next) {
        if (!t->complete[SEK_TOCLIENT])
            return (struct http_tx *)t;
        waiting++;
    }
    if (waiting > TX_LIMIT)
        return NULL;
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
    sek_buffer_free(pool, &tx->uri);
    sek_buffer_free(pool, &tx->host);
    sek_buffer_free(pool, &tx->file_names);
    sek_pool_put(pool, tx, sizeof *tx);
}

/* --- first lines --- */

static uint8_t version_of(struct sek_bytes v)
{
    if (v.len == 8 && !memcmp(v.data, "HTTP/1.", 7))
        return v.data[7] == '1' ? 11 : v.data[7] == '0' ? 10 : 0;
    return 0;
}

static void parse_request_line(struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOSERVER];
    const uint8_t *p = m->line.data;
    uint32_t len = m->line.len, i = 0, start;
    if (len && is_space(p[0]))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_LINE_LEADING_SPACE);
    while (i < len && is_space(p[i]))
        i++;
    start = i;
    while (i < len && !is_space(p[i]))
        i++;
    m->token[0] = (struct sek_bytes){p + start, i - start};
    if (i < len && (p[i] != ' ' || (i + 1 < len && is_space(p[i + 1]))))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_METHOD_DELIMITER);
    while (i < len && is_space(p[i]))
        i++;
    /* The target goes up to the last blank that a version follows; blanks inside stay in it. */
    uint32_t end = len;
    while (end > i && is_space(p[end - 1]))
        end--;
    uint32_t v = end;
    while (v > i && !is_space(p[v - 1]))
        v--;
    struct sek_bytes last = {p + v, end - v};
    if (v > i && last.len >= 5 && !strncasecmp((const char *)last.data, "HTTP/", 5)) {
        m->token[2] = last;
        m->version = version_of(last);
        while (v > i && is_space(p[v - 1]))
            v--;
        m->token[1] = (struct sek_bytes){p + i, v - i};
    } else {
        m->token[1] = (struct sek_bytes){p + i, end - i};
        m->version = 9;
        m->http09 = true;
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_MISSING_PROTOCOL);
    }
    for (uint32_t k = 0; k < m->token[1].len; k++) {
        if (is_space(m->token[1].data[k])) {
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_URI_DELIMITER);
            break;
        }
    }
    tx->connect = m->token[0].len == 7 && !memcmp(m->token[0].data, "CONNECT", 7);
    tx->is_put = m->token[0].len == 3 && !memcmp(m->token[0].data, "PUT", 3);
}

static bool parse_status_line(struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOCLIENT];
    const uint8_t *p = m->line.data;
    uint32_t len = m->line.len, i = 0, start;
    if (len < 5 || strncasecmp((const char *)p, "HTTP/", 5))
        return false;
    while (i < len && !is_space(p[i]))
        i++;
    m->token[0] = (struct sek_bytes){p, i};
    m->version = version_of(m->token[0]);
    if (!m->version)
        sek_tx_event(&tx->base, SEK_TOCLIENT, HTTP_EVENT_INVALID_PROTOCOL_RES);
    while (i < len && is_space(p[i]))
        i++;
    start = i;
    while (i < len && !is_space(p[i]))
        i++;
    m->token[1] = (struct sek_bytes){p + start, i - start};
    if (m->token[1].len == 3) {
        for (uint32_t k = 0; k < 3; k++)
            m->status = (uint16_t)(m->status * 10 + (m->token[1].data[k] - '0'));
    }
    if (m->status < 100 || m->status > 999)
        sek_tx_event(&tx->base, SEK_TOCLIENT, HTTP_EVENT_INVALID_STATUS);
    while (i < len && is_space(p[i]))
        i++;
    m->token[2] = (struct sek_bytes){p + i, len - i};
    return true;
}

/* --- fields --- */

const struct http_field *http_field_find(const struct http_message *m, const char *name)
{
    size_t len = strlen(name);
    for (unsigned i = 0; i < m->field_count; i++) {
        const struct http_field *f = &m->fields[i];
        if (f->name_len == len && !strncasecmp((char *)m->head.data + f->name, name, len))
            return f;
    }
    return NULL;
}

struct sek_bytes http_field_value(const struct http_message *m, const char *name)
{
    const struct http_field *f = http_field_find(m, name);
    return f ? http_value(m, f) : (struct sek_bytes){0};
}

static void field_add(struct http_state *h, struct http_tx *tx, enum sek_dir dir, uint32_t at,
                      uint32_t len)
{
    struct http_message *m = &tx->message[dir];
    if (m->field_count == HTTP_HEADERS_MAX) {
        sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_TOO_MANY_HEADERS_RES
                                         : HTTP_EVENT_TOO_MANY_HEADERS_REQ);
        return;
    }
    if (m->field_count == m->field_cap) {
        uint16_t cap = m->field_cap ? (uint16_t)(m->field_cap * 2) : 16;
        struct http_field *more =
            sek_pool_grow(h->base.pool, m->fields, m->field_cap * sizeof *more, cap * sizeof *more,
                          m->field_count * sizeof *more);
        if (!more)
            return;
        m->fields = more;
        m->field_cap = cap;
    }
    const uint8_t *p = m->head.data + at;
    const uint8_t *colon = memchr(p, ':', len);
    uint32_t name_len = colon ? (uint32_t)(colon - p) : 0;
    uint32_t value = colon ? name_len + 1 : 0, end = len;
    if (!colon)
        sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_FIELD_MISSING_COLON_RES
                                         : HTTP_EVENT_FIELD_MISSING_COLON_REQ);
    if (len > h->base.settings->http_field_limit)
        sek_tx_event(&tx->base, dir,
                     dir ? HTTP_EVENT_FIELD_TOO_LONG_RES : HTTP_EVENT_FIELD_TOO_LONG_REQ);
    while (name_len && is_space(p[name_len - 1]))
        name_len--;
    while (value < end && is_space(p[value]))
        value++;
    while (end > value && is_space(p[end - 1]))
        end--;
    m->fields[m->field_count++] = (struct http_field){
        .name = at,
        .name_len = (uint16_t)(name_len > UINT16_MAX ? UINT16_MAX : name_len),
        .value = at + value,
        .value_len = end - value,
    };
}

static void note_repeats(struct http_tx *tx, enum sek_dir dir)
{
    const struct http_message *m = &tx->message[dir];
    const struct http_field *length = http_field_find(m, "content-length");
    for (unsigned i = 0; i < m->field_count; i++) {
        for (unsigned j = i + 1; j < m->field_count; j++) {
            const struct http_field *a = &m->fields[i], *b = &m->fields[j];
            if (!a->name_len || a->name_len != b->name_len ||
                strncasecmp((char *)m->head.data + a->name, (char *)m->head.data + b->name,
                            a->name_len))
                continue;
            bool cookie = a->name_len == 10 &&
                          !strncasecmp((char *)m->head.data + a->name, "set-cookie", 10);
            if (a == length)
                sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_DUPLICATE_LENGTH_RES
                                                 : HTTP_EVENT_DUPLICATE_LENGTH_REQ);
            else if (!cookie)
                sek_tx_event(&tx->base, dir,
                             dir ? HTTP_EVENT_REPEATED_RES : HTTP_EVENT_REPEATED_REQ);
            break;
        }
    }
}

static bool has_token(struct sek_bytes value, const char *token)
{
    size_t n = strlen(token);
    for (uint32_t i = 0; i + n <= value.len; i++)
        if (!strncasecmp((const char *)value.data + i, token, n))
            return true;
    return false;
}

/* Content-Length as most servers read it: digits after blanks; the rest is an anomaly. */
static int64_t length_of(struct sek_bytes v, bool *odd)
{
    int64_t n = 0;
    uint32_t i = 0;
    *odd = false;
    if (!v.len || v.data[0] < '0' || v.data[0] > '9') {
        *odd = true;
        return -1;
    }
    for (; i < v.len && v.data[i] >= '0' && v.data[i] <= '9'; i++) {
        if (n > INT64_MAX / 10 - 10) {
            *odd = true;
            return -1;
        }
        n = n * 10 + (v.data[i] - '0');
    }
    *odd = i < v.len;
    return n;
}

static void framing(struct http_tx *tx, enum sek_dir dir)
{
    struct http_message *m = &tx->message[dir];
    struct sek_bytes te = http_field_value(m, "transfer-encoding");
    const struct http_field *cl = http_field_find(m, "content-length");
    bool odd;
    if (te.len) {
        m->chunked = has_token(te, "chunked");
        if (te.len != 7 || !m->chunked)
            sek_tx_event(&tx->base, dir, m->chunked && dir ? HTTP_EVENT_ABNORMAL_TE_RES
                                         : dir ? HTTP_EVENT_TRANSFER_ENCODING_RES
                                               : HTTP_EVENT_TRANSFER_ENCODING_REQ);
        if (m->chunked && m->version && m->version < 11 && dir)
            sek_tx_event(&tx->base, dir, HTTP_EVENT_CHUNKED_OLD_PROTO);
        if (cl)
            sek_tx_event(&tx->base, dir,
                         dir ? HTTP_EVENT_CONTENT_LENGTH_RES : HTTP_EVENT_CONTENT_LENGTH_REQ);
    }
    if (cl && !m->chunked) {
        m->length = length_of(http_value(m, cl), &odd);
        if (odd)
            sek_tx_event(&tx->base, dir,
                         dir ? HTTP_EVENT_CONTENT_LENGTH_RES : HTTP_EVENT_CONTENT_LENGTH_REQ);
    }
}

static void check_host(struct http_state *h, struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOSERVER];
    struct sek_bytes target = m->token[1], host = http_field_value(m, "host");
    struct sek_buffer from_uri = {0};
    int port = -1;
    const uint8_t *slashes = target.len > 7 ? memmem(target.data, 16 < target.len ? 16 : target.len,
                                                     "://", 3)
                                            : NULL;
    if (slashes && target.data[0] != '/') {
        const uint8_t *begin = slashes + 3, *end = target.data + target.len;
        const uint8_t *stop = begin;
        while (stop < end && *stop != '/' && *stop != '?' && *stop != '#')
            stop++;
        http_host_normalize(h->base.pool, (struct sek_bytes){begin, (uint32_t)(stop - begin)},
                            &from_uri, &port);
    } else if (tx->connect) {
        http_host_normalize(h->base.pool, target, &from_uri, &port);
    }
    if (host.len)
        http_host_normalize(h->base.pool, host, &tx->host, &port);
    else if (!from_uri.len && m->version >= 11)
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_MISSING_HOST);
    if (from_uri.len) {
        if (tx->host.len && (tx->host.len != from_uri.len ||
                             memcmp(tx->host.data, from_uri.data, from_uri.len)))
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_HOST_AMBIGUOUS);
        sek_buffer_free(h->base.pool, &tx->host); /* the target decides, RFC 9112 section 3.2.2 */
        tx->host = from_uri;
    }
    if (port > 0 && port != h->base.flow->port[1])
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_PORT_MISMATCH);
    struct sek_bytes auth = http_field_value(m, "authorization");
    if (auth.len && !has_token(auth, "basic") && !has_token(auth, "digest") &&
        !has_token(auth, "bearer"))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_AUTH_UNRECOGNIZED);
}

/* --- steps --- */

static void message_done(struct http_state *h, enum sek_dir dir)
{
    struct http_side *s = &h->side[dir];
    struct http_tx *tx = s->tx;
    http_body_end(h, tx, dir);
    tx->base.progress[dir] = HTTP_COMPLETE;
    tx->base.complete[dir] = true;
    s->tx = NULL;
    s->step = STEP_LINE;
    uint16_t status = tx->message[1].status;
    if (dir == SEK_TOCLIENT && ((tx->connect && status >= 200 && status < 300) || status == 101)) {
        h->side[0].step = h->side[1].step = STEP_TUNNEL;
    }
}

static void fields_done(struct http_state *h, enum sek_dir dir)
{
    struct http_side *s = &h->side[dir];
    struct http_tx *tx = s->tx;
    struct http_message *m = &tx->message[dir];
    note_repeats(tx, dir);
    framing(tx, dir);
    if (dir == SEK_TOSERVER) {
        check_host(h, tx);
        tx->upgrade = http_field_find(m, "upgrade") != NULL;
    }
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
    struct http_tx *tx = s->tx = dir ? tx_for_response(h) : tx_for_request(h);
    if (!tx)
        return;
    struct http_message *m = &tx->message[dir];
    sek_buffer_add(h->base.pool, &m->head, line, len, HEAD_LIMIT);
    m->line_len = m->head.len;
    sek_buffer_add(h->base.pool, &m->head, "\r\n", 2, 0);
    sek_buffer_add(h->base.pool, &m->line, line, m->line_len, 0);
    bool ok = true;
    if (dir == SEK_TOSERVER) {
        parse_request_line(tx);
        http_uri_normalize(h->base.pool, tx, m->token[1], &tx->uri);
    } else {
        ok = parse_status_line(tx);
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
        check_host(h, tx);
        message_done(h, dir);
    }
}

/* One line of the header section. Folded lines (RFC 9112 section 5.2) join the field before. */
static void field_line(struct http_state *h, enum sek_dir dir, const uint8_t *line, uint32_t len)
{
    struct http_tx *tx = h->side[dir].tx;
    struct http_message *m = &tx->message[dir];
    struct sek_pool *pool = h->base.pool;
    if (is_space(line[0]) && m->field_count) {
        struct http_field *f = &m->fields[m->field_count - 1];
        sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_FOLDING_RES : HTTP_EVENT_FOLDING_REQ);
        uint32_t skip = 0;
        while (skip < len && is_space(line[skip]))
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
    field_add(h, tx, dir, at, len);
    sek_buffer_add(pool, &m->head, "\r\n", 2, HEAD_LIMIT);
}

/* Chunk size in hex, blanks allowed around it; -1 when there is no number. */
static int64_t chunk_size(const uint8_t *p, uint32_t len, bool *extension)
{
    int64_t n = 0;
    uint32_t i = 0, digits = 0;
    while (i < len && is_space(p[i]))
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

static uint32_t body_bytes(struct http_state *h, enum sek_dir dir, const uint8_t *data,
                           uint32_t len)
{
    struct http_side *s = &h->side[dir];
    uint32_t n = s->step == STEP_BODY_CLOSE || s->left > len ? len : (uint32_t)s->left;
    http_body_add(h, s->tx, dir, data, n);
    if (s->step == STEP_BODY_CLOSE)
        return n;
    s->left -= n;
    if (!s->left) {
        if (s->step == STEP_CHUNK_DATA)
            s->step = STEP_CHUNK_END;
        else
            message_done(h, dir);
    }
    return n;
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
    if (flags & SEK_APP_GAP && s->step != STEP_BODY_CLOSE && s->step != STEP_BODY_LENGTH)
        return (struct sek_app_result){.consumed = len, .error = true};
    while (pos < len) {
        uint32_t left = len - pos, n, whole;
        if (s->step == STEP_TUNNEL)
            return (struct sek_app_result){.consumed = pos, .change = true};
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
            if (left >= LINE_LIMIT) { /* no line is this long: take it as one, and say so */
                on_line(h, dir, data + pos, left);
                if (s->tx)
                    sek_tx_event(&s->tx->base, dir,
                                 dir ? HTTP_EVENT_FIELD_TOO_LONG_RES : HTTP_EVENT_FIELD_TOO_LONG_REQ);
                pos = len;
            }
            break;
        }
        on_line(h, dir, data + pos, n);
        if (s->step == STEP_FIELDS && !s->tx)
            return (struct sek_app_result){.consumed = len, .error = true};
        pos += whole;
    }
    if (flags & SEK_APP_END)
        on_end(h, dir);
    return (struct sek_app_result){.consumed = pos};
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

const struct sek_app_ops sek_http_ops = {
    .id = SEK_APP_HTTP,
    .name = "http",
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
    .complete = {HTTP_COMPLETE, HTTP_COMPLETE},
    .gaps = true,
};
