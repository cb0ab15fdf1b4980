/* Flows: who talks to whom, since when, and what is known of it. One table per worker, no locks.
 * Direction is as seen from the side that opened the flow. */
#ifndef SEK_FLOW_FLOW_H
#define SEK_FLOW_FLOW_H

#include "lib/base/pool.h"
#include "lib/flow/spans.h"
#include "lib/packet/packet.h"

enum sek_dir { SEK_TOSERVER = 0, SEK_TOCLIENT = 1 };

enum sek_flow_flag {
    SEK_FLOW_ESTABLISHED = 1u << 0, /* TCP handshake done, or both directions seen */
    SEK_FLOW_DROPPED     = 1u << 1, /* a drop verdict holds for the rest of the flow */
    SEK_FLOW_PASSED      = 1u << 2, /* a pass rule holds for the rest of the flow */
    SEK_FLOW_BYPASSED    = 1u << 3,
    SEK_FLOW_MIDSTREAM   = 1u << 4,
    SEK_FLOW_ENCRYPTED   = 1u << 5, /* from here on payload says nothing: it is not searched */
    SEK_FLOW_FINISHED    = 1u << 6, /* both sides have closed, and all was inspected */
    SEK_FLOW_ENDING      = 1u << 7, /* the last inspection is running */
    SEK_FLOW_REVERSED    = 1u << 8, /* the first packet came from the server */
};

enum sek_tcp_state {
    SEK_TCP_NONE,
    SEK_TCP_SYN_SENT,
    SEK_TCP_SYN_RECV,
    SEK_TCP_ESTABLISHED,
    SEK_TCP_CLOSING, /* at least one FIN */
    SEK_TCP_CLOSED,
};

struct sek_segment; /* an out-of-order piece, in reassembly.c */

/* One direction's bytes. Offsets count from the first byte after the SYN. */
struct sek_stream {
    uint32_t isn;
    uint32_t last_ack; /* highest acknowledgement that the peer sent for these bytes */
    uint32_t next_seq; /* after the last byte (and SYN, FIN) seen in order of sending */
    uint32_t window;   /* of the receiver of these bytes, scaled */
    uint32_t last_ts;
    uint32_t urgent_seq, urgent_taken; /* bytes taken out of band: behind the last, and how many */
    uint32_t piece_bytes; /* of all pieces beyond a hole */
    uint8_t wscale;
    uint8_t receiver;  /* enum sek_host_policy: how it takes overlapping segments */
    bool seen_syn : 1, seen_fin : 1, has_isn : 1, depth_reached : 1, closed : 1, fin_acked : 1;
    bool gap : 1;         /* bytes were skipped, which the application parser does not know yet */
    bool inspect_now : 1; /* the application parser asks for raw inspection now */
    uint8_t *buf;     /* contiguous bytes from offset `base` */
    uint32_t filled, cap;
    uint64_t base;
    uint64_t app_offset; /* next byte for the application parser */
    uint64_t raw_offset; /* next byte for stream inspection */
    uint64_t raw_end;    /* stream inspection ends here (encrypted from then on); 0: no end */
    uint64_t acked;      /* offset acknowledged by the peer */
    uint64_t fin_offset; /* where the stream ends; valid when seen_fin */
    struct sek_segment *pieces; /* beyond a hole, sorted */
    struct sek_spans spans; /* segments in buf that may still change, when they are several */
};

struct sek_session {
    enum sek_tcp_state state;
    struct sek_stream stream[2]; /* [dir]: bytes that travel in that direction */
    bool midstream, async, rst_seen;
    uint8_t async_dir; /* whose side is visible, when async */
    uint8_t rst_dir;
    uint8_t synack_count;
    uint8_t syn_count;
};

struct sek_flow {
    struct sek_flow *chain;           /* hash bucket */
    struct sek_flow *older, *newer;   /* timeout list */
    uint64_t id;
    uint32_t hash;
    uint32_t flags; /* enum sek_flow_flag */
    uint8_t ip_version, proto, list;
    uint8_t vlan_count;
    uint16_t vlan[SEK_VLAN_MAX];
    uint16_t port[2]; /* [0] of the opener, [1] of the other; ICMP: type, code of the first packet */
    struct sek_addr addr[2];
    uint64_t first_us, last_us;
    uint64_t packets[2], bytes[2];
    struct sek_session *tcp; /* NULL unless TCP and tracked */

    /* application layer: lib/app owns these */
    uint16_t app;         /* enum sek_app, 0 while unknown */
    uint16_t app_dir[2];  /* what each direction alone looks like */
    uint16_t app_before;  /* before a protocol change (STARTTLS, CONNECT, h2c) */
    uint8_t app_probed[2];
    uint8_t app_events;   /* anomalies of the packet at hand: enum sek_app_flow_event as bits */
    uint16_t app_expected; /* what a change of protocol announced; 0: nothing */
    void *app_state;
    void *app_earlier; /* state before a protocol change, while what comes is not known yet */

    /* detection: lib/detect owns these */
    void *detect;
    uint64_t tag; /* for the program that runs the pipeline */
};

enum { SEK_TIMEOUT_NEW, SEK_TIMEOUT_ESTABLISHED, SEK_TIMEOUT_CLOSED, SEK_TIMEOUT_KINDS };

struct sek_flow_table {
    struct sek_flow **buckets;
    uint32_t mask;
    uint32_t count;
    uint32_t limit; /* flows; beyond it the oldest are ended early */
    uint64_t next_id, seed;
    uint64_t evicted; /* ended early because of a limit */
    bool vlan_tracking;
    struct sek_pool *pool;
    struct sek_flow *oldest[SEK_TIMEOUT_KINDS * 3], *newest[SEK_TIMEOUT_KINDS * 3];
    /* Called before a flow is freed; detection and parsers let go of what hangs on it. */
    void (*on_end)(void *ctx, struct sek_flow *flow);
    void *ctx;
};

/* LIMIT flows at most. False when memory is out. */
bool sek_flow_table_open(struct sek_flow_table *t, struct sek_pool *pool, uint32_t limit);
void sek_flow_table_close(struct sek_flow_table *t);

/* The flow of P, made when there is none; *DIR is P's direction in it. NULL when P belongs to no
 * flow (no IP, fragment) or memory is out. */
struct sek_flow *sek_flow_find(struct sek_flow_table *t, const struct sek_packet *p,
                               enum sek_dir *dir);
/* After the state of FLOW changed: put it on the list with the right timeout. */
void sek_flow_touch(struct sek_flow_table *t, struct sek_flow *flow, uint64_t now_us);
/* End flows that timed out by NOW; at most BUDGET of them. True: there may be more. */
bool sek_flow_expire(struct sek_flow_table *t, uint64_t now_us, unsigned budget);
void sek_flow_end(struct sek_flow_table *t, struct sek_flow *flow);
void sek_flow_end_all(struct sek_flow_table *t);
/* End the flow that was idle longest, as a share of its timeout: half-open ones give way before open ones, and a
 * new one does not before an idle one. False: there is none. */
bool sek_flow_evict(struct sek_flow_table *t, uint64_t now_us);
/* Exchange the sides: the first packet seen came from the server. */
void sek_flow_reverse(struct sek_flow *flow);

#endif
