/* The texts for nft. What most packets pass comes first and is cheap: no set is asked before a port
 * or a mark has matched, and block sets only while they hold something. */
#include "agent/guard/firewall.h"
#include "agent/guard/queue.h"
#include "bpf/exit.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/text.h"

#include <stdio.h>
#include <string.h>

#define TABLE "inet sekisho"

/* Behind the family: what names a connection in the sets of settled ones. */
#define CONNECTION "daddr . meta l4proto . th dport . th sport"

const char *sek_queue_backend_name(enum sek_queue_backend backend)
{
    static const char *const names[] = {"none", "nft queue", "nft with the NFQUEUE target"};
    return names[backend];
}

static enum sek_error nft(const char *script, struct sek_fault *fault)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    return sek_program_run(argv, script, strlen(script), fault);
}

/* --- the table ------------------------------------------------------------------------------- */

/* For one family: the sets, and in the chains `settle` and `looked` what fills and asks them. */
static void write_sets(struct sek_text *t, const char *type, int number)
{
    sek_text_printf(t,
                    " set attackers%d { type %s; flags timeout; }\n"
                    " set settled%d { type %s . inet_proto . inet_service . inet_service;"
                    " flags timeout, dynamic; timeout 3m; size 65536; }\n",
                    number, type, number, type);
}

static void write_settle(struct sek_text *t, const char *family, int number)
{
    sek_text_printf(t,
                    "  meta l4proto tcp update @settled%d { %s " CONNECTION " timeout 1h }\n"
                    "  meta l4proto udp update @settled%d { %s " CONNECTION " timeout 3m }\n",
                    number, family, number, family);
}

/* A new connection may have the ports of an old one. */
static void write_looked(struct sek_text *t, const char *family, int number)
{
    sek_text_printf(t,
                    "  tcp flags & (syn | ack) == syn delete @settled%d { %s " CONNECTION " }\n"
                    "  %s " CONNECTION " @settled%d goto settle\n",
                    number, family, family, number);
}

static enum sek_error make_table(struct sek_fault *fault)
{
    struct sek_text t = {0};
    sek_text_puts(&t, "add table " TABLE "\ndelete table " TABLE "\ntable " TABLE " {\n");
    write_sets(&t, "ipv4_addr", 4);
    write_sets(&t, "ipv6_addr", 6);
    sek_text_puts(&t, " chain to_entry { }\n chain to_exit { }\n chain settle {\n");
    write_settle(&t, "ip", 4);
    write_settle(&t, "ip6", 6);
    sek_text_printf(&t, "  meta mark set meta mark & %#x\n  accept\n }\n chain looked {\n",
                    ~SEK_MARK_MASK);
    write_looked(&t, "ip", 4);
    write_looked(&t, "ip6", 6);
    sek_text_printf(&t,
                    "  goto to_exit\n }\n"
                    " chain marked {\n"
                    "  meta mark & %#x == %#x goto settle\n"
                    "  meta mark & %#x == %#x goto to_exit\n"
                    " }\n"
                    " chain answers {\n" /* a verdict may not lead back here for ever */
                    "  meta mark & %#x == %#x accept\n"
                    "  goto to_exit\n }\n}\n",
                    SEK_MARK_MASK, SEK_MARK_SETTLED, SEK_MARK_MASK, SEK_MARK_RAW, SEK_MARK_MASK,
                    SEK_MARK_SETTLED);
    enum sek_error rc = nft(t.data, fault);
    sek_text_free(&t);
    return rc;
}

static enum sek_error make_queues(struct sek_firewall *f, struct sek_fault *fault)
{
    static const char *const chains[SEK_QUEUES] = {"to_entry", "to_exit"};
    struct sek_text t = {0};
    enum sek_error rc = SEK_OK;
    for (int i = 0; i < SEK_QUEUES; i++)
        sek_text_printf(&t, "add rule " TABLE " %s queue num %u%s\n", chains[i], f->queue[i],
                        f->closed[i] ? "" : " bypass");
    f->backend = SEK_BACKEND_NFT;
    if (nft(t.data, NULL)) {
        f->backend = SEK_BACKEND_TARGET;
        for (int i = 0; !rc && i < SEK_QUEUES; i++)
            rc = sek_queue_target("sekisho", chains[i], f->queue[i], !f->closed[i], fault);
    }
    if (rc)
        f->backend = SEK_BACKEND_NONE;
    sek_text_free(&t);
    return rc;
}

