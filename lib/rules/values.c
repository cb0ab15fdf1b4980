/* Small pieces of rule text: numbers, comparisons, quoted content. */
#include "lib/rules/builder.h"

#include "lib/base/encode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

char *text_trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

char *text_next(char **list)
{
    if (!*list)
        return NULL;
    char *item = *list, *comma = strchr(item, ',');
    if (comma)
        *comma++ = '\0';
    *list = comma;
    return text_trim(item);
}

bool text_int(const char *s, int64_t low, int64_t high, int64_t *out)
{
    char *end;
    errno = 0;
    while (isspace((unsigned char)*s))
        s++;
    const char *digits = *s == '-' || *s == '+' ? s + 1 : s;
    int base = digits[0] == '0' && (digits[1] | 32) == 'x' ? 16 : 10;
    long long v = strtoll(s, &end, base);
    while (isspace((unsigned char)*end))
        end++;
    if (errno || end == s || *end || v < low || v > high)
        return false;
    *out = v;
    return true;
}

/* "64kb", "2 MiB": the number without its unit in DIGITS; 1 when there is no unit. */
static uint64_t unit_of(const char *s, char digits[32])
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"kib", 10}, {"kb", 10}, {"mib", 20}, {"mb", 20}, {"gib", 30}, {"gb", 30}};
    size_t len = strlen(s);
    for (size_t i = 0; len < 32 && i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].name);
        if (len <= n || strcasecmp(s + len - n, units[i].name))
            continue;
        memcpy(digits, s, len - n);
        digits[len - n] = '\0';
        return 1ull << units[i].shift;
    }
    return 1;
}

static bool number_or_word(const char *s, const char *const *words, uint64_t *out)
{
    char digits[32];
    int64_t v;
    for (; words && *words; words += 2) {
        if (!strcasecmp(*words, s)) {
            *out = strtoull(words[1], NULL, 10);
            return true;
        }
    }
    uint64_t unit = unit_of(s, digits);
    if (!text_int(unit > 1 ? digits : s, 0, (int64_t)(INT64_MAX / unit), &v))
        return false;
    *out = (uint64_t)v * unit;
    return true;
}

/* "MASK=VALUE" or "MASK!=VALUE", what follows '&'. */
static bool mask_parse(char *s, struct sek_compare *out)
{
    char *equals = strchr(s, '=');
    if (!equals || equals == s)
        return false;
    bool differs = equals[-1] == '!';
    equals[differs ? -1 : 0] = '\0';
    out->op = differs ? SEK_MASK_IS_NOT : SEK_MASK_IS;
    return number_or_word(text_trim(s), NULL, &out->high) &&
           number_or_word(text_trim(equals + 1), NULL, &out->low) && !(out->low & ~out->high);
}

bool compare_parse(const char *s, const char *const *words, struct sek_compare *out)
{
    char copy[128];
    if (strlen(s) >= sizeof copy)
        return false;
    strcpy(copy, s);
    char *t = text_trim(copy), *range;
    bool negated = false;
    if (*t == '!' && t[1] != '=') {
        negated = true;
        t = text_trim(t + 1);
    }
    *out = (struct sek_compare){0};
    if (*t == '&')
        return !negated && mask_parse(t + 1, out);
    if ((range = strstr(t, "<>")) && range != t) {
        *range = '\0';
        if (!number_or_word(text_trim(t), words, &out->low) ||
            !number_or_word(text_trim(range + 2), words, &out->high) || out->low >= out->high)
            return false;
        out->op = SEK_RANGE; /* exclusive on both sides */
        out->low++;
        out->high--;
    } else if (isdigit((unsigned char)*t) && (range = strchr(t, '-'))) {
        *range = '\0';
        if (!number_or_word(text_trim(t), words, &out->low) ||
            !number_or_word(text_trim(range + 1), words, &out->high) || out->low >= out->high)
            return false;
        out->op = SEK_RANGE; /* exclusive too: RFC-like inclusive ranges are written <= and >= */
        if (out->high - out->low > 1) {
            out->low++;
            out->high--;
        }
    } else {
        static const struct {
            const char *text;
            enum sek_compare_op op;
        } ops[] = {{">=", SEK_GE}, {"<=", SEK_LE}, {"!=", SEK_NE}, {"==", SEK_EQ},
                   {">", SEK_GT},  {"<", SEK_LT},  {"=", SEK_EQ}};
        out->op = SEK_EQ;
        for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
            size_t n = strlen(ops[i].text);
            if (!strncmp(t, ops[i].text, n)) {
                out->op = ops[i].op;
                t = text_trim(t + n);
                break;
            }
        }
        if (!number_or_word(t, words, &out->low))
            return false;
    }
    if (negated) {
        if (out->op == SEK_EQ)
            out->op = SEK_NE;
        else if (out->op == SEK_RANGE)
            out->op = SEK_NOT_RANGE;
        else
            return false;
    }
    return true;
}

bool sek_compare_parse(const char *text, const char *const *words, struct sek_compare *out)
{
    return compare_parse(text, words, out);
}

bool text_unquote(char **s, bool *negated)
{
    char *t = text_trim(*s);
    *negated = false;
    if (*t == '!') {
        *negated = true;
        t = text_trim(t + 1);
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
    if (!text_int(s, low, high, &v))
        return builder_fail(b, SEK_EINVAL,
                            "found '%s', expected a number %lld..%lld or a variable of an earlier "
                            "byte_extract",
                            s, (long long)low, (long long)high);
    *out = (struct sek_value){.number = v, .var = -1};
    return SEK_OK;
}
