/* Keywords about packet headers: IP, TCP, ICMP, SCTP fields, dsize, decoder and stream events. */
#include "lib/rules/builder.h"

#include <ctype.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>

static enum sek_error compare(struct builder *b, enum sek_condition_kind kind, char *arg,
                              uint64_t most)
{
    struct sek_condition *c = builder_condition(b, kind);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!compare_parse(arg, NULL, &c->compare) || c->compare.low > most + 1)
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected N, <N, >N, N<>M up to %llu", arg,
                            (unsigned long long)most);
    return SEK_OK;
}

#define COMPARE_KEYWORD(fn, kind, most)                                                            \
    static enum sek_error fn(struct builder *b, char *arg)                                         \
    {                                                                                              \
        return compare(b, kind, arg, most);                                                        \
    }

COMPARE_KEYWORD(kw_ttl, SEK_IF_TTL, 255)
COMPARE_KEYWORD(kw_tos, SEK_IF_TOS, 255)
COMPARE_KEYWORD(kw_id, SEK_IF_IP_ID, 65535)
COMPARE_KEYWORD(kw_fragoffset, SEK_IF_FRAGOFFSET, 65535)
COMPARE_KEYWORD(kw_seq, SEK_IF_SEQ, UINT32_MAX)
COMPARE_KEYWORD(kw_ack, SEK_IF_ACK, UINT32_MAX)
COMPARE_KEYWORD(kw_window, SEK_IF_WINDOW, 65535)
COMPARE_KEYWORD(kw_mss, SEK_IF_MSS, 65535)
COMPARE_KEYWORD(kw_wscale, SEK_IF_WSCALE, 255)
COMPARE_KEYWORD(kw_dsize, SEK_IF_DSIZE, 65535)
COMPARE_KEYWORD(kw_itype, SEK_IF_ICMP_TYPE, 255)
COMPARE_KEYWORD(kw_icode, SEK_IF_ICMP_CODE, 255)
COMPARE_KEYWORD(kw_icmp_id, SEK_IF_ICMP_ID, 65535)
COMPARE_KEYWORD(kw_icmp_seq, SEK_IF_ICMP_SEQ, 65535)
COMPARE_KEYWORD(kw_sctp_vtag, SEK_IF_SCTP_VTAG, UINT32_MAX)

static enum sek_error kw_ip_proto(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_IP_PROTO);
    char *name = arg;
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    while (*name && strchr("!<> ", *name))
        name++;
    struct protoent *p = isdigit((unsigned char)*name) ? NULL : getprotobyname(name);
    if (p) {
        c->compare.low = (uint64_t)p->p_proto;
        c->compare.op = *arg == '!' ? SEK_NE : *arg == '<' ? SEK_LT : *arg == '>' ? SEK_GT : SEK_EQ;
        return SEK_OK;
    }
    if (!compare_parse(arg, NULL, &c->compare) || c->compare.low > 255)
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected a protocol name or 0..255", arg);
    return SEK_OK;
}

static enum sek_error kw_sameip(struct builder *b, char *arg)
{
    (void)arg;
    return builder_condition(b, SEK_IF_SAMEIP) ? SEK_OK
                                                : builder_fail(b, SEK_ENOMEM, "out of memory");
}

/* Flags with a modifier before or after: "+SA", "!F", "*FR", "S,12". */
static enum sek_error flag_set(struct builder *b, struct sek_condition *c, const char *arg,
                               const char *letters, const uint8_t *bits)
{
    uint8_t *out = &c->flags;
    for (const char *p = arg; *p; p++) {
        const char *at;
        if (isspace((unsigned char)*p))
            continue;
        if (*p == ',') {
            if (out == &c->mask)
                return builder_fail(b, SEK_EINVAL, "more than one ',' in '%s'", arg);
            out = &c->mask;
        } else if (strchr("!+*", *p) && out == &c->flags) {
            c->mode = (uint8_t)*p;
        } else if (*p == '0' && out == &c->flags) {
            continue;
        } else if ((at = strchr(letters, toupper((unsigned char)*p)))) {
            *out |= bits[at - letters];
        } else {
            return builder_fail(b, SEK_EINVAL, "found '%c', expected one of %s with !, + or *", *p,
                                letters);
        }
    }
    return SEK_OK;
}

