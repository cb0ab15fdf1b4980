/* The device's link to the manager: what waits to be sent, in which order, and what the manager
 * pushes. The push connection shows whether the manager is there; requests go out one at a time on
 * the other connection: inventory, bundle, status, then events. */
#include "lib/wire/client.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/text.h"
#include "lib/bundle/metadata.h"
#include "lib/wire/http.h"
#include "lib/wire/inventory.h"
#include "lib/wire/record.h"
#include "lib/wire/spool.h"
#include "lib/wire/tls.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_BYTES     (256u << 10)
#define BATCH_RECORDS   500
#define PUSH_SILENCE_S  40.0
#define ANSWER_S        5.0 /* to a question */
#define BACKOFF_FIRST   200 /* ms */
#define BACKOFF_LAST    5000
#define PUSH_LINE_LIMIT (4u << 20)

struct sek_client {
    struct sek_client_callbacks callbacks;
    uint64_t (*now_us)(void);
    char *state, *device, *tenant, *prefix;
    struct event_base *base;
    SSL_CTX *tls;
    struct sek_http *push, *requests, *questions;
    void (*on_answer)(void *arg, const json_t *answer);
    void *answer_arg;
    struct event *reconnect, *work;
    unsigned backoff_ms;
    bool up, offline, confirms;
    bool unconfirmed; /* a bundle was taken and is not said to be in force yet */
    struct sek_text line; /* of the push stream, not yet whole */
    struct sek_spool *spool;
    char prev[SEK_SHA256_HEX];
    uint64_t sent_seq; /* last event of the batch under way */
    struct sek_bundle_store *bundles;
    bool bundle_wanted;
    struct sek_inventory inventory;
    json_t *status;
    bool status_wanted;
};

static void start_push(struct sek_client *c);

static void after(struct event *event, unsigned ms)
{
    struct timeval tv = {ms / 1000, (suseconds_t)(ms % 1000) * 1000};
    event_add(event, &tv);
}

/* Work is done from the loop, never from within the caller's call or another answer's handling. */
static void wake(struct sek_client *c)
{
    if (c->up)
        after(c->work, 0);
}

static void retry_later(struct sek_client *c)
{
    unsigned jitter = (unsigned)(sek_clock_mono_us() % (c->backoff_ms / 2 + 1));
    after(c->reconnect, c->backoff_ms / 2 + jitter);
    c->backoff_ms = c->backoff_ms * 2 > BACKOFF_LAST ? BACKOFF_LAST : c->backoff_ms * 2;
}

static void link_changed(struct sek_client *c, bool up)
{
    if (c->up == up)
        return;
    c->up = up;
    if (c->callbacks.on_link)
        c->callbacks.on_link(c->callbacks.arg, up);
}

/* --- bundles --- */

static void report_bundle(struct sek_client *c, uint64_t refused, const struct sek_fault *fault)
{
    json_t *bundle = json_pack("{s:I, s:s}", "version",
                               (json_int_t)sek_bundle_store_version(c->bundles), "state",
                               sek_bundle_store_version(c->bundles) ? "in-force" : "none");
    if (fault) {
        json_object_set_new(bundle, "refused", json_integer((json_int_t)refused));
        json_object_set_new(bundle, "error", json_string(sek_error_name(fault->code)));
        json_object_set_new(bundle, "fault", json_string(fault->message));
    }
    json_object_set_new(c->status, "bundle", bundle);
    c->status_wanted = true;
}

/* Apply and keep; the previous one stays in force unless everything succeeds. */
static enum sek_error apply_bundle(struct sek_client *c, struct sek_bundle_candidate *candidate,
                                   struct sek_fault *fault)
{
    const struct sek_bundle_view *view = sek_bundle_candidate_view(candidate);
    enum sek_error rc = SEK_OK;
    if (view->version != sek_bundle_store_version(c->bundles) && c->callbacks.on_bundle) {
        rc = c->callbacks.on_bundle(c->callbacks.arg, view, fault);
        c->unconfirmed = c->confirms && !rc;
    }
    return rc ? rc : sek_bundle_store_commit(c->bundles, candidate, fault);
}

