/* The worker's start, loop and messages. */
#include "agent/worker/state.h"
#include "bpf/exit.h"
#include "lib/packet/packet.h"
#include "agent/worker/packets.h"
#include "agent/worker/sandbox.h"
#include "agent/settle.h"
#include "lib/base/clock.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BURST           32 /* datagrams taken from one socket before the others have their turn */
#define STATUS_US       1000000u /* from a change to its being reported */
#define INVENTORY_LIMIT (64u << 20)

static void send_patiently(struct sek_worker *w, uint32_t type, uint32_t id, const void *data,
                           uint32_t len)
{
    struct pollfd p = {.fd = w->options->guard_fd, .events = POLLOUT};
    enum sek_error rc;
    while ((rc = sek_message_send(p.fd, type, id, data, len, -1)) == SEK_EAGAIN &&
           poll(&p, 1, 1000) == 1)
        ;
    if (rc)
        sek_warning("the guard does not answer");
}

void sek_worker_flush(struct sek_worker *w)
{
    if (w->verdict_count)
        send_patiently(w, SEK_MESSAGE_VERDICTS, 0, w->verdicts,
                       w->verdict_count * (uint32_t)sizeof w->verdicts[0]);
    w->verdict_count = 0;
}

/* Requests keep their order with verdicts: whose packet this is must be asked before it is dropped
 * and the program gives up. */
void sek_worker_ask(struct sek_worker *w, uint32_t type, uint32_t id, const void *data,
                    uint32_t len)
{
    sek_worker_flush(w);
    send_patiently(w, type, id, data, len);
}

static void add_verdict(struct sek_worker *w, uint32_t id, uint8_t queue, bool drop, bool settled)
{
    if (w->verdict_count == SEK_VERDICTS)
        sek_worker_flush(w);
    w->verdicts[w->verdict_count++] =
        (struct sek_verdict){.id = id, .queue = queue, .drop = drop, .settled = settled};
}

/* --- packets --------------------------------------------------------------------------------- */

static void take_entry(void *arg, const struct sek_queued *q)
{
    struct sek_worker *w = arg;
    bool drop = false;
    w->counters.packets++;
    if (q->data) {
        sek_patch_ports_see(&w->patch_ports, q->data, q->len);
        if (w->patch_ports.changed)
            sek_worker_due(w, SEK_DUE_STATUS, STATUS_US);
        drop = sek_entry_packet(w->entry, q->data, q->len, w->policy.entry_mode == SEK_MODE_PREVENT,
                                sek_clock_wall_us());
    }
    add_verdict(w, q->id, SEK_QUEUE_ENTRY, drop, false);
}

static void refuse_outgoing(struct sek_worker *w, const struct sek_outgoing_result *r)
{
    if (r->reply_len) {
        static struct sek_answer answer;
        answer = (struct sek_answer){.query = r->what.endpoints, .len = r->reply_len};
        memcpy(answer.data, r->reply, r->reply_len);
        sek_worker_ask(w, SEK_MESSAGE_ANSWER, 0, &answer, sizeof answer);
    } else {
        sek_worker_ask(w, SEK_MESSAGE_BREAK, 0, &r->what.endpoints, sizeof r->what.endpoints);
    }
}

void sek_worker_outgoing(struct sek_worker *w, uint32_t id, const struct sek_outgoing_result *r)
{
    if (r->hit)
        sek_worker_report_outgoing(w, &r->what, r->drop);
    add_verdict(w, id, SEK_QUEUE_EXIT, r->drop, r->settled);
    if (r->hit && r->drop)
        refuse_outgoing(w, r);
}

/* What its socket was given no verdict for is judged by its address, by the guard, which also gives
 * the packet's verdict. */
