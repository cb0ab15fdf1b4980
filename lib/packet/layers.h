/* What the decoder's files share; not for use outside lib/packet. */
#ifndef SEK_PACKET_LAYERS_H
#define SEK_PACKET_LAYERS_H

#include "lib/packet/packet.h"

struct decoder {
    struct sek_packet *packets; /* SEK_PACKET_LAYERS of them */
    unsigned count;
    unsigned nested; /* layers that may hold themselves, so far */
};

/* A new packet for what OUTER carries, or NULL when there are too many. */
struct sek_packet *decoder_inner(struct decoder *d, const struct sek_packet *outer);

/* Asked before a layer that may hold itself is opened; false, with an event, when there are too many. */
bool decoder_nest(struct decoder *d, struct sek_packet *p);

void decode_ethernet(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
/* UNKNOWN is the event when TYPE is none of ours; SEK_DECODE_EVENT_COUNT: that is no anomaly there. */
void decode_ethertype(struct decoder *d, struct sek_packet *p, uint16_t type, const uint8_t *data,
                      uint32_t len, enum sek_decode_event unknown);
void decode_vlan(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_vntag(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_etag(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_8021ah(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_mpls(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ppp(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_pppoe_session(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_pppoe_discovery(struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ipv4(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ipv6(struct decoder *d, struct sek_packet *p, const uint8_t *data, uint32_t len);
void decode_ipv4_options(struct sek_packet *p, const uint8_t *opt, uint32_t len);
void decode_ipv6_options(struct sek_packet *p, const uint8_t *opt, uint32_t len, bool hop_by_hop);
void decode_transport(struct decoder *d, struct sek_packet *p, uint8_t proto, const uint8_t *data,
                      uint32_t len);
void decode_ip_in_ip(struct decoder *d, struct sek_packet *outer, uint8_t proto,
                     const uint8_t *data, uint32_t len);
void decode_icmp(struct sek_packet *p, const uint8_t *data, uint32_t len, bool v6);
void decode_gre(struct decoder *d, struct sek_packet *outer, const uint8_t *data, uint32_t len);
/* VXLAN, Geneve, GTP-U and Teredo, by port and shape. */
void decode_udp_tunnel(struct decoder *d, struct sek_packet *outer);

#endif
