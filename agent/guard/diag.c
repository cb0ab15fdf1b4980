/* A request and its answer, on a socket that is opened for it: this happens once per blocked
 * connection, or once per new list. */
#include "agent/guard/diag.h"

#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <arpa/inet.h>

static void fill_request(struct inet_diag_req_v2 *req, const struct sek_endpoints *e)
{
    bool v4 = sek_address_is4(e->target);
    size_t skip = v4 ? 12 : 0, size = v4 ? 4 : 16;
    req->sdiag_family = v4 ? AF_INET : AF_INET6;
    req->sdiag_protocol = e->protocol;
    req->idiag_states = 0xffffffff;
    req->id.idiag_sport = htons(e->source_port);
    req->id.idiag_dport = htons(e->target_port);
    memcpy(req->id.idiag_src, e->source + skip, size);
    memcpy(req->id.idiag_dst, e->target + skip, size);
    req->id.idiag_cookie[0] = req->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    /* Exact look-up of a UDP socket is done from the peer's side. */
    if (e->protocol == IPPROTO_UDP) {
        req->id.idiag_sport = htons(e->target_port);
        req->id.idiag_dport = htons(e->source_port);
        memcpy(req->id.idiag_src, e->target + skip, size);
        memcpy(req->id.idiag_dst, e->source + skip, size);
    }
}

static bool ask(uint16_t type, const struct sek_endpoints *e, struct inet_diag_msg *out)
{
    char buffer[8192];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    bool found = false;
    if (!nl)
        return false;
    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    fill_request(mnl_nlmsg_put_extra_header(h, sizeof(struct inet_diag_req_v2)), e);
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
        mnl_socket_sendto(nl, h, h->nlmsg_len) > 0) {
        ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
        int left = (int)n;
        h = (struct nlmsghdr *)buffer;
        if (n > 0 && mnl_nlmsg_ok(h, left)) {
            if (h->nlmsg_type == NLMSG_ERROR) {
                const struct nlmsgerr *error = mnl_nlmsg_get_payload(h);
                found = type == SOCK_DESTROY && error->error == 0;
            } else if (mnl_nlmsg_get_payload_len(h) >= sizeof *out) {
                memcpy(out, mnl_nlmsg_get_payload(h), sizeof *out);
                found = true;
            }
        }
    }
    mnl_socket_close(nl);
    return found;
}

static void read_socket(const struct inet_diag_msg *m, struct sek_diag_socket *out)
{
    out->cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
    out->inode = m->idiag_inode;
    out->uid = m->idiag_uid;
}

bool sek_diag_find(const struct sek_endpoints *e, struct sek_diag_socket *out)
{
    struct inet_diag_msg m;
    if (!ask(SOCK_DIAG_BY_FAMILY, e, &m))
        return false;
    read_socket(&m, out);
    return true;
}

bool sek_diag_destroy(const struct sek_endpoints *e)
{
    struct inet_diag_msg m;
    return ask(SOCK_DESTROY, e, &m);
}

struct walk {
    void (*each)(void *arg, const struct sek_endpoints *e, const struct sek_diag_socket *socket);
    void *arg;
    uint8_t protocol;
};

static int take_socket(const struct nlmsghdr *h, void *arg)
{
    const struct walk *w = arg;
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(h);
    struct sek_endpoints e = {.protocol = w->protocol};
    struct sek_diag_socket socket;
    if (mnl_nlmsg_get_payload_len(h) < sizeof *m)
        return MNL_CB_OK;
    sek_address_map((const uint8_t *)m->id.idiag_src, m->idiag_family == AF_INET, e.source);
    sek_address_map((const uint8_t *)m->id.idiag_dst, m->idiag_family == AF_INET, e.target);
    e.source_port = ntohs(m->id.idiag_sport);
    e.target_port = ntohs(m->id.idiag_dport);
    read_socket(m, &socket);
    if (e.target_port)
        w->each(w->arg, &e, &socket);
    return MNL_CB_OK;
}

static void walk_family(struct walk *w, uint8_t family)
{
    char buffer[32768];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!nl)
        return;
    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(h, sizeof *req);
    req->sdiag_family = family;
    req->sdiag_protocol = w->protocol;
    req->idiag_states = ~(1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_TIME_WAIT);
    int more = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 &&
               mnl_socket_sendto(nl, h, h->nlmsg_len) > 0;
    while (more > MNL_CB_STOP) {
        ssize_t n = mnl_socket_recvfrom(nl, buffer, sizeof buffer);
        more = n > 0 ? mnl_cb_run(buffer, (size_t)n, 0, 0, take_socket, w) : MNL_CB_ERROR;
    }
    mnl_socket_close(nl);
}

void sek_diag_each(void (*each)(void *arg, const struct sek_endpoints *e,
                                const struct sek_diag_socket *socket),
                   void *arg)
{
    static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP};
    for (size_t i = 0; i < 2; i++) {
        struct walk w = {each, arg, protocols[i]};
        walk_family(&w, AF_INET);
        walk_family(&w, AF_INET6);
    }
}
