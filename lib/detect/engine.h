/* The detection engine: packets in, verdicts and alerts out. One engine per worker; engines share a
 * compiled rule set. It allocates nothing per packet in the steady state and takes no lock. */
#ifndef SEK_DETECT_ENGINE_H
#define SEK_DETECT_ENGINE_H

#include "lib/app/app.h"
#include "lib/base/config.h"
#include "lib/detect/compiled.h"
#include "lib/flow/defrag.h"
#include "lib/flow/tcp.h"

struct sek_engine;

enum sek_verdict {
    SEK_VERDICT_PASS,
    SEK_VERDICT_DROP,
    SEK_VERDICT_REJECT, /* drop, and tell: see reject_to */
};

enum sek_drop_reason {
    SEK_DROP_NONE,
    SEK_DROP_RULES,
    SEK_DROP_FLOW,        /* an earlier verdict on the flow */
    SEK_DROP_STREAM,      /* inline: the segment does not fit the session */
    SEK_DROP_MIDSTREAM,   /* stream.midstream-policy */
    SEK_DROP_APP_ERROR,   /* app-layer.error-policy */
    SEK_DROP_POLICY,      /* the caller's: quarantine, reputation */
};

/* What is known when an event is reported. All pointers are valid during the call only. */
struct sek_event {
    const struct sek_packet *packet;
    const struct sek_flow *flow; /* NULL: none */
    enum sek_dir dir;
    const struct sek_rule *rule;
    struct sek_tx *tx; /* NULL: not tied to a transaction */
    bool stream_match;
    bool blocked;      /* the packet is dropped because of this rule */
    enum sek_verdict verdict;
    uint8_t reject_to; /* 1: source, 2: destination, 3: both */
    enum sek_drop_reason reason;
    bool pass;         /* the final action is pass */
    const struct sek_frame *frame; /* NULL: the match is in none */
    struct sek_bytes frame_bytes; /* what is there of it */
    bool frame_complete;
    struct sek_bytes stream; /* what the stream held around a match */
};

/* What one rule cost, when profiling. */
struct sek_rule_cost {
    uint64_t checks, matches;
    uint64_t nanoseconds;
};

struct sek_engine_options {
    bool ips;             /* drop and reject take effect */
    bool inline_stream;   /* inspect before acknowledgement; implied by ips */
    bool midstream;
    bool verify_checksum;
    bool profile;         /* measure each rule: see sek_engine_costs */
    uint32_t flow_limit;  /* flows at once */
    size_t memory_limit;  /* bytes of packet-path memory; 0: none. At the limit the flows that were idle longest
                           * end early; what found no room is looked at packet by packet */
    struct sek_config *config; /* dotted settings; borrowed, may be NULL */
    /* Called for each match that is to be recorded. */
    void (*on_alert)(void *ctx, struct sek_engine *engine, const struct sek_event *event);
    /* Called for each packet that is dropped (ips), before the verdict is returned. */
    void (*on_drop)(void *ctx, struct sek_engine *engine, const struct sek_event *event);
    /* Called each time a transaction has got further in one direction, after the rules, so that
     * names and URLs can be judged before they pass. True: drop the flow. May be NULL. */
    bool (*on_progress)(void *ctx, struct sek_engine *engine, struct sek_flow *flow,
                        struct sek_tx *tx, enum sek_dir dir);
    /* A rule's `replace` (ips): LEN bytes of PACKET's payload, AT bytes after its beginning, are to become
     * BYTES. The frame is the program's: it changes it and mends checksums. NULL: nothing is replaced. */
    void (*on_replace)(void *ctx, const struct sek_packet *packet, uint32_t at, const uint8_t *bytes,
                       uint32_t len);
    /* A file that a `filestore` rule asked for, when its transaction ends; valid during the call. What was kept
     * of it may be less than its size (`truncated`). NULL: nothing is stored. */
    void (*on_file)(void *ctx, struct sek_engine *engine, struct sek_flow *flow, const struct sek_tx *tx,
                    const struct sek_file *file);
    /* First packet of a flow, and first packet of the answering side. True: drop the flow. */
    bool (*on_flow_start)(void *ctx, struct sek_engine *engine, struct sek_flow *flow,
                          const struct sek_packet *packet);
    bool (*on_flow_answer)(void *ctx, struct sek_engine *engine, struct sek_flow *flow,
                           const struct sek_packet *packet);
    /* Each search that is asked of the matcher; for measurements. NULL: costs nothing. */
    void (*on_scan)(void *ctx, const struct hs_database *db, const uint8_t *data, uint32_t len);
    void (*on_flow_end)(void *ctx, struct sek_engine *engine, struct sek_flow *flow);
    void *ctx;
};

