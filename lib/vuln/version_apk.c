/* Both versions are read token by token; the first difference decides. A later kind of token means
 * a shorter version, except that _alpha, _beta, _pre and _rc come before the plain version. */
#include "lib/vuln/version_apk.h"

#include <stddef.h>
#include <string.h>

enum kind { FIRST_DIGITS, DIGITS, LETTER, SUFFIX, SUFFIX_NUMBER, HASH, REVISION, END, INVALID };

struct token {
    enum kind kind;
    const char *at; /* of the value */
    size_t len;
    int suffix; /* index in suffixes */
};

static const char *const suffixes[] = {"alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg",
                                       "p"};
#define FIRST_LATER_SUFFIX 4

static size_t span_digits(const char *p)
{
    return strspn(p, "0123456789");
}

static struct token invalid(const char *p)
{
    return (struct token){INVALID, p, strlen(p), 0};
}

static struct token suffix_token(const char *p)
{
    size_t len = strspn(p, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strlen(suffixes[i]) == len && !strncmp(p, suffixes[i], len))
            return (struct token){SUFFIX, p, len, (int)i};
    return invalid(p);
}

static struct token digits_token(enum kind kind, const char *p)
{
    size_t len = span_digits(p);
    return len ? (struct token){kind, p, len, 0} : invalid(p);
}

/* The token that follows one of kind BEFORE, at *P, which moves past it. */
static struct token next(enum kind before, const char **p)
{
    const char *at = *p;
    struct token t;
    bool after_digits = before == FIRST_DIGITS || before == DIGITS;
    if (!*at)
        return (struct token){END, at, 0, 0};
    if (*at == '.' && after_digits)
        t = digits_token(DIGITS, at + 1);
    else if (*at >= 'a' && *at <= 'z' && after_digits)
        t = (struct token){LETTER, at, 1, 0};
    else if (*at == '_' && before <= SUFFIX_NUMBER)
        t = suffix_token(at + 1);
    else if (span_digits(at) && before == SUFFIX)
        t = digits_token(SUFFIX_NUMBER, at);
    else if (*at == '~' && before < HASH)
        t = (struct token){HASH, at + 1, strspn(at + 1, "0123456789abcdef"), 0};
    else if (at[0] == '-' && at[1] == 'r' && before < REVISION)
        t = digits_token(REVISION, at + 2);
    else
        t = invalid(at);
    if (t.kind == HASH && !t.len)
        t = invalid(at);
    *p = t.at + t.len;
    return t;
}

static int compare_text(const struct token *a, const struct token *b)
{
    size_t len = a->len < b->len ? a->len : b->len;
    int order = memcmp(a->at, b->at, len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static int compare_number(struct token a, struct token b)
{
    while (a.len > 1 && *a.at == '0') {
        a.at++;
        a.len--;
    }
    while (b.len > 1 && *b.at == '0') {
        b.at++;
        b.len--;
    }
    if (a.len != b.len)
        return a.len > b.len ? 1 : -1;
    return compare_text(&a, &b);
}

static int compare_value(const struct token *a, const struct token *b)
{
    switch (a->kind) {
    case FIRST_DIGITS:
    case SUFFIX_NUMBER:
    case REVISION:
        return compare_number(*a, *b);
    case DIGITS: /* 1.01 is a fraction: it sorts before 1.1 */
        return *a->at == '0' || *b->at == '0' ? compare_text(a, b) : compare_number(*a, *b);
    case SUFFIX:
        return a->suffix - b->suffix;
    default:
        return compare_text(a, b);
    }
}

int sek_version_apk(const char *a, const char *b)
{
    struct token x = digits_token(FIRST_DIGITS, a), y = digits_token(FIRST_DIGITS, b);
    a = x.at + x.len;
    b = y.at + y.len;
    while (x.kind == y.kind) {
        int order = compare_value(&x, &y);
        if (order || x.kind == END || x.kind == INVALID)
            return order;
        x = next(x.kind, &a);
        y = next(y.kind, &b);
    }
    if (x.kind == SUFFIX && x.suffix < FIRST_LATER_SUFFIX)
        return -1;
    if (y.kind == SUFFIX && y.suffix < FIRST_LATER_SUFFIX)
        return 1;
    return x.kind > y.kind ? -1 : 1;
}

bool sek_version_apk_valid(const char *text)
{
    struct token t = digits_token(FIRST_DIGITS, text);
    text = t.at + t.len;
    while (t.kind != END && t.kind != INVALID)
        t = next(t.kind, &text);
    return t.kind == END;
}
