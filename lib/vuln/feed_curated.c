/* The project's own advisories (docs/content.md): affected products and the virtual patches that
 * stop their exploitation. Unlike foreign feeds, an unknown or missing member here is our mistake
 * and is refused. */
#include "lib/vuln/advisory_set.h"

#include <stdio.h>
#include <string.h>

static const char *const members[] = {"sekisho_advisory", "id",      "name",     "summary",
                                      "severity",         "references", "affected", "patches"};

static enum sek_error check_members(const char *where, const json_t *doc, struct sek_fault *fault)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)doc, key, value)
    {
        bool known = false;
        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
            known = known || !strcmp(key, members[i]);
        if (!known)
            return sek_fail(fault, SEK_EINVAL, "%s: unknown member \"%.60s\"", where, key);
    }
    return SEK_OK;
}

/* "cpe:2.3:a:gnu:bash:..." -> "gnu:bash". */
static const char *cpe_product(struct sek_advisory_set *set, const char *cpe)
{
    char vendor[128], product[128], both[260];
    if (sscanf(cpe, "cpe:2.3:%*1[aoh]:%127[^:]:%127[^:]", vendor, product) != 2)
        return NULL;
    snprintf(both, sizeof both, "%s:%s", vendor, product);
    return sek_set_text(set, both);
}

static enum sek_error add_affected(struct sek_advisory_set *set, const char *where, size_t index,
                                   const json_t *affected, struct sek_advisory item,
                                   struct sek_fault *fault)
{
    const char *cpe = sek_text_member(affected, "cpe");
    const json_t *ranges = json_object_get(affected, "ranges");
    enum sek_error rc = SEK_OK;
    size_t i;
    json_t *range;
    item.ecosystem = sek_set_text(set, cpe ? "CPE" : sek_text_member(affected, "ecosystem"));
    item.package = cpe ? cpe_product(set, cpe)
                       : sek_set_text(set, sek_text_member(affected, "package"));
    item.versions = sek_set_list(set, json_object_get(affected, "versions"));
    if (!item.ecosystem || !item.package)
        return sek_fail(fault, SEK_EINVAL,
                        "%s: affected[%zu]: ecosystem and package, or a cpe like "
                        "cpe:2.3:a:vendor:product, expected",
                        where, index);
    if (!item.versions && !json_array_size(ranges))
        return sek_fail(fault, SEK_EINVAL, "%s: affected[%zu]: ranges or versions expected", where,
                        index);
    if (item.versions)
        rc = sek_set_add(set, &item, fault);
    item.versions = NULL;
    json_array_foreach(ranges, i, range)
    {
        json_t *events = json_pack("[O]", range);
        if (!rc)
            rc = sek_set_add_events(set, events, &item, fault);
        json_decref(events);
        if (rc)
            return sek_fail_context(fault, rc, "%s: affected[%zu].ranges[%zu]", where, index, i);
    }
    return rc;
}

static enum sek_error read_ports(struct sek_advisory_set *set, const char *where,
                                 const json_t *list, struct sek_virtual_patch *patch,
                                 struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    struct sek_patch_port *ports =
        sek_arena_alloc(&set->arena, (json_array_size(list) + 1) * sizeof *ports);
    if (!ports)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", where);
    json_array_foreach(list, i, item)
    {
        const char *proto = sek_text_member(item, "proto");
        json_int_t port = json_integer_value(json_object_get(item, "port"));
        if (!proto || (strcmp(proto, "tcp") && strcmp(proto, "udp")) || port < 1 || port > 65535)
            return sek_fail(fault, SEK_EINVAL,
                            "%s: ports[%zu]: {\"proto\":\"tcp\"|\"udp\",\"port\":1..65535} expected",
                            where, i);
        ports[i] = (struct sek_patch_port){strcmp(proto, "tcp") ? "udp" : "tcp", (uint16_t)port};
    }
    patch->ports = ports;
    patch->port_count = json_array_size(list);
    return SEK_OK;
}

static bool id_is_safe(const char *id)
{
    return id && *id && strlen(id) < 80 &&
           strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
               strlen(id) &&
           *id != '.';
}

static enum sek_error add_patch(struct sek_advisory_set *set, const char *where, size_t index,
                                const json_t *doc, const char *cve, struct sek_fault *fault)
{
    char place[300];
    struct sek_virtual_patch patch = {.id = sek_set_text(set, sek_text_member(doc, "id")),
                                      .title = sek_set_text(set, sek_text_member(doc, "title")),
                                      .via = sek_set_list(set, json_object_get(doc, "via"))};
    const char **cves = sek_arena_alloc(&set->arena, 2 * sizeof *cves);
    snprintf(place, sizeof place, "%s: patches[%zu]", where, index);
    if (!id_is_safe(patch.id))
        return sek_fail(fault, SEK_EINVAL, "%s.id: letters, digits, '.', '_' and '-' expected",
                        place);
    if (!cves)
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", place);
    cves[0] = cve;
    patch.cves = cves;
    enum sek_error rc = read_ports(set, place, json_object_get(doc, "ports"), &patch, fault);
    return rc ? rc : sek_set_add_patch(set, &patch, fault);
}

enum sek_error sek_feed_curated(struct sek_advisory_set *set, const char *where, const json_t *doc,
                                struct sek_fault *fault)
{
    char place[256];
    const char *id = sek_text_member(doc, "id");
    struct sek_advisory item = {.id = sek_set_text(set, id),
                                .severity = sek_set_text(set, sek_text_member(doc, "severity"))};
    size_t i;
    json_t *entry;
    enum sek_error rc = check_members(where, doc, fault);
    if (rc)
        return rc;
    if (json_integer_value(json_object_get(doc, "sekisho_advisory")) != 1)
        return sek_fail(fault, SEK_EINVAL, "%s: \"sekisho_advisory\" must be 1", where);
    if (!id_is_safe(id))
        return sek_fail(fault, SEK_EINVAL,
                        "%s: \"id\": a CVE number or a maker's own advisory number expected", where);
    snprintf(place, sizeof place, "%s: %s", where, id);
    if (!json_array_size(json_object_get(doc, "affected")))
        return sek_fail(fault, SEK_EINVAL, "%s: \"affected\" must be a list that is not empty",
                        place);
    json_array_foreach(json_object_get(doc, "affected"), i, entry)
    {
        rc = add_affected(set, place, i, entry, item, fault);
        if (rc)
            return rc;
    }
    json_array_foreach(json_object_get(doc, "patches"), i, entry)
    {
        rc = add_patch(set, place, i, entry, item.id, fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}
