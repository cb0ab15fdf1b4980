/* `run`: the event loop of an inline gateway between two interfaces. When the process is not running
 * nothing crosses: the gateway fails closed. */
#include "gateway/command.h"
#include "gateway/compiler.h"
#include "gateway/gateway.h"

#include "lib/app/file_magic.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "lib/eve/stats.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATUS_EVERY_S 30
#define RULES_LIMIT    (256u << 20)

static const char help[] =
    "usage: sekisho-gateway run --inside IF --outside IF [OPTION ...]\n"
    "\n"
    "  --inside IF        interface on the side of the devices\n"
    "  --outside IF       interface on the side of the network\n"
    "  --state DIR        identity, last bundle and spool (/var/lib/sekisho-gateway)\n"
    "  --config FILE      settings in YAML: vars, stream, app-layer\n"
    "  --rules FILE       local rules besides those of the manager; several times\n"
    "  --eve FILE         also write events here\n"
    "  --control PATH     status socket (/run/sekisho-gateway/control.sock)\n"
    "  --user USER        run as this user when started as root (nobody)\n"
    "  --detect           report, but let everything pass\n";

static void take_frames(struct gateway *g, int from)
{
    struct live_frame frames[LIVE_BATCH];
    g->now_us = sek_clock_wall_us();
    unsigned n = live_receive(g->link[from], frames);
    for (unsigned i = 0; i < n; i++) {
        struct sek_result r;
        if (gateway_frame(g, from, &frames[i], &r))
            live_forward(g->link[!from], &frames[i]);
        else if (r.reject_to)
            gateway_send_reset(g, from, frames[i].data, frames[i].len, r.reject_to);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *g = arg;
    (void)what;
    take_frames(g, fd == live_fd(g->link[1]));
}

void gateway_serve(struct gateway *g, int fd)
{
    struct pollfd p[3] = {{.fd = fd, .events = POLLIN}};
    for (int i = 0; i < 2; i++) /* nothing passes before the last bundle is in force again */
        p[i + 1] = (struct pollfd){.fd = live_fd(g->link[i]), .events = POLLIN};
    if (poll(p, g->open ? 3 : 1, 100) < 0)
        return;
    for (int i = 0; i < 2; i++)
        if (p[i + 1].revents)
            take_frames(g, i);
}

static void send_status(struct gateway *g)
{
    struct sek_fault fault;
    struct sek_text t = {0};
    json_error_t error;
    if (!g->client)
        return;
    gateway_status_json(g, &t);
    json_t *status = json_loadb(t.data, t.len, 0, &error);
    if (status && sek_client_status(g->client, status, &fault))
        sek_debug("status: %s", fault.message);
    json_decref(status);
    sek_text_free(&t);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct gateway *g = arg;
    (void)fd, (void)what;
    g->now_us = sek_clock_wall_us();
    if (g->eve) {
        sek_text_clear(&g->line);
        sek_eve_stats(&g->line, g->engine, g->now_us, (g->now_us - g->started_us) / 1000000u);
        fwrite(g->line.data, 1, g->line.len, g->eve);
        fflush(g->eve);
    }
    send_status(g);
}

static void on_link(void *arg, bool up)
{
    struct gateway *g = arg;
    g->link_up = up;
    sek_info("manager %s", up ? "reachable" : "away; protection goes on with the last bundle");
    if (up)
        send_status(g);
}

static void on_signal(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    event_base_loopbreak(arg);
}

static int parse_options(struct gateway *g, int argc, char **argv)
{
    enum { INSIDE = 1, OUTSIDE, STATE, CONFIG, RULES, EVE, CONTROL, USER, DETECT, HELP };
    static const struct option options[] = {
        {"inside", required_argument, NULL, INSIDE},   {"outside", required_argument, NULL, OUTSIDE},
        {"state", required_argument, NULL, STATE},     {"config", required_argument, NULL, CONFIG},
        {"rules", required_argument, NULL, RULES},     {"eve", required_argument, NULL, EVE},
        {"control", required_argument, NULL, CONTROL}, {"user", required_argument, NULL, USER},
        {"detect", no_argument, NULL, DETECT},         {"help", no_argument, NULL, HELP},
        {0}};
    struct sek_fault fault;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (o) {
        case INSIDE:
            g->interface[0] = optarg;
            break;
        case OUTSIDE:
            g->interface[1] = optarg;
            break;
        case STATE:
            g->state = optarg;
            break;
        case CONTROL:
            g->control_path = optarg;
            break;
        case USER:
            g->user = optarg;
            break;
        case CONFIG:
            sek_config_free(g->config);
            g->config = NULL;
            if (sek_config_load(optarg, &g->config, &fault)) {
                fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
                return 1;
            }
            break;
        case RULES:
            if (g->rule_file_count == GATEWAY_RULE_FILES) {
                fprintf(stderr, "sekisho-gateway: more than %d rule files\n", GATEWAY_RULE_FILES);
                return 2;
            }
            g->rule_files[g->rule_file_count++].path = optarg;
            break;
        case EVE:
            if (!(g->eve = fopen(optarg, "ae"))) {
                fprintf(stderr, "sekisho-gateway: %s: %s\n", optarg, strerror(errno));
                return 1;
            }
            break;
        case DETECT:
            g->policy.entry = g->policy.exit = g->policy.behaviour = MODE_DETECT;
            break;
        case HELP:
            fputs(help, stdout);
            return -1;
        default:
            fputs(help, stderr);
            return 2;
        }
    }
    if (!g->interface[0] || !g->interface[1] || optind != argc) {
        fputs(help, stderr);
        return 2;
    }
    return 0;
}

