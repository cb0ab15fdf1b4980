/* The buffers, numbers and events of HTTP that rules can name. */
#include "lib/app/http.h"

#include "lib/app/file.h"

#include <strings.h>

#define TX(tx) ((struct http_tx *)(tx))

static bool give(struct sek_bytes v, struct sek_bytes *out)
{
    *out = v;
    return v.data != NULL;
}

#define TOKEN_GETTER(fn, side, n)                                                                  \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        return !i && give(TX(tx)->message[side].token[n], out);                                    \
    }

TOKEN_GETTER(get_method, 0, 0)
TOKEN_GETTER(get_raw_uri, 0, 1)
TOKEN_GETTER(get_status, 1, 1)
TOKEN_GETTER(get_reason, 1, 2)

static bool get_protocol(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    (void)s;
    return !i && give(TX(tx)->message[dir].token[dir ? 0 : 2], out) && out->len;
}

static bool get_uri(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                    struct sek_bytes *out)
{
    (void)s, (void)dir;
    return !i && give(sek_buffer_view(&TX(tx)->uri), out);
}

static bool get_host(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    return !i && give(sek_buffer_view(&TX(tx)->host), out);
}

static bool get_line(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    return !i && give(sek_buffer_view(&TX(tx)->message[dir].line), out);
}

static bool get_body(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s;
    return !i && give(sek_buffer_view(&TX(tx)->message[dir].body), out);
}

/* The header section as received, with the blank line at its end. */
static bool get_raw_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           struct sek_bytes *out)
{
    const struct http_message *m = &TX(tx)->message[dir];
    (void)s;
    uint32_t skip = m->line_len + 2;
    if (i || m->head.len < skip)
        return false;
    *out = (struct sek_bytes){m->head.data + skip, m->head.len - skip};
    return true;
}

static bool name_is(const struct http_message *m, const struct http_field *f, const char *name)
{
    return f->name_len == strlen(name) &&
           !strncasecmp((char *)m->head.data + f->name, name, f->name_len);
}

static bool same_name(const struct http_message *m, const struct http_field *a,
                      const struct http_field *b)
{
    return a->name_len == b->name_len &&
           !strncasecmp((char *)m->head.data + a->name, (char *)m->head.data + b->name, a->name_len);
}

/* Is there an earlier field of the same name? */
static bool repeated(const struct http_message *m, unsigned index)
{
    for (unsigned k = 0; k < index; k++)
        if (same_name(m, &m->fields[k], &m->fields[index]))
            return true;
    return false;
}

/* The values of all fields that are called like INDEX, joined with ", ". */
static void add_values(struct sek_pool *pool, struct sek_buffer *b, const struct http_message *m,
                       unsigned index)
{
    for (unsigned k = index; k < m->field_count; k++) {
        if (!same_name(m, &m->fields[k], &m->fields[index]))
            continue;
        if (k != index)
            sek_buffer_add(pool, b, ", ", 2, 0);
        sek_buffer_add(pool, b, m->head.data + m->fields[k].value, m->fields[k].value_len, 0);
    }
}

/* "Name: value" lines without cookies, repeated fields joined. */
static bool get_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    struct http_message *m = &TX(tx)->message[dir];
    if (i)
        return false;
    if (m->headers.data) /* made before */
        return give(sek_buffer_view(&m->headers), out);
    for (unsigned k = 0; k < m->field_count; k++) {
        const struct http_field *f = &m->fields[k];
        if (repeated(m, k) || name_is(m, f, dir ? "set-cookie" : "cookie"))
            continue;
        sek_buffer_add(s->pool, &m->headers, m->head.data + f->name, f->name_len, 0);
        sek_buffer_add(s->pool, &m->headers, ": ", 2, 0);
        add_values(s->pool, &m->headers, m, k);
        sek_buffer_add(s->pool, &m->headers, "\r\n", 2, 0);
    }
    return give(sek_buffer_view(&m->headers), out);
}

