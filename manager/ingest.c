/* What devices send: events, inventory, status. An event is stored, appended to the tenant's Merkle
 * log and covered by a signed checkpoint in one transaction; then it is acknowledged, shown live,
 * and acted on. */
#include "lib/audit/checkpoint.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/wire/record.h"
#include "manager/bundles.h"
#include "manager/indicators.h"
#include "manager/reputation.h"
#include "manager/intel.h"
#include "manager/ledger.h"
#include "manager/push.h"
#include "manager/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX       2000
#define LINE_LIMIT      (300u << 10)
#define ERRORS_MAX      50
#define SINGLE_PACKAGES 40 /* more changed packages than this: match all */

/* --- events --- */

struct stored {
    int64_t n;
    json_t *event;
    const char *record;
    size_t len;
};

struct batch {
    struct sek_request *r;
    struct sek_merkle log;
    int64_t seq; /* of the device's last stored event */
    char last[SEK_SHA256_HEX];
    int64_t chain_faults;
    uint64_t acknowledged;
    struct stored *stored;
    size_t stored_count, duplicates, refused;
    json_t *errors;
};

static const char *text_of(const json_t *event, const char *name)
{
    const char *value = json_string_value(json_object_get(event, name));
    return value ? value : "";
}

/* Parse one line and check that it is this device's. *OUT is a new reference. */
static enum sek_error check_line(const struct batch *b, const char *line, size_t len,
                                 char id[SEK_SHA256_HEX], json_t **out, struct sek_fault *fault)
{
    json_error_t error;
    if (len > LINE_LIMIT)
        return sek_fail(fault, SEK_ELIMIT, "%zu bytes, at most %u expected", len, LINE_LIMIT);
    json_t *event = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
    if (!event)
        return sek_fail(fault, SEK_EINVAL, "byte %d: %s", error.position, error.text);
    enum sek_error rc = SEK_OK;
    if (!json_is_object(event))
        rc = sek_fail(fault, SEK_EINVAL, "a JSON object is expected");
    else if (strcmp(text_of(event, "device"), b->r->device))
        rc = sek_fail(fault, SEK_EAUTH, "field \"device\": \"%.60s\", \"%s\" expected",
                      text_of(event, "device"), b->r->device);
    else if (strcmp(text_of(event, "tenant"), b->r->tenant))
        rc = sek_fail(fault, SEK_EAUTH, "field \"tenant\": \"%.60s\", \"%s\" expected",
                      text_of(event, "tenant"), b->r->tenant);
    else if (json_integer_value(json_object_get(event, "seq")) < 1)
        rc = sek_fail(fault, SEK_EINVAL, "field \"seq\": a number from 1 expected");
    else if (strlen(text_of(event, "prev")) != 64)
        rc = sek_fail(fault, SEK_EINVAL, "field \"prev\": 64 hex digits expected");
    else
        rc = sek_record_id(line, len, id, fault);
    if (rc)
        json_decref(event);
    else
        *out = event;
    return rc;
}

static const char *chain_state(struct batch *b, const json_t *event, int64_t seq)
{
    if (seq == b->seq + 1 && !strcmp(text_of(event, "prev"), b->last))
        return "ok";
    b->chain_faults++;
    return seq > b->seq + 1 ? "gap" : "broken";
}

static enum sek_error store_event(struct batch *b, const char *line, size_t len, const char *id,
                                  json_t *event, struct sek_fault *fault)
{
    struct sek_store *store = b->r->manager->store;
    struct sek_hash leaf;
    int64_t seq = json_integer_value(json_object_get(event, "seq"));
    int64_t position = (int64_t)b->log.size;
    const char *chain = chain_state(b, event, seq);
    enum sek_error rc = sek_store_run(
        store, fault,
        "INSERT INTO events(tenant, leaf, device, seq, id, time, received, layer, action,"
        " event_type, chain, record) VALUES(?,?,?,?,?,?,?,?,?,?,?,?)",
        "sisississsst", b->r->tenant, position, b->r->device, seq, id, text_of(event, "timestamp"),
        sek_now(), text_of(event, "layer"), text_of(event, "action"), text_of(event, "event_type"),
        chain, line, len);
    if (rc)
        return rc;
    sek_merkle_leaf(line, len, &leaf);
    rc = sek_ledger_append(store, b->r->tenant, &b->log, &leaf, fault);
    if (rc)
        return rc;
    b->stored[b->stored_count++] =
        (struct stored){sek_store_number(store, 0, "SELECT last_insert_rowid()", ""),
                        json_incref(event), line, len};
    if (seq > b->seq) {
        b->seq = seq;
        memcpy(b->last, id, sizeof b->last);
    }
    return SEK_OK;
}

