/* Rule texts for nft and iptables. */
#include "agent/guard/firewall.h"
#include "lib/base/text.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define MULTIPORT   15 /* ports that one multiport match holds */
#define FIRST_BYTES 24 /* packets of a TLS connection that are looked at, at most */

const char *sek_queue_backend_name(enum sek_queue_backend backend)
{
    static const char *const names[] = {"none", "nft queue", "iptables-nft NFQUEUE"};
    return names[backend];
}

static enum sek_error nft(const char *script, struct sek_fault *fault)
{
    static const char *const argv[] = {"nft", "-f", "-", NULL};
    return sek_program_run(argv, script, strlen(script), fault);
}

static enum sek_error restore(bool v6, const char *script, struct sek_fault *fault)
{
    const char *const argv[] = {v6 ? "ip6tables-nft-restore" : "iptables-nft-restore", "--noflush",
                                "-w", NULL};
    return sek_program_run(argv, script, strlen(script), fault);
}

/* Each part that is there is removed; what is not is no fault. */
static void remove_chains(bool v6)
{
    static const char *const pairs[][2] = {{"INPUT", "SEKISHO-IN"}, {"OUTPUT", "SEKISHO-OUT"}};
    const char *program = v6 ? "ip6tables-nft" : "iptables-nft";
    for (int i = 0; i < 2; i++) {
        const char *const unhook[] = {program,     "-w", "-t",        "mangle", "-D",
                                      pairs[i][0], "-j", pairs[i][1], NULL};
        const char *const flush[] = {program, "-w", "-t", "mangle", "-F", pairs[i][1], NULL};
        const char *const drop[] = {program, "-w", "-t", "mangle", "-X", pairs[i][1], NULL};
        while (!sek_program_run(unhook, "", 0, NULL))
            ;
        sek_program_run(flush, "", 0, NULL);
        sek_program_run(drop, "", 0, NULL);
    }
}

static enum sek_error make_chains(bool v6, struct sek_fault *fault)
{
    return restore(v6,
                   "*mangle\n:SEKISHO-IN - [0:0]\n:SEKISHO-OUT - [0:0]\n"
                   "-I INPUT 1 -j SEKISHO-IN\n-I OUTPUT 1 -j SEKISHO-OUT\nCOMMIT\n",
                   fault);
}

/* `add` and then `delete` never fail, whether the table was there or not. */
static enum sek_error make_table(struct sek_fault *fault)
{
    char script[2400];
    snprintf(script, sizeof script,
             "add table inet sekisho\n"
             "delete table inet sekisho\n"
             "table inet sekisho {\n"
             " set attackers4 { type ipv4_addr; flags timeout; }\n"
             " set attackers6 { type ipv6_addr; flags timeout; }\n"
             " chain input {\n"
             "  type filter hook input priority -160; policy accept;\n"
             "  ip saddr @attackers4 counter drop\n"
             "  ip6 saddr @attackers6 counter drop\n"
             " }\n"
             " chain output {\n"
             "  type filter hook output priority -160; policy accept;\n"
             "  ip daddr @attackers4 counter drop\n"
             "  ip6 daddr @attackers6 counter drop\n"
             "  tcp flags & (rst | ack) == rst | ack tcp sequence 0 limit rate 100/second "
             "burst 200 packets log group %d\n"
             " }\n"
             " chain settle {\n"
             "  type filter hook output priority 10; policy accept;\n"
             "  meta mark & %#x == %#x ct mark set ct mark & %#x | %#x\n"
             " }\n"
             " chain queue_in { type filter hook input priority -150; policy accept; }\n"
             " chain queue_out { type filter hook output priority -150; policy accept; }\n"
             "}\n",
             SEK_PROBE_GROUP, SEK_MARK_MASK, SEK_MARK_SETTLED, ~SEK_MARK_MASK, SEK_MARK_SETTLED);
    return nft(script, fault);
}

enum sek_error sek_firewall_open(struct sek_firewall *f, struct sek_fault *fault)
{
    remove_chains(false);
    remove_chains(true);
    enum sek_error rc = make_table(fault);
    if (rc)
        return rc;
    f->table = true;
    if (!nft("add rule inet sekisho queue_in tcp dport 0 queue num 0 bypass\n"
             "flush chain inet sekisho queue_in\n",
             NULL)) {
        f->backend = SEK_BACKEND_NFT;
        return SEK_OK;
    }
    f->chains4 = !make_chains(false, fault);
    f->chains6 = f->chains4 && !make_chains(true, NULL);
    f->backend = f->chains4 ? SEK_BACKEND_IPTABLES : SEK_BACKEND_NONE;
    return SEK_OK;
}