static enum sek_error kw_flags(struct builder *b, char *arg)
{
    static const uint8_t bits[] = {1, 2, 4, 8, 16, 32, 64, 128, 128, 64};
    struct sek_condition *c = builder_condition(b, SEK_IF_TCP_FLAGS);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    return flag_set(b, c, arg, "FSRPAUEC12", bits);
}

static enum sek_error kw_fragbits(struct builder *b, char *arg)
{
    static const uint8_t bits[] = {0x20, 0x40, 0x80}; /* of the flags byte of the IPv4 header */
    struct sek_condition *c = builder_condition(b, SEK_IF_FRAGBITS);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    return flag_set(b, c, arg, "MDR", bits);
}

static enum sek_error kw_ipopts(struct builder *b, char *arg)
{
    static const struct {
        const char *name;
        uint8_t type;
    } table[] = {{"rr", 7}, {"lsrr", 131}, {"eol", 0}, {"nop", 1}, {"ts", 68}, {"sec", 130},
                 {"esec", 133}, {"ssrr", 137}, {"satid", 136}, {"cipso", 134}, {"qs", 25},
                 {"rtralt", 148}, {"any", 255}};
    struct sek_condition *c = builder_condition(b, SEK_IF_IPOPT);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!strcasecmp(table[i].name, arg)) {
            c->event = table[i].type;
            return SEK_OK;
        }
    }
    return builder_fail(b, SEK_EINVAL, "'%.40s' is not an IP option", arg);
}

static enum sek_error event(struct builder *b, char *arg, enum sek_condition_kind kind, int found)
{
    struct sek_condition *c = builder_condition(b, kind);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (found < 0)
        return builder_fail(b, SEK_EUNSUPPORTED, "event '%.60s' is not known", arg);
    c->compare.low = (uint64_t)found;
    return SEK_OK;
}

static enum sek_error kw_decode_event(struct builder *b, char *arg)
{
    return event(b, arg, SEK_IF_DECODE_EVENT, sek_decode_event_find(arg));
}

static enum sek_error kw_stream_event(struct builder *b, char *arg)
{
    return event(b, arg, SEK_IF_STREAM_EVENT, sek_stream_event_find(arg));
}

const struct keyword sek_packet_keywords[] = {
    {"ttl", kw_ttl, ARG_REQUIRED, "time to live, hop limit"},
    {"tos", kw_tos, ARG_REQUIRED, "type of service"},
    {"id", kw_id, ARG_REQUIRED, "IPv4 identification"},
    {"ip_proto", kw_ip_proto, ARG_REQUIRED, "protocol number"},
    {"sameip", kw_sameip, ARG_NONE, "source and destination are one address"},
    {"fragbits", kw_fragbits, ARG_REQUIRED, "M, D, R bits of IPv4"},
    {"fragoffset", kw_fragoffset, ARG_REQUIRED, "fragment offset"},
    {"ipopts", kw_ipopts, ARG_REQUIRED, "an IPv4 option is there"},
    {"flags", kw_flags, ARG_REQUIRED, "TCP flags"},
    {"tcp.flags", kw_flags, ARG_REQUIRED, "TCP flags"},
    {"seq", kw_seq, ARG_REQUIRED, "TCP sequence number"},
    {"tcp.seq", kw_seq, ARG_REQUIRED, "TCP sequence number"},
    {"ack", kw_ack, ARG_REQUIRED, "TCP acknowledgement number"},
    {"tcp.ack", kw_ack, ARG_REQUIRED, "TCP acknowledgement number"},
    {"window", kw_window, ARG_REQUIRED, "TCP window as it is in the header"},
    {"tcp.mss", kw_mss, ARG_REQUIRED, "TCP maximum segment size option"},
    {"tcp.wscale", kw_wscale, ARG_REQUIRED, "TCP window scale option"},
    {"dsize", kw_dsize, ARG_REQUIRED, "size of the packet's payload"},
    {"itype", kw_itype, ARG_REQUIRED, "ICMP type"},
    {"icode", kw_icode, ARG_REQUIRED, "ICMP code"},
    {"icmp_id", kw_icmp_id, ARG_REQUIRED, "ICMP identifier"},
    {"icmp_seq", kw_icmp_seq, ARG_REQUIRED, "ICMP sequence number"},
    {"sctp.vtag", kw_sctp_vtag, ARG_REQUIRED, "SCTP verification tag"},
    {"decode-event", kw_decode_event, ARG_REQUIRED, "anomaly found by the decoder"},
    {"stream-event", kw_stream_event, ARG_REQUIRED, "anomaly found by TCP tracking"},
    {0},
};