static void refuse(struct batch *b, size_t number, const struct sek_fault *fault)
{
    b->refused++;
    if (json_array_size(b->errors) < ERRORS_MAX)
        json_array_append_new(b->errors, json_pack("{s:I, s:s}", "line", (json_int_t)number,
                                                   "detail", fault->message));
}

static enum sek_error take_line(struct batch *b, size_t number, const char *line, size_t len,
                                struct sek_fault *fault)
{
    char id[SEK_SHA256_HEX];
    json_t *event = NULL;
    struct sek_fault why;
    enum sek_error rc = SEK_OK;
    if (check_line(b, line, len, id, &event, &why)) {
        refuse(b, number, &why);
        return SEK_OK;
    }
    uint64_t seq = (uint64_t)json_integer_value(json_object_get(event, "seq"));
    if (sek_store_number(b->r->manager->store, 0, "SELECT 1 FROM events WHERE id=?", "s", id))
        b->duplicates++;
    else
        rc = store_event(b, line, len, id, event, fault);
    if (!rc && seq > b->acknowledged)
        b->acknowledged = seq;
    json_decref(event);
    return rc;
}

static enum sek_error take_lines(struct batch *b, struct sek_fault *fault)
{
    const char *at = b->r->body.data ? b->r->body.data : "";
    const char *end = at + b->r->body.len;
    for (size_t number = 1; at < end; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((stop ? stop : end) - at);
        if (number > LINES_MAX)
            return sek_fail(fault, SEK_ELIMIT, "body: more than %d lines", LINES_MAX);
        if (len) {
            enum sek_error rc = take_line(b, number, at, len, fault);
            if (rc)
                return rc;
        }
        at += len + 1;
    }
    return SEK_OK;
}

static bool take_chain(void *arg, const struct sek_row *row)
{
    struct batch *b = arg;
    const char *last = row->text(row, 1, NULL);
    b->seq = row->integer(row, 0);
    snprintf(b->last, sizeof b->last, "%s", *last ? last : SEK_RECORD_NO_PREVIOUS);
    return false;
}

static enum sek_error store_batch(struct batch *b, struct sek_fault *fault)
{
    struct sek_manager *m = b->r->manager;
    enum sek_error rc = sek_store_begin(m->store, fault);
    if (rc)
        return rc;
    rc = sek_ledger_open(m->store, b->r->tenant, &b->log, fault);
    if (!rc)
        rc = sek_store_each(m->store, take_chain, b, fault,
                            "SELECT seq, last_event FROM devices WHERE id=?", "s", b->r->device);
    if (!rc)
        rc = take_lines(b, fault);
    if (!rc && b->stored_count)
        rc = sek_ledger_sign(m, b->r->tenant, &b->log, fault);
    if (!rc && b->stored_count)
        rc = sek_store_run(m->store, fault,
                           "UPDATE devices SET seq=?, last_event=?, chain_faults=chain_faults+?"
                           " WHERE id=?",
                           "isis", b->seq, b->last, b->chain_faults, b->r->device);
    return sek_store_end(m->store, rc, fault);
}

static void act_on(struct batch *b)
{
    struct sek_manager *m = b->r->manager;
    for (size_t i = 0; i < b->stored_count; i++) {
        const struct stored *s = &b->stored[i];
        sek_streams_event(m->streams, b->r->tenant, s->n, s->event, s->record, s->len);
        if (!strcmp(text_of(s->event, "event_type"), "attacker"))
            sek_indicator_attacker(m, b->r->tenant, b->r->device, s->event);
    }
    m->counters.events += b->stored_count;
    m->counters.duplicates += b->duplicates;
    m->counters.refused_lines += b->refused;
}

static enum sek_error answer_batch(struct batch *b)
{
    json_t *doc = json_pack("{s:I, s:I, s:I}", "acknowledged", (json_int_t)b->acknowledged, "stored",
                            (json_int_t)b->stored_count, "duplicates", (json_int_t)b->duplicates);
    char detail[120];
    if (!b->refused)
        return sek_reply(b->r, 200, doc);
    snprintf(detail, sizeof detail, "%zu lines were refused; the others are stored", b->refused);
    json_object_set_new(doc, "refused", json_integer((json_int_t)b->refused));
    json_object_set(doc, "errors", b->errors);
    return sek_reply_problem(b->r, 422, detail, doc);
}

