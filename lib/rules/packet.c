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
    if (!sek_compare_parse(arg, NULL, &c->compare) || c->compare.low > most + 1)
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

COMPARE_KEYWORD(kw_icmpv6_mtu, SEK_IF_ICMP_MTU, UINT32_MAX)
COMPARE_KEYWORD(kw_vlan_layers, SEK_IF_VLAN_LAYERS, SEK_VLAN_MAX)
COMPARE_KEYWORD(kw_sctp_chunk_count, SEK_IF_SCTP_CHUNK_COUNT, 65535)
COMPARE_KEYWORD(kw_igmp_type, SEK_IF_IGMP_TYPE, 255)

/* "300", ">300", "300,1": the second number is the layer, from the outermost, negative from the
 * innermost; without, any layer will do. */
static enum sek_error kw_vlan_id(struct builder *b, char *arg)
{
    char *value = text_next(&arg), *layer = arg ? text_next(&arg) : NULL;
    int64_t n = 0;
    enum sek_error rc = compare(b, SEK_IF_VLAN_ID, value, 4095);
    struct sek_condition *c = b->rule->conditions;
    if (rc)
        return rc;
    while (c->next)
        c = c->next;
    c->mode = layer && !strcmp(layer, "all") ? 2 : layer && strcmp(layer, "any") ? 1 : 0;
    if (c->mode == 1 && !sek_text_int(layer, -SEK_VLAN_MAX, SEK_VLAN_MAX - 1, &n))
        return builder_fail(b, SEK_EINVAL, "found layer '%.20s', expected any, all or -%d..%d", layer,
                            SEK_VLAN_MAX, SEK_VLAN_MAX - 1);
    c->bits.number = n;
    return SEK_OK;
}

/* Chunk types of RFC 9260 and its extensions. */
static enum sek_error kw_sctp_chunk_type(struct builder *b, char *arg)
{
    static const char *const words[] = {
        "data", "0", "init", "1", "init_ack", "2", "sack", "3", "heartbeat", "4", "heartbeat_ack",
        "5", "abort", "6", "shutdown", "7", "shutdown_ack", "8", "error", "9", "cookie_echo", "10",
        "cookie_ack", "11", "ecne", "12", "cwr", "13", "shutdown_complete", "14", "auth", "15",
        "i_data", "64", "asconf_ack", "128", "re_config", "130", "pad", "132", "forward_tsn", "192",
        "asconf", "193", "i_forward_tsn", "194", NULL};
    struct sek_condition *c = builder_condition(b, SEK_IF_SCTP_CHUNK_TYPE);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!sek_compare_parse(arg, words, &c->compare))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected a chunk type or its number", arg);
    return SEK_OK;
}

static enum sek_error kw_l3_proto(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_L3_PROTO);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!strcasecmp(arg, "ipv4") || !strcasecmp(arg, "ip4") || !strcmp(arg, "4"))
        c->compare.low = 4;
    else if (!strcasecmp(arg, "ipv6") || !strcasecmp(arg, "ip6") || !strcmp(arg, "6"))
        c->compare.low = 6;
    else
        return builder_fail(b, SEK_EINVAL, "found '%.20s', expected ipv4 or ipv6", arg);
    return SEK_OK;
}

/* VERSION: of IP. PROTO: what must be in it. */
static enum sek_error checksum(struct builder *b, char *arg, enum sek_checksum_kind kind,
                               uint8_t version, uint8_t proto)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_CHECKSUM);
    bool quotes;
    if (!c || !text_unquote(&arg, &quotes))
        return builder_fail(b, SEK_EINVAL, "expected valid or invalid");
    c->mode = (uint8_t)kind;
    c->side = version;
    c->event = proto;
    c->negated = !strcasecmp(arg, "invalid");
    if (!c->negated && strcasecmp(arg, "valid"))
        return builder_fail(b, SEK_EINVAL, "found '%.20s', expected valid or invalid", arg);
    return SEK_OK;
}

#define CHECKSUM_KEYWORD(fn, kind, version, proto)                                                 \
    static enum sek_error fn(struct builder *b, char *arg)                                         \
    {                                                                                              \
        return checksum(b, arg, kind, version, proto);                                             \
    }

CHECKSUM_KEYWORD(kw_ipv4_csum, SEK_CHECKSUM_IPV4, 4, 0)
CHECKSUM_KEYWORD(kw_tcpv4_csum, SEK_CHECKSUM_TRANSPORT, 4, IPPROTO_TCP)
CHECKSUM_KEYWORD(kw_tcpv6_csum, SEK_CHECKSUM_TRANSPORT, 6, IPPROTO_TCP)
CHECKSUM_KEYWORD(kw_udpv4_csum, SEK_CHECKSUM_TRANSPORT, 4, IPPROTO_UDP)
CHECKSUM_KEYWORD(kw_udpv6_csum, SEK_CHECKSUM_TRANSPORT, 6, IPPROTO_UDP)
CHECKSUM_KEYWORD(kw_igmp_csum, SEK_CHECKSUM_TRANSPORT, 4, IPPROTO_IGMP)
CHECKSUM_KEYWORD(kw_icmpv4_csum, SEK_CHECKSUM_TRANSPORT, 4, IPPROTO_ICMP)
CHECKSUM_KEYWORD(kw_icmpv6_csum, SEK_CHECKSUM_TRANSPORT, 6, IPPROTO_ICMPV6)

