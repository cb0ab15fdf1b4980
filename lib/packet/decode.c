/* Frame to headers. One function a layer; each checks the length it needs, notes anomalies as
 * events, and hands what is left to the next. Tunnels open a new packet in the caller's array. */
#include "lib/packet/packet.h"
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

#include <netinet/in.h>

static void decode_ethertype(struct decoder *d, struct sek_packet *p, uint16_t type,
                             const uint8_t *data, uint32_t len);

struct sek_packet *decoder_inner(struct decoder *d, const struct sek_packet *outer)
{
    if (d->count == SEK_PACKET_LAYERS) {
        sek_packet_event(&d->packets[0], SEK_DECODE_TOO_MANY_LAYERS);
        return NULL;
    }
    struct sek_packet *p = &d->packets[d->count++];
    memset(p, 0, sizeof *p);
    p->frame = outer->frame;
    p->frame_len = outer->frame_len;
    p->link = outer->link;
    p->ts_us = outer->ts_us;
    p->number = outer->number;
    p->ethernet = outer->ethernet;
    memcpy(p->vlan, outer->vlan, sizeof p->vlan);
    p->vlan_count = outer->vlan_count;
    p->source = SEK_SOURCE_TUNNEL;
    p->carrier = outer->proto;
    p->outer_version = outer->ip_version;
    p->outer = outer;
    p->tunnel_depth = (uint8_t)(outer->tunnel_depth + 1);
    return p;
}

static void decode_vlan(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
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
    decode_ethertype(d, p, sek_get16(data + 2), data + 4, len - 4);
}

static void decode_mpls(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    for (;;) {
        if (len < 4) {
            sek_packet_event(p, SEK_DECODE_MPLS_HEADER_TOO_SMALL);
            return;
        }
        bool bottom = data[2] & 1;
        data += 4;
        len -= 4;
        if (bottom)
            break;
    }
    if (!len) {
        sek_packet_event(p, SEK_DECODE_MPLS_PKT_TOO_SMALL);
        return;
    }
    if (data[0] >> 4 == 4)
        decode_ipv4(d, p, data, len);
    else if (data[0] >> 4 == 6)
        decode_ipv6(d, p, data, len);
    else if (data[0] >> 4 == 0 && len > 4)
        decode_ethernet(d, p, data + 4, len - 4);
    else
        sek_packet_event(p, SEK_DECODE_MPLS_UNKNOWN_PAYLOAD_TYPE);
}

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
    if (type == 0x0021)
        decode_ipv4(d, p, data, len);
    else if (type == 0x0057)
        decode_ipv6(d, p, data, len);
    else if (type < 0x8000) /* what is above are control protocols (RFC 1661 section 2) */
        sek_packet_event(p, SEK_DECODE_PPP_UNSUP_PROTO);
}

static void decode_ethertype(struct decoder *d, struct sek_packet *p, uint16_t type,
                             const uint8_t *data, uint32_t len)
{
    switch (type) {
    case 0x0800:
        decode_ipv4(d, p, data, len);
        return;
    case 0x86dd:
        decode_ipv6(d, p, data, len);
        return;
    case 0x8100:
    case 0x88a8:
    case 0x9100:
        decode_vlan(d, p, data, len);
        return;
    case 0x8847:
    case 0x8848:
        decode_mpls(d, p, data, len);
        return;
    case 0x8864: /* PPPoE session, RFC 2516 */
        if (len < 8)
            sek_packet_event(p, SEK_DECODE_PPPOE_PKT_TOO_SMALL);
        else
            decode_ppp(d, p, data + 6, len - 6);
        return;
    case 0x8863:
        if (len < 6)
            sek_packet_event(p, SEK_DECODE_PPPOE_PKT_TOO_SMALL);
        return;
    case 0x6558: /* transparent Ethernet bridging */
        decode_ethernet(d, p, data, len);
        return;
    default:
        if (type >= 0x0600 && type != 0x0806)
            sek_packet_event(p, SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
    }
}

void decode_ethernet(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 14) {
        sek_packet_event(p, SEK_DECODE_ETHERNET_PKT_TOO_SMALL);
        return;
    }
    p->ethernet = data;
    decode_ethertype(d, p, sek_get16(data + 12), data + 14, len - 14);
}

/* ERSPAN type II: version, VLAN, then the mirrored frame. */
static void decode_erspan(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    uint16_t vlan = sek_get16(data) & 0x0fff;
    if (sek_get16(data) >> 12 != 1)
        sek_packet_event(p, SEK_DECODE_ERSPAN_UNSUPPORTED_VERSION);
    if (vlan && p->vlan_count < SEK_VLAN_MAX)
        p->vlan[p->vlan_count++] = vlan;
    decode_ethernet(d, p, data + 8, len - 8);
}

