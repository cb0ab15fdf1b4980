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
