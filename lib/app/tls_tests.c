/* Keywords of TLS that compare in a way of their own: dates of the certificate, state of the handshake,
 * and the older forms that take a text (tls.subject:"CN=x"). */
#include "lib/app/tls.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

/* --- dates --- */

struct date_test {
    char op; /* '<', '>', '=', '-' for a range */
    int64_t low, high; /* seconds since the epoch */
};

/* "2022", "2022-08", ... "2022-08-12T10:20:30": the earliest moment that fits. */
static bool date_of(const char *text, int64_t *out)
{
    int year, month = 1, day = 1, hour = 0, minute = 0, second = 0;
    int n = sscanf(text, "%4d-%2d-%2d%*1[T ]%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second);
    if (n < 1 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour,
                    .tm_min = minute, .tm_sec = second};
    *out = timegm(&tm);
    return true;
}

static const void *date_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct date_test *t = sek_arena_alloc(arena, sizeof *t);
    char *range = arg ? strstr(arg, "<>") : NULL;
    bool ok;
    if (!t || !arg) {
        sek_fail(fault, SEK_EINVAL, "needs a date: <2022, >2022-08-12, 2021<>2023");
        return NULL;
    }
    while (*arg == ' ' || *arg == '"')
        arg++;
    if (range && range != arg) {
        *range = '\0';
        t->op = '-';
        ok = date_of(arg, &t->low) && date_of(range + 2, &t->high);
    } else {
        t->op = *arg == '<' || *arg == '>' ? *arg : '=';
        ok = date_of(arg + (t->op != '=') + (arg[1] == '='), &t->low);
    }
    if (ok)
        return t;
    sek_fail(fault, SEK_EINVAL, "found '%.40s', expected YYYY[-MM[-DD[THH:MM:SS]]] with <, > or <>", arg);
    return NULL;
}

static bool date_matches(const struct tls_tx *tx, struct tls_slice slice, const void *test)
{
    const struct date_test *t = test;
    char text[32];
    int64_t v;
    struct sek_bytes b = tls_text(tx, slice);
    if (!b.len || b.len >= sizeof text)
        return false;
    memcpy(text, b.data, b.len);
    text[b.len] = '\0';
    if (!date_of(text, &v))
        return false;
    return t->op == '<' ? v < t->low : t->op == '>' ? v > t->low
           : t->op == '-' ? v > t->low && v < t->high : v == t->low;
}

static bool not_before_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                               const void *test)
{
    (void)s;
    return date_matches((struct tls_tx *)tx, ((struct tls_tx *)tx)->chain[dir].not_before, test);
}

static bool not_after_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                              const void *test)
{
    (void)s;
    return date_matches((struct tls_tx *)tx, ((struct tls_tx *)tx)->chain[dir].not_after, test);
}

/* --- valid now, expired now --- */

static const void *nothing_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    static const char none = 0;
    (void)arena;
    if (!arg)
        return &none;
    sek_fail(fault, SEK_EINVAL, "takes no value, found '%.40s'", arg);
    return NULL;
}

static bool expired_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                            const void *test)
{
    const struct date_test now = {'<', (int64_t)(s->flow->last_us / 1000000u), 0};
    (void)test;
    return not_after_matches(s, tx, dir, &now);
}

static bool valid_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                          const void *test)
{
    int64_t seconds = (int64_t)(s->flow->last_us / 1000000u);
    const struct date_test begun = {'<', seconds + 1, 0}, not_ended = {'>', seconds - 1, 0};
    (void)test;
    return not_before_matches(s, tx, dir, &begun) && not_after_matches(s, tx, dir, &not_ended);
}

/* --- handshake --- */

struct state_test {
    unsigned states; /* bits */
    bool negated;
};
enum { STATE_CLIENT_HELLO = 1, STATE_SERVER_HELLO = 2, STATE_CLIENT_KEYX = 4, STATE_SERVER_KEYX = 8,
       STATE_UNKNOWN = 16 };

static const void *state_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    static const char *const names[] = {"client_hello", "server_hello", "client_keyx", "server_keyx",
                                        "unknown"};
    struct state_test *t = sek_arena_alloc(arena, sizeof *t);
    char *save;
    for (char *item = t && arg ? strtok_r(arg, "|, ", &save) : NULL; item;
         item = strtok_r(NULL, "|, ", &save)) {
        unsigned bit = 0;
        if (*item == '!') {
            t->negated = true;
            item++;
        }
        for (unsigned i = 0; i < 5; i++)
            if (!strcmp(names[i], item))
                bit = 1u << i;
        if (!bit) {
            sek_fail(fault, SEK_EINVAL, "found '%.40s', expected client_hello, server_hello, "
                                        "client_keyx, server_keyx or unknown", item);
            return NULL;
        }
        t->states |= bit;
    }
    if (t && t->states)
        return t;
    sek_fail(fault, SEK_EINVAL, "needs a state");
    return NULL;
}

static bool state_matches(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                          const void *test)
{
    const struct state_test *t = test;
    unsigned now = base->progress[0] >= TLS_HELLO ? STATE_CLIENT_HELLO : 0;
    (void)s, (void)dir;
    now |= base->progress[1] >= TLS_HELLO ? STATE_SERVER_HELLO : 0;
    now |= base->progress[0] >= TLS_CERTIFICATE ? STATE_CLIENT_KEYX : 0;
    now |= base->progress[1] >= TLS_CERTIFICATE ? STATE_SERVER_KEYX : 0;
    if (!now)
        now = STATE_UNKNOWN;
    return !!(now & t->states) != t->negated;
}