static void take_bundle(struct sek_client *c, const char *body, size_t len)
{
    struct sek_fault fault = {0};
    struct sek_bundle_candidate *candidate = NULL;
    json_error_t error;
    uint64_t offered = 0;
    enum sek_error rc;
    json_t *doc = json_loadb(body, len, JSON_REJECT_DUPLICATES, &error);
    if (!doc)
        rc = sek_fail(&fault, SEK_EINVAL, "bundle document: line %d: %s", error.line, error.text);
    else
        rc = sek_bundle_store_check(c->bundles, doc, c->now_us(), &candidate, &fault);
    if (!rc) {
        offered = sek_bundle_candidate_view(candidate)->version;
        rc = apply_bundle(c, candidate, &fault);
    }
    if (rc)
        sek_warning("bundle refused, version %llu stays in force: %s",
                    (unsigned long long)sek_bundle_store_version(c->bundles), fault.message);
    if (rc || !c->unconfirmed)
        report_bundle(c, offered, rc ? &fault : NULL);
    sek_bundle_candidate_free(candidate);
    json_decref(doc);
}

/* --- requests --- */

static void send_request(struct sek_client *c, const char *what, const char *type, const void *body,
                         size_t len, void (*on_done)(void *, const struct sek_http_answer *))
{
    char path[512];
    struct sek_fault fault;
    snprintf(path, sizeof path, "%s/%s", c->prefix, what);
    struct sek_http_request request = {.method = "POST",
                                       .path = path,
                                       .body = body,
                                       .len = len,
                                       .content_type = type,
                                       .on_done = on_done,
                                       .arg = c};
    if (sek_http_send(c->requests, &request, &fault)) {
        sek_warning("%s: %s", what, fault.message);
        after(c->work, BACKOFF_LAST);
    }
}

static void send_json(struct sek_client *c, const char *what, const json_t *body,
                      void (*on_done)(void *, const struct sek_http_answer *))
{
    char *text = json_dumps(body, JSON_COMPACT);
    if (text)
        send_request(c, what, "application/json", text, strlen(text), on_done);
    free(text);
}

/* Ask again later when the manager did not take it for a reason that can pass. */
static bool answered(struct sek_client *c, const char *what, const struct sek_http_answer *answer)
{
    if (answer->status && answer->status < 500 && answer->status != 429) {
        wake(c);
        return true;
    }
    if (answer->status)
        sek_warning("%s: the manager answered %d: %.200s", what, answer->status, answer->body);
    if (c->up)
        after(c->work, 1000);
    return false;
}

static void on_inventory_answer(void *arg, const struct sek_http_answer *answer)
{
    struct sek_client *c = arg;
    if (!answered(c, "inventory", answer))
        return;
    if (answer->status == 409)
        sek_inventory_forget(&c->inventory);
    else if (answer->status == 200)
        sek_inventory_sent(&c->inventory, answer->body, answer->len);
    else {
        sek_warning("inventory: the manager answered %d: %.200s", answer->status, answer->body);
        sek_inventory_give_up(&c->inventory);
    }
}

static void on_bundle_answer(void *arg, const struct sek_http_answer *answer)
{
    struct sek_client *c = arg;
    if (!answered(c, "bundle", answer))
        return;
    c->bundle_wanted = false;
    if (answer->status == 200)
        take_bundle(c, answer->body, answer->len);
    else
        sek_warning("bundle: the manager answered %d: %.200s", answer->status, answer->body);
}

static void on_status_answer(void *arg, const struct sek_http_answer *answer)
{
    if (!answered(arg, "status", answer))
        ((struct sek_client *)arg)->status_wanted = true;
}

static void on_events_answer(void *arg, const struct sek_http_answer *answer)
{
    struct sek_client *c = arg;
    struct sek_fault fault;
    if (answer->status != 200 && answer->status != 422) {
        /* Anything else: the batch stays spooled and goes again, so nothing is lost. */
        if (answer->status)
            sek_warning("events: the manager answered %d: %.200s", answer->status, answer->body);
        if (c->up)
            after(c->work, 1000);
        return;
    }
    if (answer->status == 422)
        sek_warning("events: some lines were refused: %.300s", answer->body);
    if (sek_spool_acknowledge(c->spool, c->sent_seq, &fault))
        sek_warning("%s", fault.message);
    wake(c);
}

static void send_bundle_request(struct sek_client *c)
{
    json_t *body = json_pack("{s:I, s:o}", "root",
                             (json_int_t)sek_bundle_store_root_version(c->bundles), "have",
                             sek_bundle_store_have(c->bundles));
    send_json(c, "bundle", body, on_bundle_answer);
    json_decref(body);
}

