#include "agent/inventory/purl.h"
#include "lib/base/encode.h"
#include "lib/vuln/ecosystem.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Types whose packages have one ecosystem, with what stands between namespace and name in OSV. */
static const struct {
    const char *type, *ecosystem;
    char between;
} languages[] = {
    {"npm", "npm", '/'},     {"pypi", "PyPI", '/'},          {"maven", "Maven", ':'},
    {"golang", "Go", '/'},   {"cargo", "crates.io", '/'},    {"gem", "RubyGems", '/'},
    {"nuget", "NuGet", '/'}, {"composer", "Packagist", '/'}, {"hex", "Hex", '/'},
    {"pub", "Pub", '/'},     {"conan", "ConanCenter", '/'},
};

/* A distribution's namespace in purls, and its ID in os-release. */
static const struct {
    const char *space, *id;
} distributions[] = {
    {"debian", "debian"},
    {"debian", "raspbian"},
    {"ubuntu", "ubuntu"},
    {"alpine", "alpine"},
    {"wolfi", "wolfi"},
    {"chainguard", "chainguard"},
    {"redhat", "rhel"},
    {"rocky", "rocky"},
    {"almalinux", "almalinux"},
    {"centos", "centos"},
    {"oracle", "ol"},
    {"fedora", "fedora"},
    {"amzn", "amzn"},
    {"opensuse", "opensuse-leap"},
    {"opensuse", "opensuse-tumbleweed"},
    {"suse", "sles"},
    {"openeuler", "openEuler"},
    {"mageia", "mageia"},
    {"photon", "photon"},
    {"openwrt", "openwrt"},
};

/* --- reading --- */

/* Decode LEN bytes of FROM into OUT. */
static bool decode(const char *from, size_t len, char *out, size_t size)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = from[i];
        if (c == '%') {
            if (i + 2 >= len || sek_hex_digit(from[i + 1]) < 0 || sek_hex_digit(from[i + 2]) < 0)
                return false;
            c = (char)(sek_hex_digit(from[i + 1]) << 4 | sek_hex_digit(from[i + 2]));
            i += 2;
        }
        if (!c || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

static bool read_qualifiers(const char *text, size_t len, struct sek_purl *out)
{
    const struct {
        const char *key;
        char *value;
        size_t size;
    } known[] = {
        {"arch=", out->arch, sizeof out->arch},
        {"distro=", out->distro, sizeof out->distro},
        {"epoch=", out->epoch, sizeof out->epoch},
        {"upstream=", out->upstream, sizeof out->upstream},
    };
    while (len) {
        const char *next = memchr(text, '&', len);
        size_t n = next ? (size_t)(next - text) : len;
        for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
            size_t key = strlen(known[i].key);
            if (n > key && !strncmp(text, known[i].key, key) &&
                !decode(text + key, n - key, known[i].value, known[i].size))
                return false;
        }
        text += n + (next != NULL);
        len -= n + (next != NULL);
    }
    return true;
}

/* The last C in LEN bytes of TEXT, or NULL. */
static const char *last_of(const char *text, size_t len, char c)
{
    return memrchr(text, c, len);
}

bool sek_purl_parse(const char *text, struct sek_purl *out)
{
    *out = (struct sek_purl){0};
    if (strncasecmp(text, "pkg:", 4))
        return false;
    text += 4 + strspn(text + 4, "/");
    size_t len = strcspn(text, "#"); /* a subpath is not told apart */
    const char *question = memchr(text, '?', len);
    if (question && !read_qualifiers(question + 1, len - (size_t)(question + 1 - text), out))
        return false;
    if (question)
        len = (size_t)(question - text);
    const char *slash = memchr(text, '/', len);
    if (!slash || slash == text ||
        !decode(text, (size_t)(slash - text), out->type, sizeof out->type))
        return false;
    for (char *c = out->type; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    len -= (size_t)(slash + 1 - text);
    text = slash + 1;
    /* A scope's @ is escaped, as the specification has it; who does not escape it begins with it.
     */
    const char *at = last_of(text, len, '@');
    if (at && at != text) {
        if (!decode(at + 1, len - (size_t)(at + 1 - text), out->version, sizeof out->version))
            return false;
        len = (size_t)(at - text);
    }
    while (len && text[len - 1] == '/')
        len--;
    slash = last_of(text, len, '/');
    if (slash && !decode(text, (size_t)(slash - text), out->space, sizeof out->space))
        return false;
    const char *name = slash ? slash + 1 : text;
    return decode(name, len - (size_t)(name - text), out->name, sizeof out->name) && *out->name;
}

/* "debian-12" or "bookworm" or "12" -> "12". */
static void release_of(const char *distro, char *out, size_t size)
{
    static const struct {
        const char *name, *release;
    } names[] = {
        {"jessie", "8"},     {"stretch", "9"},   {"buster", "10"},   {"bullseye", "11"},
        {"bookworm", "12"},  {"trixie", "13"},   {"forky", "14"},    {"focal", "20.04"},
        {"bionic", "18.04"}, {"jammy", "22.04"}, {"noble", "24.04"},
    };
    const char *dash = strrchr(distro, '-');
    const char *release = dash ? dash + 1 : distro;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!strcmp(release, names[i].name))
            release = names[i].release;
    bool number =
        isdigit((unsigned char)*release) || (*release == 'v' && isdigit((unsigned char)release[1]));
    snprintf(out, size, "%s", number ? release + (*release == 'v') : "");
}