static void ask_judge(struct sek_worker *w, const struct sek_queued *q)
{
    static struct sek_packet layers[SEK_PACKET_LAYERS];
    struct sek_judge judge = {.id = q->id};
    sek_packet_decode(SEK_LINK_RAW_IP, q->data, q->len, 0, 0, layers);
    if (layers[0].ip_version)
        sek_endpoints_of_packet(&layers[0], &judge.endpoints);
    sek_worker_ask(w, SEK_MESSAGE_JUDGE, 0, &judge, sizeof judge);
}

static void take_outgoing(void *arg, const struct sek_queued *q)
{
    static struct sek_outgoing_result r;
    struct sek_worker *w = arg;
    w->counters.packets++;
    r.drop = r.hit = r.settled = r.hold = false;
    if (q->data)
        sek_outgoing_packet(w->outgoing, &w->indicators, &w->names, q->data, q->len,
                            w->policy.exit_mode == SEK_MODE_PREVENT, sek_clock_mono_us(), &r);
    if (q->data && (q->mark & SEK_MARK_MASK) == SEK_MARK_RAW && !r.drop && !r.hold)
        ask_judge(w, q);
    else if (r.hold)
        sek_worker_hold(w, q->id, q->data, q->len);
    else
        sek_worker_outgoing(w, q->id, &r);
}

static void take_refused(void *arg, const struct sek_queued *q)
{
    if (!sek_worker_firewall_packet(arg, q))
        sek_worker_refused(arg, q->data, q->len);
}

static void read_packets(struct sek_worker *w, int fd,
                         void (*each)(void *, const struct sek_queued *))
{
    static uint8_t buffer[SEK_PACKETS_BUFFER] __attribute__((aligned(8)));
    for (int i = 0; i < BURST; i++) {
        ssize_t n = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
        if (n < 0 && errno == ENOBUFS)
            continue; /* the kernel dropped notifications; go on with what is there */
        if (n <= 0)
            break;
        sek_packets_parse(buffer, (uint32_t)n, each, w);
    }
    sek_worker_flush(w);
}

static void on_entry(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    read_packets(arg, fd, take_entry);
}

static void on_exit_queue(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    read_packets(arg, fd, take_outgoing);
}

static void on_probe(evutil_socket_t fd, short what, void *arg)
{
    (void)what;
    read_packets(arg, fd, take_refused);
}

/* The guard permits by name, and learns names from us. */
static void tell_name(void *arg, const uint8_t address[16], const char *name, uint32_t ttl_s)
{
    struct sek_worker *w = arg;
    struct sek_named named = {.ttl_s = ttl_s};
    if (!w->filter.unlearned)
        return;
    memcpy(named.address, address, 16);
    snprintf(named.name, sizeof named.name, "%s", name);
    sek_worker_ask(w, SEK_MESSAGE_NAMED, 0, &named, sizeof named);
}

/* --- the guard's messages -------------------------------------------------------------------- */

static void take_inventory(struct sek_worker *w, int fd)
{
    struct sek_fault fault;
    size_t len;
    uint8_t digest[SEK_SHA256_SIZE];
    char *text = sek_memory_map(fd, INVENTORY_LIMIT, &len);
    if (!text)
        return;
    sek_sha256(text, len, digest);
    /* Most inventories are the last one again: those are not even parsed. */
    if (w->client && memcmp(digest, w->inventory, sizeof digest) != 0) {
        json_t *inventory = json_loadb(text, len, 0, NULL);
        if (!inventory || sek_client_inventory(w->client, inventory, &fault))
            sek_warning("inventory: %s", inventory ? fault.message : "not JSON");
        else
            memcpy(w->inventory, digest, sizeof digest);
        json_decref(inventory);
        sek_worker_due(w, SEK_DUE_SETTLE, SEK_SETTLE_US);
    }
    munmap(text, len);
}

static void take_lockdown(struct sek_worker *w, struct sek_lockdown_record *record)
{
    struct sek_text t = {0};
    record->path[sizeof record->path - 1] = '\0';
    record->program[sizeof record->program - 1] = '\0';
    /* What is learned is many and no alarm: it stays on the device, in the allowlist. */
    if (record->what == SEK_LOCKDOWN_LEARNED)
        return;
    sek_event_lockdown(&t, record, sek_worker_lockdown(w));
    w->counters.lockdown_events++;
    sek_worker_event(w, &t);
    sek_text_free(&t);
}

