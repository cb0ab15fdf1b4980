/* TCP resets for rejected packets (RFC 9293 section 3.5.2), made out of the packet itself. */
#include "gateway/gateway.h"

#include "lib/base/endian.h"

#include <netinet/in.h>
#include <string.h>

/* A reset in the direction of the packet (FORWARD) or against it. Returns the frame's length. */
static uint32_t build(const struct sek_packet *p, bool forward, uint8_t *out)
{
    uint32_t link = (uint32_t)(p->ip - p->frame), ip = p->ip_version == 4 ? 20 : 40;
    uint32_t size = p->ip_version == 4 ? 4 : 16;
    uint8_t *h = out + link, *t = h + ip;
    if (link > 64)
        return 0;
    memcpy(out, p->frame, link);
    memcpy(h, p->ip, ip);
    if (!forward && p->ethernet) {
        memcpy(out, p->ethernet + 6, 6);
        memcpy(out + 6, p->ethernet, 6);
    }
    const struct sek_addr *src = forward ? &p->src : &p->dst, *dst = forward ? &p->dst : &p->src;
    memset(t, 0, 20);
    if (p->ip_version == 4) {
        h[0] = 0x45;
        sek_put16(h + 2, ip + 20);
        sek_put16(h + 6, 0);
        h[8] = 64;
        sek_put16(h + 10, 0);
        memcpy(h + 12, src->bytes, 4);
        memcpy(h + 16, dst->bytes, 4);
        sek_put16(h + 10, sek_sum_fold(sek_sum16(h, 20, 0)));
    } else {
        sek_put16(h + 4, 20);
        h[6] = IPPROTO_TCP;
        h[7] = 64;
        memcpy(h + 8, src->bytes, 16);
        memcpy(h + 24, dst->bytes, 16);
    }
    sek_put16(t, forward ? p->src_port : p->dst_port);
    sek_put16(t + 2, forward ? p->dst_port : p->src_port);
    uint32_t after = p->tcp.seq + p->payload_len + ((p->tcp.flags & SEK_TCP_SYN) ? 1 : 0);
    sek_put32(t + 4, forward ? p->tcp.seq : p->tcp.ack);
    sek_put32(t + 8, forward ? p->tcp.ack : after);
    t[12] = 5 << 4;
    t[13] = SEK_TCP_RST | SEK_TCP_ACK;
    uint64_t sum = sek_sum16(src->bytes, size, 0);
    sum = sek_sum16(dst->bytes, size, sum) + IPPROTO_TCP + 20;
    sek_put16(t + 16, sek_sum_fold(sek_sum16(t, 20, sum)));
    return link + ip + 20;
}

void gateway_send_reset(struct gateway *g, int from, const uint8_t *frame, uint32_t len,
                        uint8_t reject_to)
{
    struct sek_packet packets[SEK_PACKET_LAYERS];
    uint8_t out[160];
    sek_packet_decode(SEK_LINK_ETHERNET, frame, len, g->now_us, 0, packets);
    const struct sek_packet *p = &packets[0]; /* resets are not sent into tunnels */
    if (p->proto != IPPROTO_TCP || !p->l4 || p->tcp.flags & SEK_TCP_RST)
        return;
    uint32_t n = reject_to & 1 ? build(p, false, out) : 0;
    if (n)
        live_send(g->link[from], out, n);
    n = reject_to & 2 ? build(p, true, out) : 0;
    if (n)
        live_send(g->link[!from], out, n);
}
