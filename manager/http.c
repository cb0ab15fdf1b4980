/* evhttp with TLS below it and a route table above it. */
#include "manager/http.h"

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/wire/zstd.h"
#include "manager/account.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_LIMIT     (32 << 20)  /* as it comes */
#define EXPANDED_LIMIT (256u << 20) /* of a session's request: a feed */
#define DEVICE_LIMIT   (16u << 20)
#define PUBLIC_LIMIT   (64u << 10)
#define COMPRESS_FROM  2048

static const struct sek_route *const rest_tables[] = {
    sek_routes_session, sek_routes_fleet, sek_routes_events, sek_routes_intel,
    sek_routes_admin,   sek_routes_audit,
};
static const struct sek_route *const device_tables[] = {sek_routes_device};

int64_t sek_now(void)
{
    return (int64_t)(sek_clock_wall_us() / 1000000);
}

static void header(struct sek_request *r, const char *name, const char *value)
{
    evhttp_add_header(evhttp_request_get_output_headers(r->http), name, value);
}

static bool accepts_zstd(struct sek_request *r)
{
    const char *accept =
        evhttp_find_header(evhttp_request_get_input_headers(r->http), "Accept-Encoding");
    return accept && strstr(accept, "zstd");
}

enum sek_error sek_reply_text(struct sek_request *r, int status, const char *type,
                              const void *data, size_t len)
{
    struct evbuffer *body = evbuffer_new();
    struct sek_text packed = {0};
    header(r, "Content-Type", type);
    header(r, "Cache-Control", "no-store");
    header(r, "X-Content-Type-Options", "nosniff");
    header(r, "Strict-Transport-Security", "max-age=31536000");
    if (len >= COMPRESS_FROM && accepts_zstd(r) && !sek_zstd_compress(data, len, &packed, NULL)) {
        header(r, "Content-Encoding", "zstd");
        data = packed.data;
        len = packed.len;
    }
    evbuffer_add(body, data, len);
    evhttp_send_reply(r->http, status, NULL, body);
    evbuffer_free(body);
    sek_text_free(&packed);
    return SEK_OK;
}

static enum sek_error reply_typed(struct sek_request *r, int status, const char *type, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    json_decref(doc);
    if (!text)
        evhttp_send_error(r->http, 500, NULL);
    else
        sek_reply_text(r, status, type, text, strlen(text));
    free(text);
    return SEK_OK;
}

enum sek_error sek_reply(struct sek_request *r, int status, json_t *doc)
{
    return reply_typed(r, status, "application/json", doc);
}

enum sek_error sek_reply_empty(struct sek_request *r)
{
    header(r, "Cache-Control", "no-store");
    evhttp_send_reply(r->http, 204, NULL, NULL);
    return SEK_OK;
}

static const char *status_title(int status)
{
    static const struct {
        int status;
        const char *title;
    } titles[] = {
        {400, "Bad Request"}, {401, "Unauthorized"},       {403, "Forbidden"},
        {404, "Not Found"},   {405, "Method Not Allowed"}, {409, "Conflict"},
        {413, "Too Large"},   {415, "Unsupported Media Type"},
        {422, "Unprocessable Content"},                    {429, "Too Many Requests"},
        {500, "Internal Server Error"},
    };
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Error";
}

json_t *sek_problem_text(const char *text)
{
    struct sek_text list = {0};
    sek_json_open(&list, NULL, '[');
    sek_json_str(&list, NULL, text);
    sek_json_close(&list, ']');
    json_t *parsed = list.failed ? NULL : json_loadb(list.data, list.len, 0, NULL);
    json_t *value = json_incref(json_array_get(parsed, 0));
    json_decref(parsed);
    sek_text_free(&list);
    return value;
}

enum sek_error sek_reply_problem(struct sek_request *r, int status, const char *detail,
                                 json_t *extra)
{
    json_t *doc = json_pack("{s:s, s:s, s:i, s:o}", "type", "about:blank", "title",
                            status_title(status), "status", status, "detail",
                            sek_problem_text(detail));
    if (extra)
        json_object_update(doc, extra);
    json_decref(extra);
    return reply_typed(r, status, "application/problem+json", doc);
}

static int status_of(enum sek_error code)
{
    switch (code) {
    case SEK_EINVAL:
        return 400;
    case SEK_EAUTH:
        return 403;
    case SEK_ENOTFOUND:
        return 404;
    case SEK_EEXIST:
    case SEK_ESTATE:
        return 409;
    case SEK_ELIMIT:
        return 413;
    case SEK_EUNSUPPORTED:
        return 415;
    case SEK_EAGAIN:
        return 429;
    default:
        return 500;
    }
}

