/* A bill that a maker gives with a firmware. jansson parses; each member that is used is checked.
 */
#include "agent/inventory/cyclonedx.h"
#include "agent/inventory/purl.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PLACE 200

struct bill {
    const char *name;
    const struct sek_os *os;
    struct sek_list *list;
    struct sek_fault *fault;
    size_t unversioned;
};

/* *OUT gets the text of member KEY, NULL when it is absent. */
static enum sek_error text_member(struct bill *b, const char *place, const json_t *object,
                                  const char *key, const char **out)
{
    const json_t *value = json_object_get(object, key);
    *out = json_string_value(value);
    if (value && !*out)
        return sek_fail(b->fault, SEK_EINVAL, "%s: %s.%s: text expected", b->name, place, key);
    return SEK_OK;
}

/* What our own bills carry beside the schema's members. */
static const char *property(const json_t *component, const char *key)
{
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(component, "properties"), i, p)
    {
        const char *name = json_string_value(json_object_get(p, "name"));
        if (name && !strncmp(name, "sekisho:", 8) && !strcmp(name + 8, key))
            return json_string_value(json_object_get(p, "value"));
    }
    return NULL;
}

/* "source@1.2-3" (a qualifier that scanners write) into both. */
static void split_upstream(char *upstream, struct sek_item *item)
{
    char *at = strchr(upstream, '@');
    if (at)
        *at = '\0';
    item->source = upstream;
    item->source_version = at ? at + 1 : NULL;
}

static void add_properties(const json_t *component, struct sek_item *item)
{
    const char *ecosystem = property(component, "ecosystem");
    const struct {
        const char *key, **at;
    } known[] = {{"arch", &item->arch},
                 {"source", &item->source},
                 {"source_version", &item->source_version},
                 {"build_id", &item->build_id},
                 {"path", &item->path}};
    if (ecosystem)
        item->ecosystem = ecosystem;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (property(component, known[i].key))
            *known[i].at = property(component, known[i].key);
}

static enum sek_error add_component(struct bill *b, const char *place, const json_t *component)
{
    const char *type, *group, *name, *version, *cpe, *text;
    char ecosystem[SEK_LIST_TEXT + 1], full[2 * SEK_LIST_TEXT], with_epoch[SEK_LIST_TEXT + 1];
    struct sek_purl purl = {0};
    enum sek_error rc;
    if ((rc = text_member(b, place, component, "type", &type)) ||
        (rc = text_member(b, place, component, "group", &group)) ||
        (rc = text_member(b, place, component, "name", &name)) ||
        (rc = text_member(b, place, component, "version", &version)) ||
        (rc = text_member(b, place, component, "cpe", &cpe)) ||
        (rc = text_member(b, place, component, "purl", &text)))
        return rc;
    if (!name || !*name)
        return sek_fail(b->fault, SEK_EINVAL, "%s: %s.name: text expected", b->name, place);
    if (text && !sek_purl_parse(text, &purl))
        return sek_fail(b->fault, SEK_EINVAL,
                        "%s: %s.purl: found '%.80s', expected pkg:TYPE/NAME@VERSION", b->name,
                        place, text);
    if (type && (!strcmp(type, "file") || !strcmp(type, "data")))
        return SEK_OK;
    struct sek_item item = {"generic", name, version, .cpe = cpe, .purl = text, .from = "sbom"};
    if (text) {
        sek_purl_osv(&purl, b->os, ecosystem, full, sizeof ecosystem);
        item.ecosystem = ecosystem;
        /* purl makes the names of Go modules lower case. */
        item.name = strcasecmp(full, name) ? full : name;
        item.version = *purl.version ? purl.version : version;
        item.arch = purl.arch;
        if (*purl.upstream)
            split_upstream(purl.upstream, &item);
        if (*purl.epoch && strcmp(purl.epoch, "0") && item.version) {
            snprintf(with_epoch, sizeof with_epoch, "%s:%.200s", purl.epoch, item.version);
            item.version = with_epoch;
        }
    } else if (group && *group) {
        snprintf(full, sizeof full, "%.200s/%.200s", group, name);
        item.name = cpe ? name : full;
    }
    add_properties(component, &item);
    b->unversioned += !item.version || !*item.version;
    return sek_list_add(b->list, &item) || !b->list->failed
               ? SEK_OK
               : sek_fail(b->fault, SEK_ENOMEM, "%s: out of memory", b->name);
}