enum sek_error sek_firewall_open(struct sek_firewall *f, struct sek_fault *fault)
{
    enum sek_error rc = make_table(fault);
    if (rc)
        return rc;
    f->table = true;
    return make_queues(f, fault);
}

void sek_firewall_close(struct sek_firewall *f)
{
    nft("add table " TABLE "\ndelete table " TABLE "\n", NULL);
    *f = (struct sek_firewall){0};
}

/* --- what is queued -------------------------------------------------------------------------- */

/* The patched ports of UDP or TCP; SIDE is dport or sport. */
static void write_ports(struct sek_text *t, const struct sek_filter *filter, bool udp,
                        const char *chain, const char *side)
{
    unsigned count = 0;
    for (unsigned i = 0; i < filter->port_count; i++) {
        if (filter->ports[i].udp != udp)
            continue;
        if (!count++)
            sek_text_printf(t, "add rule " TABLE " %s %s %s { ", chain, udp ? "udp" : "tcp", side);
        else
            sek_text_puts(t, ", ");
        sek_text_printf(t, "%u", filter->ports[i].port);
    }
    if (count)
        sek_text_puts(t, " } goto to_entry\n");
}

static void write_blocks(struct sek_text *t, const char *chain, const char *side)
{
    for (int v6 = 0; v6 < 2; v6++)
        sek_text_printf(t, "add rule " TABLE " %s %s %s @attackers%d counter drop\n", chain,
                        v6 ? "ip6" : "ip", side, v6 ? 6 : 4);
}

static void write_input(struct sek_text *t, const struct sek_firewall *f,
                        const struct sek_filter *filter)
{
    if (f->blocked_until)
        write_blocks(t, "input", "saddr");
    if (f->backend == SEK_BACKEND_NONE)
        return;
    if (filter->exit_mode != SEK_MODE_OFF && filter->names)
        sek_text_puts(t, "add rule " TABLE " input udp sport 53 goto answers\n"
                         "add rule " TABLE " input tcp sport 53 goto answers\n");
    if (filter->entry_mode == SEK_MODE_OFF)
        return;
    write_ports(t, filter, false, "input", "dport");
    write_ports(t, filter, true, "input", "dport");
}

/* Ports that exit control looks at; LOOKED is followed until a connection is settled. */
static void write_exits(struct sek_text *t, const struct sek_filter *filter, bool udp)
{
    if (!filter->names && !filter->urls && !filter->resolvers)
        return;
    sek_text_printf(t, "add rule " TABLE " output %s dport vmap { ", udp ? "udp" : "tcp");
    if (filter->names)
        sek_text_puts(t, "53 : goto to_exit, 443 : goto looked, ");
    if (filter->resolvers)
        sek_text_puts(t, "784 : goto looked, 853 : goto looked, 8853 : goto looked, ");
    if (!udp && (filter->names || filter->urls))
        sek_text_puts(t, "80 : goto to_exit, 8080 : goto to_exit, ");
    sek_text_puts(t, "}\n");
}

static void write_output(struct sek_text *t, const struct sek_firewall *f,
                         const struct sek_filter *filter)
{
    bool exits = filter->exit_mode != SEK_MODE_OFF && f->backend != SEK_BACKEND_NONE;
    if (f->blocked_until)
        write_blocks(t, "output", "daddr");
    if (exits)
        sek_text_printf(t, "add rule " TABLE " output meta mark & %#x != 0 goto marked\n",
                        SEK_MARK_MASK);
    if (filter->entry_mode != SEK_MODE_OFF)
        sek_text_printf(t,
                        "add rule " TABLE " output tcp flags & (rst | ack) == rst | ack tcp "
                        "sequence 0 limit rate 100/second burst 200 packets log group %d\n",
                        SEK_PROBE_GROUP);
    if (exits) {
        write_exits(t, filter, false);
        write_exits(t, filter, true);
    }
    if (filter->entry_mode != SEK_MODE_OFF && f->backend != SEK_BACKEND_NONE) {
        write_ports(t, filter, false, "output", "sport");
        write_ports(t, filter, true, "output", "sport");
    }
}

