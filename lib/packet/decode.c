/* Frame to headers. One function a layer; each checks the length it needs, notes anomalies as
 * events, and hands what is left to the next. Tunnels open a new packet in the caller's array. */
#include "lib/packet/packet.h"
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

#include <netinet/in.h>

#define NESTED_MAX 16u /* of layers that may hold themselves */

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

bool decoder_nest(struct decoder *d, struct sek_packet *p)
{
    if (d->nested == NESTED_MAX) {
        sek_packet_event(p, SEK_DECODE_TOO_MANY_LAYERS);
        return false;
    }
    d->nested++;
    return true;
}

/* RFC 826: hardware and protocol, the sizes of their addresses, operation; then two of each. */
static void decode_arp(struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 8 || len < 8 + 2u * (data[4] + data[5]))
        sek_packet_event(p, SEK_DECODE_ARP_PKT_TOO_SMALL);
}

void decode_ethertype(struct decoder *d, struct sek_packet *p, uint16_t type, const uint8_t *data,
                      uint32_t len, enum sek_decode_event unknown)
{
    if (type == 0x0800) { /* what most frames hold is asked first */
        decode_ipv4(d, p, data, len);
        return;
    }
    switch (type) {
    case 0x86dd:
        decode_ipv6(d, p, data, len);
        return;
    case 0x0806:
        decode_arp(p, data, len);
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
    case 0x8863:
        decode_pppoe_discovery(p, data, len);
        return;
    case 0x8864:
        decode_pppoe_session(d, p, data, len);
        return;
    case 0x88e7:
        decode_8021ah(d, p, data, len);
        return;
    case 0x8926:
        decode_vntag(d, p, data, len);
        return;
    case 0x893f:
        decode_etag(d, p, data, len);
        return;
    case 0x6558: /* transparent Ethernet bridging */
        if (decoder_nest(d, p))
            decode_ethernet(d, p, data, len);
        return;
    }
    if (type >= 0x0600 && unknown < SEK_DECODE_EVENT_COUNT) /* what is below is a length (802.3) */
        sek_packet_event(p, unknown);
}

void decode_ethernet(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 14) {
        sek_packet_event(p, SEK_DECODE_ETHERNET_PKT_TOO_SMALL);
        return;
    }
    p->ethernet = data;
    decode_ethertype(d, p, sek_get16(data + 12), data + 14, len - 14,
                     SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
}

#define TCP_OPTIONS_ONCE 0x40008013cull /* kinds 2, 3, 4, 5, 8, 19 (MD5) and 34: a bit each */

/* False: a cookie of fast open has 4 to 16 bytes, an even number, or is asked for with none. */
static bool fast_open_size(uint8_t size)
{
    return size == 2 || (size >= 6 && size <= 18 && size % 2 == 0);
}

/* One option of those that this decoder knows; false: its length is none that it can have. */
static bool decode_tcp_option(struct sek_tcp_header *tcp, const uint8_t *opt, uint8_t size)
{
    switch (opt[0]) {
    case 2:
        if (size != 4)
            return false;
        tcp->mss = sek_get16(opt + 2);
        return true;
    case 3:
        if (size != 3)
            return false;
        tcp->wscale = opt[2] > 14 ? 14 : opt[2];
        return true;
    case 4:
        tcp->sack_ok = true;
        return size == 2;
    case 5: /* blocks of two sequence numbers, RFC 2018 */
        return size >= 10 && size % 8 == 2;
    case 8:
        if (size != 10)
            return false;
        tcp->has_timestamp = true;
        tcp->ts_value = sek_get32(opt + 2);
        tcp->ts_echo = sek_get32(opt + 6);
        return true;
    case 19: /* MD5 signature, RFC 2385 */
        return size == 18;
    case 34: /* fast open, RFC 7413 */
        tcp->fast_open = true;
        return fast_open_size(size);
    case 254: /* the same under its experimental number, RFC 6994 */
        tcp->fast_open |= size >= 4 && sek_get16(opt + 2) == 0xf989;
        return true;
    }
    return true;
}

static void decode_tcp_options(struct sek_packet *p, const uint8_t *opt, uint32_t len)
{
    uint64_t seen = 0;
    for (uint32_t i = 0; i < len;) {
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
        uint64_t kind = opt[i] < 64 ? 1ull << opt[i] : 0;
        if (seen & kind & TCP_OPTIONS_ONCE)
            sek_packet_event(p, SEK_DECODE_TCP_OPT_DUPLICATE);
        seen |= kind;
        if (!decode_tcp_option(&p->tcp, opt + i, opt[i + 1]))
            sek_packet_event(p, SEK_DECODE_TCP_OPT_INVALID_LEN);
        i += opt[i + 1];
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

/* By IANA's registry: 253 and 254 are for experiments, 255 is reserved. */
static bool unassigned_protocol(uint8_t proto)
{
    return (proto >= 148 && proto <= 252) || proto == 255;
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
    case IPPROTO_ESP: /* index and sequence, RFC 4303 */
        if (len < 8)
            sek_packet_event(p, SEK_DECODE_ESP_PKT_TOO_SMALL);
        return;
    }
    if (unassigned_protocol(proto))
        sek_packet_event(p, p->ip_version == 4 ? SEK_DECODE_IPV4_UNKNOWN_PROTOCOL
                                               : SEK_DECODE_IPV6_UNKNOWN_NEXT_HEADER);
}

/* True for AF_INET, and for AF_INET6 as Linux, NetBSD, FreeBSD and Darwin number it. */
static bool null_family(const uint8_t *frame)
{
    uint32_t family = sek_get32(frame);
    if (family > 0xffff) /* the host had the other byte order */
        family = __builtin_bswap32(family);
    return family == 2 || family == 10 || family == 24 || family == 28 || family == 30;
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
            decode_ethertype(d, p, sek_get16(frame + 14), frame + 16, len - 16,
                             SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
        return;
    case SEK_LINK_SLL2:
        if (len < 20)
            sek_packet_event(p, SEK_DECODE_SLL_PKT_TOO_SMALL);
        else
            decode_ethertype(d, p, sek_get16(frame), frame + 20, len - 20,
                             SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
        return;
    case SEK_LINK_PPP:
        decode_ppp(d, p, frame, len);
        return;
    case SEK_LINK_CHDLC: /* address, control, EtherType */
        if (len < 4)
            sek_packet_event(p, SEK_DECODE_CHDLC_PKT_TOO_SMALL);
        else
            decode_ethertype(d, p, sek_get16(frame + 2), frame + 4, len - 4,
                             SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
        return;
    case SEK_LINK_NULL: /* four bytes of address family in the capturing host's order */
        if (len < 4) {
            sek_packet_event(p, SEK_DECODE_LTNULL_PKT_TOO_SMALL);
            return;
        }
        if (!null_family(frame)) {
            sek_packet_event(p, SEK_DECODE_LTNULL_UNSUPPORTED_TYPE);
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