enum sek_error sek_request_json(struct sek_request *r, json_t **out, struct sek_fault *fault)
{
    json_error_t error;
    json_t *doc = json_loadb(r->body.data ? r->body.data : "", r->body.len, JSON_REJECT_DUPLICATES,
                             &error);
    if (!doc)
        return sek_fail(fault, SEK_EINVAL, "body: line %d, byte %d: %s", error.line,
                        error.position, error.text);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return sek_fail(fault, SEK_EINVAL, "body: a JSON object is expected");
    }
    *out = doc;
    return SEK_OK;
}

const char *sek_request_query(const struct sek_request *r, const char *name)
{
    return evhttp_find_header(&r->query, name);
}

enum sek_error sek_field(const json_t *body, const char *name, const char **out,
                         struct sek_fault *fault)
{
    *out = json_string_value(json_object_get(body, name));
    return *out ? SEK_OK : sek_fail(fault, SEK_EINVAL, "field \"%s\": text is expected", name);
}

/* Does PATH fit PATTERN? Elements for "*" go to PARAMETER. */
static bool path_fits(const char *pattern, const char *path, char parameter[][256])
{
    int used = 0;
    while (*pattern && *path) {
        if (*pattern == '*') {
            size_t len = strcspn(path, "/");
            if (!len || len > 255 || used == SEK_PARAMETERS)
                return false;
            memcpy(parameter[used], path, len);
            parameter[used++][len] = '\0';
            path += len;
            pattern++;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return !*pattern && !*path;
}

static enum sek_error take_body(struct sek_request *r, size_t limit, struct sek_fault *fault)
{
    struct evbuffer *input = evhttp_request_get_input_buffer(r->http);
    size_t len = evbuffer_get_length(input);
    const char *encoding =
        evhttp_find_header(evhttp_request_get_input_headers(r->http), "Content-Encoding");
    if (!len)
        return SEK_OK;
    const unsigned char *data = evbuffer_pullup(input, -1);
    if (encoding && !strcasecmp(encoding, "zstd"))
        return sek_zstd_expand(data, len, limit, &r->body, fault);
    if (encoding && strcasecmp(encoding, "identity"))
        return sek_fail(fault, SEK_EUNSUPPORTED, "Content-Encoding: zstd or identity expected");
    if (len > limit)
        return sek_fail(fault, SEK_ELIMIT, "body: %zu bytes, at most %zu expected", len, limit);
    sek_text_add(&r->body, data, len);
    return r->body.failed ? sek_fail(fault, SEK_ENOMEM, "body: out of memory") : SEK_OK;
}

static void request_clear(struct sek_request *r)
{
    free(r->path);
    evhttp_clear_headers(&r->query);
    sek_text_free(&r->body);
}

static enum sek_error request_make(struct sek_request *r, struct sek_manager *m,
                                   struct evhttp_request *http, struct sek_fault *fault)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(http);
    const char *raw = uri ? evhttp_uri_get_path(uri) : NULL;
    const char *query = uri ? evhttp_uri_get_query(uri) : NULL;
    char *peer = NULL;
    ev_uint16_t port;
    size_t len = 0;
    *r = (struct sek_request){.manager = m, .http = http};
    TAILQ_INIT(&r->query);
    evhttp_connection_get_peer(evhttp_request_get_connection(http), &peer, &port);
    r->address = peer ? peer : "";
    r->path = evhttp_uridecode(raw && *raw ? raw : "/", 0, &len);
    if (!r->path || strlen(r->path) != len)
        return sek_fail(fault, SEK_EINVAL, "the path is not valid");
    if (query && evhttp_parse_query_str(query, &r->query))
        return sek_fail(fault, SEK_EINVAL, "the query is not valid");
    return SEK_OK;
}

/* *KNOWN: some route has this path, with another method. */
static const struct sek_route *find_route(const struct sek_route *const *tables, size_t count,
                                          struct sek_request *r, bool *known)
{
    for (size_t t = 0; t < count; t++)
        for (const struct sek_route *route = tables[t]; route->pattern; route++)
            if (path_fits(route->pattern, r->path, r->parameter)) {
                if (route->method == evhttp_request_get_command(r->http))
                    return route;
                *known = true;
            }
    return NULL;
}

void sek_reply_fault(struct sek_request *r, enum sek_error rc, const struct sek_fault *fault)
{
    int status = status_of(rc);
    if (status == 500)
        sek_error_log("%s: %s", r->path ? r->path : "?", fault->message);
    sek_reply_problem(r, status, fault->message, NULL);
}

static void on_rest(struct evhttp_request *http, void *arg)
{
    struct sek_manager *m = arg;
    struct sek_request r;
    struct sek_fault fault = {0};
    bool known = false;
    m->counters.requests++;
    enum sek_error rc = request_make(&r, m, http, &fault);
    const struct sek_route *route =
        rc ? NULL : find_route(rest_tables, sizeof rest_tables / sizeof rest_tables[0], &r, &known);
    if (!rc && route) {
        bool public_route = route->access == SEK_ACCESS_PUBLIC;
        if (public_route || sek_account_authenticate(&r, route->access)) {
            rc = take_body(&r, public_route ? PUBLIC_LIMIT : EXPANDED_LIMIT, &fault);
            if (!rc)
                rc = route->handler(&r, &fault);
        }
    } else if (!rc && known) {
        sek_reply_problem(&r, 405, "this path does not know this method", NULL);
    } else if (!rc && (!strncmp(r.path, "/api/", 5) || !sek_static_serve(&r))) {
        rc = sek_fail(&fault, SEK_ENOTFOUND, "%.200s: no such path", r.path);
    }
    if (rc)
        sek_reply_fault(&r, rc, &fault);
    request_clear(&r);
}

/* The certificate must be this device's present one, and the path its own. */
static enum sek_error identify(struct sek_request *r, struct sek_fault *fault)
{
    char device[64], tenant[64], serial[48];
    struct bufferevent *bev =
        evhttp_connection_get_bufferevent(evhttp_request_get_connection(r->http));
    enum sek_error rc =
        sek_pki_peer(bufferevent_openssl_get_ssl(bev), device, tenant, serial, fault);
    if (rc)
        return rc;
    if (strcmp(r->parameter[0], tenant) || strcmp(r->parameter[1], device))
        return sek_fail(fault, SEK_EAUTH,
                        "the certificate is of device %s of tenant %s, the path is of device %.60s "
                        "of tenant %.60s",
                        device, tenant, r->parameter[1], r->parameter[0]);
    if (!sek_store_number(r->manager->store, 0,
                          "SELECT 1 FROM devices WHERE id=? AND tenant=? AND serial=?", "sss",
                          device, tenant, serial))
        return sek_fail(fault, SEK_EAUTH,
                        "device %s of tenant %s is not enrolled with this certificate", device,
                        tenant);
    memcpy(r->device, device, sizeof device);
    memcpy(r->tenant, tenant, sizeof tenant);
    /* Not at every request: each write is a flush to the disk. */
    sek_store_run(r->manager->store, NULL,
                  "UPDATE devices SET last_seen=?1, address=?2 WHERE id=?3 AND"
                  " (last_seen IS NULL OR last_seen < ?1 - 10 OR address IS NOT ?2)",
                  "iss", sek_now(), r->address, device);
    return SEK_OK;
}

static void on_device(struct evhttp_request *http, void *arg)
{
    struct sek_manager *m = arg;
    struct sek_request r;
    struct sek_fault fault = {0};
    bool known = false;
    m->counters.device_requests++;
    enum sek_error rc = request_make(&r, m, http, &fault);
    const struct sek_route *route = rc ? NULL : find_route(device_tables, 1, &r, &known);
    if (!rc && !route)
        rc = sek_fail(&fault, known ? SEK_ESTATE : SEK_ENOTFOUND, "%.200s: no such call", r.path);
    if (!rc)
        rc = identify(&r, &fault);
    if (!rc)
        rc = take_body(&r, DEVICE_LIMIT, &fault);
    if (!rc)
        rc = route->handler(&r, &fault);
    if (rc)
        sek_reply_fault(&r, rc, &fault);
    request_clear(&r);
}

static struct bufferevent *make_connection(struct event_base *base, void *ctx)
{
    SSL *ssl = SSL_new(ctx);
    struct bufferevent *bev =
        bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
                                       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

enum sek_error sek_listener_open(struct sek_manager *m, const char *address, int port, bool clients,
                                 struct sek_listener *out, struct sek_fault *fault)
{
    enum sek_error rc = sek_pki_server(m->pki, clients, &out->tls, fault);
    if (rc)
        return rc;
    struct evhttp *http = out->http = evhttp_new(m->base);
    evhttp_set_bevcb(http, make_connection, out->tls);
    evhttp_set_gencb(http, clients ? on_device : on_rest, m);
    evhttp_set_allowed_methods(http,
                               EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                                   EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS); /* no route: 405 */
    evhttp_set_max_headers_size(http, 16384);
    evhttp_set_max_body_size(http, BODY_LIMIT);
    evhttp_set_timeout(http, 60);
    if (!evhttp_bind_socket_with_handle(http, address, (ev_uint16_t)port))
        return sek_fail(fault, SEK_EIO, "%s:%d: cannot listen: %s", address, port,
                        evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    return SEK_OK;
}

void sek_listener_close(struct sek_listener *listener)
{
    if (listener->http)
        evhttp_free(listener->http);
    SSL_CTX_free(listener->tls);
    *listener = (struct sek_listener){0};
}
