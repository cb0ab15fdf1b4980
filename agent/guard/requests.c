/* What the worker may ask of the guard. The worker may be in an attacker's hands: whatever it asks
 * for must be harmless to grant. It can refuse traffic and programs, which is its duty; it cannot
 * read files, run programs, open the allowlist, or block the spared addresses. */
#include "agent/guard/guard.h"
#include "agent/guard/answer.h"
#include "agent/guard/diag.h"
#include "agent/guard/learned.h"
#include "agent/guard/passed.h"
#include "agent/guard/process.h"
#include "agent/guard/queue.h"
#include "agent/guard/unlearned.h"
#include "agent/inventory/sockets.h"
#include "agent/uninstall.h"
#include "lib/base/log.h"
#include "lib/base/clock.h"
#include "agent/lockdown/allowlist.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX_LIMIT    (96u << 20) /* bytes of a prefix list */
#define ALLOWLIST_LIMIT (16u << 20)
#define STATE_US        2000000u /* at most from a change to the worker's knowing */

void sek_guard_part(struct sek_guard *g, int part, enum sek_protection level, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    memset(&g->state.part[part], 0, sizeof g->state.part[part]);
    g->state.part[part].level = (uint8_t)level;
    vsnprintf(g->state.part[part].why, sizeof g->state.part[part].why, fmt, ap);
    va_end(ap);
    if (memcmp(&g->state.part[part], &g->told.part[part], sizeof g->state.part[part]) != 0)
        sek_guard_state_soon(g);
}

void sek_guard_state_soon(struct sek_guard *g)
{
    if (!g->state_at)
        g->state_at = sek_clock_mono_us() + STATE_US;
}

void sek_guard_send_state(struct sek_guard *g)
{
    g->state_at = 0;
    if (g->worker_fd >= 0 && memcmp(&g->state, &g->told, sizeof g->state) != 0 &&
        !sek_message_send(g->worker_fd, SEK_MESSAGE_STATE, 0, &g->state, sizeof g->state, -1))
        g->told = g->state;
}

/* --- the requests ---------------------------------------------------------------------------- */

static void request_verdicts(struct sek_guard *g, const struct sek_message *m)
{
    for (uint32_t i = 0; i < m->len / sizeof m->verdicts[0]; i++) {
        const struct sek_verdict *v = &m->verdicts[i];
        if (v->queue < SEK_QUEUES && g->queue_fd[v->queue] >= 0)
            sek_queue_verdict(g->queue_fd[v->queue], g->firewall.queue[v->queue], v);
    }
}

/* What a running keeper cannot change: it is started anew. */
static bool same_keeper(const struct sek_filter *a, const struct sek_filter *b)
{
    return !memcmp(a->scopes, b->scopes, sizeof a->scopes) && a->inline_code == b->inline_code &&
           a->strict_scripts == b->strict_scripts && a->window_only == b->window_only &&
           a->trust_packages == b->trust_packages && a->listed_only == b->listed_only;
}

