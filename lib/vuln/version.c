/* dpkg, rpm, semantic and generic version order; apk's is in version_apk.c, Python's and Maven's in
 * version_language.c. */
#include "lib/vuln/version.h"

#include "lib/vuln/version_apk.h"
#include "lib/vuln/version_language.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct part {
    const char *at, *end;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Compare the digit runs at the front of both, and move past them. */
static int compare_digits(struct part *a, struct part *b)
{
    while (a->at < a->end && *a->at == '0')
        a->at++;
    while (b->at < b->end && *b->at == '0')
        b->at++;
    int first = 0;
    while (a->at < a->end && b->at < b->end && is_digit(*a->at) && is_digit(*b->at)) {
        if (!first)
            first = *a->at - *b->at;
        a->at++;
        b->at++;
    }
    if (a->at < a->end && is_digit(*a->at))
        return 1;
    if (b->at < b->end && is_digit(*b->at))
        return -1;
    return first;
}

/* deb-version(7): tilde before the end, the end before letters, letters before all else. */
static int dpkg_order(const struct part *p)
{
    if (p->at == p->end || is_digit(*p->at))
        return 0;
    if (*p->at == '~')
        return -1;
    return is_alpha(*p->at) ? *p->at : (unsigned char)*p->at + 256;
}

static int dpkg_part(struct part a, struct part b)
{
    while (a.at < a.end || b.at < b.end) {
        while ((a.at < a.end && !is_digit(*a.at)) || (b.at < b.end && !is_digit(*b.at))) {
            int x = dpkg_order(&a), y = dpkg_order(&b);
            if (x != y)
                return x - y;
            a.at += a.at < a.end;
            b.at += b.at < b.end;
        }
        int order = compare_digits(&a, &b);
        if (order)
            return order;
    }
    return 0;
}

struct evr {
    struct part epoch, version, release;
};

/* epoch:version-release; the revision is what follows the last hyphen. */
static struct evr split(const char *text)
{
    struct evr e;
    const char *end = text + strlen(text);
    const char *colon = strchr(text, ':');
    e.epoch = (struct part){text, colon ? colon : text};
    e.version.at = colon ? colon + 1 : text;
    const char *hyphen = strrchr(e.version.at, '-');
    e.version.end = hyphen ? hyphen : end;
    e.release = (struct part){hyphen ? hyphen + 1 : end, end};
    return e;
}

static int compare_dpkg(const char *a, const char *b)
{
    struct evr x = split(a), y = split(b);
    int order = compare_digits(&x.epoch, &y.epoch);
    if (!order)
        order = dpkg_part(x.version, y.version);
    return order ? order : dpkg_part(x.release, y.release);
}

static void skip_separators(struct part *p)
{
    while (p->at < p->end && !is_digit(*p->at) && !is_alpha(*p->at) && *p->at != '~' &&
           *p->at != '^')
        p->at++;
}

static char peek(const struct part *p)
{
    return p->at < p->end ? *p->at : '\0';
}

static struct part take_letters(struct part *p)
{
    struct part run = {p->at, p->at};
    while (run.end < p->end && is_alpha(*run.end))
        run.end++;
    p->at = run.end;
    return run;
}

static int compare_letters(struct part *a, struct part *b)
{
    struct part x = take_letters(a), y = take_letters(b);
    size_t lx = (size_t)(x.end - x.at), ly = (size_t)(y.end - y.at);
    int order = memcmp(x.at, y.at, lx < ly ? lx : ly);
    return order ? order : (lx > ly) - (lx < ly);
}

/* '~' sorts before everything, '^' after the end but before more text. 2: neither is there. */
static int rpm_marks(struct part *a, struct part *b)
{
    char x = peek(a), y = peek(b);
    if (x == '~' || y == '~') {
        if (x != '~')
            return 1;
        if (y != '~')
            return -1;
        a->at++;
        b->at++;
        return 0;
    }
    if (x == '^' || y == '^') {
        if (!x)
            return -1;
        if (!y)
            return 1;
        if (x != '^')
            return 1;
        if (y != '^')
            return -1;
        a->at++;
        b->at++;
        return 0;
    }
    return 2;
}

static int rpm_part(struct part a, struct part b)
{
    if (a.end - a.at == b.end - b.at && !memcmp(a.at, b.at, (size_t)(a.end - a.at)))
        return 0;
    while (a.at < a.end || b.at < b.end) {
        skip_separators(&a);
        skip_separators(&b);
        int mark = rpm_marks(&a, &b);
        if (mark == 0)
            continue;
        if (mark != 2)
            return mark;
        if (a.at == a.end || b.at == b.end)
            break;
        if (is_digit(*a.at) != is_digit(*b.at))
            return is_digit(*a.at) ? 1 : -1;
        int order = is_digit(*a.at) ? compare_digits(&a, &b) : compare_letters(&a, &b);
        if (order)
            return order;
    }
    return (a.at < a.end) - (b.at < b.end);
}

int sek_version_rpm_part(const char *a, const char *b)
{
    return rpm_part((struct part){a, a + strlen(a)}, (struct part){b, b + strlen(b)});
}

/* Without a release on one side only epoch and version count, as rpm does for dependencies. */
static int compare_rpm(const char *a, const char *b)
{
    struct evr x = split(a), y = split(b);
    int order = compare_digits(&x.epoch, &y.epoch);
    if (!order)
        order = rpm_part(x.version, y.version);
    if (order || x.release.at == x.release.end || y.release.at == y.release.end)
        return order;
    return rpm_part(x.release, y.release);
}

