/* Two tables, asked one after the other. */
#include "agent/worker/indicators.h"
#include "lib/base/clock.h"

#include <stdlib.h>
#include <string.h>

void sek_indicators_free(struct sek_indicators *i)
{
    sek_reputation_free(i->bundle);
    sek_reputation_free(i->pushed);
    json_decref(i->pushed_list);
    *i = (struct sek_indicators){0};
}

static uint64_t now_s(void)
{
    return sek_clock_wall_us() / 1000000u;
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static enum sek_error remove_all(struct sek_reputation_builder *b, json_t *list,
                                 struct sek_fault *fault)
{
    size_t n;
    json_t *item;
    enum sek_error rc = SEK_OK;
    json_array_foreach(list, n, item)
    {
        rc = sek_reputation_remove(b, member(item, "type"), member(item, "value"), fault);
        if (rc)
            return sek_fail_context(fault, rc, "removed indicator %zu", n);
    }
    return rc;
}

enum sek_error sek_indicators_load(struct sek_indicators *i, const char *text, size_t len,
                                   struct sek_fault *fault)
{
    struct sek_reputation *table = NULL;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    if (!b)
        return sek_fail(fault, SEK_ENOMEM, "indicators: out of memory");
    enum sek_error rc = sek_reputation_add_json(b, "indicators.json", text, len, fault);
    if (!rc)
        rc = sek_reputation_build(b, &table, fault);
    sek_reputation_builder_free(b);
    if (rc)
        return rc;
    sek_reputation_free(i->bundle);
    i->bundle = table;
    return SEK_OK;
}

/* The pushed list with REMOVE taken out and ADD put in; expired ones fall away. */
static json_t *next_list(json_t *old, json_t *add, json_t *remove)
{
    json_t *list = json_array(), *item, *other;
    size_t n, k;
    json_array_foreach(old, n, item)
    {
        json_int_t expiry = json_integer_value(json_object_get(item, "expiry"));
        bool keep = !expiry || (uint64_t)expiry > now_s();
        json_array_foreach(remove, k, other)
        {
            const char *a = member(item, "value"), *b = member(other, "value");
            keep = keep && !(a && b && !strcmp(a, b));
        }
        if (keep)
            json_array_append(list, item);
    }
    json_array_foreach(add, n, item) json_array_append(list, item);
    return list;
}

static enum sek_error build_pushed(json_t *list, struct sek_reputation **table,
                                   struct sek_fault *fault)
{
    enum sek_error rc = SEK_ENOMEM;
    char *text = json_dumps(list, JSON_COMPACT);
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    if (text && b)
        rc = sek_reputation_add_json(b, "pushed indicators", text, strlen(text), fault);
    else
        sek_fail(fault, SEK_ENOMEM, "indicators: out of memory");
    if (!rc)
        rc = sek_reputation_build(b, table, fault);
    sek_reputation_builder_free(b);
    free(text);
    return rc;
}

/* The bundle's table without what was removed. */
static enum sek_error build_without(const struct sek_indicators *i, json_t *remove,
                                    struct sek_reputation **table, struct sek_fault *fault)
{
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    if (!b)
        return sek_fail(fault, SEK_ENOMEM, "indicators: out of memory");
    enum sek_error rc = sek_reputation_add_table(b, i->bundle, fault);
    if (!rc)
        rc = remove_all(b, remove, fault);
    if (!rc)
        rc = sek_reputation_build(b, table, fault);
    sek_reputation_builder_free(b);
    return rc;
}

enum sek_error sek_indicators_push(struct sek_indicators *i, json_t *add, json_t *remove,
                                   struct sek_fault *fault)
{
    struct sek_reputation *pushed = NULL, *bundle = NULL;
    json_t *list = next_list(i->pushed_list, add, remove);
    enum sek_error rc = build_pushed(list, &pushed, fault);
    if (!rc && i->bundle && json_array_size(remove))
        rc = build_without(i, remove, &bundle, fault);
    if (rc) {
        sek_reputation_free(pushed);
        json_decref(list);
        return rc;
    }
    sek_reputation_free(i->pushed);
    i->pushed = pushed;
    json_decref(i->pushed_list);
    i->pushed_list = list;
    if (bundle) {
        sek_reputation_free(i->bundle);
        i->bundle = bundle;
    }
    return SEK_OK;
}

bool sek_indicators_domain(const struct sek_indicators *i, const char *name, size_t len,
                           struct sek_reputation_hit *hit)
{
    return sek_reputation_domain(i->pushed, name, len, now_s(), hit) ||
           sek_reputation_domain(i->bundle, name, len, now_s(), hit);
}

bool sek_indicators_url(const struct sek_indicators *i, const char *host, size_t host_len,
                        const char *target, size_t target_len, struct sek_reputation_hit *hit)
{
    return sek_reputation_url(i->pushed, host, host_len, target, target_len, now_s(), hit) ||
           sek_reputation_url(i->bundle, host, host_len, target, target_len, now_s(), hit);
}

bool sek_indicators_address(const struct sek_indicators *i, const uint8_t address[16],
                            struct sek_reputation_hit *hit)
{
    return sek_reputation_address(i->pushed, address, 16, now_s(), hit) ||
           sek_reputation_address(i->bundle, address, 16, now_s(), hit);
}

uint32_t sek_indicators_count(const struct sek_indicators *i, enum sek_indicator_type type)
{
    return sek_reputation_count(i->pushed, type) + sek_reputation_count(i->bundle, type);
}

void sek_indicators_each(const struct sek_indicators *i,
                         bool (*visit)(void *arg, const struct sek_reputation_hit *hit), void *arg)
{
    sek_reputation_each(i->bundle, visit, arg);
    sek_reputation_each(i->pushed, visit, arg);
}