static void take_message(struct sek_worker *w, struct sek_message *m)
{
    switch (m->type) {
    case SEK_MESSAGE_PING:
        sek_worker_ask(w, SEK_MESSAGE_ALIVE, 0, NULL, 0);
        if (w->in_force[0]) /* the answer was lost among too many messages */
            sek_worker_ask(w, SEK_MESSAGE_SYNC, w->bundles, NULL, 0);
        sek_worker_beat(w);
        break;
    case SEK_MESSAGE_CONNECT:
        sek_worker_report_connect(w, &m->connect);
        break;
    case SEK_MESSAGE_OWNER:
        sek_worker_owner(w, m->id, &m->process);
        break;
    case SEK_MESSAGE_LOCKDOWN:
        take_lockdown(w, &m->lockdown);
        break;
    case SEK_MESSAGE_TAMPER:
        sek_worker_tampered(w, &m->tamper);
        break;
    case SEK_MESSAGE_INVENTORY:
        take_inventory(w, m->fd);
        break;
    case SEK_MESSAGE_FINDING:
        sek_worker_finding(w, m->id, (const char *)m->data, m->len);
        break;
    case SEK_MESSAGE_SYNCED:
        sek_worker_in_force(w, m->id);
        break;
    case SEK_MESSAGE_UNLOCKED:
        m->unlocked.text[sizeof m->unlocked.text - 1] = '\0';
        sek_control_reply(w, m->id, json_pack("{s:s}", m->unlocked.failed ? "error" : "unlock",
                                              m->unlocked.text));
        break;
    case SEK_MESSAGE_FIREWALL_DONE:
        sek_worker_firewall_done(w, m->id, &m->firewall_done);
        break;
    case SEK_MESSAGE_STATE:
        w->guard = m->state;
        sek_worker_firewall_pending(w);
        sek_worker_status(w);
        break;
    default:
        break;
    }
    if (m->fd >= 0)
        close(m->fd);
}

static void on_guard(evutil_socket_t fd, short what, void *arg)
{
    static struct sek_message m;
    struct sek_worker *w = arg;
    (void)what;
    for (int i = 0; i < BURST; i++) {
        enum sek_error rc = sek_message_receive(fd, false, &m);
        if (rc == SEK_ENOTFOUND) {
            event_base_loopbreak(w->base);
            return;
        }
        if (rc == SEK_EAGAIN)
            return;
        if (rc == SEK_OK)
            take_message(w, &m);
    }
}

/* --- link and time --------------------------------------------------------------------------- */

static void on_link(void *arg, bool up)
{
    struct sek_worker *w = arg;
    w->link_up = up;
    sek_worker_firewall_link(w, up);
    sek_unsure_online(w->unsure, up);
    sek_info("link to the manager is %s", up ? "up" : "down");
}

static void on_command(void *arg, json_t *command)
{
    struct sek_worker *w = arg;
    const char *name = json_string_value(json_object_get(command, "name"));
    const char *mode_name = json_string_value(json_object_get(command, "mode"));
    enum sek_lockdown_mode mode;
    if (name && !strcmp(name, "lockdown") && mode_name &&
        sek_lockdown_mode_parse(mode_name, &mode)) {
        w->local_inside = (uint8_t)mode;
        sek_worker_refilter(w);
    } else if (name && !strcmp(name, "maintenance")) {
        json_t *reply = sek_worker_maintenance(w, command);
        const char *error = json_string_value(json_object_get(reply, "error"));
        if (error)
            sek_warning("the manager asked for maintenance: %s", error);
        json_decref(reply);
    } else {
        sek_warning("the manager sent a command that this agent does not know: %.60s",
                    name ? name : "(no name)");
    }
}