static void apply_inside(struct sek_guard *g, const struct sek_filter *old)
{
    bool wanted = g->filter.inside_mode != SEK_LOCKDOWN_OFF &&
                  (g->filter.scopes[0][0] || g->settings->scopes[0]);
    if (!wanted || !same_keeper(old, &g->filter))
        sek_guard_stop_keeper(g);
    if (g->keeper <= 0)
        g->state.inside_mode = SEK_LOCKDOWN_OFF; /* until it says what is in force */
    if (!wanted) {
        sek_guard_part(g, SEK_STATE_LOCKDOWN, SEK_PROTECTION_ABSENT, "%s",
                       g->filter.inside_mode == SEK_LOCKDOWN_OFF ? "off by policy"
                                                                 : "no scope is named");
    } else if (g->keeper > 0) {
        struct sek_keeper_command c = {SEK_KEEPER_MODE, g->filter.inside_mode, ""};
        send(g->keeper_fd, &c, sizeof c, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else {
        sek_guard_start_keeper(g);
    }
}

static void request_filter(struct sek_guard *g, const struct sek_filter *wanted)
{
    struct sek_fault fault;
    struct sek_filter old = g->filter;
    g->filter = *wanted;
    for (int i = 0; i < 4; i++)
        g->filter.scopes[i][sizeof g->filter.scopes[i] - 1] = '\0';
    if (g->filter.port_count > SEK_FILTER_PORTS)
        g->filter.port_count = SEK_FILTER_PORTS;
    if (sek_firewall_apply(&g->firewall, &g->filter, &fault)) {
        sek_error_log("packet queues: %s", fault.message);
        sek_guard_part(g, SEK_STATE_ENTRY, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
    } else {
        sek_guard_part(g, SEK_STATE_ENTRY, SEK_PROTECTION_FULL, "%s, %u patched ports",
                       sek_queue_backend_name(g->firewall.backend), g->filter.port_count);
        sek_guard_part(g, SEK_STATE_NAMES, SEK_PROTECTION_FULL, "%s%s%s",
                       sek_queue_backend_name(g->firewall.backend),
                       g->filter.names ? ", DNS, TLS and QUIC names" : "",
                       g->filter.urls ? ", HTTP addresses" : "");
    }
    sek_unlearned_apply(g);
    if (old.exit_mode != g->filter.exit_mode)
        sek_passed_connections(g);
    if (old.inside_mode != g->filter.inside_mode || !same_keeper(&old, &g->filter))
        apply_inside(g, &old);
    sek_guard_send_state(g);
}

static void request_prefixes(struct sek_guard *g, uint32_t which, int fd)
{
    struct sek_fault fault;
    size_t len, kept = 0;
    const struct sek_prefix *list = sek_memory_map(fd, PREFIX_LIMIT, &len);
    size_t count = list ? len / sizeof *list : 0;
    struct sek_prefix *good = calloc(count + 1, sizeof *good);
    for (size_t i = 0; good && i < count; i++) {
        uint8_t address[16];
        sek_address_map(list[i].address, !list[i].v6, address);
        if (list[i].bits && !sek_spares_cover(&g->spares, address, list[i].bits + (list[i].v6 ? 0u : 96u)))
            good[kept++] = list[i];
    }
    if (which >= SEK_EXIT_LISTS)
        kept = 0;
    else if (good && g->exits && sek_exits_list(g->exits, which, good, kept, &fault))
        sek_error_log("%s", fault.message);
    else
        g->listed[which] = kept;
    g->state.prefixes = g->listed[SEK_EXIT_INDICATORS] + g->listed[SEK_EXIT_ADDRESSES];
    free(good);
    if (list)
        munmap((void *)(uintptr_t)list, len);
    sek_passed_connections(g);
    sek_guard_send_state(g);
}

static void request_block(struct sek_guard *g, const struct sek_block *b)
{
    struct sek_fault fault;
    char text[46];
    sek_address_text(b->address, text);
    if (b->ttl_s && sek_spares_cover(&g->spares, b->address, 128)) {
        sek_warning("%s is spared by configuration and was not blocked", text);
        return;
    }
    if (g->exits && sek_exits_block(g->exits, b->address, b->ttl_s, &fault))
        sek_warning("%s: %s", text, fault.message);
    if (sek_firewall_block(&g->firewall, &g->filter, b->address, b->ttl_s, &fault))
        sek_warning("%s: %s", text, fault.message);
    else
        sek_info("%s %s", text, b->ttl_s ? "blocked" : "no longer blocked");
}

static void request_who(struct sek_guard *g, uint32_t id, const struct sek_endpoints *e)
{
    struct sek_process process = {0};
    struct sek_diag_socket socket;
    if (sek_diag_find(e, &socket)) {
        int32_t pid = g->exits ? sek_exits_owner(g->exits, socket.cookie) : 0;
        process.uid = socket.uid;
        if (!pid)
            pid = sek_socket_owner(socket.inode);
        if (pid)
            sek_process_look(pid, &process);
    }
    sek_message_send(g->worker_fd, SEK_MESSAGE_OWNER, id, &process, sizeof process, -1);
}

/* The bundle's allowlist stands in the same file as what was learned here; what an earlier bundle
 * had and this one has not leaves the file, and the keeper's memory. */
static void request_allowlist(struct sek_guard *g, int fd)
{
    char path[512];
    struct sek_fault fault;
    struct sek_allowlist bundle = {0};
    struct stat st;
    size_t len = 0;
    bool changed = false;
    const char *text = sek_memory_map(fd, ALLOWLIST_LIMIT, &len);
    if (!text && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size))
        return; /* an empty list is one, anything else is not */
    snprintf(path, sizeof path, "%s/lockdown/allowlist", g->settings->state);
    if (sek_allowlist_parse(&bundle, "allowlist", text ? text : "", len, &fault) ||
        sek_allowlist_replace_bundle(path, &bundle, &changed, &fault))
        sek_error_log("%s", fault.message);
    if (changed && g->keeper > 0) {
        struct sek_keeper_command c = {SEK_KEEPER_ALLOWLIST, 0, ""};
        send(g->keeper_fd, &c, sizeof c, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    sek_allowlist_free(&bundle);
    if (text)
        munmap((void *)(uintptr_t)text, len);
}

static void request_window(struct sek_guard *g, const struct sek_window *window)
{
    struct sek_keeper_command c = {.command = SEK_KEEPER_WINDOW, .value = (int32_t)window->seconds};
    memcpy(c.updater, window->updater, sizeof c.updater);
    if (g->keeper > 0)
        send(g->keeper_fd, &c, sizeof c, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void request_listed(struct sek_guard *g, int fd)
{
    size_t len;
    const char *text = sek_memory_map(fd, SEK_LEARNED_BYTES, &len);
    if (text)
        sek_unlearned_listed(g, text, len);
    if (text)
        munmap((void *)(uintptr_t)text, len);
}

void sek_guard_request(struct sek_guard *g, struct sek_message *m)
{
    g->worker_seen = sek_clock_mono_us();
    switch (m->type) {
    case SEK_MESSAGE_VERDICTS:
        request_verdicts(g, m);
        break;
    case SEK_MESSAGE_FILTER:
        request_filter(g, &m->filter);
        break;
    case SEK_MESSAGE_PREFIXES:
        request_prefixes(g, m->id, m->fd);
        break;
    case SEK_MESSAGE_BLOCK:
        request_block(g, &m->block);
        break;
    case SEK_MESSAGE_WHO:
        request_who(g, m->id, &m->endpoints);
        break;
    case SEK_MESSAGE_BREAK:
        sek_diag_destroy(&m->endpoints);
        break;
    case SEK_MESSAGE_ANSWER:
        sek_answer_send(&m->answer);
        break;
    case SEK_MESSAGE_JUDGE:
        sek_passed_packet(g, &m->judge);
        break;
    case SEK_MESSAGE_SYNC:
        g->service.synced = true;
        sek_message_send(g->worker_fd, SEK_MESSAGE_SYNCED, m->id, NULL, 0, -1);
        break;
    case SEK_MESSAGE_ALLOWLIST:
        request_allowlist(g, m->fd);
        break;
    case SEK_MESSAGE_WINDOW:
        request_window(g, &m->window);
        break;
    case SEK_MESSAGE_DUTY:
        sek_duty_wish(g, &m->duty, m->fd);
        m->fd = -1; /* kept for the process */
        break;
    case SEK_MESSAGE_UNLOCK:
        sek_guard_unlock(g, m->id, &m->unlock);
        break;
    case SEK_MESSAGE_UNINSTALL:
        m->unlock.text[sizeof m->unlock.text - 1] = '\0';
        sek_uninstall_digest(g->settings->state, m->unlock.text);
        break;
    case SEK_MESSAGE_FIREWALL:
        sek_guard_rules_order(g, m->id, &m->firewall, m->fd);
        break;
    case SEK_MESSAGE_NAMED:
        sek_unlearned_name(g, &m->named);
        break;
    case SEK_MESSAGE_LISTED:
        request_listed(g, m->fd);
        break;
    default:
        break;
    }
    if (m->fd >= 0)
        close(m->fd);
}
