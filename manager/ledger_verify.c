/* The proof that nothing stored was altered: every record is hashed again and compared with its
 * own id, with its leaf, with every node above it, and with the signed checkpoints. The columns that
 * queries use must say what the record says. */
#include "lib/audit/checkpoint.h"
#include "lib/wire/record.h"
#include "manager/ledger.h"

#include <stdio.h>
#include <string.h>

struct verify {
    struct sek_manager *manager;
    const char *tenant;
    struct sek_ledger_reader reader;
    struct sek_merkle_source source;
    struct sek_merkle log;
    json_t *problem; /* NULL: none yet */
    enum sek_error rc;
    struct sek_fault *fault;
};

static void report(struct verify *v, uint64_t record, const char *event, const char *device,
                   const char *problem)
{
    if (!v->problem)
        v->problem = json_pack("{s:b, s:I, s:s, s:s, s:s}", "ok", 0, "record", (json_int_t)record,
                               "event", event, "device", device, "problem", problem);
}

/* A node that the recomputed leaves complete must be the one that was stored. */
static enum sek_error compare_node(void *arg, unsigned level, uint64_t index,
                                   const struct sek_hash *hash, struct sek_fault *fault)
{
    struct verify *v = arg;
    struct sek_hash stored;
    enum sek_error rc = v->source.node(v->source.arg, level, index, &stored, fault);
    char text[160];
    if (!rc && !memcmp(&stored, hash, sizeof stored))
        return SEK_OK;
    if (rc && rc != SEK_ENOTFOUND)
        return rc;
    if (level)
        snprintf(text, sizeof text,
                 "a hash over records %llu to %llu of the log was %s",
                 (unsigned long long)(index << level),
                 (unsigned long long)((index + 1) << level) - 1, rc ? "removed" : "altered");
    else
        snprintf(text, sizeof text, "the record does not fit its hash in the log%s",
                 rc ? ": the hash was removed" : "");
    report(v, index << level, "", "", text);
    return SEK_OK;
}

struct columns {
    const char *name;
    int column;
};

/* NULL when the row's own columns agree with RECORD. */
static const char *check_columns(const struct sek_row *row, const char *record, size_t len)
{
    static const struct columns texts[] = {{"device", 1},     {"timestamp", 4}, {"layer", 5},
                                           {"action", 6}, {"event_type", 7}};
    const char *problem = NULL;
    json_t *event = json_loadb(record, len, 0, NULL);
    if (!event)
        return "the record is not JSON any more";
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *value = json_string_value(json_object_get(event, texts[i].name));
        if (strcmp(value ? value : "", row->text(row, texts[i].column, NULL)))
            problem = "a column of the stored event was altered";
    }
    if (json_integer_value(json_object_get(event, "seq")) != row->integer(row, 2))
        problem = "the sequence column of the stored event was altered";
    json_decref(event);
    return problem;
}

static bool verify_row(void *arg, const struct sek_row *row)
{
    struct verify *v = arg;
    size_t len;
    char id[SEK_SHA256_HEX] = "", device[64], stored_id[SEK_SHA256_HEX];
    uint64_t expected = v->log.size, leaf = (uint64_t)row->integer(row, 0);
    const char *record = row->text(row, 8, &len);
    struct sek_hash hash;
    snprintf(device, sizeof device, "%s", row->text(row, 1, NULL));
    snprintf(stored_id, sizeof stored_id, "%s", row->text(row, 3, NULL));
    if (leaf != expected) {
        report(v, expected, "", "", "the record was removed");
        return false;
    }
    const char *problem = NULL;
    if (sek_record_id(record, len, id, NULL))
        problem = "the record's content does not fit its id: it was altered";
    else if (strcmp(id, stored_id))
        problem = "the record's id was altered";
    else
        problem = check_columns(row, record, len);
    if (problem) {
        report(v, leaf, stored_id, device, problem);
        return false;
    }
    sek_merkle_leaf(record, len, &hash);
    v->rc = sek_merkle_append(&v->log, &hash, compare_node, v, v->fault);
    if (v->problem) { /* found by compare_node, which knows no names */
        json_object_set_new(v->problem, "event", json_string(stored_id));
        json_object_set_new(v->problem, "device", json_string(device));
    }
    return !v->rc && !v->problem;
}

