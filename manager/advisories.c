/* Advisories, virtual patches, indicators and the allowlist over the API. */
#include "lib/base/log.h"
#include "manager/bundles.h"
#include "manager/content.h"
#include "manager/indicators.h"
#include "manager/intel.h"
#include "manager/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_MAX 200000 /* programs of a tenant */

static enum sek_error list_feeds(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT name, kind, advisories, bytes, imported FROM feeds"
                                       " ORDER BY name",
                                       "");
    return rc ? rc
              : sek_reply(r, 200,
                          json_pack("{s:o, s:I}", "feeds", rows, "advisories",
                                    (json_int_t)sek_intel_count(r->manager->intel)));
}

static bool feed_name_allowed(const char *name)
{
    size_t len = name ? strlen(name) : 0;
    return len && len < 80 && *name != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

/* An import while its feed is read: the request stays open until then. */
struct import {
    struct sek_request request; /* `http` is NULL when the caller has gone */
    struct sek_feed *feed;
};

static void on_caller_gone(struct evhttp_connection *connection, void *arg)
{
    struct import *import = arg;
    (void)connection;
    /* evhttp took the request off the broken connection: ending it now frees it. */
    evhttp_send_reply_end(import->request.http);
    import->request.http = NULL;
}

static void read_import(void *arg)
{
    sek_feed_read(((struct import *)arg)->feed);
}

/* The feed takes effect even when the caller did not wait for it. */
static void finish_import(void *arg)
{
    struct import *import = arg;
    struct sek_request *r = &import->request;
    struct sek_feed *feed = import->feed;
    struct sek_fault fault = feed->fault;
    json_t *summary = NULL;
    enum sek_error rc = feed->rc;
    if (!rc)
        rc = sek_intel_apply(r->manager, feed, &summary, &fault);
    if (rc)
        sek_warning("advisories not taken: %s", fault.message);
    if (r->http)
        evhttp_connection_set_closecb(evhttp_request_get_connection(r->http), NULL, NULL);
    if (r->http && rc)
        sek_reply_fault(r, rc, &fault);
    else if (r->http)
        sek_reply(r, 200, json_incref(summary));
    json_decref(summary);
    sek_feed_free(feed);
    free(import);
}

/* Feeds serve all tenants, so only a system administrator changes them. */
static enum sek_error import_feed(struct sek_request *r, struct sek_fault *fault)
{
    const char *name = sek_request_query(r, "name");
    if (!feed_name_allowed(name))
        return sek_fail(fault, SEK_EINVAL,
                        "parameter \"name\": letters, digits, '.', '_' and '-' expected");
    if (!r->body.len)
        return sek_fail(fault, SEK_EINVAL, "%s: the body is empty, advisories expected", name);
    struct import *import = calloc(1, sizeof *import);
    if (!import || !(import->feed = sek_feed_make(r->manager->intel, name, &r->body))) {
        free(import);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    }
    import->request.manager = r->manager;
    import->request.http = r->http;
    enum sek_error rc =
        sek_worker_run(r->manager->worker, read_import, finish_import, import, fault);
    if (rc) {
        sek_feed_free(import->feed);
        free(import);
        return rc;
    }
    evhttp_connection_set_closecb(evhttp_request_get_connection(r->http), on_caller_gone, import);
    return SEK_OK;
}

static enum sek_error list_patches(struct sek_request *r, struct sek_fault *fault)
{
    json_t *list = sek_intel_patches(r->manager), *patch;
    size_t i;
    (void)fault;
    json_array_foreach(list, i, patch)
    {
        json_object_set_new(
            patch, "devices",
            json_integer(sek_store_number(
                r->manager->store, 0,
                "SELECT count(*) FROM assignments a JOIN devices d ON d.id=a.device WHERE"
                " d.tenant=? AND a.patch=? AND a.origin<>'excluded'",
                "ss", r->tenant, json_string_value(json_object_get(patch, "id")))));
    }
    return sek_reply(r, 200, json_pack("{s:o}", "patches", list));
}

static enum sek_error list_findings(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL, *row;
    size_t i;
    enum sek_error rc = sek_store_rows(
        r->manager->store, &rows, fault,
        "SELECT f.device, d.name, f.cve, f.package, f.version, f.fixed, f.severity, f.since"
        " FROM findings f JOIN devices d ON d.id=f.device WHERE d.tenant=?"
        " ORDER BY f.cve, d.name LIMIT 5000",
        "s", r->tenant);
    json_array_foreach(rows, i, row)
    {
        const char *device = json_string_value(json_object_get(row, "device"));
        json_t *cover =
            sek_intel_cover(r->manager, json_string_value(json_object_get(row, "cve")));
        bool assigned = sek_intel_assigned(r->manager, device, cover);
        json_object_set_new(row, "state", json_string(assigned ? "patched" : "open"));
        json_object_set_new(row, "patches", cover);
    }
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "findings", rows));
}

