/* What the worker holds, and how its files divide the work: worker.c (start, loop, messages),
 * apply.c (bundles and indicators into force), report.c (events), control.c (the local socket). */
#ifndef SEK_AGENT_WORKER_STATE_H
#define SEK_AGENT_WORKER_STATE_H

#include "agent/worker/dues.h"
#include "agent/worker/duties.h"
#include "agent/worker/entry.h"
#include "agent/worker/indicators.h"
#include "agent/worker/names.h"
#include "agent/worker/outgoing.h"
#include "agent/worker/packets.h"
#include "agent/worker/patches.h"
#include "agent/worker/policy.h"
#include "agent/worker/probes.h"
#include "agent/worker/worker.h"
#include "lib/base/encode.h"
#include "lib/wire/client.h"

#include <event2/event.h>

#define SEK_HELD    32 /* packets that wait for the manager's answer */
#define SEK_PENDING 32 /* events that wait for their process to be named */

#define SEK_SETTLE_US 2000000u /* from a burst of work to giving memory back */

struct sek_pending {
    uint32_t id; /* 0: free */
    uint64_t since_us;
    struct sek_text text;
};

struct sek_held {
    uint32_t id;
    uint32_t len;
    uint8_t *data; /* the packet; NULL: free */
    uint64_t since_us;
};

struct sek_worker_counters {
    uint64_t packets, entry_blocked, exit_blocked, lockdown_events, attackers, events,
        firewall_events;
};

struct sek_worker {
    const struct sek_worker_options *options;
    struct event_base *base;
    struct sek_dues dues;
    struct sek_client *client; /* NULL: not enrolled */
    char client_fault[200];
    struct sek_entry *entry;
    struct sek_outgoing *outgoing;
    struct sek_unsure *unsure;
    struct sek_held held[SEK_HELD];
    struct event *hold_timer;
    json_t *question; /* under way, or NULL */
    struct sek_indicators indicators;
    struct sek_names names;
    struct sek_probes probes;
    struct sek_policy policy;
    uint8_t local_inside; /* lockdown mode chosen on the device; 0xff: the policy's */
    char *patches;        /* patches.json in force, or NULL */
    size_t patches_len;
    char *patch_tests;    /* patches.tests in force, or NULL */
    struct sek_patch_ports patch_ports;
    json_t *hidden; /* see sek_worker_hidden */
    char patches_digest[65];
    char indicators_digest[65];
    char allowlist_digest[65];
    char addresses_digest[65];
    char unsure_digest[65];
    char destinations_digest[65];
    size_t address_count;    /* in the long plain list */
    uint64_t prefixes_end_s; /* when the first listed prefix is past its time; 0: never */
    struct sek_port ports[SEK_FILTER_PORTS];
    uint16_t port_count;
    struct sek_filter filter; /* as last sent to the guard */
    struct sek_guard_state guard;
    bool landlock, link_up;
    struct sek_pending pending[SEK_PENDING];
    uint32_t next_id;
    struct sek_worker_counters counters;
    struct sek_verdict verdicts[SEK_VERDICTS];
    unsigned verdict_count;
    uint64_t started_us;
    char in_force[200]; /* what is said of the last bundle when the guard has carried it out; "" */
    uint64_t taken, version; /* of the last bundle, and of the one in force; 0: none */
    uint32_t bundles;   /* handed to the guard since the start */
    struct {
        json_t *status, *why;
        uint64_t at_us;
    } reported; /* to the manager, last */
    uint8_t inventory[SEK_SHA256_SIZE]; /* digest of the last one that the client took */
    struct sek_worker_duties duties;
    struct bufferevent *waiting; /* of the control socket: for the guard's answer, or NULL */
    uint32_t waiting_id;
    char uninstall_digest[65];
    struct {
        bool checking;              /* whether the manager is reached with rules that are new */
        uint64_t window_us;
        unsigned told, untold; /* refused packets in this window, and those without an event */
    } firewall;
};

/* Send to the guard; waits up to a second when it does not keep up. */
void sek_worker_ask(struct sek_worker *w, uint32_t type, uint32_t id, const void *data,
                    uint32_t len);