void sek_firewall_close(struct sek_firewall *f)
{
    remove_chains(false);
    remove_chains(true);
    nft("add table inet sekisho\ndelete table inet sekisho\n", NULL);
    *f = (struct sek_firewall){0};
}

/* --- the nft backend ------------------------------------------------------------------------- */

static void nft_queue(struct sek_text *t, const struct sek_firewall *f, int queue)
{
    sek_text_printf(t, " queue num %u%s\n", f->queue[queue], f->closed[queue] ? "" : " bypass");
}

static void nft_ports(struct sek_text *t, const struct sek_firewall *f,
                      const struct sek_filter *filter, bool udp)
{
    static const char *const sides[2][2] = {{"queue_in", "dport"}, {"queue_out", "sport"}};
    for (int side = 0; side < 2; side++) {
        unsigned count = 0;
        struct sek_text list = {0};
        for (unsigned i = 0; i < filter->port_count; i++) {
            if (filter->ports[i].udp == udp)
                sek_text_printf(&list, "%s%u", count++ ? ", " : "", filter->ports[i].port);
        }
        if (count) {
            sek_text_printf(t, "add rule inet sekisho %s %s %s { %s }", sides[side][0],
                            udp ? "udp" : "tcp", sides[side][1], list.data);
            nft_queue(t, f, SEK_QUEUE_ENTRY);
        }
        sek_text_free(&list);
    }
}

static void nft_exit(struct sek_text *t, const struct sek_firewall *f,
                     const struct sek_filter *filter)
{
    if (filter->names) {
        sek_text_puts(t, "add rule inet sekisho queue_out meta l4proto { tcp, udp } th dport 53");
        nft_queue(t, f, SEK_QUEUE_EXIT);
        sek_text_puts(t, "add rule inet sekisho queue_in meta l4proto { tcp, udp } th sport 53");
        nft_queue(t, f, SEK_QUEUE_EXIT);
        sek_text_printf(t, "add rule inet sekisho queue_out tcp dport 443 ct mark & %#x != %#x",
                        SEK_MARK_MASK, SEK_MARK_SETTLED);
        nft_queue(t, f, SEK_QUEUE_EXIT);
        sek_text_printf(t, "add rule inet sekisho queue_out udp dport 443 ct mark & %#x != %#x",
                        SEK_MARK_MASK, SEK_MARK_SETTLED);
        nft_queue(t, f, SEK_QUEUE_EXIT);
    }
    if (filter->resolvers) {
        sek_text_printf(t,
                        "add rule inet sekisho queue_out meta l4proto { tcp, udp } th dport "
                        "{ 784, 853, 8853 } ct mark & %#x != %#x",
                        SEK_MARK_MASK, SEK_MARK_SETTLED);
        nft_queue(t, f, SEK_QUEUE_EXIT);
    }
    if (filter->names || filter->urls) {
        sek_text_puts(t, "add rule inet sekisho queue_out tcp dport { 80, 8080 }");
        nft_queue(t, f, SEK_QUEUE_EXIT);
    }
}

static enum sek_error apply_nft(struct sek_firewall *f, const struct sek_filter *filter,
                                struct sek_fault *fault)
{
    struct sek_text t = {0};
    sek_text_puts(&t, "flush chain inet sekisho queue_in\nflush chain inet sekisho queue_out\n");
    if (filter->entry_mode != SEK_MODE_OFF) {
        nft_ports(&t, f, filter, false);
        nft_ports(&t, f, filter, true);
    }
    if (filter->exit_mode != SEK_MODE_OFF)
        nft_exit(&t, f, filter);
    enum sek_error rc = nft(t.data, fault);
    sek_text_free(&t);
    return rc;
}

/* --- the iptables backend -------------------------------------------------------------------- */

static void ipt_queue(struct sek_text *t, const struct sek_firewall *f, int queue)
{
    sek_text_printf(t, " -j NFQUEUE --queue-num %u%s\n", f->queue[queue],
                    f->closed[queue] ? "" : " --queue-bypass");
}

