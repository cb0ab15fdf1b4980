/* A UDP datagram with a chosen source, by a raw socket. IPv4 only takes a header from us; for IPv6
 * the source address is chosen per message (IPV6_PKTINFO cannot name a foreign address, so the
 * header is ours there too, through IPV6_HDRINCL). */
#include "agent/guard/answer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif

static uint32_t sum_words(const uint8_t *p, size_t len, uint32_t sum)
{
    for (; len > 1; p += 2, len -= 2)
        sum += (uint32_t)p[0] << 8 | p[1];
    return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    uint16_t out = htons((uint16_t)~sum);
    return out ? out : 0xffff;
}

/* UDP header and payload at OUT; the pseudo header is that of SIZE-byte addresses. */
static size_t put_udp(uint8_t *out, const struct sek_answer *a, const uint8_t *source,
                      const uint8_t *target, size_t size)
{
    size_t len = sizeof(struct udphdr) + a->len;
    struct udphdr udp = {
        .source = htons(a->query.target_port),
        .dest = htons(a->query.source_port),
        .len = htons((uint16_t)len),
    };
    memcpy(out, &udp, sizeof udp);
    memcpy(out + sizeof udp, a->data, a->len);
    uint32_t sum = sum_words(source, size, sum_words(target, size, (uint32_t)len + IPPROTO_UDP));
    udp.check = fold(sum_words(out, len, sum));
    memcpy(out, &udp, sizeof udp);
    return len;
}

static bool send_raw(int family, const void *packet, size_t len, const struct sockaddr *to,
                     socklen_t to_len)
{
    int one = 1;
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (fd < 0)
        return false;
    if (family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof one);
    bool sent = sendto(fd, packet, len, MSG_DONTWAIT, to, to_len) == (ssize_t)len;
    close(fd);
    return sent;
}

static bool send4(const struct sek_answer *a)
{
    uint8_t packet[sizeof(struct iphdr) + sizeof(struct udphdr) + sizeof a->data];
    const uint8_t *source = a->query.target + 12, *target = a->query.source + 12;
    size_t len = put_udp(packet + sizeof(struct iphdr), a, source, target, 4);
    struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP};
    ip.tot_len = htons((uint16_t)(sizeof ip + len));
    memcpy(&ip.saddr, source, 4);
    memcpy(&ip.daddr, target, 4);
    memcpy(packet, &ip, sizeof ip);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = ip.daddr};
    return send_raw(AF_INET, packet, sizeof ip + len, (void *)&to, sizeof to);
}

static bool send6(const struct sek_answer *a)
{
    uint8_t packet[sizeof(struct ip6_hdr) + sizeof(struct udphdr) + sizeof a->data];
    size_t len = put_udp(packet + sizeof(struct ip6_hdr), a, a->query.target, a->query.source, 16);
    struct ip6_hdr ip = {.ip6_flow = htonl(6u << 28), .ip6_hlim = 64, .ip6_nxt = IPPROTO_UDP};
    ip.ip6_plen = htons((uint16_t)len);
    memcpy(&ip.ip6_src, a->query.target, 16);
    memcpy(&ip.ip6_dst, a->query.source, 16);
    memcpy(packet, &ip, sizeof ip);
    struct sockaddr_in6 to = {.sin6_family = AF_INET6};
    memcpy(&to.sin6_addr, a->query.source, 16);
    return send_raw(AF_INET6, packet, sizeof ip + len, (void *)&to, sizeof to);
}

bool sek_answer_send(const struct sek_answer *a)
{
    if (a->query.protocol != IPPROTO_UDP || a->query.target_port != 53 || a->len > sizeof a->data)
        return false;
    return sek_address_is4(a->query.target) ? send4(a) : send6(a);
}