static void decode_gre(struct decoder *d, struct sek_packet *outer, const uint8_t *data, uint32_t len)
{
    if (len < 4) {
        sek_packet_event(outer, SEK_DECODE_GRE_PKT_TOO_SMALL);
        return;
    }
    uint16_t flags = sek_get16(data), type = sek_get16(data + 2);
    uint32_t skip = 4;
    if ((flags & 7) > 1) {
        sek_packet_event(outer, SEK_DECODE_GRE_WRONG_VERSION);
        return;
    }
    if ((flags & 0xc000) != 0)
        skip += 4; /* checksum and offset */
    if (flags & 0x2000)
        skip += 4; /* key */
    if (flags & 0x1000)
        skip += 4; /* sequence */
    if ((flags & 7) == 1 && flags & 0x0080)
        skip += 4; /* acknowledgement, RFC 2637 */
    if (len < skip) {
        sek_packet_event(outer, SEK_DECODE_GRE_VERSION0_HDR_TOO_BIG);
        return;
    }
    struct sek_packet *p = decoder_inner(d, outer);
    if (!p)
        return;
    if (type == 0x880b)
        decode_ppp(d, p, data + skip, len - skip);
    else if (type == 0x88be && len >= skip + 8) /* ERSPAN type II */
        decode_erspan(d, p, data + skip, len - skip);
    else
        decode_ethertype(d, p, type, data + skip, len - skip);
    if (!p->ip_version && !p->any_event)
        d->count--;
}

static void decode_tcp_options(struct sek_packet *p, const uint8_t *opt, uint32_t len)
{
    uint32_t i = 0;
    while (i < len) {
        if (opt[i] == 0)
            return;
        if (opt[i] == 1) {
            i++;
            continue;
        }
        if (len - i < 2 || opt[i + 1] < 2 || opt[i + 1] > len - i) {
            sek_packet_event(p, SEK_DECODE_TCP_INVALID_OPTLEN);
            return;
        }
        uint8_t size = opt[i + 1];
        switch (opt[i]) {
        case 2:
            if (size == 4)
                p->tcp.mss = sek_get16(opt + i + 2);
            break;
        case 3:
            if (size == 3)
                p->tcp.wscale = opt[i + 2] > 14 ? 14 : opt[i + 2];
            break;
        case 4:
            p->tcp.sack_ok = true;
            break;
        case 8:
            if (size == 10) {
                p->tcp.has_timestamp = true;
                p->tcp.ts_value = sek_get32(opt + i + 2);
                p->tcp.ts_echo = sek_get32(opt + i + 6);
            }
            break;
        case 34: /* fast open, RFC 7413 */
            p->tcp.fast_open = true;
            break;
        case 254: /* the same under its experimental number, RFC 6994 */
            p->tcp.fast_open |= size >= 4 && sek_get16(opt + i + 2) == 0xf989;
            break;
        }
        i += size;
    }
}

static void decode_tcp(struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 20) {
        sek_packet_event(p, SEK_DECODE_TCP_PKT_TOO_SMALL);
        p->invalid = true;
        return;
    }
    uint8_t header = (uint8_t)((data[12] >> 4) * 4);
    if (header < 20 || header > len) {
        sek_packet_event(p, SEK_DECODE_TCP_HLEN_TOO_SMALL);
        p->invalid = true;
        return;
    }
    p->l4 = data;
    p->src_port = sek_get16(data);
    p->dst_port = sek_get16(data + 2);
    p->tcp.seq = sek_get32(data + 4);
    p->tcp.ack = sek_get32(data + 8);
    p->tcp.header_len = header;
    p->tcp.flags = data[13];
    p->tcp.window = sek_get16(data + 14);
    p->tcp.urgent = sek_get16(data + 18);
    p->tcp.wscale = 0xff;
    decode_tcp_options(p, data + 20, header - 20u);
    p->payload = data + header;
    p->payload_len = len - header;
}

static void decode_udp(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 8) {
        sek_packet_event(p, SEK_DECODE_UDP_HLEN_TOO_SMALL);
        p->invalid = true;
        return;
    }
    uint16_t claimed = sek_get16(data + 4);
    if (claimed < 8 || claimed > len) {
        sek_packet_event(p, claimed < 8 ? SEK_DECODE_UDP_LEN_INVALID : SEK_DECODE_UDP_PKT_TOO_SMALL);
        p->invalid = true;
        return;
    }
    p->l4 = data;
    p->src_port = sek_get16(data);
    p->dst_port = sek_get16(data + 2);
    p->payload = data + 8;
    p->payload_len = claimed - 8u;
    if (p->tunnel_depth + 1u < SEK_PACKET_LAYERS)
        decode_udp_tunnel(d, p);
}