static bool is_this_system(const struct sek_purl *purl, const struct sek_os *os)
{
    for (size_t i = 0; i < sizeof distributions / sizeof distributions[0]; i++)
        if (!strcmp(distributions[i].id, os->id))
            return !strcasecmp(distributions[i].space, purl->space);
    return false;
}

static void distribution_of(const struct sek_purl *purl, const struct sek_os *os, char *out,
                            size_t size)
{
    char release[64];
    const char *id = NULL;
    release_of(purl->distro, release, sizeof release);
    for (size_t i = 0; i < sizeof distributions / sizeof distributions[0]; i++) {
        if (strcasecmp(distributions[i].space, purl->space))
            continue;
        size_t len = strlen(distributions[i].id);
        if (!id || !strncasecmp(purl->distro, distributions[i].id, len))
            id = distributions[i].id;
    }
    if (!*release && is_this_system(purl, os))
        snprintf(out, size, "%s", os->ecosystem);
    else
        sek_os_ecosystem(id ? id : "", release, out, size);
}

void sek_purl_osv(const struct sek_purl *purl, const struct sek_os *os, char *ecosystem, char *name,
                  size_t size)
{
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
        if (strcmp(purl->type, languages[i].type))
            continue;
        snprintf(ecosystem, size, "%s", languages[i].ecosystem);
        if (*purl->space)
            snprintf(name, size, "%s%c%s", purl->space, languages[i].between, purl->name);
        else
            snprintf(name, size, "%s", purl->name);
        if (!strcmp(purl->type, "pypi"))
            sek_python_name(name);
        return;
    }
    snprintf(name, size, "%s", purl->name);
    if (!strcmp(purl->type, "deb") || !strcmp(purl->type, "rpm") || !strcmp(purl->type, "apk") ||
        !strcmp(purl->type, "opkg"))
        distribution_of(purl, os, ecosystem, size);
    else
        snprintf(ecosystem, size, "generic");
}

/* --- writing --- */

struct output {
    char *text;
    size_t len;
};

/* Everything but unreserved characters and KEEP is escaped. */
static void put(struct output *o, const char *text, const char *keep, bool lower)
{
    for (; *text && o->len + 4 < SEK_PURL_MAX; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr(".-_~", c) || strchr(keep, c))
            o->text[o->len++] = (char)(lower ? tolower(c) : c);
        else
            o->len += (size_t)snprintf(o->text + o->len, 4, "%%%02X", c);
    }
    o->text[o->len] = '\0';
}

static void raw(struct output *o, const char *text)
{
    o->len += (size_t)snprintf(o->text + o->len, SEK_PURL_MAX - o->len, "%s", text);
    if (o->len >= SEK_PURL_MAX)
        o->len = SEK_PURL_MAX - 1;
}

static void put_language(struct output *o, const struct sek_item *item, size_t i)
{
    bool lower = !strcmp(languages[i].type, "golang") || !strcmp(languages[i].type, "pypi");
    char name[SEK_LIST_TEXT + 1];
    snprintf(name, sizeof name, "%s", item->name);
    char *between = strrchr(name, languages[i].between);
    raw(o, languages[i].type);
    raw(o, "/");
    if (between) {
        *between = '\0';
        put(o, name, "/", lower);
        raw(o, "/");
    }
    put(o, between ? between + 1 : name, "", lower);
    raw(o, "@");
    put(o, item->version, ":", false);
}

static void qualify(struct output *o, char *mark, const char *key, const char *value)
{
    if (!value || !*value)
        return;
    raw(o, mark);
    raw(o, key);
    put(o, value, ":/", false);
    *mark = '&';
}

/* Qualifiers are in the order of their names. */
static void put_package(struct output *o, const struct sek_item *item, const struct sek_os *os,
                        const char *type)
{
    char distro[160] = "", epoch[16] = "", mark[2] = "?";
    const char *version = item->version, *colon = strchr(version, ':');
    raw(o, type);
    raw(o, "/");
    for (size_t i = 0; i < sizeof distributions / sizeof distributions[0]; i++) {
        if (strcmp(distributions[i].id, os->id))
            continue;
        raw(o, distributions[i].space);
        raw(o, "/");
        if (*os->version_id)
            snprintf(distro, sizeof distro, "%s-%s", os->id, os->version_id);
        break;
    }
    put(o, item->name, "", strcmp(type, "rpm") != 0);
    raw(o, "@");
    if (colon && !strcmp(type, "rpm")) {
        snprintf(epoch, sizeof epoch, "%.*s", (int)(colon - version), version);
        version = colon + 1;
    }
    put(o, version, ":", false);
    qualify(o, mark, "arch=", item->arch);
    qualify(o, mark, "distro=", distro);
    qualify(o, mark, "epoch=", epoch);
}

void sek_purl_make(const struct sek_item *item, const struct sek_os *os, char out[SEK_PURL_MAX])
{
    static const struct {
        const char *from, *type;
    } packages[] = {{"dpkg", "deb"}, {"opkg", "opkg"}, {"apk", "apk"}, {"rpm", "rpm"}};
    struct output o = {out, 0};
    raw(&o, "pkg:");
    if (item->purl) {
        o.len = 0;
        raw(&o, item->purl);
        return;
    }
    for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
        if (strcmp(item->ecosystem, languages[i].ecosystem))
            continue;
        put_language(&o, item, i);
        return;
    }
    for (size_t i = 0; item->from && i < sizeof packages / sizeof packages[0]; i++) {
        if (strcmp(item->from, packages[i].from))
            continue;
        put_package(&o, item, os, packages[i].type);
        return;
    }
    raw(&o, "generic/");
    put(&o, item->name, "", false);
    raw(&o, "@");
    put(&o, item->version, ":", false);
}
