/* What the files of the engine share; not for use outside lib/detect. */
#ifndef SEK_DETECT_INTERNAL_H
#define SEK_DETECT_INTERNAL_H

#include "lib/detect/engine.h"
#include "lib/detect/history.h"
#include "lib/detect/memory.h"

#define CANDIDATES_MAX  4096
#define ALERTS_MAX      256
#define RECURSION_LIMIT 3000
#define STREAM_BACK     2560u /* bytes before new ones that a pattern may begin in */
#define CHUNK_TOSERVER  2560u /* acknowledged bytes that are worth a scan by themselves */
#define CHUNK_TOCLIENT  2560u

/* Rules whose pattern was found in the stream but that need more of it. They are tried again with what
 * comes, as long as the place where the pattern was is in the window. */
#define PENDING_MAX 15
struct pending {
    uint32_t count;
    struct {
        const struct sek_rule *rule;
        uint64_t end; /* of what had been seen then, in the stream */
    } items[PENDING_MAX];
};

/* What hangs on a flow for detection. */
struct flow_detect {
    bool ip_only_done[2];
    uint8_t reason; /* enum sek_drop_reason of what comes */
    uint8_t store;  /* files of all transactions are stored: bit per direction */
    uint16_t proto_seen[2]; /* protocol that rules about nothing else were asked of, by direction */
    struct flow_vars vars;
    struct flow_text *texts;
    struct pending *pending[2]; /* by direction; NULL: none */
    struct history *history;    /* NULL: no bytes were lost */
};

struct alert {
    const struct sek_rule *rule;
    enum sek_action action; /* the rule's, or that of its rate filter */
    struct sek_tx *tx;
    bool stream_match, apply_to_flow, has_frame;
    struct sek_frame frame;
    bool frame_complete;
};

/* One rule that waits for more of a transaction. Bit N of MATCHED: step N is done. */
struct tx_candidate {
    const struct sek_rule *rule;
    uint32_t matched;
    bool header_done, finished;
};

#define CAPTURE_MAX 128 /* bytes of a text that is kept */
struct captured {
    uint32_t name; /* number in the rule set */
    uint16_t len;
    bool flow;
    uint8_t text[CAPTURE_MAX];
};
/* A text that the flow keeps. */
struct flow_text {
    struct flow_text *next;
    struct captured value;
};

struct sek_engine {
    struct sek_engine_options options;
    volatile uint8_t stage; /* enum sek_stage */
    const struct sek_compiled *rules;
    struct sek_pool pool;
    uint64_t refused_seen; /* of the pool, when room was made last */
    struct sek_text stream_text, frame_text; /* of the event at hand, when bytes of it were lost */
    struct sek_flow_table flows;
    struct sek_defrag defrag;
    struct sek_tcp_settings tcp;
    struct sek_host_policies hosts;
    struct sek_app_settings app;
    struct sek_expectations expectations;
    struct sek_engine_stats stats;
    hs_scratch_t *scratch;
    struct sek_packet packets[SEK_PACKET_LAYERS];
    uint64_t now_us, next_expire_us;

    /* candidates of the packet at hand; STAMP tells rules seen twice */
    const struct sek_rule **candidates;
    uint32_t candidate_count;
    uint32_t *stamps;
    struct sek_rule_cost *costs; /* by rule; NULL: not profiling */
    uint32_t stamp;
    struct alert alerts[ALERTS_MAX];
    uint32_t alert_count, alert_max;

    struct memory memory; /* thresholds, xbits, hostbits, tags */
    struct sek_buffer transformed[2]; /* results of transforms */
    struct sek_buffer base64;
    int64_t vars[SEK_VARS_MAX];
    uint32_t recursion;
    struct captured captures[SEK_CAPTURES_MAX]; /* of the rule at hand */
    uint32_t capture_count;
    struct replacement {
        const uint8_t *at; /* in the payload of the packet at hand */
        const struct sek_content *content;
    } replacements[8]; /* of the rule at hand */
    uint32_t replacement_count;
    struct captured packet_vars[SEK_CAPTURES_MAX]; /* of the packet at hand */
    uint32_t packet_var_count;
    void *pcre_match; /* pcre2_match_data */
    void *pcre_context;
    uint8_t midstream_policy; /* enum policy */
    bool tunnel_flows;        /* what carries IP in IP is a conversation as well */
    bool trust_checksums;
    bool prevent; /* drop and reject of rules take effect */
};

enum policy { POLICY_IGNORE, POLICY_DROP_PACKET, POLICY_DROP_FLOW, POLICY_REJECT, POLICY_PASS_PACKET,
              POLICY_PASS_FLOW, POLICY_BYPASS };

/* The packet at hand with all that inspection needs. */
struct inspect {
    struct sek_engine *e;
    struct sek_packet *p;
    struct sek_flow *flow;
    struct flow_detect *fd;
    enum sek_dir dir;
    bool stream_added;       /* the payload went into the stream */
    struct sek_bytes stream; /* what of the stream is new, with some before it */
    uint64_t stream_base;    /* offset of stream.data[0] */
    uint32_t stream_old;     /* bytes at its beginning that were inspected before */
    bool has_stream;
    struct sek_app_state *app;
    struct sek_tx *tx;
    const struct sek_frame *frame; /* at hand */
    bool frame_complete; /* all of the frame at hand is there */
    bool closed;  /* the packet ended the session in order */
    bool established; /* the flow was, before this packet */
    bool reset;   /* the packet is a RST that ended the session */
    bool refused; /* the program's own policy says no */
};

