/* Indicators: checks, store, push. */
#include "manager/indicators.h"

#include "lib/base/log.h"
#include "manager/bundles.h"
#include "manager/push.h"
#include "manager/reputation.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTACKER_TTL     3600
#define ATTACKER_TTL_MAX (30 * 86400)

static bool is_address(const char *text)
{
    struct in6_addr any;
    return inet_pton(AF_INET, text, &any) == 1 || inet_pton(AF_INET6, text, &any) == 1;
}

static bool is_cidr(const char *text)
{
    char address[64];
    const char *slash = strchr(text, '/');
    char *end;
    if (!slash || slash - text >= (long)sizeof address)
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = '\0';
    long bits = strtol(slash + 1, &end, 10);
    return is_address(address) && end != slash + 1 && !*end && bits >= 0 &&
           bits <= (strchr(address, ':') ? 128 : 32);
}

static bool is_hex(const char *text, size_t len)
{
    return strlen(text) == len && strspn(text, "0123456789abcdef") == len;
}

static bool is_domain(const char *text)
{
    size_t len = strlen(text);
    return len > 2 && len < 254 && strchr(text, '.') && text[0] != '.' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-._") == len;
}

static enum sek_error check(const struct sek_indicator *i, struct sek_fault *fault)
{
    const char *expected = NULL;
    if (!strcmp(i->type, "ip"))
        expected = is_address(i->value) ? NULL : "an IP address";
    else if (!strcmp(i->type, "cidr"))
        expected = is_cidr(i->value) ? NULL : "address/bits";
    else if (!strcmp(i->type, "domain"))
        expected = is_domain(i->value) ? NULL : "a lower-case domain name";
    else if (!strcmp(i->type, "url"))
        expected = strstr(i->value, "://") && strlen(i->value) < 2048 ? NULL : "scheme://host/path";
    else if (!strcmp(i->type, "sha256"))
        expected = is_hex(i->value, 64) ? NULL : "64 lower-case hex digits";
    else if (!strcmp(i->type, "ja3"))
        expected = is_hex(i->value, 32) ? NULL : "32 lower-case hex digits";
    else
        return sek_fail(fault, SEK_EINVAL,
                        "field \"type\": \"%.20s\", one of ip, cidr, domain, url, sha256, ja3 "
                        "expected",
                        i->type);
    if (expected)
        return sek_fail(fault, SEK_EINVAL, "field \"value\": \"%.80s\", %s expected", i->value,
                        expected);
    if (i->confidence < 0 || i->confidence > 100)
        return sek_fail(fault, SEK_EINVAL, "field \"confidence\": 0 to 100 expected");
    return SEK_OK;
}

static void push(struct sek_manager *m, const char *tenant, const char *what, json_t *indicator)
{
    json_t *message = json_pack("{s:s, s:[o]}", "type", "indicators", what, indicator);
    if (message)
        sek_push_send(m->hub, tenant, NULL, message);
    json_decref(message);
    sek_bundles_changed(m->bundles, tenant, NULL);
}

enum sek_error sek_indicator_add(struct sek_manager *m, const char *tenant,
                                 const struct sek_indicator *i, struct sek_fault *fault)
{
    uint8_t hash[32];
    enum sek_error rc = check(i, fault);
    size_t hashed = rc ? 0 : sek_indicator_hash(i->type, i->value, hash);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "INSERT INTO indicators(tenant, type, value, source, confidence, expiry,"
                           " reason, created, hash) VALUES(?,?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE"
                           " SET source=excluded.source, confidence=excluded.confidence,"
                           " expiry=excluded.expiry, reason=excluded.reason, hash=excluded.hash",
                           "ssssiisib", tenant, i->type, i->value, i->source, i->confidence,
                           i->expiry, i->reason, sek_now(), hashed ? hash : NULL, hashed);
    m->indicator_changes++;
    if (!rc)
        push(m, tenant, "add",
             json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "type", i->type, "value", i->value,
                       "source", i->source, "confidence", (json_int_t)i->confidence, "expiry",
                       (json_int_t)i->expiry, "reason", i->reason));
    return rc;
}

enum sek_error sek_indicator_remove(struct sek_manager *m, const char *tenant, const char *type,
                                    const char *value, struct sek_fault *fault)
{
    enum sek_error rc = sek_store_run(m->store, fault,
                                      "DELETE FROM indicators WHERE tenant=? AND type=? AND value=?",
                                      "sss", tenant, type, value);
    m->indicator_changes++;
    if (!rc && !sek_store_changes(m->store))
        rc = sek_fail(fault, SEK_ENOTFOUND, "indicator %.10s %.100s: no such indicator", type,
                      value);
    if (!rc)
        push(m, tenant, "remove", json_pack("{s:s, s:s}", "type", type, "value", value));
    return rc;
}

void sek_indicators_expire(struct sek_manager *m)
{
    json_t *rows = NULL, *row;
    size_t i;
    struct sek_fault fault;
    if (sek_store_rows(m->store, &rows, &fault,
                       "SELECT tenant, type, value FROM indicators WHERE expiry<>0 AND expiry<=?",
                       "i", sek_now())) {
        sek_error_log("indicators: %s", fault.message);
        return;
    }
    json_array_foreach(rows, i, row)
    {
        sek_indicator_remove(m, json_string_value(json_object_get(row, "tenant")),
                             json_string_value(json_object_get(row, "type")),
                             json_string_value(json_object_get(row, "value")), NULL);
    }
    json_decref(rows);
}

void sek_indicator_attacker(struct sek_manager *m, const char *tenant, const char *device,
                            const json_t *event)
{
    const json_t *attacker = json_object_get(event, "attacker");
    const char *ip = json_string_value(json_object_get(attacker, "ip"));
    const char *reason = json_string_value(json_object_get(attacker, "reason"));
    json_int_t ttl = json_integer_value(json_object_get(attacker, "ttl_s"));
    char source[80];
    struct sek_fault fault;
    snprintf(source, sizeof source, "device:%s", device);
    if (!ip)
        ip = json_string_value(json_object_get(event, "src_ip"));
    if (ttl < 1 || ttl > ATTACKER_TTL_MAX)
        ttl = ATTACKER_TTL;
    struct sek_indicator indicator = {"ip",   ip ? ip : "", source, reason ? reason : "attacker",
                                      80, sek_now() + ttl};
    if (sek_indicator_add(m, tenant, &indicator, &fault))
        sek_warning("attacker event of %s: %s", device, fault.message);
}
