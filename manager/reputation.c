/* The whole hash is a column of each indicator, with an index: a prefix is a range of it. */
#include "manager/reputation.h"

#include "lib/base/encode.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKED_MAX  64    /* prefixes of one question */
#define LIFETIME_S 1800  /* that a device keeps what it was told */
#define NEGATIVE_S 600   /* and that there is nothing */
#define PART       10000 /* rows that are hashed at a time */

size_t sek_indicator_hash(const char *type, const char *value, uint8_t out[32])
{
    size_t len = strlen(value);
    bool inside = !strcmp(type, "url") && len > 1 && value[len - 1] == '*' && value[len - 2] != '/';
    return *value != '=' && !inside && sek_expression_hash(type, value, out) ? 32 : 0;
}

/* A part of the rows, from behind AFTER on, which becomes the last of them; NULL at the end. */
static enum sek_error hash_part(struct sek_manager *m, json_t **after, struct sek_fault *fault)
{
    json_t *rows = NULL, *row;
    size_t i;
    const char *last[3] = {"", "", ""};
    for (size_t k = 0; *after && k < 3; k++)
        last[k] = json_string_value(json_array_get(*after, k));
    enum sek_error rc = sek_store_rows(
        m->store, &rows, fault,
        "SELECT tenant, type, value FROM indicators WHERE hash IS NULL AND type IN ('domain', "
        "'url')"
        " AND (tenant, type, value) > (?, ?, ?) ORDER BY tenant, type, value LIMIT ?",
        "sssi", last[0], last[1], last[2], (int64_t)PART);
    json_decref(*after);
    *after = NULL;
    json_array_foreach(rows, i, row)
    {
        uint8_t hash[32];
        json_t *tenant = json_object_get(row, "tenant"), *type = json_object_get(row, "type");
        json_t *value = json_object_get(row, "value");
        size_t len = sek_indicator_hash(json_string_value(type), json_string_value(value), hash);
        if (!rc && len)
            rc = sek_store_run(m->store, fault,
                               "UPDATE indicators SET hash=? WHERE tenant=? AND type=? AND value=?",
                               "bsss", hash, len, json_string_value(tenant),
                               json_string_value(type), json_string_value(value));
        if (i + 1 == PART)
            *after = json_pack("[O,O,O]", tenant, type, value);
    }
    json_decref(rows);
    return rc;
}

enum sek_error sek_indicator_hashes(struct sek_manager *m, struct sek_fault *fault)
{
    json_t *after = NULL;
    enum sek_error rc = sek_store_begin(m->store, fault);
    if (rc)
        return rc;
    do
        rc = hash_part(m, &after, fault);
    while (!rc && after);
    json_decref(after);
    return sek_store_end(m->store, rc, fault);
}

bool sek_indicators_asked(struct sek_manager *m, const char *tenant)
{
    return sek_store_number(m->store, 0,
                            "SELECT count(*) FROM indicators WHERE tenant=? AND hash IS NOT NULL",
                            "s", tenant) > m->inline_indicators;
}

bool sek_indicators_plain(struct sek_manager *m, const char *tenant)
{
    return sek_store_number(
               m->store, 0,
               "SELECT count(*) FROM indicators WHERE tenant=? AND expiry=0 AND type IN"
               " ('ip', 'cidr')",
               "s", tenant) > m->inline_indicators;
}

/* --- the set --------------------------------------------------------------------------------- */

struct gather {
    uint32_t *list;
    size_t count, cap;
};

static bool take_hash(void *arg, const struct sek_row *row)
{
    struct gather *g = arg;
    size_t len;
    const uint8_t *hash = row->blob(row, 0, &len);
    if (len == 32 && g->count < g->cap)
        g->list[g->count++] = sek_expression_prefix(hash);
    return g->count < g->cap;
}

