/* One reader for each kind of field. */
#include "agent/section.h"
#include "agent/worker/policy.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

bool sek_paths_add(struct sek_paths *list, const char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (list->count == SEK_PATHS || len >= SEK_PATH_SIZE)
        return false;
    memcpy(list->item[list->count], path, len);
    list->item[list->count++][len] = '\0';
    return true;
}

bool sek_paths_cover(const struct sek_paths *list, const char *path)
{
    for (unsigned i = 0; i < list->count; i++) {
        size_t len = strlen(list->item[i]);
        if (len == 1 || (!strncmp(path, list->item[i], len) && (!path[len] || path[len] == '/')))
            return true;
    }
    return false;
}

bool sek_paths_match(const struct sek_paths *list, const char *path)
{
    const char *base = strrchr(path, '/');
    for (unsigned i = 0; i < list->count; i++) {
        if (!fnmatch(list->item[i], path, 0) || (base && !fnmatch(list->item[i], base + 1, 0)))
            return true;
    }
    return false;
}

static enum sek_error read_mode(const char *name, const json_t *value, const struct sek_field *f,
                                uint8_t *out, struct sek_fault *fault)
{
    const char *word = json_string_value(value);
    for (uint8_t m = SEK_MODE_OFF; word && m <= f->high; m++) {
        if (!strcmp(word, sek_mode_name(m))) {
            *out = m;
            return SEK_OK;
        }
    }
    return sek_fail(fault, SEK_EINVAL,
                    "policy.json: %s.%s: found '%.20s', expected %sdetect or off", name, f->name,
                    word ? word : "no text", f->high == SEK_MODE_PREVENT ? "prevent, " : "");
}

static enum sek_error read_list(const char *name, const json_t *value, const struct sek_field *f,
                                struct sek_paths *out, struct sek_fault *fault)
{
    bool paths = f->kind == SEK_FIELD_PATHS;
    if (!json_is_array(value) || json_array_size(value) > SEK_PATHS)
        return sek_fail(fault, SEK_EINVAL, "policy.json: %s.%s: expected a list of at most %d",
                        name, f->name, SEK_PATHS);
    out->count = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *text = json_string_value(json_array_get(value, i));
        if (!text || !*text || (paths && *text != '/') || !sek_paths_add(out, text))
            return sek_fail(fault, SEK_EINVAL,
                            "policy.json: %s.%s[%zu]: expected %s of at most %d characters", name,
                            f->name, i, paths ? "an absolute path" : "a name or pattern",
                            SEK_PATH_SIZE - 1);
    }
    return SEK_OK;
}

static enum sek_error read_field(const char *name, const json_t *value, const struct sek_field *f,
                                 void *out, struct sek_fault *fault)
{
    const char *text = json_string_value(value);
    json_int_t number = json_integer_value(value);
    switch (f->kind) {
    case SEK_FIELD_MODE:
        return read_mode(name, value, f, out, fault);
    case SEK_FIELD_PATHS:
    case SEK_FIELD_NAMES:
        return read_list(name, value, f, out, fault);
    case SEK_FIELD_NUMBER:
        if (!json_is_integer(value) || number < f->low || number > f->high)
            return sek_fail(fault, SEK_EINVAL, "policy.json: %s.%s: expected a number %u..%u", name,
                            f->name, f->low, f->high);
        *(uint32_t *)out = (uint32_t)number;
        return SEK_OK;
    case SEK_FIELD_FLAG:
        if (!json_is_boolean(value))
            return sek_fail(fault, SEK_EINVAL, "policy.json: %s.%s: expected true or false", name,
                            f->name);
        *(bool *)out = json_is_true(value);
        return SEK_OK;
    case SEK_FIELD_PATH:
        if (!text || (*text && *text != '/') || strlen(text) >= SEK_PATH_SIZE)
            return sek_fail(fault, SEK_EINVAL, "policy.json: %s.%s: expected an absolute path",
                            name, f->name);
        snprintf(out, SEK_PATH_SIZE, "%s", text);
        return SEK_OK;
    }
    return SEK_OK;
}

enum sek_error sek_section_read(const char *name, const json_t *section,
                                const struct sek_field *fields, void *out, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    if (section && !json_is_object(section))
        return sek_fail(fault, SEK_EINVAL, "policy.json: %s: expected an object", name);
    for (const struct sek_field *f = fields; !rc && f->name; f++) {
        const json_t *value = json_object_get(section, f->name);
        if (value)
            rc = read_field(name, value, f, (char *)out + f->offset, fault);
    }
    return rc;
}
