/* nlmsghdr, nfgenmsg, then attributes; numbers of attributes are in network order. */
#include "agent/worker/packets.h"
#include "lib/base/reader.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <string.h>

#define ALIGN(n) (((n) + 3u) & ~3u)

static void parse_attributes(const uint8_t *p, uint32_t len, bool queue, struct sek_queued *out)
{
    while (len >= sizeof(struct nlattr)) {
        struct nlattr a;
        memcpy(&a, p, sizeof a);
        if (a.nla_len < sizeof a || a.nla_len > len)
            return;
        const uint8_t *value = p + sizeof a;
        uint32_t size = a.nla_len - (uint32_t)sizeof a;
        unsigned type = a.nla_type & NLA_TYPE_MASK;
        if (queue && type == NFQA_PACKET_HDR && size >= sizeof(struct nfqnl_msg_packet_hdr)) {
            struct nfqnl_msg_packet_hdr header;
            memcpy(&header, value, sizeof header);
            out->id = ntohl(header.packet_id);
        } else if (type == (queue ? (unsigned)NFQA_PAYLOAD : (unsigned)NFULA_PAYLOAD)) {
            out->data = value;
            out->len = size;
        } else if (queue && type == NFQA_MARK && size >= sizeof out->mark) {
            memcpy(&out->mark, value, sizeof out->mark);
            out->mark = ntohl(out->mark);
        } else if (!queue && type == NFULA_PREFIX) {
            out->prefix = (const char *)value;
            out->prefix_len = (uint32_t)strnlen(out->prefix, size);
        }
        uint32_t step = ALIGN((uint32_t)a.nla_len);
        if (step >= len)
            return;
        p += step;
        len -= step;
    }
}

void sek_packets_parse(const void *buffer, uint32_t len,
                       void (*each)(void *arg, const struct sek_queued *packet), void *arg)
{
    const uint32_t fixed = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
    const uint8_t *p = buffer;
    while (len >= fixed) {
        struct nlmsghdr h;
        struct sek_queued packet = {0};
        memcpy(&h, p, sizeof h);
        if (h.nlmsg_len < fixed || h.nlmsg_len > len)
            return;
        bool queue = h.nlmsg_type == (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
        bool logged = h.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET);
        if (queue || logged) {
            parse_attributes(p + fixed, h.nlmsg_len - fixed, queue, &packet);
            if (queue || packet.data)
                each(arg, &packet);
        }
        uint32_t step = ALIGN(h.nlmsg_len);
        if (step >= len)
            return;
        p += step;
        len -= step;
    }
}
