/* The header of a rule: action, protocol, addresses, ports, direction. Address and port sets that are
 * written the same way are one object. */
#include "lib/rules/builder.h"

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

struct sek_set_cache {
    struct sek_set_cache *next;
    const char *text;
    const void *set;
};

static bool rule_protocol(struct sek_rule *r, const char *name)
{
    static const struct {
        const char *name;
        uint8_t proto;
        uint8_t version;
        uint32_t flags;
    } table[] = {
        {"tcp", IPPROTO_TCP, 0, 0},       {"tcp-pkt", IPPROTO_TCP, 0, SEK_RULE_NO_STREAM},
        {"tcp-stream", IPPROTO_TCP, 0, SEK_RULE_ONLY_STREAM},
        {"udp", IPPROTO_UDP, 0, 0},       {"icmp", IPPROTO_ICMP, 0, 0},
        {"icmpv4", IPPROTO_ICMP, 4, 0},   {"icmpv6", IPPROTO_ICMPV6, 6, 0},
        {"sctp", IPPROTO_SCTP, 0, 0},     {"ip", 0, 0, 0},
        {"igmp", IPPROTO_IGMP, 4, 0},
        {"ip4", 0, 4, 0},                 {"ipv4", 0, 4, 0},
        {"ip6", 0, 6, 0},                 {"ipv6", 0, 6, 0},
        {"pkthdr", 0, 0, SEK_RULE_DECODER}, {"ipsec", IPPROTO_ESP, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcasecmp(table[i].name, name))
            continue;
        r->ip_version = table[i].version;
        r->flags |= table[i].flags;
        r->any_protocol = !table[i].proto;
        if (table[i].proto)
            r->protocols[table[i].proto / 8] |= (uint8_t)(1u << (table[i].proto % 8));
        if (!strcasecmp(name, "icmp"))
            r->protocols[IPPROTO_ICMPV6 / 8] |= 1u << (IPPROTO_ICMPV6 % 8);
        return true;
    }
    const struct sek_app_ops *ops = sek_app_find(name);
    if (!ops)
        return false;
    r->apps = sek_app_bits(name);
    if (ops->transports & 1 || r->apps & ~SEK_APP_BIT(ops->id))
        r->protocols[IPPROTO_TCP / 8] |= 1u << (IPPROTO_TCP % 8);
    if (ops->transports & 2)
        r->protocols[IPPROTO_UDP / 8] |= 1u << (IPPROTO_UDP % 8);
    return true;
}

/* What is found moves to the front: few sets are in most rules. */
static const void *cached(struct sek_set_cache **cache, const char *text, bool *found)
{
    for (struct sek_set_cache **link = cache, *c; (c = *link); link = &c->next) {
        if (!strcmp(c->text, text)) {
            *link = c->next;
            c->next = *cache;
            *cache = c;
            *found = true;
            return c->set;
        }
    }
    *found = false;
    return NULL;
}

static void cache_add(struct sek_rules *rules, struct sek_set_cache **cache, const char *text,
                      const void *set)
{
    struct sek_set_cache *c = sek_arena_alloc(&rules->arena, sizeof *c);
    if (!c)
        return;
    c->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    c->set = set;
    c->next = *cache;
    *cache = c;
}

static enum sek_error rule_addresses(struct builder *b, const char *text,
                                     const struct sek_address_set **out)
{
    bool found;
    *out = cached(&b->rules->address_cache, text, &found);
    if (found)
        return SEK_OK;
    enum sek_error rc = sek_address_set_parse(b->arena, b->rules->variables, text, out, b->fault);
    if (!rc)
        cache_add(b->rules, &b->rules->address_cache, text, *out);
    return rc;
}

static enum sek_error rule_ports(struct builder *b, const char *text,
                                 const struct sek_port_set **out)
{
    bool found;
    *out = cached(&b->rules->port_cache, text, &found);
    if (found)
        return SEK_OK;
    enum sek_error rc = sek_port_set_parse(b->arena, b->rules->variables, text, out, b->fault);
    if (!rc)
        cache_add(b->rules, &b->rules->port_cache, text, *out);
    return rc;
}

/* One word of the header; blanks inside brackets belong to it. */
static char *header_word(char **p)
{
    char *s = *p;
    int open = 0;
    while (isspace((unsigned char)*s))
        s++;
    char *begin = s;
    for (; *s && (open || !isspace((unsigned char)*s)); s++)
        open += *s == '[' ? 1 : *s == ']' ? -1 : 0;
    if (*s)
        *s++ = '\0';
    *p = s;
    return begin;
}

enum sek_error rule_header(struct builder *b, char *text)
{
    static const char *const actions[] = {"alert", "pass", "drop", "reject", "rejectdst",
                                          "rejectboth"};
    struct sek_rule *r = b->rule;
    char *p = text, *word = header_word(&p);
    int action = -1;
    enum sek_error rc;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (!strcmp(word, actions[i]))
            action = (int)i;
    if (!strcmp(word, "rejectsrc"))
        action = SEK_ACTION_REJECT;
    if (!strcmp(word, "config")) {
        action = SEK_ACTION_ALERT;
        r->flags |= SEK_RULE_CONFIG | SEK_RULE_NOALERT;
    }
    if (action < 0)
        return sek_fail(b->fault, SEK_EINVAL,
                        "found action '%.40s', expected alert, pass, drop, reject, rejectsrc, "
                        "rejectdst, rejectboth or config",
                        word);
    r->action = (enum sek_action)action;
    word = header_word(&p);
    if (!rule_protocol(r, word))
        return sek_fail(b->fault, SEK_EUNSUPPORTED, "protocol '%.40s' is not known", word);
    char *src = header_word(&p), *src_port = header_word(&p), *arrow = header_word(&p);
    char *dst = header_word(&p), *dst_port = header_word(&p), *rest = sek_text_trim(p);
    if (!*dst_port || *rest)
        return sek_fail(b->fault, SEK_EINVAL,
                        "header must be: action protocol source port -> destination port");
    if (!strcmp(arrow, "<>"))
        r->flags |= SEK_RULE_BOTH_WAYS;
    else if (!strcmp(arrow, "=>"))
        r->flags |= SEK_RULE_TWO_WAY;
    else if (strcmp(arrow, "->"))
        return sek_fail(b->fault, SEK_EINVAL, "found direction '%.20s', expected ->, <> or =>", arrow);
    if ((rc = rule_addresses(b, src, &r->src)) || (rc = rule_addresses(b, dst, &r->dst)))
        return sek_fail_context(b->fault, rc, "address");
    if ((rc = rule_ports(b, src_port, &r->src_port)) || (rc = rule_ports(b, dst_port, &r->dst_port)))
        return sek_fail_context(b->fault, rc, "port");
    return SEK_OK;
}
