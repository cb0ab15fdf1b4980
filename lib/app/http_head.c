/* The head of a message: first line, fields, what they say about the body's length, and the host. */
#include "lib/app/http.h"

#include <ctype.h>
#include <strings.h>

/* RFC 9110 section 5.6.2: what methods and field names are made of. */
static bool is_token(struct sek_bytes v)
{
    static const char marks[] = "!#$%&'*+-.^_`|~";
    for (uint32_t i = 0; i < v.len; i++)
        if (!isalnum(v.data[i]) && (!v.data[i] || !strchr(marks, v.data[i])))
            return false;
    return v.len;
}

/* --- first lines --- */

static uint8_t version_of(struct sek_bytes v)
{
    if (v.len == 8 && !memcmp(v.data, "HTTP/1.", 7))
        return v.data[7] == '1' ? 11 : v.data[7] == '0' ? 10 : 0;
    return 0;
}

void http_request_line(struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOSERVER];
    const uint8_t *p = m->line.data;
    uint32_t len = m->line.len, i = 0, start;
    if (len && http_is_space(p[0]))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_LINE_LEADING_SPACE);
    while (i < len && http_is_space(p[i]))
        i++;
    start = i;
    while (i < len && !http_is_space(p[i]))
        i++;
    m->token[0] = (struct sek_bytes){p + start, i - start};
    if (!is_token(m->token[0]))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_LINE_INVALID);
    if (i < len && (p[i] != ' ' || (i + 1 < len && http_is_space(p[i + 1]))))
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_METHOD_DELIMITER);
    while (i < len && http_is_space(p[i]))
        i++;
    /* The target goes up to the last blank that a version follows; blanks inside stay in it. */
    uint32_t end = len;
    while (end > i && http_is_space(p[end - 1]))
        end--;
    uint32_t v = end;
    while (v > i && !http_is_space(p[v - 1]))
        v--;
    struct sek_bytes last = {p + v, end - v};
    if (v > i && last.len >= 5 && !strncasecmp((const char *)last.data, "HTTP/", 5)) {
        m->token[2] = last;
        m->version = version_of(last);
        while (v > i && http_is_space(p[v - 1]))
            v--;
        m->token[1] = (struct sek_bytes){p + i, v - i};
    } else {
        m->token[1] = (struct sek_bytes){p + i, end - i};
        m->version = 9;
        m->http09 = true;
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_MISSING_PROTOCOL);
    }
    for (uint32_t k = 0; k < m->token[1].len; k++) {
        if (http_is_space(m->token[1].data[k])) {
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_URI_DELIMITER);
            break;
        }
    }
    tx->connect = m->token[0].len == 7 && !memcmp(m->token[0].data, "CONNECT", 7);
    tx->is_put = m->token[0].len == 3 && !memcmp(m->token[0].data, "PUT", 3);
}

bool http_status_line(struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOCLIENT];
    const uint8_t *p = m->line.data;
    uint32_t len = m->line.len, i = 0, start;
    if (len < 5 || strncasecmp((const char *)p, "HTTP/", 5))
        return false;
    while (i < len && !http_is_space(p[i]))
        i++;
    m->token[0] = (struct sek_bytes){p, i};
    m->version = version_of(m->token[0]);
    if (!m->version)
        sek_tx_event(&tx->base, SEK_TOCLIENT, HTTP_EVENT_INVALID_PROTOCOL_RES);
    while (i < len && http_is_space(p[i]))
        i++;
    start = i;
    while (i < len && !http_is_space(p[i]))
        i++;
    m->token[1] = (struct sek_bytes){p + start, i - start};
    if (m->token[1].len == 3) {
        for (uint32_t k = 0; k < 3; k++)
            m->status = (uint16_t)(m->status * 10 + (m->token[1].data[k] - '0'));
    }
    if (m->status < 100 || m->status > 999)
        sek_tx_event(&tx->base, SEK_TOCLIENT, HTTP_EVENT_INVALID_STATUS);
    while (i < len && http_is_space(p[i]))
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

void http_field_add(struct http_state *h, struct http_tx *tx, enum sek_dir dir, uint32_t at,
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
    if (colon && !is_token((struct sek_bytes){p, name_len}))
        sek_tx_event(&tx->base, dir, dir ? HTTP_EVENT_HEADER_INVALID_RES : HTTP_EVENT_HEADER_INVALID_REQ);
    if (len > h->base.settings->http_field_limit)
        sek_tx_event(&tx->base, dir,
                     dir ? HTTP_EVENT_FIELD_TOO_LONG_RES : HTTP_EVENT_FIELD_TOO_LONG_REQ);
    while (name_len && http_is_space(p[name_len - 1]))
        name_len--;
    while (value < end && http_is_space(p[value]))
        value++;
    while (end > value && http_is_space(p[end - 1]))
        end--;
    m->fields[m->field_count++] = (struct http_field){
        .name = at,
        .name_len = (uint16_t)(name_len > UINT16_MAX ? UINT16_MAX : name_len),
        .value = at + value,
        .value_len = end - value,
    };
}

