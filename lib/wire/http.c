/* HTTP/1.1 client over bufferevent_openssl. The parser takes lines and bodies from the input
 * evbuffer; every length is bounded. */
#include "lib/wire/http.h"

#include "lib/base/text.h"
#include "lib/wire/tls.h"
#include "lib/wire/zstd.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LINE_LIMIT     8192
#define HEADER_LINES   100
#define BODY_LIMIT     (64u << 20)
#define COMPRESS_FROM  1024
#define DEFAULT_WAIT_S 15.0

struct framing {
    bool chunked, length;
};

enum phase { IDLE, STATUS, HEADERS, LENGTH, CHUNK_SIZE, CHUNK_DATA, CHUNK_END, TRAILER, TO_CLOSE };

struct sek_http {
    struct event_base *base;
    struct evdns_base *dns; /* only for names */
    SSL_CTX *ctx;
    char host[256];
    int port;
    struct bufferevent *bev;
    bool connected;
    enum phase phase;
    struct framing framing;
    struct sek_http_request request; /* strings in it are not kept */
    struct sek_text pending;         /* the request, until connected */
    int status;
    unsigned header_lines;
    uint64_t left; /* bytes of body or chunk still to come */
    bool zstd, close_after;
    char content_type[128];
    struct sek_text body;
};

enum sek_error sek_http_url(const char *url, char host[256], int *port, struct sek_fault *fault)
{
    const char *p = url;
    if (strncmp(p, "https://", 8))
        return sek_fail(fault, SEK_EINVAL, "%s: an address like https://host:port expected", url);
    p += 8;
    const char *end = *p == '[' ? strchr(p, ']') : p + strcspn(p, ":/");
    const char *start = *p == '[' ? p + 1 : p;
    if (!end || end == start || end - start > 255)
        return sek_fail(fault, SEK_EINVAL, "%s: host name expected after https://", url);
    memcpy(host, start, (size_t)(end - start));
    host[end - start] = '\0';
    if (*end == ']')
        end++;
    *port = 443;
    if (*end == ':') {
        char *tail;
        long value = strtol(end + 1, &tail, 10);
        if (tail == end + 1 || value < 1 || value > 65535 || (*tail && *tail != '/'))
            return sek_fail(fault, SEK_EINVAL, "%s: port 1 to 65535 expected", url);
        *port = (int)value;
    }
    return SEK_OK;
}

bool sek_http_busy(const struct sek_http *http)
{
    return http->phase != IDLE;
}

static void drop_connection(struct sek_http *http)
{
    if (http->bev)
        bufferevent_free(http->bev);
    http->bev = NULL;
    http->connected = false;
}

static void finish(struct sek_http *http, int status, const struct sek_fault *fault)
{
    struct sek_http_request request = http->request;
    struct sek_text body = http->body, plain = {0};
    struct sek_fault expand;
    struct sek_http_answer answer = {status, http->content_type, "", 0, fault};
    if (http->phase == IDLE)
        return;
    http->phase = IDLE;
    http->body = (struct sek_text){0};
    sek_text_clear(&http->pending);
    if (!status || http->close_after)
        drop_connection(http);
    if (http->zstd && body.len) {
        if (sek_zstd_expand(body.data, body.len, BODY_LIMIT, &plain, &expand)) {
            answer.status = 0;
            answer.fault = &expand;
        } else {
            answer.body = plain.data;
            answer.len = plain.len;
        }
    } else if (body.len) {
        answer.body = body.data;
        answer.len = body.len;
    }
    if (request.on_done)
        request.on_done(request.arg, &answer);
    sek_text_free(&body);
    sek_text_free(&plain);
}

static void fail(struct sek_http *http, const char *why)
{
    struct sek_fault fault;
    sek_fail(&fault, SEK_EIO, "https://%s:%d: %s", http->host, http->port, why);
    drop_connection(http);
    finish(http, 0, &fault);
}

void sek_http_abort(struct sek_http *http, const char *why)
{
    fail(http, why);
}

static bool header_is(const char *line, const char *name, const char **value)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) || line[len] != ':')
        return false;
    *value = line + len + 1;
    *value += strspn(*value, " \t");
    return true;
}

static void take_header(struct sek_http *http, const char *line, bool *chunked, bool *length)
{
    const char *value;
    if (header_is(line, "Content-Length", &value)) {
        http->left = strtoull(value, NULL, 10);
        *length = true;
    } else if (header_is(line, "Transfer-Encoding", &value)) {
        *chunked = *chunked || !strncasecmp(value, "chunked", 7);
    } else if (header_is(line, "Content-Encoding", &value)) {
        http->zstd = !strncasecmp(value, "zstd", 4);
    } else if (header_is(line, "Connection", &value)) {
        http->close_after = !strncasecmp(value, "close", 5);
    } else if (header_is(line, "Content-Type", &value)) {
        snprintf(http->content_type, sizeof http->content_type, "%s", value);
    }
}

