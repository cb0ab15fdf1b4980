#include "lib/flow/host_policy.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[SEK_HOST_POLICIES] = {
    [SEK_HOST_BSD] = "bsd",
    [SEK_HOST_BSD_RIGHT] = "bsd-right",
    [SEK_HOST_FIRST] = "first",
    [SEK_HOST_LAST] = "last",
    [SEK_HOST_OLD_LINUX] = "old-linux",
    [SEK_HOST_LINUX] = "linux",
    [SEK_HOST_OLD_SOLARIS] = "old-solaris",
    [SEK_HOST_SOLARIS] = "solaris",
    [SEK_HOST_HPUX10] = "hpux10",
    [SEK_HOST_HPUX11] = "hpux11",
    [SEK_HOST_IRIX] = "irix",
    [SEK_HOST_MACOS] = "macos",
    [SEK_HOST_WINDOWS] = "windows",
    [SEK_HOST_VISTA] = "vista",
    [SEK_HOST_WINDOWS2K3] = "windows2k3",
};

const char *sek_host_policy_name(enum sek_host_policy policy)
{
    return names[policy];
}

/* --- settings --- */

static bool range_parse(const char *text, size_t len, struct sek_host_range *r)
{
    char word[SEK_ADDR_TEXT + 5];
    if (!len || len >= sizeof word)
        return false;
    memcpy(word, text, len);
    word[len] = '\0';
    char *slash = strchr(word, '/'), *end;
    if (slash)
        *slash++ = '\0';
    r->version = (uint8_t)sek_addr_parse(word, &r->addr);
    if (!r->version)
        return false;
    unsigned long most = r->version == 4 ? 32 : 128, bits = most;
    if (slash) {
        bits = strtoul(slash, &end, 10);
        if (*slash < '0' || *slash > '9' || *end || bits > most)
            return false;
    }
    r->bits = (uint8_t)bits;
    return true;
}

static bool range_add(struct sek_host_policies *hosts, const struct sek_host_range *r)
{
    if (hosts->count == hosts->cap) {
        uint32_t cap = hosts->cap ? hosts->cap * 2 : 16;
        struct sek_host_range *more = realloc(hosts->ranges, cap * sizeof *more);
        if (!more)
            return false;
        hosts->ranges = more;
        hosts->cap = cap;
    }
    hosts->ranges[hosts->count++] = *r;
    return true;
}

/* The addresses of one value, between commas, blanks and the brackets of a list. */
static enum sek_error ranges_read(struct sek_host_policies *hosts, const char *key, const char *value,
                                  uint8_t policy, struct sek_fault *fault)
{
    static const char *const between = "[], \t\"";
    for (const char *at = value + strspn(value, between); *at; at += strspn(at, between)) {
        size_t len = strcspn(at, between);
        struct sek_host_range r = {.policy = policy};
        if (!range_parse(at, len, &r))
            return sek_fail(fault, SEK_EINVAL, "%s: '%.*s' is not an address or network", key, (int)len,
                            at);
        if (!range_add(hosts, &r))
            return sek_fail(fault, SEK_ENOMEM, "out of memory");
        at += len;
    }
    return SEK_OK;
}

/* KEY itself, and KEY.0, KEY.1... which is how a list in a file reads. */
static enum sek_error key_read(struct sek_host_policies *hosts, struct sek_config *config,
                               const char *key, uint8_t policy, struct sek_fault *fault)
{
    char item[80];
    const char *value = sek_config_get(config, key, NULL);
    enum sek_error rc = value ? ranges_read(hosts, key, value, policy, fault) : SEK_OK;
    for (unsigned i = 0; !rc; i++) {
        snprintf(item, sizeof item, "%s.%u", key, i);
        value = sek_config_get(config, item, NULL);
        if (!value)
            break;
        rc = ranges_read(hosts, item, value, policy, fault);
    }
    return rc;
}

static int narrower_first(const void *a, const void *b)
{
    return ((const struct sek_host_range *)b)->bits - ((const struct sek_host_range *)a)->bits;
}

enum sek_error sek_host_policies_read(struct sek_host_policies *hosts, struct sek_config *config,
                                      struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    *hosts = (struct sek_host_policies){0};
    for (uint8_t policy = 0; config && !rc && policy < SEK_HOST_POLICIES; policy++) {
        char key[48];
        snprintf(key, sizeof key, "host-os-policy.%s", names[policy]);
        rc = key_read(hosts, config, key, policy, fault);
        char *dash = strchr(key + strlen("host-os-policy."), '-');
        if (rc || !dash)
            continue;
        *dash = '_'; /* as older files spell them */
        rc = key_read(hosts, config, key, policy, fault);
    }
    if (hosts->count)
        qsort(hosts->ranges, hosts->count, sizeof *hosts->ranges, narrower_first);
    return rc;
}

void sek_host_policies_free(struct sek_host_policies *hosts)
{
    free(hosts->ranges);
    *hosts = (struct sek_host_policies){0};
}

static bool range_holds(const struct sek_host_range *r, int version, const struct sek_addr *addr)
{
    unsigned whole = r->bits / 8u, rest = r->bits % 8u;
    if (r->version != version || memcmp(r->addr.bytes, addr->bytes, whole))
        return false;
    return !rest || !((r->addr.bytes[whole] ^ addr->bytes[whole]) >> (8 - rest));
}

enum sek_host_policy sek_host_policy_of(const struct sek_host_policies *hosts, int version,
                                        const struct sek_addr *addr)
{
    for (uint32_t i = 0; hosts && i < hosts->count; i++)
        if (range_holds(&hosts->ranges[i], version, addr))
            return hosts->ranges[i].policy;
    return SEK_HOST_BSD;
}

/* --- what each system does --- */

bool sek_host_takes_segment(enum sek_host_policy policy, int32_t begins, int32_t ends)
{
    switch (policy) {
    case SEK_HOST_FIRST:
    case SEK_HOST_VISTA:
        return false;
    case SEK_HOST_LAST:
        return true;
    case SEK_HOST_LINUX:
        return begins < 0 || (begins == 0 && ends > 0);
    case SEK_HOST_OLD_LINUX:
        return begins < 0 || (begins == 0 && ends >= 0);
    case SEK_HOST_OLD_SOLARIS:
    case SEK_HOST_SOLARIS:
    case SEK_HOST_HPUX11: /* whoever reaches further to the right */
        return begins > 0 ? ends > 0 : ends >= 0;
    default: /* BSD and its kin: what begins further to the left */
        return begins < 0;
    }
}

bool sek_host_takes_fragment(enum sek_host_policy policy, int32_t begins, int32_t ends)
{
    switch (policy) {
    case SEK_HOST_FIRST:
    case SEK_HOST_OLD_SOLARIS:
    case SEK_HOST_HPUX11:
    case SEK_HOST_MACOS:
        return false;
    case SEK_HOST_LAST:
        return true;
    case SEK_HOST_BSD_RIGHT:
        return begins >= 0;
    case SEK_HOST_LINUX:
    case SEK_HOST_OLD_LINUX:
        return begins <= 0;
    case SEK_HOST_SOLARIS: /* the first, unless the later one covers it */
        return begins < 0 && ends >= 0;
    case SEK_HOST_WINDOWS:
    case SEK_HOST_VISTA:
    case SEK_HOST_WINDOWS2K3:
        return begins < 0 && ends > 0;
    default:
        return begins < 0;
    }
}