static void decode_icmp(struct sek_packet *p, const uint8_t *data, uint32_t len, bool v6)
{
    if (len < (v6 ? 4u : 8u)) {
        sek_packet_event(p, v6 ? SEK_DECODE_ICMPV6_PKT_TOO_SMALL : SEK_DECODE_ICMPV4_PKT_TOO_SMALL);
        p->invalid = true;
        return;
    }
    p->l4 = data;
    p->icmp_type = data[0];
    p->icmp_code = data[1];
    uint32_t header = len < 8 ? 4 : 8;
    if (header == 8) {
        p->icmp_id = sek_get16(data + 4);
        p->icmp_seq = sek_get16(data + 6);
    }
    if (!v6 && (data[0] > 18 || data[0] == 1 || data[0] == 2 || data[0] == 7))
        sek_packet_event(p, SEK_DECODE_ICMPV4_UNKNOWN_TYPE);
    if (v6 && data[0] >= 5 && data[0] < 100)
        sek_packet_event(p, SEK_DECODE_ICMPV6_UNASSIGNED_TYPE);
    p->payload = data + header;
    p->payload_len = len - header;
}

#define SCTP_CHUNKS_MAX 16u /* of one packet, of any kind, before it is an anomaly */

static void sctp_events(struct sek_packet *p)
{
    struct sek_reader r = sek_reader_make(p->payload, p->payload_len);
    unsigned count = 0, data = 0;
    bool init = false;
    while (sek_reader_left(&r)) {
        uint8_t type = sek_reader_u8(&r);
        sek_reader_skip(&r, 1);
        uint16_t len = sek_reader_u16(&r);
        if (r.failed) {
            sek_packet_event(p, SEK_DECODE_SCTP_CHUNK_TOO_SMALL);
            break;
        }
        if (len < 4 || len - 4u > sek_reader_left(&r)) {
            sek_packet_event(p, SEK_DECODE_SCTP_CHUNK_LEN_INVALID);
            break;
        }
        count++;
        data += type == 0;
        init |= type == 1;
        uint32_t rest = len - 4u + (len % 4 ? 4u - len % 4 : 0);
        sek_reader_skip(&r, rest < sek_reader_left(&r) ? rest : sek_reader_left(&r));
    }
    if (init && p->sctp_vtag)
        sek_packet_event(p, SEK_DECODE_SCTP_INIT_WITH_NON_ZERO_VTAG);
    if (init && count > 1)
        sek_packet_event(p, SEK_DECODE_SCTP_INIT_CHUNK_BUNDLED);
    if (data && !p->sctp_vtag)
        sek_packet_event(p, SEK_DECODE_SCTP_DATA_WITH_ZERO_VTAG);
    if (count > SCTP_CHUNKS_MAX)
        sek_packet_event(p, SEK_DECODE_SCTP_TOO_MANY_CHUNKS);
    if (data > SCTP_CHUNKS_MAX)
        sek_packet_event(p, SEK_DECODE_SCTP_TOO_MANY_DATA_CHUNKS);
}

static void decode_sctp(struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 12) {
        sek_packet_event(p, SEK_DECODE_SCTP_PKT_TOO_SMALL);
        p->invalid = true;
        return;
    }
    p->l4 = data;
    p->src_port = sek_get16(data);
    p->dst_port = sek_get16(data + 2);
    p->sctp_vtag = sek_get32(data + 4);
    p->payload = data + 12;
    p->payload_len = len - 12;
    sctp_events(p);
}

/* RFC 2236; RFC 3376: a query of version 3 takes 12 bytes, a report lists groups of 8 and more. The payload stays
 * the whole message. */
static void decode_igmp(struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 8) {
        sek_packet_event(p, SEK_DECODE_IGMP_PKT_TOO_SMALL);
        return;
    }
    bool query3 = data[0] == 0x11 && len > 8, report3 = data[0] == 0x22;
    uint32_t at = query3 ? 12 : 8, count = query3 && len >= 12 ? (uint32_t)data[10] << 8 | data[11]
                                   : report3 ? (uint32_t)data[6] << 8 | data[7] : 0;
    if (query3 && len < 12)
        sek_packet_event(p, SEK_DECODE_IGMP_V3_PKT_TOO_SMALL);
    for (uint32_t i = 0; i < count; i++) { /* sources of a query, groups with their sources of a report */
        uint32_t size = report3 ? 8 : 4;
        if (report3 && at + 8 <= len)
            size += data[at + 1] * 4u + ((uint32_t)data[at + 2] << 8 | data[at + 3]) * 4u;
        if (size > len - at) {
            sek_packet_event(p, SEK_DECODE_IGMP_MALFORMED);
            break;
        }
        at += size;
    }
    p->l4 = data;
}

