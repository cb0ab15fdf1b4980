/* The local socket: one JSON object a line in, one out. Only root can open it; it is served here
 * because what it tells is known here. */
#include "agent/worker/state.h"
#include "bpf/lockdown.h"
#include "lib/base/clock.h"
#include "lib/firewall/ruleset.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_LIMIT (512 << 10) /* bytes; a firewall's rules may be long */

static void forget(struct sek_worker *w, const struct bufferevent *client)
{
    if (w->waiting == client)
        w->waiting = NULL;
}

static void send_reply(struct bufferevent *b, json_t *reply)
{
    char *text = reply ? json_dumps(reply, JSON_COMPACT) : NULL;
    if (text)
        evbuffer_add_printf(bufferevent_get_output(b), "%s\n", text);
    free(text);
    json_decref(reply);
}

uint32_t sek_control_wait(struct sek_worker *w, struct bufferevent *client)
{
    if (w->waiting)
        return 0;
    w->waiting = client;
    w->waiting_id++;
    w->waiting_id += !w->waiting_id;
    return w->waiting_id;
}

void sek_control_reply(struct sek_worker *w, uint32_t id, json_t *reply)
{
    if (id && id == w->waiting_id && w->waiting)
        send_reply(w->waiting, json_incref(reply));
    if (id && id == w->waiting_id)
        w->waiting = NULL;
    json_decref(reply);
}

/* The guard compares; the token is not looked at here. */
static json_t *unlock(struct sek_worker *w, const json_t *request, struct bufferevent *client)
{
    struct sek_unlock u = {0};
    const char *token = json_string_value(json_object_get(request, "token"));
    if (!token || strlen(token) >= sizeof u.text)
        return json_pack("{s:s}", "error", "token: expected text of at most 199 characters");
    uint32_t id = sek_control_wait(w, client);
    if (!id)
        return json_pack("{s:s}", "error", "another order is under way");
    snprintf(u.text, sizeof u.text, "%s", token);
    sek_worker_ask(w, SEK_MESSAGE_UNLOCK, id, &u, sizeof u);
    return NULL;
}

/* Names and URLs that only the manager can judge. */
static json_t *reputation(const struct sek_worker *w)
{
    char why[160];
    uint32_t count = sek_unsure_count(w->unsure);
    snprintf(why, sizeof why, "%u hash prefixes; %s%s", count,
             w->link_up ? "the manager is asked"
                        : "the manager is away: answers kept, else policy, ",
             w->link_up                  ? ""
             : w->policy.deny_unanswered ? "deny"
                                         : "allow");
    return json_pack("{s:s, s:s, s:s}", "part", "exit: reputation", "level",
                     !count       ? "absent"
                     : w->link_up ? "full"
                                  : "partial",
                     "why",
                     count ? why : "no hash prefixes in the bundle: only what it lists itself");
}

static json_t *protection(const struct sek_worker *w)
{
    static const char *const names[SEK_STATES] = {
        "entry",         "address sets",    "exit: addresses", "exit: names and URLs",
        "exit: default", "lockdown",        "self-protection", "firewall",
        "integrity",     "logs",            "malware"};
    static const char *const levels[] = {"absent", "partial", "full"};
    json_t *list = json_array();
    for (int i = 0; i < SEK_STATES; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "part", names[i], "level",
                                              levels[w->guard.part[i].level % 3], "why",
                                              w->guard.part[i].why));
    json_array_append_new(list, reputation(w));
    json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "part", "worker sandbox", "level",
                                          w->landlock ? "full" : "partial", "why",
                                          w->landlock ? "own user, seccomp, Landlock"
                                                      : "own user, seccomp; no Landlock"));
    json_array_append_new(list,
                          json_pack("{s:s, s:s, s:s}", "part", "manager", "level",
                                    !w->client   ? "absent"
                                    : w->link_up ? "full"
                                                 : "partial",
                                    "why",
                                    !w->client   ? w->client_fault
                                    : w->link_up ? "link is up"
                                                 : "link is down; the last bundle stays in force"));
    return list;
}

static json_t *counters(const struct sek_worker *w)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "packets", (json_int_t)w->counters.packets,
        "entry_blocked", (json_int_t)w->counters.entry_blocked, "exit_blocked",
        (json_int_t)w->counters.exit_blocked, "attackers", (json_int_t)w->counters.attackers,
        "events", (json_int_t)w->counters.events, "lockdown_asked",
        (json_int_t)w->guard.lockdown_asked, "lockdown_denied",
        (json_int_t)w->guard.lockdown_denied, "lockdown_learned",
        (json_int_t)w->guard.lockdown_learned, "prefixes", (json_int_t)w->guard.prefixes);
}