/* Move up to LIMIT bytes from INPUT to the receiver. */
static void take_body(struct sek_http *http, struct evbuffer *input, size_t limit)
{
    char block[8192];
    while (limit) {
        size_t want = limit < sizeof block ? limit : sizeof block;
        int n = evbuffer_remove(input, block, want);
        if (n <= 0)
            break;
        limit -= (size_t)n;
        if (http->phase != TO_CLOSE)
            http->left -= (size_t)n;
        if (http->request.on_data && http->status == 200)
            http->request.on_data(http->request.arg, block, (size_t)n);
        else
            sek_text_add(&http->body, block, (size_t)n);
    }
}

static const char *take_status(struct sek_http *http, const char *line)
{
    int status = 0;
    if (sscanf(line, "HTTP/1.%*1[01] %3d", &status) != 1 || status < 100)
        return "the answer is not HTTP/1.1";
    http->status = status;
    http->left = 0;
    http->header_lines = 0;
    http->zstd = http->close_after = false;
    http->content_type[0] = '\0';
    http->phase = HEADERS;
    return NULL;
}

static void end_headers(struct sek_http *http, const struct framing *framing)
{
    if (http->status < 200) {
        http->phase = STATUS;
    } else if (framing->chunked) {
        http->phase = CHUNK_SIZE;
    } else if (http->status == 204 || http->status == 304) {
        http->left = 0;
        http->phase = LENGTH;
    } else {
        http->phase = framing->length ? LENGTH : TO_CLOSE;
        http->close_after = http->close_after || !framing->length;
    }
}

/* One line of the head or of chunk framing. Returns a complaint, or NULL. */
static const char *take_line(struct sek_http *http, const char *line)
{
    struct framing *framing = &http->framing;
    char *end;
    switch (http->phase) {
    case STATUS:
        *framing = (struct framing){0};
        return take_status(http, line);
    case HEADERS:
        if (++http->header_lines > HEADER_LINES)
            return "too many header lines in the answer";
        if (*line)
            take_header(http, line, &framing->chunked, &framing->length);
        else
            end_headers(http, framing);
        return NULL;
    case CHUNK_SIZE:
        http->left = strtoull(line, &end, 16);
        if (end == line)
            return "bad chunk size in the answer";
        http->phase = http->left ? CHUNK_DATA : TRAILER;
        return NULL;
    case CHUNK_END:
        http->phase = CHUNK_SIZE;
        return *line ? "bad chunk end in the answer" : NULL;
    default:
        if (!*line)
            finish(http, http->status, NULL);
        return NULL;
    }
}

