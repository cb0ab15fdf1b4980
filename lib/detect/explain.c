/* What the engine makes of one rule, in words: where it looks, what it looks for first, with which other
 * rules it shares that search, and how often it will have to be looked at closely. */
#include "lib/detect/explain.h"

#include "lib/app/buffers.h"
#include "lib/detect/build.h"

#include <ctype.h>
#include <math.h>

static const char *const group_names[] = {"tcp", "udp", "icmp", "sctp", "other protocols"};

/* Bytes of text and binary traffic are not equally frequent: bits of surprise of one byte. */
static double surprise(uint8_t c, bool nocase)
{
    double bits;
    if (c == 0 || c == ' ' || c == 'e' || c == 't')
        bits = 4;
    else if (islower(c) || c == '/' || c == '.' || c == '=' || c == '-' || c == '\r' || c == '\n')
        bits = 5.5;
    else if (isupper(c) || isdigit(c))
        bits = 7;
    else
        bits = 8;
    return nocase && isalpha(c) ? bits - 1 : bits;
}

static void pattern_text(struct sek_text *out, const struct sek_content *c)
{
    uint32_t at = c->chop_len ? c->chop_offset : 0, len = c->chop_len ? c->chop_len : c->len;
    bool hex = false;
    for (uint32_t i = 0; i < len; i++) {
        uint8_t b = c->bytes[at + i];
        bool plain = isprint(b) && !strchr("|\"\\;:", b);
        if (plain == hex) {
            sek_text_putc(out, '|');
            hex = !hex;
        }
        if (plain)
            sek_text_putc(out, (char)b);
        else
            sek_text_printf(out, "%s%02x", i && hex && !isprint(c->bytes[at + i - 1]) ? " " : "", b);
    }
    if (hex)
        sek_text_putc(out, '|');
}

static const char *target_name(int target)
{
    static const char *const names[] = {"payload", "tcp.hdr", "udp.hdr", "ipv4.hdr", "ipv6.hdr",
                                        "icmpv4.hdr", "icmpv6.hdr", "sctp.hdr", "sctp.chunk_data",
                                        "igmp.hdr", "ip.src", "ip.dst", "base64_data"};
    if (sek_target_is_buffer(target))
        return sek_buffer_name(target - SEK_TARGET_APP);
    if (target >= SEK_TARGET_FRAME)
        return "frame";
    return names[target];
}

static void explain_kind(const struct sek_rule *r, struct sek_text *out)
{
    sek_text_puts(out, "looked at:  ");
    if (r->flags & SEK_RULE_DECODER)
        sek_text_puts(out, "for packets with anomalies of the decoder");
    else if (r->flags & SEK_RULE_FRAME)
        sek_text_puts(out, "for each frame of the protocol");
    else if (r->flags & SEK_RULE_TX)
        sek_text_puts(out, r->flags & SEK_RULE_TWO_WAY ? "for each transaction, when it is answered"
                                                      : "for each transaction, as it goes on");
    else if (r->flags & SEK_RULE_IP_ONLY)
        sek_text_puts(out, "once for each direction of a flow, through the index of addresses");
    else if (r->flags & SEK_RULE_PROTO_ONLY)
        sek_text_puts(out, "once for each direction of a flow, when its protocol is known");
    else
        sek_text_printf(out, "for %s%s%s", r->flags & SEK_RULE_NEEDS_STREAM ? "the stream" : "",
                        r->flags & SEK_RULE_NEEDS_STREAM && r->flags & SEK_RULE_NEEDS_PACKET ? " and "
                                                                                            : "",
                        r->flags & SEK_RULE_NEEDS_PACKET || !(r->flags & SEK_RULE_NEEDS_STREAM)
                            ? "each packet"
                            : "");
    sek_text_puts(out, "\nsteps:      ");
    for (const struct sek_step *s = r->steps; s; s = s->next) {
        unsigned n = 0;
        for (const struct sek_detector *d = s->first; d; d = d->next)
            n++;
        sek_text_printf(out, "%s%s (%u)", s == r->steps ? "" : ", ", target_name(s->view->target), n);
    }
    if (!r->steps)
        sek_text_puts(out, "none");
    sek_text_putc(out, '\n');
}

