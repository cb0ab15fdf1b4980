/* MIME. One entity is open at a time; the boundaries of those around it are kept, so that each ends
 * where the outermost that is met says. */
#include "lib/app/mime.h"

#include "lib/base/encode.h"

#include <openssl/evp.h>

#define HEADER_LIMIT   65536u
#define VALUE_MAX      2000u
#define NAME_MAX_LEN   75u
#define LINE_MAX_LEN   998u
#define ENC_LINE_MAX   76u
#define FILENAME_MAX_LEN 256u
#define BOUNDARY_MAX   254u
#define URLS_LIMIT     65536u

void mime_open(struct mime *m, struct sek_app_state *state, struct sek_tx *tx, enum sek_dir dir)
{
    m->state = state;
    m->tx = tx;
    m->dir = dir;
    m->in_headers = true;
}

/* --- values of header fields --- */

/* Parameter NAME of a field such as Content-Type, without its quotes (RFC 2045 section 5.1, and the
 * extended form of RFC 2231 taken as it is). */
static bool parameter(struct sek_bytes v, const char *name, struct sek_bytes *out)
{
    size_t n = strlen(name);
    bool quoted = false;
    for (uint32_t i = 0; i < v.len; i++) {
        if (v.data[i] == '"')
            quoted = !quoted;
        if (v.data[i] != ';' || quoted)
            continue;
        struct sek_bytes p =
            sek_bytes_trim((struct sek_bytes){v.data + i + 1, v.len - i - 1});
        if (!sek_bytes_begin(p, name))
            continue;
        uint32_t at = (uint32_t)n;
        if (at < p.len && p.data[at] == '*')
            at++;
        while (at < p.len && (p.data[at] == ' ' || p.data[at] == '\t'))
            at++;
        if (at >= p.len || p.data[at] != '=')
            continue;
        p = sek_bytes_trim((struct sek_bytes){p.data + at + 1, p.len - at - 1});
        uint32_t end = 0;
        if (p.len && *p.data == '"') {
            p.data++;
            p.len--;
            while (end < p.len && p.data[end] != '"')
                end++;
        } else {
            while (end < p.len && p.data[end] != ';' && p.data[end] != ' ' && p.data[end] != '\t')
                end++;
        }
        *out = (struct sek_bytes){p.data, end};
        return true;
    }
    return false;
}

static void field_done(struct mime *m)
{
    struct sek_bytes line = sek_buffer_view(&m->field);
    const uint8_t *colon = line.len ? memchr(line.data, ':', line.len) : NULL;
    if (!line.len)
        return;
    if (!colon) {
        m->anomalies |= MIME_MALFORMED;
        m->field.len = 0;
        return;
    }
    uint32_t n = (uint32_t)(colon - line.data);
    struct sek_bytes name = sek_bytes_trim((struct sek_bytes){line.data, n});
    struct sek_bytes value =
        sek_bytes_trim((struct sek_bytes){line.data + n + 1, line.len - n - 1});
    if (name.len > NAME_MAX_LEN)
        m->anomalies |= MIME_LONG_NAME;
    if (value.len > VALUE_MAX)
        m->anomalies |= MIME_LONG_VALUE;
    sek_fields_add(m->state->pool, &m->part, name, value, HEADER_LIMIT);
    if (!m->main_done)
        sek_fields_add(m->state->pool, &m->headers, name, value, HEADER_LIMIT);
    m->field.len = 0;
}

static void push_boundary(struct mime *m, struct sek_bytes b)
{
    if (b.len > BOUNDARY_MAX)
        m->anomalies |= MIME_LONG_BOUNDARY;
    if (m->depth == MIME_DEPTH || !b.len) {
        m->anomalies |= MIME_MALFORMED;
        return;
    }
    m->boundary[m->depth].len = 0;
    sek_buffer_add(m->state->pool, &m->boundary[m->depth++], b.data, b.len, 1024);
}

static void attachment(struct mime *m, struct sek_bytes name)
{
    if (name.len > FILENAME_MAX_LEN) {
        m->anomalies |= MIME_LONG_FILENAME;
        name.len = FILENAME_MAX_LEN;
    }
    m->file = sek_app_file_new(m->state, m->tx, m->dir, name.data, name.len);
    sek_fields_add(m->state->pool, &m->attachments, (struct sek_bytes){0}, name, HEADER_LIMIT);
    m->is_text = false;
}

