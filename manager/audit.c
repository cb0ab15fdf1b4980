/* The tamper-evident log over the API: checkpoints, proofs, verification. */
#include "lib/audit/checkpoint.h"
#include "manager/http.h"
#include "manager/ledger.h"

#include <stdlib.h>
#include <string.h>

static enum sek_error checkpoint(struct sek_request *r, struct sek_fault *fault)
{
    json_t *row = NULL;
    enum sek_error rc = sek_store_row(r->manager->store, &row, fault,
                                      "SELECT doc AS \"doc:json\" FROM checkpoints WHERE tenant=?"
                                      " ORDER BY size DESC LIMIT 1",
                                      "s", r->tenant);
    if (rc == SEK_ENOTFOUND)
        sek_fail(fault, rc, "the log of tenant %s has no records yet", r->tenant);
    if (!rc)
        rc = sek_reply(r, 200, json_incref(json_object_get(row, "doc")));
    json_decref(row);
    return rc;
}

static enum sek_error parameter(struct sek_request *r, const char *name, uint64_t *out,
                                struct sek_fault *fault)
{
    const char *text = sek_request_query(r, name);
    char *end = NULL;
    *out = text ? strtoull(text, &end, 10) : 0;
    if (!text || end == text || *end)
        return sek_fail(fault, SEK_EINVAL, "parameter \"%s\": a number expected", name);
    return SEK_OK;
}

static json_t *hash_list(const struct sek_merkle_proof *proof)
{
    json_t *list = json_array();
    for (size_t i = 0; i < proof->count; i++) {
        char hex[SEK_SHA256_HEX];
        sek_hex_encode(proof->hash[i].bytes, sizeof proof->hash[i].bytes, hex);
        json_array_append_new(list, json_string(hex));
    }
    return list;
}

static enum sek_error inclusion(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_ledger_reader reader = {r->manager->store, r->tenant};
    struct sek_merkle_source source = sek_ledger_source(&reader);
    struct sek_merkle log;
    struct sek_merkle_proof proof;
    struct sek_hash leaf;
    char hex[SEK_SHA256_HEX];
    uint64_t index;
    enum sek_error rc = parameter(r, "record", &index, fault);
    if (!rc)
        rc = sek_ledger_open(r->manager->store, r->tenant, &log, fault);
    if (!rc)
        rc = sek_merkle_inclusion(&source, index, log.size, &proof, fault);
    if (!rc)
        rc = source.node(source.arg, 0, index, &leaf, fault);
    if (rc)
        return rc;
    sek_hex_encode(leaf.bytes, sizeof leaf.bytes, hex);
    return sek_reply(r, 200, json_pack("{s:I, s:I, s:s, s:o}", "record", (json_int_t)index, "size",
                                       (json_int_t)log.size, "leaf", hex, "proof",
                                       hash_list(&proof)));
}

static enum sek_error consistency(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_ledger_reader reader = {r->manager->store, r->tenant};
    struct sek_merkle_source source = sek_ledger_source(&reader);
    struct sek_merkle_proof proof;
    uint64_t from, to;
    enum sek_error rc = parameter(r, "from", &from, fault);
    if (!rc)
        rc = parameter(r, "to", &to, fault);
    if (!rc)
        rc = sek_merkle_consistency(&source, from, to, &proof, fault);
    return rc ? rc
              : sek_reply(r, 200, json_pack("{s:I, s:I, s:o}", "from", (json_int_t)from, "to",
                                            (json_int_t)to, "proof", hash_list(&proof)));
}

static enum sek_error verify(struct sek_request *r, struct sek_fault *fault)
{
    json_t *result = NULL;
    enum sek_error rc = sek_ledger_verify(r->manager, r->tenant, &result, fault);
    return rc ? rc : sek_reply(r, 200, result);
}

const struct sek_route sek_routes_audit[] = {
    {EVHTTP_REQ_GET, "/api/v1/audit/checkpoint", SEK_ACCESS_VIEWER, checkpoint},
    {EVHTTP_REQ_GET, "/api/v1/audit/inclusion", SEK_ACCESS_VIEWER, inclusion},
    {EVHTTP_REQ_GET, "/api/v1/audit/consistency", SEK_ACCESS_VIEWER, consistency},
    {EVHTTP_REQ_GET, "/api/v1/audit/verify", SEK_ACCESS_VIEWER, verify},
    {0, NULL, 0, NULL},
};