static bool get_header_names(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                             uint32_t i, struct sek_bytes *out)
{
    struct http_message *m = &TX(tx)->message[dir];
    if (i || !m->field_count)
        return false;
    if (!m->names.data) {
        sek_buffer_add(s->pool, &m->names, "\r\n", 2, 0);
        for (unsigned k = 0; k < m->field_count; k++) {
            if (repeated(m, k))
                continue;
            const struct http_field *f = &m->fields[k];
            sek_buffer_add(s->pool, &m->names, m->head.data + f->name, f->name_len, 0);
            sek_buffer_add(s->pool, &m->names, "\r\n", 2, 0);
        }
        sek_buffer_add(s->pool, &m->names, "\r\n", 2, 0);
    }
    return give(sek_buffer_view(&m->names), out);
}

/* First line and header section. */
static bool get_start(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    (void)s;
    return !i && give(sek_buffer_view(&TX(tx)->message[dir].head), out);
}

/* One field as "Name: value". */
static bool get_one_header(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           struct sek_bytes *out)
{
    struct http_message *m = &TX(tx)->message[dir];
    if (i >= m->field_count)
        return false;
    while (repeated(m, i))
        if (++i >= m->field_count)
            return false;
    m->start.len = 0;
    sek_buffer_add(s->pool, &m->start, m->head.data + m->fields[i].name, m->fields[i].name_len, 0);
    sek_buffer_add(s->pool, &m->start, ": ", 2, 0);
    add_values(s->pool, &m->start, m, i);
    return give(sek_buffer_view(&m->start), out);
}

#define FIELD_GETTER(fn, name)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        struct http_message *m = &TX(tx)->message[dir];                                            \
        const struct http_field *f = i ? NULL : http_field_find(m, name);                          \
        unsigned index = f ? (unsigned)(f - m->fields) : 0;                                        \
        if (!f)                                                                                    \
            return false;                                                                          \
        *out = http_value(m, f);                                                                   \
        for (unsigned k = index + 1; k < m->field_count; k++) {                                    \
            if (same_name(m, f, &m->fields[k])) {                                                  \
                m->start.len = 0;                                                                  \
                add_values(s->pool, &m->start, m, index);                                          \
                return give(sek_buffer_view(&m->start), out);                                      \
            }                                                                                      \
        }                                                                                          \
        return true;                                                                               \
    }

FIELD_GETTER(get_user_agent, "user-agent")
FIELD_GETTER(get_raw_host, "host")
FIELD_GETTER(get_accept, "accept")
FIELD_GETTER(get_accept_language, "accept-language")
FIELD_GETTER(get_accept_encoding, "accept-encoding")
FIELD_GETTER(get_referer, "referer")
FIELD_GETTER(get_connection, "connection")
FIELD_GETTER(get_content_type, "content-type")
FIELD_GETTER(get_content_length, "content-length")
FIELD_GETTER(get_server, "server")
FIELD_GETTER(get_location, "location")
FIELD_GETTER(get_request_cookie, "cookie")
FIELD_GETTER(get_response_cookie, "set-cookie")

static bool get_cookie(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    return dir ? get_response_cookie(s, tx, dir, i, out) : get_request_cookie(s, tx, dir, i, out);
}

/* The body, or each file of a form; before its end a form has none. */
static bool get_file_data(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          struct sek_bytes *out)
{
    if (dir == SEK_TOSERVER && TX(tx)->form_files)
        return sek_app_file_data(s, tx, dir, i, out);
    if (dir == SEK_TOSERVER && !tx->complete[dir] && http_is_form(TX(tx)))
        return false;
    return get_body(s, tx, dir, i, out);
}

static bool get_file_name(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          struct sek_bytes *out)
{
    if (dir == SEK_TOSERVER && TX(tx)->form_files)
        return sek_app_file_name(s, tx, dir, i, out);
    return !i && give(TX(tx)->file[dir].name, out);
}

#define LINE    {HTTP_LINE, HTTP_LINE}
#define HEADERS {HTTP_HEADERS, HTTP_HEADERS}
#define BODY    {HTTP_BODY, HTTP_BODY}
#define DONE    {HTTP_COMPLETE, HTTP_COMPLETE}

