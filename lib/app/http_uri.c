/* What a target means to a server: percent-decoding (with %u), separators, dot segments, and the
 * authority in lower case without its port. */
#include "lib/app/http.h"

#include "lib/base/encode.h"

/* Decode one character at P; returns how many bytes it took. */
static uint32_t decode_one(const uint8_t *p, uint32_t left, uint8_t *out)
{
    if (p[0] == '%' && left >= 3 && sek_hex_digit((char)p[1]) >= 0 && sek_hex_digit((char)p[2]) >= 0) {
        *out = (uint8_t)(sek_hex_digit((char)p[1]) << 4 | sek_hex_digit((char)p[2]));
        return 3;
    }
    if (p[0] == '%' && left >= 6 && (p[1] | 32) == 'u' && sek_hex_digit((char)p[2]) >= 0 && sek_hex_digit((char)p[3]) >= 0 &&
        sek_hex_digit((char)p[4]) >= 0 && sek_hex_digit((char)p[5]) >= 0) {
        int high = sek_hex_digit((char)p[2]) << 4 | sek_hex_digit((char)p[3]), low = sek_hex_digit((char)p[4]) << 4 | sek_hex_digit((char)p[5]);
        /* full-width forms fold to ASCII, as IIS does */
        *out = high == 0 ? (uint8_t)low : high == 0xff && low < 0x5f ? (uint8_t)(low + 0x20) : '?';
        return 6;
    }
    *out = p[0];
    return 1;
}

/* Remove "//", "/./" and "/../" in place (RFC 3986 section 5.2.4). */
static uint32_t remove_dots(uint8_t *p, uint32_t len)
{
    uint32_t out = 0;
    for (uint32_t i = 0; i < len;) {
        if (p[i] == '/') {
            uint32_t end = i + 1;
            while (end < len && p[end] != '/')
                end++;
            uint32_t size = end - i - 1;
            bool last = end == len;
            if (size == 0 && !last) {
                i++;
                continue;
            }
            if (size == 1 && p[i + 1] == '.') {
                if (last)
                    p[out++] = '/';
                i = end;
                continue;
            }
            if (size == 2 && p[i + 1] == '.' && p[i + 2] == '.') {
                while (out && p[--out] != '/')
                    ;
                if (last)
                    p[out++] = '/';
                i = end;
                continue;
            }
        }
        p[out++] = p[i++];
    }
    return out;
}

void http_uri_normalize(struct sek_pool *pool, struct http_tx *tx, struct sek_bytes target,
                        struct sek_buffer *out)
{
    const uint8_t *p = target.data;
    uint32_t len = target.len, i = 0;
    if (!len || !sek_buffer_room(pool, out, len))
        return;
    const uint8_t *slashes = len > 3 && p[0] != '/' ? memmem(p, len < 16 ? len : 16, "://", 3) : NULL;
    if (slashes) { /* absolute form: only path and query are the URI */
        i = (uint32_t)(slashes - p) + 3;
        while (i < len && p[i] != '/' && p[i] != '?')
            i++;
        if (i == len)
            i = len;
    }
    bool again = false;
    while (i < len && p[i] != '?' && p[i] != '#') {
        uint8_t c;
        i += decode_one(p + i, len - i, &c);
        if (c == '\\')
            c = '/';
        if (c == '%')
            again = true;
        out->data[out->len++] = c;
    }
    for (uint32_t k = 0; again && k + 2 < out->len; k++)
        if (out->data[k] == '%' && sek_hex_digit((char)out->data[k + 1]) >= 0 && sek_hex_digit((char)out->data[k + 2]) >= 0)
            sek_tx_event(&tx->base, SEK_TOSERVER, HTTP_EVENT_DOUBLE_ENCODED_URI);
    out->len = remove_dots(out->data, out->len);
    if (i < len && p[i] == '?')
        out->data[out->len++] = p[i++];
    while (i < len && p[i] != '#') {
        uint8_t c;
        i += decode_one(p + i, len - i, &c);
        out->data[out->len++] = c;
    }
    if (i < len) {
        memcpy(out->data + out->len, p + i, len - i);
        out->len += len - i;
    }
}

void http_host_normalize(struct sek_pool *pool, struct sek_bytes a, struct sek_buffer *out,
                         int *port)
{
    const uint8_t *at = a.len ? memrchr(a.data, '@', a.len) : NULL;
    if (at) { /* user information is not the host */
        a.len -= (uint32_t)(at + 1 - a.data);
        a.data = at + 1;
    }
    uint32_t end = a.len;
    const uint8_t *bracket = a.len && a.data[0] == '[' ? memchr(a.data, ']', a.len) : NULL;
    uint32_t from = bracket ? (uint32_t)(bracket - a.data) : 0;
    const uint8_t *colon = a.len > from ? memchr(a.data + from, ':', a.len - from) : NULL;
    if (colon) {
        long n = 0;
        end = (uint32_t)(colon - a.data);
        for (uint32_t i = end + 1; i < a.len && n < 100000; i++) {
            if (a.data[i] < '0' || a.data[i] > '9') {
                n = 0;
                break;
            }
            n = n * 10 + (a.data[i] - '0');
        }
        if (n > 0 && n < 65536)
            *port = (int)n;
    }
    while (end && a.data[end - 1] == '.')
        end--; /* the root label */
    if (!end || !sek_buffer_room(pool, out, end))
        return;
    for (uint32_t i = 0; i < end; i++) {
        uint8_t c = a.data[i];
        out->data[out->len++] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
    }
}
