/* When all rules are there: the order in which they are evaluated and reported, and for each the
 * pattern that is looked for first. */
#include "lib/rules/ruleset.h"

#include <stdlib.h>

static unsigned action_rank(const struct sek_rules *rules, const struct sek_rule *r)
{
    return rules->action_order[r->action > SEK_ACTION_REJECT ? SEK_ACTION_REJECT : r->action];
}

/* Rules that write a flowbit come before those that only read one. */
static unsigned bits_rank(const struct sek_rule *r)
{
    bool reads = false, writes = r->effects != NULL;
    for (const struct sek_condition *c = r->conditions; c; c = c->next)
        reads |= c->kind == SEK_IF_FLOWBITS || c->kind == SEK_IF_FLOWINT ||
                 c->kind == SEK_IF_XBITS || c->kind == SEK_IF_HOSTBITS;
    return writes && !reads ? 0 : writes ? 1 : reads ? 2 : 3;
}

static int by_order(const void *a, const void *b, void *ctx)
{
    const struct sek_rules *rules = ctx;
    const struct sek_rule *x = *(struct sek_rule *const *)a, *y = *(struct sek_rule *const *)b;
    int d = (int)action_rank(rules, x) - (int)action_rank(rules, y);
    if (!d)
        d = (int)bits_rank(x) - (int)bits_rank(y);
    if (!d)
        d = (int)x->priority - (int)y->priority;
    if (!d)
        d = (int)(x->sid > y->sid) - (int)(x->sid < y->sid);
    return d;
}

/* How good a pattern is to look for first: length counts, variety counts more. */
static unsigned pattern_score(const struct sek_content *c)
{
    bool seen[256] = {0};
    unsigned score = 0;
    for (unsigned i = 0; i < c->len; i++) {
        uint8_t byte = c->bytes[i];
        if (seen[byte])
            score += 1;
        else if (byte == 0 || byte == ' ' || byte == 0xff || byte == '/')
            score += 2;
        else if (byte >= 'a' && byte <= 'z')
            score += 3;
        else
            score += 4;
        seen[byte] = true;
    }
    return score;
}

static void choose_pattern(struct sek_rule *r)
{
    unsigned best = 0;
    for (struct sek_step *s = r->steps; s; s = s->next) {
        if (s->view->target != SEK_TARGET_PAYLOAD && !sek_target_is_buffer(s->view->target))
            continue;
        if (s->view->target == SEK_TARGET_PAYLOAD && r->flags & SEK_RULE_TX)
            continue; /* a transaction's own buffer decides when it is looked at */
        for (struct sek_detector *d = s->first; d; d = d->next) {
            if (d->kind != SEK_DETECT_CONTENT || d->content.negated)
                continue;
            unsigned score = pattern_score(&d->content);
            if (s->view->target >= SEK_TARGET_APP)
                score += 1000;
            if (d->content.fast_pattern)
                score += 100000;
            if (score > best) {
                best = score;
                r->fast = d;
                r->fast_step = s;
            }
        }
    }
}

enum sek_error sek_rules_finish(struct sek_rules *rules, struct sek_fault *fault)
{
    (void)fault;
    if (rules->count)
        qsort_r(rules->items, rules->count, sizeof *rules->items, by_order, rules);
    for (uint32_t i = 0; i < rules->count; i++) {
        struct sek_rule *r = rules->items[i];
        r->order = i;
        choose_pattern(r);
    }
    return SEK_OK;
}
