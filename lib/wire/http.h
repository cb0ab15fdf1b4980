/* A small HTTP/1.1 client connection over TLS in an event_base: one request at a time, keep-alive,
 * bodies by length, chunked or until close, collected (zstd expanded) or handed on as they come.
 * It connects when a request is made and is not connected. */
#ifndef SEK_WIRE_HTTP_H
#define SEK_WIRE_HTTP_H

#include "lib/base/error.h"

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct sek_http;

struct sek_http_answer {
    int status;               /* 0: there was no answer, FAULT says why */
    const char *content_type; /* "" when absent */
    const char *body;         /* NUL-terminated; "" when it was handed on by on_data */
    size_t len;
    const struct sek_fault *fault;
};

struct sek_http_request {
    const char *method, *path;
    const void *body; /* NULL: none */
    size_t len;
    const char *content_type;  /* of the body */
    const char *authorization; /* header value, or NULL */
    double timeout_s;          /* without any byte of the answer; 0: 15 s */
    /* For answers with status 200 only: called for each piece of the body; NULL: collect. */
    void (*on_data)(void *arg, const char *data, size_t len);
    /* Called once, at the end of the answer or on failure. May make the next request. */
    void (*on_done)(void *arg, const struct sek_http_answer *answer);
    void *arg;
};

/* HOST and PORT of an "https://host[:port]" URL; HOST holds 256 bytes. */
enum sek_error sek_http_url(const char *url, char host[256], int *port, struct sek_fault *fault);

/* CTX is shared, referenced. */
enum sek_error sek_http_open(struct event_base *base, SSL_CTX *ctx, const char *host, int port,
                             struct sek_http **out, struct sek_fault *fault);
/* Drops a running request without calling on_done. Not from within on_data or on_done. */
void sek_http_close(struct sek_http *http);
/* SEK_ESTATE: a request is running. Bodies over 1 KiB are sent zstd-compressed. */
enum sek_error sek_http_send(struct sek_http *http, const struct sek_http_request *request,
                             struct sek_fault *fault);
bool sek_http_busy(const struct sek_http *http);
/* Ends the connection and a running request; its on_done gets status 0. */
void sek_http_abort(struct sek_http *http, const char *why);

#endif
