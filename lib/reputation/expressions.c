/* The canonical URL is made first; hosts and paths are pieces of it. */
#include "lib/reputation/expressions.h"
#include "lib/base/digest.h"
#include "lib/reputation/internal.h"

#include <arpa/inet.h>
#include <string.h>

#define HOSTS  5
#define PATHS  6
#define LABELS 5 /* of a host, at most, when its first are left out */
#define DEPTH  4 /* path prefixes: "/" and three folders more */

struct piece {
    const uint8_t *data;
    size_t len;
};

static bool is_address(const uint8_t *host, size_t len)
{
    char text[64];
    struct in6_addr any;
    if (!len || len >= sizeof text)
        return false;
    memcpy(text, host, len);
    text[len] = '\0';
    return text[0] == '[' || inet_pton(AF_INET, text, &any) == 1;
}

/* The host itself, and up to four made of its last five labels by leaving out the first. */
static unsigned hosts_of(const uint8_t *host, size_t len, struct piece out[HOSTS])
{
    unsigned count = 0, dots = 0;
    size_t at = len;
    out[count++] = (struct piece){host, len};
    if (is_address(host, len))
        return count;
    while (at && !(host[at - 1] == '.' && ++dots == LABELS))
        at--;
    for (size_t i = at; i < len && count < HOSTS;) {
        const uint8_t *dot = memchr(host + i, '.', len - i);
        if (i)
            out[count++] = (struct piece){host + i, len - i};
        if (!dot || !memchr(dot + 1, '.', len - (size_t)(dot + 1 - host)))
            break; /* a single label is nobody's */
        i = (size_t)(dot + 1 - host);
    }
    return count;
}

/* With the query, without it, then "/" and the folders on the way. */
static unsigned paths_of(const uint8_t *path, size_t len, struct piece out[PATHS])
{
    unsigned count = 0;
    const uint8_t *query = memchr(path, '?', len);
    size_t plain = query ? (size_t)(query - path) : len;
    if (query)
        out[count++] = (struct piece){path, len};
    out[count++] = (struct piece){path, plain};
    unsigned first = count - 1, depth = 0;
    for (size_t i = 0; i < plain && depth < DEPTH; i++) {
        if (path[i] != '/')
            continue;
        depth++;
        if (i + 1 != out[first].len)
            out[count++] = (struct piece){path, i + 1};
    }
    return count;
}

static void add(struct sek_expressions *out, struct piece host, struct piece path)
{
    uint8_t text[2 * REPUTATION_KEY];
    if (out->count == SEK_EXPRESSIONS || host.len + path.len > sizeof text)
        return;
    memcpy(text, host.data, host.len);
    memcpy(text + host.len, path.data, path.len);
    sek_digest(SEK_SHA256, text, host.len + path.len, out->hash[out->count]);
    out->length[out->count++] = (uint16_t)(host.len + path.len);
}

/* The canonical host without a port, and where the path begins. */
static size_t split(const uint8_t *key, size_t len, size_t *path)
{
    const uint8_t *slash = memchr(key, '/', len);
    size_t host = slash ? (size_t)(slash - key) : len;
    *path = host;
    if (host && key[host - 1] != ']') {
        const uint8_t *colon = memrchr(key, ':', host);
        const uint8_t *bracket = memrchr(key, ']', host);
        if (colon && (!bracket || colon > bracket))
            host = (size_t)(colon - key);
    }
    return host;
}

void sek_expressions_make(const char *host, size_t host_len, const char *target, size_t target_len,
                          struct sek_expressions *out)
{
    uint8_t key[REPUTATION_KEY + 8];
    struct piece hosts[HOSTS], paths[PATHS];
    size_t path;
    out->count = 0;
    if (host_len >= REPUTATION_KEY / 2)
        return;
    size_t len =
        reputation_url_key(host, host_len, target ? target : "/", target ? target_len : 1, key);
    size_t name = split(key, len, &path);
    if (!name || path >= len)
        return;
    unsigned host_count = hosts_of(key, name, hosts);
    unsigned path_count = paths_of(key + path, len - path, paths);
    for (unsigned h = 0; h < host_count; h++) {
        for (unsigned p = 0; p < path_count; p++)
            add(out, hosts[h], paths[p]);
    }
}

bool sek_expression_hash(const char *type, const char *value, uint8_t hash[32])
{
    struct sek_expressions all = {0};
    const char *scheme = strstr(value, "://");
    if (!strcmp(type, "domain")) {
        if (*value == '=')
            value++;
        sek_expressions_make(value, strlen(value), NULL, 0, &all);
    } else if (!strcmp(type, "url") && scheme) {
        /* A prefix ends in '*': that is a folder's expression when a '/' stands before it. */
        size_t len = strlen(scheme + 3);
        if (len && scheme[2 + len] == '*')
            len--;
        size_t host = strcspn(scheme + 3, "/?#");
        if (host > len)
            host = len;
        sek_expressions_make(scheme + 3, host, scheme + 3 + host, len - host, &all);
    }
    if (all.count)
        memcpy(hash, all.hash[0], 32); /* the most exact one */
    return all.count != 0;
}