static void ipt_ports(struct sek_text *t, const struct sek_firewall *f,
                      const struct sek_filter *filter, bool udp)
{
    static const char *const sides[2][2] = {{"IN", "dports"}, {"OUT", "sports"}};
    for (int side = 0; side < 2; side++) {
        unsigned count = 0;
        for (unsigned i = 0; i < filter->port_count; i++) {
            if (filter->ports[i].udp != udp)
                continue;
            if (count % MULTIPORT == 0) {
                if (count)
                    ipt_queue(t, f, SEK_QUEUE_ENTRY);
                sek_text_printf(t, "-A SEKISHO-%s -p %s -m multiport --%s ", sides[side][0],
                                udp ? "udp" : "tcp", sides[side][1]);
            }
            sek_text_printf(t, "%s%u", count % MULTIPORT ? "," : "", filter->ports[i].port);
            count++;
        }
        if (count)
            ipt_queue(t, f, SEK_QUEUE_ENTRY);
    }
}

static void ipt_exit(struct sek_text *t, const struct sek_firewall *f,
                     const struct sek_filter *filter)
{
    static const char *const names[] = {
        "-A SEKISHO-OUT -p udp --dport 53",
        "-A SEKISHO-OUT -p tcp --dport 53",
        "-A SEKISHO-IN -p udp --sport 53",
        "-A SEKISHO-IN -p tcp --sport 53",
    };
    for (size_t i = 0; filter->names && i < sizeof names / sizeof names[0]; i++) {
        sek_text_puts(t, names[i]);
        ipt_queue(t, f, SEK_QUEUE_EXIT);
    }
    static const char *const looked[] = {"-p tcp --dport 443", "-p udp --dport 443",
                                         "-p tcp -m multiport --dports 784,853,8853",
                                         "-p udp -m multiport --dports 784,853,8853"};
    for (size_t i = 0; i < 4; i++) {
        if (!(i < 2 ? filter->names : filter->resolvers))
            continue;
        sek_text_printf(t,
                        "-A SEKISHO-OUT %s -m connmark ! --mark %#x/%#x "
                        "-m connbytes --connbytes 0:%d --connbytes-mode packets "
                        "--connbytes-dir original",
                        looked[i], SEK_MARK_SETTLED, SEK_MARK_MASK, FIRST_BYTES);
        ipt_queue(t, f, SEK_QUEUE_EXIT);
    }
    if (filter->names || filter->urls) {
        sek_text_puts(t, "-A SEKISHO-OUT -p tcp -m multiport --dports 80,8080");
        ipt_queue(t, f, SEK_QUEUE_EXIT);
    }
}

static enum sek_error apply_iptables(struct sek_firewall *f, const struct sek_filter *filter,
                                     struct sek_fault *fault)
{
    struct sek_text t = {0};
    /* Declaring a chain empties it; all happens in one transaction at COMMIT. */
    sek_text_puts(&t, "*mangle\n:SEKISHO-IN - [0:0]\n:SEKISHO-OUT - [0:0]\n");
    if (filter->entry_mode != SEK_MODE_OFF) {
        ipt_ports(&t, f, filter, false);
        ipt_ports(&t, f, filter, true);
    }
    if (filter->exit_mode != SEK_MODE_OFF)
        ipt_exit(&t, f, filter);
    sek_text_puts(&t, "COMMIT\n");
    enum sek_error rc = restore(false, t.data, fault);
    if (!rc && f->chains6)
        rc = restore(true, t.data, fault);
    sek_text_free(&t);
    return rc;
}

enum sek_error sek_firewall_apply(struct sek_firewall *f, const struct sek_filter *filter,
                                  struct sek_fault *fault)
{
    if (f->backend == SEK_BACKEND_NFT)
        return apply_nft(f, filter, fault);
    if (f->backend == SEK_BACKEND_IPTABLES)
        return apply_iptables(f, filter, fault);
    return sek_fail(
        fault, SEK_EUNSUPPORTED,
        "packets cannot be queued: neither nft's queue nor iptables-nft's NFQUEUE works");
}

enum sek_error sek_firewall_block(struct sek_firewall *f, const uint8_t address[16], uint32_t ttl_s,
                                  struct sek_fault *fault)
{
    char script[512], text[46];
    const char *set = sek_address_is4(address) ? "attackers4" : "attackers6";
    if (!f->table)
        return sek_fail(fault, SEK_ESTATE, "the table inet sekisho is not there");
    sek_address_text(address, text);
    /* Added first, so that the deletion finds it; added again, its time begins anew. */
    int n = snprintf(script, sizeof script,
                     "add element inet sekisho %s { %s timeout 1d }\n"
                     "delete element inet sekisho %s { %s }\n",
                     set, text, set, text);
    if (ttl_s)
        snprintf(script + n, sizeof script - (size_t)n,
                 "add element inet sekisho %s { %s timeout %us }\n", set, text, ttl_s);
    return nft(script, fault);
}
