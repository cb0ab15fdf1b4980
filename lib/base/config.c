/* libyaml events, flattened to dotted keys. */
#include "lib/base/config.h"
#include "lib/base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#define CONFIG_DEPTH 16
#define CONFIG_LIMIT (1u << 20) /* bytes in a configuration file */

struct entry {
    char *key;
    char *value;
    unsigned line;
    bool used;
};

struct sek_config {
    char *name;
    struct entry *entries;
    size_t count, cap;
    char unused[400];
};

/* One open mapping or sequence: where its name ends in the path, and what comes next in it. */
struct level {
    size_t path_len;
    long index; /* -1: a mapping */
    bool want_key;
};

struct walk {
    char path[512];
    struct level levels[CONFIG_DEPTH];
    int depth;
};

static enum sek_error config_add(struct sek_config *c, const char *key, const char *value,
                                 unsigned line)
{
    if (c->count == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 16;
        struct entry *more = realloc(c->entries, cap * sizeof *more);
        if (!more)
            return SEK_ENOMEM;
        c->entries = more;
        c->cap = cap;
    }
    struct entry e = {strdup(key), strdup(value), line, false};
    c->entries[c->count++] = e;
    return e.key && e.value ? SEK_OK : SEK_ENOMEM;
}

/* Extend the path with the name of the value that begins now. */
static bool walk_name(struct walk *w, const char *name)
{
    struct level *l = &w->levels[w->depth - 1];
    int n = snprintf(w->path + l->path_len, sizeof w->path - l->path_len, "%s%s",
                     l->path_len ? "." : "", name);
    return n >= 0 && (size_t)n < sizeof w->path - l->path_len;
}

static bool walk_value(struct walk *w)
{
    if (!w->depth)
        return true;
    struct level *l = &w->levels[w->depth - 1];
    if (l->index >= 0) {
        char number[24];
        snprintf(number, sizeof number, "%ld", l->index++);
        return walk_name(w, number);
    }
    l->want_key = true;
    return true;
}

static enum sek_error config_event(struct sek_config *c, struct walk *w, yaml_event_t *e,
                                   struct sek_fault *fault)
{
    unsigned line = (unsigned)e->start_mark.line + 1;
    struct level *l = w->depth ? &w->levels[w->depth - 1] : NULL;
    const char *scalar = e->type == YAML_SCALAR_EVENT ? (char *)e->data.scalar.value : NULL;
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        if (l && l->index < 0 && l->want_key) {
            l->want_key = false;
            if (!walk_name(w, scalar))
                return sek_fail(fault, SEK_ELIMIT, "%s:%u: key too long", c->name, line);
            return SEK_OK;
        }
        if (!l)
            return sek_fail(fault, SEK_EINVAL, "%s:%u: found a single value, expected `key: value`",
                            c->name, line);
        if (!walk_value(w) || config_add(c, w->path, scalar, line))
            return sek_fail(fault, SEK_ENOMEM, "%s:%u: out of memory", c->name, line);
        return SEK_OK;
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        if (w->depth == CONFIG_DEPTH)
            return sek_fail(fault, SEK_ELIMIT, "%s:%u: nested deeper than %d", c->name, line,
                            CONFIG_DEPTH);
        if (!walk_value(w))
            return sek_fail(fault, SEK_ELIMIT, "%s:%u: key too long", c->name, line);
        w->levels[w->depth++] = (struct level){
            .path_len = l ? strlen(w->path) : 0,
            .index = e->type == YAML_SEQUENCE_START_EVENT ? 0 : -1,
            .want_key = true,
        };
        return SEK_OK;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        w->depth--;
        return SEK_OK;
    case YAML_ALIAS_EVENT:
        return sek_fail(fault, SEK_EUNSUPPORTED, "%s:%u: aliases are not accepted", c->name, line);
    default:
        return SEK_OK;
    }
}

enum sek_error sek_config_parse(const char *name, const char *text, size_t len,
                                struct sek_config **out, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct walk w = {0};
    yaml_parser_t parser;
    struct sek_config *c = calloc(1, sizeof *c);
    if (!c || !(c->name = strdup(name)) || !yaml_parser_initialize(&parser)) {
        sek_config_free(c);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    for (bool done = false; !done && !rc;) {
        yaml_event_t e;
        if (!yaml_parser_parse(&parser, &e)) {
            rc = sek_fail(fault, SEK_EINVAL, "%s:%zu: %s", name, parser.problem_mark.line + 1,
                          parser.problem ? parser.problem : "not YAML");
            break;
        }
        done = e.type == YAML_STREAM_END_EVENT;
        rc = config_event(c, &w, &e, fault);
        yaml_event_delete(&e);
    }
    yaml_parser_delete(&parser);
    if (rc) {
        sek_config_free(c);
        return rc;
    }
    *out = c;
    return SEK_OK;
}

enum sek_error sek_config_load(const char *path, struct sek_config **out, struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, CONFIG_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_config_parse(path, text, len, out, fault);
    free(text);
    return rc;
}

struct sek_config *sek_config_new(const char *name)
{
    struct sek_config *c = calloc(1, sizeof *c);
    if (c && !(c->name = strdup(name))) {
        free(c);
        c = NULL;
    }
    return c;
}

enum sek_error sek_config_set(struct sek_config *c, const char *key, const char *value)
{
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->entries[i].key, key))
            continue;
        char *copy = strdup(value);
        if (!copy)
            return SEK_ENOMEM;
        free(c->entries[i].value);
        c->entries[i].value = copy;
        return SEK_OK;
    }
    return config_add(c, key, value, 0);
}

void sek_config_free(struct sek_config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++) {
        free(c->entries[i].key);
        free(c->entries[i].value);
    }
    free(c->entries);
    free(c->name);
    free(c);
}

static struct entry *config_find(struct sek_config *c, const char *key)
{
    for (size_t i = 0; c && i < c->count; i++) {
        if (!strcmp(c->entries[i].key, key)) {
            c->entries[i].used = true;
            return &c->entries[i];
        }
    }
    return NULL;
}

const char *sek_config_get(struct sek_config *c, const char *key, const char *fallback)
{
    struct entry *e = config_find(c, key);
    return e ? e->value : fallback;
}

unsigned sek_config_line(struct sek_config *c, const char *key)
{
    const struct entry *e = config_find(c, key);
    return e ? e->line : 0;
}

enum sek_error sek_config_number(struct sek_config *c, const char *key, long low, long high,
                                 long *value, struct sek_fault *fault)
{
    struct entry *e = config_find(c, key);
    char *end;
    if (!e)
        return SEK_OK;
    errno = 0;
    long v = strtol(e->value, &end, 10);
    if (errno || end == e->value || *end || v < low || v > high)
        return sek_fail(fault, SEK_EINVAL, "%s:%u: %s: found '%.60s', expected a number %ld..%ld",
                        c->name, e->line, key, e->value, low, high);
    *value = v;
    return SEK_OK;
}

const char *sek_config_unused(struct sek_config *c)
{
    for (size_t i = 0; c && i < c->count; i++) {
        if (!c->entries[i].used) {
            snprintf(c->unused, sizeof c->unused, "%s:%u: %.200s", c->name, c->entries[i].line,
                     c->entries[i].key);
            return c->unused;
        }
    }
    return NULL;
}
