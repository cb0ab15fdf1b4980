/* Both orders are walks over two texts at once. What the specifications would refuse is compared
 * by the same rules, so that the order is total. */
#include "lib/vuln/version_language.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* --- numbers of any length --- */

struct digits {
    const char *at;
    size_t len;
};

/* The digits at *P without leading zeros; *P moves past them. */
static struct digits take_digits(const char **p)
{
    while (**p == '0' && isdigit((unsigned char)(*p)[1]))
        ++*p;
    struct digits d = {*p, strspn(*p, "0123456789")};
    *p += d.len;
    if (d.len == 1 && *d.at == '0')
        d.len = 0;
    return d;
}

static int compare_digits(struct digits a, struct digits b)
{
    if (a.len != b.len)
        return a.len < b.len ? -1 : 1;
    return a.len ? memcmp(a.at, b.at, a.len) : 0;
}

/* --- PEP 440: [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local] --- */

struct python {
    struct digits epoch, pre, post, dev;
    const char *release; /* N(.N)* */
    int phase;           /* of a prerelease: a, b, rc are 0, 1, 2; -1: none */
    bool has_post, has_dev;
    const char *local;
};

static void skip_mark(const char **p)
{
    *p += **p == '.' || **p == '-' || **p == '_';
}

/* The word at *P (after a mark) is one of WORDS: its number, else -1. *P moves past it. */
static int take_word(const char **p, const char *const *words)
{
    const char *at = *p;
    skip_mark(&at);
    for (int i = 0; words[i]; i++) {
        size_t len = strlen(words[i]);
        if (strncasecmp(at, words[i], len) || isalpha((unsigned char)at[len]))
            continue;
        *p = at + len;
        return i;
    }
    return -1;
}

static struct digits take_number(const char **p)
{
    const char *at = *p;
    skip_mark(&at);
    if (isdigit((unsigned char)*at))
        *p = at;
    return take_digits(p);
}

static struct python read_python(const char *text)
{
    static const char *const phases[] = {"a", "alpha", "b",       "beta", "rc",
                                         "c", "pre",   "preview", NULL};
    static const char *const posts[] = {"post", "rev", "r", NULL};
    static const char *const devs[] = {"dev", NULL};
    struct python v = {.phase = -1};
    while (isspace((unsigned char)*text))
        text++;
    text += *text == 'v' || *text == 'V';
    const char *p = text, *bang = text + strspn(text, "0123456789");
    if (*bang == '!') {
        v.epoch = take_digits(&p);
        p = bang + 1;
    }
    v.release = p;
    p += strspn(p, "0123456789");
    while (*p == '.' && isdigit((unsigned char)p[1]))
        p += 1 + strspn(p + 1, "0123456789");
    int word = take_word(&p, phases);
    if (word >= 0) {
        v.phase = word < 2 ? 0 : word < 4 ? 1 : 2;
        v.pre = take_number(&p);
    }
    if (take_word(&p, posts) >= 0) {
        v.has_post = true;
        v.post = take_number(&p);
    } else if (*p == '-' && isdigit((unsigned char)p[1])) {
        v.has_post = true;
        p++;
        v.post = take_digits(&p);
    }
    if (take_word(&p, devs) >= 0) {
        v.has_dev = true;
        v.dev = take_number(&p);
    }
    v.local = *p == '+' ? p + 1 : "";
    return v;
}

/* Missing parts are zeros. */
static int compare_release(const char *a, const char *b)
{
    while (isdigit((unsigned char)*a) || isdigit((unsigned char)*b)) {
        int order = compare_digits(take_digits(&a), take_digits(&b));
        if (order)
            return order;
        a += *a == '.' && isdigit((unsigned char)a[1]);
        b += *b == '.' && isdigit((unsigned char)b[1]);
    }
    return 0;
}

/* A dev release of nothing else is before all prereleases, and those are before the release. */
static int phase_of(const struct python *v)
{
    if (v->phase >= 0)
        return v->phase;
    return v->has_dev && !v->has_post ? -1 : 3;
}

static int compare_local(const char *a, const char *b)
{
    while (*a && *b) {
        bool x = isdigit((unsigned char)*a), y = isdigit((unsigned char)*b);
        size_t n = strcspn(a, ".-_"), m = strcspn(b, ".-_");
        if (x != y)
            return x ? 1 : -1;
        int order =
            x ? compare_digits(take_digits(&a), take_digits(&b)) : strncasecmp(a, b, n < m ? n : m);
        if (!x && !order)
            order = (n > m) - (n < m);
        if (order)
            return order;
        a += x ? 0 : n;
        b += y ? 0 : m;
        skip_mark(&a);
        skip_mark(&b);
    }
    return (*a != 0) - (*b != 0);
}

