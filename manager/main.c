/* sekisho-manager: options, first start, listeners, signals. It fails closed towards people (no
 * half-open API) and open towards devices: while it is away they protect with their last good
 * bundle and keep their events. */
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"
#include "manager/account.h"
#include "manager/bundles.h"
#include "manager/content.h"
#include "manager/http.h"
#include "manager/indicators.h"
#include "manager/reputation.h"
#include "manager/intel.h"
#include "manager/push.h"
#include "manager/silence.h"
#include "manager/stream.h"
#include "manager/uninstall.h"
#include "manager/worker.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAMES_MAX 16

struct options {
    const char *state, *listen, *device_listen, *user, *console, *content, *root_keys;
    const char *names[NAMES_MAX];
    size_t name_count;
    bool print_login, rotate;
    long inline_indicators;
};

static const char usage[] =
    "Usage: sekisho-manager [option...]\n"
    "  --state DIR            keys, database and feeds (default /var/lib/sekisho/manager)\n"
    "  --listen ADDR:PORT     REST and console (default 0.0.0.0:8443)\n"
    "  --device-listen A:P    agents and gateways (default 0.0.0.0:8444)\n"
    "  --name NAME            host name or address in the server certificate; repeat it\n"
    "  --console DIR          files of the console\n"
    "  --content DIR          rules, patches and advisories\n"
    "  --user USER            become USER after binding (when started as root)\n"
    "  --print-login          print a new one-time administrator login and exit\n"
    "  --rotate-keys          new online signing keys under a new root, then exit\n"
    "  --inline-indicators N  names and URLs in a bundle; of more, devices ask by hash prefix (20000)\n"
    "  --root-keys DIR        where root-1.pem and root-2.pem are (default STATE/keys)\n"
    "  --verbose, --version, --help\n";

/* "ADDR:PORT", "[::]:PORT" or ":PORT". */
static enum sek_error split_address(const char *text, const char *option, char host[128], int *port,
                                    struct sek_fault *fault)
{
    const char *colon = strrchr(text, ':');
    const char *start = *text == '[' ? text + 1 : text;
    char *end = NULL;
    long value = colon ? strtol(colon + 1, &end, 10) : 0;
    if (!colon || end == colon + 1 || *end || value < 1 || value > 65535 ||
        colon - start >= 127)
        return sek_fail(fault, SEK_EINVAL, "--%s %s: ADDRESS:PORT expected", option, text);
    size_t len = (size_t)(colon - start);
    if (*text == '[' && len && start[len - 1] == ']')
        len--;
    snprintf(host, 128, "%.*s", (int)len, len ? start : "0.0.0.0");
    if (!len)
        snprintf(host, 128, "0.0.0.0");
    *port = (int)value;
    return SEK_OK;
}