static enum sek_error list_indicators(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT type, value, source, confidence, expiry, reason,"
                                       " created FROM indicators WHERE tenant=?"
                                       " ORDER BY created DESC LIMIT 10000",
                                       "s", r->tenant);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "indicators", rows));
}

static enum sek_error add_indicator(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    struct sek_indicator i = {0};
    char source[80];
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (rc)
        return rc;
    const json_t *ttl = json_object_get(body, "ttl_s");
    const json_t *confidence = json_object_get(body, "confidence");
    const char *reason = json_string_value(json_object_get(body, "reason"));
    snprintf(source, sizeof source, "account:%s", r->account);
    i.source = source;
    i.reason = reason ? reason : "";
    i.confidence = confidence ? json_integer_value(confidence) : 100;
    i.expiry = ttl ? sek_now() + json_integer_value(ttl) : 0;
    rc = sek_field(body, "type", &i.type, fault);
    if (!rc)
        rc = sek_field(body, "value", &i.value, fault);
    if (!rc && ttl && (!json_is_integer(ttl) || json_integer_value(ttl) < 1))
        rc = sek_fail(fault, SEK_EINVAL, "field \"ttl_s\": seconds from 1 expected");
    if (!rc)
        rc = sek_indicator_add(r->manager, r->tenant, &i, fault);
    if (!rc)
        rc = sek_reply(r, 201, json_pack("{s:s, s:s, s:I}", "type", i.type, "value", i.value,
                                         "expiry", (json_int_t)i.expiry));
    json_decref(body);
    return rc;
}

static enum sek_error remove_indicator(struct sek_request *r, struct sek_fault *fault)
{
    const char *type = sek_request_query(r, "type"), *value = sek_request_query(r, "value");
    if (!type || !value)
        return sek_fail(fault, SEK_EINVAL, "parameters \"type\" and \"value\" expected");
    enum sek_error rc = sek_indicator_remove(r->manager, r->tenant, type, value, fault);
    return rc ? rc : sek_reply_empty(r);
}

static enum sek_error list_allowed(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT sha256, model, note FROM allowlist WHERE tenant=?"
                                       " ORDER BY sha256",
                                       "s", r->tenant);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "allowlist", rows));
}

static enum sek_error put_allowed(struct sek_request *r, struct sek_fault *fault)
{
    const char *hash = r->parameter[0], *note = sek_request_query(r, "note");
    if (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64)
        return sek_fail(fault, SEK_EINVAL, "\"%.80s\": 64 lower-case hex digits expected", hash);
    enum sek_error rc = sek_store_run(r->manager->store, fault,
                                      "INSERT INTO allowlist(tenant, model, sha256, note)"
                                      " VALUES(?,'',?,?)"
                                      " ON CONFLICT DO UPDATE SET note=excluded.note",
                                      "sss", r->tenant, hash, note ? note : "");
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
    return sek_reply_empty(r);
}

static enum sek_error remove_allowed(struct sek_request *r, struct sek_fault *fault)
{
    enum sek_error rc = sek_store_run(r->manager->store, fault,
                                      "DELETE FROM allowlist WHERE tenant=? AND sha256=?", "ss",
                                      r->tenant, r->parameter[0]);
    if (!rc && !sek_store_changes(r->manager->store))
        rc = sek_fail(fault, SEK_ENOTFOUND, "%.64s: not in the allowlist", r->parameter[0]);
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
    return sek_reply_empty(r);
}

/* One line of sha256sum(1): digest, a blank, a blank or '*', the name. False: it is none. */
static bool read_sum(const char *line, size_t len, char hash[65], char note[201])
{
    if (len < 64 || strspn(line, "0123456789abcdef") != 64 || (len > 64 && line[64] != ' '))
        return false;
    memcpy(hash, line, 64);
    hash[64] = '\0';
    size_t at = len > 65 ? 66 : len;
    size_t n = len - at < 200 ? len - at : 200;
    memcpy(note, line + at, n);
    note[n] = '\0';
    json_t *text = json_stringn(note, n);
    for (size_t i = 0; !text && i < n; i++) {
        if ((unsigned char)note[i] >= 0x80)
            note[i] = '?'; /* no UTF-8, or cut within a letter */
    }
    json_decref(text);
    return true;
}