static enum sek_error post_events(struct sek_request *r, struct sek_fault *fault)
{
    struct batch b = {.r = r, .errors = json_array()};
    enum sek_error rc;
    b.stored = calloc(LINES_MAX, sizeof *b.stored);
    rc = b.stored ? store_batch(&b, fault) : sek_fail(fault, SEK_ENOMEM, "events: out of memory");
    if (!rc) {
        act_on(&b);
        rc = answer_batch(&b);
    }
    for (size_t i = 0; i < b.stored_count; i++)
        json_decref(b.stored[i].event);
    free(b.stored);
    json_decref(b.errors);
    return rc;
}

/* --- inventory --- */

static enum sek_error component_text(const json_t *component, size_t index, const char *name,
                                     const char **out, struct sek_fault *fault)
{
    *out = json_string_value(json_object_get(component, name));
    if (!*out || !**out || strlen(*out) > 250)
        return sek_fail(fault, SEK_EINVAL, "components[%zu].%s: text of 1 to 250 bytes expected",
                        index, name);
    return SEK_OK;
}

static enum sek_error put_component(struct sek_request *r, const json_t *c, size_t index,
                                    json_t *packages, struct sek_fault *fault)
{
    const char *ecosystem, *name, *version;
    const char *source = text_of(c, "source"), *source_version = text_of(c, "source_version");
    enum sek_error rc = component_text(c, index, "ecosystem", &ecosystem, fault);
    if (!rc)
        rc = component_text(c, index, "name", &name, fault);
    if (!rc)
        rc = component_text(c, index, "version", &version, fault);
    if (rc)
        return rc;
    source = *source ? source : name;
    json_object_set_new(packages, source, json_true());
    return sek_store_run(r->manager->store, fault,
                         "INSERT INTO components(device, ecosystem, name, arch, version, source,"
                         " source_version, cpe, build_id, path, purl, origin)"
                         " VALUES(?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET"
                         " source=excluded.source, source_version=excluded.source_version,"
                         " cpe=excluded.cpe, build_id=excluded.build_id, path=excluded.path,"
                         " purl=excluded.purl, origin=excluded.origin",
                         "ssssssssssss", r->device, ecosystem, name, text_of(c, "arch"), version,
                         source, *source_version ? source_version : version,
                         json_string_value(json_object_get(c, "cpe")),
                         json_string_value(json_object_get(c, "build_id")),
                         json_string_value(json_object_get(c, "path")),
                         json_string_value(json_object_get(c, "purl")),
                         json_string_value(json_object_get(c, "from")));
}

static bool note_source(void *arg, const struct sek_row *row)
{
    json_object_set_new(arg, row->text(row, 0, NULL), json_true());
    return true;
}

/* Without a version all of that name go. */
static enum sek_error drop_component(struct sek_request *r, const json_t *c, json_t *packages,
                                     struct sek_fault *fault)
{
    const char *ecosystem = text_of(c, "ecosystem"), *name = text_of(c, "name");
    const char *arch = text_of(c, "arch"), *version = text_of(c, "version");
    enum sek_error rc =
        sek_store_each(r->manager->store, note_source, packages, fault,
                       "SELECT source FROM components WHERE device=? AND ecosystem=? AND name=?"
                       " AND arch=?",
                       "ssss", r->device, ecosystem, name, arch);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "DELETE FROM components WHERE device=?1 AND ecosystem=?2 AND name=?3"
                           " AND arch=?4 AND (?5='' OR version=?5)",
                           "sssss", r->device, ecosystem, name, arch, version);
    return rc;
}

static enum sek_error put_whole(struct sek_request *r, const json_t *body, const char *name,
                                const char *sql, struct sek_fault *fault)
{
    json_t *value = json_object_get(body, name);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    enum sek_error rc =
        text ? sek_store_run(r->manager->store, fault, sql, "ss", text, r->device) : SEK_OK;
    free(text);
    return rc;
}

static enum sek_error put_components(struct sek_request *r, const json_t *list, json_t *packages,
                                     struct sek_fault *fault)
{
    size_t i;
    json_t *c;
    enum sek_error rc = SEK_OK;
    if (!json_is_array(list))
        return sek_fail(fault, SEK_EINVAL, "field \"components\": a list is expected");
    json_array_foreach(list, i, c)
    {
        if (!rc)
            rc = put_component(r, c, i, packages, fault);
    }
    return rc;
}

/* Members that are kept as they come. */
static const struct {
    const char *member, *sql;
} wholes[] = {
    {"os", "UPDATE devices SET os=? WHERE id=?"},
    {"product", "UPDATE devices SET product=? WHERE id=?"},
    {"services", "UPDATE devices SET services=? WHERE id=?"},
    {"posture", "UPDATE devices SET posture=? WHERE id=?"},
    {"notes", "UPDATE devices SET notes=? WHERE id=?"},
};

