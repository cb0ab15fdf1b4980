/* TCP session tracking. A packet first passes the state machine (handshake, windows, timestamps,
 * resets); only what a receiver would accept reaches the stream. Anomalies become stream events. */
#include "lib/flow/tcp.h"

#define SEQ_LT(a, b)  ((int32_t)((a) - (b)) < 0)
#define SEQ_LEQ(a, b) ((int32_t)((a) - (b)) <= 0)
#define SEQ_GT(a, b)  ((int32_t)((a) - (b)) > 0)
#define SEQ_GEQ(a, b) ((int32_t)((a) - (b)) >= 0)

struct step {
    struct sek_pool *pool;
    const struct sek_tcp_settings *settings;
    struct sek_flow *flow;
    struct sek_session *ssn;
    struct sek_packet *p;
    enum sek_dir dir;
    struct sek_stream *out; /* bytes of this packet's direction */
    struct sek_stream *in;  /* bytes that this packet acknowledges */
    struct sek_tcp_result *r;
};

static void step_direction(struct step *st, enum sek_dir dir)
{
    st->dir = dir;
    st->out = &st->ssn->stream[dir];
    st->in = &st->ssn->stream[!dir];
}

static void event(struct step *st, enum sek_stream_event e)
{
    sek_packet_stream_event(st->p, e);
}

void sek_session_free(struct sek_pool *pool, struct sek_session *ssn)
{
    sek_stream_free(pool, &ssn->stream[0]);
    sek_stream_free(pool, &ssn->stream[1]);
    sek_pool_put(pool, ssn, sizeof *ssn);
}

/* Who receives a direction's bytes decides how overlapping ones are put together. */
static void learn_receivers(struct step *st)
{
    const struct sek_flow *f = st->flow;
    for (int d = 0; d < 2; d++)
        st->ssn->stream[d].receiver = (uint8_t)sek_host_policy_of(st->settings->hosts, f->ip_version,
                                                                  &f->addr[!d]);
}

static bool session_new(struct step *st)
{
    st->ssn = st->flow->tcp = sek_pool_get_zero(st->pool, sizeof *st->ssn);
    if (!st->ssn)
        return false;
    learn_receivers(st);
    step_direction(st, st->dir);
    return true;
}

/* Sequence numbers the segment takes: its bytes, and one each for SYN and FIN. */
static uint32_t segment_end(const struct sek_packet *p)
{
    return p->tcp.seq + p->payload_len + ((p->tcp.flags & SEK_TCP_SYN) ? 1 : 0) +
           ((p->tcp.flags & SEK_TCP_FIN) ? 1 : 0);
}

static void stream_begin(struct sek_stream *s, uint32_t isn)
{
    s->isn = isn;
    s->last_ack = isn + 1;
    s->next_seq = isn + 1;
    s->has_isn = true;
}

static void handshake_options(struct sek_stream *sender, const struct sek_packet *p)
{
    sender->wscale = p->tcp.wscale == 0xff ? 0 : p->tcp.wscale;
    if (p->tcp.has_timestamp)
        sender->last_ts = p->tcp.ts_value;
}

static uint32_t scaled_window(const struct step *st)
{
    const struct sek_packet *p = st->p;
    return st->p->tcp.flags & SEK_TCP_SYN ? p->tcp.window
                                          : (uint32_t)p->tcp.window << st->out->wscale;
}

/* What the sender acknowledges moves the other stream's edge. */
static void take_ack(struct step *st)
{
    const struct sek_packet *p = st->p;
    struct sek_stream *s = st->in;
    if (!(p->tcp.flags & SEK_TCP_ACK) || !s->has_isn)
        return;
    if (SEQ_GT(p->tcp.ack, s->last_ack))
        s->last_ack = p->tcp.ack;
    if (SEQ_GT(s->last_ack, s->next_seq) && st->ssn->midstream)
        s->next_seq = s->last_ack;
    int64_t offset = sek_stream_offset(s, s->last_ack - s->urgent_taken);
    if (offset > 0 && (uint64_t)offset > s->acked)
        s->acked = (uint64_t)offset;
    if (s->seen_fin && s->acked > s->fin_offset) {
        s->acked = s->fin_offset; /* the FIN itself took one number */
        s->fin_acked = true;
    }
    s->window = scaled_window(st);
}

