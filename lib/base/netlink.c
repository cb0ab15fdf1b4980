/* A length, a type, and padding to four bytes: of the message and of each attribute. */
#include "lib/base/netlink.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int sek_netlink_open(int family)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

struct nlmsghdr *sek_netlink_begin(void *buffer, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *h = buffer;
    *h = (struct nlmsghdr){
        .nlmsg_len = NLMSG_HDRLEN, .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags};
    return h;
}

/* SIZE zeroed bytes at the end. */
static void *grow(struct nlmsghdr *h, size_t size)
{
    void *at = (char *)h + h->nlmsg_len;
    memset(at, 0, NLMSG_ALIGN(size));
    h->nlmsg_len += (uint32_t)NLMSG_ALIGN(size);
    return at;
}

void *sek_netlink_header(struct nlmsghdr *h, size_t size)
{
    return grow(h, size);
}

void sek_netlink_put(struct nlmsghdr *h, uint16_t type, const void *data, size_t size)
{
    struct nlattr *a = grow(h, NLA_HDRLEN + size);
    *a = (struct nlattr){.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
    memcpy((char *)a + NLA_HDRLEN, data, size);
}

void sek_netlink_u32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
    sek_netlink_put(h, type, &value, sizeof value);
}

void sek_netlink_text(struct nlmsghdr *h, uint16_t type, const char *text)
{
    sek_netlink_put(h, type, text, strlen(text) + 1);
}

struct nlattr *sek_netlink_nest(struct nlmsghdr *h, uint16_t type)
{
    struct nlattr *a = grow(h, NLA_HDRLEN);
    a->nla_type = type | NLA_F_NESTED;
    return a;
}

void sek_netlink_nested(struct nlmsghdr *h, struct nlattr *nest)
{
    nest->nla_len = (uint16_t)((char *)h + h->nlmsg_len - (char *)nest);
}

const struct nlmsghdr *sek_netlink_next(const char **at, size_t *left)
{
    const struct nlmsghdr *h = (const void *)*at;
    if (*left < sizeof *h || h->nlmsg_len < sizeof *h || h->nlmsg_len > *left)
        return NULL;
    size_t step = NLMSG_ALIGN(h->nlmsg_len);
    step = step < *left ? step : *left;
    *at += step;
    *left -= step;
    return h;
}

const void *sek_netlink_payload(const struct nlmsghdr *h, size_t size)
{
    return h->nlmsg_len >= NLMSG_HDRLEN + size ? (const char *)h + NLMSG_HDRLEN : NULL;
}