/* Everything that needs root is open: go on without it. The state folder becomes the working folder
 * first, so that it stays reachable where a folder above it is closed to the user. *ENROLLED: it holds
 * an identity. */
static enum sek_error drop_rights(struct gateway *g, bool *enrolled, struct sek_fault *fault)
{
    bool landlock;
    struct sek_fault none;
    enum sek_error rc = SEK_OK;
    sek_file_magic_open(&none); /* where it is installed, rules that come later may ask for it */
    *enrolled = !chdir(g->state) && !access("identity.json", F_OK);
    if (!*enrolled && chdir("/"))
        return sek_fail(fault, SEK_EIO, "/: %s", strerror(errno));
    if (!geteuid())
        rc = sek_sandbox_user(g->user, *enrolled ? "." : NULL, fault);
    if (!rc && *enrolled && access(".", W_OK))
        rc = sek_fail(fault, SEK_EIO, "%s: cannot write: %s", g->state, strerror(errno));
    if (!rc && *enrolled)
        rc = sek_sandbox_files(".", NULL, &landlock, fault);
    return rc ? rc : sek_sandbox_calls(SEK_SANDBOX_DEVICE, fault);
}

static enum sek_error open_client(struct gateway *g, struct sek_fault *fault)
{
    struct sek_client_options options = {.state = "."};
    struct sek_client_callbacks callbacks = {
        .on_bundle = gateway_on_bundle, .on_indicators = gateway_on_indicators,
        .on_command = gateway_on_command, .on_link = on_link, .arg = g};
    bool enrolled;
    enum sek_error rc = drop_rights(g, &enrolled, fault);
    if (rc)
        return rc;
    if (!enrolled) {
        sek_warning("%s: not enrolled: running with local rules only", g->state);
        return SEK_OK;
    }
    return sek_client_open(g->base, &options, &callbacks, &g->client, fault);
}

static enum sek_error read_local_rules(struct gateway *g, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    for (unsigned i = 0; i < g->rule_file_count && !rc; i++) {
        struct gateway_rule_file *f = &g->rule_files[i];
        rc = sek_file_read(f->path, RULES_LIMIT, &f->text, &f->len, fault);
    }
    return rc ? rc : gateway_read_rules(g, NULL, &g->rules, fault);
}

static enum sek_error open_all(struct gateway *g, struct sek_fault *fault)
{
    struct sek_behaviour_settings behaviour;
    struct timeval every = {.tv_sec = STATUS_EVERY_S};
    enum sek_error rc;
    g->now_us = g->started_us = sek_clock_wall_us();
    sek_behaviour_settings_default(&behaviour);
    g->behaviour = sek_behaviour_new(&behaviour);
    g->base = event_base_new();
    if (!g->behaviour || !g->base || !blocklist_open(&g->blocked))
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    if ((rc = compiler_open(&g->compiler, fault)) || (rc = read_local_rules(g, fault)) ||
        (rc = gateway_engine_open(g, fault)) ||
        (rc = live_open(g->interface[0], &g->link[0], fault)) ||
        (rc = live_open(g->interface[1], &g->link[1], fault)) ||
        (rc = gateway_control_open(g, fault)) || (rc = open_client(g, fault)))
        return rc;
    for (int i = 0; i < 2; i++) {
        g->readable[i] = event_new(g->base, live_fd(g->link[i]), EV_READ | EV_PERSIST, on_readable, g);
        if (!g->readable[i] || event_add(g->readable[i], NULL))
            return sek_fail(fault, SEK_ENOMEM, "out of memory");
    }
    g->tick = event_new(g->base, -1, EV_PERSIST, on_tick, g);
    if (!g->tick || event_add(g->tick, &every))
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    sek_heap_give_back();
    g->open = true;
    return SEK_OK;
}

static void close_all(struct gateway *g)
{
    for (int i = 0; i < 2; i++) {
        if (g->readable[i])
            event_free(g->readable[i]);
    }
    if (g->tick)
        event_free(g->tick);
    if (g->control) {
        evconnlistener_free(g->control);
        unlink(g->control_path);
    }
    compiler_close(g->compiler);
    sek_engine_free(g->engine); /* its last events still go to the spool */
    sek_client_close(g->client);
    live_close(g->link[0]);
    live_close(g->link[1]);
    sek_compiled_free(g->rules);
    sek_reputation_free(g->reputation);
    sek_behaviour_free(g->behaviour);
    blocklist_close(&g->blocked);
    if (g->eve)
        fclose(g->eve);
    if (g->base)
        event_base_free(g->base);
    for (unsigned i = 0; i < g->rule_file_count; i++)
        free(g->rule_files[i].text);
    sek_text_free(&g->line);
    sek_config_free(g->config);
}

int gateway_run(int argc, char **argv)
{
    struct gateway *g = calloc(1, sizeof *g);
    struct sek_fault fault;
    if (!g)
        return 1;
    g->state = "/var/lib/sekisho-gateway";
    g->control_path = "/run/sekisho-gateway/control.sock";
    g->user = "nobody";
    gateway_policy_default(&g->policy);
    sek_engine_options_default(&g->options);
    int status = parse_options(g, argc, argv);
    if (!status && open_all(g, &fault)) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        status = 1;
    }
    if (!status) {
        struct event *term = evsignal_new(g->base, SIGTERM, on_signal, g->base);
        struct event *intr = evsignal_new(g->base, SIGINT, on_signal, g->base);
        event_add(term, NULL);
        event_add(intr, NULL);
        sek_info("protecting %s (inside) against %s (outside), %u rules", g->interface[0],
                 g->interface[1], g->rules->rules->count);
        event_base_dispatch(g->base);
        event_free(term);
        event_free(intr);
    }
    close_all(g);
    free(g);
    return status < 0 ? 0 : status;
}
