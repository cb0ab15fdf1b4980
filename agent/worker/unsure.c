/* Answers are in one array; the one unused for longest gives way. It is searched only for prefixes
 * that are in the set, which few names have. */
#include "agent/worker/unsure.h"
#include "lib/base/encode.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WANTED        64 /* prefixes of one question */
#define ASKED_LEAST   4  /* others are added at random */
#define QUIET_S       5  /* after a question without an answer */
#define LIFETIME_MOST 86400

struct answer {
    uint32_t prefix;
    bool taken, listed;
    uint8_t hash[32]; /* when listed */
    uint64_t until_s, used;
    uint8_t confidence;
    uint32_t expiry;
    char source[48], reason[96];
};

struct sek_unsure {
    struct sek_prefixes *set;
    struct answer *cache;
    uint64_t uses, quiet_until_s;
    uint32_t wanted[WANTED];
    unsigned wanted_count;
    bool online, changed;
    char value[320]; /* of the last hit */
};

struct sek_unsure *sek_unsure_new(void)
{
    return calloc(1, sizeof(struct sek_unsure));
}

void sek_unsure_free(struct sek_unsure *u)
{
    if (!u)
        return;
    sek_prefixes_free(u->set);
    free(u->cache);
    free(u);
}

enum sek_error sek_unsure_set(struct sek_unsure *u, const char *text, size_t len,
                              struct sek_fault *fault)
{
    struct sek_prefixes *fresh = NULL;
    uint8_t *bytes = malloc(len / 4 * 3 + 3);
    long size = bytes ? sek_base64_decode(text, len, bytes) : 0;
    enum sek_error rc = !bytes ? sek_fail(fault, SEK_ENOMEM, "indicators.prefixes: out of memory")
                        : size < 0 ? sek_fail(fault, SEK_EINVAL, "indicators.prefixes: not base64")
                        : size     ? sek_prefixes_load(bytes, (size_t)size, &fresh, fault)
                                   : SEK_OK;
    free(bytes);
    if (rc)
        return rc;
    sek_prefixes_free(u->set);
    u->set = fresh;
    return SEK_OK;
}

uint32_t sek_unsure_count(const struct sek_unsure *u)
{
    return sek_prefixes_count(u->set);
}

/* --- looking --------------------------------------------------------------------------------- */

static void want(struct sek_unsure *u, uint32_t prefix)
{
    for (unsigned i = 0; i < u->wanted_count; i++) {
        if (u->wanted[i] == prefix)
            return;
    }
    if (u->wanted_count < WANTED)
        u->wanted[u->wanted_count++] = prefix;
}

/* LISTED: *FOUND. CLEAN: the prefix was answered, and HASH was not in the answer. */
static enum sek_look look_up(struct sek_unsure *u, const uint8_t hash[32], uint64_t now_s,
                             const struct answer **found)
{
    uint32_t prefix = sek_expression_prefix(hash);
    enum sek_look look = SEK_LOOK_ASK;
    for (unsigned i = 0; u->cache && i < SEK_UNSURE_CACHE; i++) {
        struct answer *a = &u->cache[i];
        if (!a->taken || a->prefix != prefix || a->until_s <= now_s)
            continue;
        a->used = ++u->uses;
        look = SEK_LOOK_CLEAN;
        if (a->listed && !memcmp(a->hash, hash, 32) && (!a->expiry || a->expiry > now_s)) {
            *found = a;
            return SEK_LOOK_LISTED;
        }
    }
    return look;
}

static void fill_hit(struct sek_unsure *u, const struct answer *a, const char *host, size_t len,
                     bool url, struct sek_reputation_hit *hit)
{
    int n = snprintf(u->value, sizeof u->value, "%.*s", (int)(len < 255 ? len : 255), host);
    *hit = (struct sek_reputation_hit){
        .type = url ? SEK_INDICATOR_URL : SEK_INDICATOR_DOMAIN,
        .key = (const uint8_t *)u->value,
        .key_len = (uint16_t)n,
        .confidence = a->confidence,
        .expiry = a->expiry,
        .source = a->source,
        .reason = a->reason,
    };
}

