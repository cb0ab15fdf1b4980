/* TLS and HTTP; DNS is in glance_dns.c. */
#include "agent/worker/glance.h"

#include <string.h>
#include <strings.h>

#define RECORD_HANDSHAKE 22
#define CLIENT_HELLO     1
#define EXTENSION_NAME   0
#define EXTENSION_ECH    0xfe0d /* RFC 9849 */
#define HEAD_LIMIT       16384

/* The handshake bytes of the records in DATA, joined into OUT. */
static uint32_t join_records(const uint8_t *data, uint32_t len, uint8_t *out, bool *is_tls)
{
    struct sek_reader r = sek_reader_make(data, len);
    uint32_t used = 0;
    *is_tls = true;
    while (sek_reader_left(&r) >= 5) {
        uint8_t type = sek_reader_u8(&r);
        uint16_t version = sek_reader_u16(&r);
        uint32_t size = sek_reader_u16(&r), left = sek_reader_left(&r);
        if (type != RECORD_HANDSHAKE || version >> 8 != 3) {
            *is_tls = used != 0;
            return used;
        }
        struct sek_bytes part = sek_reader_bytes(&r, size < left ? size : left);
        if (part.len > SEK_HELLO_LIMIT - used)
            part.len = SEK_HELLO_LIMIT - used;
        memcpy(out + used, part.data, part.len);
        used += part.len;
    }
    if (!used && len && data[0] != RECORD_HANDSHAKE)
        *is_tls = false;
    return used;
}

static bool server_name(struct sek_reader *extension, char name[SEK_NAME_SIZE])
{
    struct sek_reader list = sek_reader_sub(extension, sek_reader_u16(extension));
    while (sek_reader_left(&list) >= 3) {
        uint8_t type = sek_reader_u8(&list);
        struct sek_bytes value = sek_reader_bytes(&list, sek_reader_u16(&list));
        if (type == 0 && value.len && value.len < SEK_NAME_SIZE &&
            !memchr(value.data, '\0', value.len)) {
            memcpy(name, value.data, value.len);
            name[value.len] = '\0';
            return true;
        }
    }
    return false;
}

enum sek_glance sek_glance_hello(const uint8_t *data, uint32_t len, char name[SEK_NAME_SIZE],
                                 bool *ech)
{
    enum sek_glance seen = SEK_GLANCE_NONE;
    *ech = false;
    struct sek_reader r = sek_reader_make(data, len);
    uint8_t type = sek_reader_u8(&r);
    uint32_t size = sek_reader_u24(&r);
    if (!r.failed && (type != CLIENT_HELLO || size > SEK_HELLO_LIMIT - 4))
        return SEK_GLANCE_NONE;
    if (r.failed || sek_reader_left(&r) < size)
        return SEK_GLANCE_MORE;
    sek_reader_skip(&r, 2 + 32);
    sek_reader_skip(&r, sek_reader_u8(&r));  /* session */
    sek_reader_skip(&r, sek_reader_u16(&r)); /* cipher suites */
    sek_reader_skip(&r, sek_reader_u8(&r));  /* compression */
    struct sek_reader extensions = sek_reader_sub(&r, sek_reader_u16(&r));
    while (sek_reader_left(&extensions) >= 4) {
        uint16_t kind = sek_reader_u16(&extensions);
        struct sek_reader one = sek_reader_sub(&extensions, sek_reader_u16(&extensions));
        if (kind == EXTENSION_NAME && seen == SEK_GLANCE_NONE && server_name(&one, name))
            seen = SEK_GLANCE_FOUND;
        *ech = *ech || kind == EXTENSION_ECH;
    }
    return seen;
}

enum sek_glance sek_glance_tls(const uint8_t *data, uint32_t len, char name[SEK_NAME_SIZE],
                               bool *ech)
{
    static uint8_t hello[SEK_HELLO_LIMIT];
    bool is_tls;
    uint32_t have = join_records(data, len, hello, &is_tls);
    *ech = false;
    return is_tls ? sek_glance_hello(hello, have, name, ech) : SEK_GLANCE_NONE;
}

bool sek_glance_is_request(const uint8_t *data, uint32_t len)
{
    uint32_t i = 0;
    while (i < len && i < 16 && data[i] >= 'A' && data[i] <= 'Z')
        i++;
    return i >= 3 && (i == len || data[i] == ' ');
}

/* One header line into OUT. */
static void header_line(const uint8_t *line, uint32_t len, struct sek_glance_http *out)
{
    const uint8_t *colon = memchr(line, ':', len);
    if (!colon)
        return;
    uint32_t name = (uint32_t)(colon - line);
    struct sek_bytes value = {colon + 1, len - name - 1};
    while (value.len && (*value.data == ' ' || *value.data == '\t')) {
        value.data++;
        value.len--;
    }
    while (value.len && (value.data[value.len - 1] == ' ' || value.data[value.len - 1] == '\t'))
        value.len--;
    if (name == 4 && !strncasecmp((const char *)line, "host", 4) && !out->host.len) {
        out->host = value;
    } else if (name == 14 && !strncasecmp((const char *)line, "content-length", 14)) {
        for (uint32_t i = 0;
             i < value.len && value.data[i] >= '0' && value.data[i] <= '9' && i < 15; i++)
            out->body = out->body * 10 + (uint64_t)(value.data[i] - '0');
    } else if ((name == 17 && !strncasecmp((const char *)line, "transfer-encoding", 17)) ||
               (name == 7 && !strncasecmp((const char *)line, "upgrade", 7))) {
        out->unknown_body = true;
    }
}

/* Length of the line at DATA without its end, and of the end; -1: no end yet. */
static int32_t line_end(const uint8_t *data, uint32_t len, uint32_t *skip)
{
    const uint8_t *newline = memchr(data, '\n', len);
    if (!newline)
        return -1;
    uint32_t n = (uint32_t)(newline - data);
    *skip = n + 1;
    return (int32_t)(n && data[n - 1] == '\r' ? n - 1 : n);
}

enum sek_glance sek_glance_http(const uint8_t *data, uint32_t len, struct sek_glance_http *out)
{
    uint32_t at = 0, skip = 0;
    *out = (struct sek_glance_http){0};
    if (!sek_glance_is_request(data, len))
        return SEK_GLANCE_NONE;
    int32_t n = line_end(data, len, &skip);
    if (n >= 0) {
        const uint8_t *first = memchr(data, ' ', (size_t)n);
        const uint8_t *last = first ? memrchr(data, ' ', (size_t)n) : NULL;
        if (!first || last == first)
            return SEK_GLANCE_NONE;
        out->target = (struct sek_bytes){first + 1, (uint32_t)(last - first - 1)};
        at = skip;
    }
    while (n >= 0 && (n = line_end(data + at, len - at, &skip)) >= 0) {
        if (n == 0) {
            out->head = at + skip;
            return SEK_GLANCE_FOUND;
        }
        header_line(data + at, (uint32_t)n, out);
        at += skip;
    }
    return len >= HEAD_LIMIT ? SEK_GLANCE_NONE : SEK_GLANCE_MORE;
}
