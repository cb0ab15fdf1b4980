/* Netlink messages of nfnetlink_queue and nfnetlink_log, built with libmnl. */
#include "agent/guard/queue.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_LENGTH 1024
#define RECEIVE_SIZE (1 << 20) /* bytes of socket buffer */

static struct nlmsghdr *begin(char *buffer, uint8_t subsystem, uint8_t type, uint16_t number)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    h->nlmsg_type = (uint16_t)(subsystem << 8 | type);
    h->nlmsg_flags = NLM_F_REQUEST;
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof *g);
    g->nfgen_family = AF_UNSPEC;
    g->version = NFNETLINK_V0;
    g->res_id = htons(number);
    return h;
}

/* Send with NLM_F_ACK and wait for the kernel's word. */
static enum sek_error send_checked(int fd, struct nlmsghdr *h, const char *what,
                                   struct sek_fault *fault)
{
    char answer[4096];
    h->nlmsg_flags |= NLM_F_ACK;
    h->nlmsg_seq = 1;
    if (send(fd, h, h->nlmsg_len, 0) < 0)
        return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(errno));
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        const struct nlmsghdr *a = (void *)answer;
        if (n < (ssize_t)sizeof *a)
            return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(errno));
        if (a->nlmsg_type != NLMSG_ERROR)
            continue; /* a packet that came before the acknowledgement; its sender tries again */
        const struct nlmsgerr *error = mnl_nlmsg_get_payload(a);
        if (error->error)
            return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(-error->error));
        return SEK_OK;
    }
}

static int netfilter_socket(void)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int size = RECEIVE_SIZE;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address)) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

enum sek_error sek_queue_open(uint16_t number, bool fail_open, int *fd, struct sek_fault *fault)
{
    char buffer[1024];
    enum sek_error rc;
    int s = netfilter_socket();
    if (s < 0)
        return sek_fail(fault, SEK_EUNSUPPORTED, "netfilter netlink: %s", strerror(errno));
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, number);
    struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND};
    mnl_attr_put(h, NFQA_CFG_CMD, sizeof command, &command);
    rc = send_checked(s, h, "NFQUEUE bind (is another program using this queue?)", fault);
    if (!rc) {
        h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, number);
        struct nfqnl_msg_config_params params = {htonl(0xffff), NFQNL_COPY_PACKET};
        mnl_attr_put(h, NFQA_CFG_PARAMS, sizeof params, &params);
        uint32_t flags = NFQA_CFG_F_GSO | (fail_open ? NFQA_CFG_F_FAIL_OPEN : 0);
        mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(flags));
        mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
        mnl_attr_put_u32(h, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
        rc = send_checked(s, h, "NFQUEUE parameters", fault);
    }
    if (rc)
        close(s);
    else
        *fd = s;
    return rc;
}

enum sek_error sek_log_group_open(uint16_t number, int *fd, struct sek_fault *fault)
{
    char buffer[1024];
    enum sek_error rc;
    int s = netfilter_socket();
    if (s < 0)
        return sek_fail(fault, SEK_EUNSUPPORTED, "netfilter netlink: %s", strerror(errno));
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, number);
    struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
    mnl_attr_put(h, NFULA_CFG_CMD, sizeof command, &command);
    rc = send_checked(s, h, "NFLOG bind", fault);
    if (!rc) {
        h = begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, number);
        struct nfulnl_msg_config_mode mode = {.copy_range = htonl(128),
                                              .copy_mode = NFULNL_COPY_PACKET};
        mnl_attr_put(h, NFULA_CFG_MODE, sizeof mode, &mode);
        mnl_attr_put_u32(h, NFULA_CFG_QTHRESH, htonl(1)); /* tell at once */
        rc = send_checked(s, h, "NFLOG mode", fault);
    }
    if (rc)
        close(s);
    else
        *fd = s;
    return rc;
}

void sek_queue_verdict(int fd, uint16_t number, const struct sek_verdict *v, uint32_t mark)
{
    char buffer[256];
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_VERDICT, number);
    struct nfqnl_msg_verdict_hdr verdict = {htonl(v->drop ? NF_DROP : NF_ACCEPT), htonl(v->id)};
    mnl_attr_put(h, NFQA_VERDICT_HDR, sizeof verdict, &verdict);
    if (mark && !v->drop)
        mnl_attr_put_u32(h, NFQA_MARK, htonl(mark));
    while (send(fd, h, h->nlmsg_len, 0) < 0 && errno == EINTR)
        ;
}
