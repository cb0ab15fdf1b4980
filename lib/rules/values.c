/* Small pieces of rule text: numbers, comparisons, quoted content. */
#include "lib/rules/builder.h"

#include "lib/base/encode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

char *text_next(char **list)
{
    if (!*list)
        return NULL;
    char *item = *list, *comma = strchr(item, ',');
    if (comma)
        *comma++ = '\0';
    *list = comma;
    return sek_text_trim(item);
}

bool text_unquote(char **s, bool *negated)
{
    char *t = sek_text_trim(*s);
    *negated = false;
    if (*t == '!') {
        *negated = true;
        t = sek_text_trim(t + 1);
    }
    size_t n = strlen(t);
    if (*t == '"') {
        if (n < 2 || t[n - 1] != '"')
            return false;
        t[n - 1] = '\0';
        t++;
    }
    *s = t;
    return true;
}

enum sek_error content_bytes(struct builder *b, const char *text, size_t len, uint8_t **out,
                             uint16_t *out_len)
{
    uint8_t *bytes = sek_arena_alloc(b->arena, len + 1);
    size_t n = 0;
    bool hex = false;
    int high = -1;
    if (!bytes)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '|') {
            if (hex && high >= 0)
                return builder_fail(b, SEK_EINVAL, "odd number of hex digits in '%.60s'", text);
            hex = !hex;
        } else if (hex) {
            if (c == ' ')
                continue;
            int d = sek_hex_digit(c);
            if (d < 0)
                return builder_fail(b, SEK_EINVAL, "found '%c' between | |, expected hex digits", c);
            if (high < 0) {
                high = d;
            } else {
                bytes[n++] = (uint8_t)(high << 4 | d);
                high = -1;
            }
        } else if (c == '\\' && i + 1 < len) {
            c = text[++i];
            if (!strchr(";:\"\\|,", c))
                bytes[n++] = '\\';
            bytes[n++] = (uint8_t)c;
        } else {
            bytes[n++] = (uint8_t)c;
        }
    }
    if (hex)
        return builder_fail(b, SEK_EINVAL, "found no closing '|' in '%.60s'", text);
    if (!n || n > 4096)
        return builder_fail(b, SEK_EINVAL, "found %zu bytes of content, expected 1..4096", n);
    *out = bytes;
    *out_len = (uint16_t)n;
    return SEK_OK;
}

enum sek_error value_parse(struct builder *b, const char *s, int64_t low, int64_t high,
                           struct sek_value *out)
{
    for (unsigned i = 0; i < b->var_count; i++) {
        if (!strcmp(b->var_names[i], s)) {
            *out = (struct sek_value){.var = (int8_t)i};
            return SEK_OK;
        }
    }
    int64_t v;
    if (!sek_text_int(s, low, high, &v))
        return builder_fail(b, SEK_EINVAL,
                            "found '%s', expected a number %lld..%lld or a variable of an earlier "
                            "byte_extract",
                            s, (long long)low, (long long)high);
    *out = (struct sek_value){.number = v, .var = -1};
    return SEK_OK;
}