/* --- ssl_version: tls1.0,tls1.1 (any of them), !sslv3 (none of those) --- */

struct version_test {
    unsigned wanted, unwanted; /* bits, by position in versions */
};

static const struct {
    const char *name;
    uint16_t number;
} versions[] = {{"sslv2", 0x0002}, {"sslv2", 0x0200}, {"sslv3", 0x0300}, {"tls1.0", 0x0301}, {"tls1.1", 0x0302},
                {"tls1.2", 0x0303}, {"tls1.3", 0x0304}};
#define VERSIONS (sizeof versions / sizeof *versions)

static const void *version_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct version_test *t = sek_arena_alloc(arena, sizeof *t);
    char *save;
    for (char *item = t && arg ? strtok_r(arg, ",| ", &save) : NULL; item; item = strtok_r(NULL, ",| ", &save)) {
        bool not = *item == '!';
        unsigned bits = 0;
        for (unsigned i = 0; i < VERSIONS; i++)
            bits |= strcasecmp(versions[i].name, item + not) ? 0 : 1u << i;
        if (!bits) {
            sek_fail(fault, SEK_EINVAL, "found '%.40s', expected sslv2, sslv3 or tls1.0 to tls1.3", item);
            return NULL;
        }
        *(not ? &t->unwanted : &t->wanted) |= bits;
    }
    if (t && (t->wanted | t->unwanted))
        return t;
    sek_fail(fault, SEK_EINVAL, "needs a version");
    return NULL;
}

static bool version_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, const void *test)
{
    const struct version_test *t = test;
    unsigned now = 0;
    (void)s, (void)dir;
    for (unsigned i = 0; i < VERSIONS; i++)
        now |= versions[i].number == ((struct tls_tx *)tx)->version ? 1u << i : 0;
    return now && !(now & t->unwanted) && (!t->wanted || now & t->wanted);
}

/* --- older forms with the text as value --- */

struct text_test {
    char *text;
    uint32_t len;
    bool negated;
};

static const void *text_parse(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct text_test *t = sek_arena_alloc(arena, sizeof *t);
    size_t n = arg ? strlen(arg) : 0;
    if (t && n && *arg == '!') {
        t->negated = true;
        arg++;
        n--;
    }
    if (n >= 2 && *arg == '"' && arg[n - 1] == '"') {
        arg++;
        n -= 2;
    }
    if (!t || !n) {
        sek_fail(fault, SEK_EINVAL, "needs a text");
        return NULL;
    }
    t->text = sek_arena_strndup(arena, arg, n);
    t->len = (uint32_t)n;
    return t->text ? t : NULL;
}

static bool text_matches(const struct tls_tx *tx, struct tls_slice slice, const void *test)
{
    const struct text_test *t = test;
    struct sek_bytes b = tls_text(tx, slice);
    if (!b.len)
        return false;
    return (memmem(b.data, b.len, t->text, t->len) != NULL) != t->negated;
}

static bool subject_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                            const void *test)
{
    (void)s;
    return text_matches((struct tls_tx *)tx, ((struct tls_tx *)tx)->chain[dir].subject, test);
}

static bool issuer_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                           const void *test)
{
    (void)s;
    return text_matches((struct tls_tx *)tx, ((struct tls_tx *)tx)->chain[dir].issuer, test);
}

static bool fingerprint_matches(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                                const void *test)
{
    const struct tls_tx *tx = (const struct tls_tx *)base;
    const struct text_test *t = test;
    struct sek_bytes b = tls_text(tx, tx->chain[dir].fingerprint);
    (void)s;
    if (!b.len)
        return false;
    return (b.len == t->len && !strncasecmp((const char *)b.data, t->text, t->len)) != t->negated;
}

/* tls.store asks for the chain to be kept: it is in the record (`tls.certs`), so it holds always. */
static bool store_matches(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                          const void *test)
{
    (void)s, (void)test;
    return ((struct tls_tx *)tx)->chain[dir].count;
}

#define CERT {TLS_CERTIFICATE, TLS_CERTIFICATE}

const struct sek_test_def tls_tests[] = {
    {"tls_cert_notbefore", 3, CERT, date_parse, not_before_matches},
    {"tls_cert_notafter", 3, CERT, date_parse, not_after_matches},
    {"tls_cert_expired", 3, CERT, nothing_parse, expired_matches},
    {"tls_cert_valid", 3, CERT, nothing_parse, valid_matches},
    {"ssl_state", 3, {0, 0}, state_parse, state_matches},
    {"ssl_version", 3, {TLS_HELLO, TLS_HELLO}, version_parse, version_matches},
    {"tls.subject", 3, CERT, text_parse, subject_matches},
    {"tls.issuerdn", 3, CERT, text_parse, issuer_matches},
    {"tls.fingerprint", 3, CERT, text_parse, fingerprint_matches},
    {"tls.store", 3, CERT, nothing_parse, store_matches},
    {"tls_store", 3, CERT, nothing_parse, store_matches},
    {0},
};
