/* Rules of packets and streams, by protocol, direction and port. Rules that hold for every port are one
 * group; ports that see the same further rules share a second one. */
#include "lib/detect/build.h"

#include <netinet/in.h>
#include <stdlib.h>

#define GROUPS_PER_SIDE 96

bool rule_in_proto(const struct sek_rule *r, enum sek_group_proto p)
{
    static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP};
    for (const struct sek_condition *c = r->conditions; c; c = c->next)
        if (c->kind == SEK_IF_IP_PROTO && c->compare.op == SEK_EQ &&
            sek_group_of((uint8_t)c->compare.low) != p)
            return false; /* `ip_proto` says that no such packet can match */
    if (r->any_protocol)
        return true;
    if (p == SEK_GROUP_ICMP)
        return (r->protocols[0] >> IPPROTO_ICMP & 1) ||
               (r->protocols[IPPROTO_ICMPV6 / 8] >> (IPPROTO_ICMPV6 % 8) & 1);
    if (p == SEK_GROUP_OTHER) {
        for (int i = 0; i < 256; i++)
            if (r->protocols[i / 8] >> (i % 8) & 1 && sek_group_of((uint8_t)i) == SEK_GROUP_OTHER)
                return true;
        return false;
    }
    return r->protocols[numbers[p] / 8] >> (numbers[p] % 8) & 1;
}

bool rule_in_dir(const struct sek_rule *r, int dir)
{
    return !(r->flags & (dir ? SEK_RULE_TOSERVER : SEK_RULE_TOCLIENT));
}

/* The port that decides: destination of packets to the server, source of packets to the client. */
bool rule_in_port(const struct sek_rule *r, int dir, uint16_t port)
{
    const struct sek_port_set *set = dir ? r->src_port : r->dst_port;
    if (sek_port_set_has(set, port))
        return true;
    return r->flags & SEK_RULE_BOTH_WAYS && sek_port_set_has(dir ? r->dst_port : r->src_port, port);
}

static bool for_packets(const struct sek_rule *r)
{
    return !(r->flags & (SEK_RULE_TX | SEK_RULE_IP_ONLY | SEK_RULE_PROTO_ONLY | SEK_RULE_DECODER |
                         SEK_RULE_FRAME));
}

/* Rules of one protocol and direction; which of them a group has is a bitmap over this list. */
struct side {
    struct sek_rule **rules;
    uint32_t count;
};

#define HEAD_BYTES 256u /* patterns that must be found before this are looked for in the head only */

enum { IN_HEAD, IN_PACKET, IN_STREAM, FIXED, LISTS };

/* Rules of one group into its prefilters. STREAMS: the protocol has streams; without, all is packets. */
static enum sek_error group_build(struct sek_compiled *c, struct sek_rule **rules, uint32_t count,
                                  bool streams, struct sek_port_group *g, struct sek_fault *fault)
{
    struct sek_rule **list[LISTS] = {0};
    uint32_t n[LISTS] = {0}, at;
    struct sek_prefilter *filters[] = {&g->head, &g->packet, &g->stream};
    enum sek_error rc = SEK_ENOMEM;
    bool ok = (g->always = calloc(count + 1, sizeof *g->always)) != NULL;
    for (int i = 0; i < LISTS; i++)
        ok &= (list[i] = calloc(count + 1, sizeof *list[i])) != NULL;
    if (!ok)
        goto done;
    g->rule_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct sek_rule *r = rules[i];
        if (!r->fast) {
            g->always[g->always_count++] = r;
            continue;
        }
        bool stream = streams && r->flags & SEK_RULE_NEEDS_STREAM;
        if (r->flags & SEK_RULE_NEEDS_PACKET || !stream) {
            int to = fixed_fits(r, &at)                  ? FIXED
                     : prefilter_reach(r) <= HEAD_BYTES ? IN_HEAD
                                                         : IN_PACKET;
            list[to][n[to]++] = r;
        }
        if (stream)
            list[IN_STREAM][n[IN_STREAM]++] = r;
    }
    rc = fixed_build(&g->fixed, list[FIXED], n[FIXED], fault);
    for (int i = 0; i < FIXED && !rc; i++)
        rc = prefilter_build(filters[i], list[i], n[i], c, fault);