static void send_events(struct sek_client *c)
{
    struct sek_text batch = {0};
    struct sek_fault fault;
    enum sek_error rc =
        sek_spool_batch(c->spool, BATCH_BYTES, BATCH_RECORDS, &batch, &c->sent_seq, &fault);
    if (!rc)
        send_request(c, "events", "application/x-ndjson", batch.data, batch.len, on_events_answer);
    else if (rc != SEK_EAGAIN)
        sek_warning("%s", fault.message);
    sek_text_free(&batch);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct sek_client *c = arg;
    (void)fd;
    (void)what;
    if (!c->up || sek_http_busy(c->requests))
        return;
    if (sek_inventory_pending(&c->inventory)) {
        json_t *body = sek_inventory_message(&c->inventory);
        send_json(c, "inventory", body, on_inventory_answer);
        json_decref(body);
    } else if (c->bundle_wanted) {
        send_bundle_request(c);
    } else if (c->status_wanted) {
        c->status_wanted = false;
        send_json(c, "status", c->status, on_status_answer);
    } else {
        send_events(c);
    }
}

/* --- push --- */

static void take_push(struct sek_client *c, const char *line, size_t len)
{
    json_error_t error;
    json_t *message = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    const char *type = json_string_value(json_object_get(message, "type"));
    if (!type) {
        sek_warning("push: byte %d: %s", error.position, message ? "no type" : error.text);
    } else if (!strcmp(type, "hello") || !strcmp(type, "bundle")) {
        uint64_t version = (uint64_t)json_integer_value(json_object_get(message, "version"));
        if (!strcmp(type, "hello")) {
            c->backoff_ms = BACKOFF_FIRST;
            c->status_wanted = true;
            link_changed(c, true);
        }
        if (version != sek_bundle_store_version(c->bundles))
            c->bundle_wanted = true;
        wake(c);
    } else if (!strcmp(type, "indicators") && c->callbacks.on_indicators) {
        c->callbacks.on_indicators(c->callbacks.arg, json_object_get(message, "add"),
                                   json_object_get(message, "remove"));
    } else if (!strcmp(type, "command") && c->callbacks.on_command) {
        c->callbacks.on_command(c->callbacks.arg, message);
    }
    json_decref(message);
}

static void on_push_data(void *arg, const char *data, size_t len)
{
    struct sek_client *c = arg;
    while (len) {
        const char *end = memchr(data, '\n', len);
        size_t part = end ? (size_t)(end - data) : len;
        sek_text_add(&c->line, data, part);
        if (c->line.len > PUSH_LINE_LIMIT) {
            sek_warning("push: a line is longer than %u bytes", PUSH_LINE_LIMIT);
            sek_text_clear(&c->line);
        }
        if (!end)
            return;
        if (c->line.len)
            take_push(c, c->line.data, c->line.len);
        sek_text_clear(&c->line);
        data += part + 1;
        len -= part + 1;
    }
}

static void on_push_end(void *arg, const struct sek_http_answer *answer)
{
    struct sek_client *c = arg;
    if (answer->status && answer->status != 200)
        sek_warning("push: the manager answered %d: %.200s", answer->status, answer->body);
    else if (c->up)
        sek_info("link to the manager lost: %s",
                 answer->fault ? answer->fault->message : "it closed the connection");
    link_changed(c, false);
    retry_later(c);
}

static void start_push(struct sek_client *c)
{
    char path[512];
    struct sek_fault fault;
    snprintf(path, sizeof path, "%s/push", c->prefix);
    struct sek_http_request request = {.method = "GET",
                                       .path = path,
                                       .timeout_s = PUSH_SILENCE_S,
                                       .on_data = on_push_data,
                                       .on_done = on_push_end,
                                       .arg = c};
    sek_text_clear(&c->line);
    if (sek_http_send(c->push, &request, &fault))
        retry_later(c);
}

static void on_reconnect(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    start_push(arg);
}

/* --- life --- */