/* --- content.c: detectors over one buffer --- */

struct look {
    struct inspect *in;
    const uint8_t *data;
    uint32_t len;
    uint64_t base; /* place of data[0] in the whole (stream offset); 0 for buffers */
    bool whole;    /* the end of data is the end of the buffer */
};
bool inspect_detectors(struct look *l, const struct sek_detector *first);
/* What base64_decode produced is looked at by the steps that follow. */

/* --- transform.c --- */
bool transform_apply(struct sek_engine *e, const struct sek_view *view, struct sek_bytes in,
                     struct sek_bytes *out);

/* --- condition.c --- */
/* Header and conditions of a rule against packet and flow. */
bool rule_header_matches(const struct inspect *in, const struct sek_rule *r);
bool rule_conditions_match(struct inspect *in, const struct sek_rule *r);
void rule_effects(struct inspect *in, const struct sek_rule *r);

/* One evaluation of R, begun at BEGIN (0: not profiling). */
void cost_add(struct sek_engine *e, const struct sek_rule *r, uint64_t begin, bool matched);
uint64_t cost_begin(const struct sek_engine *e);

/* --- asn1.c --- */
bool asn1_malformed(const uint8_t *data, uint32_t len, const struct sek_asn1 *want);

/* --- capture.c: text that matches leave --- */
/* Note groups of the match at hand; they count when the whole rule matches. */
void captures_note(struct look *l, const struct sek_pcre *pcre, const size_t *groups, int count,
                   const uint8_t *subject);
/* RULE matched: what it captured goes to the packet and the flow. */
void captures_keep(struct inspect *in);
bool variable_test(struct inspect *in, const struct sek_condition *c);

/* --- packet.c: rules over packets and streams --- */
void inspect_packet_rules(struct inspect *in);
void inspect_decoder_rules(struct inspect *in);
/* Rules about frames; the flow has an application state. */
void inspect_frames(struct inspect *in);
bool packet_step_matches(struct inspect *in, const struct sek_rule *r, const struct sek_step *s,
                         bool *stream_match);
void alert_add(struct inspect *in, const struct sek_rule *r, struct sek_tx *tx, bool stream_match);
bool prefilter_scan(struct sek_engine *e, const struct sek_prefilter *f, const uint8_t *data,
                    uint32_t len, bool places);

/* --- transaction.c --- */
void inspect_transactions(struct inspect *in);
void tx_detect_free(struct sek_pool *pool, struct sek_tx *tx);
/* sek_tx_forget of an engine (CTX): hands out its files that are to be stored. */
void tx_forget(void *ctx, struct sek_flow *flow, struct sek_tx *tx);

/* --- verdict.c: what the alerts of a packet mean --- */
void alerts_finish(struct inspect *in, struct sek_result *result);
/* Bytes of frame F that are there: of the stream, or of the datagram at hand. *FROM: where in the frame they begin
 * (not at 0 after a gap, or when the beginning was let go). */
struct sek_bytes frame_bytes(const struct inspect *in, const struct sek_frame *f, uint64_t *from);
/* Enter STAGE; returns the one that was left. */
static inline uint8_t stage_enter(struct sek_engine *e, enum sek_stage stage)
{
    uint8_t before = e->stage;
    e->stage = (uint8_t)stage;
    return before;
}

void drop_flow(struct inspect *in, struct sek_result *result, enum sek_drop_reason reason);
struct flow_detect *flow_detect_get(struct sek_engine *e, struct sek_flow *flow);

/* --- streams.c --- */
/* Feed what is ready of one direction; END when nothing more will come. True: it stopped before a gap, so that
 * rules see what is there before it is let go. */
bool stream_feed(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, bool end);
/* All of one direction, before a reset (packet NUMBER) or the end of the flow. */
void stream_feed_rest(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, uint64_t number);
/* A transaction that has become complete, or a protocol that nobody parses, is a reason to look at
 * the stream now and not only when a whole chunk is there. */
void streams_want_inspection(struct sek_flow *f, const struct sek_packet *p);
/* Which bytes of its own direction are looked at with this packet. */
void stream_choose(struct inspect *in, bool all);
/* What was chosen has been looked at. */
void stream_done(struct inspect *in);
/* Let go of bytes that nobody needs; keep some behind so that patterns over the edge are found. */
void streams_slide(struct sek_engine *e, struct sek_flow *f);
/* The flow is encrypted from now on: the streams are searched up to here. */
void streams_end_inspection(struct sek_flow *f);

/* --- engine.c --- */
/* Inspect what is left of one direction, as at the end of the flow. NUMBER: of the packet that is the reason; 0: none. */
void flow_end_direction(struct sek_engine *e, struct sek_flow *f, enum sek_dir dir, uint64_t number);

#endif