done:
    for (int i = 0; i < LISTS; i++)
        free(list[i]);
    return rc == SEK_ENOMEM ? sek_fail(fault, rc, "out of memory while grouping rules") : rc;
}

static uint64_t random_of(uint64_t x)
{
    x = (x + 0x9e3779b97f4a7c15ull) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

struct class {
    uint64_t hash;
    uint32_t ports, own; /* own: rules that name ports */
    uint16_t sample, group;
};

static int by_weight(const void *a, const void *b)
{
    const struct class *x = *(struct class *const *)a, *y = *(struct class *const *)b;
    return x->own != y->own ? (x->own < y->own ? 1 : -1) : (int)y->ports - (int)x->ports;
}

/* Classes of ports that see the same rules; CLASSES has room for 65536. 0: out of memory. */
static uint32_t port_classes(const struct side *side, int dir, struct class *classes,
                             uint16_t *class_of)
{
    uint64_t *hash = calloc(65536, sizeof *hash);
    uint32_t *own = calloc(65536, sizeof *own), *slots = calloc(1u << 17, sizeof *slots);
    uint32_t count = 0;
    if (!hash || !own || !slots)
        goto done;
    for (uint32_t i = 0; i < side->count; i++) {
        const struct sek_rule *r = side->rules[i];
        const struct sek_port_set *set = dir ? r->src_port : r->dst_port;
        const struct sek_port_set *other = dir ? r->dst_port : r->src_port;
        bool both = r->flags & SEK_RULE_BOTH_WAYS;
        if (!set || (both && !other))
            continue; /* every port: no class differs by it */
        uint64_t mark = random_of(i + 1);
        for (uint32_t w = 0; w < 1024; w++) {
            uint64_t bits = set->bits[w] | (both ? other->bits[w] : 0);
            for (; bits; bits &= bits - 1) {
                uint32_t port = w * 64 + (uint32_t)__builtin_ctzll(bits);
                hash[port] += mark;
                own[port]++;
            }
        }
    }
    for (uint32_t port = 0; port < 65536; port++) {
        uint32_t at = (uint32_t)(random_of(hash[port]) & ((1u << 17) - 1));
        while (slots[at] && classes[slots[at] - 1].hash != hash[port])
            at = (at + 1) & ((1u << 17) - 1);
        if (!slots[at]) {
            classes[count] = (struct class){.hash = hash[port], .own = own[port],
                                            .sample = (uint16_t)port};
            slots[at] = ++count;
        }
        class_of[port] = (uint16_t)(slots[at] - 1);
        classes[slots[at] - 1].ports++;
    }
done:
    free(hash);
    free(own);
    free(slots);
    return count;
}

static struct sek_port_group *group_new(struct sek_compiled *c)
{
    struct sek_port_group *more = realloc(c->groups, (c->group_count + 1) * sizeof *more);
    if (!more)
        return NULL;
    c->groups = more;
    memset(&more[c->group_count], 0, sizeof *more);
    return &more[c->group_count++];
}

/* Does the rule say anything of the port that decides? */
bool rule_names_ports(const struct sek_rule *r, int dir)
{
    bool both = r->flags & SEK_RULE_BOTH_WAYS;
    return (dir ? r->src_port : r->dst_port) && !(both && !(dir ? r->dst_port : r->src_port));
}

/* One group for each class of ports that has rules of its own; the smallest are joined. */
static enum sek_error classes_build(struct sek_compiled *c, const struct side *side, int dir,
                                    bool streams, uint16_t *map, struct sek_fault *fault)
{
    struct class *classes = calloc(65536, sizeof *classes), **rank = NULL;
    uint16_t *class_of = calloc(65536, sizeof *class_of);
    struct sek_rule **list = calloc(side->count + 1, sizeof *list);
    enum sek_error rc = SEK_ENOMEM;
    uint32_t count = classes && class_of && list ? port_classes(side, dir, classes, class_of) : 0;
    if (!count || !(rank = calloc(count, sizeof *rank)))
        goto done;
    for (uint32_t i = 0; i < count; i++)
        rank[i] = &classes[i];
    qsort(rank, count, sizeof *rank, by_weight);
    uint32_t kept = count > GROUPS_PER_SIDE ? GROUPS_PER_SIDE : count;
    rc = SEK_OK;
    for (uint32_t k = 0; k < kept && !rc; k++) {
        uint32_t last = k == kept - 1 ? count : k + 1; /* the last group takes all that are left */
        uint32_t n = 0;
        struct sek_port_group *g;
        if (!rank[k]->own)
            break; /* this class, and those after it, have no rules of their own */
        if (!(g = group_new(c))) {
            rc = SEK_ENOMEM;
            break;
        }
        uint16_t number = (uint16_t)c->group_count;
        for (uint32_t i = 0; i < side->count; i++) {
            bool in = false;
            for (uint32_t j = k; j < last && !in; j++)
                in = rule_in_port(side->rules[i], dir, rank[j]->sample);
            if (in)
                list[n++] = side->rules[i];
        }
        for (uint32_t j = k; j < last; j++)
            rank[j]->group = rank[j]->own ? number : 0;
        rc = group_build(c, list, n, streams, g, fault);
    }
    for (uint32_t port = 0; port < 65536; port++)
        map[port] = classes[class_of[port]].group;
done:
    free(classes);
    free(class_of);
    free(rank);
    free(list);
    return rc;
}

enum sek_error ports_build(struct sek_compiled *c, enum sek_group_proto proto, int dir,
                           struct sek_fault *fault)
{
    struct side named = {0};
    bool by_port = proto != SEK_GROUP_ICMP && proto != SEK_GROUP_OTHER;
    bool streams = proto == SEK_GROUP_TCP;
    struct sek_rule **any = calloc(c->rules->count + 1, sizeof *any);
    uint32_t any_count = 0;
    enum sek_error rc = SEK_ENOMEM;
    named.rules = calloc(c->rules->count + 1, sizeof *named.rules);
    uint16_t *map = c->port_group[proto][dir] = calloc(65536, sizeof *map);
    if (!any || !named.rules || !map)
        goto done;
    for (uint32_t i = 0; i < c->rules->count; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (!for_packets(r) || !rule_in_proto(r, proto) || !rule_in_dir(r, dir))
            continue;
        if (by_port && rule_names_ports(r, dir))
            named.rules[named.count++] = r;
        else
            any[any_count++] = r;
    }
    rc = group_build(c, any, any_count, streams, &c->any_port[proto][dir], fault);
    if (!rc && named.count)
        rc = classes_build(c, &named, dir, streams, map, fault);
done:
    free(any);
    free(named.rules);
    return rc == SEK_ENOMEM ? sek_fail(fault, rc, "out of memory while grouping rules") : rc;
}

static void group_free(struct sek_port_group *g)
{
    fixed_free(&g->fixed);
    prefilter_free(&g->head);
    prefilter_free(&g->packet);
    prefilter_free(&g->stream);
    free(g->always);
}

void ports_free(struct sek_compiled *c)
{
    for (uint32_t i = 0; i < c->group_count; i++)
        group_free(&c->groups[i]);
    for (int proto = 0; proto < SEK_GROUP_PROTOS; proto++) {
        for (int dir = 0; dir < 2; dir++) {
            group_free(&c->any_port[proto][dir]);
            free(c->port_group[proto][dir]);
        }
    }
    free(c->groups);
}