/* The payload into the stream. The byte that the urgent pointer marks is handed to the receiving
 * program out of band, as BSD and Linux do, unless the policy says that it stays in line. */
static bool insert_payload(struct step *st, uint32_t seq)
{
    struct sek_packet *p = st->p;
    uint32_t urgent = p->tcp.flags & SEK_TCP_URG ? p->tcp.urgent : 0;
    struct sek_stream *s = st->out;
    seq -= s->urgent_taken;
    if (st->settings->urgent_inline || !urgent || urgent > p->payload_len)
        return sek_stream_insert(st->pool, st->settings, s, p, seq, p->payload, p->payload_len);
    uint32_t before = urgent - 1, after = p->payload_len - urgent;
    bool added = before && sek_stream_insert(st->pool, st->settings, s, p, seq, p->payload, before);
    if (SEQ_GEQ(p->tcp.seq + before, s->urgent_seq) || !s->urgent_taken) {
        s->urgent_seq = p->tcp.seq + urgent;
        s->urgent_taken++;
    }
    return (after && sek_stream_insert(st->pool, st->settings, s, p, seq + before,
                                       p->payload + urgent, after)) || added || !before;
}

static void put_payload(struct step *st)
{
    struct sek_packet *p = st->p;
    uint32_t seq = p->tcp.seq + ((p->tcp.flags & SEK_TCP_SYN) ? 1 : 0);
    uint32_t end = segment_end(p);
    if (p->payload_len && !st->out->depth_reached) {
        bool added = insert_payload(st, seq);
        st->r->stream_added = true;
        st->r->retransmission = !added;
        if (!added && SEQ_LEQ(seq + p->payload_len, st->out->last_ack))
            event(st, SEK_STREAM_PKT_SPURIOUS_RETRANSMISSION);
        else if (!added && !st->out->depth_reached)
            event(st, SEK_STREAM_PKT_RETRANSMISSION);
    }
    if (SEQ_GT(end, st->out->next_seq))
        st->out->next_seq = end;
    if (p->tcp.flags & SEK_TCP_FIN && !st->out->seen_fin) {
        int64_t offset =
            sek_stream_offset(st->out, seq + p->payload_len - st->out->urgent_taken);
        if (offset >= 0) {
            st->out->seen_fin = true;
            st->out->fin_offset = (uint64_t)offset;
        }
    }
}

static void syn_sent(struct step *st)
{
    step_direction(st, SEK_TOSERVER);
    stream_begin(st->out, st->p->tcp.seq);
    st->out->seen_syn = true;
    handshake_options(st->out, st->p);
    st->ssn->state = SEK_TCP_SYN_SENT;
    if (st->p->payload_len) /* whether the server takes it is seen in its answer */
        put_payload(st);
    st->r->valid = true;
}

static void midstream_begin(struct step *st)
{
    struct sek_packet *p = st->p;
    st->ssn->midstream = true;
    st->ssn->async = st->settings->async; /* until the other side is seen */
    st->ssn->async_dir = (uint8_t)st->dir;
    st->flow->flags |= SEK_FLOW_MIDSTREAM | SEK_FLOW_ESTABLISHED;
    stream_begin(st->out, p->tcp.seq - 1);
    st->out->next_seq = p->tcp.seq;
    if (p->tcp.flags & SEK_TCP_ACK)
        stream_begin(st->in, p->tcp.ack - 1);
    st->out->wscale = st->in->wscale = 14;
    st->in->window = scaled_window(st);
    st->out->window = UINT32_MAX / 4;
    st->ssn->state = SEK_TCP_ESTABLISHED;
    st->r->valid = true;
    put_payload(st);
}