static bool phase_has_lines(enum phase phase)
{
    return phase == STATUS || phase == HEADERS || phase == CHUNK_SIZE || phase == CHUNK_END ||
           phase == TRAILER;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct sek_http *http = arg;
    struct evbuffer *input = bufferevent_get_input(bev);
    while (http->bev == bev && http->phase != IDLE) {
        if (phase_has_lines(http->phase)) {
            char *line = evbuffer_readln(input, NULL, EVBUFFER_EOL_CRLF);
            if (!line) {
                if (evbuffer_get_length(input) > LINE_LIMIT)
                    fail(http, "a line of the answer is too long");
                return;
            }
            const char *complaint = take_line(http, line);
            free(line);
            if (complaint) {
                fail(http, complaint);
                return;
            }
            continue;
        }
        if (http->body.len + (http->phase == LENGTH ? http->left : 0) > BODY_LIMIT) {
            fail(http, "the answer is too large");
            return;
        }
        take_body(http, input, http->phase == TO_CLOSE ? SIZE_MAX : http->left < SIZE_MAX ? (size_t)http->left : SIZE_MAX);
        if (http->bev != bev)
            return;
        if (http->phase == LENGTH && !http->left) {
            finish(http, http->status, NULL);
            continue;
        }
        if (http->phase == CHUNK_DATA && !http->left) {
            http->phase = CHUNK_END;
            continue;
        }
        return;
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct sek_http *http = arg;
    char detail[160];
    if (what & BEV_EVENT_CONNECTED) {
        http->connected = true;
        bufferevent_write(bev, http->pending.data, http->pending.len);
        sek_text_clear(&http->pending);
        return;
    }
    if (http->phase == TO_CLOSE && what & BEV_EVENT_EOF) {
        finish(http, http->status, NULL);
        return;
    }
    int why = EVUTIL_SOCKET_ERROR();
    unsigned long code = bufferevent_get_openssl_error(bev);
    if (what & BEV_EVENT_TIMEOUT)
        fail(http, "no answer in time");
    else if (ERR_GET_LIB(code)) /* else the connection failed below TLS */
        fail(http, (ERR_error_string_n(code, detail, sizeof detail), detail));
    else if (bufferevent_socket_get_dns_error(bev))
        fail(http, evutil_gai_strerror(bufferevent_socket_get_dns_error(bev)));
    else if (what & BEV_EVENT_EOF)
        fail(http, http->connected ? "the connection was closed" : "cannot connect");
    else
        fail(http, why ? evutil_socket_error_to_string(why) : "cannot connect");
}

static bool is_numeric(const char *host)
{
    struct in6_addr any;
    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

static enum sek_error start(struct sek_http *http, struct sek_fault *fault)
{
    SSL *ssl = SSL_new(http->ctx);
    bool numeric = is_numeric(http->host);
    if (!ssl)
        return sek_fail(fault, SEK_ENOMEM, "https://%s: out of memory", http->host);
    if (!numeric)
        SSL_set_tlsext_host_name(ssl, http->host);
    http->bev = bufferevent_openssl_socket_new(http->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                               BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!http->bev) {
        SSL_free(ssl);
        return sek_fail(fault, SEK_ENOMEM, "https://%s: out of memory", http->host);
    }
    /* A peer that closes without close_notify is an ordinary end: lengths guard the content. */
    bufferevent_openssl_set_allow_dirty_shutdown(http->bev, 1);
    bufferevent_setcb(http->bev, on_read, NULL, on_event, http);
    bufferevent_enable(http->bev, EV_READ | EV_WRITE);
    if (!numeric && !http->dns)
        http->dns = evdns_base_new(http->base, EVDNS_BASE_INITIALIZE_NAMESERVERS |
                                                   EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (bufferevent_socket_connect_hostname(http->bev, http->dns, AF_UNSPEC, http->host,
                                            http->port)) {
        drop_connection(http);
        return sek_fail(fault, SEK_EIO, "https://%s:%d: cannot connect", http->host, http->port);
    }
    return SEK_OK;
}

/* The request as bytes in `pending`. */
static enum sek_error compose(struct sek_http *http, const struct sek_http_request *request,
                              struct sek_fault *fault)
{
    struct sek_text packed = {0};
    struct sek_text *t = &http->pending;
    const void *body = request->body;
    size_t len = request->len;
    if (len > COMPRESS_FROM) {
        enum sek_error rc = sek_zstd_compress(body, len, &packed, fault);
        if (rc)
            return rc;
        body = packed.data;
        len = packed.len;
    }
    sek_text_clear(t);
    sek_text_printf(t, "%s %s HTTP/1.1\r\nHost: %s:%d\r\nAccept-Encoding: zstd\r\n",
                    request->method, request->path, http->host, http->port);
    if (request->authorization)
        sek_text_printf(t, "Authorization: %s\r\n", request->authorization);
    if (body)
        sek_text_printf(t, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                        request->content_type ? request->content_type : "application/json", len);
    if (packed.len)
        sek_text_puts(t, "Content-Encoding: zstd\r\n");
    sek_text_puts(t, "\r\n");
    if (body)
        sek_text_add(t, body, len);
    sek_text_free(&packed);
    return t->failed ? sek_fail(fault, SEK_ENOMEM, "request: out of memory") : SEK_OK;
}

enum sek_error sek_http_send(struct sek_http *http, const struct sek_http_request *request,
                             struct sek_fault *fault)
{
    if (http->phase != IDLE)
        return sek_fail(fault, SEK_ESTATE, "a request is running already");
    enum sek_error rc = compose(http, request, fault);
    if (!rc && !http->bev)
        rc = start(http, fault);
    if (rc)
        return rc;
    double wait = request->timeout_s > 0 ? request->timeout_s : DEFAULT_WAIT_S;
    struct timeval tv = {(time_t)wait, (suseconds_t)((wait - (double)(time_t)wait) * 1e6)};
    bufferevent_set_timeouts(http->bev, &tv, &tv);
    http->request = *request;
    http->request.method = http->request.path = NULL;
    http->request.body = NULL;
    http->phase = STATUS;
    http->status = 0;
    if (http->connected) {
        bufferevent_write(http->bev, http->pending.data, http->pending.len);
        sek_text_clear(&http->pending);
    }
    return SEK_OK;
}

enum sek_error sek_http_open(struct event_base *base, SSL_CTX *ctx, const char *host, int port,
                             struct sek_http **out, struct sek_fault *fault)
{
    struct sek_http *http = calloc(1, sizeof *http);
    if (!http)
        return sek_fail(fault, SEK_ENOMEM, "https://%s: out of memory", host);
    SSL_CTX_up_ref(ctx);
    http->ctx = ctx;
    http->base = base;
    http->port = port;
    snprintf(http->host, sizeof http->host, "%s", host);
    *out = http;
    return SEK_OK;
}

void sek_http_close(struct sek_http *http)
{
    if (!http)
        return;
    drop_connection(http);
    if (http->dns)
        evdns_base_free(http->dns, 0);
    SSL_CTX_free(http->ctx);
    sek_text_free(&http->pending);
    sek_text_free(&http->body);
    free(http);
}
