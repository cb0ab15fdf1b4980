/* Entries sorted by category, IP version, length of prefix and address: a look-up is one binary search for
 * each length that occurs, longest first. */
#include "lib/rules/iprep.h"

#include "lib/base/file.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT     (256u << 20)
#define CATEGORIES_MAX 61

struct entry {
    uint8_t category, version, bits, score;
    uint8_t address[16];
};

struct sek_iprep {
    char *names[CATEGORIES_MAX];
    struct entry *entries;
    size_t count, cap;
    bool lengths[2][129]; /* [IPv6][bits]: occur */
};

static int by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->category != y->category)
        return x->category - y->category;
    if (x->version != y->version)
        return x->version - y->version;
    if (x->bits != y->bits)
        return x->bits - y->bits;
    return memcmp(x->address, y->address, 16);
}

static void mask(uint8_t *address, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
        if (keep < 8)
            address[i] &= (uint8_t)(0xff00u >> keep);
    }
}

static enum sek_error add_category(struct sek_iprep *r, char *line)
{
    char *rest = line, *number = strsep(&rest, ","), *name = strsep(&rest, ",");
    unsigned long n = strtoul(number, NULL, 10);
    if (!name || !n || n >= CATEGORIES_MAX)
        return SEK_EINVAL;
    free(r->names[n]);
    r->names[n] = strdup(name);
    return r->names[n] ? SEK_OK : SEK_ENOMEM;
}

static enum sek_error add_entry(struct sek_iprep *r, char *line)
{
    char *rest = line, *address = strsep(&rest, ","), *category = strsep(&rest, ","), *score = strsep(&rest, ",");
    struct entry e = {0};
    struct sek_addr addr = {0};
    if (!score)
        return SEK_EINVAL;
    char *slash = strchr(address, '/');
    if (slash)
        *slash++ = '\0';
    int version = sek_addr_parse(address, &addr);
    unsigned long most = version == 6 ? 128 : 32, bits = slash ? strtoul(slash, NULL, 10) : most;
    unsigned long number = strtoul(category, NULL, 10), value = strtoul(score, NULL, 10);
    if (!version || bits > most || !number || number >= CATEGORIES_MAX || value > 127)
        return SEK_EINVAL;
    e.category = (uint8_t)number;
    e.version = (uint8_t)version;
    e.bits = (uint8_t)bits;
    e.score = (uint8_t)value;
    memcpy(e.address, addr.bytes, 16);
    mask(e.address, e.bits);
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 1024;
        struct entry *more = realloc(r->entries, cap * sizeof *more);
        if (!more)
            return SEK_ENOMEM;
        r->entries = more;
        r->cap = cap;
    }
    r->entries[r->count++] = e;
    r->lengths[version == 6][e.bits] = true;
    return SEK_OK;
}

static enum sek_error each_line(struct sek_iprep *r, const char *path, const char *expected,
                                enum sek_error (*add)(struct sek_iprep *r, char *line), struct sek_fault *fault)
{
    char *text, *rest, *line;
    size_t len;
    unsigned number = 0;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    for (rest = text; !rc && (line = strsep(&rest, "\n"));) {
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (*line && *line != '#' && (rc = add(r, line)))
            sek_fail(fault, rc, "%s:%u: %s", path, number, rc == SEK_ENOMEM ? "out of memory" : expected);
    }
    free(text);
    return rc;
}

struct sek_iprep *sek_iprep_new(const char *categories, struct sek_fault *fault)
{
    struct sek_iprep *r = calloc(1, sizeof *r);
    if (!r) {
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        return NULL;
    }
    if (each_line(r, categories, "expected number 1..60,short name,text", add_category, fault)) {
        sek_iprep_free(r);
        return NULL;
    }
    return r;
}

enum sek_error sek_iprep_load(struct sek_iprep *r, const char *path, struct sek_fault *fault)
{
    return each_line(r, path, "expected address[/bits],category number,score 0..127", add_entry, fault);
}

void sek_iprep_sort(struct sek_iprep *r)
{
    if (r->count)
        qsort(r->entries, r->count, sizeof *r->entries, by_key);
}

void sek_iprep_free(struct sek_iprep *r)
{
    if (!r)
        return;
    for (int i = 0; i < CATEGORIES_MAX; i++)
        free(r->names[i]);
    free(r->entries);
    free(r);
}

int sek_iprep_category(const struct sek_iprep *r, const char *name)
{
    for (int i = 0; r && i < CATEGORIES_MAX; i++)
        if (r->names[i] && !strcmp(r->names[i], name))
            return i;
    return -1;
}

int sek_iprep_score(const struct sek_iprep *r, int category, const struct sek_addr *addr, int version)
{
    struct entry key = {.category = (uint8_t)category, .version = (uint8_t)version};
    if (!r || !r->count)
        return -1;
    for (int bits = version == 6 ? 128 : 32; bits >= 0; bits--) {
        if (!r->lengths[version == 6][bits])
            continue;
        key.bits = (uint8_t)bits;
        memcpy(key.address, addr->bytes, 16);
        mask(key.address, key.bits);
        const struct entry *e = bsearch(&key, r->entries, r->count, sizeof *r->entries, by_key);
        if (e)
            return e->score;
    }
    return -1;
}
