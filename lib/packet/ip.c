/* IPv4 (RFC 791) and IPv6 (RFC 8200) headers, options and extension chains. */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

#include <netinet/in.h>

void decode_ipv4(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 20) {
        sek_packet_event(p, SEK_DECODE_IPV4_PKT_TOO_SMALL);
        return;
    }
    if (data[0] >> 4 != 4) {
        sek_packet_event(p, SEK_DECODE_IPV4_WRONG_IP_VERSION);
        return;
    }
    uint32_t header = (data[0] & 15u) * 4;
    uint32_t total = sek_get16(data + 2);
    if (header < 20) {
        sek_packet_event(p, SEK_DECODE_IPV4_HLEN_TOO_SMALL);
        return;
    }
    if (total < header) {
        sek_packet_event(p, SEK_DECODE_IPV4_IPLEN_SMALLER_THAN_HLEN);
        return;
    }
    if (len < total) {
        sek_packet_event(p, SEK_DECODE_IPV4_TRUNC_PKT);
        return;
    }
    p->ip = data;
    p->ip_len = total;
    p->ip_version = 4;
    p->ip_header_len = (uint8_t)header;
    p->tos = data[1];
    p->ttl = data[8];
    p->proto = data[9];
    p->fragment_id = sek_get16(data + 4);
    p->more_fragments = data[6] & 0x20;
    p->fragment_offset = (uint16_t)((sek_get16(data + 6) & 0x1fff) * 8);
    p->fragment = p->more_fragments || p->fragment_offset;
    memcpy(p->src.bytes, data + 12, 4);
    memcpy(p->dst.bytes, data + 16, 4);
    if (header > 20)
        decode_ipv4_options(p, data + 20, header - 20);
    decode_transport(d, p, data[9], data + header, total - header);
}

void decode_ipv6(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 40) {
        sek_packet_event(p, SEK_DECODE_IPV6_PKT_TOO_SMALL);
        return;
    }
    if (data[0] >> 4 != 6) {
        sek_packet_event(p, SEK_DECODE_IPV6_WRONG_IP_VERSION);
        return;
    }
    uint32_t payload = sek_get16(data + 4);
    if (len - 40 < payload) {
        sek_packet_event(p, SEK_DECODE_IPV6_TRUNC_PKT);
        return;
    }
    p->ip = data;
    p->ip_len = 40 + payload;
    p->ip_version = 6;
    p->tos = (uint8_t)(sek_get16(data) >> 4);
    p->ttl = data[7];
    memcpy(p->src.bytes, data + 8, 16);
    memcpy(p->dst.bytes, data + 24, 16);
    uint8_t next = data[6];
    uint32_t pos = 40, end = 40 + payload;
    unsigned seen_hop = 0, seen_routing = 0, seen_dest = 0, seen_fragment = 0, seen_auth = 0;
    for (;;) {
        uint32_t left = end - pos, size;
        const uint8_t *h = data + pos;
        bool known = next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING ||
                     next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT || next == IPPROTO_AH;
        if (next == IPPROTO_NONE) {
            if (left)
                sek_packet_event(p, SEK_DECODE_IPV6_DATA_AFTER_NONE_HEADER);
            p->proto = next;
            break;
        }
        if (!known)
            break;
        if (left < 8) {
            sek_packet_event(p, SEK_DECODE_IPV6_TRUNC_EXTHDR);
            p->proto = next;
            p->invalid = true;
            return;
        }
        size = next == IPPROTO_FRAGMENT ? 8 : next == IPPROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
        if (size > left) {
            sek_packet_event(p, SEK_DECODE_IPV6_TRUNC_EXTHDR);
            p->proto = next;
            p->invalid = true;
            return;
        }
        switch (next) {
        case IPPROTO_HOPOPTS:
            if (seen_hop++)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_DUPL_HH);
            decode_ipv6_options(p, h + 2, size - 2, true);
            break;
        case IPPROTO_ROUTING:
            if (seen_routing++)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_DUPL_RH);
            if (h[2] == 0)
                sek_packet_event(p, SEK_DECODE_IPV6_RH_TYPE_0);
            break;
        case IPPROTO_DSTOPTS:
            if (seen_dest++ > 1)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_DUPL_DH);
            decode_ipv6_options(p, h + 2, size - 2, false);
            break;
        case IPPROTO_AH:
            if (seen_auth++)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_DUPL_AH);
            if (h[2] || h[3]) /* reserved, RFC 4302 section 2.3 */
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_AH_RES_NOT_NULL);
            break;
        case IPPROTO_FRAGMENT:
            if (seen_fragment++ || h[0] == IPPROTO_FRAGMENT)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_DUPL_FH);
            if (h[1])
                sek_packet_event(p, SEK_DECODE_IPV6_FH_NON_ZERO_RESERVED_FIELD);
            p->fragment_offset = sek_get16(h + 2) & 0xfff8;
            p->more_fragments = h[3] & 1;
            p->fragment_id = sek_get32(h + 4);
            p->fragment = p->fragment_offset || p->more_fragments;
            if (!p->fragment)
                sek_packet_event(p, SEK_DECODE_IPV6_EXTHDR_USELESS_FH);
            if (p->more_fragments && (left - size) % 8) /* RFC 8200 section 4.5 */
                sek_packet_event(p, SEK_DECODE_IPV6_FRAG_INVALID_LENGTH);
            break;
        }
        next = h[0];
        pos += size;
        if (p->fragment)
            break;
    }
    p->ip_header_len = pos > 255 ? 255 : (uint8_t)pos;
    decode_transport(d, p, next, data + pos, end - pos);
}

void decode_ip_in_ip(struct decoder *d, struct sek_packet *outer, uint8_t proto,
                     const uint8_t *data, uint32_t len)
{
    unsigned version = len ? data[0] >> 4 : 0;
    unsigned expected = proto == IPPROTO_IPIP ? 4 : 6;
    if (outer->ip_version == 6) {
        if (len < (expected == 4 ? 20u : 40u)) {
            sek_packet_event(outer, expected == 4 ? SEK_DECODE_IPV6_IPV4_IN_IPV6_TOO_SMALL
                                                  : SEK_DECODE_IPV6_IPV6_IN_IPV6_TOO_SMALL);
            return;
        }
        if (version != expected) {
            sek_packet_event(outer, expected == 4 ? SEK_DECODE_IPV6_IPV4_IN_IPV6_WRONG_VERSION
                                                  : SEK_DECODE_IPV6_IPV6_IN_IPV6_WRONG_VERSION);
            return;
        }
    }
    struct sek_packet *p = decoder_inner(d, outer);
    if (!p)
        return;
    if (expected == 4)
        decode_ipv4(d, p, data, len);
    else
        decode_ipv6(d, p, data, len);
    if (!p->ip_version && !p->any_event)
        d->count--;
}