const struct sek_buffer_def http_buffers[] = {
    {"http.method", "http_method", "http_method", 1, LINE, false, false, get_method},
    {"http.uri", "http_uri", "http_uri", 1, LINE, false, false, get_uri},
    {"http.uri.raw", "http_raw_uri", "http_raw_uri", 1, LINE, false, false, get_raw_uri},
    {"http.protocol", "http_protocol", NULL, 3, LINE, false, false, get_protocol},
    {"http.request_line", "http_request_line", NULL, 1, LINE, false, false, get_line},
    {"http.response_line", "http_response_line", NULL, 2, LINE, false, false, get_line},
    {"http.stat_code", "http_stat_code", "http_stat_code", 2, LINE, false, false, get_status},
    {"http.stat_msg", "http_stat_msg", "http_stat_msg", 2, LINE, false, false, get_reason},
    {"http.header", "http_header", "http_header", 3, HEADERS, false, false, get_header},
    {"http.header.raw", "http_raw_header", "http_raw_header", 3, HEADERS, false, false,
     get_raw_header},
    {"http.header_names", "http_header_names", NULL, 3, HEADERS, false, false, get_header_names},
    {"http.start", "http_start", NULL, 3, HEADERS, false, false, get_start},
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
    {"file.data", "file_data", NULL, 3, BODY, true, true, get_file_data},
    {"file.magic", NULL, NULL, 3, BODY, true, true, sek_app_file_magic},
    {"file.name", "filename", NULL, 3, DONE, true, false, get_file_name},
    {0},
};

static bool get_uri_length(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->uri.len;
    return !i;
}

static bool get_raw_uri_length(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                               uint32_t i, uint64_t *out)
{
    (void)s, (void)dir;
    *out = TX(tx)->message[0].token[1].len;
    return !i;
}

static bool get_file_size(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          uint64_t *out)
{
    if (dir == SEK_TOSERVER && TX(tx)->form_files)
        return sek_app_file_size(s, tx, dir, i, out);
    *out = TX(tx)->file[dir].size;
    return !i && TX(tx)->file[dir].closed;
}

const struct sek_number_def http_numbers[] = {
    {"urilen", 1, LINE, get_uri_length, NULL},
    {"urilen.raw", 1, LINE, get_raw_uri_length, NULL},
    {"filesize", 3, DONE, get_file_size, NULL},
    {0},
};