static enum sek_error load_identity(struct sek_client *c, char host[256], int *port,
                                    struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    const char *device, *tenant, *name;
    json_error_t error;
    snprintf(path, sizeof path, "%s/identity.json", c->state);
    enum sek_error rc = sek_file_read(path, 16384, &text, &len, fault);
    if (rc)
        return rc;
    json_t *doc = json_loadb(text, len, 0, &error);
    free(text);
    if (!doc || json_unpack(doc, "{s:s, s:s, s:s, s:i}", "device", &device, "tenant", &tenant,
                            "host", &name, "port", port) ||
        strlen(name) > 255) {
        json_decref(doc);
        return sek_fail(fault, SEK_EINVAL, "%s: device, tenant, host and port expected", path);
    }
    snprintf(host, 256, "%s", name);
    c->device = strdup(device);
    c->tenant = strdup(tenant);
    if (asprintf(&c->prefix, "/device/v1/%s/%s", tenant, device) < 0)
        c->prefix = NULL;
    json_decref(doc);
    return c->device && c->tenant && c->prefix ? SEK_OK
                                               : sek_fail(fault, SEK_ENOMEM, "out of memory");
}

static enum sek_error open_spool(struct sek_client *c, uint64_t limit, struct sek_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/spool", c->state);
    enum sek_error rc = sek_spool_open(path, limit, &c->spool, fault);
    if (rc)
        return rc;
    const char *last = sek_spool_last(c->spool);
    if (!last || sek_record_id(last, strlen(last), c->prev, NULL))
        memcpy(c->prev, SEK_RECORD_NO_PREVIOUS, sizeof c->prev);
    return SEK_OK;
}

