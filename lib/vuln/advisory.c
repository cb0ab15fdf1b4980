/* Advisory sets: building, index by package, and what changed between two. */
#include "lib/vuln/advisory_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sek_set_text(struct sek_advisory_set *set, const char *text)
{
    return text ? sek_arena_strndup(&set->arena, text, strlen(text)) : NULL;
}

const char *const *sek_set_list(struct sek_advisory_set *set, const json_t *array)
{
    size_t i, count = 0;
    json_t *item;
    if (!json_array_size(array))
        return NULL;
    const char **list = sek_arena_alloc(&set->arena, (json_array_size(array) + 1) * sizeof *list);
    if (!list)
        return NULL;
    json_array_foreach(array, i, item)
    {
        if (json_is_string(item))
            list[count++] = sek_set_text(set, json_string_value(item));
    }
    return list;
}

enum sek_error sek_set_add(struct sek_advisory_set *set, const struct sek_advisory *item,
                           struct sek_fault *fault)
{
    if (set->count == set->cap) {
        size_t cap = set->cap ? set->cap * 2 : 256;
        struct sek_advisory *more = realloc(set->items, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "advisories: out of memory");
        set->items = more;
        set->cap = cap;
    }
    set->items[set->count++] = *item;
    return SEK_OK;
}

enum sek_error sek_set_add_patch(struct sek_advisory_set *set,
                                 const struct sek_virtual_patch *patch, struct sek_fault *fault)
{
    if (set->patch_count == set->patch_cap) {
        size_t cap = set->patch_cap ? set->patch_cap * 2 : 64;
        struct sek_virtual_patch *more = realloc(set->patches, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "advisories: out of memory");
        set->patches = more;
        set->patch_cap = cap;
    }
    set->patches[set->patch_count++] = *patch;
    return SEK_OK;
}

enum sek_error sek_set_add_events(struct sek_advisory_set *set, const json_t *events,
                                  const struct sek_advisory *template, struct sek_fault *fault)
{
    struct sek_advisory item = *template;
    enum sek_error rc = SEK_OK;
    bool open = false, known = false;
    size_t i;
    json_t *event;
    json_array_foreach(events, i, event)
    {
        const char *introduced = sek_text_member(event, "introduced");
        const char *fixed = sek_text_member(event, "fixed");
        const char *last = sek_text_member(event, "last_affected");
        known = known || introduced || fixed || last;
        if (introduced) {
            if (open)
                rc = sek_set_add(set, &item, fault);
            item = *template;
            item.introduced = strcmp(introduced, "0") ? sek_set_text(set, introduced) : NULL;
            open = true;
        }
        if (!rc && (fixed || last)) {
            item.fixed = sek_set_text(set, fixed);
            item.last_affected = sek_set_text(set, last);
            rc = sek_set_add(set, &item, fault);
            item = *template;
            open = false;
        }
        if (rc)
            return rc;
    }
    if (!known)
        return sek_fail(fault, SEK_EINVAL, "introduced, fixed or last_affected expected");
    return open ? sek_set_add(set, &item, fault) : SEK_OK;
}