static enum sek_error add_list(struct bill *b, const char *place, const json_t *list,
                               unsigned depth)
{
    size_t i;
    json_t *component;
    enum sek_error rc = SEK_OK;
    if (list && !json_is_array(list))
        return sek_fail(b->fault, SEK_EINVAL, "%s: %s: a list expected", b->name, place);
    if (depth > SEK_SBOM_DEPTH)
        return sek_fail(b->fault, SEK_ELIMIT, "%s: %s: more than %d levels of components", b->name,
                        place, SEK_SBOM_DEPTH);
    json_array_foreach(list, i, component)
    {
        char here[PLACE], below[PLACE + 16];
        if (snprintf(here, sizeof here, "%s[%zu]", place, i) >= (int)sizeof here)
            snprintf(here, sizeof here, "a component %u levels deep", depth);
        if (!json_is_object(component))
            return sek_fail(b->fault, SEK_EINVAL, "%s: %s: an object expected", b->name, here);
        rc = add_component(b, here, component);
        snprintf(below, sizeof below, "%s.components", here);
        if (!rc)
            rc = add_list(b, below, json_object_get(component, "components"), depth + 1);
        if (rc)
            return rc;
    }
    return rc;
}

static enum sek_error check_head(struct bill *b, const json_t *doc)
{
    static const char *const versions[] = {"1.2", "1.3", "1.4", "1.5", "1.6", "1.7"};
    const char *format = json_string_value(json_object_get(doc, "bomFormat"));
    const char *version = json_string_value(json_object_get(doc, "specVersion"));
    if (!format || strcmp(format, "CycloneDX"))
        return sek_fail(b->fault, SEK_EINVAL, "%s: bomFormat: found '%.40s', expected CycloneDX",
                        b->name, format ? format : "nothing");
    for (size_t i = 0; version && i < sizeof versions / sizeof versions[0]; i++)
        if (!strcmp(version, versions[i]))
            return SEK_OK;
    return sek_fail(b->fault, SEK_EINVAL, "%s: specVersion: found '%.40s', expected 1.2 to 1.7",
                    b->name, version ? version : "nothing");
}

enum sek_error sek_cyclonedx_read(const char *name, const char *text, size_t len,
                                  const struct sek_os *os, struct sek_list *list,
                                  struct sek_fault *fault)
{
    struct bill b = {.name = name, .os = os, .list = list, .fault = fault};
    json_error_t error;
    if (len > SEK_SBOM_BYTES)
        return sek_fail(fault, SEK_ELIMIT, "%s: %zu bytes, at most %u expected", name, len,
                        SEK_SBOM_BYTES);
    if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text += 3; /* a byte order mark that some makers' tools write */
        len -= 3;
    }
    json_t *doc = json_loadb(text, len, 0, &error);
    if (!doc)
        return sek_fail(fault, SEK_EINVAL, "%s: line %d, column %d: %s%s", name, error.line,
                        error.column, error.text,
                        len && *text == '<' ? "; CycloneDX is read as JSON, not as XML" : "");
    enum sek_error rc = check_head(&b, doc);
    const json_t *device = json_object_get(json_object_get(doc, "metadata"), "component");
    if (!rc && device && !property(device, "from") && json_object_get(device, "version") &&
        json_object_get(device, "cpe"))
        rc = add_component(&b, "metadata.component", device);
    if (!rc)
        rc = add_list(&b, "components", json_object_get(doc, "components"), 0);
    if (!rc && b.unversioned)
        sek_list_note(list, "%s: %zu components have no version and are left out", name,
                      b.unversioned);
    json_decref(doc);
    return rc;
}
