/* One HTTPS call in its own event loop, the saved login, and query strings. */
#include "cli/cli.h"

#include "lib/base/file.h"
#include "lib/wire/http.h"
#include "lib/wire/tls.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exchange {
    struct event_base *base;
    int status;
    struct sek_text body;
    char type[128];
    struct sek_fault fault;
};

static void on_done(void *arg, const struct sek_http_answer *answer)
{
    struct exchange *x = arg;
    x->status = answer->status;
    if (answer->fault)
        x->fault = *answer->fault;
    snprintf(x->type, sizeof x->type, "%s", answer->content_type);
    sek_text_add(&x->body, answer->body, answer->len);
    event_base_loopbreak(x->base);
}

void sek_cli_query(struct sek_text *path, const char *name, const char *value)
{
    if (!value)
        return;
    sek_text_printf(path, "%c%s=", path->data && strchr(path->data, '?') ? '&' : '?', name);
    for (const unsigned char *p = (const unsigned char *)value; *p; p++) {
        if (strchr("-._~", *p) || (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') ||
            (*p >= 'a' && *p <= 'z'))
            sek_text_putc(path, (char)*p);
        else
            sek_text_printf(path, "%%%02X", *p);
    }
}

static enum sek_error connect_to(struct sek_cli *cli, struct event_base *base, SSL_CTX **ctx,
                                 struct sek_http **http, struct sek_fault *fault)
{
    char host[256];
    int port = 0;
    struct sek_tls_options tls = {.ca_file = cli->ca_file,
                                  .ca_pin = cli->ca_file ? NULL : cli->ca_pin};
    if (!cli->url)
        return sek_fail(fault, SEK_EINVAL, "no manager is known: run sekishoctl login --url ...");
    if (!tls.ca_file && !tls.ca_pin)
        return sek_fail(fault, SEK_EINVAL,
                        "the manager's CA is not known: give --ca FILE or --ca-pin FINGERPRINT");
    enum sek_error rc = sek_http_url(cli->url, host, &port, fault);
    if (!rc)
        rc = sek_tls_client(&tls, ctx, fault);
    return rc ? rc : sek_http_open(base, *ctx, host, port, http, fault);
}

static enum sek_error judge(const struct exchange *x, json_t **out, struct sek_text *text,
                            struct sek_fault *fault)
{
    json_t *doc = strstr(x->type, "json") ? json_loadb(x->body.data ? x->body.data : "",
                                                       x->body.len, JSON_DECODE_ANY, NULL)
                                          : NULL;
    const char *detail = json_string_value(json_object_get(doc, "detail"));
    enum sek_error rc = SEK_OK;
    if (!x->status) {
        *fault = x->fault;
        rc = x->fault.code ? x->fault.code : SEK_EIO;
    } else if (x->status >= 400) {
        rc = sek_fail(fault, x->status == 401 || x->status == 403 ? SEK_EAUTH : SEK_EINVAL,
                      "the manager answered %d: %s", x->status, detail ? detail : "no detail");
    } else {
        if (text && x->body.len)
            sek_text_add(text, x->body.data, x->body.len);
        if (out)
            *out = json_incref(doc);
    }
    json_decref(doc);
    return rc;
}

enum sek_error sek_cli_call(struct sek_cli *cli, const struct sek_call *call, json_t **out,
                            struct sek_text *text, struct sek_fault *fault)
{
    struct exchange x = {.base = event_base_new()};
    SSL_CTX *ctx = NULL;
    struct sek_http *http = NULL;
    struct sek_text path = {0}, authorization = {0};
    if (out)
        *out = NULL;
    enum sek_error rc = connect_to(cli, x.base, &ctx, &http, fault);
    if (rc)
        goto done;
    sek_text_puts(&path, call->path);
    sek_cli_query(&path, "tenant", cli->tenant);
    if (cli->token)
        sek_text_printf(&authorization, "Bearer %s", cli->token);
    struct sek_http_request request = {.method = call->method,
                                       .path = path.data,
                                       .body = call->body,
                                       .len = call->len,
                                       .content_type = call->content_type,
                                       .authorization = authorization.data,
                                       .timeout_s = call->on_data ? 40 : 120,
                                       .on_data = call->on_data,
                                       .on_done = on_done,
                                       .arg = &x};
    /* The stream's receiver gets its own argument through this one. */
    if (call->on_data)
        request.arg = call->arg;
    if (call->on_data)
        request.on_done = NULL;
    rc = sek_http_send(http, &request, fault);
    if (!rc)
        event_base_dispatch(x.base);
    if (!rc && !call->on_data)
        rc = judge(&x, out, text, fault);
done:
    sek_http_close(http);
    SSL_CTX_free(ctx);
    event_base_free(x.base);
    sek_text_free(&path);
    sek_text_free(&authorization);
    sek_text_free(&x.body);
    return rc;
}

enum sek_error sek_cli_get(struct sek_cli *cli, const char *path, json_t **out,
                           struct sek_fault *fault)
{
    struct sek_call call = {.method = "GET", .path = path};
    return sek_cli_call(cli, &call, out, NULL, fault);
}

enum sek_error sek_cli_send(struct sek_cli *cli, const char *method, const char *path, json_t *body,
                            json_t **out, struct sek_fault *fault)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct sek_call call = {
        .method = method, .path = path, .body = text, .len = text ? strlen(text) : 0};
    json_decref(body);
    enum sek_error rc = sek_cli_call(cli, &call, out, NULL, fault);
    free(text);
    return rc;
}

static bool saved_path(char out[PATH_MAX], bool folder)
{
    const char *file = getenv("SEKISHO_CONFIG"), *home = getenv("HOME");
    if (file)
        snprintf(out, PATH_MAX, "%s", file);
    else
        snprintf(out, PATH_MAX, "%s/.config/sekisho%s", home ? home : ".",
                 folder ? "" : "/cli.json");
    return file != NULL;
}

static const char *first(const char *a, const char *b, const json_t *saved, const char *name)
{
    if (a)
        return a;
    return b ? b : json_string_value(json_object_get(saved, name));
}

enum sek_error sek_cli_load(struct sek_cli *cli, struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    json_error_t error;
    saved_path(path, false);
    enum sek_error rc = sek_file_read(path, 65536, &text, &len, fault);
    if (rc && rc != SEK_ENOTFOUND)
        return rc;
    cli->saved = rc ? json_object() : json_loadb(text, len, 0, &error);
    free(text);
    if (!cli->saved)
        return sek_fail(fault, SEK_EINVAL, "%s: line %d: %s", path, error.line, error.text);
    cli->url = first(cli->url, getenv("SEKISHO_URL"), cli->saved, "url");
    cli->token = first(cli->token, getenv("SEKISHO_TOKEN"), cli->saved, "token");
    if (!cli->ca_pin)
        cli->ca_file = first(cli->ca_file, getenv("SEKISHO_CA"), cli->saved, "ca_file");
    cli->ca_pin = first(cli->ca_pin, getenv("SEKISHO_CA_PIN"), cli->saved, "ca_pin");
    return SEK_OK;
}

enum sek_error sek_cli_save(const json_t *saved, struct sek_fault *fault)
{
    char path[PATH_MAX];
    enum sek_error rc = SEK_OK;
    if (!saved_path(path, true))
        rc = sek_make_folder(path, 0700, fault);
    saved_path(path, false);
    char *text = json_dumps(saved, JSON_INDENT(1));
    if (!rc)
        rc = sek_file_replace(path, text, strlen(text), 0600, fault);
    free(text);
    return rc;
}
