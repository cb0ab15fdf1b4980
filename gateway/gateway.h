/* The running gateway: what its files share. One process, one thread, one event loop; frames are
 * handled as they arrive, the manager's messages between them. */
#ifndef SEK_GATEWAY_GATEWAY_H
#define SEK_GATEWAY_GATEWAY_H

#include "gateway/blocklist.h"
#include "gateway/capture/live.h"
#include "lib/behaviour/behaviour.h"
#include "lib/eve/eve.h"
#include "lib/reputation/reputation.h"
#include "lib/wire/client.h"

#include <stdio.h>

struct event;
struct event_base;
struct evconnlistener;

enum gateway_mode { MODE_OFF, MODE_DETECT, MODE_PREVENT };

struct gateway_policy {
    enum gateway_mode entry;     /* intrusion prevention */
    enum gateway_mode exit;      /* reputation of addresses, names and URLs */
    enum gateway_mode behaviour; /* quarantine of devices */
    uint32_t probe_threshold, probe_window_s, block_ttl_s, quarantine_s;
};

#define GATEWAY_RULE_FILES 64

/* A local rule file. Its text is kept: with each bundle it is compiled again, and by then the process
 * may have no right to read it. */
struct gateway_rule_file {
    const char *path;
    char *text;
    size_t len;
};

#define GATEWAY_SOURCES    1024

/* Attackers are judged by blocked exploits from one address. */
struct gateway_source {
    struct sek_addr addr;
    uint64_t since_us;
    uint32_t hits;
    uint8_t ip_version;
};

struct gateway {
    struct event_base *base;
    struct live *link[2]; /* inside, outside */
    const char *interface[2];
    struct event *readable[2], *tick;
    struct sek_config *config;
    struct gateway_rule_file rule_files[GATEWAY_RULE_FILES];
    unsigned rule_file_count;
    struct sek_engine_options options;
    struct sek_engine *engine;
    struct sek_compiled *rules;
    struct compiler *compiler;
    struct gateway_policy policy;
    struct sek_reputation *reputation; /* NULL: nothing listed */
    struct sek_behaviour *behaviour;
    struct blocklist blocked;
    struct gateway_source sources[GATEWAY_SOURCES];
    struct sek_client *client; /* NULL: not enrolled */
    FILE *eve;
    struct sek_text line;
    struct evconnlistener *control;
    const char *state, *control_path;
    const char *user; /* run as, when started as root */
    uint64_t started_us, frames, dropped, now_us;
    int from;                 /* link of the frame at hand */
    struct live_frame *frame; /* the frame at hand */
    bool link_up;
    bool open; /* frames are handled */
};

/* --- pipeline.c --- */
enum sek_error gateway_engine_open(struct gateway *g, struct sek_fault *fault);
/* One frame: true when it may pass, as it is now (a rule may have replaced bytes). RESULT->reject_to tells
 * whom to send a reset. */
bool gateway_frame(struct gateway *g, int from, struct live_frame *frame, struct sek_result *result);

/* --- run.c --- */
/* Wait up to 100 ms for frames, or until FD is readable, and handle the frames. For work that takes
 * long: traffic goes on. */
void gateway_serve(struct gateway *g, int fd);

/* --- apply.c: bundles and pushed indicators --- */
void gateway_policy_default(struct gateway_policy *p);
/* The local rules, with those of VIEW (may be NULL), compiled. */
enum sek_error gateway_read_rules(struct gateway *g, const struct sek_bundle_view *view,
                                  struct sek_compiled **out, struct sek_fault *fault);
enum sek_error gateway_on_bundle(void *arg, const struct sek_bundle_view *view,
                                 struct sek_fault *fault);
void gateway_on_indicators(void *arg, json_t *add, json_t *remove);
void gateway_on_command(void *arg, json_t *command);

/* --- record.c: events that are not alerts --- */
void gateway_record_line(struct gateway *g); /* sends g->line */
void gateway_record_quarantine(struct gateway *g, const struct sek_behaviour_judgement *j,
                               bool quarantined);
void gateway_record_listed(struct gateway *g, const struct sek_flow *flow, const char *what,
                           const char *value, size_t value_len,
                           const struct sek_reputation_hit *hit, bool blocked);
/* P is the frame that was refused because B holds one of its addresses. */
void gateway_record_block(struct gateway *g, struct block *b, const struct sek_packet *p);
void gateway_record_attacker(struct gateway *g, int ip_version, const struct sek_addr *addr,
                             const char *reason);

/* --- reset.c --- */
/* Reset segments for a rejected TCP packet, to the sides in REJECT_TO (1 source, 2 destination). */
void gateway_send_reset(struct gateway *g, int from, const uint8_t *frame, uint32_t len,
                        uint8_t reject_to);

/* --- replace.c: sek_engine_options.on_replace --- */
void gateway_replace(void *ctx, const struct sek_packet *packet, uint32_t at, const uint8_t *bytes,
                     uint32_t len);

/* --- control.c --- */
enum sek_error gateway_control_open(struct gateway *g, struct sek_fault *fault);
void gateway_status_json(struct gateway *g, struct sek_text *out);

#endif
