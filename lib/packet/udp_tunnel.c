/* Tunnels over UDP: VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281) and Teredo
 * (RFC 4380). What does not have the right shape stays plain UDP. */
#include "lib/packet/layers.h"
#include "lib/base/endian.h"

static void carry_ip(struct decoder *d, struct sek_packet *outer, const uint8_t *data, uint32_t len)
{
    unsigned version = len ? data[0] >> 4 : 0;
    if (version != 4 && version != 6)
        return;
    struct sek_packet *p = decoder_inner(d, outer);
    if (!p)
        return;
    if (version == 4)
        decode_ipv4(d, p, data, len);
    else
        decode_ipv6(d, p, data, len);
    if (!p->ip_version)
        d->count--;
}

/* False: the frame is of a type that nothing here decodes. */
static bool carry_ethernet(struct decoder *d, struct sek_packet *outer, const uint8_t *data,
                           uint32_t len)
{
    struct sek_packet *p = decoder_inner(d, outer);
    if (!p)
        return true;
    decode_ethernet(d, p, data, len);
    bool known = !sek_packet_has_event(p, SEK_DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
    if (!p->ip_version && !p->any_event)
        d->count--;
    return known;
}

/* Bits that senders leave zero decide whether a payload that is not understood is an anomaly: other
 * protocols may use these ports, too. */
static void decode_vxlan(struct decoder *d, struct sek_packet *outer, const uint8_t *data,
                         uint32_t len)
{
    if (len < 8 + 14 || !(data[0] & 0x08) || data[7])
        return;
    bool known = carry_ethernet(d, outer, data + 8, len - 8);
    if (!known && sek_get32(data) == 0x08000000)
        sek_packet_event(outer, SEK_DECODE_VXLAN_UNKNOWN_PAYLOAD_TYPE);
}

static void decode_geneve(struct decoder *d, struct sek_packet *outer, const uint8_t *data,
                          uint32_t len)
{
    uint32_t header = len >= 8 ? 8 + (data[0] & 0x3fu) * 4 : 0;
    if (!header || data[0] >> 6 || len <= header)
        return;
    bool plain = !(data[1] & 0xbf) && !data[7]; /* no control message, nothing reserved is set */
    uint16_t type = sek_get16(data + 2);
    if (type == 0x6558 && len >= header + 14)
        carry_ethernet(d, outer, data + header, len - header);
    else if (type == 0x0800 || type == 0x86dd)
        carry_ip(d, outer, data + header, len - header);
    else if (type >= 0x0600 && type != 0x6558 && plain)
        sek_packet_event(outer, SEK_DECODE_GENEVE_UNKNOWN_PAYLOAD_TYPE);
}

static void decode_gtp(struct decoder *d, struct sek_packet *outer)
{
    struct sek_reader r = sek_reader_make(outer->payload, outer->payload_len);
    uint8_t flags = sek_reader_u8(&r);
    uint8_t type = sek_reader_u8(&r);
    uint16_t length = sek_reader_u16(&r);
    sek_reader_skip(&r, 4);
    if (r.failed || flags >> 5 != 1 || !(flags & 0x10) || type != 0xff || length > sek_reader_left(&r))
        return;
    r.len = r.pos + length;
    if (flags & 7) {
        sek_reader_skip(&r, 3);
        uint8_t next = sek_reader_u8(&r);
        while (next && !r.failed) { /* extension headers, in units of four bytes */
            uint8_t units = sek_reader_u8(&r);
            if (!units)
                return;
            sek_reader_skip(&r, units * 4u - 2);
            next = sek_reader_u8(&r);
        }
    }
    if (!r.failed)
        carry_ip(d, outer, r.data + r.pos, sek_reader_left(&r));
}

void decode_udp_tunnel(struct decoder *d, struct sek_packet *outer)
{
    const uint8_t *data = outer->payload;
    uint32_t len = outer->payload_len;
    switch (outer->dst_port) {
    case 4789:
        decode_vxlan(d, outer, data, len);
        return;
    case 6081:
        decode_geneve(d, outer, data, len);
        return;
    case 2152:
        decode_gtp(d, outer);
        return;
    }
    if ((outer->dst_port == 3544 || outer->src_port == 3544) && len >= 40) {
        if (data[0] == 0 && data[1] == 1 && len >= 13 + 40) { /* authentication */
            uint32_t skip = 13u + data[2] + data[3];
            if (len < skip + 40)
                return;
            data += skip;
            len -= skip;
        }
        if (data[0] == 0 && data[1] == 0 && len >= 8 + 40) { /* origin indication */
            data += 8;
            len -= 8;
        }
        if (data[0] >> 4 == 6 && 40u + (uint32_t)(data[4] << 8 | data[5]) == len)
            carry_ip(d, outer, data, len);
    }
}
