#include "agent/inventory/language.h"
#include "lib/vuln/ecosystem.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool copy(const char *text, char *out, size_t size)
{
    return text && *text && (size_t)snprintf(out, size, "%s", text) < size;
}

bool sek_node_package(const char *text, size_t len, char *name, char *version, size_t size)
{
    json_t *doc = json_loadb(text, len, 0, NULL);
    bool good = copy(json_string_value(json_object_get(doc, "name")), name, size) &&
                copy(json_string_value(json_object_get(doc, "version")), version, size);
    json_decref(doc);
    return good;
}

struct lock {
    void (*found)(void *arg, const char *name, const char *version);
    void *arg;
};

/* A version of the registry begins with a digit; else it is a URL or a path. */
static void tell_locked(const struct lock *lock, const char *name, const json_t *package)
{
    const char *version = json_string_value(json_object_get(package, "version"));
    if (*name && version && isdigit((unsigned char)*version) &&
        !json_is_true(json_object_get(package, "dev")) &&
        !json_is_true(json_object_get(package, "extraneous")))
        lock->found(lock->arg, name, version);
}

/* Versions 2 and 3: "node_modules/a/node_modules/@scope/b": {"version": ...}. An alias has the
 * name that it stands for. */
static void read_places(const struct lock *lock, json_t *packages)
{
    static const char folder[] = "node_modules/";
    const char *place;
    json_t *package;
    json_object_foreach(packages, place, package)
    {
        const char *name = NULL, *given = json_string_value(json_object_get(package, "name"));
        for (const char *at = place; (at = strstr(at, folder));)
            name = at += sizeof folder - 1;
        if (name)
            tell_locked(lock, given ? given : name, package);
    }
}

/* Version 1: "a": {"version": ..., "dependencies": {...}}. */
static void read_dependencies(const struct lock *lock, json_t *dependencies, unsigned depth)
{
    const char *name;
    json_t *package;
    json_object_foreach(dependencies, name, package)
    {
        tell_locked(lock, name, package);
        if (depth < SEK_NODE_LOCK_DEPTH)
            read_dependencies(lock, json_object_get(package, "dependencies"), depth + 1);
    }
}

void sek_node_lock(const char *text, size_t len,
                   void (*found)(void *arg, const char *name, const char *version), void *arg)
{
    const struct lock lock = {found, arg};
    json_t *doc = json_loadb(text, len, 0, NULL), *packages = json_object_get(doc, "packages");
    if (packages)
        read_places(&lock, packages);
    else
        read_dependencies(&lock, json_object_get(doc, "dependencies"), 0);
    json_decref(doc);
}

/* The value of a header line "KEY: value" of LEN bytes into OUT. */
static bool header(const char *line, size_t len, const char *key, char *out, size_t size)
{
    size_t skip = strlen(key);
    if (len <= skip || strncasecmp(line, key, skip))
        return false;
    while (skip < len && (line[skip] == ' ' || line[skip] == '\t'))
        skip++;
    while (len > skip && isspace((unsigned char)line[len - 1]))
        len--;
    return len > skip && (size_t)snprintf(out, size, "%.*s", (int)(len - skip), line + skip) < size;
}

bool sek_python_package(const char *text, size_t len, char *name, char *version, size_t size)
{
    const char *end = text + len;
    bool named = false, versioned = false;
    if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        text += 3; /* a byte order mark that some editors write */
    for (const char *at = text; at < end && !(named && versioned);) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        if (!n || *at == '\r')
            break; /* the description follows */
        named = named || header(at, n, "Name:", name, size);
        versioned = versioned || header(at, n, "Version:", version, size);
        at += n + 1;
    }
    if (named)
        sek_python_name(name);
    return named && versioned && *name;
}