/* First packet of a session that is not a SYN. */
static void no_session(struct step *st)
{
    struct sek_packet *p = st->p;
    uint8_t flags = p->tcp.flags;
    if (flags & SEK_TCP_RST) {
        event(st, SEK_STREAM_RST_BUT_NO_SESSION);
        return;
    }
    if (flags & SEK_TCP_FIN) {
        event(st, SEK_STREAM_FIN_BUT_NO_SESSION);
        if (!st->settings->midstream || !p->payload_len)
            return;
    }
    if (!st->settings->midstream && !st->settings->async)
        return;
    if ((flags & (SEK_TCP_SYN | SEK_TCP_ACK)) == (SEK_TCP_SYN | SEK_TCP_ACK)) {
        if (!session_new(st))
            return;
        sek_flow_reverse(st->flow); /* the sender of a SYN/ACK is the server */
        st->r->reversed = true;
        learn_receivers(st);
        step_direction(st, SEK_TOCLIENT);
        stream_begin(st->out, p->tcp.seq);
        stream_begin(st->in, p->tcp.ack - 1);
        st->out->seen_syn = true;
        handshake_options(st->out, p);
        st->in->wscale = 14;
        st->ssn->midstream = true;
        st->flow->flags |= SEK_FLOW_MIDSTREAM;
        st->ssn->state = SEK_TCP_SYN_RECV;
        st->r->valid = true;
        return;
    }
    if (!st->settings->midstream || !session_new(st))
        return;
    midstream_begin(st);
}

static void on_syn(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    switch (ssn->state) {
    case SEK_TCP_SYN_SENT:
        if (st->dir == SEK_TOSERVER) {
            if (p->tcp.seq != ssn->stream[0].isn) { /* the client gave up on the first */
                if (++ssn->syn_count > 10)
                    event(st, SEK_STREAM__3WHS_SYN_FLOOD);
                sek_stream_free(st->pool, &ssn->stream[0]);
                ssn->stream[0] = (struct sek_stream){.receiver = ssn->stream[0].receiver};
                stream_begin(st->out, p->tcp.seq);
                st->out->seen_syn = true;
                handshake_options(st->out, p);
            }
            st->r->valid = true;
        } else { /* simultaneous open */
            stream_begin(st->out, p->tcp.seq);
            st->out->seen_syn = true;
            st->r->valid = true;
        }
        return;
    case SEK_TCP_SYN_RECV:
        if (st->dir == SEK_TOCLIENT)
            event(st, SEK_STREAM__3WHS_SYN_TOCLIENT_ON_SYN_RECV);
        else if (p->tcp.seq != ssn->stream[0].isn)
            event(st, SEK_STREAM__3WHS_SYN_RESEND_DIFF_SEQ_ON_SYN_RECV);
        else
            st->r->valid = true;
        return;
    case SEK_TCP_ESTABLISHED:
        if (st->dir == SEK_TOCLIENT)
            event(st, SEK_STREAM_EST_SYN_TOCLIENT);
        else if (p->tcp.seq != ssn->stream[0].isn)
            event(st, SEK_STREAM_EST_SYN_RESEND_DIFF_SEQ);
        else
            event(st, SEK_STREAM_EST_SYN_RESEND);
        return;
    default:
        event(st, SEK_STREAM_SHUTDOWN_SYN_RESEND);
        return;
    }
}

/* The client will send the bytes of its SYN again, or others: what nobody looked at yet is forgotten. */
static void syn_data_ignored(struct step *st)
{
    struct sek_stream *s = st->in;
    if (st->ssn->state != SEK_TCP_SYN_SENT || s->app_offset || s->raw_offset)
        return;
    sek_stream_free(st->pool, s);
    s->next_seq = s->isn + 1;
    s->urgent_taken = 0;
}