/* The blank line: what the fields say of the body that begins. */
static void headers_done(struct mime *m)
{
    struct sek_bytes type = {0}, v, name;
    bool typed = sek_fields_get(&m->part, "content-type", 0, &type);
    m->in_headers = false;
    m->main_done = true;
    m->encoding = MIME_PLAIN;
    m->quad = m->quad_count = 0;
    m->newline = false;
    m->is_text = !typed || sek_bytes_begin(type, "text/");
    m->skip = false;
    if (sek_fields_get(&m->part, "content-transfer-encoding", 0, &v))
        m->encoding = sek_bytes_begin(v, "base64")             ? MIME_BASE64
                      : sek_bytes_begin(v, "quoted-printable") ? MIME_QP
                                                               : MIME_PLAIN;
    if (typed && sek_bytes_begin(type, "multipart/")) {
        if (parameter(type, "boundary", &v))
            push_boundary(m, v);
        else
            m->anomalies |= MIME_MALFORMED;
        m->skip = true; /* the preamble */
    } else if ((sek_fields_get(&m->part, "content-disposition", 0, &v) &&
                parameter(v, "filename", &name)) ||
               (typed && parameter(type, "name", &name))) {
        attachment(m, name);
    } else if (typed && sek_bytes_begin(type, "message/rfc822")) {
        m->in_headers = true;
    }
    m->part.count = 0;
    m->part.text.len = 0;
}

static void header_line(struct mime *m, struct sek_bytes line)
{
    bool folded = line.len && (*line.data == ' ' || *line.data == '\t') && m->field.len;
    if (!folded)
        field_done(m);
    if (!line.len) {
        headers_done(m);
        return;
    }
    if (folded) {
        line = sek_bytes_trim(line);
        sek_buffer_add(m->state->pool, &m->field, " ", 1, HEADER_LIMIT);
    }
    sek_buffer_add(m->state->pool, &m->field, line.data, line.len, HEADER_LIMIT);
}

/* --- bodies --- */

static bool url_char(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '<' && c != '>' && c != '\'' && c != '\\';
}

/* The scheme of an address at the beginning of TEXT that is looked for; its length with what parts
 * it from the rest, 0: none. */
static uint32_t scheme_length(const struct mime *m, struct sek_bytes text)
{
    static const struct {
        const char *text;
        uint8_t bit;
    } schemes[] = {{"http://", SEK_URL_HTTP}, {"https://", SEK_URL_HTTPS}, {"ftp://", SEK_URL_FTP},
                   {"mailto:", SEK_URL_MAILTO}};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (m->state->settings->mail_url_schemes & schemes[i].bit &&
            sek_bytes_begin(text, schemes[i].text))
            return (uint32_t)strlen(schemes[i].text);
    return 0;
}

/* Addresses in a line of text. */
static void find_urls(struct mime *m, struct sek_bytes text)
{
    for (uint32_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i] | 32;
        if (c != 'h' && c != 'f' && c != 'm')
            continue;
        uint32_t n = scheme_length(m, (struct sek_bytes){text.data + i, text.len - i});
        if (!n)
            continue;
        uint32_t begin = i + (m->state->settings->mail_url_with_scheme ? 0 : n), end = i + n;
        while (end < text.len && url_char(text.data[end]))
            end++;
        if (end > i + n)
            sek_fields_add(m->state->pool, &m->urls, (struct sek_bytes){0},
                           (struct sek_bytes){text.data + begin, end - begin}, URLS_LIMIT);
        i = end - 1;
    }
}

static void emit(struct mime *m, const void *data, uint32_t len)
{
    if (m->file)
        sek_app_file_add(m->state, m->file, data, len);
    else if (m->is_text)
        find_urls(m, (struct sek_bytes){data, len});
}

static void base64_line(struct mime *m, struct sek_bytes line)
{
    uint8_t out[1024];
    uint32_t n = 0;
    if (line.len > ENC_LINE_MAX)
        m->anomalies |= MIME_LONG_ENC_LINE;
    for (uint32_t i = 0; i < line.len; i++) {
        uint8_t c = line.data[i];
        int digit = c == '-' || c == '_' ? -1 : sek_base64_digit((char)c);
        if (c == '=') { /* the end: what is there makes one or two bytes */
            if (m->quad_count >= 2)
                out[n++] = (uint8_t)(m->quad_count == 2 ? m->quad >> 4 : m->quad >> 10);
            if (m->quad_count == 3)
                out[n++] = (uint8_t)(m->quad >> 2);
            m->quad = m->quad_count = 0;
        } else if (digit >= 0) {
            m->quad = m->quad << 6 | (uint32_t)digit;
            if (++m->quad_count == 4) {
                out[n++] = (uint8_t)(m->quad >> 16);
                out[n++] = (uint8_t)(m->quad >> 8);
                out[n++] = (uint8_t)m->quad;
                m->quad = m->quad_count = 0;
            }
        } else if (c != ' ' && c != '\t') {
            m->anomalies |= MIME_INVALID_BASE64;
        }
        if (n > sizeof out - 4) {
            emit(m, out, n);
            n = 0;
        }
    }
    emit(m, out, n);
}