static int read_options(int argc, char **argv, struct options *o)
{
    static const struct option table[] = {
        {"state", 1, NULL, 's'},       {"listen", 1, NULL, 'l'},  {"device-listen", 1, NULL, 'd'},
        {"name", 1, NULL, 'n'},        {"console", 1, NULL, 'c'}, {"content", 1, NULL, 'C'},
        {"user", 1, NULL, 'u'},        {"print-login", 0, NULL, 'p'},
        {"rotate-keys", 0, NULL, 'r'}, {"root-keys", 1, NULL, 'R'}, {"inline-indicators", 1, NULL, 'i'}, {"verbose", 0, NULL, 'v'},
        {"version", 0, NULL, 'V'},     {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (c) {
        case 's':
            o->state = optarg;
            break;
        case 'l':
            o->listen = optarg;
            break;
        case 'd':
            o->device_listen = optarg;
            break;
        case 'n':
            if (o->name_count < NAMES_MAX)
                o->names[o->name_count++] = optarg;
            break;
        case 'c':
            o->console = optarg;
            break;
        case 'C':
            o->content = optarg;
            break;
        case 'u':
            o->user = optarg;
            break;
        case 'p':
            o->print_login = true;
            break;
        case 'r':
            o->rotate = true;
            break;
        case 'i':
            o->inline_indicators = strtol(optarg, NULL, 10);
            break;
        case 'R':
            o->root_keys = optarg;
            break;
        case 'v':
            sek_log_open("sekisho-manager", SEK_LOG_DEBUG);
            break;
        case 'V':
            puts("sekisho-manager " SEK_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "sekisho-manager: unexpected \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    return -1;
}

/* The first of: the option, FOLDER beside the source tree's build, the installed place. */
static const char *find_folder(const char *option, const char *folder, char out[PATH_MAX])
{
    char self[PATH_MAX - 64];
    struct stat st;
    if (option)
        return option;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    for (size_t i = 0; i < 3; i++) {
        if (i == 0)
            snprintf(out, PATH_MAX, "%s/../../%s", self, folder);
        else if (i == 1)
            snprintf(out, PATH_MAX, "%s/../../../%s", self, folder);
        else
            snprintf(out, PATH_MAX, "/usr/share/sekisho/%s", folder);
        if (!stat(out, &st) && S_ISDIR(st.st_mode))
            return out;
    }
    return NULL;
}

static enum sek_error print_login(struct sek_store *store, const char *listen,
                                  struct sek_fault *fault)
{
    char secret[SEK_SECRET_TEXT];
    enum sek_error rc = sek_account_one_time(store, "admin", secret, fault);
    if (!rc) {
        printf("one-time login: %s\naddress: https://%s/#/login?one_time=%s\n", secret, listen,
               secret);
        fflush(stdout);
    }
    return rc;
}

static enum sek_error open_store(const struct options *o, struct sek_manager *m,
                                 struct sek_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/manager.db", o->state);
    enum sek_error rc = sek_make_folder(o->state, 0700, fault);
    if (!rc)
        rc = sek_store_open(path, &m->store, fault);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "INSERT INTO tenants(id, name, created) VALUES(?,?,?)"
                           " ON CONFLICT DO NOTHING",
                           "ssi", SEK_DEFAULT_TENANT, "Default", sek_now());
    if (!rc)
        rc = sek_indicator_hashes(m, fault);
    return rc;
}

static enum sek_error open_parts(const struct options *o, struct sek_manager *m,
                                 struct sek_fault *fault)
{
    static const char *const always[] = {"localhost", "127.0.0.1", "::1"};
    char path[PATH_MAX];
    const char *names[NAMES_MAX + 3];
    size_t count = 0;
    for (size_t i = 0; i < 3; i++)
        names[count++] = always[i];
    for (size_t i = 0; i < o->name_count; i++)
        names[count++] = o->names[i];
    enum sek_error rc = sek_pki_open(o->state, names, count, &m->pki, fault);
    snprintf(path, sizeof path, "%s/keys", o->state);
    if (!rc)
        rc = sek_keys_open(path, &m->keys, fault);
    if (!rc)
        rc = sek_uninstall_open(path, m->uninstall_secret, fault);
    if (!rc)
        rc = sek_content_open(m->content_folder, &m->content, fault);
    if (!rc)
        rc = sek_intel_open(m, m->content_folder, &m->intel, fault);
    if (!rc)
        rc = sek_push_open(m, &m->hub, fault);
    if (!rc)
        rc = sek_streams_open(m, &m->streams, fault);
    if (!rc)
        rc = sek_bundles_open(m, &m->bundles, fault);
    if (!rc)
        rc = sek_worker_open(m->base, &m->worker, fault);
    return rc;
}

static void close_parts(struct sek_manager *m)
{
    sek_worker_close(m->worker);
    sek_streams_close(m->streams);
    sek_push_close(m->hub);
    sek_bundles_close(m->bundles);
    sek_intel_close(m->intel);
    sek_content_free(m->content);
    sek_keys_free(m->keys);
    sek_pki_free(m->pki);
    sek_store_close(m->store);
}

/* Content may be newer than at the last start: every device is matched once. */
static void match_all(struct sek_manager *m)
{
    json_t *rows = NULL, *row;
    size_t i;
    struct sek_fault fault;
    if (sek_store_rows(m->store, &rows, NULL, "SELECT id, tenant FROM devices", ""))
        return;
    json_array_foreach(rows, i, row)
    {
        if (sek_intel_match(m, json_string_value(json_object_get(row, "tenant")),
                            json_string_value(json_object_get(row, "id")), NULL, &fault))
            sek_error_log("matching: %s", fault.message);
    }
    json_decref(rows);
}

static void on_stop(evutil_socket_t signal_number, short what, void *base)
{
    (void)what;
    sek_info("signal %d: stopping", (int)signal_number);
    event_base_loopexit(base, NULL);
}

static void on_minute(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    sek_indicators_expire(arg);
}

static void on_silence(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    sek_silence_look(arg);
}

static enum sek_error serve(const struct options *o, struct sek_manager *m, struct sek_fault *fault)
{
    char host[128], device_host[128];
    int port;
    struct sek_listener rest = {0}, devices = {0};
    struct timeval minute = {60, 0}, often = {SEK_SILENCE_EVERY_S, 0};
    struct event *events[4] = {evsignal_new(m->base, SIGTERM, on_stop, m->base),
                               evsignal_new(m->base, SIGINT, on_stop, m->base),
                               event_new(m->base, -1, EV_PERSIST, on_minute, m),
                               event_new(m->base, -1, EV_PERSIST, on_silence, m)};
    event_add(events[0], NULL);
    event_add(events[1], NULL);
    event_add(events[2], &minute);
    event_add(events[3], &often);
    enum sek_error rc = split_address(o->listen, "listen", host, &port, fault);
    if (!rc)
        rc = split_address(o->device_listen, "device-listen", device_host, &m->device_port, fault);
    if (!rc)
        rc = sek_listener_open(m, host, port, false, &rest, fault);
    if (!rc)
        rc = sek_listener_open(m, device_host, m->device_port, true, &devices, fault);
    if (!rc && o->user && !geteuid())
        rc = sek_sandbox_user(o->user, o->state, fault);
    if (!rc)
        rc = sek_sandbox_calls(SEK_SANDBOX_SERVER, fault);
    if (!rc) {
        match_all(m);
        sek_info("listening on https://%s (REST, console) and https://%s (devices)", o->listen,
                 o->device_listen);
        event_base_dispatch(m->base);
    }
    sek_worker_close(m->worker);
    m->worker = NULL;
    sek_streams_close(m->streams);
    m->streams = NULL;
    sek_push_close(m->hub);
    m->hub = NULL;
    sek_listener_close(&rest);
    sek_listener_close(&devices);
    event_base_loop(m->base, EVLOOP_NONBLOCK); /* connections are freed from the loop */
    for (int i = 0; i < 4; i++)
        event_free(events[i]);
    return rc;
}

static enum sek_error run(const struct options *o, struct sek_manager *m, struct sek_fault *fault)
{
    char keys[PATH_MAX];
    enum sek_error rc = open_store(o, m, fault);
    snprintf(keys, sizeof keys, "%s/keys", o->state);
    if (!rc && o->print_login)
        return print_login(m->store, o->listen, fault);
    if (!rc && o->rotate)
        return sek_keys_rotate(keys, o->root_keys ? o->root_keys : keys, fault);
    if (!rc)
        rc = open_parts(o, m, fault);
    if (!rc && sek_account_none(m->store))
        rc = print_login(m->store, o->listen, fault);
    return rc ? rc : serve(o, m, fault);
}

int main(int argc, char **argv)
{
    struct options o = {.inline_indicators = 20000, .state = "/var/lib/sekisho/manager",
                        .listen = "0.0.0.0:8443",
                        .device_listen = "0.0.0.0:8444"};
    static struct sek_manager m; /* the rate limits' tables are too large for the stack */
    char console[PATH_MAX], content[PATH_MAX], api[PATH_MAX];
    struct sek_fault fault = {0};
    sek_log_open("sekisho-manager", SEK_LOG_INFO);
    int status = read_options(argc, argv, &o);
    if (status >= 0)
        return status;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    m.state = o.state;
    m.console = find_folder(o.console, "console/dist", console);
    m.inline_indicators = o.inline_indicators;
    m.content_folder = find_folder(o.content, "content", content);
    if (!m.content_folder)
        m.content_folder = "/usr/share/sekisho/content";
    m.api_folder = find_folder(NULL, "docs/api", api);
    if (!m.api_folder)
        m.api_folder = "/usr/share/sekisho/docs/api";
    m.started_us = sek_clock_mono_us();
    m.logins.per_minute = 10;
    m.enrolments.per_minute = 120;
    m.base = event_base_new();
    enum sek_error rc = run(&o, &m, &fault);
    if (rc)
        sek_error_log("%s", fault.message);
    close_parts(&m);
    event_base_free(m.base);
    return rc ? 1 : 0;
}
