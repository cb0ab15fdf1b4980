/* GRE (RFC 2784, RFC 2890; source routes of RFC 1701), its version of PPTP (RFC 2637) and ERSPAN. */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

enum { CHECKSUM = 0x8000, ROUTING = 0x4000, KEY = 0x2000, SEQUENCE = 0x1000, STRICT_ROUTE = 0x0800,
       RECURSION = 0x0700, ACKNOWLEDGE = 0x0080, VERSION = 0x0007 };

/* ERSPAN type II: version, VLAN, then the mirrored frame. */
static void decode_erspan(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len)
{
    if (len < 8) {
        sek_packet_event(p, SEK_DECODE_ERSPAN_HEADER_TOO_SMALL);
        return;
    }
    uint16_t vlan = sek_get16(data) & 0x0fff;
    if (sek_get16(data) >> 12 != 1)
        sek_packet_event(p, SEK_DECODE_ERSPAN_UNSUPPORTED_VERSION);
    if (vlan && p->vlan_count == SEK_VLAN_MAX)
        sek_packet_event(p, SEK_DECODE_ERSPAN_TOO_MANY_VLAN_LAYERS);
    else if (vlan)
        p->vlan[p->vlan_count++] = vlan;
    decode_ethernet(d, p, data + 8, len - 8);
}

/* Pass over source route entries: address family, offset, length, then that many bytes. One without
 * family and length is the last. False: they run beyond the packet. */
static bool skip_routes(const uint8_t *data, uint32_t len, uint32_t *skip)
{
    while (len - *skip >= 4) {
        const uint8_t *entry = data + *skip;
        *skip += 4;
        if (!sek_get16(entry) && !entry[3])
            return true;
        if (entry[3] > len - *skip)
            return false;
        *skip += entry[3];
    }
    return false;
}

static void version0_events(struct sek_packet *p, uint16_t flags)
{
    if (flags & RECURSION)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION0_RECUR);
    if (flags & 0x00f8)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION0_FLAGS);
}

/* Of PPTP's header most is fixed (RFC 2637 section 4.1). */
static void version1_events(struct sek_packet *p, uint16_t flags, uint16_t type)
{
    if (flags & CHECKSUM)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_CHKSUM);
    if (flags & ROUTING)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_ROUTE);
    if (!(flags & KEY))
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_NO_KEY);
    if (flags & STRICT_ROUTE)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_SSR);
    if (flags & RECURSION)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_RECUR);
    if (flags & 0x0078)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_FLAGS);
    if (type != 0x880b)
        sek_packet_event(p, SEK_DECODE_GRE_VERSION1_WRONG_PROTOCOL);
}

/* How long the header is that FLAGS describe; more than LEN, with an event, when it does not fit. */
static uint32_t header_length(struct sek_packet *p, uint16_t flags, const uint8_t *data, uint32_t len)
{
    bool v1 = (flags & VERSION) == 1;
    uint32_t skip = 4;
    if (flags & (CHECKSUM | ROUTING))
        skip += 4; /* checksum and offset */
    if (flags & KEY)
        skip += 4;
    if (flags & SEQUENCE)
        skip += 4;
    if (v1 && flags & ACKNOWLEDGE)
        skip += 4;
    if (len < skip) {
        sek_packet_event(p, v1 ? SEK_DECODE_GRE_VERSION1_HDR_TOO_BIG
                               : SEK_DECODE_GRE_VERSION0_HDR_TOO_BIG);
        return skip;
    }
    if (flags & ROUTING && !skip_routes(data, len, &skip)) {
        sek_packet_event(p, v1 ? SEK_DECODE_GRE_VERSION1_MALFORMED_SRE_HDR
                               : SEK_DECODE_GRE_VERSION0_HDR_TOO_BIG);
        return len + 1;
    }
    return skip;
}

void decode_gre(struct decoder *d, struct sek_packet *outer, const uint8_t *data, uint32_t len)
{
    if (len < 4) {
        sek_packet_event(outer, SEK_DECODE_GRE_PKT_TOO_SMALL);
        return;
    }
    uint16_t flags = sek_get16(data), type = sek_get16(data + 2);
    bool v1 = (flags & VERSION) == 1;
    if ((flags & VERSION) > 1) {
        sek_packet_event(outer, SEK_DECODE_GRE_WRONG_VERSION);
        return;
    }
    if (v1)
        version1_events(outer, flags, type);
    else
        version0_events(outer, flags);
    uint32_t skip = header_length(outer, flags, data, len);
    if (skip > len || (v1 && skip == len)) /* PPTP acknowledges with headers alone */
        return;
    struct sek_packet *p = decoder_inner(d, outer);
    if (!p)
        return;
    if (type == 0x880b)
        decode_ppp(d, p, data + skip, len - skip);
    else if (type == 0x88be)
        decode_erspan(d, p, data + skip, len - skip);
    else
        decode_ethertype(d, p, type, data + skip, len - skip, SEK_DECODE_EVENT_COUNT);
    if (!p->ip_version && !p->any_event)
        d->count--;
}