static enum sek_error import_lines(struct sek_request *r, const char *model, int64_t *count,
                                   struct sek_fault *fault)
{
    const char *at = r->body.data ? r->body.data : "";
    enum sek_error rc = SEK_OK;
    for (unsigned number = 1; !rc && *at; number++) {
        char hash[65], note[201];
        size_t len = strcspn(at, "\n");
        size_t used = len && at[len - 1] == '\r' ? len - 1 : len;
        if (!used || *at == '#')
            ;
        else if (!read_sum(at, used, hash, note))
            rc = sek_fail(fault, SEK_EINVAL,
                          "line %u: found \"%.*s\", a line of sha256sum expected: 64 lower-case hex "
                          "digits, two blanks, the name",
                          number, (int)(used < 80 ? used : 80), at);
        else if (++*count > ALLOWED_MAX)
            rc = sek_fail(fault, SEK_ELIMIT, "line %u: more than %d programs", number, ALLOWED_MAX);
        else
            rc = sek_store_run(r->manager->store, fault,
                               "INSERT INTO allowlist(tenant, model, sha256, note)"
                               " VALUES(?,?,?,?) ON CONFLICT DO UPDATE SET note=excluded.note",
                               "ssss", r->tenant, model, hash, note);
        at += len + (at[len] == '\n');
    }
    if (!rc && sek_store_number(r->manager->store, 0,
                                "SELECT count(*) FROM allowlist WHERE tenant=?", "s",
                                r->tenant) > ALLOWED_MAX)
        rc = sek_fail(fault, SEK_ELIMIT, "more than %d programs in all", ALLOWED_MAX);
    return rc;
}

/* What a golden device registered, for all devices or those of one model: all of it, or nothing. */
static enum sek_error import_allowed(struct sek_request *r, struct sek_fault *fault)
{
    const char *model = sek_request_query(r, "model");
    int64_t count = 0;
    if (model && (!strchr(model, '/') || strlen(model) > 200))
        return sek_fail(fault, SEK_EINVAL, "query \"model\": \"VENDOR/MODEL\" expected");
    if (r->body.data && strlen(r->body.data) != r->body.len)
        return sek_fail(fault, SEK_EINVAL, "body: text without zero bytes expected");
    enum sek_error rc = sek_store_begin(r->manager->store, fault);
    if (rc)
        return rc;
    rc = import_lines(r, model ? model : "", &count, fault);
    rc = sek_store_end(r->manager->store, rc, fault);
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
    return sek_reply(r, 200, json_pack("{s:I, s:s}", "imported", (json_int_t)count, "model",
                                       model ? model : ""));
}

const struct sek_route sek_routes_intel[] = {
    {EVHTTP_REQ_GET, "/api/v1/advisories", SEK_ACCESS_VIEWER, list_feeds},
    {EVHTTP_REQ_POST, "/api/v1/advisories", SEK_ACCESS_SYSTEM, import_feed},
    {EVHTTP_REQ_GET, "/api/v1/patches", SEK_ACCESS_VIEWER, list_patches},
    {EVHTTP_REQ_GET, "/api/v1/findings", SEK_ACCESS_VIEWER, list_findings},
    {EVHTTP_REQ_GET, "/api/v1/indicators", SEK_ACCESS_VIEWER, list_indicators},
    {EVHTTP_REQ_POST, "/api/v1/indicators", SEK_ACCESS_OPERATOR, add_indicator},
    {EVHTTP_REQ_DELETE, "/api/v1/indicators", SEK_ACCESS_OPERATOR, remove_indicator},
    {EVHTTP_REQ_GET, "/api/v1/allowlist", SEK_ACCESS_VIEWER, list_allowed},
    {EVHTTP_REQ_POST, "/api/v1/allowlist", SEK_ACCESS_OPERATOR, import_allowed},
    {EVHTTP_REQ_PUT, "/api/v1/allowlist/*", SEK_ACCESS_OPERATOR, put_allowed},
    {EVHTTP_REQ_DELETE, "/api/v1/allowlist/*", SEK_ACCESS_OPERATOR, remove_allowed},
    {0, NULL, 0, NULL},
};