static void on_synack(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    if (ssn->state == SEK_TCP_ESTABLISHED || ssn->state == SEK_TCP_CLOSING) {
        if (st->dir == SEK_TOSERVER)
            event(st, SEK_STREAM_EST_SYNACK_TOSERVER);
        else if (p->tcp.ack != ssn->stream[0].isn + 1)
            event(st, SEK_STREAM_EST_SYNACK_RESEND_WITH_DIFFERENT_ACK);
        else if (p->tcp.seq != ssn->stream[1].isn)
            event(st, SEK_STREAM_EST_SYNACK_RESEND_WITH_DIFF_SEQ);
        else
            event(st, SEK_STREAM_EST_SYNACK_RESEND);
        return;
    }
    if (st->dir == SEK_TOSERVER) {
        if (ssn->state == SEK_TCP_SYN_SENT && ssn->stream[1].seen_syn) { /* simultaneous open */
            if (p->tcp.ack != ssn->stream[1].isn + 1) {
                event(st, SEK_STREAM__4WHS_SYNACK_WITH_WRONG_ACK);
                return;
            }
            if (p->tcp.seq != ssn->stream[0].isn) {
                event(st, SEK_STREAM__4WHS_SYNACK_WITH_WRONG_SYN);
                return;
            }
            ssn->state = SEK_TCP_SYN_RECV;
            take_ack(st);
            st->r->valid = true;
            return;
        }
        event(st, ssn->state == SEK_TCP_SYN_RECV ? SEK_STREAM__3WHS_SYNACK_TOSERVER_ON_SYN_RECV
                                                 : SEK_STREAM__3WHS_SYNACK_IN_WRONG_DIRECTION);
        return;
    }
    uint32_t expect = ssn->stream[0].isn + 1;
    bool with_data = p->tcp.ack == ssn->stream[0].next_seq; /* fast open data acknowledged */
    if (p->tcp.ack != expect && !with_data) {
        event(st, ssn->state == SEK_TCP_SYN_RECV ? SEK_STREAM__3WHS_SYNACK_RESEND_WITH_DIFFERENT_ACK
                                                 : SEK_STREAM__3WHS_SYNACK_WITH_WRONG_ACK);
        return;
    }
    if (ssn->stream[0].next_seq != expect && !with_data) {
        event(st, SEK_STREAM__3WHS_SYNACK_TFO_DATA_IGNORED);
        syn_data_ignored(st);
    }
    if (ssn->state == SEK_TCP_SYN_RECV) {
        if (p->tcp.seq != st->out->isn) {
            event(st, SEK_STREAM__3WHS_SYNACK_RESEND_WITH_DIFF_SEQ);
            if (++ssn->synack_count >= 5)
                event(st, SEK_STREAM__3WHS_SYNACK_FLOOD);
            return;
        }
        st->r->valid = true;
        return;
    }
    stream_begin(st->out, p->tcp.seq);
    st->out->seen_syn = true;
    handshake_options(st->out, p);
    if (p->tcp.wscale == 0xff)
        ssn->stream[0].wscale = 0; /* both sides must offer scaling, RFC 7323 section 2.2 */
    ssn->state = SEK_TCP_SYN_RECV;
    take_ack(st);
    if (p->payload_len)
        put_payload(st);
    st->r->valid = true;
}

/* A reset counts when its number is one the receiver would take (RFC 5961 section 3, with the
 * tolerance of real stacks: anywhere in the window). */
static void on_rst(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    struct sek_stream *s = st->out;
    bool good;
    if (ssn->state == SEK_TCP_SYN_SENT) {
        good = st->dir == SEK_TOSERVER || p->tcp.ack == ssn->stream[0].isn + 1 ||
               p->tcp.ack == ssn->stream[0].next_seq;
    } else {
        uint32_t window = s->window ? s->window : 65535;
        good = !s->has_isn || (SEQ_GEQ(p->tcp.seq, s->last_ack - 1) &&
                               SEQ_LEQ(p->tcp.seq, s->last_ack + window)) ||
               p->tcp.seq == s->next_seq;
    }
    if (!good) {
        event(st, SEK_STREAM_RST_INVALID_ACK);
        return;
    }
    if (ssn->rst_seen)
        return;
    if (ssn->state == SEK_TCP_ESTABLISHED && st->in->has_isn && p->tcp.flags & SEK_TCP_ACK)
        take_ack(st);
    /* Bytes on a RST explain it (RFC 9293 section 3.5.3) and are not delivered. */
    ssn->rst_seen = true;
    ssn->rst_dir = (uint8_t)st->dir;
    ssn->state = SEK_TCP_CLOSED;
    st->r->valid = true;
    st->r->closed_now = true;
}