enum sek_look sek_unsure_look(struct sek_unsure *u, const char *host, size_t host_len,
                              const char *target, size_t target_len, uint64_t now_s,
                              struct sek_reputation_hit *hit)
{
    struct sek_expressions all;
    enum sek_look look = SEK_LOOK_CLEAN;
    if (!u || !sek_prefixes_count(u->set))
        return SEK_LOOK_CLEAN;
    sek_expressions_make(host, host_len, target, target_len, &all);
    for (unsigned i = 0; i < all.count; i++) {
        const struct answer *found = NULL;
        if (!sek_prefixes_has(u->set, sek_expression_prefix(all.hash[i])))
            continue;
        switch (look_up(u, all.hash[i], now_s, &found)) {
        case SEK_LOOK_LISTED:
            fill_hit(u, found, host, host_len, target != NULL, hit);
            return SEK_LOOK_LISTED;
        case SEK_LOOK_ASK:
            want(u, sek_expression_prefix(all.hash[i]));
            look = SEK_LOOK_ASK;
            break;
        case SEK_LOOK_CLEAN:
            break;
        }
    }
    return look;
}

bool sek_unsure_may_ask(const struct sek_unsure *u, uint64_t now_s)
{
    return u && u->online && now_s >= u->quiet_until_s;
}

void sek_unsure_online(struct sek_unsure *u, bool online)
{
    u->online = online;
    if (online)
        u->quiet_until_s = 0;
}

/* --- asking ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

json_t *sek_unsure_question(struct sek_unsure *u)
{
    if (!u->wanted_count)
        return NULL;
    uint32_t random;
    for (int tries = 0; u->wanted_count < ASKED_LEAST && tries < 16; tries++) {
        if (RAND_bytes((unsigned char *)&random, sizeof random) == 1)
            want(u, sek_prefixes_near(u->set, random));
    }
    /* In order, so that the order tells nothing either. */
    qsort(u->wanted, u->wanted_count, sizeof u->wanted[0], compare);
    json_t *list = json_array();
    for (unsigned i = 0; i < u->wanted_count; i++) {
        char hex[9];
        snprintf(hex, sizeof hex, "%08x", u->wanted[i]);
        json_array_append_new(list, json_string(hex));
    }
    u->wanted_count = 0;
    return json_pack("{s:o}", "prefixes", list);
}

static struct answer *place(struct sek_unsure *u)
{
    if (!u->cache && !(u->cache = calloc(SEK_UNSURE_CACHE, sizeof *u->cache)))
        return NULL;
    struct answer *oldest = &u->cache[0];
    for (unsigned i = 0; i < SEK_UNSURE_CACHE; i++) {
        if (!u->cache[i].taken)
            return &u->cache[i];
        if (u->cache[i].used < oldest->used)
            oldest = &u->cache[i];
    }
    return oldest;
}