static void qp_line(struct mime *m, struct sek_bytes line)
{
    uint8_t out[1024];
    uint32_t n = 0;
    bool soft = false;
    if (line.len > ENC_LINE_MAX)
        m->anomalies |= MIME_LONG_ENC_LINE;
    for (uint32_t i = 0; i < line.len; i++) {
        uint8_t c = line.data[i];
        if (c == '=' && i + 1 == line.len) {
            soft = true;
            break;
        }
        if (c == '=') {
            int high = i + 2 < line.len ? sek_hex_digit((char)line.data[i + 1]) : -1;
            int low = i + 2 < line.len ? sek_hex_digit((char)line.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                m->anomalies |= MIME_INVALID_QP;
            } else {
                c = (uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        out[n++] = c;
        if (n == sizeof out) {
            emit(m, out, n);
            n = 0;
        }
    }
    emit(m, out, n);
    m->newline = !soft;
}

static void hash(struct mime *m, struct sek_bytes line)
{
    if (!m->md5) {
        m->md5 = EVP_MD_CTX_new();
        if (!m->md5 || !EVP_DigestInit_ex(m->md5, EVP_md5(), NULL))
            return;
    }
    if (m->md5_line)
        EVP_DigestUpdate(m->md5, "\r\n", 2);
    m->md5_line = true;
    EVP_DigestUpdate(m->md5, line.data, line.len);
}

static void body_line(struct mime *m, struct sek_bytes line)
{
    if (m->skip)
        return;
    if (m->newline) /* the line end before a boundary belongs to the boundary */
        emit(m, "\r\n", 2);
    m->newline = false;
    switch (m->encoding) {
    case MIME_BASE64:
        base64_line(m, line);
        return;
    case MIME_QP:
        qp_line(m, line);
        return;
    default:
        emit(m, line.data, line.len);
        m->newline = true;
    }
}

static void part_done(struct mime *m)
{
    if (m->quad_count >= 2 && m->encoding == MIME_BASE64) /* padding left out */
        base64_line(m, (struct sek_bytes){(const uint8_t *)"=", 1});
    if (m->file)
        m->file->base.closed = true;
    m->file = NULL;
    m->quad = m->quad_count = 0;
    m->newline = false;
}

/* "--boundary" of one of the entities around. */
static bool boundary_line(struct mime *m, struct sek_bytes line)
{
    if (line.len < 3 || line.data[0] != '-' || line.data[1] != '-')
        return false;
    for (unsigned d = m->depth; d-- > 0;) {
        const struct sek_buffer *b = &m->boundary[d];
        if (line.len - 2 < b->len || memcmp(line.data + 2, b->data, b->len))
            continue;
        struct sek_bytes rest = {line.data + 2 + b->len, line.len - 2 - b->len};
        bool close = sek_bytes_begin(rest, "--");
        if (!close && sek_bytes_trim(rest).len)
            continue;
        part_done(m);
        field_done(m);
        m->part.count = 0;
        m->part.text.len = 0;
        m->depth = close ? d : d + 1;
        m->in_headers = !close;
        m->skip = close; /* the epilogue */
        return true;
    }
    return false;
}

void mime_line(struct mime *m, struct sek_bytes line)
{
    if (line.len > LINE_MAX_LEN)
        m->anomalies |= MIME_LONG_LINE;
    if (m->main_done)
        hash(m, line);
    if (m->depth && boundary_line(m, line))
        return;
    if (m->in_headers)
        header_line(m, line);
    else
        body_line(m, line);
}

void mime_end(struct mime *m)
{
    uint8_t digest[16];
    if (m->in_headers)
        field_done(m);
    part_done(m);
    if (m->md5 && EVP_DigestFinal_ex(m->md5, digest, NULL))
        sek_hex_encode(digest, sizeof digest, m->body_md5);
    EVP_MD_CTX_free(m->md5);
    m->md5 = NULL;
}

void mime_free(struct mime *m)
{
    struct sek_pool *pool = m->state ? m->state->pool : NULL;
    if (!pool)
        return;
    EVP_MD_CTX_free(m->md5);
    sek_fields_free(pool, &m->headers);
    sek_fields_free(pool, &m->part);
    sek_fields_free(pool, &m->urls);
    sek_fields_free(pool, &m->attachments);
    sek_buffer_free(pool, &m->field);
    for (int i = 0; i < MIME_DEPTH; i++)
        sek_buffer_free(pool, &m->boundary[i]);
}
