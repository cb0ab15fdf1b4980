/* The list of components: a growing array whose strings live in an arena. */
#include "agent/inventory/list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBERS 11

/* The members in the order in which they are written. */
static const struct {
    const char *key;
    size_t offset;
} members[MEMBERS] = {
    {"ecosystem", offsetof(struct sek_item, ecosystem)},
    {"name", offsetof(struct sek_item, name)},
    {"version", offsetof(struct sek_item, version)},
    {"arch", offsetof(struct sek_item, arch)},
    {"source", offsetof(struct sek_item, source)},
    {"source_version", offsetof(struct sek_item, source_version)},
    {"cpe", offsetof(struct sek_item, cpe)},
    {"purl", offsetof(struct sek_item, purl)},
    {"build_id", offsetof(struct sek_item, build_id)},
    {"path", offsetof(struct sek_item, path)},
    {"from", offsetof(struct sek_item, from)},
};

static const char **member(struct sek_item *item, size_t i)
{
    return (const char **)(void *)((char *)item + members[i].offset);
}

static const char *value(const struct sek_item *item, size_t i)
{
    return *(const char *const *)(const void *)((const char *)item + members[i].offset);
}

static bool usable(const char *text)
{
    return text && *text && strlen(text) <= SEK_LIST_TEXT;
}

bool sek_list_add(struct sek_list *list, const struct sek_item *item)
{
    if (list->count >= SEK_LIST_ITEMS) {
        sek_list_note(list, "more than %d components: the rest is left out", SEK_LIST_ITEMS);
        return false;
    }
    if (!usable(item->ecosystem) || !usable(item->name) || !usable(item->version))
        return true;
    if (list->count == list->cap) {
        size_t cap = list->cap ? list->cap * 2 : 256;
        struct sek_item *more = realloc(list->items, cap * sizeof *more);
        list->failed = list->failed || !more;
        if (!more)
            return false;
        list->items = more;
        list->cap = cap;
    }
    struct sek_item *new = &list->items[list->count];
    *new = (struct sek_item){0};
    for (size_t i = 0; i < MEMBERS; i++) {
        const char *text = value(item, i);
        if (!text || !*text)
            continue;
        *member(new, i) = sek_arena_strndup(&list->arena, text, strlen(text));
        list->failed = list->failed || !value(new, i);
    }
    list->count += !list->failed;
    return !list->failed;
}

void sek_list_note(struct sek_list *list, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    for (size_t i = 0; i < list->note_count; i++)
        if (!strcmp(list->notes[i], text))
            return;
    const char *copy = list->note_count < SEK_LIST_NOTES
                           ? sek_arena_strndup(&list->arena, text, strlen(text))
                           : NULL;
    if (copy)
        list->notes[list->note_count++] = copy;
}

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_identity(const struct sek_item *a, const struct sek_item *b)
{
    int order = strcmp(a->ecosystem, b->ecosystem);
    if (!order)
        order = strcmp(a->name, b->name);
    if (!order)
        order = compare_text(a->arch, b->arch);
    return order ? order : strcmp(a->version, b->version);
}

/* Down to the path, so that the same files make the same text in whatever order they were found. */
static int compare_items(const void *left, const void *right)
{
    const struct sek_item *a = left, *b = right;
    int order = compare_identity(a, b);
    if (!order)
        order = compare_text(a->from, b->from);
    return order ? order : compare_text(a->path, b->path);
}

void sek_list_finish(struct sek_list *list)
{
    size_t kept = 0;
    if (!list->count)
        return;
    qsort(list->items, list->count, sizeof *list->items, compare_items);
    for (size_t i = 1; i < list->count; i++) {
        struct sek_item *last = &list->items[kept], *now = &list->items[i];
        if (compare_identity(last, now)) {
            list->items[++kept] = *now;
            continue;
        }
        for (size_t m = 0; m < MEMBERS; m++)
            if (!value(last, m))
                *member(last, m) = value(now, m);
    }
    list->count = kept + 1;
}

void sek_list_free(struct sek_list *list)
{
    sek_arena_free(&list->arena);
    free(list->items);
    *list = (struct sek_list){0};
}

/* What a distribution's ecosystem says already does not travel for each of its packages. */
static bool is_told(const struct sek_item *item, size_t m)
{
    static const char *const databases[] = {"dpkg", "opkg", "apk", "rpm"};
    for (size_t i = 0; !strcmp(members[m].key, "from") && i < 4; i++)
        if (!strcmp(item->from, databases[i]))
            return strcmp(item->ecosystem, "generic") != 0;
    return false;
}

void sek_list_write(const struct sek_list *list, struct sek_text *out)
{
    sek_json_open(out, "components", '[');
    for (size_t i = 0; i < list->count; i++) {
        sek_json_open(out, NULL, '{');
        for (size_t m = 0; m < MEMBERS; m++)
            if (value(&list->items[i], m) && !is_told(&list->items[i], m))
                sek_json_str(out, members[m].key, value(&list->items[i], m));
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
    if (!list->note_count)
        return;
    sek_json_open(out, "notes", '[');
    for (size_t i = 0; i < list->note_count; i++)
        sek_json_str(out, NULL, list->notes[i]);
    sek_json_close(out, ']');
}

const struct sek_item *sek_list_at_path(const struct sek_list *list, const char *path)
{
    for (size_t i = 0; *path && i < list->count; i++)
        if (list->items[i].path && !strcmp(list->items[i].path, path))
            return &list->items[i];
    return NULL;
}
