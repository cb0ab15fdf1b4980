/* What the decoder's files share; not for use outside lib/packet. */
#ifndef SEK_PACKET_LAYERS_H
#define SEK_PACKET_LAYERS_H

#include "lib/packet/packet.h"

struct decoder {
    struct sek_packet *packets; /* SEK_PACKET_LAYERS of them */
    unsigned count;
};

/* A new packet for what OUTER carries, or NULL when there are too many. */
struct sek_packet *decoder_inner(struct decoder *d, const struct sek_packet *outer);

void decode_ethernet(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ppp(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ipv4(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ipv6(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_transport(struct decoder *d, struct sek_packet *p, uint8_t proto, const uint8_t *data,
                      uint32_t len);
void decode_ip_in_ip(struct decoder *d, struct sek_packet *outer, uint8_t proto,
                     const uint8_t *data, uint32_t len);
/* VXLAN, Geneve, GTP-U and Teredo, by port and shape. */
void decode_udp_tunnel(struct decoder *d, struct sek_packet *outer);

#endif
