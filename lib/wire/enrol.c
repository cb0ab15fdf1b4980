/* Enrolment from the device's side: key and request, one POST, and the identity on disk. The
 * identity file is written last: a folder with it is complete. */
#include "lib/wire/client.h"

#include "lib/base/file.h"
#include "lib/bundle/metadata.h"
#include "lib/wire/http.h"
#include "lib/wire/tls.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct exchange {
    struct event_base *base;
    int status;
    json_t *answer;
    struct sek_fault fault;
};

static void on_answer(void *arg, const struct sek_http_answer *answer)
{
    struct exchange *x = arg;
    json_error_t error;
    x->status = answer->status;
    if (!answer->status)
        x->fault = *answer->fault;
    else
        x->answer = json_loadb(answer->body, answer->len, JSON_REJECT_DUPLICATES, &error);
    event_base_loopbreak(x->base);
}

/* The fingerprint is the token's last part. */
static enum sek_error token_pin(const char *token, const char **pin, struct sek_fault *fault)
{
    const char *dot = strrchr(token, '.');
    if (strncmp(token, "skt1.", 5) || !dot || strlen(dot + 1) != 43)
        return sek_fail(fault, SEK_EINVAL,
                        "enrolment token: skt1.<id>.<secret>.<fingerprint> expected");
    *pin = dot + 1;
    return SEK_OK;
}

static enum sek_error post(const char *url, const char *token, const json_t *body,
                           struct exchange *x, struct sek_fault *fault)
{
    char host[256];
    int port = 0;
    SSL_CTX *ctx = NULL;
    struct sek_http *http = NULL;
    struct sek_tls_options tls = {0};
    char *text = json_dumps(body, JSON_COMPACT);
    enum sek_error rc = token_pin(token, &tls.ca_pin, fault);
    if (!rc)
        rc = sek_http_url(url, host, &port, fault);
    if (!rc)
        rc = sek_tls_client(&tls, &ctx, fault);
    if (rc)
        goto done;
    x->base = event_base_new();
    rc = sek_http_open(x->base, ctx, host, port, &http, fault);
    if (rc)
        goto done;
    struct sek_http_request request = {.method = "POST",
                                       .path = "/api/v1/enrol",
                                       .body = text,
                                       .len = strlen(text),
                                       .on_done = on_answer,
                                       .arg = x};
    rc = sek_http_send(http, &request, fault);
    if (!rc)
        event_base_dispatch(x->base);
done:
    sek_http_close(http);
    SSL_CTX_free(ctx);
    if (x->base)
        event_base_free(x->base);
    free(text);
    return rc;
}

static enum sek_error check_answer(const struct exchange *x, const char *url,
                                   struct sek_fault *fault)
{
    const char *detail = json_string_value(json_object_get(x->answer, "detail"));
    if (!x->status)
        return sek_fail(fault, strstr(x->fault.message, "certificate") ? SEK_EAUTH : SEK_EIO, "%s",
                        x->fault.message);
    if (x->status == 401 || x->status == 403)
        return sek_fail(fault, SEK_EAUTH, "%s: enrolment refused: %s", url,
                        detail ? detail : "no reason given");
    if (x->status != 201)
        return sek_fail(fault, SEK_EIO, "%s: enrolment failed with status %d: %s", url, x->status,
                        detail ? detail : "no reason given");
    return SEK_OK;
}

static enum sek_error save(const char *state, const char *name, const char *text, mode_t mode,
                           struct sek_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", state, name);
    return sek_file_replace(path, text, strlen(text), mode, fault);
}

static enum sek_error save_identity(const char *state, const char *url, const char *kind,
                                    const char *key, const json_t *answer, struct sek_fault *fault)
{
    const char *device, *tenant, *certificate, *ca, *root;
    int port;
    char host[256];
    json_t *root_doc = NULL;
    enum sek_error rc;
    if (json_unpack((json_t *)answer, "{s:s, s:s, s:s, s:s, s:s, s:i}", "device", &device,
                    "tenant", &tenant, "certificate", &certificate, "ca", &ca, "root", &root,
                    "device_port", &port))
        return sek_fail(fault, SEK_EINVAL,
                        "%s: enrolment answer: device, tenant, certificate, ca, root and "
                        "device_port expected",
                        url);
    rc = sek_metadata_parse("root", root, strlen(root), &root_doc, fault);
    if (!rc)
        rc = sek_metadata_verify(root_doc, "root", root_doc, fault);
    json_decref(root_doc);
    int rest_port;
    if (!rc)
        rc = sek_http_url(url, host, &rest_port, fault);
    if (!rc)
        rc = save(state, "key.pem", key, 0600, fault);
    if (!rc)
        rc = save(state, "cert.pem", certificate, 0644, fault);
    if (!rc)
        rc = save(state, "ca.pem", ca, 0644, fault);
    if (!rc)
        rc = save(state, "root.json", root, 0644, fault);
    if (rc)
        return rc;
    json_t *identity = json_pack("{s:s, s:s, s:s, s:s, s:i}", "device", device, "tenant", tenant,
                                 "kind", kind, "host", host, "port", port);
    char *text = json_dumps(identity, JSON_INDENT(1));
    rc = save(state, "identity.json", text, 0644, fault);
    free(text);
    json_decref(identity);
    return rc;
}

enum sek_error sek_client_enrol(const char *state, const char *url, const char *token,
                                const char *kind, const char *name, struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *key = NULL, *request = NULL;
    struct exchange x = {0};
    json_t *body = NULL;
    snprintf(path, sizeof path, "%s/identity.json", state);
    if (!access(path, F_OK))
        return sek_fail(fault, SEK_EEXIST, "%s: this device is enrolled already", path);
    enum sek_error rc = sek_make_folder(state, 0700, fault);
    if (!rc)
        rc = sek_tls_request(&key, &request, fault);
    if (rc)
        goto done;
    body = json_pack("{s:s, s:s, s:s, s:s}", "token", token, "csr", request, "kind", kind, "name",
                     name);
    if (!body) {
        rc = sek_fail(fault, SEK_EINVAL, "the device name is not valid UTF-8");
        goto done;
    }
    rc = post(url, token, body, &x, fault);
    if (!rc)
        rc = check_answer(&x, url, fault);
    if (!rc)
        rc = save_identity(state, url, kind, key, x.answer, fault);
done:
    json_decref(x.answer);
    json_decref(body);
    free(request);
    free(key);
    return rc;
}
