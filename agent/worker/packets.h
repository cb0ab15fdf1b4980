/* Packets from the kernel's queues (NFQUEUE) and logs (NFLOG), as netlink messages. */
#ifndef SEK_AGENT_PACKETS_H
#define SEK_AGENT_PACKETS_H

#include <stdbool.h>
#include <stdint.h>

struct sek_queued {
    uint32_t mark;
    uint32_t id;         /* names the packet in its verdict; 0 for a logged one */
    const uint8_t *data; /* IP header first; valid until the next read */
    uint32_t len;
    const char *prefix; /* of a logged one, as the rule gave it; not NUL-terminated; NULL: none */
    uint32_t prefix_len;
};

#define SEK_PACKETS_BUFFER (65536 + 4096)

/* Call EACH for every packet in the netlink datagram of LEN bytes at BUFFER; malformed messages are
 * skipped. */
void sek_packets_parse(const void *buffer, uint32_t len,
                       void (*each)(void *arg, const struct sek_queued *packet), void *arg);

#endif
