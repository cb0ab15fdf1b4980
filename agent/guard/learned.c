/* Lines in, lines out, and plain comparisons: tables are small, and the kernel holds what is asked
 * often. */
#include "agent/guard/learned.h"
#include "agent/event.h"
#include "lib/base/encode.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_LIMIT 1024

static const struct {
    const char *name;
    uint8_t number;
} protocols[] = {{"any", 0}, {"tcp", IPPROTO_TCP}, {"udp", IPPROTO_UDP}, {"raw", SEK_EXIT_RAW}};
#define PROTOCOLS (sizeof protocols / sizeof protocols[0])

void sek_learned_free(struct sek_learned *t)
{
    free(t->list);
    *t = (struct sek_learned){0};
}

void sek_protocol_text(uint8_t protocol, char *out)
{
    for (size_t i = 0; i < PROTOCOLS; i++) {
        if (protocols[i].number == (protocol & ~SEK_EXIT_LISTEN)) {
            snprintf(out, 8, "%s", protocols[i].name);
            return;
        }
    }
    snprintf(out, 8, "%u", protocol & ~SEK_EXIT_LISTEN);
}

/* --- text in --------------------------------------------------------------------------------- */

static bool read_port(const char *word, struct sek_permission *p)
{
    char *end;
    const char *slash = strchr(word, '/');
    if (!slash)
        return false;
    if (strncmp(word, "any/", 4) != 0) {
        unsigned long port = strtoul(word, &end, 10);
        if (*word < '0' || *word > '9' || end != slash || port > 65535)
            return false;
        p->port = (uint16_t)port;
    }
    for (size_t i = 0; i < PROTOCOLS; i++) {
        if (!strcmp(slash + 1, protocols[i].name)) {
            p->protocol = protocols[i].number;
            return true;
        }
    }
    unsigned long number = strtoul(slash + 1, &end, 10);
    p->protocol = (uint8_t)number;
    return slash[1] >= '1' && slash[1] <= '9' && !*end && number < SEK_EXIT_RAW;
}

static bool read_name(const char *word, struct sek_permission *p)
{
    size_t len = strlen(word);
    bool star = word[0] == '*' && word[1] == '.';
    if (len >= sizeof p->name || !len)
        return false;
    for (size_t i = star ? 2 : 0; i < len; i++) {
        char c = word[i];
        c = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
        p->name[i] = c;
    }
    if (star)
        memcpy(p->name, "*.", 2);
    p->name[len] = '\0';
    return len > (star ? 2u : 0u);
}

