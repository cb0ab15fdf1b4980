/* The file of compiled matchers: a magic number, then for each matcher its key, its length and what
 * hs_serialize_database made of it. A matcher for another processor or library is refused by
 * Hyperscan itself and compiled anew. The file is replaced as a whole, never written in place. */
#include "lib/detect/build.h"

#include "lib/base/file.h"

#include <stdlib.h>
#include <string.h>

#define CACHE_LIMIT (512u << 20)
#define KEY_SIZE    32u

static const char magic[16] = "sekisho-match-1\n";

struct entry {
    struct entry *next;
    uint8_t key[KEY_SIZE];
    char *bytes; /* of the file, or allocated by Hyperscan */
    size_t len;
    bool own, used;
};

struct matcher_cache {
    char *path;
    char *file;
    struct entry *entries;
    bool changed;
};

static struct entry *entry_new(struct matcher_cache *c, const uint8_t *key, char *bytes, size_t len)
{
    struct entry *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    memcpy(e->key, key, KEY_SIZE);
    e->bytes = bytes;
    e->len = len;
    e->next = c->entries;
    c->entries = e;
    return e;
}

struct matcher_cache *matcher_cache_open(const char *path)
{
    struct sek_fault ignored;
    struct matcher_cache *c = calloc(1, sizeof *c);
    size_t len = 0;
    if (!c || !(c->path = strdup(path))) {
        free(c);
        return NULL;
    }
    if (sek_file_read(path, CACHE_LIMIT, &c->file, &len, &ignored) || len < sizeof magic ||
        memcmp(c->file, magic, sizeof magic))
        return c;
    for (size_t at = sizeof magic; len - at >= KEY_SIZE + sizeof(uint64_t);) {
        uint64_t size;
        const uint8_t *key = (const uint8_t *)c->file + at;
        memcpy(&size, c->file + at + KEY_SIZE, sizeof size);
        at += KEY_SIZE + sizeof size;
        if (size > len - at || !entry_new(c, key, c->file + at, (size_t)size))
            break;
        at += (size_t)size;
    }
    return c;
}

hs_database_t *matcher_cache_find(struct matcher_cache *c, const uint8_t *key)
{
    hs_database_t *db = NULL;
    for (struct entry *e = c->entries; e; e = e->next) {
        if (memcmp(e->key, key, KEY_SIZE))
            continue;
        if (hs_deserialize_database(e->bytes, e->len, &db) != HS_SUCCESS)
            return NULL;
        e->used = true;
        return db;
    }
    return NULL;
}

void matcher_cache_add(struct matcher_cache *c, const uint8_t *key, const hs_database_t *db)
{
    char *bytes;
    size_t len;
    if (hs_serialize_database(db, &bytes, &len) != HS_SUCCESS)
        return;
    struct entry *e = entry_new(c, key, bytes, len);
    if (!e) {
        free(bytes);
        return;
    }
    e->own = e->used = true;
    c->changed = true;
}

static void write_all(struct matcher_cache *c)
{
    struct sek_fault ignored;
    size_t len = sizeof magic, at = sizeof magic;
    for (struct entry *e = c->entries; e; e = e->next)
        len += e->used ? KEY_SIZE + sizeof(uint64_t) + e->len : 0;
    char *all = malloc(len);
    if (!all)
        return;
    memcpy(all, magic, sizeof magic);
    for (struct entry *e = c->entries; e; e = e->next) {
        uint64_t size = e->len;
        if (!e->used)
            continue;
        memcpy(all + at, e->key, KEY_SIZE);
        memcpy(all + at + KEY_SIZE, &size, sizeof size);
        memcpy(all + at + KEY_SIZE + sizeof size, e->bytes, e->len);
        at += KEY_SIZE + sizeof size + e->len;
    }
    sek_file_replace(c->path, all, len, 0600, &ignored); /* not written: compiled again next time */
    free(all);
}

void matcher_cache_close(struct matcher_cache *c)
{
    if (!c)
        return;
    if (c->changed)
        write_all(c);
    while (c->entries) {
        struct entry *e = c->entries;
        c->entries = e->next;
        if (e->own)
            free(e->bytes);
        free(e);
    }
    free(c->file);
    free(c->path);
    free(c);
}
