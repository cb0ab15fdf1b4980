/* recvmmsg and sendmsg on a packet socket with PACKET_VNET_HDR. A VLAN tag that the kernel took off is
 * put back, so that the frame is forwarded as it was. */
#include "gateway/capture/live.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TAG 4u /* bytes of a VLAN tag */

struct slot {
    struct virtio_net_hdr vnet;
    uint8_t *room;    /* TAG bytes before the frame, then the frame */
    uint8_t control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct iovec iov[2];
};

struct live {
    int fd;
    int index;
    struct slot slots[LIVE_BATCH];
    struct mmsghdr messages[LIVE_BATCH];
    uint8_t *memory;
};

static enum sek_error live_bind(struct live *l, const char *interface, struct sek_fault *fault)
{
    int on = 1, room = 4 << 20;
    struct packet_mreq promiscuous = {.mr_type = PACKET_MR_PROMISC};
    struct sockaddr_ll addr = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    l->index = (int)if_nametoindex(interface);
    if (!l->index)
        return sek_fail(fault, SEK_ENOTFOUND, "interface '%s' does not exist", interface);
    l->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd < 0)
        return sek_fail(fault, SEK_EIO, "%s: cannot open a packet socket: %s (are you root?)",
                        interface, strerror(errno));
    addr.sll_ifindex = promiscuous.mr_ifindex = l->index;
    setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(l->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (setsockopt(l->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) ||
        setsockopt(l->fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on) ||
        setsockopt(l->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) ||
        setsockopt(l->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) ||
        bind(l->fd, (struct sockaddr *)&addr, sizeof addr))
        return sek_fail(fault, SEK_EIO, "%s: cannot capture: %s", interface, strerror(errno));
    return SEK_OK;
}

enum sek_error live_open(const char *interface, struct live **out, struct sek_fault *fault)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l || !(l->memory = malloc((size_t)LIVE_BATCH * (LIVE_FRAME + TAG)))) {
        free(l);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", interface);
    }
    l->fd = -1;
    enum sek_error rc = live_bind(l, interface, fault);
    if (rc) {
        live_close(l);
        return rc;
    }
    for (unsigned i = 0; i < LIVE_BATCH; i++)
        l->slots[i].room = l->memory + (size_t)i * (LIVE_FRAME + TAG);
    *out = l;
    return SEK_OK;
}

void live_close(struct live *l)
{
    if (!l)
        return;
    if (l->fd >= 0)
        close(l->fd);
    free(l->memory);
    free(l);
}

int live_fd(const struct live *l)
{
    return l->fd;
}

/* Put the VLAN tag back between addresses and type. */
static void restore_tag(struct slot *s, struct live_frame *f, const struct tpacket_auxdata *aux)
{
    uint16_t tpid = aux->tp_status & TP_STATUS_VLAN_TPID_VALID ? aux->tp_vlan_tpid : ETH_P_8021Q;
    uint16_t words[2] = {htons(tpid), htons(aux->tp_vlan_tci)};
    if (f->len < 12)
        return;
    memmove(s->room, s->room + TAG, 12);
    memcpy(s->room + 12, words, TAG);
    f->data = s->room;
    f->len += TAG;
    if (s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        s->vnet.csum_start = (uint16_t)(s->vnet.csum_start + TAG);
    if (s->vnet.hdr_len)
        s->vnet.hdr_len = (uint16_t)(s->vnet.hdr_len + TAG);
}

unsigned live_receive(struct live *l, struct live_frame *frames)
{
    for (unsigned i = 0; i < LIVE_BATCH; i++) {
        struct slot *s = &l->slots[i];
        s->iov[0] = (struct iovec){&s->vnet, sizeof s->vnet};
        s->iov[1] = (struct iovec){s->room + TAG, LIVE_FRAME};
        l->messages[i] = (struct mmsghdr){
            .msg_hdr = {.msg_iov = s->iov, .msg_iovlen = 2, .msg_control = s->control,
                        .msg_controllen = sizeof s->control}};
    }
    int n = recvmmsg(l->fd, l->messages, LIVE_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct slot *s = &l->slots[i];
        struct msghdr *m = &l->messages[i].msg_hdr;
        uint32_t got = l->messages[i].msg_len;
        frames[i] = (struct live_frame){.data = s->room + TAG, .slot = s,
                                        .len = got > sizeof s->vnet ? got - (uint32_t)sizeof s->vnet : 0};
        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
            struct tpacket_auxdata aux;
            if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
                continue;
            memcpy(&aux, CMSG_DATA(c), sizeof aux);
            frames[i].checksum_known =
                aux.tp_status & (TP_STATUS_CSUM_VALID | TP_STATUS_CSUMNOTREADY);
            if (aux.tp_status & TP_STATUS_VLAN_VALID)
                restore_tag(s, &frames[i], &aux);
        }
        frames[i].checksum_known |= s->vnet.flags != 0;
        frames[i].checksum_open = s->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    }
    return n > 0 ? (unsigned)n : 0;
}

static bool send_frame(struct live *out, struct virtio_net_hdr *vnet, const uint8_t *data,
                       uint32_t len)
{
    struct iovec iov[2] = {{vnet, sizeof *vnet}, {(void *)data, len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    ssize_t n;
    do {
        n = sendmsg(out->fd, &m, MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n >= 0;
}

bool live_forward(struct live *out, const struct live_frame *frame)
{
    struct slot *s = frame->slot;
    s->vnet.flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    return send_frame(out, &s->vnet, frame->data, frame->len);
}

bool live_send(struct live *out, const uint8_t *data, uint32_t len)
{
    struct virtio_net_hdr none = {0};
    return send_frame(out, &none, data, len);
}
