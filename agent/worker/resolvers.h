/* Ways around the network's own resolver: known servers of DNS over HTTPS, and the ports of DNS
 * over TLS and QUIC (RFC 7858, RFC 9250). */
#ifndef SEK_AGENT_RESOLVERS_H
#define SEK_AGENT_RESOLVERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "DNS over TLS", or NULL: the port is of no such service. */
const char *sek_resolver_port(uint16_t port, bool udp);
/* Is NAME, or a name above it, a known DNS-over-HTTPS server? */
bool sek_resolver_name(const char *name, size_t len);
/* 16 bytes, IPv4-mapped for IPv4. */
bool sek_resolver_address(const uint8_t address[16]);
/* The name that browsers ask for to learn whether they may use DNS over HTTPS. */
bool sek_resolver_canary(const char *name);

#endif
