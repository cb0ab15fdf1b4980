/* Each rule becomes a chain with what it does, and lines in its direction's chain with what it
 * matches. Before all rules stands what nobody may shut out: replies, loopback, the manager and the
 * spared addresses, neighbour discovery, DHCP. nft(8). */
#include "agent/guard/ruleset.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* One packet in this many tells of a rule that drops a flood. */
#define LOG_LIMIT "limit rate 20/second burst 40 packets "

static const struct direction {
    const char *chain, *hook, *interface, *near, *program; /* NEAR: keyword of the other side */
} directions[SEK_RULE_DIRECTIONS] = {
    [SEK_RULE_IN] = {"input", "input", "iifname", "saddr", "socket mark"},
    [SEK_RULE_OUT] = {"output", "output", "oifname", "daddr", "meta mark"},
    [SEK_RULE_FORWARD] = {"forward", "forward", "iifname", "daddr", ""},
};

static void write_prefix(struct sek_text *t, const struct sek_ruleset_prefix *p)
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(p->v6 ? AF_INET6 : AF_INET, p->address, text, sizeof text);
    sek_text_printf(t, "%s/%u", text, p->bits);
}

/* "1.2.3.0/24, 5.6.7.8/32" of one family; false: there is none. */
static bool write_prefixes(struct sek_text *t, const struct sek_ruleset *r, unsigned first,
                           unsigned count, bool v6)
{
    bool any = false;
    for (unsigned i = first; i < first + count; i++) {
        if (r->prefixes[i].v6 != v6)
            continue;
        sek_text_puts(t, any ? ", " : "");
        write_prefix(t, &r->prefixes[i]);
        any = true;
    }
    return any;
}

static void write_set(struct sek_text *t, const struct sek_ruleset *r, const char *prefix,
                      const char *name, unsigned first, unsigned count)
{
    for (int v6 = 0; v6 < 2; v6++) {
        struct sek_text list = {0};
        sek_text_printf(t, " set %s%s_%d {\n  type %s\n  flags interval\n  auto-merge\n", prefix,
                        name, v6 ? 6 : 4, v6 ? "ipv6_addr" : "ipv4_addr");
        if (write_prefixes(&list, r, first, count, v6))
            sek_text_printf(t, "  elements = { %s }\n", list.data);
        sek_text_puts(t, " }\n");
        sek_text_free(&list);
    }
}

static void write_log(struct sek_text *t, const struct sek_ruleset *r, const char *direction,
                      const char *rule, unsigned group)
{
    sek_text_printf(t, "  " LOG_LIMIT "log prefix \"" SEK_RULESET_PREFIX " %s %s %s\" group %u\n",
                    sek_ruleset_modes[r->mode], direction, rule, group);
}

/* In detect mode what would be dropped is told and passes. */
static void write_end(struct sek_text *t, const struct sek_ruleset *r, unsigned action)
{
    if (r->mode == SEK_RULESET_DETECT || action == SEK_RULE_ACCEPT)
        sek_text_puts(t, "  accept\n");
    else if (action == SEK_RULE_REJECT)
        sek_text_puts(t, "  meta l4proto tcp reject with tcp reset\n"
                         "  reject with icmpx admin-prohibited\n");
    else
        sek_text_puts(t, "  drop\n");
}

/* A rate limits what is accepted or noted; what is dropped is what exceeds it. */
static void write_action(struct sek_text *t, const struct sek_ruleset *r, unsigned index,
                         unsigned group)
{
    const struct sek_ruleset_rule *rule = &r->rules[index];
    bool refuses = rule->action == SEK_RULE_DROP || rule->action == SEK_RULE_REJECT;
    sek_text_printf(t, " chain rule_%u {\n", index);
    if (rule->rate && refuses)
        sek_text_printf(t, "  limit rate %u/%s return\n", rule->rate,
                        sek_ruleset_units[rule->rate_unit]);
    else if (rule->rate)
        sek_text_printf(t, "  limit rate over %u/%s return\n", rule->rate,
                        sek_ruleset_units[rule->rate_unit]);
    if (rule->action != SEK_RULE_ACCEPT)
        write_log(t, r, sek_ruleset_directions[rule->direction], rule->name, group);
    if (rule->action != SEK_RULE_LOG)
        write_end(t, r, rule->action);
    sek_text_puts(t, " }\n");
}

