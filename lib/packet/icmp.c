/* ICMP (RFC 792) and ICMPv6 (RFC 4443): the header, and what IANA's registries and the messages
 * themselves say about types, codes and the packet that an error message quotes. */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

/* Codes listed for a type, a bit a code; 0: a type that nobody has to know (unassigned, or
 * deprecated by RFC 6918). */
static const uint32_t v4_codes[] = {
    [0] = 0x1,  [3] = 0xffff,  [4] = 0x1,  [5] = 0xf,  [6] = 0x1,  [8] = 0x1,  [9] = 0x10001,
    [10] = 0x1, [11] = 0x3,    [12] = 0x7, [13] = 0x1, [14] = 0x1, [15] = 0x1, [16] = 0x1,
    [17] = 0x1, [18] = 0x1,    [40] = 0x3f, /* Photuris, RFC 2521 */
    [42] = 0x1, [43] = 0x1f, /* extended echo, RFC 8335 */
};

/* The same for ICMPv6, of the types whose code is no field of its own; 0: any code. */
static const uint16_t v6_codes[] = {
    [1] = 0x3ff, [2] = 0x1, [3] = 0x3, [4] = 0x7ff, [128] = 0x1, [129] = 0x1,
    [130] = 0x1, [131] = 0x1, [132] = 0x1, [143] = 0x1, /* MLD, RFC 2710 and RFC 3810 */
    [133] = 0x1, [134] = 0x1, [135] = 0x1, [136] = 0x1, [137] = 0x1, /* RFC 4861 */
    [139] = 0x7, [140] = 0x7, [141] = 0x1, [142] = 0x1, [144] = 0x1, [145] = 0x1, [146] = 0x1,
    [147] = 0x1, [148] = 0x1, [149] = 0x1, [160] = 0x1, [161] = 0x1f,
};

static void v4_events(struct sek_packet *p, uint8_t type, uint8_t code)
{
    uint32_t codes = type < sizeof v4_codes / sizeof *v4_codes ? v4_codes[type] : 0;
    if (!codes)
        sek_packet_event(p, SEK_DECODE_ICMPV4_UNKNOWN_TYPE);
    else if (code > 31 || !(codes >> code & 1))
        sek_packet_event(p, SEK_DECODE_ICMPV4_UNKNOWN_CODE);
}

static void v6_events(struct sek_packet *p, uint8_t type, uint8_t code)
{
    uint32_t codes = type < sizeof v6_codes / sizeof *v6_codes ? v6_codes[type] : 0;
    if (codes && (code > 15 || !(codes >> code & 1)))
        sek_packet_event(p, SEK_DECODE_ICMPV6_UNKNOWN_CODE);
    if (type == 100 || type == 101 || type == 200 || type == 201)
        sek_packet_event(p, SEK_DECODE_ICMPV6_EXPERIMENTATION_TYPE);
    else if (type == 0 || type == 127 || type == 255) /* reserved, RFC 4443 section 2.1 */
        sek_packet_event(p, SEK_DECODE_ICMPV6_UNKNOWN_TYPE);
    else if ((type >= 5 && type < 128) || type >= 162)
        sek_packet_event(p, SEK_DECODE_ICMPV6_UNASSIGNED_TYPE);
    /* Messages about listeners never leave their link (RFC 3810 section 5). */
    if (((type >= 130 && type <= 132) || type == 143) && p->ttl != 1)
        sek_packet_event(p, SEK_DECODE_ICMPV6_MLD_MESSAGE_WITH_INVALID_HL);
}

/* An error message quotes the packet that caused it, from its IP header on. */
static void quoted_v4(struct sek_packet *p, const uint8_t *ip, uint32_t len)
{
    if (len < 20 || (ip[0] >> 4 == 4 && (ip[0] & 15u) * 4 > len))
        sek_packet_event(p, SEK_DECODE_ICMPV4_IPV4_TRUNC_PKT);
    else if (ip[0] >> 4 != 4)
        sek_packet_event(p, SEK_DECODE_ICMPV4_IPV4_UNKNOWN_VER);
}

static void quoted_v6(struct sek_packet *p, const uint8_t *ip, uint32_t len)
{
    if (len < 40)
        sek_packet_event(p, SEK_DECODE_ICMPV6_IPV6_TRUNC_PKT);
    else if (ip[0] >> 4 != 6)
        sek_packet_event(p, SEK_DECODE_ICMPV6_IPV6_UNKNOWN_VERSION);
}

void decode_icmp(struct sek_packet *p, const uint8_t *data, uint32_t len, bool v6)
{
    if (len < (v6 ? 4u : 8u)) {
        sek_packet_event(p, v6 ? SEK_DECODE_ICMPV6_PKT_TOO_SMALL : SEK_DECODE_ICMPV4_PKT_TOO_SMALL);
        p->invalid = true;
        return;
    }
    uint8_t type = data[0];
    p->l4 = data;
    p->icmp_type = type;
    p->icmp_code = data[1];
    uint32_t header = len < 8 ? 4 : 8;
    if (header == 8) {
        p->icmp_id = sek_get16(data + 4);
        p->icmp_seq = sek_get16(data + 6);
    }
    p->payload = data + header;
    p->payload_len = len - header;
    if (v6)
        v6_events(p, type, data[1]);
    else
        v4_events(p, type, data[1]);
    if (len <= 8)
        return;
    if (v6 && type >= 1 && type <= 4)
        quoted_v6(p, p->payload, p->payload_len);
    else if (!v6 && (type == 3 || type == 4 || type == 5 || type == 11 || type == 12))
        quoted_v4(p, p->payload, p->payload_len);
}
