/* Subscribers in a list; each event is matched against each one's filter. */
#include "manager/stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMENT_S     15
#define WRITE_WAIT_S  30
#define BACKLOG_LIMIT (4u << 20)
#define SUBSCRIBERS   200

struct subscriber {
    struct subscriber *next;
    struct sek_streams *streams;
    struct evhttp_request *http;
    char tenant[64];
    struct sek_event_filter filter;
};

struct sek_streams {
    struct subscriber *first;
    size_t count;
    struct event *comment;
};

void sek_event_filter_read(const struct sek_request *r, struct sek_event_filter *out)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } fields[] = {
        {"layer", out->layer, sizeof out->layer},
        {"action", out->action, sizeof out->action},
        {"event_type", out->event_type, sizeof out->event_type},
        {"device", out->device, sizeof out->device},
        {"text", out->text, sizeof out->text},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const char *value = sek_request_query(r, fields[i].name);
        snprintf(fields[i].to, fields[i].size, "%s", value ? value : "");
    }
}

static bool fits(const char *wanted, const json_t *event, const char *member)
{
    const char *value = json_string_value(json_object_get(event, member));
    return !*wanted || (value && !strcmp(value, wanted));
}

static bool wants(const struct sek_event_filter *f, const json_t *event, const char *record)
{
    return fits(f->layer, event, "layer") && fits(f->action, event, "action") &&
           fits(f->event_type, event, "event_type") && fits(f->device, event, "device") &&
           (!*f->text || strcasestr(record, f->text));
}

static void remove_subscriber(struct subscriber *s)
{
    for (struct subscriber **at = &s->streams->first; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            s->streams->count--;
            break;
        }
    free(s);
}

static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct evhttp_request *http = ((struct subscriber *)arg)->http;
    (void)connection;
    remove_subscriber(arg);
    /* evhttp took the request off the broken connection: ending it now frees it. */
    evhttp_send_reply_end(http);
}

static void send_chunk(struct subscriber *s, const struct sek_text *text)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(s->http);
    struct evbuffer *out = bufferevent_get_output(evhttp_connection_get_bufferevent(evcon));
    if (evbuffer_get_length(out) > BACKLOG_LIMIT)
        return; /* a reader that does not keep up misses events; the query has them all */
    struct evbuffer *chunk = evbuffer_new();
    evbuffer_add(chunk, text->data, text->len);
    evhttp_send_reply_chunk(s->http, chunk);
    evbuffer_free(chunk);
}

static void on_comment(evutil_socket_t fd, short what, void *arg)
{
    struct sek_streams *streams = arg;
    struct sek_text line = {0};
    (void)fd;
    (void)what;
    sek_text_puts(&line, ": alive\n\n");
    for (struct subscriber *s = streams->first; s; s = s->next)
        send_chunk(s, &line);
    sek_text_free(&line);
}

enum sek_error sek_streams_open(struct sek_manager *m, struct sek_streams **out,
                                struct sek_fault *fault)
{
    struct timeval every = {COMMENT_S, 0};
    struct sek_streams *streams = calloc(1, sizeof *streams);
    if (!streams || !(streams->comment = event_new(m->base, -1, EV_PERSIST, on_comment, streams))) {
        free(streams);
        return sek_fail(fault, SEK_ENOMEM, "event streams: out of memory");
    }
    event_add(streams->comment, &every);
    *out = streams;
    return SEK_OK;
}

void sek_streams_close(struct sek_streams *streams)
{
    if (!streams)
        return;
    while (streams->first) {
        struct evhttp_request *http = streams->first->http;
        evhttp_connection_set_closecb(evhttp_request_get_connection(http), NULL, NULL);
        remove_subscriber(streams->first);
        evhttp_send_reply_end(http);
    }
    event_free(streams->comment);
    free(streams);
}

enum sek_error sek_streams_attach(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_streams *streams = r->manager->streams;
    struct sek_text hello = {0};
    struct timeval wait = {WRITE_WAIT_S, 0};
    if (streams->count >= SUBSCRIBERS)
        return sek_fail(fault, SEK_EAGAIN, "%d event streams are open already", SUBSCRIBERS);
    struct subscriber *s = calloc(1, sizeof *s);
    if (!s)
        return sek_fail(fault, SEK_ENOMEM, "event stream: out of memory");
    s->streams = streams;
    s->http = r->http;
    memcpy(s->tenant, r->tenant, sizeof s->tenant);
    sek_event_filter_read(r, &s->filter);
    s->next = streams->first;
    streams->first = s;
    streams->count++;
    struct evhttp_connection *evcon = evhttp_request_get_connection(r->http);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(r->http);
    evhttp_connection_set_closecb(evcon, on_closed, s);
    evhttp_add_header(headers, "Content-Type", "text/event-stream");
    evhttp_add_header(headers, "Cache-Control", "no-store");
    evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
    evhttp_send_reply_start(r->http, 200, NULL);
    bufferevent_set_timeouts(evhttp_connection_get_bufferevent(evcon), NULL, &wait);
    sek_text_puts(&hello, "retry: 1000\n: events follow\n\n");
    send_chunk(s, &hello);
    sek_text_free(&hello);
    return SEK_OK;
}

void sek_streams_event(struct sek_streams *streams, const char *tenant, int64_t n,
                       const json_t *event, const char *record, size_t len)
{
    struct sek_text text = {0};
    for (struct subscriber *s = streams->first; s; s = s->next) {
        if (strcmp(s->tenant, tenant) || !wants(&s->filter, event, record))
            continue;
        if (!text.len) {
            sek_text_printf(&text, "id: %lld\nevent: event\ndata: ", (long long)n);
            sek_text_add(&text, record, len);
            sek_text_puts(&text, "\n\n");
        }
        send_chunk(s, &text);
    }
    sek_text_free(&text);
}
