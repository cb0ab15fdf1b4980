/* A chained hash of byte strings. */
#include "lib/rules/dataset.h"

#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/packet/address.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS       4096u
#define ENTRIES_LIMIT 1000000u
#define FILE_LIMIT    (128u << 20)

struct sek_dataset_entry {
    struct sek_dataset_entry *next;
    uint32_t hash, len, reputation;
    uint8_t data[];
};

static uint32_t hash_of(const uint8_t *p, size_t len)
{
    uint64_t h = 0xcbf29ce484222325ull;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3ull;
    return (uint32_t)(h ^ h >> 32);
}

enum sek_error sek_dataset_open(struct sek_dataset **list, const char *name,
                                enum sek_dataset_type type, struct sek_dataset **out,
                                struct sek_fault *fault)
{
    for (struct sek_dataset *d = *list; d; d = d->next) {
        if (strcmp(d->name, name))
            continue;
        if (d->type != type)
            return sek_fail(fault, SEK_EINVAL, "set '%s' has another type already", name);
        *out = d;
        return SEK_OK;
    }
    struct sek_dataset *d = calloc(1, sizeof *d);
    if (!d || !(d->name = strdup(name)) || !(d->buckets = calloc(BUCKETS, sizeof *d->buckets))) {
        if (d)
            free(d->name);
        free(d);
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    }
    d->type = type;
    d->mask = BUCKETS - 1;
    d->limit = ENTRIES_LIMIT;
    d->next = *list;
    *list = d;
    *out = d;
    return SEK_OK;
}

static struct sek_dataset_entry **find(const struct sek_dataset *set, const void *data, size_t len,
                                       uint32_t hash)
{
    struct sek_dataset_entry **link = &set->buckets[hash & set->mask];
    while (*link && ((*link)->hash != hash || (*link)->len != len ||
                     memcmp((*link)->data, data, len)))
        link = &(*link)->next;
    return link;
}

bool sek_dataset_has(const struct sek_dataset *set, const void *data, size_t len,
                     uint32_t *reputation)
{
    struct sek_dataset_entry *e = *find(set, data, len, hash_of(data, len));
    if (e && reputation)
        *reputation = e->reputation;
    return e != NULL;
}

bool sek_dataset_add(struct sek_dataset *set, const void *data, size_t len, uint32_t reputation)
{
    uint32_t hash = hash_of(data, len);
    struct sek_dataset_entry **link = find(set, data, len, hash);
    if (*link)
        return true;
    struct sek_dataset_entry *e = set->count < set->limit ? malloc(sizeof *e + len) : NULL;
    if (!e)
        return false;
    *e = (struct sek_dataset_entry){.hash = hash, .len = (uint32_t)len, .reputation = reputation};
    memcpy(e->data, data, len);
    *link = e;
    set->count++;
    return true;
}

void sek_dataset_remove(struct sek_dataset *set, const void *data, size_t len)
{
    struct sek_dataset_entry **link = find(set, data, len, hash_of(data, len)), *e = *link;
    if (e) {
        *link = e->next;
        free(e);
        set->count--;
    }
}

void sek_datasets_free(struct sek_dataset *list)
{
    while (list) {
        struct sek_dataset *d = list;
        list = d->next;
        for (uint32_t i = 0; i <= d->mask; i++) {
            while (d->buckets[i]) {
                struct sek_dataset_entry *e = d->buckets[i];
                d->buckets[i] = e->next;
                free(e);
            }
        }
        free(d->buckets);
        free(d->name);
        free(d);
    }
}

/* One value in its text form to the bytes that are compared; returns its length or -1. */
static long value_of(enum sek_dataset_type type, char *text, uint8_t *out)
{
    static const size_t sizes[] = {0, 16, 20, 32};
    struct sek_addr addr;
    switch (type) {
    case SEK_DATASET_STRING:
        return sek_base64_decode(text, strlen(text), out);
    case SEK_DATASET_IP:
        if (!sek_addr_parse(strncmp(text, "::ffff:", 7) ? text : text + 7, &addr))
            return -1;
        memcpy(out, addr.bytes, 16);
        return 16;
    default:
        return sek_hex_decode(text, out, sizes[type]) ? (long)sizes[type] : -1;
    }
}

