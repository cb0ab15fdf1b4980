/* OSV records (ossf.github.io/osv-schema): affected packages with ranges and exact versions. GIT
 * ranges name commits, which no inventory has: they are passed over. */
#include "lib/vuln/advisory_set.h"
#include "lib/vuln/ecosystem.h"

#include <string.h>

#define MAX_IDS 64

/* The CVEs a record is about: its id, aliases and upstream; for errata (ALSA, RLSA) `related`. */
static size_t collect_ids(const json_t *doc, const char *ids[MAX_IDS])
{
    static const char *const lists[] = {"aliases", "upstream", "related"};
    size_t count = 0;
    const char *id = sek_text_member(doc, "id");
    if (!strncmp(id, "CVE-", 4))
        ids[count++] = id;
    for (size_t l = 0; l < 3 && (l < 2 || !count); l++) {
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(doc, lists[l]), i, item)
        {
            const char *text = json_string_value(item);
            if (text && !strncmp(text, "CVE-", 4) && count < MAX_IDS)
                ids[count++] = text;
        }
    }
    if (!count)
        ids[count++] = id;
    return count;
}

static enum sek_error add_affected(struct sek_advisory_set *set, const char *where,
                                   const char *record, size_t index, const json_t *affected,
                                   const char *id, struct sek_fault *fault)
{
    const json_t *package = json_object_get(affected, "package");
    struct sek_advisory item = {.id = id,
                                .ecosystem = sek_set_text(set, sek_text_member(package, "ecosystem")),
                                .package = sek_set_text(set, sek_text_member(package, "name"))};
    enum sek_error rc = SEK_OK;
    size_t i;
    json_t *range;
    if (!json_is_object(package))
        return SEK_OK; /* a record about a repository */
    if (item.ecosystem && item.package && !strcmp(item.ecosystem, "PyPI"))
        sek_python_name((char *)item.package); /* the set's own copy */
    if (!item.ecosystem || !item.package)
        return sek_fail(fault, SEK_EINVAL,
                        "%s: %s: affected[%zu].package: ecosystem and name expected", where, record,
                        index);
    json_array_foreach(json_object_get(affected, "ranges"), i, range)
    {
        const char *type = sek_text_member(range, "type");
        if (!type || !json_is_array(json_object_get(range, "events")))
            return sek_fail(fault, SEK_EINVAL,
                            "%s: %s: affected[%zu].ranges[%zu]: type and events expected", where,
                            record, index, i);
        if (strcmp(type, "GIT"))
            rc = sek_set_add_events(set, json_object_get(range, "events"), &item, fault);
        if (rc)
            return sek_fail_context(fault, rc, "%s: %s: affected[%zu].ranges[%zu]", where, record,
                                    index, i);
    }
    item.versions = sek_set_list(set, json_object_get(affected, "versions"));
    return item.versions ? sek_set_add(set, &item, fault) : SEK_OK;
}

enum sek_error sek_feed_osv(struct sek_advisory_set *set, const char *where, const json_t *doc,
                            struct sek_fault *fault)
{
    const char *ids[MAX_IDS];
    const char *record = sek_text_member(doc, "id");
    size_t i;
    json_t *affected;
    if (!record)
        return sek_fail(fault, SEK_EINVAL, "%s: an OSV record with \"id\" expected", where);
    if (json_object_get(doc, "withdrawn")) {
        set->withdrawn = true;
        return SEK_OK;
    }
    size_t count = collect_ids(doc, ids);
    for (size_t n = 0; n < count; n++) {
        const char *id = sek_set_text(set, ids[n]);
        json_array_foreach(json_object_get(doc, "affected"), i, affected)
        {
            enum sek_error rc = add_affected(set, where, record, i, affected, id, fault);
            if (rc)
                return rc;
        }
    }
    return SEK_OK;
}