/* Write what the message says; PACKAGES collects the source packages it touches. */
static enum sek_error write_inventory(struct sek_request *r, const json_t *body, bool full,
                                      json_t *packages, const char *digest,
                                      struct sek_fault *fault)
{
    const json_t *whole = full ? json_object_get(body, "inventory") : body;
    size_t i;
    json_t *c;
    enum sek_error rc = SEK_OK;
    if (full)
        rc = sek_store_run(r->manager->store, fault, "DELETE FROM components WHERE device=?", "s",
                           r->device);
    json_array_foreach(json_object_get(full ? NULL : body, "remove"), i, c)
    {
        if (!rc)
            rc = drop_component(r, c, packages, fault);
    }
    if (!rc)
        rc = put_components(r, json_object_get(whole, full ? "components" : "add"), packages,
                            fault);
    for (i = 0; !rc && i < sizeof wholes / sizeof wholes[0]; i++)
        rc = put_whole(r, whole, wholes[i].member, wholes[i].sql, fault);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault, "UPDATE devices SET inventory=? WHERE id=?",
                           "ss", digest, r->device);
    return rc;
}

static enum sek_error rematch(struct sek_request *r, bool full, json_t *packages,
                              struct sek_fault *fault)
{
    const char *package;
    json_t *value;
    enum sek_error rc = SEK_OK;
    if (full || json_object_size(packages) > SINGLE_PACKAGES)
        return sek_intel_match(r->manager, r->tenant, r->device, NULL, fault);
    json_object_foreach(packages, package, value)
    {
        if (!rc)
            rc = sek_intel_match(r->manager, r->tenant, r->device, package, fault);
    }
    sek_bundles_changed(r->manager->bundles, r->tenant, r->device);
    return rc;
}

static enum sek_error post_inventory(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL, *packages = json_object();
    char digest[65];
    enum sek_error rc = sek_request_json(r, &body, fault);
    const char *type = text_of(body, "type"), *base = text_of(body, "base");
    bool full = !strcmp(type, "full");
    if (!rc && !full && strcmp(type, "difference"))
        rc = sek_fail(fault, SEK_EINVAL, "field \"type\": full or difference expected");
    if (!rc && !full &&
        (!*base || !sek_store_number(r->manager->store, 0,
                                     "SELECT 1 FROM devices WHERE id=? AND inventory=?", "ss",
                                     r->device, base)))
        rc = sek_fail(fault, SEK_ESTATE, "field \"base\": another inventory is known here: send it "
                                         "whole");
    if (!rc && !(rc = sek_store_begin(r->manager->store, fault))) {
        /* The body holds the base's digest, so the new name depends on all that came before. */
        sek_sha256_hex(r->body.data, r->body.len, digest);
        rc = write_inventory(r, body, full, packages, digest, fault);
        if (!rc)
            rc = rematch(r, full, packages, fault);
        rc = sek_store_end(r->manager->store, rc, fault);
    }
    if (!rc)
        rc = sek_reply(r, 200, json_pack("{s:s}", "digest", digest));
    json_decref(packages);
    json_decref(body);
    return rc;
}

static enum sek_error post_status(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    enum sek_error rc = sek_request_json(r, &body, fault);
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    if (!rc)
        rc = sek_store_run(r->manager->store, fault, "UPDATE devices SET status=? WHERE id=?", "ss",
                           text, r->device);
    const json_t *bundle = json_object_get(body, "bundle");
    if (!rc && json_object_get(bundle, "fault"))
        sek_warning("device %s refused bundle %lld: %s", r->device,
                    (long long)json_integer_value(json_object_get(bundle, "refused")),
                    text_of(bundle, "fault"));
    free(text);
    json_decref(body);
    return rc ? rc : sek_reply_empty(r);
}

const struct sek_route sek_routes_device[] = {
    {EVHTTP_REQ_POST, "/device/v1/*/*/events", SEK_ACCESS_PUBLIC, post_events},
    {EVHTTP_REQ_POST, "/device/v1/*/*/inventory", SEK_ACCESS_PUBLIC, post_inventory},
    {EVHTTP_REQ_POST, "/device/v1/*/*/status", SEK_ACCESS_PUBLIC, post_status},
    {EVHTTP_REQ_POST, "/device/v1/*/*/bundle", SEK_ACCESS_PUBLIC, sek_bundles_fetch},
    {EVHTTP_REQ_POST, "/device/v1/*/*/reputation", SEK_ACCESS_PUBLIC, sek_reputation_answer},
    {EVHTTP_REQ_GET, "/device/v1/*/*/push", SEK_ACCESS_PUBLIC, sek_push_attach},
    {0, NULL, 0, NULL},
};