/* The member at a dotted PATH. */
static const json_t *member(const json_t *v, const char *path)
{
    char copy[256], *rest = copy, *key;
    if (!path || snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy)
        return path ? NULL : v;
    while (v && (key = strsep(&rest, ".")))
        v = json_object_get(v, key);
    return v;
}

static enum sek_error json_value(struct sek_dataset *set, const char *path, unsigned line,
                                 const json_t *item, const char *key, struct sek_fault *fault)
{
    const char *text = json_string_value(member(item, key));
    uint8_t raw[64];
    long n = 0;
    char copy[128];
    if (!text)
        return sek_fail(fault, SEK_EINVAL, "%s:%u: found no text at '%s'", path, line, key ? key : "");
    if (set->type != SEK_DATASET_STRING) {
        n = snprintf(copy, sizeof copy, "%s", text) < (int)sizeof copy
                ? value_of(set->type, copy, raw)
                : -1;
        if (n < 0)
            return sek_fail(fault, SEK_EINVAL, "%s:%u: '%.40s' is not a value of this set's type", path,
                            line, text);
    }
    bool ok = set->type == SEK_DATASET_STRING ? sek_dataset_add(set, text, strlen(text), 0)
                                              : sek_dataset_add(set, raw, (size_t)n, 0);
    return ok ? SEK_OK
              : sek_fail(fault, SEK_ELIMIT, "%s:%u: more than %u entries", path, line, set->limit);
}

/* One document that holds a list, or one object on each line. */
static enum sek_error load_json(struct sek_dataset *set, const char *path, char *text,
                                const struct sek_dataset_format *format, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    unsigned line = 0;
    for (char *row; !rc && (row = format->lines ? strsep(&text, "\n") : text);) {
        json_error_t error;
        line++;
        if (!format->lines)
            text = NULL;
        if (!row[strspn(row, " \t\r\n")])
            continue;
        json_t *doc = json_loads(row, 0, &error);
        const json_t *list = format->lines ? NULL : member(doc, format->array_key), *item;
        size_t i;
        if (!doc)
            rc = sek_fail(fault, SEK_EINVAL, "%s:%u: %s", path, line + (unsigned)error.line - 1,
                          error.text);
        else if (format->lines)
            rc = json_value(set, path, line, doc, format->value_key, fault);
        else if (!json_is_array(list))
            rc = sek_fail(fault, SEK_EINVAL, "%s: found no list%s%s", path,
                          format->array_key ? " at " : "", format->array_key ? format->array_key : "");
        else
            json_array_foreach(list, i, item)
                if (!rc)
                    rc = json_value(set, path, (unsigned)i + 1, item, format->value_key, fault);
        json_decref(doc);
    }
    return rc;
}

enum sek_error sek_dataset_load(struct sek_dataset *set, const char *path,
                                const struct sek_dataset_format *format, struct sek_fault *fault)
{
    bool reputation = format->reputation;
    char *text, *rest, *row;
    size_t len;
    unsigned line = 0;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    if (format->json) {
        rc = load_json(set, path, text, format, fault);
        free(text);
        return rc;
    }
    uint8_t *value = malloc(len + 64);
    rest = text;
    if (!value)
        rc = sek_fail(fault, SEK_ENOMEM, "%s: out of memory", path);
    while (!rc && (row = strsep(&rest, "\n"))) {
        unsigned long number = 0;
        char *end = row + strcspn(row, ", \t\r");
        line++;
        while (isspace((unsigned char)*row))
            row++;
        if (!*row || *row == '#')
            continue;
        if (reputation && *end == ',')
            number = strtoul(end + 1, NULL, 10);
        else if (reputation)
            rc = sek_fail(fault, SEK_EINVAL, "%s:%u: found no ',', expected value,number", path, line);
        *end = '\0';
        long n = value_of(set->type, row, value);
        if (!rc && n < 0)
            rc = sek_fail(fault, SEK_EINVAL, "%s:%u: '%.40s' is not a value of this set's type", path,
                          line, row);
        if (!rc && !sek_dataset_add(set, value, (size_t)n, (uint32_t)number))
            rc = sek_fail(fault, SEK_ELIMIT, "%s:%u: more than %u entries", path, line, set->limit);
    }
    free(value);
    free(text);
    return rc;
}
