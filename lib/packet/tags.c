/* What stands between an Ethernet header and the network layer: VLAN tags (802.1Q), Cisco's VN-tag,
 * E-tags (802.1BR), provider backbone bridging (802.1ah) and MPLS (RFC 3032). */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

void decode_vlan(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 4) {
        sek_packet_event(p, SEK_DECODE_VLAN_HEADER_TOO_SMALL);
        return;
    }
    if (p->vlan_count == SEK_VLAN_MAX) {
        sek_packet_event(p, SEK_DECODE_VLAN_TOO_MANY_LAYERS);
        return;
    }
    p->vlan[p->vlan_count++] = sek_get16(data) & 0x0fff;
    decode_ethertype(d, p, sek_get16(data + 2), data + 4, len - 4,
                     SEK_DECODE_VLAN_UNKNOWN_TYPE);
}

void decode_vntag(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 6)
        sek_packet_event(p, SEK_DECODE_VNTAG_HEADER_TOO_SMALL);
    else if (decoder_nest(d, p))
        decode_ethertype(d, p, sek_get16(data + 4), data + 6, len - 6,
                         SEK_DECODE_VNTAG_UNKNOWN_TYPE);
}

void decode_etag(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 8)
        sek_packet_event(p, SEK_DECODE_ETAG_HEADER_TOO_SMALL);
    else if (decoder_nest(d, p))
        decode_ethertype(d, p, sek_get16(data + 6), data + 8, len - 8,
                         SEK_DECODE_ETAG_UNKNOWN_TYPE);
}

/* Four bytes of service identifier, then the customer's frame. */
void decode_8021ah(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 4 + 14)
        sek_packet_event(p, SEK_DECODE_IEEE8021AH_HEADER_TOO_SMALL);
    else if (decoder_nest(d, p))
        decode_ethernet(d, p, data + 4, len - 4);
}

/* Labels below 16 have a meaning of their own (RFC 3032 section 2.1, RFC 7274). 7 and 15 announce the
 * label behind them, 1 is for the router that sees it and so neither is the last; 3 is only for
 * signalling. 0, 2, 13 and 14 may stand. */
static void label_events(struct sek_packet *p, uint32_t label, bool bottom)
{
    if (label == 1 && bottom)
        sek_packet_event(p, SEK_DECODE_MPLS_BAD_LABEL_ROUTER_ALERT);
    else if (label == 3)
        sek_packet_event(p, SEK_DECODE_MPLS_BAD_LABEL_IMPLICIT_NULL);
    else if ((label >= 4 && label <= 12 && label != 7) || (bottom && (label == 7 || label == 15)))
        sek_packet_event(p, SEK_DECODE_MPLS_BAD_LABEL_RESERVED);
}

void decode_mpls(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    for (bool bottom = false; !bottom;) {
        if (len < 4) {
            sek_packet_event(p, SEK_DECODE_MPLS_HEADER_TOO_SMALL);
            return;
        }
        uint32_t label = sek_get32(data) >> 12;
        bottom = data[2] & 1;
        if (label < 16)
            label_events(p, label, bottom);
        data += 4;
        len -= 4;
    }
    if (!len) {
        sek_packet_event(p, SEK_DECODE_MPLS_PKT_TOO_SMALL);
        return;
    }
    if (data[0] >> 4 == 4)
        decode_ipv4(d, p, data, len);
    else if (data[0] >> 4 == 6)
        decode_ipv6(d, p, data, len);
    else if (data[0] >> 4 != 0 || len <= 4)
        sek_packet_event(p, SEK_DECODE_MPLS_UNKNOWN_PAYLOAD_TYPE);
    else if (decoder_nest(d, p)) /* behind the control word of a pseudo wire (RFC 4448) */
        decode_ethernet(d, p, data + 4, len - 4);
}