/* Sun RPC call (RFC 5531): program, version, procedure; '*' is any. */
static enum sek_error kw_rpc(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_RPC);
    struct sek_compare *out[3];
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    out[0] = &c->compare;
    out[1] = &c->more[0];
    out[2] = &c->more[1];
    for (int i = 0; i < 3; i++) {
        char *item = text_next(&arg);
        if (!item && !i)
            return builder_fail(b, SEK_EINVAL, "expected program[,version[,procedure]]");
        if (!item || !strcmp(item, "*"))
            *out[i] = (struct sek_compare){.op = SEK_GE};
        else if (!sek_compare_parse(item, NULL, out[i]))
            return builder_fail(b, SEK_EINVAL, "found '%.20s', expected a number or *", item);
    }
    return SEK_OK;
}

/* BER that breaks decoders: asn1:double_overflow, oversize_length 500, relative_offset 1 */
static enum sek_error kw_asn1(struct builder *b, char *arg)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_ASN1);
    int64_t v;
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        char *value = item + strcspn(item, " \t");
        if (*value)
            *value++ = '\0';
        value = sek_text_trim(value);
        if (!strcmp(item, "bitstring_overflow"))
            c->asn1.bitstring_overflow = true;
        else if (!strcmp(item, "double_overflow"))
            c->asn1.double_overflow = true;
        else if (!strcmp(item, "oversize_length") && sek_text_int(value, 1, UINT32_MAX, &v))
            c->asn1.oversize = (uint32_t)v;
        else if ((!strcmp(item, "absolute_offset") || !strcmp(item, "relative_offset")) &&
                 sek_text_int(value, -65535, 65535, &v))
            c->asn1.offset = (int32_t)v;
        else
            return builder_fail(b, SEK_EINVAL,
                                "found '%.40s', expected bitstring_overflow, double_overflow, "
                                "oversize_length N, absolute_offset N or relative_offset N", item);
    }
    return SEK_OK;
}

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
    if (!sek_compare_parse(arg, NULL, &c->compare) || c->compare.low > 255)
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

/* The older name of both, with "stream." before those of TCP tracking. */
static enum sek_error kw_engine_event(struct builder *b, char *arg)
{
    return strncmp(arg, "stream.", 7) ? kw_decode_event(b, arg) : kw_stream_event(b, arg + 7);
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
    {"tcp.window", kw_window, ARG_REQUIRED, "TCP window as it is in the header"},
    {"tcp.mss", kw_mss, ARG_REQUIRED, "TCP maximum segment size option"},
    {"tcp.wscale", kw_wscale, ARG_REQUIRED, "TCP window scale option"},
    {"dsize", kw_dsize, ARG_REQUIRED, "size of the packet's payload"},
    {"itype", kw_itype, ARG_REQUIRED, "ICMP type"},
    {"icode", kw_icode, ARG_REQUIRED, "ICMP code"},
    {"icmp_id", kw_icmp_id, ARG_REQUIRED, "ICMP identifier"},
    {"icmp_seq", kw_icmp_seq, ARG_REQUIRED, "ICMP sequence number"},
    {"icmpv6.mtu", kw_icmpv6_mtu, ARG_REQUIRED, "MTU of an ICMPv6 packet-too-big message"},
    {"igmp.type", kw_igmp_type, ARG_REQUIRED, "IGMP type"},
    {"l3_proto", kw_l3_proto, ARG_REQUIRED, "version of IP"},
    {"vlan.id", kw_vlan_id, ARG_REQUIRED, "VLAN, of any or a given layer"},
    {"vlan.layers", kw_vlan_layers, ARG_REQUIRED, "number of VLAN tags"},
    {"ipv4-csum", kw_ipv4_csum, ARG_REQUIRED, "IPv4 header checksum is valid or invalid"},
    {"igmp-csum", kw_igmp_csum, ARG_REQUIRED, "IGMP checksum"},
    {"tcpv4-csum", kw_tcpv4_csum, ARG_REQUIRED, "TCP checksum over IPv4"},
    {"tcpv6-csum", kw_tcpv6_csum, ARG_REQUIRED, "TCP checksum over IPv6"},
    {"udpv4-csum", kw_udpv4_csum, ARG_REQUIRED, "UDP checksum over IPv4"},
    {"udpv6-csum", kw_udpv6_csum, ARG_REQUIRED, "UDP checksum over IPv6"},
    {"icmpv4-csum", kw_icmpv4_csum, ARG_REQUIRED, "ICMP checksum"},
    {"icmpv6-csum", kw_icmpv6_csum, ARG_REQUIRED, "ICMPv6 checksum"},
    {"rpc", kw_rpc, ARG_REQUIRED, "Sun RPC call: program, version, procedure"},
    {"asn1", kw_asn1, ARG_REQUIRED, "malformed BER"},
    {"sctp.chunk_type", kw_sctp_chunk_type, ARG_REQUIRED, "type of an SCTP chunk"},
    {"sctp.chunk_cnt", kw_sctp_chunk_count, ARG_REQUIRED, "number of SCTP chunks"},
    {"sctp.vtag", kw_sctp_vtag, ARG_REQUIRED, "SCTP verification tag"},
    {"decode-event", kw_decode_event, ARG_REQUIRED, "anomaly found by the decoder"},
    {"engine-event", kw_engine_event, ARG_REQUIRED, "anomaly found by the decoder or by TCP tracking"},
    {"stream-event", kw_stream_event, ARG_REQUIRED, "anomaly found by TCP tracking"},
    {0},
};