static void write_process(struct sek_text *t, const struct sek_ruleset_rule *rule)
{
    static const char *const kinds[] = {"", "program", "user", "cgroup"};
    if (rule->process_kind == SEK_RULE_USER)
        sek_text_puts(t, "meta skuid ");
    else if (rule->process_kind == SEK_RULE_PROGRAM)
        sek_text_printf(t, "%s & %#x == ", directions[rule->direction].program, SEK_PROGRAM_MASK);
    else if (rule->process_kind == SEK_RULE_CGROUP)
        sek_text_puts(t, "socket cgroupv2 level ");
    if (rule->process_kind)
        sek_text_printf(t, "<%s:%s> ", kinds[rule->process_kind], rule->process);
}

/* All that a rule matches but addresses. */
static void write_match(struct sek_text *t, const struct sek_ruleset_rule *rule)
{
    static const char *const protos[] = {"", "meta l4proto tcp ", "meta l4proto udp ",
                                         "meta l4proto { icmp, ipv6-icmp } "};
    if (rule->interface[0])
        sek_text_printf(t, "%s \"%s\" ", directions[rule->direction].interface, rule->interface);
    sek_text_puts(t, protos[rule->proto]);
    for (unsigned i = 0; i < rule->port_count; i++)
        sek_text_printf(t, "%s%u-%u", i ? ", " : "th dport { ", rule->ports[i].low,
                        rule->ports[i].high);
    sek_text_puts(t, rule->port_count ? " } " : "");
    write_process(t, rule);
}

static void write_line(struct sek_text *t, const struct sek_ruleset *r, unsigned index,
                       const char *family, const char *side, const char *set)
{
    sek_text_puts(t, "  ");
    write_match(t, &r->rules[index]);
    if (set)
        sek_text_printf(t, "%s %s @%s ", family, side, set);
    sek_text_printf(t, "jump rule_%u\n", index);
}

/* What is forwarded matches by either end. */
static void write_lines(struct sek_text *t, const struct sek_ruleset *r, unsigned index)
{
    const struct sek_ruleset_rule *rule = &r->rules[index];
    if (!rule->set_count && !rule->count) {
        write_line(t, r, index, NULL, NULL, NULL);
        return;
    }
    for (int v6 = 0; v6 < 2; v6++) {
        for (int side = 0; side < (rule->direction == SEK_RULE_FORWARD ? 2 : 1); side++) {
            const char *word = side ? "saddr" : directions[rule->direction].near;
            char set[SEK_RULESET_NAME + 16];
            for (unsigned i = 0; i < rule->set_count; i++) {
                snprintf(set, sizeof set, "s_%s_%d", r->sets[rule->sets[i]].name, v6 ? 6 : 4);
                write_line(t, r, index, v6 ? "ip6" : "ip", word, set);
            }
            snprintf(set, sizeof set, "r_%u_%d", index, v6 ? 6 : 4);
            if (rule->count)
                write_line(t, r, index, v6 ? "ip6" : "ip", word, set);
        }
    }
}

static void write_always(struct sek_text *t, int direction)
{
    const struct direction *d = &directions[direction];
    sek_text_puts(t, "  ct state established,related accept\n");
    if (direction == SEK_RULE_FORWARD) {
        sek_text_puts(t, "  ip saddr @always_4 accept\n  ip6 saddr @always_6 accept\n");
    } else {
        sek_text_printf(t, "  %s \"lo\" accept\n", d->interface);
        sek_text_puts(t, direction == SEK_RULE_IN ? "  udp sport 67 udp dport 68 accept\n"
                                                    "  udp sport 547 udp dport 546 accept\n"
                                                  : "  udp sport 68 udp dport 67 accept\n"
                                                    "  udp sport 546 udp dport 547 accept\n");
    }
    sek_text_puts(t, "  icmpv6 type { nd-router-solicit, nd-router-advert, nd-neighbor-solicit, "
                     "nd-neighbor-advert, mld-listener-query, mld-listener-report, "
                     "mld2-listener-report } accept\n");
    sek_text_printf(t, "  ip %s @always_4 accept\n  ip6 %s @always_6 accept\n", d->near, d->near);
}