static struct part until(const char *text, const char *stop)
{
    return (struct part){text, text + strcspn(text, stop)};
}

/* One dot-separated identifier of a prerelease; numbers sort before words (semver.org, 11). */
static int semver_identifier(struct part x, struct part y)
{
    bool nx = x.at < x.end, ny = y.at < y.end;
    for (const char *p = x.at; p < x.end; p++)
        nx = nx && is_digit(*p);
    for (const char *p = y.at; p < y.end; p++)
        ny = ny && is_digit(*p);
    if (nx && ny)
        return compare_digits(&x, &y);
    if (nx != ny)
        return nx ? -1 : 1;
    size_t lx = (size_t)(x.end - x.at), ly = (size_t)(y.end - y.at);
    int order = memcmp(x.at, y.at, lx < ly ? lx : ly);
    return order ? order : (lx > ly) - (lx < ly);
}

static int semver_list(struct part a, struct part b, bool numbers)
{
    while (a.at < a.end || b.at < b.end) {
        if (!numbers && (a.at == a.end || b.at == b.end))
            return a.at == a.end ? -1 : 1;
        struct part x = {a.at, a.at}, y = {b.at, b.at};
        while (x.end < a.end && *x.end != '.')
            x.end++;
        while (y.end < b.end && *y.end != '.')
            y.end++;
        int order = numbers ? dpkg_part(x, y) : semver_identifier(x, y);
        if (order)
            return order;
        a.at = x.end + (x.end < a.end);
        b.at = y.end + (y.end < b.end);
    }
    return 0;
}

static int compare_semver(const char *a, const char *b)
{
    a += *a == 'v' || *a == 'V';
    b += *b == 'v' || *b == 'V';
    struct part x = until(a, "+"), y = until(b, "+");
    struct part xn = until(a, "-+"), yn = until(b, "-+");
    int order = semver_list(xn, yn, true);
    if (order)
        return order;
    bool xp = xn.end < x.end, yp = yn.end < y.end;
    if (xp != yp)
        return xp ? -1 : 1;
    return xp ? semver_list((struct part){xn.end + 1, x.end}, (struct part){yn.end + 1, y.end},
                            false)
              : 0;
}

static int compare_generic(const char *a, const char *b)
{
    a += *a == 'v' || *a == 'V';
    b += *b == 'v' || *b == 'V';
    return dpkg_part((struct part){a, a + strlen(a)}, (struct part){b, b + strlen(b)});
}

int sek_version_compare(enum sek_version_scheme scheme, const char *a, const char *b)
{
    switch (scheme) {
    case SEK_VERSION_DPKG:
        return compare_dpkg(a, b);
    case SEK_VERSION_RPM:
        return compare_rpm(a, b);
    case SEK_VERSION_APK:
        return sek_version_apk(a, b);
    case SEK_VERSION_SEMVER:
        return compare_semver(a, b);
    case SEK_VERSION_PEP440:
        return sek_version_pep440(a, b);
    case SEK_VERSION_MAVEN:
        return sek_version_maven(a, b);
    case SEK_VERSION_GENERIC:
        break;
    }
    return compare_generic(a, b);
}

enum sek_version_scheme sek_version_scheme_of(const char *ecosystem)
{
    static const struct {
        const char *prefix;
        enum sek_version_scheme scheme;
    } table[] = {
        {"Debian", SEK_VERSION_DPKG},      {"Ubuntu", SEK_VERSION_DPKG},
        {"OpenWrt", SEK_VERSION_DPKG},     {"Raspbian", SEK_VERSION_DPKG},
        {"Alpine", SEK_VERSION_APK},       {"Wolfi", SEK_VERSION_APK},
        {"Red Hat", SEK_VERSION_RPM},      {"Rocky Linux", SEK_VERSION_RPM},
        {"AlmaLinux", SEK_VERSION_RPM},    {"openSUSE", SEK_VERSION_RPM},
        {"SUSE", SEK_VERSION_RPM},         {"openEuler", SEK_VERSION_RPM},
        {"Fedora", SEK_VERSION_RPM},       {"npm", SEK_VERSION_SEMVER},
        {"crates.io", SEK_VERSION_SEMVER}, {"Go", SEK_VERSION_SEMVER},
        {"Hex", SEK_VERSION_SEMVER},       {"Pub", SEK_VERSION_SEMVER},
        {"Chainguard", SEK_VERSION_APK},   {"CentOS", SEK_VERSION_RPM},
        {"Oracle Linux", SEK_VERSION_RPM}, {"Amazon Linux", SEK_VERSION_RPM},
        {"Mageia", SEK_VERSION_RPM},       {"Photon OS", SEK_VERSION_RPM},
        {"PyPI", SEK_VERSION_PEP440},      {"Maven", SEK_VERSION_MAVEN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (!strncmp(ecosystem, table[i].prefix, strlen(table[i].prefix)))
            return table[i].scheme;
    return SEK_VERSION_GENERIC;
}

void sek_version_upstream(enum sek_version_scheme scheme, const char *version, char *out,
                          unsigned size)
{
    struct part part = {version, version + strlen(version)};
    if (scheme == SEK_VERSION_DPKG || scheme == SEK_VERSION_RPM) {
        part = split(version).version;
    } else if (scheme == SEK_VERSION_APK) {
        const char *revision = strstr(version, "-r");
        if (revision)
            part.end = revision;
    }
    snprintf(out, size, "%.*s", (int)(part.end - part.at), part.at);
}
