/* PPP (RFC 1661) and PPPoE (RFC 2516). */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

enum { PPP_IPV4 = 0x0021, PPP_VJ_UNCOMPRESSED = 0x002f, PPP_IPV6 = 0x0057 };

void decode_ppp(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len >= 2 && data[0] == 0xff && data[1] == 0x03) {
        data += 2;
        len -= 2;
    }
    if (len < 2) {
        sek_packet_event(p, SEK_DECODE_PPP_PKT_TOO_SMALL);
        return;
    }
    uint16_t type = data[0] & 1 ? data[0] : sek_get16(data);
    uint32_t skip = data[0] & 1 ? 1 : 2;
    data += skip;
    len -= skip;
    if (!(type & 1)) /* all numbers are odd (RFC 1661 section 2) */
        sek_packet_event(p, SEK_DECODE_PPP_WRONG_TYPE);
    else if (type == PPP_IPV4 && len < 20)
        sek_packet_event(p, SEK_DECODE_PPP_IP4_PKT_TOO_SMALL);
    else if (type == PPP_IPV4)
        decode_ipv4(d, p, data, len);
    else if (type == PPP_IPV6 && len < 40)
        sek_packet_event(p, SEK_DECODE_PPP_IP6_PKT_TOO_SMALL);
    else if (type == PPP_IPV6)
        decode_ipv6(d, p, data, len);
    else if (type == PPP_VJ_UNCOMPRESSED && len < 40) /* headers of IP and TCP, RFC 1144 */
        sek_packet_event(p, SEK_DECODE_PPP_VJU_PKT_TOO_SMALL);
    else if (type < 0x8000) /* what is above are control protocols (RFC 1661 section 2) */
        sek_packet_event(p, SEK_DECODE_PPP_UNSUP_PROTO);
}

/* Version and type, code, session, length: six bytes. */
#define PPPOE_HEADER 6u

void decode_pppoe_session(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < PPPOE_HEADER + 2) {
        sek_packet_event(p, SEK_DECODE_PPPOE_PKT_TOO_SMALL);
        return;
    }
    if (data[1])
        sek_packet_event(p, SEK_DECODE_PPPOE_WRONG_CODE);
    decode_ppp(d, p, data + PPPOE_HEADER, len - PPPOE_HEADER);
}

static bool discovery_code(uint8_t code)
{
    switch (code) {
    case 0x07: /* PADO */
    case 0x09: /* PADI */
    case 0x0a: /* PADG, PADC and PADQ, RFC 5578 */
    case 0x0b:
    case 0x0c:
    case 0x19: /* PADR */
    case 0x65: /* PADS */
    case 0xa7: /* PADT */
    case 0xd3: /* PADM */
    case 0xd4: /* PADN */
        return true;
    }
    return false;
}

void decode_pppoe_discovery(struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < PPPOE_HEADER) {
        sek_packet_event(p, SEK_DECODE_PPPOE_PKT_TOO_SMALL);
        return;
    }
    if (!discovery_code(data[1]))
        sek_packet_event(p, SEK_DECODE_PPPOE_WRONG_CODE);
    uint32_t left = sek_get16(data + 4);
    bool malformed = left > len - PPPOE_HEADER;
    for (const uint8_t *tag = data + PPPOE_HEADER; left && !malformed;) { /* type, length, value */
        malformed = left < 4 || sek_get16(tag + 2) > left - 4u;
        if (malformed || !sek_get16(tag)) /* 0: end of list */
            break;
        uint32_t size = 4u + sek_get16(tag + 2);
        tag += size;
        left -= size;
    }
    if (malformed)
        sek_packet_event(p, SEK_DECODE_PPPOE_MALFORMED_TAGS);
}
