/* The HTTP side of the manager: requests with route parameters and the caller's identity, JSON and
 * problem answers (RFC 9457), and routing by table. A new call is one handler and one table row. */
#ifndef SEK_MANAGER_HTTP_H
#define SEK_MANAGER_HTTP_H

#include "lib/base/text.h"
#include "manager/manager.h"

#include <event2/http.h>
#include <sys/queue.h>
#include <event2/keyvalq_struct.h>
#include <jansson.h>

enum sek_access {
    SEK_ACCESS_PUBLIC,   /* nobody is asked who they are */
    SEK_ACCESS_VIEWER,   /* any session */
    SEK_ACCESS_OPERATOR, /* may change protection */
    SEK_ACCESS_ADMIN,    /* may change accounts, tokens and policy of the tenant */
    SEK_ACCESS_SYSTEM,   /* an administrator of no single tenant */
};

#define SEK_PARAMETERS 3

struct sek_request {
    struct sek_manager *manager;
    struct evhttp_request *http;
    char *path;             /* decoded, without the query */
    struct evkeyvalq query; /* decoded */
    struct sek_text body;   /* expanded */
    char parameter[SEK_PARAMETERS][256];
    const char *address; /* of the client */
    char account[64];
    enum sek_access access;
    char tenant[64]; /* that this request is about */
    char device[64]; /* on the device listener */
};

/* SEK_OK: the handler has answered. Any other: the caller answers with a problem. */
typedef enum sek_error sek_handler(struct sek_request *r, struct sek_fault *fault);

struct sek_route {
    enum evhttp_cmd_type method;
    const char *pattern; /* "*" stands for one path element */
    enum sek_access access;
    sek_handler *handler;
};

/* Tables end with a NULL pattern. */
extern const struct sek_route sek_routes_session[], sek_routes_fleet[], sek_routes_events[],
    sek_routes_intel[], sek_routes_admin[], sek_routes_audit[], sek_routes_device[];

/* Both listeners. CLIENTS true: the device listener. */
struct sek_listener {
    struct evhttp *http;
    SSL_CTX *tls;
};
enum sek_error sek_listener_open(struct sek_manager *m, const char *address, int port, bool clients,
                                 struct sek_listener *out, struct sek_fault *fault);
void sek_listener_close(struct sek_listener *listener);

/* Answer with DOC (taken). */
enum sek_error sek_reply(struct sek_request *r, int status, json_t *doc);
enum sek_error sek_reply_empty(struct sek_request *r);
enum sek_error sek_reply_text(struct sek_request *r, int status, const char *type,
                              const void *data, size_t len);
/* A problem document; EXTRA (taken, may be NULL) adds members. */
enum sek_error sek_reply_problem(struct sek_request *r, int status, const char *detail,
                                 json_t *extra);
/* TEXT as a JSON string (new reference), also when a message was cut within a character. */
json_t *sek_problem_text(const char *text);

/* The problem that FAULT is. */
void sek_reply_fault(struct sek_request *r, enum sek_error rc, const struct sek_fault *fault);

/* The body as a JSON object (new reference); a message names line and byte. */
enum sek_error sek_request_json(struct sek_request *r, json_t **out, struct sek_fault *fault);
/* Query parameter or NULL. */
const char *sek_request_query(const struct sek_request *r, const char *name);
/* Member NAME of BODY as text; SEK_EINVAL naming the field when it is missing or not text. */
enum sek_error sek_field(const json_t *body, const char *name, const char **out,
                         struct sek_fault *fault);

/* Serve a file of the console; true when answered. */
bool sek_static_serve(struct sek_request *r);

#endif
