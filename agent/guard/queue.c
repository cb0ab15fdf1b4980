/* Netlink messages of nfnetlink_queue, nfnetlink_log and (one rule) nf_tables, over netlink. */
#include "agent/guard/queue.h"
#include "bpf/exit.h"
#include "lib/base/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE_LENGTH 1024
#define RECEIVE_SIZE (1 << 20) /* bytes of socket buffer */

static struct nlmsghdr *begin(char *buffer, uint8_t subsystem, uint8_t type, uint16_t number)
{
    struct nlmsghdr *h = sek_netlink_begin(buffer, (uint16_t)(subsystem << 8 | type), 0);
    struct nfgenmsg *g = sek_netlink_header(h, sizeof *g);
    g->nfgen_family = AF_UNSPEC;
    g->version = NFNETLINK_V0;
    g->res_id = htons(number);
    return h;
}

/* Wait for the kernel's word. */
static enum sek_error await_answer(int fd, const char *what, struct sek_fault *fault)
{
    _Alignas(8) char answer[4096];
    for (;;) {
        ssize_t n = recv(fd, answer, sizeof answer, 0);
        const char *at = answer;
        size_t left = n > 0 ? (size_t)n : 0;
        const struct nlmsghdr *a = sek_netlink_next(&at, &left);
        if (!a)
            return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(errno));
        const struct nlmsgerr *error = sek_netlink_payload(a, sizeof *error);
        if (a->nlmsg_type != NLMSG_ERROR || !error)
            continue; /* a packet that came before the acknowledgement; its sender tries again */
        if (error->error)
            return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(-error->error));
        return SEK_OK;
    }
}

static enum sek_error send_checked(int fd, struct nlmsghdr *h, const char *what,
                                   struct sek_fault *fault)
{
    h->nlmsg_flags |= NLM_F_ACK;
    h->nlmsg_seq = 1;
    if (send(fd, h, h->nlmsg_len, 0) < 0)
        return sek_fail(fault, SEK_EIO, "%s: %s", what, strerror(errno));
    return await_answer(fd, what, fault);
}

static int netfilter_socket(void)
{
    int fd = sek_netlink_open(NETLINK_NETFILTER), size = RECEIVE_SIZE;
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

enum sek_error sek_queue_open(uint16_t number, bool fail_open, int *fd, struct sek_fault *fault)
{
    _Alignas(8) char buffer[1024];
    enum sek_error rc;
    int s = netfilter_socket();
    if (s < 0)
        return sek_fail(fault, SEK_EUNSUPPORTED, "netfilter netlink: %s", strerror(errno));
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, number);
    struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND};
    sek_netlink_put(h, NFQA_CFG_CMD, &command, sizeof command);
    rc = send_checked(s, h, "NFQUEUE bind (is another program using this queue?)", fault);
    if (!rc) {
        h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_CONFIG, number);
        struct nfqnl_msg_config_params params = {htonl(0xffff), NFQNL_COPY_PACKET};
        sek_netlink_put(h, NFQA_CFG_PARAMS, &params, sizeof params);
        uint32_t flags = NFQA_CFG_F_GSO | (fail_open ? NFQA_CFG_F_FAIL_OPEN : 0);
        sek_netlink_u32(h, NFQA_CFG_FLAGS, htonl(flags));
        sek_netlink_u32(h, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN));
        sek_netlink_u32(h, NFQA_CFG_QUEUE_MAXLEN, htonl(QUEUE_LENGTH));
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
    _Alignas(8) char buffer[1024];
    enum sek_error rc;
    int s = netfilter_socket();
    if (s < 0)
        return sek_fail(fault, SEK_EUNSUPPORTED, "netfilter netlink: %s", strerror(errno));
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, number);
    struct nfulnl_msg_config_cmd command = {.command = NFULNL_CFG_CMD_BIND};
    sek_netlink_put(h, NFULA_CFG_CMD, &command, sizeof command);
    rc = send_checked(s, h, "NFLOG bind", fault);
    if (!rc) {
        h = begin(buffer, NFNL_SUBSYS_ULOG, NFULNL_MSG_CONFIG, number);
        struct nfulnl_msg_config_mode mode = {.copy_range = htonl(128),
                                              .copy_mode = NFULNL_COPY_PACKET};
        sek_netlink_put(h, NFULA_CFG_MODE, &mode, sizeof mode);
        sek_netlink_u32(h, NFULA_CFG_QTHRESH, htonl(1)); /* tell at once */
        rc = send_checked(s, h, "NFLOG mode", fault);
    }
    if (rc)
        close(s);
    else
        *fd = s;
    return rc;
}

