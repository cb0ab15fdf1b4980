/* Growable strings and the JSON writer. */
#include "lib/base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sek_text_free(struct sek_text *t)
{
    free(t->data);
    *t = (struct sek_text){0};
}

static bool text_room(struct sek_text *t, size_t more)
{
    if (t->failed)
        return false;
    if (t->cap - t->len > more && t->data)
        return true;
    size_t cap = t->cap ? t->cap : 256;
    while (cap - t->len <= more)
        cap *= 2;
    char *data = realloc(t->data, cap);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void sek_text_add(struct sek_text *t, const void *data, size_t len)
{
    if (!text_room(t, len))
        return;
    if (len)
        memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void sek_text_puts(struct sek_text *t, const char *s)
{
    sek_text_add(t, s, strlen(s));
}

void sek_text_putc(struct sek_text *t, char c)
{
    sek_text_add(t, &c, 1);
}

void sek_text_printf(struct sek_text *t, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int need = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (need >= 0 && text_room(t, (size_t)need)) {
        vsnprintf(t->data + t->len, (size_t)need + 1, fmt, again);
        t->len += (size_t)need;
    }
    va_end(again);
}

/* C0 and DEL, and C1 as UTF-8 writes it. */
static size_t control_length(const char *at)
{
    const unsigned char *c = (const unsigned char *)at;
    if ((c[0] < 0x20 && c[0] != '\t') || c[0] == 0x7f)
        return 1;
    return c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0 ? 2 : 0;
}

void sek_print_line(FILE *out, const char *fmt, ...)
{
    char *line = NULL;
    va_list ap;
    va_start(ap, fmt);
    int n = vasprintf(&line, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    for (const char *at = line; *at;) {
        size_t control = control_length(at);
        for (size_t i = 0; i < control; i++)
            fprintf(out, "\\x%02x", (unsigned char)at[i]);
        if (!control)
            fputc(*at, out);
        at += control ? control : 1;
    }
    fputc('\n', out);
    free(line);
}

static void json_key(struct sek_text *t, const char *key)
{
    if (t->len) {
        char last = t->data[t->len - 1];
        if (last != '{' && last != '[' && last != '\n')
            sek_text_putc(t, ',');
    }
    if (key) {
        sek_text_putc(t, '"');
        sek_text_puts(t, key);
        sek_text_add(t, "\":", 2);
    }
}

void sek_json_open(struct sek_text *t, const char *key, char bracket)
{
    json_key(t, key);
    sek_text_putc(t, bracket);
}

void sek_json_close(struct sek_text *t, char bracket)
{
    sek_text_putc(t, bracket);
}

/* Length of the valid UTF-8 sequence at P, or 0 (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        if (left < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f))
            return 0;
        return 3;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        if (left < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
            return 0;
        if ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
            return 0;
        return 4;
    }
    return 0;
}

void sek_json_bytes(struct sek_text *t, const char *key, const void *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = data;
    json_key(t, key);
    sek_text_putc(t, '"');
    size_t plain = 0;
    for (size_t i = 0; i < len;) {
        uint8_t c = p[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t wide = c >= 0x80 ? utf8_length(p + i, len - i) : 0;
        if (wide) {
            i += wide;
            continue;
        }
        sek_text_add(t, p + plain, i - plain);
        char esc[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
        switch (c) {
        case '"':
        case '\\':
            esc[1] = (char)c;
            sek_text_add(t, esc, 2);
            break;
        case '\n':
            sek_text_add(t, "\\n", 2);
            break;
        case '\r':
            sek_text_add(t, "\\r", 2);
            break;
        case '\t':
            sek_text_add(t, "\\t", 2);
            break;
        default:
            sek_text_add(t, esc, 6);
        }
        plain = ++i;
    }
    if (len > plain)
        sek_text_add(t, p + plain, len - plain);
    sek_text_putc(t, '"');
}

void sek_json_str(struct sek_text *t, const char *key, const char *value)
{
    sek_json_bytes(t, key, value, strlen(value));
}

void sek_json_uint(struct sek_text *t, const char *key, uint64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    json_key(t, key);
    sek_text_add(t, digits, (size_t)n);
}

void sek_json_int(struct sek_text *t, const char *key, int64_t value)
{
    json_key(t, key);
    sek_text_printf(t, "%lld", (long long)value);
}

void sek_json_real(struct sek_text *t, const char *key, double value)
{
    json_key(t, key);
    if (!isfinite(value))
        sek_text_puts(t, "null");
    else
        sek_text_printf(t, "%.6g", value);
}

void sek_json_bool(struct sek_text *t, const char *key, bool value)
{
    json_key(t, key);
    sek_text_puts(t, value ? "true" : "false");
}

void sek_json_hex(struct sek_text *t, const char *key, const void *data, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = data;
    json_key(t, key);
    sek_text_putc(t, '"');
    if (text_room(t, len * 2)) {
        for (size_t i = 0; i < len; i++) {
            t->data[t->len++] = hex[p[i] >> 4];
            t->data[t->len++] = hex[p[i] & 15];
        }
        t->data[t->len] = '\0';
    }
    sek_text_putc(t, '"');
}

void sek_json_base64(struct sek_text *t, const char *key, const void *data, size_t len)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *p = data;
    json_key(t, key);
    sek_text_putc(t, '"');
    if (text_room(t, (len + 2) / 3 * 4)) {
        for (size_t i = 0; i < len; i += 3) {
            uint32_t v = (uint32_t)p[i] << 16;
            if (i + 1 < len)
                v |= (uint32_t)p[i + 1] << 8;
            if (i + 2 < len)
                v |= p[i + 2];
            t->data[t->len++] = set[v >> 18];
            t->data[t->len++] = set[v >> 12 & 63];
            t->data[t->len++] = i + 1 < len ? set[v >> 6 & 63] : '=';
            t->data[t->len++] = i + 2 < len ? set[v & 63] : '=';
        }
        t->data[t->len] = '\0';
    }
    sek_text_putc(t, '"');
}

void sek_json_printable(struct sek_text *t, const char *key, const void *data, size_t len)
{
    const uint8_t *p = data;
    json_key(t, key);
    sek_text_putc(t, '"');
    for (size_t i = 0; i < len; i++) {
        char c = (char)p[i];
        if (c == '"' || c == '\\')
            sek_text_putc(t, '\\');
        if (c == '\r')
            sek_text_add(t, "\\r", 2);
        else if (c == '\n')
            sek_text_add(t, "\\n", 2);
        else
            sek_text_putc(t, p[i] >= 0x20 && p[i] < 0x7f ? c : '.');
    }
    sek_text_putc(t, '"');
}