static int text_order(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int by_package(const void *x, const void *y)
{
    const struct sek_advisory *a = x, *b = y;
    int order = strcmp(a->package, b->package);
    if (!order)
        order = strcmp(a->ecosystem, b->ecosystem);
    if (!order)
        order = strcmp(a->id, b->id);
    if (!order)
        order = text_order(a->introduced, b->introduced);
    return order ? order : text_order(a->fixed, b->fixed);
}

/* A set is freed with what was added so far when any part of the feed is bad. */
static enum sek_error read_list(struct sek_advisory_set *set, struct sek_members *m,
                                struct sek_fault *fault)
{
    struct sek_member member;
    enum sek_error rc;
    for (size_t index = 0; !(rc = sek_members_next(m, &member, fault)); index++) {
        char where[300];
        json_t *doc = NULL;
        snprintf(where, sizeof where, "%.200s: [%zu]", m->name, index);
        rc = sek_member_parse(m, &member, &doc, fault);
        bool curated = json_object_get(doc, "sekisho_advisory") != NULL;
        if (!rc) {
            set->kind = curated ? "curated" : "osv";
            rc = curated ? sek_feed_curated(set, where, doc, fault)
                         : sek_feed_osv(set, where, doc, fault);
        }
        json_decref(doc);
        if (rc)
            return rc;
    }
    return rc == SEK_ENOTFOUND ? SEK_OK : rc;
}

static enum sek_error read_object(struct sek_advisory_set *set, struct sek_members *m,
                                  struct sek_fault *fault)
{
    struct sek_members look = *m;
    struct sek_member member;
    bool osv = false, curated = false;
    enum sek_error rc;
    /* The shape shows in the first few names; the tracker has a package name there. */
    for (int i = 0; i < 16 && !(rc = sek_members_next(&look, &member, fault)); i++) {
        curated = curated || (member.key_len == 16 && !memcmp(member.key, "sekisho_advisory", 16));
        osv = osv || (member.key_len == 8 && !memcmp(member.key, "affected", 8)) ||
              (member.key_len == 14 && !memcmp(member.key, "schema_version", 14)) ||
              (member.key_len == 2 && !memcmp(member.key, "id", 2) && *member.value == '"');
    }
    if (!osv && !curated) {
        set->kind = "debian";
        return sek_feed_debian(set, m, fault);
    }
    json_error_t error;
    json_t *doc = json_loadb(m->text, m->len, JSON_REJECT_DUPLICATES, &error);
    if (!doc)
        return sek_fail(fault, SEK_EINVAL, "%s: line %d, byte %d: %s", m->name, error.line,
                        error.position, error.text);
    set->kind = curated ? "curated" : "osv";
    rc = curated ? sek_feed_curated(set, m->name, doc, fault)
                 : sek_feed_osv(set, m->name, doc, fault);
    json_decref(doc);
    return rc;
}

enum sek_error sek_advisories_read(const char *name, const char *text, size_t len,
                                   struct sek_advisory_set **out, struct sek_fault *fault)
{
    struct sek_members m;
    struct sek_advisory_set *set = calloc(1, sizeof *set);
    if (!set)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    enum sek_error rc = sek_members_open(&m, name, text, len, fault);
    if (!rc)
        rc = m.bracket == '[' ? read_list(set, &m, fault) : read_object(set, &m, fault);
    if (!rc && !set->kind)
        rc = sek_fail(fault, SEK_EINVAL, "%s: the list is empty, advisories expected", name);
    if (!rc && !set->count && !set->withdrawn)
        rc = sek_fail(fault, SEK_EINVAL, "%s: no advisory with a known release or package in it",
                      name);
    if (rc) {
        sek_advisories_free(set);
        return rc;
    }
    if (set->count)
        qsort(set->items, set->count, sizeof *set->items, by_package);
    *out = set;
    return SEK_OK;
}

void sek_advisories_free(struct sek_advisory_set *set)
{
    if (!set)
        return;
    sek_arena_free(&set->arena);
    free(set->items);
    free(set->patches);
    free(set);
}

size_t sek_advisories_count(const struct sek_advisory_set *set)
{
    return set->count;
}

const char *sek_advisories_kind(const struct sek_advisory_set *set)
{
    return set->kind;
}

const struct sek_virtual_patch *sek_advisories_patches(const struct sek_advisory_set *set,
                                                       size_t *count)
{
    *count = set->patch_count;
    return set->patches;
}

/* Index of the first item that is not before PACKAGE. */
static size_t lower_bound(const struct sek_advisory_set *set, const char *package)
{
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (strcmp(set->items[mid].package, package) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static size_t group_end(const struct sek_advisory_set *set, size_t start)
{
    size_t end = start + 1;
    while (end < set->count && !strcmp(set->items[end].package, set->items[start].package))
        end++;
    return end;
}

const struct sek_advisory *sek_advisories_of(const struct sek_advisory_set *set,
                                             const char *package, size_t *count)
{
    size_t start = lower_bound(set, package);
    *count = 0;
    if (start == set->count || strcmp(set->items[start].package, package))
        return NULL;
    *count = group_end(set, start) - start;
    return &set->items[start];
}

static bool same(const struct sek_advisory *a, const struct sek_advisory *b)
{
    if (text_order(a->id, b->id) || text_order(a->ecosystem, b->ecosystem) ||
        text_order(a->introduced, b->introduced) || text_order(a->fixed, b->fixed) ||
        text_order(a->last_affected, b->last_affected) || text_order(a->severity, b->severity) ||
        a->none != b->none || !a->versions != !b->versions)
        return false;
    for (size_t i = 0; a->versions; i++) {
        if (text_order(a->versions[i], b->versions[i]))
            return false;
        if (!a->versions[i])
            break;
    }
    return true;
}

void sek_advisories_changed(const struct sek_advisory_set *old, const struct sek_advisory_set *now,
                            void (*changed)(void *arg, const char *package), void *arg)
{
    static const struct sek_advisory_set none;
    size_t i = 0, j = 0;
    old = old ? old : &none;
    while (i < old->count || j < now->count) {
        int order = i == old->count   ? 1
                    : j == now->count ? -1
                                      : strcmp(old->items[i].package, now->items[j].package);
        size_t i_end = order <= 0 ? group_end(old, i) : i;
        size_t j_end = order >= 0 ? group_end(now, j) : j;
        bool equal = i_end - i == j_end - j;
        for (size_t k = 0; equal && k < i_end - i; k++)
            equal = same(&old->items[i + k], &now->items[j + k]);
        if (!equal)
            changed(arg, order <= 0 ? old->items[i].package : now->items[j].package);
        i = i_end;
        j = j_end;
    }
}