/* Timestamps never go back by more than the receiver allows (PAWS, RFC 7323 section 5). */
static bool timestamp_good(struct step *st)
{
    struct sek_packet *p = st->p;
    if (!p->tcp.has_timestamp || !st->out->last_ts)
        return true;
    int32_t delta = (int32_t)(p->tcp.ts_value - st->out->last_ts);
    if (delta < -1 && p->tcp.ts_value) {
        event(st, SEK_STREAM_PKT_INVALID_TIMESTAMP);
        return false;
    }
    if (delta > 0 && SEQ_LEQ(p->tcp.seq, st->out->next_seq))
        st->out->last_ts = p->tcp.ts_value;
    return true;
}

/* ACK that completes the handshake, and the first data after it. */
static void on_handshake_ack(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    if (st->dir == SEK_TOCLIENT && ssn->midstream && st->settings->async) {
        ssn->async = true; /* only the server's side is visible */
        ssn->async_dir = SEK_TOCLIENT;
    } else if (st->dir == SEK_TOCLIENT) {
        /* Data from the server before the client's ACK was seen: the ACK was lost on the way to
         * us when the server's bytes are numbered right. */
        if (!p->payload_len || p->tcp.seq != st->out->next_seq || p->tcp.ack != st->in->next_seq) {
            event(st, SEK_STREAM__3WHS_ACK_IN_WRONG_DIR);
            return;
        }
    } else if (p->tcp.seq != st->out->next_seq && SEQ_LT(p->tcp.seq, st->out->isn + 1)) {
        event(st, SEK_STREAM__3WHS_WRONG_SEQ_WRONG_ACK);
        return;
    } else if (p->tcp.ack != st->in->next_seq && !ssn->midstream) {
        if (SEQ_LT(p->tcp.ack, st->in->isn + 1) || SEQ_GT(p->tcp.ack, st->in->next_seq)) {
            event(st, SEK_STREAM__3WHS_RIGHT_SEQ_WRONG_ACK_EVASION);
            return;
        }
    }
    ssn->state = SEK_TCP_ESTABLISHED;
    st->flow->flags |= SEK_FLOW_ESTABLISHED;
    take_ack(st);
    put_payload(st);
    st->r->valid = true;
}

/* Only the client's side is visible: accept what continues it. */
static bool on_async(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    if (!st->settings->async || st->dir != SEK_TOSERVER || ssn->stream[1].has_isn)
        return false;
    if (p->tcp.seq != st->out->next_seq) {
        event(st, SEK_STREAM__3WHS_ASYNC_WRONG_SEQ);
        return true;
    }
    ssn->async = true;
    ssn->state = SEK_TCP_ESTABLISHED;
    st->flow->flags |= SEK_FLOW_ESTABLISHED;
    stream_begin(st->in, p->tcp.ack - 1);
    st->in->window = st->out->window = UINT32_MAX / 4;
    put_payload(st);
    st->r->valid = true;
    return true;
}

