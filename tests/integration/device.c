/* A device for tests: the real client library driven by lines on standard input.
 *   device STATE enrol URL TOKEN KIND NAME
 *   device STATE run
 *   device STATE check FILE             check a bundle document against what STATE trusts
 * Lines: "event {...}", "inventory FILE", "status {...}", "quit". What happens is printed, one
 * line each (with DEVICE_REPORTS also "stored {...}"): "link up", "bundle N path...", "indicators {...}", "backlog N". */
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/wire/client.h"

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct device {
    struct event_base *base;
    struct sek_client *client;
    char input[1 << 18];
    size_t used;
    uint64_t backlog;
};

static void say(const char *what, const json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;
    printf("%s %s\n", what, text ? text : "");
    fflush(stdout);
    free(text);
}

static enum sek_error on_bundle(void *arg, const struct sek_bundle_view *view,
                                struct sek_fault *fault)
{
    (void)arg;
    if (getenv("DEVICE_REFUSES"))
        return sek_fail(fault, SEK_EINVAL, "rules/x.rules:1: refused for the test");
    printf("bundle %llu", (unsigned long long)view->version);
    for (size_t i = 0; i < view->count; i++)
        printf(" %s", view->files[i].path);
    printf("\n");
    for (size_t i = 0; i < view->count; i++)
        if (strstr(view->files[i].path, "patches.json") ||
            !strcmp(view->files[i].path, "policy.json") ||
            !strcmp(view->files[i].path, "indicators.json"))
            printf("file %s %s\n", view->files[i].path, view->files[i].data);
    fflush(stdout);
    return SEK_OK;
}

static void on_indicators(void *arg, json_t *add, json_t *removed)
{
    (void)arg;
    if (add)
        say("indicators-add", add);
    if (removed)
        say("indicators-remove", removed);
}

static void on_command(void *arg, json_t *command)
{
    (void)arg;
    say("command", command);
}

static void on_link(void *arg, bool up)
{
    (void)arg;
    printf("link %s\n", up ? "up" : "down");
    fflush(stdout);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct device *d = arg;
    uint64_t backlog = sek_client_backlog(d->client);
    (void)fd;
    (void)what;
    if (backlog == d->backlog)
        return;
    d->backlog = backlog;
    printf("backlog %llu\n", (unsigned long long)backlog);
    fflush(stdout);
}

static enum sek_error send_inventory(struct device *d, const char *path, struct sek_fault *fault)
{
    json_error_t error;
    json_t *doc = json_load_file(path, 0, &error);
    if (!doc)
        return sek_fail(fault, SEK_EINVAL, "%s: %s", path, error.text);
    enum sek_error rc = sek_client_inventory(d->client, doc, fault);
    json_decref(doc);
    return rc;
}

static void take_line(struct device *d, char *line)
{
    struct sek_fault fault = {0};
    enum sek_error rc = SEK_OK;
    if (!strncmp(line, "event ", 6)) {
        rc = sek_client_event(d->client, line + 6, strlen(line + 6), &fault);
        if (!rc && getenv("DEVICE_REPORTS")) {
            printf("stored %s\n", line + 6);
            fflush(stdout);
        }
    } else if (!strncmp(line, "inventory ", 10)) {
        rc = send_inventory(d, line + 10, &fault);
    } else if (!strncmp(line, "status ", 7)) {
        json_t *status = json_loads(line + 7, 0, NULL);
        rc = sek_client_status(d->client, status, &fault);
        json_decref(status);
    } else if (!strcmp(line, "quit")) {
        event_base_loopbreak(d->base);
    }
    if (rc) {
        printf("error %s\n", fault.message);
        fflush(stdout);
    }
}

static void on_input(evutil_socket_t fd, short what, void *arg)
{
    struct device *d = arg;
    (void)what;
    ssize_t n = read(fd, d->input + d->used, sizeof d->input - d->used - 1);
    if (n <= 0) {
        event_base_loopbreak(d->base);
        return;
    }
    d->used += (size_t)n;
    char *start = d->input, *end;
    while ((end = memchr(start, '\n', d->used - (size_t)(start - d->input)))) {
        *end = '\0';
        take_line(d, start);
        start = end + 1;
    }
    d->used -= (size_t)(start - d->input);
    memmove(d->input, start, d->used);
}

static int run(const char *state)
{
    static struct device d;
    struct sek_fault fault = {0};
    struct timeval tick = {0, 50000};
    const char *limit = getenv("DEVICE_SPOOL");
    struct sek_client_options options = {.state = state,
                                         .spool_limit = limit ? strtoull(limit, NULL, 10) : 0,
                                         .offline = getenv("DEVICE_OFFLINE") != NULL};
    struct sek_client_callbacks callbacks = {on_bundle, on_indicators, on_command, on_link, NULL};
    d.base = event_base_new();
    d.backlog = UINT64_MAX;
    if (sek_client_open(d.base, &options, &callbacks, &d.client, &fault)) {
        fprintf(stderr, "%s\n", fault.message);
        return 1;
    }
    struct event *input = event_new(d.base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, &d);
    struct event *timer = event_new(d.base, -1, EV_PERSIST, on_tick, &d);
    event_add(input, NULL);
    event_add(timer, &tick);
    event_base_dispatch(d.base);
    sek_client_close(d.client);
    event_free(input);
    event_free(timer);
    event_base_free(d.base);
    return 0;
}

/* Check the bundle document in PATH against STATE's trust, DEVICE_LATER_DAYS from now. */
static int check(const char *state, const char *path)
{
    char place[4096];
    char *root = NULL;
    size_t len = 0;
    struct sek_fault fault = {0};
    const char *days = getenv("DEVICE_LATER_DAYS");
    uint64_t now = sek_clock_wall_us() + (days ? strtoull(days, NULL, 10) * 86400 * 1000000 : 0);
    struct sek_bundle_store *store = NULL;
    struct sek_bundle_candidate *good = NULL, *candidate = NULL;
    json_t *doc = json_load_file(path, 0, NULL);
    snprintf(place, sizeof place, "%s/root.json", state);
    enum sek_error rc = sek_file_read(place, 1 << 20, &root, &len, &fault);
    snprintf(place, sizeof place, "%s/bundle", state);
    if (!rc)
        rc = sek_bundle_store_open(place, root, &store, &fault);
    if (!rc)
        good = sek_bundle_store_good(store, NULL);
    if (!rc)
        rc = sek_bundle_store_check(store, doc, now, &candidate, &fault);
    printf("%s: %s\n", sek_error_name(rc), rc ? fault.message : "accepted");
    sek_bundle_candidate_free(good);
    sek_bundle_candidate_free(candidate);
    sek_bundle_store_free(store);
    json_decref(doc);
    free(root);
    return rc != SEK_OK;
}

int main(int argc, char **argv)
{
    struct sek_fault fault = {0};
    sek_log_open("device", SEK_LOG_INFO);
    if (argc == 7 && !strcmp(argv[2], "enrol")) {
        enum sek_error rc =
            sek_client_enrol(argv[1], argv[3], argv[4], argv[5], argv[6], &fault);
        if (rc)
            fprintf(stderr, "%s: %s\n", sek_error_name(rc), fault.message);
        return rc != SEK_OK;
    }
    if (argc == 4 && !strcmp(argv[2], "check"))
        return check(argv[1], argv[3]);
    if (argc == 3 && !strcmp(argv[2], "run"))
        return run(argv[1]);
    fprintf(stderr, "usage: device STATE enrol URL TOKEN KIND NAME | run | check FILE\n");
    return 2;
}
