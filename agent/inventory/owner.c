/* Open addressing over 64-bit FNV-1a hashes: four million paths take 64 MB at most, a usual device
 * some megabytes, and only while the inventory is made. */
#include "agent/inventory/owner.h"
#include "agent/inventory/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct part {
    const char *at;
    size_t len;
};

static struct part plain(const char *path, size_t len)
{
    bool below = len >= 5 && !memcmp(path, "/usr/", 5);
    return below ? (struct part){path + 4, len - 4} : (struct part){path, len};
}

static uint64_t hash(struct part p)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < p.len; i++)
        h = (h ^ (uint8_t)p.at[i]) * 0x100000001b3u;
    return h ? h : 1;
}

static int compare_parts(struct part a, struct part b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static struct part of(const struct sek_wanted *w)
{
    return plain(w->path, strlen(w->path));
}

static int compare_wanted(const void *a, const void *b)
{
    return compare_parts(of(a), of(b));
}

void sek_owners_want(struct sek_owners *o, struct sek_wanted *wanted, size_t count)
{
    if (count)
        qsort(wanted, count, sizeof *wanted, compare_wanted);
    o->wanted = wanted;
    o->wanted_count = count;
}

/* The first entry that is not before P. */
static size_t first_wanted(const struct sek_owners *o, struct part p)
{
    size_t low = 0, high = o->wanted_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_parts(of(&o->wanted[mid]), p) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void put(uint64_t *slots, size_t cap, uint64_t h)
{
    size_t i = (size_t)h & (cap - 1);
    while (slots[i])
        i = (i + 1) & (cap - 1);
    slots[i] = h;
}

static bool find(const struct sek_owners *o, uint64_t h)
{
    for (size_t i = (size_t)h & (o->cap - 1); o->cap && o->slots[i]; i = (i + 1) & (o->cap - 1))
        if (o->slots[i] == h)
            return true;
    return false;
}

static bool grow(struct sek_owners *o)
{
    size_t cap = o->cap ? o->cap * 2 : 16384;
    uint64_t *slots = o->used < SEK_OWNERS_MAX ? calloc(cap, sizeof *slots) : NULL;
    if (!slots) {
        o->full = true;
        return false;
    }
    for (size_t i = 0; i < o->cap; i++)
        if (o->slots[i])
            put(slots, cap, o->slots[i]);
    free(o->slots);
    o->slots = slots;
    o->cap = cap;
    return true;
}

void sek_owners_add(struct sek_owners *o, const char *path, size_t len, const char *package)
{
    struct part p = plain(path, len);
    uint64_t h = hash(p);
    for (size_t i = first_wanted(o, p); i < o->wanted_count && !compare_parts(of(&o->wanted[i]), p);
         i++)
        snprintf(o->wanted[i].package, sizeof o->wanted[i].package, "%s", package);
    /* Nobody will ask about a file that no walk meets: documents are half of all files. */
    if (sek_walk_leaves_out(path, len) || find(o, h) || (o->used * 4 >= o->cap * 3 && !grow(o)))
        return;
    put(o->slots, o->cap, h);
    o->used++;
}

bool sek_owners_have(const struct sek_owners *o, const char *path)
{
    return find(o, hash(plain(path, strlen(path))));
}

const char *sek_owners_package(const struct sek_owners *o, const char *path)
{
    struct part p = plain(path, strlen(path));
    size_t i = first_wanted(o, p);
    bool found = i < o->wanted_count && !compare_parts(of(&o->wanted[i]), p);
    return found ? o->wanted[i].package : "";
}

void sek_owners_free(struct sek_owners *o)
{
    free(o->slots);
    o->slots = NULL;
    o->used = o->cap = 0;
}
