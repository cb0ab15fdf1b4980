/* Form: "SEKSCAN4", time of the walk, what it took, whether it was cut, then records to the end. A
 * record is its type and length, and for a file its key and the members of its items as strings
 * that end in NUL.
 */
#include "agent/inventory/scan_cache.h"
#include "agent/filekey.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/reader.h"

#include <stdlib.h>
#include <string.h>

#define MAGIC       "SEKSCAN4"
#define CACHE_LIMIT (64u << 20)
#define KEY_SIZE    SEK_FILE_KEY

enum record { RECORD_FILE = 1, RECORD_WRITABLE = 2 };

struct sek_cache_slot {
    uint8_t key[KEY_SIZE];
    uint32_t offset, len; /* of the items */
};

static void put_u64(uint8_t *out, uint64_t v)
{
    for (int i = 7; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static void put_u32(struct sek_text *t, size_t at, uint32_t v)
{
    for (size_t i = 0; !t->failed && i < 4; i++)
        t->data[at + i] = (char)(v >> (24 - 8 * i));
}

static int compare_slots(const void *a, const void *b)
{
    return memcmp(((const struct sek_cache_slot *)a)->key, ((const struct sek_cache_slot *)b)->key,
                  KEY_SIZE);
}

static struct sek_reader begin(const struct sek_scan_cache *c)
{
    struct sek_reader r = sek_reader_make(c->text, (uint32_t)c->len);
    sek_reader_skip(&r, 8 + 8 + 4 + 1);
    return r;
}

static bool next_record(struct sek_reader *r, uint8_t *type, struct sek_reader *body)
{
    *type = sek_reader_u8(r);
    *body = sek_reader_sub(r, sek_reader_u32(r));
    return !r->failed;
}

static void index_files(struct sek_scan_cache *c)
{
    struct sek_reader r = begin(c), body;
    uint8_t type;
    size_t cap = 0;
    while (sek_reader_left(&r) && next_record(&r, &type, &body)) {
        if (type != RECORD_FILE)
            continue;
        struct sek_bytes key = sek_reader_bytes(&body, KEY_SIZE);
        if (c->count == cap) {
            cap = cap ? cap * 2 : 1024;
            struct sek_cache_slot *more = realloc(c->slots, cap * sizeof *more);
            if (!more)
                break;
            c->slots = more;
        }
        if (body.failed)
            continue;
        struct sek_cache_slot *s = &c->slots[c->count++];
        memcpy(s->key, key.data, KEY_SIZE);
        s->len = sek_reader_left(&body);
        s->offset = (uint32_t)(body.data + body.pos - (const uint8_t *)c->text);
    }
    if (c->count)
        qsort(c->slots, c->count, sizeof *c->slots, compare_slots);
}

void sek_cache_load(struct sek_scan_cache *c, const char *path)
{
    *c = (struct sek_scan_cache){0};
    if (path && !sek_file_read(path, CACHE_LIMIT, &c->text, &c->len, NULL)) {
        struct sek_reader r = sek_reader_make(c->text, (uint32_t)c->len);
        struct sek_bytes magic = sek_reader_bytes(&r, 8);
        uint64_t walked = sek_reader_u64(&r);
        uint32_t took = sek_reader_u32(&r);
        bool cut = sek_reader_u8(&r);
        if (!r.failed && !memcmp(magic.data, MAGIC, 8)) {
            c->walked = walked;
            c->took = took;
            c->cut = cut;
            index_files(c);
        }
    }
    uint8_t now[8];
    put_u64(now, sek_clock_wall_us() / 1000000u);
    sek_text_add(&c->next, MAGIC, 8);
    sek_text_add(&c->next, now, 8);
    sek_text_add(&c->next, "\0\0\0\0", 5);
}

/* The string up to its NUL; NULL when it does not end. */
static const char *take_text(struct sek_reader *r)
{
    uint32_t left = sek_reader_left(r);
    const char *at = (const char *)r->data + r->pos;
    const char *end = left ? memchr(at, '\0', left) : NULL;
    sek_reader_skip(r, end ? (uint32_t)(end - at) + 1 : UINT32_MAX);
    return end ? at : NULL;
}

static void take_items(struct sek_reader *r, struct sek_list *list)
{
    while (sek_reader_left(r)) {
        struct sek_item item = {0};
        const char **const members[] = {&item.ecosystem, &item.name, &item.version, &item.cpe,
                                        &item.build_id,  &item.path, &item.from};
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            *members[i] = take_text(r);
        if (r->failed)
            return;
        sek_list_add(list, &item);
    }
}

void sek_cache_replay(const struct sek_scan_cache *c, struct sek_list *list,
                      struct sek_writable_list *writable)
{
    struct sek_reader r = begin(c), body;
    uint8_t type;
    while (sek_reader_left(&r) && next_record(&r, &type, &body)) {
        if (type == RECORD_FILE) {
            sek_reader_skip(&body, KEY_SIZE);
            take_items(&body, list);
        } else if (type == RECORD_WRITABLE) {
            uint8_t flags = sek_reader_u8(&body);
            struct sek_writable w = {take_text(&body), flags & 1, flags & 2};
            if (w.path)
                sek_writable_add(writable, &w);
        }
    }
}

/* The place of the record's length, to be filled in by end_record. */
static size_t begin_record(struct sek_text *t, enum record type)
{
    sek_text_putc(t, (char)type);
    sek_text_add(t, "\0\0\0", 4);
    return t->len;
}

static void end_record(struct sek_text *t, size_t body)
{
    put_u32(t, body - 4, (uint32_t)(t->len - body));
}

bool sek_cache_use(struct sek_scan_cache *c, const struct stat *st, struct sek_list *list)
{
    struct sek_cache_slot key;
    sek_file_key(st, key.key);
    const struct sek_cache_slot *slot =
        c->count ? bsearch(&key, c->slots, c->count, sizeof key, compare_slots) : NULL;
    if (!slot)
        return false;
    struct sek_reader r = sek_reader_make(c->text + slot->offset, slot->len);
    take_items(&r, list);
    size_t body = begin_record(&c->next, RECORD_FILE);
    sek_text_add(&c->next, key.key, KEY_SIZE);
    sek_text_add(&c->next, c->text + slot->offset, slot->len);
    end_record(&c->next, body);
    return true;
}

static void put_string(struct sek_text *t, const char *text)
{
    sek_text_add(t, text ? text : "", text ? strlen(text) + 1 : 1);
}

void sek_cache_keep(struct sek_scan_cache *c, const struct stat *st, const struct sek_list *list,
                    size_t first)
{
    uint8_t key[KEY_SIZE];
    sek_file_key(st, key);
    size_t body = begin_record(&c->next, RECORD_FILE);
    sek_text_add(&c->next, key, KEY_SIZE);
    for (size_t i = first; i < list->count; i++) {
        const struct sek_item *item = &list->items[i];
        const char *const members[] = {item->ecosystem, item->name, item->version, item->cpe,
                                       item->build_id,  item->path, item->from};
        for (size_t m = 0; m < sizeof members / sizeof members[0]; m++)
            put_string(&c->next, members[m]);
    }
    end_record(&c->next, body);
}

void sek_cache_writable(struct sek_scan_cache *c, const struct sek_writable *w)
{
    size_t body = begin_record(&c->next, RECORD_WRITABLE);
    sek_text_putc(&c->next, (char)(w->folder | w->program << 1));
    put_string(&c->next, w->path);
    end_record(&c->next, body);
}

void sek_cache_close(struct sek_scan_cache *c, const char *path, uint32_t took_ms, bool cut)
{
    struct sek_fault fault;
    if (path && !c->next.failed && c->next.len <= CACHE_LIMIT) {
        put_u32(&c->next, 16, took_ms);
        c->next.data[20] = cut;
        if (sek_file_replace(path, c->next.data, c->next.len, 0600, &fault))
            sek_warning("inventory: %s", fault.message);
    }
    sek_text_free(&c->next);
    free(c->slots);
    free(c->text);
}

void sek_writable_add(struct sek_writable_list *list, const struct sek_writable *w)
{
    size_t cap = sizeof list->items / sizeof list->items[0];
    list->total++;
    if (list->count == cap)
        return;
    struct sek_writable kept = *w;
    kept.path = sek_arena_strndup(&list->arena, w->path, strlen(w->path));
    if (kept.path)
        list->items[list->count++] = kept;
}
