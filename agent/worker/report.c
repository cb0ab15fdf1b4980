/* Events: made here, handed to the spool. Those that shall name a process wait for the guard's
 * answer, two seconds at most. */
#include "agent/worker/state.h"
#include "bpf/exit.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/packet/packet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define PENDING_US   2000000u
#define WHY_US       60000000u /* between two reports of reasons, which hold counts */
#define LOCAL_EVENTS (4 << 20) /* bytes of events that are kept without a manager */

/* Without a manager events stay on the device: one file, and the one before it. */
static void keep_event(struct sek_worker *w, const struct sek_text *t)
{
    char path[512], old[520];
    struct stat st;
    snprintf(path, sizeof path, "%s/link/events.ndjson", w->options->settings->state);
    snprintf(old, sizeof old, "%s.1", path);
    if (!stat(path, &st) && st.st_size > LOCAL_EVENTS)
        rename(path, old);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct iovec parts[2] = {{t->data, t->len}, {"\n", 1}};
    if (fd < 0 || writev(fd, parts, 2) < 0)
        sek_warning("event not stored: %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void sek_worker_event(struct sek_worker *w, const struct sek_text *t)
{
    struct sek_fault fault;
    w->counters.events++;
    if (!w->client)
        keep_event(w, t);
    else if (sek_client_event(w->client, t->data, t->len, &fault))
        sek_warning("event not stored: %s", fault.message);
}

static const char *protocol_reason(const struct sek_outgoing_hit *hit)
{
    static const char *const reasons[] = {
        "DNS query for a listed domain",
        "TLS connection to a listed domain",
        "HTTP request for a listed address",
        "QUIC connection to a listed domain",
        "", /* has a reason of its own */
    };
    if (hit->reason)
        return hit->reason;
    return hit->answer ? "DNS answer leads to a listed domain" : reasons[hit->protocol];
}

static void write_indicator(struct sek_text *t, const struct sek_reputation_hit *hit)
{
    char value[SEK_INDICATOR_TEXT];
    sek_reputation_text(hit, value);
    sek_json_open(t, "indicator", '{');
    sek_json_str(t, "type", sek_indicator_type_name(hit->type));
    sek_json_str(t, "value", value);
    sek_json_str(t, "source", hit->source);
    sek_json_str(t, "reason", hit->reason);
    sek_json_uint(t, "confidence", hit->confidence);
    sek_json_close(t, '}');
}

static void write_protocol(struct sek_text *t, const struct sek_outgoing_hit *hit)
{
    static const char *const objects[] = {"dns", "tls", "http", "quic"};
    static const char *const names[] = {"rrname", "sni", "hostname", "sni"};
    if (hit->protocol == SEK_OUTGOING_OTHER)
        return;
    sek_json_open(t, objects[hit->protocol], '{');
    sek_json_str(t, names[hit->protocol], hit->name);
    if (hit->protocol == SEK_OUTGOING_HTTP)
        sek_json_str(t, "url", hit->url);
    if (hit->ech)
        sek_json_bool(t, "ech", true);
    sek_json_close(t, '}');
}

static void send_pending(struct sek_worker *w, struct sek_pending *p,
                         const struct sek_process *process)
{
    if (process)
        sek_event_process(&p->text, process);
    sek_event_end(&p->text);
    sek_worker_event(w, &p->text);
    sek_text_free(&p->text);
    p->id = 0;
}

/* A free place; the one that waits longest goes without a process when there is none. */
static struct sek_pending *take_pending(struct sek_worker *w)
{
    struct sek_pending *oldest = &w->pending[0];
    for (int i = 0; i < SEK_PENDING; i++) {
        if (!w->pending[i].id)
            oldest = &w->pending[i];
        else if (oldest->id && w->pending[i].since_us < oldest->since_us)
            oldest = &w->pending[i];
    }
    if (oldest->id)
        send_pending(w, oldest, NULL);
    oldest->id = ++w->next_id ? w->next_id : ++w->next_id;
    oldest->since_us = sek_clock_mono_us();
    sek_worker_due(w, SEK_DUE_PENDING, PENDING_US);
    return oldest;
}

void sek_worker_report_outgoing(struct sek_worker *w, const struct sek_outgoing_hit *hit,
                                bool blocked)
{
    struct sek_pending *p = take_pending(w);
    sek_event_begin(&p->text, "exit", blocked ? "blocked" : "detected");
    sek_event_endpoints(&p->text, &hit->endpoints);
    sek_json_str(&p->text, "reason", protocol_reason(hit));
    if (!hit->reason)
        write_indicator(&p->text, &hit->indicator);
    write_protocol(&p->text, hit);
    w->counters.exit_blocked += blocked;
    sek_worker_ask(w, SEK_MESSAGE_WHO, p->id, &hit->endpoints, sizeof hit->endpoints);
}

void sek_worker_owner(struct sek_worker *w, uint32_t id, const struct sek_process *process)
{
    for (int i = 0; id && i < SEK_PENDING; i++) {
        if (w->pending[i].id == id)
            send_pending(w, &w->pending[i], process);
    }
}

void sek_worker_expire_pending(struct sek_worker *w)
{
    uint64_t now = sek_clock_mono_us();
    for (int i = 0; i < SEK_PENDING; i++) {
        const struct sek_pending *p = &w->pending[i];
        if (p->id && now - p->since_us >= PENDING_US)
            send_pending(w, &w->pending[i], NULL);
        else if (p->id)
            sek_worker_due(w, SEK_DUE_PENDING, PENDING_US - (now - p->since_us));
    }
}

static const char *connect_reason(const struct sek_connect *c)
{
    static const char *const reasons[SEK_WHYS] = {
        [SEK_WHY_LISTED] = "connection to a listed address",
        [SEK_WHY_LEARNED] = "learned",
        [SEK_WHY_UNKNOWN_PROGRAM] = "nothing was learned for this program",
        [SEK_WHY_CHANGED_PROGRAM] = "the program has changed since it was learned",
        [SEK_WHY_UNKNOWN_DESTINATION] = "this program has not learned this destination",
        [SEK_WHY_UNKNOWN_PORT] = "this program has not learned to bind this port",
        [SEK_WHY_NOT_KNOWN_YET] = "the program was not known yet; permitted from now on",
        [SEK_WHY_TABLE_FULL] = "not learned: the table is full",
    };
    if (c->why == SEK_WHY_LISTED && c->hook == SEK_EXIT_ON_PACKET)
        return "packet to a listed address";
    return reasons[c->why < SEK_WHYS ? c->why : SEK_WHY_LISTED];
}

void sek_worker_report_connect(struct sek_worker *w, const struct sek_connect *c)
{
    struct sek_text t = {0};
    struct sek_reputation_hit hit;
    static const char *const hooks[] = {"", "connect", "sendmsg", "packet", "bind", "socket"};
    const char *name = memchr(c->name, '\0', sizeof c->name) && c->name[0]
                           ? c->name
                           : sek_names_find(&w->names, c->endpoints.target, sek_clock_mono_us());
    sek_event_begin(&t, "exit",
                    c->blocked                  ? "blocked"
                    : c->why == SEK_WHY_LEARNED ? "allowed"
                                                : "detected");
    sek_event_endpoints(&t, &c->endpoints);
    sek_json_str(&t, "reason", connect_reason(c));
    sek_json_str(&t, "operation", hooks[c->hook <= SEK_EXIT_ON_SOCKET ? c->hook : 0]);
    if (name && c->hook != SEK_EXIT_ON_BIND)
        sek_json_str(&t, "name", name);
    if (c->why == SEK_WHY_LISTED && sek_indicators_address(&w->indicators, c->endpoints.target, &hit))
        write_indicator(&t, &hit);
    sek_event_process(&t, &c->process);
    sek_event_end(&t);
    w->counters.exit_blocked += c->blocked;
    sek_worker_event(w, &t);
    sek_text_free(&t);
}

void sek_worker_block_attacker(struct sek_worker *w, const uint8_t address[16], uint32_t ttl_s,
                               const char *reason, bool prevent)
{
    struct sek_text t = {0};
    struct sek_block block = {.ttl_s = ttl_s};
    struct sek_endpoints e = {0};
    char text[46];
    memcpy(block.address, address, 16);
    if (prevent)
        sek_worker_ask(w, SEK_MESSAGE_BLOCK, 0, &block, sizeof block);
    sek_address_text(address, text);
    memcpy(e.source, address, 16);
    sek_event_begin(&t, "attacker", prevent ? "blocked" : "detected");
    sek_event_endpoints(&t, &e);
    sek_json_str(&t, "reason", reason);
    sek_json_open(&t, "attacker", '{');
    sek_json_str(&t, "ip", text);
    sek_json_uint(&t, "ttl_s", ttl_s);
    sek_json_str(&t, "reason", reason);
    sek_json_close(&t, '}');
    sek_event_end(&t);
    w->counters.attackers++;
    sek_worker_event(w, &t);
    sek_text_free(&t);
}

void sek_worker_report_attacker(struct sek_worker *w, const struct sek_prober *prober)
{
    char reason[160];
    snprintf(reason, sizeof reason,
             "%u refused attempts at %u ports and %u blocked exploits within %u s",
             prober->attempts, prober->port_count, prober->exploits, w->policy.probe_window_s);
    sek_worker_block_attacker(w, prober->address, w->policy.block_ttl_s, reason,
                              w->policy.entry_mode == SEK_MODE_PREVENT);
}

void sek_worker_alert(void *arg, const struct sek_entry_alert *alert)
{
    struct sek_worker *w = arg;
    const struct sek_text t = {.data = (char *)(uintptr_t)alert->json, .len = alert->len};
    sek_worker_event(w, &t);
    if (!alert->blocked)
        return;
    w->counters.entry_blocked++;
    const struct sek_prober *prober =
        sek_probes_note(&w->probes, alert->endpoints.source, 0, sek_clock_mono_us());
    if (prober)
        sek_worker_report_attacker(w, prober);
}

/* A refusal (TCP RST) that this device sent: its target tried a closed port. */
void sek_worker_refused(struct sek_worker *w, const uint8_t *packet, uint32_t len)
{
    static struct sek_packet layers[SEK_PACKET_LAYERS];
    uint8_t prober[16];
    sek_packet_decode(SEK_LINK_RAW_IP, packet, len, 0, 0, layers);
    const struct sek_packet *p = &layers[0];
    if (!p->ip_version || !p->l4 || !p->src_port)
        return;
    sek_address_map(p->dst.bytes, p->ip_version == 4, prober);
    if (sek_address_is4(prober) && prober[12] == 127)
        return;
    const struct sek_prober *found =
        sek_probes_note(&w->probes, prober, p->src_port, sek_clock_mono_us());
    if (found)
        sek_worker_report_attacker(w, found);
}

const char *sek_worker_lockdown(const struct sek_worker *w)
{
    bool holds = w->guard.part[SEK_STATE_LOCKDOWN].level != SEK_PROTECTION_ABSENT &&
                 w->guard.inside_mode <= SEK_LOCKDOWN_ENFORCE;
    return sek_lockdown_mode_name(holds ? w->guard.inside_mode : SEK_LOCKDOWN_OFF);
}

void sek_worker_tampered(struct sek_worker *w, struct sek_tamper *tamper)
{
    struct sek_text t = {0};
    tamper->what[sizeof tamper->what - 1] = '\0';
    sek_event_begin(&t, "tamper", tamper->blocked ? "blocked" : "detected");
    sek_json_str(&t, "reason", tamper->what);
    sek_event_process(&t, &tamper->process);
    sek_event_end(&t);
    sek_worker_event(w, &t);
    sek_text_free(&t);
}

/* What of each part is in force, and in WHY the reasons. */
static json_t *write_protection(const struct sek_worker *w, json_t *why)
{
    static const char *const parts[SEK_STATES] = {
        "entry",           "block",    "exit_address", "exit_names", "exit_unlearned", "lockdown",
        "self_protection", "firewall", "integrity",    "logs",       "malware"};
    static const char *const levels[] = {"absent", "partial", "full"};
    json_t *protection = json_object();
    for (int i = 0; i < SEK_STATES; i++) {
        json_object_set_new(protection, parts[i], json_string(levels[w->guard.part[i].level % 3]));
        json_object_set_new(why, parts[i], json_string(w->guard.part[i].why));
    }
    return protection;
}

/* Reasons that alone have changed wait for their minute. */
static bool is_news(struct sek_worker *w, const json_t *status, const json_t *why)
{
    uint64_t since = sek_clock_mono_us() - w->reported.at_us;
    if (!json_equal(status, w->reported.status))
        return true;
    if (json_equal(why, w->reported.why))
        return false;
    if (since < WHY_US)
        sek_worker_due(w, SEK_DUE_STATUS, WHY_US - since);
    return since >= WHY_US;
}

/* The manager gets a status when something in it changed. */
void sek_worker_status(struct sek_worker *w)
{
    struct sek_fault fault;
    if (!w->client)
        return;
    json_t *why = json_object();
    json_t *status =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:O, s:b}", "agent_version", SEK_VERSION, "lockdown",
                  sek_worker_lockdown(w), "entry", sek_mode_name(w->policy.entry_mode), "exit",
                  sek_mode_name(w->policy.exit_mode), "protection", write_protection(w, why),
                  "hidden_by_tls", sek_worker_hidden(w), "firewall_pending",
                  (int)w->guard.firewall_pending);
    if (status && is_news(w, status, why)) {
        json_t *whole = json_copy(status);
        json_object_set(whole, "why", why);
        if (sek_client_status(w->client, whole, &fault))
            sek_warning("status: %s", fault.message);
        json_decref(whole);
        json_decref(w->reported.status);
        json_decref(w->reported.why);
        w->reported.status = json_incref(status);
        w->reported.why = json_incref(why);
        w->reported.at_us = sek_clock_mono_us();
    }
    json_decref(why);
    json_decref(status);
}