/* worker.c: what is said of a packet of the exit queue, reported and carried out. */
void sek_worker_outgoing(struct sek_worker *w, uint32_t id, const struct sek_outgoing_result *r);
void sek_worker_flush(struct sek_worker *w);

/* held.c */
enum sek_error sek_worker_hold_open(struct sek_worker *w, struct sek_fault *fault);
/* Keep the packet's verdict back and ask the manager. */
void sek_worker_hold(struct sek_worker *w, uint32_t id, const uint8_t *packet, uint32_t len);
/* Write changed answers to the disk. */
void sek_worker_save_answers(struct sek_worker *w);

/* apply.c */
enum sek_error sek_worker_bundle(void *arg, const struct sek_bundle_view *view,
                                 struct sek_fault *fault);
/* The files of the configured standalone folder, as if they were a bundle. */
enum sek_error sek_worker_standalone(struct sek_worker *w, struct sek_fault *fault);
void sek_worker_indicators(void *arg, json_t *add, json_t *remove);
void sek_worker_refilter(struct sek_worker *w);
void sek_worker_send_prefixes(struct sek_worker *w);
/* The guard has carried out what it was handed up to bundle ID. */
void sek_worker_in_force(struct sek_worker *w, uint32_t id);
/* Send again without what has expired, when something has. */
void sek_worker_expire_prefixes(struct sek_worker *w);

/* A maintenance window of lockdown: {"seconds":N,"updater":PATH}, 0 ends it. The answer is
 * {"maintenance":SECONDS} or {"error":TEXT}. */
json_t *sek_worker_maintenance(struct sek_worker *w, json_t *request);

/* report.c */
void sek_worker_event(struct sek_worker *w, const struct sek_text *t);
void sek_worker_report_outgoing(struct sek_worker *w, const struct sek_outgoing_hit *hit,
                                bool blocked);
void sek_worker_report_connect(struct sek_worker *w, const struct sek_connect *c);
void sek_worker_report_attacker(struct sek_worker *w, const struct sek_prober *prober);
/* Report ADDRESS as an attacker; with PREVENT it is blocked here, and by its event everywhere. */
void sek_worker_block_attacker(struct sek_worker *w, const uint8_t address[16], uint32_t ttl_s,
                               const char *reason, bool prevent);
void sek_worker_owner(struct sek_worker *w, uint32_t id, const struct sek_process *process);
void sek_worker_expire_pending(struct sek_worker *w);
void sek_worker_alert(void *arg, const struct sek_entry_alert *alert);
void sek_worker_refused(struct sek_worker *w, const uint8_t *packet, uint32_t len);
void sek_worker_tampered(struct sek_worker *w, struct sek_tamper *tamper);
void sek_worker_status(struct sek_worker *w);
/* The lockdown mode that holds: "off" while no scope could be marked, whatever the policy says. */
const char *sek_worker_lockdown(const struct sek_worker *w);

/* rules.c: the firewall. */
void sek_worker_firewall_policy(struct sek_worker *w, const json_t *section);
/* The guard's state has come: is a policy's rule set to be confirmed? */
void sek_worker_firewall_pending(struct sek_worker *w);
void sek_worker_firewall_link(struct sek_worker *w, bool up);
/* {"verb":...}; NULL: CLIENT is answered later, else the answer. */
json_t *sek_worker_firewall_command(struct sek_worker *w, const json_t *request,
                                    struct bufferevent *client);
void sek_worker_firewall_done(struct sek_worker *w, uint32_t id, struct sek_firewall_answer *a);
/* False: the packet was not logged by a firewall rule. */
bool sek_worker_firewall_packet(struct sek_worker *w, const struct sek_queued *q);

/* control.c */
/* CLIENT waits for the guard's answer to a request; its id, or 0: another one waits. */
uint32_t sek_control_wait(struct sek_worker *w, struct bufferevent *client);
/* Answer (REPLY is taken) who waits for ID, if anybody still does. */
void sek_control_reply(struct sek_worker *w, uint32_t id, json_t *reply);
enum sek_error sek_control_open(struct sek_worker *w, struct sek_fault *fault);

#endif
