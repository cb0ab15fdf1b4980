/* The firewall rules on the worker's side: the policy's section and the command line's orders to
 * the guard, the guard's answers back, the confirmation by a fresh link to the manager, and events.
 */
#include "agent/worker/state.h"
#include "agent/guard/ruleset.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/packet/packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTS_EACH 20 /* in a window, of refused packets */
#define WINDOW_US   10000000u

static bool order(struct sek_worker *w, uint32_t id, enum sek_firewall_verb verb, bool by_policy,
                  unsigned within_s, const struct sek_ruleset *ruleset)
{
    const struct sek_firewall_order o = {
        .verb = (uint8_t)verb, .by_policy = by_policy, .within_s = (uint16_t)within_s};
    const void *data = ruleset ? (const void *)ruleset : " ";
    int fd = sek_memory_file("firewall", data, ruleset ? sizeof *ruleset : 1);
    bool sent = fd >= 0 &&
                !sek_message_send(w->options->guard_fd, SEK_MESSAGE_FIREWALL, id, &o, sizeof o, fd);
    if (!sent)
        sek_warning("firewall: the rules are not handed over");
    if (fd >= 0)
        close(fd);
    return sent;
}

void sek_worker_firewall_policy(struct sek_worker *w, const json_t *section)
{
    struct sek_fault fault;
    struct sek_ruleset *r = malloc(sizeof *r);
    if (r && sek_ruleset_parse(section, r, &fault))
        sek_warning("%s", fault.message); /* sek_policy_parse has let it pass: not reached */
    else if (r && r->mode == SEK_RULESET_OFF)
        order(w, 0, SEK_FIREWALL_OFF, true, 0, NULL);
    else if (r)
        order(w, 0, SEK_FIREWALL_APPLY, true, 0, r);
    free(r);
}

/* --- confirmation by the manager's link ------------------------------------------------------- */

void sek_worker_firewall_pending(struct sek_worker *w)
{
    if (!w->guard.firewall_pending) {
        w->firewall.checking = false;
    } else if (!w->firewall.checking && w->client) {
        /* A connection that was open before says nothing about the new rules. */
        w->firewall.checking = true;
        sek_client_reconnect(w->client);
    }
}

void sek_worker_firewall_link(struct sek_worker *w, bool up)
{
    if (up && w->firewall.checking)
        order(w, 0, SEK_FIREWALL_KEEP, true, 0, NULL);
    else if (up && w->duties.policy) /* rules that nobody confirmed while the manager was away */
        sek_worker_firewall_policy(w, json_object_get(w->duties.policy, "firewall"));
}

/* --- the command line's orders ---------------------------------------------------------------- */

json_t *sek_worker_firewall_command(struct sek_worker *w, const json_t *request,
                                    struct bufferevent *client)
{
    static const char *const verbs[SEK_FIREWALL_VERBS] = {"show", "apply", "confirm", "rollback",
                                                          "off"};
    const char *verb = json_string_value(json_object_get(request, "verb"));
    const json_t *within = json_object_get(request, "within_s");
    struct sek_ruleset *r = NULL;
    struct sek_fault fault = {.message = "verb: expected show, apply, confirm, rollback or off"};
    unsigned i = 0;
    while (i < SEK_FIREWALL_VERBS && (!verb || strcmp(verb, verbs[i]) != 0))
        i++;
    bool good = i < SEK_FIREWALL_VERBS;
    if (i == SEK_FIREWALL_APPLY) {
        r = malloc(sizeof *r);
        good = r && json_integer_value(within) >= 1 && json_integer_value(within) <= 3600;
        if (!good)
            sek_fail(&fault, SEK_EINVAL, "within_s: expected a number 1..3600");
        else if (sek_ruleset_parse(json_object_get(request, "firewall"), r, &fault))
            good = false;
    }
    uint32_t id = good ? sek_control_wait(w, client) : 0;
    if (good && !id)
        sek_fail(&fault, SEK_ESTATE, "another order is under way");
    if (id && !order(w, id, i, false, (unsigned)json_integer_value(within), r))
        sek_control_reply(w, id, json_pack("{s:s}", "error", "the guard does not take the order"));
    free(r);
    return id ? NULL : json_pack("{s:s}", "error", fault.message);
}