void http_note_repeats(struct http_tx *tx, enum sek_dir dir)
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

void http_framing(struct http_tx *tx, enum sek_dir dir)
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

/* host[:port] as RFC 3986 section 3.2 has it, in characters that host names have. *PORT_GOOD: 1 to 65535, or none. */
static bool authority_good(struct sek_bytes v, bool *port_good)
{
    uint32_t i = 0;
    const uint8_t *at = v.len ? memrchr(v.data, '@', v.len) : NULL; /* user information is judged elsewhere */
    if (at)
        v = (struct sek_bytes){at + 1, (uint32_t)(v.data + v.len - at - 1)};
    bool literal = v.len && v.data[0] == '[';
    if (literal) {
        for (i = 1; i < v.len && (isxdigit(v.data[i]) || v.data[i] == ':' || v.data[i] == '.'); i++)
            ;
        literal = i < v.len && v.data[i++] == ']';
    } else {
        while (i < v.len && (isalnum(v.data[i]) || v.data[i] == '-' || v.data[i] == '.' || v.data[i] == '_'))
            i++;
    }
    uint32_t host = i, port = 0;
    *port_good = true;
    if (i < v.len && v.data[i] == ':') {
        uint32_t begin = ++i;
        for (; i < v.len && isdigit(v.data[i]) && port <= 65535; i++)
            port = port * 10 + (v.data[i] - '0');
        *port_good = i == v.len && (i == begin || (port && port <= 65535)); /* an empty one is the default */
        i = v.len;
    }
    return host && i == v.len && (v.data[0] != '[' || literal);
}

void http_check_host(struct http_state *h, struct http_tx *tx)
{
    struct http_message *m = &tx->message[SEK_TOSERVER];
    struct sek_bytes target = m->token[1], host = http_field_value(m, "host");
    struct sek_buffer from_uri = {0};
    int port = -1;
    const uint8_t *slashes = target.len > 7 ? memmem(target.data, 16 < target.len ? 16 : target.len,
                                                     "://", 3)
                                            : NULL;
    bool port_good = true;
    if (slashes && target.data[0] != '/') {
        const uint8_t *begin = slashes + 3, *end = target.data + target.len;
        const uint8_t *stop = begin;
        while (stop < end && *stop != '/' && *stop != '?' && *stop != '#')
            stop++;
        struct sek_bytes authority = {begin, (uint32_t)(stop - begin)};
        http_host_normalize(h->base.pool, authority, &from_uri, &port);
        if (!authority_good(authority, &port_good))
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_URI_HOST_INVALID);
        if (!port_good)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_SERVER_PORT);
    } else if (tx->connect) {
        http_host_normalize(h->base.pool, target, &from_uri, &port);
        if (!authority_good(target, &port_good))
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_URI_HOST_INVALID);
        if (!port_good)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_AUTHORITY_PORT);
    }
    if (host.len) {
        http_host_normalize(h->base.pool, host, &tx->host, &port);
        if (!authority_good(host, &port_good) || !port_good)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_HEADER_HOST_INVALID);
    } else if (!from_uri.len && m->version >= 11)
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

/* --- ranges --- */

/* Digits at *P as a number; false when there are none. */
static bool number_at(const uint8_t **p, const uint8_t *end, uint64_t *out)
{
    const uint8_t *begin = *p;
    *out = 0;
    for (; *p < end && **p >= '0' && **p <= '9' && *p - begin < 19; (*p)++)
        *out = *out * 10 + (uint64_t)(**p - '0');
    return *p > begin;
}

bool http_range_good(struct sek_bytes v)
{
    uint64_t first = 0, last = 0, size;
    if (!v.len)
        return true;
    const uint8_t *p = v.data, *end = v.data + v.len;
    if (v.len < 7 || strncasecmp((const char *)p, "bytes ", 6))
        return false;
    p += 6;
    bool unsatisfied = *p == '*';
    if (unsatisfied)
        p++;
    else if (!number_at(&p, end, &first) || p >= end || *p++ != '-' || !number_at(&p, end, &last) ||
             last < first)
        return false;
    if (p >= end || *p++ != '/')
        return false;
    if (p + 1 == end && *p == '*')
        return !unsatisfied;
    return number_at(&p, end, &size) && p == end && (unsatisfied || last < size);
}
