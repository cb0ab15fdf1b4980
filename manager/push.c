/* One entry per held connection, in a list. A device has one: a newer connection ends the older. */
#include "manager/push.h"

#include "manager/bundles.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEEPALIVE_S   15
#define WRITE_WAIT_S  30
#define BACKLOG_LIMIT (8u << 20) /* bytes not taken by a device: it is stuck */

struct connection {
    struct connection *next;
    struct sek_push_hub *hub;
    struct evhttp_request *http;
    char tenant[64], device[64];
};

struct sek_push_hub {
    struct connection *first;
    struct event *keepalive;
};

static void unlink_connection(struct connection *c)
{
    for (struct connection **at = &c->hub->first; *at; at = &(*at)->next)
        if (*at == c) {
            *at = c->next;
            break;
        }
    free(c);
}

static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct evhttp_request *http = ((struct connection *)arg)->http;
    (void)connection;
    unlink_connection(arg);
    /* evhttp took the request off the broken connection: ending it now frees it. */
    evhttp_send_reply_end(http);
}

static void send_line(struct connection *c, const char *line, size_t len)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(c->http);
    struct evbuffer *out = bufferevent_get_output(evhttp_connection_get_bufferevent(evcon));
    if (evbuffer_get_length(out) > BACKLOG_LIMIT)
        return; /* its write timeout ends it; it gets all that counts on reconnecting */
    struct evbuffer *chunk = evbuffer_new();
    evbuffer_add(chunk, line, len);
    evbuffer_add(chunk, "\n", 1);
    evhttp_send_reply_chunk(c->http, chunk);
    evbuffer_free(chunk);
}

static void on_keepalive(evutil_socket_t fd, short what, void *arg)
{
    struct sek_push_hub *hub = arg;
    static const char line[] = "{\"type\":\"keepalive\"}";
    (void)fd;
    (void)what;
    for (struct connection *c = hub->first; c; c = c->next)
        send_line(c, line, sizeof line - 1);
}

enum sek_error sek_push_open(struct sek_manager *m, struct sek_push_hub **out,
                             struct sek_fault *fault)
{
    struct timeval every = {KEEPALIVE_S, 0};
    struct sek_push_hub *hub = calloc(1, sizeof *hub);
    if (!hub || !(hub->keepalive = event_new(m->base, -1, EV_PERSIST, on_keepalive, hub))) {
        free(hub);
        return sek_fail(fault, SEK_ENOMEM, "push: out of memory");
    }
    event_add(hub->keepalive, &every);
    *out = hub;
    return SEK_OK;
}

static void end_connection(struct connection *c)
{
    struct evhttp_request *http = c->http;
    evhttp_connection_set_closecb(evhttp_request_get_connection(http), NULL, NULL);
    unlink_connection(c);
    evhttp_send_reply_end(http);
}

void sek_push_close(struct sek_push_hub *hub)
{
    if (!hub)
        return;
    while (hub->first)
        end_connection(hub->first);
    event_free(hub->keepalive);
    free(hub);
}

static struct connection *find(const struct sek_push_hub *hub, const char *device)
{
    struct connection *c = hub->first;
    while (c && strcmp(c->device, device))
        c = c->next;
    return c;
}

enum sek_error sek_push_attach(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_push_hub *hub = r->manager->hub;
    struct connection *old = find(hub, r->device);
    struct connection *c = calloc(1, sizeof *c);
    char hello[96];
    uint64_t version = 0;
    enum sek_error rc;
    if (!c)
        return sek_fail(fault, SEK_ENOMEM, "push: out of memory");
    rc = sek_bundles_version(r->manager->bundles, r->tenant, r->device, &version, fault);
    if (rc) {
        free(c);
        return rc;
    }
    if (old)
        end_connection(old);
    c->hub = hub;
    c->http = r->http;
    memcpy(c->tenant, r->tenant, sizeof c->tenant);
    memcpy(c->device, r->device, sizeof c->device);
    c->next = hub->first;
    hub->first = c;
    struct evhttp_connection *evcon = evhttp_request_get_connection(r->http);
    struct timeval wait = {WRITE_WAIT_S, 0};
    evhttp_connection_set_closecb(evcon, on_closed, c);
    evhttp_add_header(evhttp_request_get_output_headers(r->http), "Content-Type",
                      "application/x-ndjson");
    evhttp_send_reply_start(r->http, 200, NULL);
    /* A device is silent here; only a device that takes nothing has gone. */
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), NULL, &wait);
    int len = snprintf(hello, sizeof hello, "{\"type\":\"hello\",\"version\":%llu}",
                       (unsigned long long)version);
    send_line(c, hello, (size_t)len);
    return SEK_OK;
}

void sek_push_send(struct sek_push_hub *hub, const char *tenant, const char *device,
                   const json_t *message)
{
    char *line = json_dumps(message, JSON_COMPACT);
    for (struct connection *c = hub->first; line && c; c = c->next)
        if (!strcmp(c->tenant, tenant) && (!device || !strcmp(c->device, device)))
            send_line(c, line, strlen(line));
    free(line);
}

bool sek_push_online(const struct sek_push_hub *hub, const char *device)
{
    return find(hub, device) != NULL;
}

size_t sek_push_count(const struct sek_push_hub *hub)
{
    size_t count = 0;
    for (const struct connection *c = hub->first; c; c = c->next)
        count++;
    return count;
}

void sek_push_each(struct sek_push_hub *hub, const char *tenant,
                   void (*visit)(void *arg, const char *tenant, const char *device), void *arg)
{
    for (struct connection *c = hub->first; c; c = c->next)
        if (!tenant || !strcmp(c->tenant, tenant))
            visit(arg, c->tenant, c->device);
}