static void tell(struct sek_worker *w, const struct sek_firewall_answer *a)
{
    struct sek_text t = {0};
    sek_event_begin(&t, "firewall", a->failed ? "detected" : "allowed");
    sek_json_str(&t, "reason", a->text);
    sek_json_open(&t, "firewall", '{');
    sek_json_str(&t, "operation", a->failed ? "rollback" : "change");
    sek_json_close(&t, '}');
    sek_event_end(&t);
    sek_worker_event(w, &t);
    sek_text_free(&t);
}

void sek_worker_firewall_done(struct sek_worker *w, uint32_t id, struct sek_firewall_answer *a)
{
    a->text[sizeof a->text - 1] = a->digest[64] = a->refused[64] = '\0';
    if (a->told)
        tell(w, a);
    sek_control_reply(w, id,
                      a->failed
                          ? json_pack("{s:s}", "error", a->text)
                          : json_pack("{s:b, s:b, s:i, s:s, s:s, s:s}", "confirmed", a->confirmed,
                                      "pending", a->pending, "seconds", (int)a->seconds, "origin",
                                      a->by_policy ? "policy" : "local", "digest", a->digest,
                                      "refused", a->refused));
}

/* --- packets that a rule refused or noted ------------------------------------------------------
 */

/* "sekisho_fw MODE DIRECTION RULE", as the rules write it. */
static bool read_prefix(const struct sek_queued *q, char mode[16], char direction[16],
                        char rule[SEK_RULESET_NAME])
{
    char text[128];
    if (!q->prefix || q->prefix_len >= sizeof text)
        return false;
    memcpy(text, q->prefix, q->prefix_len);
    text[q->prefix_len] = '\0';
    return sscanf(text, SEK_RULESET_PREFIX " %15s %15s %31s", mode, direction, rule) == 3;
}

bool sek_worker_firewall_packet(struct sek_worker *w, const struct sek_queued *q)
{
    static struct sek_packet layers[SEK_PACKET_LAYERS];
    char mode[16], direction[16], rule[SEK_RULESET_NAME];
    uint64_t now = sek_clock_mono_us();
    struct sek_endpoints e = {0};
    struct sek_text t = {0};
    if (!read_prefix(q, mode, direction, rule))
        return false;
    if (now - w->firewall.window_us > WINDOW_US) {
        w->firewall.window_us = now;
        w->firewall.told = 0;
    }
    if (w->firewall.told++ >= EVENTS_EACH) {
        w->firewall.untold++;
        return true;
    }
    sek_packet_decode(SEK_LINK_RAW_IP, q->data, q->len, 0, 0, layers);
    const struct sek_packet *p = &layers[0];
    sek_event_begin(&t, "firewall", !strcmp(mode, "enforce") ? "blocked" : "detected");
    if (p->ip_version) {
        sek_endpoints_of_packet(p, &e);
        sek_event_endpoints(&t, &e);
    }
    sek_json_str(&t, "reason", "a firewall rule takes this packet");
    sek_json_open(&t, "firewall", '{');
    sek_json_str(&t, "rule", rule);
    sek_json_str(&t, "direction", direction);
    sek_json_str(&t, "mode", mode);
    if (w->firewall.untold)
        sek_json_uint(&t, "untold", w->firewall.untold);
    sek_json_close(&t, '}');
    sek_event_end(&t);
    w->firewall.untold = 0;
    w->counters.firewall_events++;
    sek_worker_event(w, &t);
    sek_text_free(&t);
    return true;
}
