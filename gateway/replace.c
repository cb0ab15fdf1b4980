/* `replace` rules: bytes of a frame are changed on their way, and the checksum over them is mended
 * (RFC 1624). */
#include "gateway/gateway.h"

#include "lib/base/endian.h"

#include <netinet/in.h>

/* The checksum over P's payload; NULL: none is kept. */
static uint8_t *checksum_of(const struct live_frame *f, const struct sek_packet *p)
{
    uint32_t at = (uint32_t)(p->l4 - f->data);
    if (p->proto == IPPROTO_TCP)
        return f->data + at + 16;
    if (p->proto == IPPROTO_UDP && sek_get16(p->l4 + 6))
        return f->data + at + 6;
    if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6)
        return f->data + at + 2;
    return NULL;
}

static void mend(uint8_t *checksum, uint32_t before, uint32_t after)
{
    uint32_t sum = (~sek_get16(checksum) & 0xffffu) + (~before & 0xffffu) + after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sek_put16(checksum, ~sum & 0xffff);
}

static bool holds(const struct live_frame *f, const uint8_t *at, uint32_t len)
{
    uintptr_t begin = (uintptr_t)f->data, p = (uintptr_t)at;
    return p >= begin && p - begin <= f->len && len <= f->len - (p - begin);
}

void gateway_replace(void *ctx, const struct sek_packet *packet, uint32_t at, const uint8_t *bytes,
                     uint32_t len)
{
    struct gateway *g = ctx;
    struct live_frame *f = g->frame;
    const struct sek_packet *over = packet; /* whose checksum covers the bytes */
    if (!packet->l4 || !holds(f, packet->payload + at, len))
        return; /* joined from fragments: the frame at hand holds only one of them */
    uint8_t *checksum = checksum_of(f, over);
    /* A mended checksum leaves the sum that the packet around it is made of as it was. */
    while (!checksum && over->outer) {
        over = over->outer;
        checksum = over->l4 ? checksum_of(f, over) : NULL;
    }
    uint8_t *to = f->data + (packet->payload - f->data) + at;
    for (uint32_t i = 0; i < len; i++) {
        uint32_t shift = (to + i - over->l4) % 2 ? 0 : 8;
        if (checksum && !f->checksum_open)
            mend(checksum, (uint32_t)to[i] << shift, (uint32_t)bytes[i] << shift);
        to[i] = bytes[i];
    }
}