/* One prefix has one form, whichever of its addresses a person wrote. */
static void clear_host(struct sek_permission *p)
{
    for (unsigned bit = p->bits; bit < 128; bit++)
        p->address[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
}

static bool read_destination(char *word, struct sek_permission *p)
{
    char *end;
    if (!strcasecmp(word, "any"))
        return true;
    if (!strcasecmp(word, "listen")) {
        p->protocol |= SEK_EXIT_LISTEN;
        return p->protocol != SEK_EXIT_LISTEN;
    }
    char *slash = strchr(word, '/');
    if (slash)
        *slash = '\0';
    if (sek_address_parse(word, p->address)) {
        bool v4 = sek_address_is4(p->address);
        unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : v4 ? 32 : 128;
        if (slash && (slash[1] < '0' || slash[1] > '9' || *end))
            return false;
        if (bits > (v4 ? 32u : 128u))
            return false;
        p->bits = (uint8_t)(bits + (v4 ? 96 : 0));
        clear_host(p);
        return true;
    }
    return !slash && read_name(word, p);
}

bool sek_permission_path(const char *path)
{
    for (; *path; path++) {
        if ((unsigned char)*path < ' ')
            return false;
    }
    return true;
}

static bool read_program(const char *digest, const char *path, struct sek_permission *p)
{
    p->any_content = !strcmp(digest, "*");
    if (!p->any_content && (strlen(digest) != 64 || !sek_hex_decode(digest, p->digest, 32)))
        return false;
    if (!sek_permission_path(path) || strlen(path) >= sizeof p->path || (*path != '/' && strcmp(path, "*") != 0) ||
        (!strcmp(path, "*") && !p->any_content))
        return false;
    memcpy(p->path, path, strlen(path) + 1);
    return true;
}

/* LINE is changed. */
static const char *read_line(char *line, struct sek_permission *p)
{
    char *words[3], *at = line;
    memset(p, 0, sizeof *p); /* tables compare whole permissions */
    for (int i = 0; i < 3; i++) {
        at += strspn(at, " \t");
        words[i] = at;
        at += strcspn(at, " \t");
        if (*at)
            *at++ = '\0';
    }
    at += strspn(at, " \t");
    if (!read_program(words[0], at, p))
        return "SHA256 or * first, and an absolute path without control characters or * last";
    if (!read_port(words[1], p))
        return "PORT/PROTOCOL, as 443/tcp or any/any";
    if (!read_destination(words[2], p))
        return "a name, an address, a prefix, any or listen";
    return NULL;
}

enum sek_error sek_learned_parse(struct sek_learned *t, const char *name, const char *text,
                                 size_t len, struct sek_fault *fault)
{
    char line[LINE_LIMIT];
    size_t before = t->count;
    unsigned number = 0;
    for (size_t at = 0; at < len;) {
        struct sek_permission p;
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at;
        const char *wrong = "a shorter line without a NUL";
        number++;
        if (n < sizeof line && !memchr(text + at, '\0', n)) {
            memcpy(line, text + at, n);
            line[n && line[n - 1] == '\r' ? n - 1 : n] = '\0';
            at += n + 1;
            if (!line[strspn(line, " \t")] || line[strspn(line, " \t")] == '#')
                continue;
            wrong = read_line(line, &p);
        }
        enum sek_error rc = wrong ? SEK_EINVAL : sek_learned_add(t, &p);
        if (rc == SEK_EINVAL || rc == SEK_ELIMIT || rc == SEK_ENOMEM) {
            t->count = before;
            return rc == SEK_EINVAL ? sek_fail(fault, rc, "%s:%u: expected %s", name, number, wrong)
                                    : sek_fail(fault, rc, "%s:%u: expected at most %d lines", name,
                                               number, SEK_LEARNED_LIMIT);
        }
    }
    return SEK_OK;
}

void sek_learned_resolve(struct sek_learned *t)
{
    for (size_t i = 0; i < t->count; i++) {
        char *path = t->list[i].path, *real = *path == '/' ? realpath(path, NULL) : NULL;
        size_t len = real ? strlen(real) : sizeof t->list[i].path;
        if (len < sizeof t->list[i].path) {
            memset(path, 0, sizeof t->list[i].path);
            memcpy(path, real, len);
        }
        free(real);
    }
}

/* --- text out -------------------------------------------------------------------------------- */

static void write_destination(const struct sek_permission *p, struct sek_text *out)
{
    char text[46];
    if (p->protocol & SEK_EXIT_LISTEN) {
        sek_text_puts(out, "listen");
    } else if (p->name[0]) {
        sek_text_puts(out, p->name);
    } else if (!p->bits) {
        sek_text_puts(out, "any");
    } else {
        sek_address_text(p->address, text);
        sek_text_puts(out, text);
        if (p->bits < 128)
            sek_text_printf(out, "/%u", sek_address_is4(p->address) ? p->bits - 96u : p->bits);
    }
}

void sek_permission_write(const struct sek_permission *p, struct sek_text *out)
{
    char hex[65], protocol[8];
    sek_hex_encode(p->digest, 32, hex);
    sek_protocol_text(p->protocol, protocol);
    sek_text_printf(out, "%s ", p->any_content ? "*" : hex);
    if (p->port)
        sek_text_printf(out, "%u/%s ", p->port, protocol);
    else
        sek_text_printf(out, "any/%s ", protocol);
    write_destination(p, out);
    sek_text_printf(out, " %s\n", p->path);
}

void sek_learned_write(const struct sek_learned *t, struct sek_text *out)
{
    for (size_t i = 0; i < t->count; i++)
        sek_permission_write(&t->list[i], out);
}

/* --- the table ------------------------------------------------------------------------------- */

enum sek_error sek_learned_add(struct sek_learned *t, const struct sek_permission *p)
{
    for (size_t i = 0; i < t->count; i++) {
        if (!memcmp(&t->list[i], p, sizeof *p))
            return SEK_EEXIST;
    }
    if (t->count == SEK_LEARNED_LIMIT)
        return SEK_ELIMIT;
    if (t->count == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct sek_permission *more = realloc(t->list, cap * sizeof *more);
        if (!more)
            return SEK_ENOMEM;
        t->list = more;
        t->cap = cap;
    }
    t->list[t->count++] = *p;
    return SEK_OK;
}

size_t sek_learned_forget(struct sek_learned *t, const char *path)
{
    size_t kept = 0, count = t->count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(t->list[i].path, path) != 0)
            t->list[kept++] = t->list[i];
    }
    t->count = kept;
    return count - kept;
}

bool sek_permission_is_for(const struct sek_permission *p, const char *path,
                           const uint8_t digest[32])
{
    if (!strcmp(p->path, "*"))
        return true;
    return !strcmp(p->path, path) && (p->any_content || !memcmp(p->digest, digest, 32));
}

bool sek_permission_names(const struct sek_permission *p, const char *name)
{
    if (!p->name[0])
        return false;
    if (strncmp(p->name, "*.", 2) != 0)
        return !strcmp(p->name, name);
    size_t have = strlen(name), want = strlen(p->name) - 1; /* with the dot */
    return have > want && !strcmp(name + have - want, p->name + 1);
}

static bool holds(const struct sek_permission *p, const uint8_t address[16])
{
    unsigned whole = p->bits / 8, rest = p->bits % 8;
    return !memcmp(p->address, address, whole) &&
           (!rest || !((p->address[whole] ^ address[whole]) >> (8 - rest)));
}

bool sek_permission_covers(const struct sek_permission *p, const char *name,
                           const uint8_t address[16], uint16_t port, uint8_t protocol)
{
    if ((p->protocol & SEK_EXIT_LISTEN) != (protocol & SEK_EXIT_LISTEN))
        return false;
    if ((p->protocol & ~SEK_EXIT_LISTEN) && p->protocol != protocol)
        return false;
    if (p->port != port && (p->port || (protocol & SEK_EXIT_LISTEN)))
        return false;
    return p->name[0] ? name && sek_permission_names(p, name) : holds(p, address);
}
