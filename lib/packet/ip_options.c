/* Options of IPv4 (RFC 791 section 3.1) and of IPv6's hop-by-hop and destination headers (RFC 8200
 * section 4.2). Which numbers are known is what IANA's registries list. */
#include "lib/packet/layers.h"

enum { OPT_ROUTE_RECORD = 7, OPT_TIMESTAMP = 68, OPT_LOOSE_ROUTE = 131, OPT_STREAM = 136,
       OPT_STRICT_ROUTE = 137, OPT_ROUTER_ALERT = 148 };

static bool number_in(const uint8_t *list, uint32_t count, uint8_t number)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == number)
            return true;
    return false;
}

static bool ipv4_option_known(uint8_t type)
{
    static const uint8_t known[] = {7,   10,  11,  12,  15,  25,  30,  68,  82,  94,  130, 131, 133,
                                    134, 136, 137, 142, 144, 145, 147, 148, 149, 151, 152, 158, 205,
                                    222};
    return number_in(known, sizeof known, type);
}

/* Routes are addresses behind a pointer, timestamps words behind pointer and flags: the pointer counts
 * from 1 and stands at a slot, or behind the last one when it is full. */
static void ipv4_option_content(struct sek_packet *p, const uint8_t *opt, uint8_t size)
{
    bool fits = true, pointer = true;
    switch (opt[0]) {
    case OPT_ROUTE_RECORD:
    case OPT_LOOSE_ROUTE:
    case OPT_STRICT_ROUTE:
        fits = size >= 3 && size % 4 == 3;
        pointer = fits && opt[2] >= 4 && opt[2] % 4 == 0 && opt[2] <= size + 1;
        break;
    case OPT_TIMESTAMP:
        fits = size >= 4 && size % 4 == 0;
        pointer = fits && opt[2] >= 5 && opt[2] % 4 == 1 && opt[2] <= size + 1;
        break;
    case OPT_STREAM:
    case OPT_ROUTER_ALERT: /* RFC 2113 */
        fits = size == 4;
        break;
    }
    if (!fits)
        sek_packet_event(p, SEK_DECODE_IPV4_OPT_INVALID_LEN);
    else if (!pointer)
        sek_packet_event(p, SEK_DECODE_IPV4_OPT_MALFORMED);
}

/* What fills the header up behind the end of the list is zero. */
static void ipv4_padding(struct sek_packet *p, const uint8_t *pad, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        if (pad[i])
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_PAD_REQUIRED);
}

void decode_ipv4_options(struct sek_packet *p, const uint8_t *opt, uint32_t len)
{
    uint64_t seen[4] = {0};
    for (uint32_t i = 0; i < len;) {
        uint8_t type = opt[i];
        if (type == 0) {
            ipv4_padding(p, opt + i, len - i);
            return;
        }
        if (type == 1) {
            i++;
            continue;
        }
        if (len - i < 2) { /* only the end of the list fits there */
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_EOL_REQUIRED);
            return;
        }
        uint8_t size = opt[i + 1];
        if (size < 2 || size > len - i) {
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_INVALID_LEN);
            return;
        }
        if (type & 0x20) /* classes 1 and 3 are reserved */
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_INVALID);
        else if (!ipv4_option_known(type))
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_UNKNOWN);
        if (seen[type / 64] >> (type % 64) & 1)
            sek_packet_event(p, SEK_DECODE_IPV4_OPT_DUPLICATE);
        seen[type / 64] |= 1ull << (type % 64);
        ipv4_option_content(p, opt + i, size);
        i += size;
    }
}

static bool ipv6_option_known(uint8_t type)
{
    static const uint8_t known[] = {0x04, 0x05, 0x07, 0x08, 0x0f, 0x11, 0x12, 0x1e, 0x23, 0x26,
                                    0x30, 0x31, 0x32, 0x3e, 0x4d, 0x5e, 0x63, 0x6d, 0x7e, 0x8a,
                                    0x8b, 0x8c, 0x9e, 0xbe, 0xc2, 0xc9, 0xde, 0xee, 0xfe};
    return number_in(known, sizeof known, type);
}

/* Lengths that are fixed: router alert (RFC 2711), jumbo payload (RFC 2675), home address (RFC 6275). */
static bool ipv6_option_fits(uint8_t type, uint8_t size)
{
    return type == 0x05 ? size == 2 : type == 0xc2 ? size == 4 : type == 0xc9 ? size == 16 : true;
}

void decode_ipv6_options(struct sek_packet *p, const uint8_t *opt, uint32_t len, bool hop_by_hop)
{
    bool only_padding = true;
    for (uint32_t i = 0; i < len;) {
        if (opt[i] == 0) {
            i++;
            continue;
        }
        if (len - i < 2 || opt[i + 1] > len - i - 2) {
            sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_INVALID_OPTLEN);
            return;
        }
        uint8_t type = opt[i], size = opt[i + 1];
        if (type == 1 && !size)
            sek_packet_event(p, SEK_DECODE_IPV6_ZERO_LEN_PADN);
        if (!ipv6_option_fits(type, size))
            sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_INVALID_OPTLEN);
        if (type != 1 && !ipv6_option_known(type))
            sek_packet_event(p, hop_by_hop ? SEK_DECODE_IPV6_HOPOPTS_UNKNOWN_OPT
                                           : SEK_DECODE_IPV6_DSTOPTS_UNKNOWN_OPT);
        only_padding &= type == 1;
        i += 2u + size;
    }
    if (only_padding)
        sek_packet_event(p, hop_by_hop ? SEK_DECODE_IPV6_HOPOPTS_ONLY_PADDING
                                       : SEK_DECODE_IPV6_DSTOPTS_ONLY_PADDING);
}
