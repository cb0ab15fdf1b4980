/* Numbers and comparisons as rules write them. */
#include "lib/base/compare.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *sek_text_trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

bool sek_text_int(const char *s, int64_t low, int64_t high, int64_t *out)
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
    if (!sek_text_int(unit > 1 ? digits : s, 0, (int64_t)(INT64_MAX / unit), &v))
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
    return number_or_word(sek_text_trim(s), NULL, &out->high) &&
           number_or_word(sek_text_trim(equals + 1), NULL, &out->low) && !(out->low & ~out->high);
}

bool sek_compare_parse(const char *s, const char *const *words, struct sek_compare *out)
{
    char copy[128];
    if (strlen(s) >= sizeof copy)
        return false;
    strcpy(copy, s);
    char *t = sek_text_trim(copy), *range;
    bool negated = false;
    if (*t == '!' && t[1] != '=') {
        negated = true;
        t = sek_text_trim(t + 1);
    }
    *out = (struct sek_compare){0};
    if (*t == '&')
        return !negated && mask_parse(t + 1, out);
    if ((range = strstr(t, "<>")) && range != t) {
        *range = '\0';
        if (!number_or_word(sek_text_trim(t), words, &out->low) ||
            !number_or_word(sek_text_trim(range + 2), words, &out->high) || out->low >= out->high)
            return false;
        out->op = SEK_RANGE; /* exclusive on both sides */
        out->low++;
        out->high--;
    } else if (isdigit((unsigned char)*t) && (range = strchr(t, '-'))) {
        *range = '\0';
        if (!number_or_word(sek_text_trim(t), words, &out->low) ||
            !number_or_word(sek_text_trim(range + 1), words, &out->high) || out->low >= out->high)
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
                t = sek_text_trim(t + n);
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
