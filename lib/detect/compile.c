/* A rule set made ready: groups by port, by buffer, and lists of rules that need neither. */
#include "lib/detect/build.h"

#include "lib/app/buffers.h"
#include "lib/base/clock.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

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

/* --- groups by buffer --- */

static int by_progress(const void *a, const void *b)
{
    const struct sek_view_group *x = a, *y = b;
    return (int)x->progress - (int)y->progress;
}

static bool tx_rule_here(const struct sek_rule *r, enum sek_app app, int dir)
{
    if (r->flags & SEK_RULE_TWO_WAY && r->flags & SEK_RULE_TX)
        return (!r->apps || r->apps >> app & 1) && (r->fast ? r->fast_step->dir : 1) == dir;
    return r->flags & SEK_RULE_TX && (!r->apps || r->apps >> app & 1) && rule_in_dir(r, dir);
}

/* Does the rule have a buffer that only the other direction has? Then it is not for this one. */
static bool other_way(const struct sek_rule *r, enum sek_app app, int dir)
{
    if (r->flags & SEK_RULE_TWO_WAY)
        return false;
    for (const struct sek_step *s = r->steps; s; s = s->next) {
        if (!sek_target_is_buffer(s->view->target))
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

/* Transaction rules, sorted once for all protocols: those of view V that their pattern is in are
 * rules[first[v]] .. rules[first[v + 1]]; those without a pattern come last. */
struct tx_rules {
    struct sek_rule **rules;
    uint32_t *first;
    uint32_t views;
};

static bool tx_rules_sort(struct tx_rules *t, const struct sek_rules *rules)
{
    uint32_t n = t->views = rules->view_count;
    uint32_t *next = calloc(n + 2, sizeof *next);
    t->rules = calloc(rules->count + 1, sizeof *t->rules);
    t->first = calloc(n + 2, sizeof *t->first);
    bool ok = next && t->rules && t->first;
    for (uint32_t i = 0; ok && i < rules->count; i++)
        if (rules->items[i]->flags & SEK_RULE_TX)
            t->first[(rules->items[i]->fast ? rules->items[i]->fast_step->view->id : n) + 1]++;
    for (uint32_t v = 0; ok && v <= n; v++)
        next[v + 1] = t->first[v + 1] += t->first[v];
    for (uint32_t i = 0; ok && i < rules->count; i++) {
        struct sek_rule *r = rules->items[i];
        if (r->flags & SEK_RULE_TX) {
            uint32_t v = r->fast ? r->fast_step->view->id : n;
            t->rules[next[v]++] = r;
        }
    }
    free(next);
    return ok;
}

/* Those of view V (or without a pattern: V is the number of views) that concern APP and DIR. */
static uint32_t tx_rules_of(const struct tx_rules *t, uint32_t v, enum sek_app app, int dir,
                            struct sek_rule **out)
{
    uint32_t n = 0;
    for (uint32_t i = t->first[v]; i < t->first[v + 1]; i++)
        if (tx_rule_here(t->rules[i], app, dir) && !other_way(t->rules[i], app, dir))
            out[n++] = t->rules[i];
    return n;
}

static bool view_here(const struct sek_view *view, enum sek_app app, int dir,
                      const struct sek_buffer_def **def)
{
    *def = sek_target_is_buffer(view->target) ? sek_buffer_in(view->target - SEK_TARGET_APP, app) : NULL;
    return *def && (*def)->dirs & (dir ? 2 : 1);
}

static enum sek_error app_build(struct sek_compiled *c, const struct tx_rules *t, struct sek_rule **list,
                                enum sek_app app, int dir, struct sek_fault *fault)
{
    struct sek_app_group *g = &c->apps[app][dir];
    enum sek_error rc = SEK_OK;
    g->always_count = tx_rules_of(t, t->views, app, dir, list);
    g->always = calloc(g->always_count + 1, sizeof *g->always);
    if (!g->always)
        return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    memcpy(g->always, list, g->always_count * sizeof *list);
    for (uint32_t v = 0; v < t->views && !rc; v++) {
        struct sek_view *view = c->rules->views[v];
        const struct sek_buffer_def *d;
        uint32_t n = view_here(view, app, dir, &d) ? tx_rules_of(t, v, app, dir, list) : 0;
        if (!n)
            continue;
        struct sek_view_group *more = realloc(g->views, (g->view_count + 1) * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
        g->views = more;
        struct sek_view_group *vg = &g->views[g->view_count++];
        *vg = (struct sek_view_group){.view = view, .progress = d->progress[dir],
                                      .growing = d->growing, .multi = d->multi};
        rc = prefilter_build(&vg->prefilter, list, n, c, fault);
    }
    if (g->view_count)
        qsort(g->views, g->view_count, sizeof *g->views, by_progress);
    return rc;
}

static enum sek_error apps_build(struct sek_compiled *c, struct sek_fault *fault)
{
    struct tx_rules t = {0};
    struct sek_rule **list = calloc(c->rules->count + 1, sizeof *list);
    enum sek_error rc = list && tx_rules_sort(&t, c->rules)
                            ? SEK_OK
                            : sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    for (int app = 0; app < SEK_APP_COUNT && !rc; app++)
        for (int dir = 0; dir < 2 && !rc && sek_app_ops(app); dir++)
            rc = app_build(c, &t, list, app, dir, fault);
    free(list);
    free(t.rules);
    free(t.first);
    return rc;
}

static enum sek_error lists_build(struct sek_compiled *c, struct sek_fault *fault)
{
    uint32_t n = c->rules->count;
    c->proto_only = calloc(n + 1, sizeof *c->proto_only);
    c->decoder = calloc(n + 1, sizeof *c->decoder);
    for (int dir = 0; dir < 2; dir++)
        if (!(c->frames[dir] = calloc(n + 1, sizeof *c->frames[dir])))
            return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    if (!c->proto_only || !c->decoder)
        return sek_fail(fault, SEK_ENOMEM, "out of memory while grouping rules");
    for (uint32_t i = 0; i < n; i++) {
        struct sek_rule *r = c->rules->items[i];
        if (r->flags & SEK_RULE_FRAME) {
            c->frame_apps |= r->apps;
            for (int dir = 0; dir < 2; dir++)
                if (rule_in_dir(r, dir))
                    c->frames[dir][c->frame_count[dir]++] = r;
        } else if (r->flags & SEK_RULE_DECODER)
            c->decoder[c->decoder_count++] = r;
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
    if (rules->matcher_cache)
        c->cache = matcher_cache_open(rules->matcher_cache);
    for (int proto = 0; proto < SEK_GROUP_PROTOS && !rc; proto++)
        for (int dir = 0; dir < 2 && !rc; dir++)
            rc = ports_build(c, proto, dir, fault);
    if (!rc)
        rc = apps_build(c, fault);
    if (!rc)
        rc = lists_build(c, fault);
    if (!rc)
        rc = ip_only_build(c, fault);
    matcher_cache_close(c->cache);
    c->cache = NULL;
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
    ports_free(c);
    ip_only_free(c);
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        for (int dir = 0; dir < 2; dir++) {
            for (uint32_t v = 0; v < c->apps[app][dir].view_count; v++)
                prefilter_free(&c->apps[app][dir].views[v].prefilter);
            free(c->apps[app][dir].views);
            free(c->apps[app][dir].always);
        }
    }
    hs_free_scratch(c->scratch);
    free(c->frames[0]);
    free(c->frames[1]);
    free(c->proto_only);
    free(c->decoder);
    sek_rules_free(c->rules);
    free(c);
}
