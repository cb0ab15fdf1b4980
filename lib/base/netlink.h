/* Messages to and from the kernel over netlink(7), built in a buffer of the caller and sent on a socket of
 * the caller: what there is of it fits here, with the kernel's own headers. */
#ifndef SEK_BASE_NETLINK_H
#define SEK_BASE_NETLINK_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bound socket of FAMILY (NETLINK_...), close-on-exec; -1 with errno. */
int sek_netlink_open(int family);

/* An empty message at BUFFER, aligned for it, with these flags besides NLM_F_REQUEST. */
struct nlmsghdr *sek_netlink_begin(void *buffer, uint16_t type, uint16_t flags);
/* SIZE zeroed bytes of a family's own header, once, right after sek_netlink_begin. */
void *sek_netlink_header(struct nlmsghdr *h, size_t size);
/* Attributes, one after the other; the buffer has room for them. */
void sek_netlink_put(struct nlmsghdr *h, uint16_t type, const void *data, size_t size);
void sek_netlink_u32(struct nlmsghdr *h, uint16_t type, uint32_t value);
void sek_netlink_text(struct nlmsghdr *h, uint16_t type, const char *text); /* with its zero */
struct nlattr *sek_netlink_nest(struct nlmsghdr *h, uint16_t type);
void sek_netlink_nested(struct nlmsghdr *h, struct nlattr *nest);

/* The next whole message in *LEFT bytes at *AT, which move on; NULL at the end. */
const struct nlmsghdr *sek_netlink_next(const char **at, size_t *left);
/* Its payload, when it has SIZE bytes or more; else NULL. */
const void *sek_netlink_payload(const struct nlmsghdr *h, size_t size);

#endif
