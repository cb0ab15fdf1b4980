/* TCP sessions (RFC 9293): state, and each direction's bytes in order. */
#ifndef SEK_FLOW_TCP_H
#define SEK_FLOW_TCP_H

#include "lib/flow/flow.h"

struct sek_tcp_settings {
    bool midstream;  /* pick up sessions whose handshake was not seen */
    bool async;      /* one direction only may be visible */
    bool inline_mode; /* bytes are usable as they arrive, before they are acknowledged */
    bool urgent_inline; /* urgent bytes are part of the stream */
    uint32_t depth;  /* bytes of each direction that are reassembled; 0: no limit */
    uint32_t piece_limit; /* bytes held beyond a hole, for each direction */
    const struct sek_host_policies *hosts; /* which system each receiver is; may be NULL */
};

struct sek_tcp_result {
    bool tracked;        /* the packet belongs to a session */
    bool valid;          /* and fits it (sequence numbers, state) */
    bool stream_added;   /* its payload went into the stream */
    bool retransmission; /* nothing in it was new */
    bool reversed;       /* the sides of the flow were exchanged: the caller's direction is wrong */
    bool closed_now;     /* the session just ended */
};

/* Run P through the session of FLOW. */
struct sek_tcp_result sek_tcp_packet(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                                     struct sek_flow *flow, enum sek_dir *dir,
                                     struct sek_packet *p);

void sek_session_free(struct sek_pool *pool, struct sek_session *session);

/* --- reassembly.c --- */

/* Put LEN bytes that begin at sequence number SEQ into the stream; true when some were new. */
bool sek_stream_insert(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                       struct sek_stream *s, struct sek_packet *p, uint32_t seq,
                       const uint8_t *data, uint32_t len);

/* Bytes from OFFSET on that may be used now: contiguous, and acknowledged unless inline or ALL. */
struct sek_bytes sek_stream_ready(const struct sek_tcp_settings *settings,
                                  const struct sek_stream *s, uint64_t offset, bool all);

/* Piece INDEX of those that wait behind a hole, in order; empty after the last. *OFFSET: in the stream. */
struct sek_bytes sek_stream_piece(const struct sek_stream *s, unsigned index, uint64_t *offset);

/* Bytes missing behind what S holds, when the peer acknowledged past them (or END: nothing more comes); else 0. */
uint64_t sek_stream_gap(const struct sek_tcp_settings *settings, const struct sek_stream *s, bool end);
/* Go on behind a GAP; what S held is let go. */
void sek_stream_skip(const struct sek_tcp_settings *settings, struct sek_pool *pool, struct sek_stream *s,
                     uint64_t gap);

/* Drop what both the parser and inspection are done with. */
void sek_stream_slide(struct sek_pool *pool, struct sek_stream *s);
void sek_stream_free(struct sek_pool *pool, struct sek_stream *s);

/* Offset of SEQ in the stream, relative to what is in order; negative: before its beginning. */
static inline int64_t sek_stream_offset(const struct sek_stream *s, uint32_t seq)
{
    uint32_t base_seq = s->isn + 1 + (uint32_t)s->base;
    return (int64_t)s->base + (int32_t)(seq - base_seq);
}

#endif