static json_t *policy(const struct sek_worker *w)
{
    static const char *const unlearned[] = {"allow", "learn", "detect", "deny"}; /* SEK_EXIT_... */
    json_t *scopes = json_array();
    for (int i = 0; i < SEK_POLICY_SCOPES && w->policy.scopes[i][0]; i++)
        json_array_append_new(scopes, json_string(w->policy.scopes[i]));
    json_t *out = json_pack(
        "{s:I, s:{s:s, s:i, s:i, s:i}, s:{s:s, s:s, s:s, s:s, s:s, s:s}, s:{s:s, s:o, s:s, s:s, "
        "s:s, s:s, s:s}}",
        "version", (json_int_t)w->policy.version, "entry", "mode",
        sek_mode_name(w->policy.entry_mode), "probe_threshold", (int)w->policy.probe_threshold,
        "probe_window_s", (int)w->policy.probe_window_s, "block_ttl_s", (int)w->policy.block_ttl_s,
        "exit", "mode", sek_mode_name(w->policy.exit_mode), "default",
        unlearned[w->policy.unlearned & 3], "listeners", unlearned[w->policy.listeners & 3],
        "encrypted_dns", unlearned[w->policy.encrypted_dns & 3], "quic",
        unlearned[w->policy.quic & 3], "unanswered", w->policy.deny_unanswered ? "deny" : "allow",
        "inside", "mode", sek_lockdown_mode_name(w->filter.inside_mode), "scopes", scopes, "inline",
        w->filter.inline_code == SEK_INLINE_DENY     ? "deny"
        : w->filter.inline_code == SEK_INLINE_DETECT ? "detect"
                                                     : "allow",
        "scripts", w->filter.strict_scripts ? "strict" : "normal", "updates",
        w->filter.window_only ? "window" : "always", "packages",
        w->filter.trust_packages ? "trust" : "ignore", "baseline",
        w->filter.listed_only ? "listed" : "device");
    json_object_set_new(out, "firewall", json_pack("{s:s}", "mode",
                                                   sek_ruleset_modes[w->policy.firewall_mode]));
    static const char *const duties[SEK_DUTIES] = {"integrity", "logs", "malware"};
    for (int i = 0; i < SEK_DUTIES; i++)
        json_object_set_new(out, duties[i],
                            json_pack("{s:s}", "mode", sek_mode_name(w->policy.duty_mode[i])));
    return out;
}

static json_t *status(struct sek_worker *w)
{
    json_t *patches = w->patches ? json_loadb(w->patches, w->patches_len, 0, NULL) : NULL;
    json_t *list = json_object_get(patches, "patches");
    json_t *out =
        json_pack("{s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:i, s:s, s:I, s:o, s:o, s:o, s:O}", "version",
                  SEK_VERSION, "device", w->client ? sek_client_device(w->client) : "", "tenant",
                  w->client ? sek_client_tenant(w->client) : "", "link", (int)w->link_up, "bundle",
                  (json_int_t)w->version, "backlog",
                  (json_int_t)(w->client ? sek_client_backlog(w->client) : 0), "patches",
                  (json_int_t)json_array_size(list), "rules", (int)sek_entry_rules(w->entry),
                  "lockdown", sek_worker_lockdown(w), "uptime_s",
                  (json_int_t)((sek_clock_mono_us() - w->started_us) / 1000000u), "policy",
                  policy(w), "counters", counters(w), "protection", protection(w),
                  "hidden_by_tls", sek_worker_hidden(w));
    json_decref(patches);
    return out;
}

/* NULL: the answer comes later. */
static json_t *answer(struct sek_worker *w, json_t *request, struct bufferevent *client)
{
    const char *command = json_string_value(json_object_get(request, "command"));
    const char *word = json_string_value(json_object_get(request, "mode"));
    enum sek_lockdown_mode mode;
    if (!command)
        return json_pack("{s:s}", "error", "command: missing, expected text");
    if (!strcmp(command, "status"))
        return status(w);
    if (!strcmp(command, "policy"))
        return policy(w);
    if (!strcmp(command, "patch"))
        return sek_worker_patches(w);
    if (!strcmp(command, "patch-test"))
        return sek_worker_patch_test(w, json_string_value(json_object_get(request, "patch")));
    if (!strcmp(command, "lockdown")) {
        if (!word || !sek_lockdown_mode_parse(word, &mode))
            return json_pack("{s:s}", "error", "mode: expected learn, detect, enforce or off");
        w->local_inside = (uint8_t)mode;
        sek_worker_refilter(w);
        return json_pack("{s:s}", "lockdown", word);
    }
    if (!strcmp(command, "unlock"))
        return unlock(w, request, client);
    if (!strcmp(command, "firewall"))
        return sek_worker_firewall_command(w, request, client);
    if (!strcmp(command, "maintenance"))
        return sek_worker_maintenance(w, request);
    if (!strcmp(command, "reload") && !w->client && w->options->settings->standalone) {
        struct sek_fault fault;
        return sek_worker_standalone(w, &fault) ? json_pack("{s:s}", "error", fault.message)
                                                : json_pack("{s:s}", "reload", "done");
    }
    return json_pack("{s:s}", "error",
                     "command: expected status, policy, patch, patch-test, lockdown, firewall, maintenance or reload");
}

static void on_request(struct bufferevent *b, void *arg)
{
    struct evbuffer *in = bufferevent_get_input(b);
    char *line = evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
    if (!line) {
        if (evbuffer_get_length(in) > REQUEST_LIMIT) {
            forget(arg, b);
            bufferevent_free(b);
        }
        return;
    }
    json_t *request = json_loads(line, 0, NULL);
    send_reply(b, answer(arg, request, b));
    json_decref(request);
    free(line);
}

static void on_closed(struct bufferevent *b, short what, void *arg)
{
    (void)what;
    forget(arg, b);
    bufferevent_free(b);
}

static void on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    (void)listener;
    (void)address;
    (void)len;
    struct sek_worker *w = arg;
    struct bufferevent *b = bufferevent_socket_new(w->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!b)
        return;
    const struct timeval limit = {5, 0};
    bufferevent_setcb(b, on_request, NULL, on_closed, w);
    bufferevent_set_timeouts(b, &limit, &limit);
    bufferevent_enable(b, EV_READ | EV_WRITE);
}

enum sek_error sek_control_open(struct sek_worker *w, struct sek_fault *fault)
{
    struct evconnlistener *l =
        evconnlistener_new(w->base, on_client, w, LEV_OPT_CLOSE_ON_EXEC, 0, w->options->control_fd);
    return l ? SEK_OK : sek_fail(fault, SEK_EIO, "control socket: cannot listen");
}