void decode_transport(struct decoder *d, struct sek_packet *p, uint8_t proto, const uint8_t *data,
                      uint32_t len)
{
    p->proto = proto;
    p->payload = data;
    p->payload_len = len;
    if (p->fragment)
        return;
    switch (proto) {
    case IPPROTO_TCP:
        decode_tcp(p, data, len);
        return;
    case IPPROTO_UDP:
        decode_udp(d, p, data, len);
        return;
    case IPPROTO_ICMP:
        if (p->ip_version == 6)
            sek_packet_event(p, SEK_DECODE_IPV6_ICMPV4);
        else
            decode_icmp(p, data, len, false);
        return;
    case IPPROTO_ICMPV6:
        if (p->ip_version == 4)
            sek_packet_event(p, SEK_DECODE_IPV4_ICMPV6);
        else
            decode_icmp(p, data, len, true);
        return;
    case IPPROTO_IGMP:
        if (p->ip_version == 4)
            decode_igmp(p, data, len);
        return;
    case IPPROTO_SCTP:
        decode_sctp(p, data, len);
        return;
    case IPPROTO_GRE:
        decode_gre(d, p, data, len);
        return;
    case IPPROTO_IPIP:
    case IPPROTO_IPV6:
        decode_ip_in_ip(d, p, proto, data, len);
        return;
    }
}

static void decode_link(struct decoder *d, struct sek_packet *p, enum sek_link link,
                        const uint8_t *frame, uint32_t len)
{
    switch (link) {
    case SEK_LINK_ETHERNET:
        decode_ethernet(d, p, frame, len);
        return;
    case SEK_LINK_LINUX_SLL:
        if (len < 16)
            sek_packet_event(p, SEK_DECODE_SLL_PKT_TOO_SMALL);
        else
            decode_ethertype(d, p, sek_get16(frame + 14), frame + 16, len - 16);
        return;
    case SEK_LINK_SLL2:
        if (len < 20)
            sek_packet_event(p, SEK_DECODE_SLL_PKT_TOO_SMALL);
        else
            decode_ethertype(d, p, sek_get16(frame), frame + 20, len - 20);
        return;
    case SEK_LINK_PPP:
        decode_ppp(d, p, frame, len);
        return;
    case SEK_LINK_CHDLC: /* address, control, EtherType */
        if (len < 4)
            sek_packet_event(p, SEK_DECODE_CHDLC_PKT_TOO_SMALL);
        else
            decode_ethertype(d, p, sek_get16(frame + 2), frame + 4, len - 4);
        return;
    case SEK_LINK_NULL: /* four bytes of address family in the capturing host's order */
        if (len < 4) {
            sek_packet_event(p, SEK_DECODE_LTNULL_PKT_TOO_SMALL);
            return;
        }
        frame += 4;
        len -= 4;
        break;
    case SEK_LINK_RAW_IP:
    case SEK_LINK_IPV4:
    case SEK_LINK_IPV6:
        break;
    }
    if (len && frame[0] >> 4 == 4)
        decode_ipv4(d, p, frame, len);
    else if (len && frame[0] >> 4 == 6)
        decode_ipv6(d, p, frame, len);
    else
        sek_packet_event(p, SEK_DECODE_IPRAW_INVALID_IP_VERSION);
}

unsigned sek_packet_decode(enum sek_link link, const uint8_t *frame, uint32_t len, uint64_t ts_us,
                           uint64_t number, struct sek_packet *packets)
{
    struct decoder d = {.packets = packets, .count = 1};
    struct sek_packet *p = &packets[0];
    memset(p, 0, sizeof *p);
    p->frame = frame;
    p->frame_len = len;
    p->link = link;
    p->ts_us = ts_us;
    p->number = number;
    decode_link(&d, p, link, frame, len);
    return d.count;
}

unsigned sek_packet_decode_datagram(const struct sek_packet *base, const uint8_t *ip, uint32_t len,
                                    struct sek_packet *packets)
{
    struct decoder d = {.packets = packets};
    struct sek_packet *p = decoder_inner(&d, base);
    p->source = SEK_SOURCE_DEFRAG;
    p->tunnel_depth = base->tunnel_depth;
    p->frame = ip;
    p->frame_len = len;
    p->link = SEK_LINK_RAW_IP;
    decode_link(&d, p, SEK_LINK_RAW_IP, ip, len);
    return d.count;
}