static void explain_ports(const struct sek_compiled *c, const struct sek_rule *r, struct sek_text *out)
{
    for (int proto = 0; proto < SEK_GROUP_PROTOS; proto++) {
        for (int dir = 0; dir < 2; dir++) {
            const struct sek_port_group *any = &c->any_port[proto][dir];
            unsigned ports = 0, groups = 0;
            if (!rule_in_proto(r, proto) || !rule_in_dir(r, dir))
                continue;
            bool named = proto != SEK_GROUP_ICMP && proto != SEK_GROUP_OTHER && rule_names_ports(r, dir);
            if (!named) {
                sek_text_printf(out, "group:      %s to %s, every port: %u rules\n", group_names[proto],
                                dir ? "client" : "server", any->rule_count);
                continue;
            }
            for (uint32_t g = 1; g <= c->group_count; g++) {
                unsigned here = 0;
                for (uint32_t port = 0; port < 65536; port++)
                    here += c->port_group[proto][dir][port] == g && rule_in_port(r, dir, (uint16_t)port);
                ports += here;
                groups += here > 0;
            }
            sek_text_printf(out, "group:      %s to %s: %u groups for its %u ports\n",
                            group_names[proto], dir ? "client" : "server", groups, ports);
        }
    }
}

static void explain_views(const struct sek_compiled *c, const struct sek_rule *r, struct sek_text *out)
{
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        for (int dir = 0; dir < 2; dir++) {
            const struct sek_app_group *g = &c->apps[app][dir];
            for (uint32_t v = 0; v < g->view_count; v++) {
                const struct sek_prefilter *f = &g->views[v].prefilter;
                for (uint32_t i = 0; i < f->rule_count; i++) {
                    if (f->hits[i].rule != r)
                        continue;
                    sek_text_printf(out, "group:      %s %s%s to %s: %u patterns of %u rules\n",
                                    sek_app_name(app), target_name(g->views[v].view->target),
                                    g->views[v].view->count ? ", transformed," : "",
                                    dir ? "client" : "server", f->pattern_count, f->rule_count);
                    break;
                }
            }
            for (uint32_t i = 0; i < g->always_count; i++)
                if (g->always[i] == r)
                    sek_text_printf(out, "group:      every %s transaction to %s: %u rules\n",
                                    sek_app_name(app), dir ? "client" : "server", g->always_count);
        }
    }
}

static void explain_cost(const struct sek_rule *r, struct sek_text *out)
{
    if (r->flags & SEK_RULE_IP_ONLY) {
        sek_text_puts(out, "cost:       two searches of the index for each direction of a flow, with all "
                           "other rules of this kind\n");
        return;
    }
    if (!r->fast) {
        sek_text_puts(out, "prefilter:  none: looked at whenever its group is\n"
                           "cost:       one evaluation for each packet or transaction of the group\n");
        return;
    }
    const struct sek_content *c = &r->fast->content;
    uint32_t at = c->chop_len ? c->chop_offset : 0, len = c->chop_len ? c->chop_len : c->len, place;
    double bits = 0;
    for (uint32_t i = 0; i < len; i++)
        bits += surprise(c->bytes[at + i], c->nocase);
    sek_text_puts(out, "prefilter:  \"");
    pattern_text(out, c);
    sek_text_printf(out, "\"%s in %s, %s\n", c->nocase ? " (any case)" : "",
                    target_name(r->fast_step->view->target),
                    c->fast_pattern ? "named by fast_pattern" : "chosen for its length and variety");
    if (fixed_fits((struct sek_rule *)r, &place) && !sek_target_is_buffer(r->fast_step->view->target))
        sek_text_printf(out, "            at byte %u only: looked at, not searched for, in packets\n", place);
    double bytes = pow(2, bits);
    if (bytes > 1e15)
        sek_text_puts(out, "cost:       shares one scan; hardly ever found by chance\n");
    else
        sek_text_printf(out, "cost:       shares one scan; found by chance about once in %.3g bytes, then "
                             "evaluated\n", bytes);
}

void sek_explain(const struct sek_compiled *c, const struct sek_rule *r, struct sek_text *out)
{
    sek_text_printf(out, "rule:       %u:%u revision %u, %s:%u\nmessage:    %s\n", r->gid, r->sid, r->rev,
                    r->file, r->line, r->msg ? r->msg : "");
    explain_kind(r, out);
    explain_cost(r, out);
    const uint32_t special = SEK_RULE_IP_ONLY | SEK_RULE_PROTO_ONLY | SEK_RULE_DECODER | SEK_RULE_FRAME;
    if (r->flags & SEK_RULE_TX)
        explain_views(c, r, out);
    else if (!(r->flags & special))
        explain_ports(c, r, out);
    if (r->text)
        sek_text_printf(out, "text:       %s\n", r->text);
}
