/* Events for people: the query with filters and a cursor, the live stream, the overview. */
#include "manager/push.h"
#include "manager/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX     1000
#define BUCKETS       60

/* A number parameter between LOW and HIGH, or FALLBACK when it is absent. */
static enum sek_error number(const struct sek_request *r, const char *name, int64_t low,
                             int64_t high, int64_t fallback, int64_t *out, struct sek_fault *fault)
{
    const char *text = sek_request_query(r, name);
    char *end;
    *out = fallback;
    if (!text)
        return SEK_OK;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < low || value > high)
        return sek_fail(fault, SEK_EINVAL, "parameter \"%s\": \"%.40s\", %lld to %lld expected",
                        name, text, (long long)low, (long long)high);
    *out = value;
    return SEK_OK;
}

static bool take_event(void *arg, const struct sek_row *row)
{
    size_t len;
    const char *record = row->text(row, 4, &len);
    json_t *event = json_loadb(record, len, 0, NULL);
    if (!event)
        event = json_pack("{s:s}", "event_type", "unreadable");
    json_object_set_new(event, "n", json_integer(row->integer(row, 0)));
    json_object_set_new(event, "leaf", json_integer(row->integer(row, 1)));
    json_object_set_new(event, "received", json_integer(row->integer(row, 2)));
    json_object_set_new(event, "chain", json_string(row->text(row, 3, NULL)));
    json_array_append_new(arg, event);
    return true;
}

static enum sek_error query_events(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_event_filter f;
    int64_t limit, since, cursor;
    json_t *list = json_array(), *doc;
    sek_event_filter_read(r, &f);
    enum sek_error rc = number(r, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit, fault);
    if (!rc)
        rc = number(r, "since", 0, INT64_MAX, 0, &since, fault);
    if (!rc)
        rc = number(r, "cursor", 1, INT64_MAX, INT64_MAX, &cursor, fault);
    if (!rc)
        rc = sek_store_each(
            r->manager->store, take_event, list, fault,
            "SELECT n, leaf, received, chain, record FROM events WHERE tenant=?1 AND n<?2 AND"
            " received>=?3 AND (?4='' OR layer=?4) AND (?5='' OR action=?5) AND"
            " (?6='' OR event_type=?6) AND (?7='' OR device=?7) AND"
            " (?8='' OR instr(lower(record), lower(?8)) > 0) ORDER BY n DESC LIMIT ?9",
            "siisssssi", r->tenant, cursor, since, f.layer, f.action, f.event_type, f.device,
            f.text, limit);
    if (rc) {
        json_decref(list);
        return rc;
    }
    size_t count = json_array_size(list);
    doc = json_pack("{s:o}", "events", list);
    json_object_set(doc, "next",
                    count == (size_t)limit ? json_object_get(json_array_get(list, count - 1), "n")
                                           : json_null());
    return sek_reply(r, 200, doc);
}

static enum sek_error show_event(struct sek_request *r, struct sek_fault *fault)
{
    json_t *list = json_array();
    enum sek_error rc = sek_store_each(
        r->manager->store, take_event, list, fault,
        "SELECT n, leaf, received, chain, record FROM events WHERE tenant=? AND id=?", "ss",
        r->tenant, r->parameter[0]);
    if (!rc && !json_array_size(list))
        rc = sek_fail(fault, SEK_ENOTFOUND, "event %.64s: no such event", r->parameter[0]);
    if (!rc)
        rc = sek_reply(r, 200, json_incref(json_array_get(list, 0)));
    json_decref(list);
    return rc;
}

static enum sek_error put_rows(struct sek_request *r, json_t *doc, const char *name,
                               const char *sql, int64_t since, int64_t bucket,
                               struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc =
        sek_store_rows(r->manager->store, &rows, fault, sql, "sii", r->tenant, since, bucket);
    if (!rc)
        json_object_set_new(doc, name, rows);
    return rc;
}

static void put_count(struct sek_request *r, json_t *doc, const char *name, const char *sql)
{
    json_object_set_new(doc, name,
                        json_integer(sek_store_number(r->manager->store, 0, sql, "s", r->tenant)));
}

static void count_online(void *arg, const char *tenant, const char *device)
{
    (void)tenant;
    (void)device;
    ++*(json_int_t *)arg;
}

/* The named parameters ?1 tenant, ?2 since, ?3 bucket are bound to all; unused ones do no harm. */
static enum sek_error overview(struct sek_request *r, struct sek_fault *fault)
{
    int64_t hours;
    json_int_t online = 0;
    json_t *totals = json_object(), *doc = NULL;
    enum sek_error rc = number(r, "hours", 1, 24 * 366, 24, &hours, fault);
    int64_t since = sek_now() - hours * 3600, bucket = hours * 3600 / BUCKETS;
    sek_push_each(r->manager->hub, r->tenant, count_online, &online);
    put_count(r, totals, "devices", "SELECT count(*) FROM devices WHERE tenant=?");
    put_count(r, totals, "events", "SELECT count(*) FROM events WHERE tenant=?");
    put_count(r, totals, "indicators", "SELECT count(*) FROM indicators WHERE tenant=?");
    put_count(r, totals, "findings",
              "SELECT count(*) FROM findings f JOIN devices d ON d.id=f.device WHERE d.tenant=?");
    put_count(r, totals, "patches",
              "SELECT count(*) FROM assignments a JOIN devices d ON d.id=a.device WHERE"
              " d.tenant=? AND a.origin<>'excluded'");
    json_object_set_new(totals, "online", json_integer(online));
    doc = json_pack("{s:o, s:I, s:I, s:I}", "totals", totals, "since", (json_int_t)since,
                    "bucket_s", (json_int_t)bucket, "now", (json_int_t)sek_now());
    if (!rc)
        rc = put_rows(r, doc, "stopped",
                      "SELECT layer, count(*) AS count FROM events WHERE tenant=?1 AND received>=?2"
                      " AND action IN ('blocked','quarantined') AND ?3>0 GROUP BY layer",
                      since, bucket, fault);
    if (!rc)
        rc = put_rows(r, doc, "series",
                      "SELECT received/?3*?3 AS time, layer, count(*) AS count FROM events WHERE"
                      " tenant=?1 AND received>=?2 AND action IN ('blocked','quarantined')"
                      " GROUP BY 1, layer ORDER BY 1",
                      since, bucket, fault);
    if (!rc)
        rc = put_rows(r, doc, "types",
                      "SELECT event_type, action, count(*) AS count FROM events WHERE tenant=?1 AND"
                      " received>=?2 AND ?3>0 GROUP BY event_type, action ORDER BY 3 DESC",
                      since, bucket, fault);
    if (!rc)
        return sek_reply(r, 200, doc);
    json_decref(doc);
    return rc;
}

const struct sek_route sek_routes_events[] = {
    {EVHTTP_REQ_GET, "/api/v1/events", SEK_ACCESS_VIEWER, query_events},
    {EVHTTP_REQ_GET, "/api/v1/events/stream", SEK_ACCESS_VIEWER, sek_streams_attach},
    {EVHTTP_REQ_GET, "/api/v1/events/*", SEK_ACCESS_VIEWER, show_event},
    {EVHTTP_REQ_GET, "/api/v1/overview", SEK_ACCESS_VIEWER, overview},
    {0, NULL, 0, NULL},
};