struct sek_engine_stats {
    uint64_t packets, bytes, alerts, drops, flows;
    uint64_t invalid_checksums, app_errors, stream_gaps, recursion_limit;
    uint64_t app_flows[SEK_APP_COUNT]; /* flows that ended, by protocol */
};

/* What is now, in contrast to what has been. */
struct sek_engine_gauges {
    uint64_t flows, evicted;
    uint64_t memory_used, memory_taken; /* bytes of the packet path: in use, taken from the system */
    uint64_t memory_refused;            /* requests that met the limit */
    uint64_t rules;
};

void sek_engine_options_default(struct sek_engine_options *options);

/* RULES is shared and stays the caller's. NULL with a fault when memory is out. */
struct sek_engine *sek_engine_new(const struct sek_engine_options *options,
                                  const struct sek_compiled *rules, struct sek_fault *fault);
/* No packet comes any more: what is left of all flows is inspected and reported. */
void sek_engine_end_flows(struct sek_engine *engine);
/* Ends all flows first. */
void sek_engine_free(struct sek_engine *engine);

/* Use another rule set from the next packet on. The old one must live until this returns. */
enum sek_error sek_engine_swap(struct sek_engine *engine, const struct sek_compiled *rules,
                               struct sek_fault *fault);

struct sek_result {
    enum sek_verdict verdict;
    uint8_t reject_to;
    struct sek_flow *flow; /* of the outermost packet; NULL: none. Valid until the next call. */
    enum sek_dir dir;
};

/* One frame. The result is the strictest verdict of the packets in it. */
struct sek_result sek_engine_packet(struct sek_engine *engine, enum sek_link link,
                                    const uint8_t *frame, uint32_t len, uint64_t ts_us,
                                    uint64_t number);

/* Do drop and reject of rules take effect? True at first; the program's own refusals always do. */
void sek_engine_prevent(struct sek_engine *engine, bool prevent);

/* From the next packet on: the capture has verified checksums already (or they are not filled in
 * yet, as in packets of this host), so the engine need not. */
void sek_engine_trust_checksums(struct sek_engine *engine, bool trusted);

/* By rule->order, as many as there are rules; NULL unless profiling. */
const struct sek_rule_cost *sek_engine_costs(const struct sek_engine *engine);

void sek_engine_gauges(const struct sek_engine *engine, struct sek_engine_gauges *out);
const struct sek_engine_stats *sek_engine_stats(const struct sek_engine *engine);
/* Names of the flowbits set on FLOW, one a call (NULL at the end), for records. */
const char *sek_engine_flowbit(const struct sek_engine *engine, const struct sek_flow *flow,
                               unsigned index);
/* Name and value of the flowints of FLOW. */
const char *sek_engine_flowint(const struct sek_engine *engine, const struct sek_flow *flow,
                               unsigned index, uint32_t *value);
/* Name of text variable INDEX that expressions captured, of FLOW or of the packet at hand; NULL at the
 * end. VALUE is valid during the call of on_alert. */
const char *sek_engine_text(const struct sek_engine *engine, const struct sek_flow *flow, bool of_flow,
                            unsigned index, struct sek_bytes *value);
const char *sek_drop_reason_name(enum sek_drop_reason reason);

/* What the engine is at, for whoever samples it (a profiling timer). Waiting is between two packets. */
enum sek_stage {
    SEK_STAGE_WAITING, SEK_STAGE_DECODE, SEK_STAGE_FLOWS, SEK_STAGE_STREAMS, SEK_STAGE_APPLICATION,
    SEK_STAGE_MATCHER, SEK_STAGE_PACKET_RULES, SEK_STAGE_TRANSACTION_RULES, SEK_STAGE_RECORDS, SEK_STAGES
};
enum sek_stage sek_engine_stage(const struct sek_engine *engine);
const char *sek_stage_name(enum sek_stage stage);

/* A packet without content that stands for FLOW's direction DIR, in records about the flow as a whole. NUMBER: of
 * the packet that is the reason; 0: none. */
struct sek_packet sek_engine_flow_packet(const struct sek_flow *flow, enum sek_dir dir, uint64_t number);

#endif