const struct sek_app_event_name http_events[] = {
    {"unknown_error", HTTP_EVENT_UNKNOWN},
    {"gzip_decompression_failed", HTTP_EVENT_GZIP_FAILED},
    {"request_field_missing_colon", HTTP_EVENT_FIELD_MISSING_COLON_REQ},
    {"response_field_missing_colon", HTTP_EVENT_FIELD_MISSING_COLON_RES},
    {"invalid_request_chunk_len", HTTP_EVENT_CHUNK_LEN_REQ},
    {"invalid_response_chunk_len", HTTP_EVENT_CHUNK_LEN_RES},
    {"invalid_transfer_encoding_value_in_request", HTTP_EVENT_TRANSFER_ENCODING_REQ},
    {"invalid_transfer_encoding_value_in_response", HTTP_EVENT_TRANSFER_ENCODING_RES},
    {"invalid_content_length_field_in_request", HTTP_EVENT_CONTENT_LENGTH_REQ},
    {"invalid_content_length_field_in_response", HTTP_EVENT_CONTENT_LENGTH_RES},
    {"duplicate_content_length_field_in_request", HTTP_EVENT_DUPLICATE_LENGTH_REQ},
    {"duplicate_content_length_field_in_response", HTTP_EVENT_DUPLICATE_LENGTH_RES},
    {"100_continue_already_seen", HTTP_EVENT_100_AGAIN},
    {"unable_to_match_response_to_request", HTTP_EVENT_UNMATCHED_RESPONSE},
    {"invalid_server_port_in_request", HTTP_EVENT_SERVER_PORT},
    {"invalid_authority_port", HTTP_EVENT_AUTHORITY_PORT},
    {"request_header_invalid", HTTP_EVENT_HEADER_INVALID_REQ},
    {"response_header_invalid", HTTP_EVENT_HEADER_INVALID_RES},
    {"missing_host_header", HTTP_EVENT_MISSING_HOST},
    {"host_header_ambiguous", HTTP_EVENT_HOST_AMBIGUOUS},
    {"invalid_request_field_folding", HTTP_EVENT_FOLDING_REQ},
    {"invalid_response_field_folding", HTTP_EVENT_FOLDING_RES},
    {"request_field_too_long", HTTP_EVENT_FIELD_TOO_LONG_REQ},
    {"response_field_too_long", HTTP_EVENT_FIELD_TOO_LONG_RES},
    {"request_server_port_tcp_port_mismatch", HTTP_EVENT_PORT_MISMATCH},
    {"request_uri_host_invalid", HTTP_EVENT_URI_HOST_INVALID},
    {"request_header_host_invalid", HTTP_EVENT_HEADER_HOST_INVALID},
    {"method_delim_non_compliant", HTTP_EVENT_METHOD_DELIMITER},
    {"uri_delim_non_compliant", HTTP_EVENT_URI_DELIMITER},
    {"request_line_leading_whitespace", HTTP_EVENT_LINE_LEADING_SPACE},
    {"too_many_encoding_layers", HTTP_EVENT_TOO_MANY_LAYERS},
    {"abnormal_ce_header", HTTP_EVENT_ABNORMAL_CE},
    {"request_auth_unrecognized", HTTP_EVENT_AUTH_UNRECOGNIZED},
    {"request_header_repetition", HTTP_EVENT_REPEATED_REQ},
    {"response_header_repetition", HTTP_EVENT_REPEATED_RES},
    {"double_encoded_uri", HTTP_EVENT_DOUBLE_ENCODED_URI},
    {"request_line_invalid", HTTP_EVENT_LINE_INVALID},
    {"request_line_missing_protocol", HTTP_EVENT_MISSING_PROTOCOL},
    {"request_body_unexpected", HTTP_EVENT_BODY_UNEXPECTED},
    {"request_chunk_extension", HTTP_EVENT_CHUNK_EXTENSION_REQ},
    {"response_chunk_extension", HTTP_EVENT_CHUNK_EXTENSION_RES},
    {"response_invalid_protocol", HTTP_EVENT_INVALID_PROTOCOL_RES},
    {"response_invalid_status", HTTP_EVENT_INVALID_STATUS},
    {"response_chunked_old_proto", HTTP_EVENT_CHUNKED_OLD_PROTO},
    {"response_abnormal_transfer_encoding", HTTP_EVENT_ABNORMAL_TE_RES},
    {"compression_bomb", HTTP_EVENT_BOMB},
    {"compression_bomb_limit_reached", HTTP_EVENT_BOMB},
    {"failed_protocol_change", HTTP_EVENT_FAILED_CHANGE},
    {"request_line_incomplete", HTTP_EVENT_LINE_INCOMPLETE},
    {"request_too_many_headers", HTTP_EVENT_TOO_MANY_HEADERS_REQ},
    {"response_too_many_headers", HTTP_EVENT_TOO_MANY_HEADERS_RES},
    {"range_invalid", HTTP_EVENT_RANGE},
    {"multipart_generic_error", HTTP_EVENT_FORM_ERROR},
    {"multipart_no_filedata", HTTP_EVENT_FORM_EMPTY_FILE},
    {"multipart_invalid_header", HTTP_EVENT_FORM_HEADER},
    {"file_name_too_long", HTTP_EVENT_FILE_NAME},
    {"lzma_memlimit_reached", HTTP_EVENT_LZMA_MEMORY},
    {"too_many_warnings", HTTP_EVENT_WARNINGS},
    {0},
};