void sek_queue_verdict(int fd, uint16_t number, const struct sek_verdict *v)
{
    _Alignas(8) char buffer[256];
    struct nlmsghdr *h = begin(buffer, NFNL_SUBSYS_QUEUE, NFQNL_MSG_VERDICT, number);
    bool settled = v->settled && !v->drop;
    uint32_t what = v->drop ? NF_DROP : settled ? NF_REPEAT : NF_ACCEPT;
    struct nfqnl_msg_verdict_hdr verdict = {htonl(what), htonl(v->id)};
    sek_netlink_put(h, NFQA_VERDICT_HDR, &verdict, sizeof verdict);
    if (settled)
        sek_netlink_u32(h, NFQA_MARK, htonl(SEK_MARK_SETTLED));
    while (send(fd, h, h->nlmsg_len, 0) < 0 && errno == EINTR)
        ;
}

/* --- the NFQUEUE target in a rule ------------------------------------------------------------ */

static void put_target(struct nlmsghdr *h, uint16_t number, bool bypass)
{
    const struct xt_NFQ_info_v3 info = {number, 1, bypass ? NFQ_FLAG_BYPASS : 0};
    uint64_t aligned[(sizeof info + 7) / 8] = {0};
    memcpy(aligned, &info, sizeof info);
    struct nlattr *all = sek_netlink_nest(h, NFTA_RULE_EXPRESSIONS);
    struct nlattr *one = sek_netlink_nest(h, NFTA_LIST_ELEM);
    sek_netlink_text(h, NFTA_EXPR_NAME, "target");
    struct nlattr *data = sek_netlink_nest(h, NFTA_EXPR_DATA);
    sek_netlink_text(h, NFTA_TARGET_NAME, "NFQUEUE");
    sek_netlink_u32(h, NFTA_TARGET_REV, htonl(3));
    sek_netlink_put(h, NFTA_TARGET_INFO, aligned, sizeof aligned);
    sek_netlink_nested(h, data);
    sek_netlink_nested(h, one);
    sek_netlink_nested(h, all);
}

enum sek_error sek_queue_target(const char *table, const char *chain, uint16_t number, bool bypass,
                                struct sek_fault *fault)
{
    _Alignas(8) char buffer[2048];
    int fd = netfilter_socket();
    if (fd < 0)
        return sek_fail(fault, SEK_EUNSUPPORTED, "netfilter netlink: %s", strerror(errno));
    struct nlmsghdr *h = begin(buffer, 0, NFNL_MSG_BATCH_BEGIN, NFNL_SUBSYS_NFTABLES);
    size_t len = h->nlmsg_len;
    h = begin(buffer + len, NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWRULE, 0);
    h->nlmsg_flags |= NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK;
    ((struct nfgenmsg *)NLMSG_DATA(h))->nfgen_family = NFPROTO_INET;
    sek_netlink_text(h, NFTA_RULE_TABLE, table);
    sek_netlink_text(h, NFTA_RULE_CHAIN, chain);
    put_target(h, number, bypass);
    len += h->nlmsg_len;
    h = begin(buffer + len, 0, NFNL_MSG_BATCH_END, NFNL_SUBSYS_NFTABLES);
    len += h->nlmsg_len;
    enum sek_error rc = send(fd, buffer, len, 0) < 0
                            ? sek_fail(fault, SEK_EIO, "NFQUEUE target: %s", strerror(errno))
                            : await_answer(fd, "NFQUEUE target", fault);
    close(fd);
    return rc;
}