static bool read_prefix(const json_t *text, uint32_t *prefix)
{
    uint8_t bytes[4];
    const char *hex = json_string_value(text);
    if (!hex || strlen(hex) != 8 || !sek_hex_decode(hex, bytes, 4))
        return false;
    *prefix =
        (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

static void drop_prefix(struct sek_unsure *u, uint32_t prefix)
{
    for (unsigned i = 0; u->cache && i < SEK_UNSURE_CACHE; i++) {
        if (u->cache[i].prefix == prefix)
            u->cache[i].taken = false;
    }
}

static uint64_t lifetime(const json_t *reply, const char *name)
{
    json_int_t s = json_integer_value(json_object_get(reply, name));
    return s < 1 ? 1 : s > LIFETIME_MOST ? LIFETIME_MOST : (uint64_t)s;
}

static void keep(struct sek_unsure *u, uint32_t prefix, const json_t *item, uint64_t until_s)
{
    struct answer *a = place(u);
    const char *hash = json_string_value(json_object_get(item, "hash"));
    const char *source = json_string_value(json_object_get(item, "source"));
    const char *reason = json_string_value(json_object_get(item, "reason"));
    if (!a)
        return;
    *a = (struct answer){.prefix = prefix, .taken = true, .until_s = until_s, .used = ++u->uses};
    if (!hash || strlen(hash) != 64 || !sek_hex_decode(hash, a->hash, 32))
        return; /* nothing begins like this */
    a->listed = true;
    json_int_t expiry = json_integer_value(json_object_get(item, "expiry"));
    json_int_t confidence = json_integer_value(json_object_get(item, "confidence"));
    a->expiry = expiry > 0 && expiry <= UINT32_MAX ? (uint32_t)expiry : 0;
    a->confidence = (uint8_t)(confidence < 0 ? 0 : confidence > 100 ? 100 : confidence);
    snprintf(a->source, sizeof a->source, "%s", source ? source : "");
    snprintf(a->reason, sizeof a->reason, "%s", reason ? reason : "");
}

void sek_unsure_answer(struct sek_unsure *u, const json_t *question, const json_t *reply,
                       uint64_t now_s)
{
    const json_t *asked = json_object_get(question, "prefixes");
    const json_t *hashes = json_object_get(reply, "hashes");
    json_t *text, *item;
    size_t i, k;
    if (!json_is_array(hashes)) {
        u->quiet_until_s = now_s + QUIET_S;
        return;
    }
    json_array_foreach(asked, i, text)
    {
        uint32_t prefix;
        bool any = false;
        if (!read_prefix(text, &prefix))
            continue;
        drop_prefix(u, prefix);
        json_array_foreach(hashes, k, item)
        {
            const char *hash = json_string_value(json_object_get(item, "hash"));
            if (!hash || strncmp(hash, json_string_value(text), 8) != 0)
                continue;
            keep(u, prefix, item, now_s + lifetime(reply, "lifetime_s"));
            any = true;
        }
        if (!any)
            keep(u, prefix, NULL, now_s + lifetime(reply, "negative_s"));
    }
    u->changed = true;
}

/* --- over a restart -------------------------------------------------------------------------- */

char *sek_unsure_save(struct sek_unsure *u)
{
    if (!u->changed)
        return NULL;
    u->changed = false;
    json_t *list = json_array();
    for (unsigned i = 0; u->cache && i < SEK_UNSURE_CACHE; i++) {
        const struct answer *a = &u->cache[i];
        char prefix[9], hash[65];
        if (!a->taken)
            continue;
        snprintf(prefix, sizeof prefix, "%08x", a->prefix);
        sek_hex_encode(a->hash, 32, hash);
        json_t *one = json_pack("{s:s, s:I}", "prefix", prefix, "until", (json_int_t)a->until_s);
        if (a->listed) {
            json_t *more = json_pack("{s:s, s:s, s:s, s:i, s:I}", "hash", hash, "source", a->source,
                                     "reason", a->reason, "confidence", (int)a->confidence,
                                     "expiry", (json_int_t)a->expiry);
            json_object_update(one, more);
            json_decref(more);
        }
        json_array_append_new(list, one);
    }
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

void sek_unsure_restore(struct sek_unsure *u, const char *text, size_t len, uint64_t now_s)
{
    json_t *list = json_loadb(text, len, 0, NULL), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_int_t until = json_integer_value(json_object_get(item, "until"));
        uint32_t prefix;
        if (i < SEK_UNSURE_CACHE && read_prefix(json_object_get(item, "prefix"), &prefix) &&
            until > 0 && (uint64_t)until > now_s && (uint64_t)until <= now_s + LIFETIME_MOST)
            keep(u, prefix, item, (uint64_t)until);
    }
    json_decref(list);
}
