/* Canonical forms of names and URLs, so that a listed value and a seen value compare as bytes. A
 * name is lower-case ASCII without a trailing dot; a URL loses what an attacker can vary without
 * changing its meaning: case of the host, default port, credentials, fragment, dot segments, and
 * percent-encoding of characters that need none (RFC 3986 section 6.2.2). */
#include "lib/reputation/internal.h"

#include <string.h>

#define NAME_LIMIT 253

static bool name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c >= 0x80;
}

size_t reputation_domain_key(const char *name, size_t len, uint8_t *key)
{
    size_t label = 0;
    if (len && name[len - 1] == '.')
        len--;
    if (!len || len > NAME_LIMIT)
        return 0;
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name[i];
        if (c >= 'A' && c <= 'Z')
            c = (uint8_t)(c + 32);
        if (c == '.') {
            if (!label)
                return 0;
            label = 0;
        } else if (!name_char(c) || ++label > 63) {
            return 0;
        }
        key[i] = c;
    }
    return label ? len : 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool unreserved(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

/* Copy one character or escape of the target at *POS; returns bytes written (1 or 3). */
static size_t copy_escaped(const char *text, size_t len, size_t *pos, uint8_t *out)
{
    static const char digits[] = "0123456789ABCDEF";
    int high, low;
    char c = text[*pos];
    if (c == '%' && *pos + 2 < len && (high = hex_value(text[*pos + 1])) >= 0 &&
        (low = hex_value(text[*pos + 2])) >= 0) {
        int value = high << 4 | low;
        *pos += 3;
        if (unreserved(value)) {
            out[0] = (uint8_t)value;
            return 1;
        }
        out[0] = '%';
        out[1] = (uint8_t)digits[high];
        out[2] = (uint8_t)digits[low];
        return 3;
    }
    (*pos)++;
    out[0] = (uint8_t)c;
    return 1;
}

/* Remove "." and ".." segments of the path in KEY[START..LEN), in place; returns the new length. */
static size_t remove_dots(uint8_t *key, size_t start, size_t len)
{
    size_t out = start;
    for (size_t i = start; i < len;) {
        size_t next = i + 1;
        while (next < len && key[next] != '/')
            next++;
        size_t segment = next - i - 1;
        bool last = next == len;
        if (segment == 1 && key[i + 1] == '.') {
            if (last)
                key[out++] = '/';
        } else if (segment == 2 && key[i + 1] == '.' && key[i + 2] == '.') {
            while (out > start && key[--out] != '/')
                ;
            if (last)
                key[out++] = '/';
        } else {
            memmove(key + out, key + i, next - i);
            out += next - i;
        }
        i = next;
    }
    return out;
}

/* Strip the scheme and authority of an absolute URL: a proxy-style target names its own host. */
static void split_absolute(const char **host, size_t *host_len, const char **target,
                           size_t *target_len)
{
    const char *text = *target;
    size_t len = *target_len, i = 0;
    while (i < len && i < 12 && text[i] != ':' && text[i] != '/')
        i++;
    if (!i || i + 3 > len || memcmp(text + i, "://", 3) != 0)
        return;
    size_t begin = i + 3, end = begin;
    while (end < len && text[end] != '/' && text[end] != '?' && text[end] != '#')
        end++;
    *host = text + begin;
    *host_len = end - begin;
    *target = text + end;
    *target_len = len - end;
}

static size_t host_key(const char *host, size_t len, uint8_t *key)
{
    for (size_t i = 0; i < len; i++) {
        if (host[i] == '@') {
            host += i + 1;
            len -= i + 1;
            i = (size_t)-1;
        }
    }
    size_t used = 0, colon = len;
    for (size_t i = 0; i < len && i < NAME_LIMIT; i++) {
        char c = host[i];
        if (c == ':')
            colon = i;
        else if (c == ']')
            colon = len;
        key[used++] = (uint8_t)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    if (colon < used) {
        size_t port = used - colon - 1;
        bool standard = (port == 2 && !memcmp(key + colon + 1, "80", 2)) ||
                        (port == 3 && !memcmp(key + colon + 1, "443", 3));
        if (standard || port == 0)
            used = colon;
    }
    while (used && key[used - 1] == '.')
        used--;
    return used;
}

size_t reputation_url_key(const char *host, size_t host_len, const char *target, size_t target_len,
                          uint8_t *key)
{
    split_absolute(&host, &host_len, &target, &target_len);
    size_t used = host_key(host, host_len, key), path = used;
    bool query = false;
    if (!used)
        return 0;
    if (!target_len || target[0] != '/')
        key[used++] = '/';
    for (size_t i = 0; i < target_len && used + 3 <= REPUTATION_KEY;) {
        if (target[i] == '#')
            break;
        if (target[i] == '?' && !query) {
            query = true;
            used = remove_dots(key, path, used);
        }
        used += copy_escaped(target, target_len, &i, key + used);
    }
    return query ? used : remove_dots(key, path, used);
}