/* A chain stays while it is needed, for packets that wait in its queues would go with it. */
static bool write_chain(struct sek_text *t, const char *name, bool had,
                        void (*write)(struct sek_text *, const struct sek_firewall *,
                                      const struct sek_filter *),
                        const struct sek_firewall *f, const struct sek_filter *filter)
{
    struct sek_text rules = {0};
    write(&rules, f, filter);
    bool wanted = rules.len != 0;
    if (had)
        sek_text_printf(t, "flush chain " TABLE " %s\n", name);
    if (had && !wanted)
        sek_text_printf(t, "delete chain " TABLE " %s\n", name);
    else if (!had && wanted)
        sek_text_printf(t,
                        "add chain " TABLE " %s { type filter hook %s priority -150; policy accept; "
                        "}\n",
                        name, name);
    sek_text_add(t, rules.data ? rules.data : "", rules.len);
    sek_text_free(&rules);
    return wanted;
}

enum sek_error sek_firewall_apply(struct sek_firewall *f, const struct sek_filter *filter,
                                  struct sek_fault *fault)
{
    struct sek_text t = {0};
    if (!f->table)
        return sek_fail(fault, SEK_EUNSUPPORTED, "the table " TABLE " is not there");
    bool input = write_chain(&t, "input", f->input, write_input, f, filter);
    bool output = write_chain(&t, "output", f->output, write_output, f, filter);
    enum sek_error rc = t.len ? nft(t.data, fault) : SEK_OK;
    sek_text_free(&t);
    if (!rc) {
        f->input = input;
        f->output = output;
    }
    if (!rc && f->backend == SEK_BACKEND_NONE)
        rc = sek_fail(fault, SEK_EUNSUPPORTED,
                      "packets cannot be queued: neither nft's queue nor the NFQUEUE target works");
    return rc;
}

/* --- blocks ---------------------------------------------------------------------------------- */

enum sek_error sek_firewall_block(struct sek_firewall *f, const struct sek_filter *filter,
                                  const uint8_t address[16], uint32_t ttl_s,
                                  struct sek_fault *fault)
{
    char script[512], text[46];
    const char *set = sek_address_is4(address) ? "attackers4" : "attackers6";
    uint64_t until = sek_clock_mono_us() + ttl_s * 1000000ull;
    if (!f->table)
        return sek_fail(fault, SEK_ESTATE, "the table " TABLE " is not there");
    sek_address_text(address, text);
    /* Added first, so that the deletion finds it; added again, its time begins anew. */
    int n = snprintf(script, sizeof script,
                     "add element " TABLE " %s { %s timeout 1d }\n"
                     "delete element " TABLE " %s { %s }\n",
                     set, text, set, text);
    if (ttl_s)
        snprintf(script + n, sizeof script - (size_t)n,
                 "add element " TABLE " %s { %s timeout %us }\n", set, text, ttl_s);
    enum sek_error rc = nft(script, fault);
    bool first = !f->blocked_until;
    if (rc || !ttl_s)
        return rc;
    if (until > f->blocked_until)
        f->blocked_until = until;
    rc = first ? sek_firewall_apply(f, filter, fault) : SEK_OK;
    return rc == SEK_EUNSUPPORTED ? SEK_OK : rc; /* of queues, which blocks do without */
}

void sek_firewall_time(struct sek_firewall *f, const struct sek_filter *filter)
{
    struct sek_fault fault;
    if (!f->blocked_until || f->blocked_until > sek_clock_mono_us())
        return;
    f->blocked_until = 0;
    if (sek_firewall_apply(f, filter, &fault))
        sek_warning("%s", fault.message);
}