/* Where closing is, as the server sees it (RFC 9293 section 3.3.2), and what is wrong with a segment there. */
static const struct closing {
    enum sek_stream_event invalid_ack, ack_wrong_seq, fin_wrong_seq, before_last_ack;
} states[] = {
    {SEK_STREAM_EST_INVALID_ACK, SEK_STREAM_EST_PACKET_OUT_OF_WINDOW, SEK_STREAM_FIN_OUT_OF_WINDOW,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_FIN1_INVALID_ACK, SEK_STREAM_FIN1_ACK_WRONG_SEQ, SEK_STREAM_FIN1_FIN_WRONG_SEQ,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_FIN2_INVALID_ACK, SEK_STREAM_FIN2_ACK_WRONG_SEQ, SEK_STREAM_FIN2_FIN_WRONG_SEQ,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_CLOSEWAIT_INVALID_ACK, SEK_STREAM_CLOSEWAIT_ACK_OUT_OF_WINDOW, SEK_STREAM_CLOSEWAIT_FIN_OUT_OF_WINDOW,
     SEK_STREAM_CLOSEWAIT_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_CLOSING_INVALID_ACK, SEK_STREAM_CLOSING_ACK_WRONG_SEQ, SEK_STREAM_CLOSING_ACK_WRONG_SEQ,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_LASTACK_INVALID_ACK, SEK_STREAM_LASTACK_ACK_WRONG_SEQ, SEK_STREAM_LASTACK_ACK_WRONG_SEQ,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
    {SEK_STREAM_TIMEWAIT_INVALID_ACK, SEK_STREAM_TIMEWAIT_ACK_WRONG_SEQ, SEK_STREAM_TIMEWAIT_ACK_WRONG_SEQ,
     SEK_STREAM_EST_PKT_BEFORE_LAST_ACK},
};

static const struct closing *closing_state(const struct sek_session *ssn)
{
    enum { ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT };
    const struct sek_stream *client = &ssn->stream[0], *server = &ssn->stream[1];
    if (!client->seen_fin && !server->seen_fin)
        return &states[ESTABLISHED];
    if (!server->seen_fin)
        return &states[CLOSE_WAIT];
    if (!client->seen_fin)
        return &states[server->fin_acked ? FIN_WAIT_2 : FIN_WAIT_1];
    return &states[server->fin_acked ? TIME_WAIT : client->fin_acked ? LAST_ACK : CLOSING];
}

/* A segment ahead of what both sides know that takes back more of the window than it brings. */
static bool bad_window_update(const struct step *st)
{
    const struct sek_packet *p = st->p;
    uint32_t window = scaled_window(st);
    return window < st->in->window && st->in->window - window > p->payload_len &&
           SEQ_GT(p->tcp.ack, st->in->next_seq) && SEQ_GT(p->tcp.seq, st->out->next_seq);
}

static void on_data(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    struct sek_packet *p = st->p;
    struct sek_stream *s = st->out;
    bool fin = p->tcp.flags & SEK_TCP_FIN;
    if (!s->has_isn) { /* midstream: first packet of this side */
        stream_begin(s, p->tcp.seq - 1);
        s->next_seq = p->tcp.seq;
        s->wscale = 14;
    }
    if (ssn->async && st->dir == (enum sek_dir)ssn->async_dir) {
        put_payload(st); /* nobody will acknowledge it where we can see it */
        s->last_ack = s->next_seq;
        s->acked = s->base + s->filled;
        st->r->valid = true;
        return;
    }
    ssn->async = false;
    if (!timestamp_good(st))
        return;
    uint32_t end = p->tcp.seq + p->payload_len;
    const struct closing *now = closing_state(ssn);
    if (SEQ_LT(end, s->last_ack) && p->payload_len && !ssn->midstream) {
        event(st, now->before_last_ack);
        if (sek_stream_offset(s, end) < (int64_t)s->base)
            event(st, SEK_STREAM_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
        event(st, SEK_STREAM_PKT_SPURIOUS_RETRANSMISSION);
        st->r->retransmission = true;
        return;
    }
    uint32_t window = s->window > 65535 ? s->window : 65535;
    if (SEQ_GT(end, s->last_ack + window) && !ssn->midstream) {
        event(st, fin ? now->fin_wrong_seq : now->ack_wrong_seq);
        return;
    }
    if (p->tcp.flags & SEK_TCP_ACK && !ssn->midstream && bad_window_update(st)) {
        event(st, SEK_STREAM_PKT_BAD_WINDOW_UPDATE);
        return;
    }
    if (p->tcp.flags & SEK_TCP_ACK && !ssn->midstream &&
        SEQ_GT(p->tcp.ack, st->in->next_seq + 1 + (st->in->window > 65535 ? st->in->window : 65535))) {
        event(st, fin && now == states ? SEK_STREAM_FIN_INVALID_ACK : now->invalid_ack);
        event(st, SEK_STREAM_PKT_INVALID_ACK);
        return;
    }
    take_ack(st);
    put_payload(st);
    st->r->valid = true;
    if (fin && ssn->state == SEK_TCP_ESTABLISHED)
        ssn->state = SEK_TCP_CLOSING;
    if (ssn->state == SEK_TCP_CLOSING && ssn->stream[0].seen_fin && ssn->stream[1].seen_fin &&
        ssn->stream[0].fin_acked && ssn->stream[1].fin_acked) {
        ssn->state = SEK_TCP_CLOSED;
        st->r->closed_now = true;
    }
}

/* Who sent a RST and goes on with data did not send it: the session lives. */
static bool rst_was_forged(struct step *st)
{
    struct sek_session *ssn = st->ssn;
    const struct sek_packet *p = st->p;
    if (!ssn->rst_seen || ssn->rst_dir != st->dir || !p->payload_len || p->tcp.flags & SEK_TCP_SYN ||
        p->tcp.seq != st->out->next_seq)
        return false;
    event(st, SEK_STREAM_SUSPECTED_RST_INJECT);
    ssn->rst_seen = false;
    ssn->state = SEK_TCP_ESTABLISHED;
    st->out->closed = st->in->closed = false;
    return true;
}

struct sek_tcp_result sek_tcp_packet(struct sek_pool *pool, const struct sek_tcp_settings *settings,
                                     struct sek_flow *flow, enum sek_dir *dir, struct sek_packet *p)
{
    struct sek_tcp_result r = {0};
    struct step st = {.pool = pool, .settings = settings, .flow = flow, .ssn = flow->tcp, .p = p,
                      .dir = *dir, .r = &r};
    uint8_t flags = p->tcp.flags;
    bool syn = flags & SEK_TCP_SYN, ack = flags & SEK_TCP_ACK;
    if (flags & SEK_TCP_FIN && syn)
        event(&st, SEK_STREAM_FIN_SYN);
    if (!ack && p->tcp.ack && !syn && !(flags & SEK_TCP_RST))
        event(&st, SEK_STREAM_PKT_BROKEN_ACK);
    if (!st.ssn) {
        if (syn && !ack && !(flags & (SEK_TCP_RST | SEK_TCP_FIN))) {
            if (session_new(&st))
                syn_sent(&st);
        } else {
            no_session(&st);
        }
        r.tracked = flow->tcp != NULL;
        *dir = st.dir;
        return r;
    }
    r.tracked = true;
    step_direction(&st, *dir);
    if (flags & SEK_TCP_RST) {
        on_rst(&st);
        return r;
    }
    if (st.ssn->state == SEK_TCP_CLOSED && !rst_was_forged(&st)) {
        r.valid = !p->payload_len; /* late copies of the last packets */
        return r;
    }
    if (syn) {
        if (ack)
            on_synack(&st);
        else
            on_syn(&st);
        return r;
    }
    switch (st.ssn->state) {
    case SEK_TCP_SYN_SENT:
        if (!on_async(&st) && ack && p->payload_len)
            event(&st, SEK_STREAM__3WHS_ACK_DATA_INJECT);
        return r;
    case SEK_TCP_SYN_RECV:
        on_handshake_ack(&st);
        if (flags & SEK_TCP_FIN && st.ssn->state == SEK_TCP_ESTABLISHED)
            st.ssn->state = SEK_TCP_CLOSING;
        return r;
    default:
        on_data(&st);
        return r;
    }
}
