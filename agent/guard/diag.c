/* A request and its answer, on a socket that is opened for it: this happens once per blocked
 * connection, or once per new list. */
#include "agent/guard/diag.h"
#include "lib/base/netlink.h"

#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

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
    _Alignas(8) char buffer[8192];
    struct nlmsghdr *h = sek_netlink_begin(buffer, type, NLM_F_ACK);
    int fd = sek_netlink_open(NETLINK_SOCK_DIAG);
    bool found = false;
    if (fd < 0)
        return false;
    fill_request(sek_netlink_header(h, sizeof(struct inet_diag_req_v2)), e);
    if (send(fd, h, h->nlmsg_len, 0) > 0) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        const char *at = buffer;
        size_t left = n > 0 ? (size_t)n : 0;
        const struct nlmsghdr *answer = sek_netlink_next(&at, &left);
        const struct nlmsgerr *error = answer ? sek_netlink_payload(answer, sizeof *error) : NULL;
        const void *body = answer ? sek_netlink_payload(answer, sizeof *out) : NULL;
        if (answer && answer->nlmsg_type == NLMSG_ERROR) {
            found = type == SOCK_DESTROY && error && error->error == 0;
        } else if (body) {
            memcpy(out, body, sizeof *out);
            found = true;
        }
    }
    close(fd);
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

static void take_socket(const struct walk *w, const struct inet_diag_msg *m)
{
    struct sek_endpoints e = {.protocol = w->protocol};
    struct sek_diag_socket socket;
    sek_address_map((const uint8_t *)m->id.idiag_src, m->idiag_family == AF_INET, e.source);
    sek_address_map((const uint8_t *)m->id.idiag_dst, m->idiag_family == AF_INET, e.target);
    e.source_port = ntohs(m->id.idiag_sport);
    e.target_port = ntohs(m->id.idiag_dport);
    read_socket(m, &socket);
    if (e.target_port)
        w->each(w->arg, &e, &socket);
}

/* The messages of one datagram. False: they were the last, or an error. */
static bool take_sockets(const struct walk *w, const char *at, size_t left)
{
    for (const struct nlmsghdr *h; (h = sek_netlink_next(&at, &left));) {
        if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
            return false;
        const struct inet_diag_msg *m = sek_netlink_payload(h, sizeof *m);
        if (m)
            take_socket(w, m);
    }
    return true;
}

static void walk_family(const struct walk *w, uint8_t family)
{
    _Alignas(8) char buffer[32768];
    struct nlmsghdr *h = sek_netlink_begin(buffer, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
    int fd = sek_netlink_open(NETLINK_SOCK_DIAG);
    if (fd < 0)
        return;
    struct inet_diag_req_v2 *req = sek_netlink_header(h, sizeof *req);
    req->sdiag_family = family;
    req->sdiag_protocol = w->protocol;
    req->idiag_states = ~(1u << TCP_LISTEN | 1u << TCP_CLOSE | 1u << TCP_TIME_WAIT);
    bool more = send(fd, h, h->nlmsg_len, 0) > 0;
    while (more) {
        ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        more = n > 0 && take_sockets(w, buffer, (size_t)n);
    }
    close(fd);
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