static enum sek_error watch(struct sek_worker *w, int fd, event_callback_fn callback,
                            struct sek_fault *fault)
{
    if (fd < 0)
        return SEK_OK;
    struct event *e = event_new(w->base, fd, EV_READ | EV_PERSIST, callback, w);
    return e && !event_add(e, NULL) ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "out of memory");
}

static enum sek_error open_link(struct sek_worker *w, const char *folder, struct sek_fault *fault)
{
    const struct sek_client_options options = {.state = folder, .confirms = true};
    const struct sek_client_callbacks callbacks = {
        .on_bundle = sek_worker_bundle,
        .on_indicators = sek_worker_indicators,
        .on_command = on_command,
        .on_link = on_link,
        .arg = w,
    };
    enum sek_error rc = sek_client_open(w->base, &options, &callbacks, &w->client, fault);
    if (rc)
        snprintf(w->client_fault, sizeof w->client_fault, "%.190s", fault->message);
    if (rc != SEK_ENOTFOUND)
        return rc;
    /* Not enrolled: the device is protected all the same, by what is on it. */
    if (w->options->settings->standalone && sek_worker_standalone(w, fault))
        sek_error_log("standalone: %s", fault->message);
    return SEK_OK;
}

static enum sek_error worker_open(struct sek_worker *w, struct sek_fault *fault)
{
    const struct sek_worker_options *o = w->options;
    struct sek_sandbox sandbox;
    char folder[512];
    enum sek_error rc;
    snprintf(folder, sizeof folder, "%s/link", o->settings->state);
    if ((rc = sek_sandbox_enter(o->settings->user, folder, o->settings->standalone, &sandbox,
                                fault)))
        return rc;
    w->landlock = sandbox.landlock;
    struct event_config *config = event_config_new();
    if (config)
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    w->base = config ? event_base_new_with_config(config) : NULL;
    if (config)
        event_config_free(config);
    w->entry = sek_entry_new(sek_worker_alert, w);
    w->outgoing = sek_outgoing_new();
    if (!w->base || !w->entry || !w->outgoing)
        return sek_fail(fault, SEK_ENOMEM, "worker: out of memory");
    sek_policy_default(&w->policy);
    w->names.added = tell_name;
    w->names.arg = w;
    w->local_inside = 0xff;
    memset(&w->filter, 0xff, sizeof w->filter); /* the first one is sent, whatever it says */
    if ((rc = sek_worker_dues_open(w, fault)) || (rc = watch(w, o->guard_fd, on_guard, fault)) ||
        (rc = watch(w, o->queue_fd[SEK_QUEUE_ENTRY], on_entry, fault)) ||
        (rc = watch(w, o->queue_fd[SEK_QUEUE_EXIT], on_exit_queue, fault)) ||
        (rc = watch(w, o->probe_fd, on_probe, fault)) || (rc = sek_control_open(w, fault)))
        return rc;
    if ((rc = sek_worker_hold_open(w, fault)) || (rc = open_link(w, folder, fault)))
        return rc;
    sek_worker_refilter(w);
    sek_worker_ask(w, SEK_MESSAGE_SYNC, w->bundles, NULL, 0);
    return SEK_OK;
}

int sek_worker_run(const struct sek_worker_options *options)
{
    static struct sek_worker w;
    struct sek_fault fault;
    sek_heap_share();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the guard, which ends us in order */
    signal(SIGTERM, SIG_IGN);
    w.options = options;
    w.started_us = sek_clock_mono_us();
    if (worker_open(&w, &fault)) {
        sek_error_log("worker: %s", fault.message);
        return 1;
    }
    if (!w.client)
        sek_warning("no manager: %s", w.client_fault);
    sek_worker_due(&w, SEK_DUE_SETTLE, SEK_SETTLE_US);
    event_base_dispatch(w.base);
    sek_worker_save_answers(&w);
    sek_client_close(w.client);
    return 0;
}
