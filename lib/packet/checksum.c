/* Internet checksums (RFC 1071) and the community ID flow hash. */
#include "lib/packet/packet.h"

#include "lib/base/digest.h"

#include <netinet/in.h>
#include <openssl/evp.h>

uint64_t sek_sum16(const uint8_t *p, uint32_t len, uint64_t sum)
{
    for (; len >= 2; p += 2, len -= 2)
        sum += (uint32_t)(p[0] << 8 | p[1]);
    if (len)
        sum += (uint32_t)p[0] << 8;
    return sum;
}

uint16_t sek_sum_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static bool sum_bad(uint64_t sum)
{
    return sek_sum_fold(sum) != 0;
}

static bool transport_bad(const struct sek_packet *p, uint32_t len)
{
    int size = p->ip_version == 4 ? 4 : 16;
    uint64_t sum = sek_sum16(p->src.bytes, (uint32_t)size, 0);
    sum = sek_sum16(p->dst.bytes, (uint32_t)size, sum);
    sum += (uint64_t)p->proto + len;
    return sum_bad(sek_sum16(p->l4, len, sum));
}

bool sek_packet_ip_checksum_bad(const struct sek_packet *p)
{
    return p->ip_version == 4 && sum_bad(sek_sum16(p->ip, p->ip_header_len, 0));
}

bool sek_packet_transport_checksum_bad(const struct sek_packet *p)
{
    if (!p->l4 || p->fragment)
        return false;
    uint32_t len = (uint32_t)(p->payload + p->payload_len - p->l4);
    switch (p->proto) {
    case IPPROTO_TCP:
        return transport_bad(p, len);
    case IPPROTO_UDP:
        if (!p->l4[6] && !p->l4[7])
            return false;
        return transport_bad(p, len);
    case IPPROTO_IGMP:
    case IPPROTO_ICMP:
        return sum_bad(sek_sum16(p->l4, len, 0));
    case IPPROTO_ICMPV6:
        return transport_bad(p, len);
    default:
        return false;
    }
}

bool sek_packet_checksum_bad(const struct sek_packet *p)
{
    return sek_packet_ip_checksum_bad(p) || sek_packet_transport_checksum_bad(p);
}

/* ICMP types that pair up stand in for the second port (community ID specification 1.0). */
static bool icmp_pair(uint8_t proto, uint16_t type, uint16_t code, uint16_t *other)
{
    static const uint8_t v4[][2] = {{0, 8},   {8, 0},   {13, 14}, {14, 13}, {15, 16}, {16, 15},
                                    {17, 18}, {18, 17}, {10, 9},  {9, 10}};
    static const uint8_t v6[][2] = {{128, 129}, {129, 128}, {133, 134}, {134, 133},
                                    {135, 136}, {136, 135}, {130, 131}, {131, 130},
                                    {144, 145}, {145, 144}, {139, 140}, {140, 139}};
    const uint8_t(*table)[2] = proto == IPPROTO_ICMP ? v4 : v6;
    size_t count = proto == IPPROTO_ICMP ? sizeof v4 / 2 : sizeof v6 / 2;
    for (size_t i = 0; i < count; i++) {
        if (table[i][0] == type) {
            *other = table[i][1];
            return true;
        }
    }
    *other = code;
    return false;
}

bool sek_packet_community_id(int ip_version, uint8_t proto, const struct sek_addr *src,
                             const struct sek_addr *dst, uint16_t src_port, uint16_t dst_port,
                             char *out)
{
    uint8_t data[2 + 32 + 2 + 4] = {0}; /* seed, addresses, protocol, padding, ports */
    uint8_t digest[SEK_DIGEST_MAX];
    size_t size = ip_version == 4 ? 4 : 16, used = 2;
    bool one_way = false;
    bool ports = proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
    if (!ip_version)
        return false;
    if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6) {
        one_way = !icmp_pair(proto, src_port, dst_port, &dst_port);
        ports = true;
    }
    int order = memcmp(src->bytes, dst->bytes, size);
    if (!one_way && (order > 0 || (order == 0 && ports && src_port > dst_port))) {
        const struct sek_addr *a = src;
        uint16_t port = src_port;
        src = dst;
        dst = a;
        src_port = dst_port;
        dst_port = port;
    }
    memcpy(data + used, src->bytes, size);
    memcpy(data + used + size, dst->bytes, size);
    used += 2 * size;
    data[used++] = proto;
    data[used++] = 0;
    if (ports) {
        data[used++] = (uint8_t)(src_port >> 8);
        data[used++] = (uint8_t)src_port;
        data[used++] = (uint8_t)(dst_port >> 8);
        data[used++] = (uint8_t)dst_port;
    }
    if (!sek_digest(SEK_SHA1, data, used, digest))
        return false;
    out[0] = '1';
    out[1] = ':';
    EVP_EncodeBlock((unsigned char *)out + 2, digest, 20);
    return true;
}
