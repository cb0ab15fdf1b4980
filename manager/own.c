/* The record has a device's form, so that the log's proof holds for it too. */
#include "manager/own.h"
#include "lib/base/clock.h"
#include "lib/wire/record.h"
#include "manager/ledger.h"
#include "manager/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static json_t *make_event(const char *type, const char *reason, const json_t *extra)
{
    char stamp[48];
    uint64_t now = sek_clock_wall_us();
    time_t seconds = (time_t)(now / 1000000u);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(stamp + n, sizeof stamp - n, ".%06u+0000", (unsigned)(now % 1000000u));
    json_t *event =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "timestamp", stamp, "event_type", type, "layer",
                  "cloud", "action", "detected", "reporter", "manager", "reason", reason);
    if (extra)
        json_object_update(event, (json_t *)(uintptr_t)extra);
    return event;
}

static enum sek_error store_record(struct sek_manager *m, const char *tenant, const char *device,
                                   const json_t *event, const struct sek_text *record, int64_t *n,
                                   struct sek_fault *fault)
{
    struct sek_merkle log;
    struct sek_hash leaf;
    char id[SEK_SHA256_HEX];
    enum sek_error rc = sek_record_id(record->data, record->len, id, fault);
    if (rc || (rc = sek_ledger_open(m->store, tenant, &log, fault)))
        return rc;
    rc = sek_store_run(m->store, fault,
                       "INSERT INTO events(tenant, leaf, device, seq, id, time, received, layer,"
                       " action, event_type, chain, record) VALUES(?,?,?,0,?,?,?,?,?,?,'ok',?)",
                       "sisssissst", tenant, (int64_t)log.size, device, id,
                       json_string_value(json_object_get(event, "timestamp")), sek_now(), "cloud",
                       "detected", json_string_value(json_object_get(event, "event_type")),
                       record->data, record->len);
    if (rc)
        return rc;
    *n = sek_store_number(m->store, 0, "SELECT last_insert_rowid()", "");
    sek_merkle_leaf(record->data, record->len, &leaf);
    rc = sek_ledger_append(m->store, tenant, &log, &leaf, fault);
    return rc ? rc : sek_ledger_sign(m, tenant, &log, fault);
}

enum sek_error sek_own_event(struct sek_manager *m, const char *tenant, const char *device,
                             const char *type, const char *reason, const json_t *extra,
                             struct sek_fault *fault)
{
    int64_t n = 0;
    struct sek_text record = {0};
    json_t *event = make_event(type, reason, extra), *whole = NULL;
    char *text = event ? json_dumps(event, JSON_COMPACT) : NULL;
    enum sek_error rc = text ? sek_record_make(text, strlen(text), device, tenant, 0,
                                               SEK_RECORD_NO_PREVIOUS, &record, fault)
                             : sek_fail(fault, SEK_ENOMEM, "event: out of memory");
    if (!rc && !(rc = sek_store_begin(m->store, fault))) {
        rc = store_record(m, tenant, device, event, &record, &n, fault);
        rc = sek_store_end(m->store, rc, fault);
    }
    if (!rc && (whole = json_loadb(record.data, record.len, 0, NULL))) {
        sek_streams_event(m->streams, tenant, n, whole, record.data, record.len);
        m->counters.events++;
    }
    json_decref(whole);
    json_decref(event);
    sek_text_free(&record);
    free(text);
    return rc;
}
