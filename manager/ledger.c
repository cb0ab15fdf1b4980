/* Merkle nodes and checkpoints as rows. */
#include "manager/ledger.h"

#include "lib/audit/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECKPOINT_EVERY 1000 /* of the older checkpoints one a thousand records is kept */

struct node {
    struct sek_hash *out;
    bool found;
};

static bool take_node(void *arg, const struct sek_row *row)
{
    struct node *node = arg;
    size_t len;
    const void *data = row->blob(row, 0, &len);
    if (len == sizeof node->out->bytes) {
        memcpy(node->out->bytes, data, len);
        node->found = true;
    }
    return false;
}

static enum sek_error read_node(void *arg, unsigned level, uint64_t index, struct sek_hash *out,
                                struct sek_fault *fault)
{
    const struct sek_ledger_reader *reader = arg;
    struct node node = {out, false};
    enum sek_error rc = sek_store_each(
        reader->store, take_node, &node, fault,
        "SELECT hash FROM merkle WHERE tenant=? AND level=? AND position=?", "sii", reader->tenant,
        (int64_t)level, (int64_t)index);
    if (!rc && !node.found)
        rc = sek_fail(fault, SEK_ENOTFOUND, "log of %s: node %u/%llu is missing", reader->tenant,
                      level, (unsigned long long)index);
    return rc;
}

struct sek_merkle_source sek_ledger_source(struct sek_ledger_reader *reader)
{
    return (struct sek_merkle_source){read_node, reader};
}

enum sek_error sek_ledger_open(struct sek_store *store, const char *tenant, struct sek_merkle *log,
                            struct sek_fault *fault)
{
    struct sek_ledger_reader reader = {store, tenant};
    struct sek_merkle_source source = sek_ledger_source(&reader);
    int64_t size = sek_store_number(
        store, 0, "SELECT coalesce(max(position)+1, 0) FROM merkle WHERE tenant=? AND level=0", "s",
        tenant);
    return sek_merkle_open(log, (uint64_t)size, &source, fault);
}

static enum sek_error write_node(void *arg, unsigned level, uint64_t index,
                                 const struct sek_hash *hash, struct sek_fault *fault)
{
    const struct sek_ledger_reader *reader = arg;
    return sek_store_run(reader->store, fault,
                         "INSERT INTO merkle(tenant, level, position, hash) VALUES(?,?,?,?)", "siib",
                         reader->tenant, (int64_t)level, (int64_t)index, hash->bytes,
                         sizeof hash->bytes);
}

enum sek_error sek_ledger_append(struct sek_store *store, const char *tenant, struct sek_merkle *log,
                              const struct sek_hash *leaf, struct sek_fault *fault)
{
    struct sek_ledger_reader reader = {store, tenant};
    return sek_merkle_append(log, leaf, write_node, &reader, fault);
}

enum sek_error sek_ledger_sign(struct sek_manager *m, const char *tenant, const struct sek_merkle *log,
                            struct sek_fault *fault)
{
    struct sek_checkpoint point = {.size = log->size, .time_s = (uint64_t)sek_now()};
    json_t *doc = NULL;
    snprintf(point.log, sizeof point.log, "%s", tenant);
    sek_merkle_root(log, &point.root);
    enum sek_error rc = sek_checkpoint_sign(&point, sek_keys_log(m->keys), &doc, fault);
    char *text = doc ? json_dumps(doc, JSON_COMPACT) : NULL;
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "DELETE FROM checkpoints WHERE tenant=? AND size < ? AND size/?=?/?",
                           "siiii", tenant, (int64_t)log->size, (int64_t)CHECKPOINT_EVERY,
                           (int64_t)log->size, (int64_t)CHECKPOINT_EVERY);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "INSERT OR REPLACE INTO checkpoints(tenant, size, doc) VALUES(?,?,?)",
                           "sis", tenant, (int64_t)log->size, text);
    free(text);
    json_decref(doc);
    return rc;
}
