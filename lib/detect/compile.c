/* Grouping and pattern compilation. Ports that see the same rules share a group; when there are too
 * many groups, those with the fewest rules of their own are joined. */
#include "lib/detect/compiled.h"

#include "lib/app/buffers.h"
#include "lib/base/clock.h"

#include <netinet/in.h>
#include <stdlib.h>

#define GROUPS_PER_SIDE 24

enum sek_group_proto sek_group_of(uint8_t ip_proto)
{
    switch (ip_proto) {
    case IPPROTO_TCP:
        return SEK_GROUP_TCP;
    case IPPROTO_UDP:
        return SEK_GROUP_UDP;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return SEK_GROUP_ICMP;
    case IPPROTO_SCTP:
        return SEK_GROUP_SCTP;
    default:
        return SEK_GROUP_OTHER;
    }
}

static bool rule_in_proto(const struct sek_rule *r, enum sek_group_proto p)
{
    static const uint8_t numbers[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP};
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

static bool rule_in_dir(const struct sek_rule *r, int dir)
{
    return !(r->flags & (dir ? SEK_RULE_TOSERVER : SEK_RULE_TOCLIENT));
}

/* The port that decides: destination of packets to the server, source of packets to the client. */
static bool rule_in_port(const struct sek_rule *r, int dir, uint16_t port)
{
    const struct sek_port_set *set = dir ? r->src_port : r->dst_port;
    if (sek_port_set_has(set, port))
        return true;
    return r->flags & SEK_RULE_BOTH_WAYS && sek_port_set_has(dir ? r->dst_port : r->src_port, port);
}

static bool for_packets(const struct sek_rule *r)
{
    return !(r->flags & (SEK_RULE_TX | SEK_RULE_IP_ONLY | SEK_RULE_PROTO_ONLY | SEK_RULE_DECODER));
}

/* --- one prefilter --- */

struct pattern {
    uint8_t bytes[256];
    uint32_t len;
    bool nocase;
    struct sek_hit hit;
};

#define PATTERN_MAX 120u /* longer ones are cut: the rule itself checks all of it */

static int by_bytes(const void *a, const void *b)
{
    const struct pattern *x = a, *y = b;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    if (x->nocase != y->nocase)
        return x->nocase ? 1 : -1;
    int d = memcmp(x->bytes, y->bytes, x->len);
    return d ? d : (int)(x->hit.rule->order > y->hit.rule->order) -
                       (int)(x->hit.rule->order < y->hit.rule->order);
}

/* Where the end of the pattern can be in a buffer, from offset and depth. */
static void hit_place(const struct sek_content *c, uint32_t skip, uint32_t len, struct sek_hit *hit)
{
    bool fixed = (!c->has_offset || c->offset.var < 0) && (!c->has_depth || c->depth.var < 0) &&
                 !c->has_distance && !c->has_within;
    hit->low = 0;
    hit->high = UINT32_MAX;
    if (!fixed)
        return;
    uint32_t offset = c->has_offset ? (uint32_t)c->offset.number : 0;
    hit->low = offset + skip + len;
    if (c->has_depth)
        hit->high = offset + (uint32_t)c->depth.number - (c->len - skip - len);
}

static void pattern_of(struct sek_rule *r, struct pattern *p)
{
    const struct sek_content *c = &r->fast->content;
    uint32_t skip = c->chop_len ? c->chop_offset : 0;
    uint32_t len = c->chop_len ? c->chop_len : c->len;
    if (len > PATTERN_MAX)
        len = PATTERN_MAX;
    memset(p, 0, sizeof *p);
    memcpy(p->bytes, c->bytes + skip, len);
    p->len = len;
    p->nocase = c->nocase;
    p->hit.rule = r;
    hit_place(c, skip, len, &p->hit);
}

static enum sek_error prefilter_build(struct sek_prefilter *f, struct sek_rule **rules,
                                      uint32_t count, struct sek_compiled *c,
                                      struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct pattern *list = calloc(count ? count : 1, sizeof *list);
    const char **exprs = calloc(count ? count : 1, sizeof *exprs);
    unsigned *flags = calloc(count ? count : 1, sizeof *flags);
    unsigned *ids = calloc(count ? count : 1, sizeof *ids);
    size_t *lens = calloc(count ? count : 1, sizeof *lens);
    hs_compile_error_t *error = NULL;
    if (!count)
        goto done;
    f->first = calloc(count + 1, sizeof *f->first);
    f->hits = calloc(count, sizeof *f->hits);
    if (!list || !exprs || !flags || !ids || !lens || !f->first || !f->hits) {
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
        goto done;
    }
    for (uint32_t i = 0; i < count; i++)
        pattern_of(rules[i], &list[i]);
    qsort(list, count, sizeof *list, by_bytes);
    for (uint32_t i = 0; i < count; i++) {
        bool same = i && list[i].len == list[i - 1].len && list[i].nocase == list[i - 1].nocase &&
                    !memcmp(list[i].bytes, list[i - 1].bytes, list[i].len);
        if (!same) {
            uint32_t n = f->pattern_count++;
            exprs[n] = (const char *)list[i].bytes;
            lens[n] = list[i].len;
            flags[n] = list[i].nocase ? HS_FLAG_CASELESS : 0;
            ids[n] = n;
            f->first[n] = i;
        }
        f->hits[i] = list[i].hit;
    }
    f->first[f->pattern_count] = count;
    f->rule_count = count;
    hs_error_t e = hs_compile_lit_multi(exprs, flags, ids, lens, f->pattern_count, HS_MODE_BLOCK,
                                        NULL, &f->db, &error);
    if (e != HS_SUCCESS) {
        rc = sek_fail(fault, SEK_ENOMEM, "Hyperscan cannot compile %u patterns: %s",
                      f->pattern_count, error ? error->message : "unknown error");
        hs_free_compile_error(error);
        goto done;
    }
    if (hs_alloc_scratch(f->db, &c->scratch) != HS_SUCCESS)
        rc = sek_fail(fault, SEK_ENOMEM, "no scratch memory for Hyperscan");
    hs_database_size(f->db, &f->bytes);
    c->database_bytes += f->bytes;
done:
    free(list);
    free(exprs);
    free(flags);
    free(ids);
    free(lens);
    return rc;
}

static void prefilter_free(struct sek_prefilter *f)
{
    hs_free_database(f->db);
    free(f->first);
    free(f->hits);
}

/* --- groups by port --- */

/* Rules of one protocol and direction; which of them a group has is a bitmap over this list. */
struct side {
    struct sek_rule **rules;
    uint32_t count;
};

static enum sek_error group_build(struct sek_compiled *c, const struct side *side,
                                  const uint8_t *member, struct sek_port_group *g,
                                  struct sek_fault *fault)
{
    struct sek_rule **packet = calloc(side->count + 1, sizeof *packet);
    struct sek_rule **stream = calloc(side->count + 1, sizeof *stream);
    uint32_t packets = 0, streams = 0;
    enum sek_error rc = SEK_ENOMEM;
    g->always = calloc(side->count + 1, sizeof *g->always);
    if (!packet || !stream || !g->always)
        goto done;
    for (uint32_t i = 0; i < side->count; i++) {
        struct sek_rule *r = side->rules[i];
        if (!member[i])
            continue;
        g->rule_count++;
        if (!r->fast) {
            g->always[g->always_count++] = r;
            continue;
        }
        if (r->flags & SEK_RULE_NEEDS_PACKET || !(r->flags & SEK_RULE_NEEDS_STREAM))
            packet[packets++] = r;
        if (r->flags & SEK_RULE_NEEDS_STREAM)
            stream[streams++] = r;
    }
    rc = prefilter_build(&g->packet, packet, packets, c, fault);
    if (!rc)
        rc = prefilter_build(&g->stream, stream, streams, c, fault);
done:
    free(packet);
    free(stream);
    return rc;
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

static enum sek_error ports_build(struct sek_compiled *c, enum sek_group_proto proto, int dir,
                                  struct sek_fault *fault)
{
    struct side side = {0};
    bool by_port = proto != SEK_GROUP_ICMP && proto != SEK_GROUP_OTHER;
    uint32_t ports = by_port ? 65536 : 1, count = 1, kept;
    struct class *classes = calloc(65536, sizeof *classes), **rank = NULL;
    uint16_t *class_of = calloc(65536, sizeof *class_of);
    uint16_t *map = c->port_group[proto][dir] = calloc(ports, sizeof *map);
    uint8_t *member = NULL;
    enum sek_error rc = SEK_ENOMEM;
    side.rules = calloc(c->rules->count + 1, sizeof *side.rules);
    if (!classes || !class_of || !map || !side.rules)
        goto done;
    for (uint32_t i = 0; i < c->rules->count; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (for_packets(r) && rule_in_proto(r, proto) && rule_in_dir(r, dir))
            side.rules[side.count++] = r;
    }
    if (by_port)
        count = port_classes(&side, dir, classes, class_of);
    if (!count)
        goto done;
    rank = calloc(count, sizeof *rank);
    member = calloc(side.count + 1, 1);
    if (!rank || !member)
        goto done;
    for (uint32_t i = 0; i < count; i++)
        rank[i] = &classes[i];
    qsort(rank, count, sizeof *rank, by_weight);
    kept = count > GROUPS_PER_SIDE ? GROUPS_PER_SIDE : count;
    rc = SEK_OK;
    for (uint32_t k = 0; k < kept && !rc; k++) {
        bool rest = k == kept - 1; /* the last group takes all classes that are left */
        uint16_t number = (uint16_t)c->group_count;
        struct sek_port_group *g = group_new(c);
        if (!g) {
            rc = SEK_ENOMEM;
            break;
        }
        memset(member, 0, side.count + 1);
        for (uint32_t j = k; j < (rest ? count : k + 1); j++) {
            rank[j]->group = number;
            for (uint32_t i = 0; i < side.count; i++)
                member[i] |= !by_port || rule_in_port(side.rules[i], dir, rank[j]->sample);
        }
        rc = group_build(c, &side, member, g, fault);
    }
    for (uint32_t port = 0; port < ports; port++)
        map[port] = classes[class_of[port]].group;
done:
    free(side.rules);
    free(classes);
    free(class_of);
    free(rank);
    free(member);
    return rc == SEK_ENOMEM ? sek_fail(fault, rc, "out of memory while grouping rules") : rc;
}

/* --- groups by buffer --- */

static int by_progress(const void *a, const void *b)
{
    const struct sek_view_group *x = a, *y = b;
    return (int)x->progress - (int)y->progress;
}

static bool tx_rule_here(const struct sek_rule *r, enum sek_app app, int dir)
{
    return r->flags & SEK_RULE_TX && (!r->apps || r->apps >> app & 1) && rule_in_dir(r, dir);
}

/* Does the rule have a buffer that only the other direction has? Then it is not for this one. */
static bool other_way(const struct sek_rule *r, enum sek_app app, int dir)
{
    for (const struct sek_step *s = r->steps; s; s = s->next) {
        if (s->view->target < SEK_TARGET_APP)
            continue;
        const struct sek_buffer_def *d = sek_buffer_in(s->view->target - SEK_TARGET_APP, app);
        if (!d || !(d->dirs & (dir ? 2 : 1)))
            return true;
    }
    for (const struct sek_condition *k = r->conditions; k; k = k->next)
        if ((k->kind == SEK_IF_NUMBER &&
             (!k->number[app] || !(k->number[app]->dirs & (dir ? 2 : 1)))) ||
            (k->kind == SEK_IF_TEST && (!k->test[app] || !(k->test[app]->dirs & (dir ? 2 : 1)))))
            return true;
    return false;
}

static enum sek_error app_build(struct sek_compiled *c, enum sek_app app, int dir,
                                struct sek_fault *fault)
{
    struct sek_app_group *g = &c->apps[app][dir];
    struct sek_rule **list = calloc(c->rules->count + 1, sizeof *list);
    enum sek_error rc = SEK_OK;
    g->views = calloc(c->rules->view_count + 1, sizeof *g->views);
    g->always = calloc(c->rules->count + 1, sizeof *g->always);
    if (!list || !g->views || !g->always) {
        free(list);
        return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    }
    for (uint32_t i = 0; i < c->rules->count; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (tx_rule_here(r, app, dir) && !other_way(r, app, dir) && !r->fast)
            g->always[g->always_count++] = r;
    }
    for (uint32_t v = 0; v < c->rules->view_count && !rc; v++) {
        struct sek_view *view = c->rules->views[v];
        const struct sek_buffer_def *d =
            view->target >= SEK_TARGET_APP ? sek_buffer_in(view->target - SEK_TARGET_APP, app) : NULL;
        uint32_t n = 0;
        if (!d || !(d->dirs & (dir ? 2 : 1)))
            continue;
        for (uint32_t i = 0; i < c->rules->count; i++) {
            struct sek_rule *r = c->rules->items[i];
            if (r->fast && r->fast_step->view == view && tx_rule_here(r, app, dir) &&
                !other_way(r, app, dir))
                list[n++] = r;
        }
        if (!n)
            continue;
        struct sek_view_group *vg = &g->views[g->view_count++];
        *vg = (struct sek_view_group){.view = view, .progress = d->progress[dir],
                                      .growing = d->growing, .multi = d->multi};
        rc = prefilter_build(&vg->prefilter, list, n, c, fault);
    }
    qsort(g->views, g->view_count, sizeof *g->views, by_progress);
    free(list);
    return rc;
}

static enum sek_error lists_build(struct sek_compiled *c, struct sek_fault *fault)
{
    uint32_t n = c->rules->count;
    c->ip_only = calloc(n + 1, sizeof *c->ip_only);
    c->proto_only = calloc(n + 1, sizeof *c->proto_only);
    c->decoder = calloc(n + 1, sizeof *c->decoder);
    if (!c->ip_only || !c->proto_only || !c->decoder)
        return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    for (uint32_t i = 0; i < n; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (r->flags & SEK_RULE_DECODER)
            c->decoder[c->decoder_count++] = r;
        else if (r->flags & SEK_RULE_IP_ONLY)
            c->ip_only[c->ip_only_count++] = r;
        else if (r->flags & SEK_RULE_PROTO_ONLY)
            c->proto_only[c->proto_only_count++] = r;
    }
    return SEK_OK;
}

struct sek_compiled *sek_compile(struct sek_rules *rules, struct sek_fault *fault)
{
    uint64_t begin = sek_clock_mono_us();
    struct sek_compiled *c = calloc(1, sizeof *c);
    enum sek_error rc = c ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "out of memory");
    if (!c) {
        sek_rules_free(rules);
        return NULL;
    }
    c->rules = rules;
    for (int proto = 0; proto < SEK_GROUP_PROTOS && !rc; proto++)
        for (int dir = 0; dir < 2 && !rc; dir++)
            rc = ports_build(c, proto, dir, fault);
    for (int app = 0; app < SEK_APP_COUNT && !rc; app++)
        for (int dir = 0; dir < 2 && !rc && sek_app_ops(app); dir++)
            rc = app_build(c, app, dir, fault);
    if (!rc)
        rc = lists_build(c, fault);
    if (rc) {
        sek_compiled_free(c);
        return NULL;
    }
    c->compile_seconds = (double)(sek_clock_mono_us() - begin) / 1e6;
    return c;
}

enum sek_error sek_compile_all(struct sek_rules *rules, struct sek_compiled **out,
                               struct sek_fault *fault)
{
    enum sek_error rc = sek_rules_all_loaded(rules, fault);
    if (!rc)
        rc = sek_rules_finish(rules, fault);
    if (rc) {
        sek_rules_free(rules);
        return rc;
    }
    *out = sek_compile(rules, fault);
    return *out ? SEK_OK : fault->code;
}

void sek_compiled_free(struct sek_compiled *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->group_count; i++) {
        prefilter_free(&c->groups[i].packet);
        prefilter_free(&c->groups[i].stream);
        free(c->groups[i].always);
    }
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        for (int dir = 0; dir < 2; dir++) {
            for (uint32_t v = 0; v < c->apps[app][dir].view_count; v++)
                prefilter_free(&c->apps[app][dir].views[v].prefilter);
            free(c->apps[app][dir].views);
            free(c->apps[app][dir].always);
        }
    }
    for (int proto = 0; proto < SEK_GROUP_PROTOS; proto++)
        for (int dir = 0; dir < 2; dir++)
            free(c->port_group[proto][dir]);
    hs_free_scratch(c->scratch);
    free(c->groups);
    free(c->ip_only);
    free(c->proto_only);
    free(c->decoder);
    sek_rules_free(c->rules);
    free(c);
}