static void write_direction(struct sek_text *t, const struct sek_ruleset *r, int direction)
{
    const struct direction *d = &directions[direction];
    bool drop =
        (direction == SEK_RULE_IN && r->drop_in) || (direction == SEK_RULE_OUT && r->drop_out);
    sek_text_printf(t, " chain %s {\n  type filter hook %s priority -5; policy accept;\n", d->chain,
                    d->hook);
    write_always(t, direction);
    for (unsigned i = 0; i < r->rule_count; i++) {
        if (r->rules[i].direction == direction)
            write_lines(t, r, i);
    }
    if (drop)
        sek_text_printf(t, "  jump default_%s\n", sek_ruleset_directions[direction]);
    sek_text_puts(t, " }\n");
}

void sek_ruleset_compile(const struct sek_ruleset *r, unsigned group, struct sek_text *out)
{
    sek_text_puts(out, "add table inet sekisho_fw\ndelete table inet sekisho_fw\n");
    if (r->mode == SEK_RULESET_OFF)
        return;
    sek_text_puts(out, "table inet sekisho_fw {\n");
    for (int v6 = 0; v6 < 2; v6++)
        sek_text_printf(out,
                        " set always_%d {\n  type %s\n  flags interval\n  auto-merge\n"
                        "  elements = { <always%d:> }\n }\n",
                        v6 ? 6 : 4, v6 ? "ipv6_addr" : "ipv4_addr", v6 ? 6 : 4);
    for (unsigned i = 0; i < r->set_count; i++)
        write_set(out, r, "s_", r->sets[i].name, r->sets[i].first, r->sets[i].count);
    for (unsigned i = 0; i < r->rule_count; i++) {
        char name[8];
        snprintf(name, sizeof name, "%u", i);
        if (r->rules[i].count)
            write_set(out, r, "r_", name, r->rules[i].first, r->rules[i].count);
        write_action(out, r, i, group);
    }
    for (int i = SEK_RULE_IN; i <= SEK_RULE_OUT; i++) {
        sek_text_printf(out, " chain default_%s {\n", sek_ruleset_directions[i]);
        write_log(out, r, sek_ruleset_directions[i], "default", group);
        write_end(out, r, SEK_RULE_DROP);
        sek_text_puts(out, " }\n");
    }
    for (int i = 0; i < SEK_RULE_DIRECTIONS; i++)
        write_direction(out, r, i);
    sek_text_puts(out, "}\n");
}

/* --- expansion ------------------------------------------------------------------------------- */

static bool expand_line(const char *line, size_t len, sek_ruleset_resolve *resolve, void *arg,
                        struct sek_text *out)
{
    const char *open = memchr(line, '<', len);
    const char *close = open ? memchr(open, '>', len - (size_t)(open - line)) : NULL;
    const char *colon = close ? memchr(open, ':', (size_t)(close - open)) : NULL;
    char kind[16], word[256];
    if (!colon) {
        sek_text_add(out, line, len);
        return true;
    }
    size_t before = out->len;
    snprintf(kind, sizeof kind, "%.*s", (int)(colon - open - 1), open + 1);
    snprintf(word, sizeof word, "%.*s", (int)(close - colon - 1), colon + 1);
    sek_text_add(out, line, (size_t)(open - line));
    if (resolve(arg, kind, word, out)) {
        sek_text_add(out, close + 1, len - (size_t)(close + 1 - line));
        return true;
    }
    out->len = before;
    return false;
}

unsigned sek_ruleset_expand(const char *template, sek_ruleset_resolve *resolve, void *arg,
                            struct sek_text *out)
{
    unsigned left_out = 0;
    while (*template) {
        size_t len = strcspn(template, "\n");
        if (template[len])
            len++;
        left_out += !expand_line(template, len, resolve, arg, out);
        template += len;
    }
    return left_out;
}
