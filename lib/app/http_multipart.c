/* Files of a form (multipart/form-data, RFC 7578): each part of a request's body that has a file
 * name is a file of its own. The body is taken apart when it is complete; what is kept of it bounds
 * it. */
#include "lib/app/http.h"

#include "lib/app/fields.h"
#include "lib/app/file.h"

#define FILE_NAME_MAX 1024u

/* The value of NAME="value" or NAME=value in a header field. */
static bool parameter(struct sek_bytes v, const char *name, struct sek_bytes *out)
{
    size_t n = strlen(name);
    const uint8_t *p = v.data, *end = v.data + v.len;
    while (p && (p = memmem(p, (size_t)(end - p), name, n))) {
        bool begins = p > v.data && (p[-1] == ' ' || p[-1] == ';' || p[-1] == '\t');
        p += n;
        if (!begins || p >= end || *p != '=')
            continue;
        p++;
        bool quoted = p < end && *p == '"';
        p += quoted;
        const uint8_t *stop = p;
        while (stop < end && (quoted ? *stop != '"' : *stop != ';' && *stop != ' '))
            stop++;
        *out = (struct sek_bytes){p, (uint32_t)(stop - p)};
        return true;
    }
    return false;
}

/* The head of a part: its file name. Returns the bytes up to the content, 0 when it has no end. */
static uint32_t part_head(const uint8_t *data, uint32_t len, struct sek_bytes *name, bool *bad)
{
    uint32_t pos = 0, n;
    struct sek_bytes line;
    *name = (struct sek_bytes){0};
    while ((n = sek_line_next(data + pos, len - pos, &line))) {
        pos += n;
        if (!line.len)
            return pos;
        *bad |= !memchr(line.data, ':', line.len) && *line.data != ' ' && *line.data != '\t';
        if (sek_bytes_begin(line, "content-disposition:"))
            parameter(line, "filename", name);
    }
    return 0;
}

/* "CRLF--boundary" from DATA on; LEN when there is none. */
static uint32_t part_length(const uint8_t *data, uint32_t len, struct sek_bytes boundary)
{
    for (uint32_t at = 0; at + 4 + boundary.len <= len;) {
        const uint8_t *p = memmem(data + at, len - at, "\r\n--", 4);
        if (!p)
            return len;
        at = (uint32_t)(p - data);
        if (len - at - 4 >= boundary.len && !memcmp(p + 4, boundary.data, boundary.len))
            return at;
        at += 2;
    }
    return len;
}

bool http_is_form(const struct http_tx *tx)
{
    return sek_bytes_begin(http_field_value(&tx->message[0], "content-type"),
                           "multipart/form-data");
}

void http_multipart(struct http_state *h, struct http_tx *tx)
{
    struct http_message *m = &tx->message[0];
    struct sek_bytes type = http_field_value(m, "content-type"), boundary, name;
    const uint8_t *p = m->body.data;
    uint32_t left = m->body.len;
    if (!http_is_form(tx))
        return;
    if (!parameter(type, "boundary", &boundary) || !boundary.len || left < boundary.len + 2 ||
        memcmp(p, "--", 2) || memcmp(p + 2, boundary.data, boundary.len)) {
        sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_FORM_ERROR);
        return;
    }
    while (left > boundary.len + 4) {
        p += boundary.len + 2; /* "--boundary", and its line's end */
        left -= boundary.len + 2;
        if (memcmp(p, "\r\n", 2))
            return; /* the last one has "--" */
        bool bad = false;
        uint32_t head = part_head(p + 2, left - 2, &name, &bad);
        if (!head || bad)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_FORM_HEADER);
        if (!head)
            return;
        p += 2 + head;
        left -= 2 + head;
        uint32_t size = part_length(p, left, boundary);
        if (name.len && !size)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_FORM_EMPTY_FILE);
        if (name.len > FILE_NAME_MAX)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_FILE_NAME);
        struct sek_app_file *f =
            name.len ? sek_app_file_new(&h->base, &tx->base, SEK_TOSERVER, name.data, name.len)
                     : NULL;
        sek_app_file_add(&h->base, f, p, size);
        if (f) {
            f->base.closed = size < left;
            f->base.truncated |= size == left;
            tx->form_files = true;
        }
        p += size;
        left -= size;
        if (left < 2)
            return;
        p += 2; /* the CRLF that belongs to the boundary */
        left -= 2;
    }
}