static bool verify_checkpoint(void *arg, const struct sek_row *row)
{
    struct verify *v = arg;
    struct sek_checkpoint point;
    struct sek_hash root;
    struct sek_fault why;
    char public_key[SEK_ED25519_PUBLIC_HEX], text[200];
    size_t len;
    const char *doc_text = row->text(row, 0, &len);
    json_t *doc = json_loadb(doc_text, len, 0, NULL);
    sek_signing_key_public(sek_keys_log(v->manager->keys), public_key);
    if (sek_checkpoint_verify(doc, public_key, &point, &why)) {
        report(v, v->log.size, "", "", "a stored checkpoint was altered: its signature is bad");
    } else if (point.size > v->log.size) {
        snprintf(text, sizeof text,
                 "the record was removed: a signed checkpoint has %llu records, the log has %llu",
                 (unsigned long long)point.size, (unsigned long long)v->log.size);
        report(v, v->log.size, "", "", text);
    } else {
        v->rc = sek_merkle_root_at(&v->source, point.size, &root, v->fault);
        if (!v->rc && memcmp(&root, &point.root, sizeof root)) {
            snprintf(text, sizeof text,
                     "the log was rewritten: its first %llu records do not fit the signed "
                     "checkpoint",
                     (unsigned long long)point.size);
            report(v, 0, "", "", text);
        }
    }
    json_decref(doc);
    return !v->rc && !v->problem;
}

static enum sek_error verify_size(struct verify *v)
{
    int64_t leaves = sek_store_number(v->manager->store, 0,
                                      "SELECT count(*) FROM merkle WHERE tenant=? AND level=0", "s",
                                      v->tenant);
    if ((uint64_t)leaves > v->log.size)
        report(v, v->log.size, "", "", "the record was removed: its hash is still in the log");
    else if (v->log.size &&
             !sek_store_number(v->manager->store, 0,
                               "SELECT 1 FROM checkpoints WHERE tenant=? AND size=?", "si",
                               v->tenant, (int64_t)v->log.size))
        report(v, v->log.size - 1, "", "", "the newest records are under no signed checkpoint");
    return SEK_OK;
}

enum sek_error sek_ledger_verify(struct sek_manager *m, const char *tenant, json_t **out,
                              struct sek_fault *fault)
{
    struct verify v = {.manager = m, .tenant = tenant, .reader = {m->store, tenant}, .fault = fault};
    struct sek_hash root;
    char hex[SEK_SHA256_HEX];
    v.source = sek_ledger_source(&v.reader);
    enum sek_error rc = sek_store_each(
        m->store, verify_row, &v, fault,
        "SELECT leaf, device, seq, id, time, layer, action, event_type, record FROM events"
        " WHERE tenant=? ORDER BY leaf",
        "s", tenant);
    rc = rc ? rc : v.rc;
    if (!rc && !v.problem)
        rc = sek_store_each(m->store, verify_checkpoint, &v, fault,
                            "SELECT doc FROM checkpoints WHERE tenant=? ORDER BY size", "s", tenant);
    rc = rc ? rc : v.rc;
    if (!rc && !v.problem)
        rc = verify_size(&v);
    if (rc) {
        json_decref(v.problem);
        return rc;
    }
    sek_merkle_root(&v.log, &root);
    sek_hex_encode(root.bytes, sizeof root.bytes, hex);
    *out = v.problem ? v.problem
                     : json_pack("{s:b, s:I, s:s}", "ok", 1, "records", (json_int_t)v.log.size,
                                 "root", hex);
    return SEK_OK;
}