int sek_version_pep440(const char *a, const char *b)
{
    struct python x = read_python(a), y = read_python(b);
    int order = compare_digits(x.epoch, y.epoch);
    if (!order)
        order = compare_release(x.release, y.release);
    if (!order)
        order = phase_of(&x) - phase_of(&y);
    if (!order)
        order = compare_digits(x.pre, y.pre);
    if (!order)
        order = x.has_post - y.has_post;
    if (!order)
        order = compare_digits(x.post, y.post);
    if (!order)
        order = y.has_dev - x.has_dev;
    if (!order)
        order = compare_digits(x.dev, y.dev);
    return order ? order : compare_local(x.local, y.local);
}

/* --- Maven: parts between dots, hyphens and changes from digits to letters --- */

struct part {
    char mark; /* before it: '.', '-' or 0 at the start */
    bool number;
    const char *at;
    size_t len;
};

/* The next part; false at the end. */
static bool next_part(const char **p, struct part *out)
{
    *out = (struct part){0};
    if (!**p)
        return false;
    if (**p == '.' || **p == '-' || **p == '_') {
        out->mark = **p == '.' ? '.' : '-';
        ++*p;
    } else {
        out->mark = '-'; /* from digits to letters, or back */
    }
    out->at = *p;
    out->number = isdigit((unsigned char)**p);
    while (**p && !strchr(".-_", **p) && (isdigit((unsigned char)**p) != 0) == out->number)
        ++*p;
    out->len = (size_t)(*p - out->at);
    return true;
}

/* Known words before and after the release, which is 0; unknown words are after all of them. */
static int word_rank(const struct part *w)
{
    static const struct {
        const char *word;
        int rank;
    } known[] = {
        {"alpha", -5}, {"beta", -4},     {"milestone", -3}, {"rc", -2},
        {"cr", -2},    {"snapshot", -1}, {"", 0},           {"ga", 0},
        {"final", 0},  {"release", 0},   {"sp", 1},
    };
    static const char *const letters[] = {"alpha", "beta", "milestone"};
    /* "a1" is alpha 1: a letter that a digit follows at once. */
    bool letter = w->len == 1 && isdigit((unsigned char)w->at[1]);
    for (size_t i = 0; letter && i < 3; i++)
        if (tolower((unsigned char)*w->at) == letters[i][0])
            return (int)i - 5;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i].word) == w->len && !strncasecmp(known[i].word, w->at, w->len))
            return known[i].rank;
    return 2;
}

/* How a part compares with nothing. */
static int weight(const struct part *p)
{
    if (p->number) {
        const char *at = p->at;
        return take_digits(&at).len ? 1 : 0;
    }
    int rank = word_rank(p);
    return (rank > 0) - (rank < 0);
}

static int compare_parts(const struct part *a, const struct part *b)
{
    if (a->number != b->number)
        return a->number ? 1 : -1; /* 1.1 is after 1-sp, and after 1-anything */
    if (a->number) {
        const char *x = a->at, *y = b->at;
        if (a->mark != b->mark)
            return a->mark == '.' ? 1 : -1;
        return compare_digits(take_digits(&x), take_digits(&y));
    }
    int x = word_rank(a), y = word_rank(b);
    if (x != y || x != 2)
        return x - y;
    int order = strncasecmp(a->at, b->at, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Zeros and release words before a hyphen or the end count as nothing. */
static void skip_nothing(const char **p)
{
    const char *at = *p;
    struct part part;
    while (next_part(&at, &part) && !weight(&part)) {
        const char *ahead = at;
        struct part next;
        if (!next_part(&ahead, &next) || next.mark == '-')
            *p = at;
    }
}

int sek_version_maven(const char *a, const char *b)
{
    struct part x, y;
    for (;;) {
        skip_nothing(&a);
        skip_nothing(&b);
        bool more_a = next_part(&a, &x), more_b = next_part(&b, &y);
        int order = 0;
        if (more_a && more_b)
            order = compare_parts(&x, &y);
        else if (more_a || more_b)
            order = more_a ? weight(&x) : -weight(&y);
        else
            return 0;
        if (order)
            return order;
    }
}