static enum sek_error open_bundles(struct sek_client *c, struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *root = NULL;
    size_t len = 0;
    struct sek_fault why = {0};
    snprintf(path, sizeof path, "%s/root.json", c->state);
    enum sek_error rc = sek_file_read(path, SEK_METADATA_LIMIT, &root, &len, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/bundle", c->state);
    rc = sek_bundle_store_open(path, root, &c->bundles, fault);
    free(root);
    if (rc)
        return rc;
    struct sek_bundle_candidate *good = sek_bundle_store_good(c->bundles, &why);
    if (good && c->callbacks.on_bundle &&
        c->callbacks.on_bundle(c->callbacks.arg, sek_bundle_candidate_view(good), &why))
        sek_warning("the last good bundle could not be applied: %s", why.message);
    else if (!good && why.code != SEK_ENOTFOUND)
        sek_warning("the last good bundle could not be loaded: %s", why.message);
    sek_bundle_candidate_free(good);
    report_bundle(c, 0, NULL);
    return SEK_OK;
}

static enum sek_error open_links(struct sek_client *c, const char *host, int port,
                                 struct sek_fault *fault)
{
    char ca[PATH_MAX], cert[PATH_MAX], key[PATH_MAX];
    snprintf(ca, sizeof ca, "%s/ca.pem", c->state);
    snprintf(cert, sizeof cert, "%s/cert.pem", c->state);
    snprintf(key, sizeof key, "%s/key.pem", c->state);
    struct sek_tls_options tls = {.ca_file = ca, .certificate = cert, .key = key};
    enum sek_error rc = sek_tls_client(&tls, &c->tls, fault);
    if (!rc)
        rc = sek_http_open(c->base, c->tls, host, port, &c->push, fault);
    if (!rc)
        rc = sek_http_open(c->base, c->tls, host, port, &c->requests, fault);
    if (!rc)
        rc = sek_http_open(c->base, c->tls, host, port, &c->questions, fault);
    return rc;
}

enum sek_error sek_client_open(struct event_base *base, const struct sek_client_options *options,
                               const struct sek_client_callbacks *callbacks,
                               struct sek_client **out, struct sek_fault *fault)
{
    char host[256];
    int port = 0;
    enum sek_error rc;
    struct sek_client *c = calloc(1, sizeof *c);
    if (!c || !(c->state = strdup(options->state)) || !(c->status = json_object())) {
        sek_client_close(c);
        return sek_fail(fault, SEK_ENOMEM, "device client: out of memory");
    }
    c->base = base;
    c->callbacks = *callbacks;
    c->now_us = options->now_us ? options->now_us : sek_clock_wall_us;
    c->offline = options->offline;
    c->confirms = options->confirms;
    c->backoff_ms = BACKOFF_FIRST;
    c->reconnect = evtimer_new(base, on_reconnect, c);
    c->work = evtimer_new(base, on_work, c);
    rc = c->reconnect && c->work ? load_identity(c, host, &port, fault)
                                 : sek_fail(fault, SEK_ENOMEM, "device client: out of memory");
    if (!rc)
        rc = open_spool(c, options->spool_limit, fault);
    if (!rc)
        rc = open_bundles(c, fault);
    if (!rc)
        rc = open_links(c, host, port, fault);
    if (!rc)
        rc = sek_inventory_open(&c->inventory, c->state, fault);
    if (rc) {
        sek_client_close(c);
        return rc;
    }
    if (!c->offline)
        start_push(c);
    *out = c;
    return SEK_OK;
}

void sek_client_close(struct sek_client *c)
{
    if (!c)
        return;
    sek_http_close(c->push);
    sek_http_close(c->requests);
    sek_http_close(c->questions);
    SSL_CTX_free(c->tls);
    if (c->reconnect)
        event_free(c->reconnect);
    if (c->work)
        event_free(c->work);
    sek_spool_close(c->spool);
    sek_bundle_store_free(c->bundles);
    sek_inventory_clear(&c->inventory);
    json_decref(c->status);
    sek_text_free(&c->line);
    free(c->state);
    free(c->device);
    free(c->tenant);
    free(c->prefix);
    free(c);
}

const char *sek_client_device(const struct sek_client *c)
{
    return c->device;
}

const char *sek_client_tenant(const struct sek_client *c)
{
    return c->tenant;
}

bool sek_client_is_up(const struct sek_client *c)
{
    return c->up;
}

uint64_t sek_client_backlog(const struct sek_client *c)
{
    return sek_spool_backlog(c->spool);
}

uint64_t sek_client_bundle_version(const struct sek_client *c)
{
    return sek_bundle_store_version(c->bundles);
}

enum sek_error sek_client_event(struct sek_client *c, const char *event, size_t len,
                                struct sek_fault *fault)
{
    struct sek_text record = {0};
    enum sek_error rc = sek_record_make(event, len, c->device, c->tenant, sek_spool_next(c->spool),
                                        c->prev, &record, fault);
    if (!rc)
        rc = sek_spool_append(c->spool, record.data, record.len, fault);
    if (!rc)
        rc = sek_record_id(record.data, record.len, c->prev, fault);
    sek_text_free(&record);
    wake(c);
    return rc;
}

enum sek_error sek_client_inventory(struct sek_client *c, json_t *inventory,
                                    struct sek_fault *fault)
{
    enum sek_error rc = sek_inventory_set(&c->inventory, inventory, fault);
    wake(c);
    return rc;
}

static void on_question_answer(void *arg, const struct sek_http_answer *answer)
{
    struct sek_client *c = arg;
    json_t *doc = answer->status == 200 ? json_loadb(answer->body, answer->len, 0, NULL) : NULL;
    c->on_answer(c->answer_arg, doc);
    json_decref(doc);
}

enum sek_error sek_client_ask(struct sek_client *c, const char *what, const json_t *body,
                              void (*on_answer)(void *arg, const json_t *answer), void *arg,
                              struct sek_fault *fault)
{
    char path[512];
    if (!c->up)
        return sek_fail(fault, SEK_ESTATE, "%s: the link is down", what);
    char *text = json_dumps(body, JSON_COMPACT);
    if (!text)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", what);
    snprintf(path, sizeof path, "%s/%s", c->prefix, what);
    struct sek_http_request request = {.method = "POST",
                                       .path = path,
                                       .body = text,
                                       .len = strlen(text),
                                       .content_type = "application/json",
                                       .timeout_s = ANSWER_S,
                                       .on_done = on_question_answer,
                                       .arg = c};
    enum sek_error rc = sek_http_busy(c->questions)
                            ? sek_fail(fault, SEK_ESTATE, "%s: a question is under way", what)
                            : SEK_OK;
    if (!rc) {
        c->on_answer = on_answer;
        c->answer_arg = arg;
        rc = sek_http_send(c->questions, &request, fault);
    }
    free(text);
    return rc;
}

enum sek_error sek_client_status(struct sek_client *c, json_t *status, struct sek_fault *fault)
{
    if (!json_is_object(status))
        return sek_fail(fault, SEK_EINVAL, "status: an object is expected");
    json_object_update(c->status, status);
    c->status_wanted = true;
    wake(c);
    return SEK_OK;
}

void sek_client_confirm(struct sek_client *c)
{
    if (!c->unconfirmed)
        return;
    c->unconfirmed = false;
    report_bundle(c, 0, NULL);
    wake(c);
}

void sek_client_reconnect(struct sek_client *c)
{
    if (!c->offline && sek_http_busy(c->push))
        sek_http_abort(c->push, "it is opened again to see whether the manager is reached");
}
