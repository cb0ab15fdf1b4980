/* A decoded packet: views into the frame that was captured, never copies. One frame can hold
 * several packets (a tunnel and what it carries); the decoder fills an array, outermost first. */
#ifndef SEK_PACKET_PACKET_H
#define SEK_PACKET_PACKET_H

#include "lib/base/reader.h"
#include "lib/packet/address.h"
#include "lib/packet/events.h"

enum sek_link { SEK_LINK_ETHERNET = 1, SEK_LINK_RAW_IP = 101, SEK_LINK_LINUX_SLL = 113,
                SEK_LINK_NULL = 0, SEK_LINK_PPP = 9, SEK_LINK_SLL2 = 276, SEK_LINK_CHDLC = 104,
                SEK_LINK_IPV4 = 228, SEK_LINK_IPV6 = 229 };

enum sek_packet_source {
    SEK_SOURCE_WIRE,
    SEK_SOURCE_DEFRAG,     /* reassembled from fragments */
    SEK_SOURCE_TUNNEL,     /* carried by another packet */
    SEK_SOURCE_STREAM_END, /* made when a flow ends, so that what is left is inspected */
};

enum sek_tcp_flag {
    SEK_TCP_FIN = 0x01,
    SEK_TCP_SYN = 0x02,
    SEK_TCP_RST = 0x04,
    SEK_TCP_PSH = 0x08,
    SEK_TCP_ACK = 0x10,
    SEK_TCP_URG = 0x20,
    SEK_TCP_ECE = 0x40,
    SEK_TCP_CWR = 0x80,
};

#define SEK_PACKET_LAYERS 8 /* packets in one frame */
#define SEK_VLAN_MAX      3

struct sek_tcp_header {
    uint32_t seq, ack;
    uint32_t ts_value, ts_echo; /* valid when has_timestamp */
    uint16_t window;
    uint16_t mss; /* 0: not given */
    uint8_t flags;
    uint8_t wscale; /* 0xff: not given */
    uint8_t header_len;
    bool has_timestamp, sack_ok, fast_open;
    uint16_t urgent;
};

struct sek_packet {
    const uint8_t *frame; /* whole frame, link layer first */
    uint32_t frame_len;
    enum sek_link link;
    uint64_t ts_us;  /* microseconds since the epoch */
    uint64_t number; /* place in the capture, from 1; 0: none */
    enum sek_packet_source source;

    const uint8_t *ethernet; /* 14 bytes, or NULL */
    uint16_t vlan[SEK_VLAN_MAX];
    uint8_t vlan_count;
    uint8_t tunnel_depth; /* 0: outermost */
    uint8_t carrier;       /* of a packet in a tunnel: IPPROTO_ that carried it */
    uint8_t outer_version; /* ... and the version of IP */
    const struct sek_packet *outer; /* ... and the packet; valid as long as this one */

    const uint8_t *ip; /* IP header, or NULL when the frame holds none */
    uint32_t ip_len;   /* bytes from ip to the end of the IP packet */
    uint8_t ip_version; /* 4 or 6; 0: no IP */
    uint8_t ip_header_len; /* IPv4 header, or IPv6 header with extensions, up to 255 */
    uint8_t proto;         /* IPPROTO_ of what follows the IP header and its extensions */
    uint8_t ttl;
    uint8_t tos;
    bool fragment; /* not a whole datagram */
    bool more_fragments;
    bool invalid;  /* headers are unusable beyond what the pointers say */
    uint16_t fragment_offset; /* bytes */
    uint32_t fragment_id;
    struct sek_addr src, dst;

    const uint8_t *l4; /* transport header, or NULL */
    uint16_t src_port, dst_port;
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id, icmp_seq;
    uint32_t sctp_vtag;
    struct sek_tcp_header tcp;
    const uint8_t *payload;
    uint32_t payload_len;
    bool bad_checksum; /* only ever set by sek_packet_verify_checksum */

    uint64_t decode_events[(SEK_DECODE_EVENT_COUNT + 63) / 64];
    bool any_event;
    uint64_t stream_events[(SEK_STREAM_EVENT_COUNT + 63) / 64];
};

static inline void sek_packet_event(struct sek_packet *p, enum sek_decode_event event)
{
    p->decode_events[event / 64] |= 1ull << (event % 64);
    p->any_event = true;
}

static inline bool sek_packet_has_event(const struct sek_packet *p, enum sek_decode_event event)
{
    return p->decode_events[event / 64] >> (event % 64) & 1;
}

static inline void sek_packet_stream_event(struct sek_packet *p, enum sek_stream_event event)
{
    p->stream_events[event / 64] |= 1ull << (event % 64);
}

/* Decode FRAME. PACKETS has room for SEK_PACKET_LAYERS; returns how many were filled, at least 1
 * (a frame that holds no IP yields one packet with ip_version 0 and its events). */
unsigned sek_packet_decode(enum sek_link link, const uint8_t *frame, uint32_t len, uint64_t ts_us,
                           uint64_t number, struct sek_packet *packets);

/* Decode an IP datagram that was reassembled from fragments; BASE is the packet that completed it
 * and lends link layer, VLANs and time. */
unsigned sek_packet_decode_datagram(const struct sek_packet *base, const uint8_t *ip, uint32_t len,
                                    struct sek_packet *packets);

/* Chunk INDEX of an SCTP packet (RFC 9260 section 3.2): its TYPE (may be NULL) and its value (may be
 * NULL). False: there is none. */
bool sek_sctp_chunk(const struct sek_packet *p, uint32_t index, uint8_t *type,
                    struct sek_bytes *value);

/* The same for the IPv4 header alone, and for what it carries alone. */
/* Internet checksum (RFC 1071): SUM and LEN more bytes; and what goes into the header. */
uint64_t sek_sum16(const uint8_t *data, uint32_t len, uint64_t sum);
uint16_t sek_sum_fold(uint64_t sum);
bool sek_packet_ip_checksum_bad(const struct sek_packet *p);
bool sek_packet_transport_checksum_bad(const struct sek_packet *p);
/* True when the IPv4, TCP, UDP or ICMP checksum is wrong; false for protocols without one. */
bool sek_packet_checksum_bad(const struct sek_packet *p);

/* Community ID v1 ("1:" + base64), seed 0. OUT holds 32 bytes; false when the packet has no IP. */
bool sek_packet_community_id(int ip_version, uint8_t proto, const struct sek_addr *src,
                             const struct sek_addr *dst, uint16_t src_port, uint16_t dst_port,
                             char *out);

#endif