static enum sek_error make_set(struct sek_manager *m, const char *tenant, char **data, size_t *len,
                               struct sek_fault *fault)
{
    int64_t count = sek_store_number(
        m->store, 0, "SELECT count(*) FROM indicators WHERE tenant=? AND hash IS NOT NULL", "s",
        tenant);
    struct gather g = {.cap = (size_t)(count > 0 ? count : 0)};
    uint8_t *out = NULL;
    g.list = calloc(g.cap + 1, sizeof *g.list);
    if (!g.list)
        return sek_fail(fault, SEK_ENOMEM, "indicators.prefixes: out of memory");
    enum sek_error rc = sek_store_each(m->store, take_hash, &g, fault,
                                       "SELECT hash FROM indicators WHERE tenant=? AND hash IS NOT"
                                       " NULL AND (expiry=0 OR expiry > ?) ORDER BY hash",
                                       "si", tenant, sek_now());
    if (!rc)
        rc = sek_prefixes_build(g.list, g.count, &out, len, fault);
    free(g.list);
    /* A bundle's files are text. */
    *data = rc ? NULL : malloc((*len + 2) / 3 * 4 + 1);
    if (!rc && !*data)
        rc = sek_fail(fault, SEK_ENOMEM, "indicators.prefixes: out of memory");
    if (!rc) {
        sek_base64url_encode(out, *len, *data);
        *len = strlen(*data);
    }
    free(out);
    return rc;
}

/* Every device of a tenant gets the same set, and making one reads the whole list. */
static struct {
    char tenant[64];
    uint64_t changes;
    char *data;
    size_t len;
} kept[8];
static unsigned kept_next;

enum sek_error sek_indicator_prefixes(struct sek_manager *m, const char *tenant, char **data,
                                      size_t *len, struct sek_fault *fault)
{
    unsigned at = 0, count = sizeof kept / sizeof kept[0];
    while (at < count && strcmp(kept[at].tenant, tenant) != 0)
        at++;
    if (at == count)
        at = kept_next++ % count;
    if (!kept[at].data || kept[at].changes != m->indicator_changes ||
        strcmp(kept[at].tenant, tenant) != 0) {
        free(kept[at].data);
        kept[at].data = NULL;
        enum sek_error rc = make_set(m, tenant, &kept[at].data, &kept[at].len, fault);
        if (rc)
            return rc;
        snprintf(kept[at].tenant, sizeof kept[at].tenant, "%s", tenant);
        kept[at].changes = m->indicator_changes;
    }
    *len = kept[at].len;
    *data = strndup(kept[at].data, kept[at].len);
    return *data ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "indicators.prefixes: out of memory");
}

/* --- the answer ------------------------------------------------------------------------------ */

static bool take_answer(void *arg, const struct sek_row *row)
{
    size_t len;
    char hex[65];
    const void *hash = row->blob(row, 0, &len);
    if (len != 32)
        return true;
    sek_hex_encode(hash, 32, hex);
    json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "hash", hex, "type",
                                         row->text(row, 1, NULL), "source", row->text(row, 2, NULL),
                                         "reason", row->text(row, 3, NULL), "confidence",
                                         (json_int_t)row->integer(row, 4), "expiry",
                                         (json_int_t)row->integer(row, 5)));
    return true;
}

static enum sek_error find_hashes(struct sek_request *r, const char *text, size_t index,
                                  json_t *hashes, struct sek_fault *fault)
{
    uint8_t low[32] = {0}, high[32];
    if (!text || strlen(text) != 8 || !sek_hex_decode(text, low, 4))
        return sek_fail(fault, SEK_EINVAL, "field \"prefixes[%zu]\": 8 hex digits expected", index);
    memset(high, 0xff, sizeof high);
    memcpy(high, low, 4);
    return sek_store_each(r->manager->store, take_answer, hashes, fault,
                          "SELECT hash, type, source, reason, confidence, expiry FROM indicators"
                          " WHERE tenant=? AND hash BETWEEN ? AND ? AND (expiry=0 OR expiry > ?)",
                          "sbbi", r->tenant, low, sizeof low, high, sizeof high, sek_now());
}

enum sek_error sek_reputation_answer(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL, *hashes = json_array(), *item;
    size_t i;
    enum sek_error rc = sek_request_json(r, &body, fault);
    const json_t *list = json_object_get(body, "prefixes");
    if (!rc && (!json_is_array(list) || json_array_size(list) > ASKED_MAX))
        rc = sek_fail(fault, SEK_EINVAL, "field \"prefixes\": a list of at most %d expected",
                      ASKED_MAX);
    json_array_foreach(list, i, item)
    {
        if (!rc)
            rc = find_hashes(r, json_string_value(item), i, hashes, fault);
    }
    json_decref(body);
    if (!rc)
        return sek_reply(r, 200,
                         json_pack("{s:o, s:i, s:i}", "hashes", hashes, "lifetime_s", LIFETIME_S,
                                   "negative_s", NEGATIVE_S));
    json_decref(hashes);
    return rc;
}
