/* Debian security tracker:
 * {"pkg":{"CVE-...":{"releases":{"bookworm":{"status","fixed_version","urgency"}}}}}. */
#include "lib/vuln/advisory_set.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *codename, *ecosystem;
} releases[] = {
    {"bookworm", "Debian:12"}, {"trixie", "Debian:13"},  {"bullseye", "Debian:11"},
    {"buster", "Debian:10"},   {"stretch", "Debian:9"},  {"jessie", "Debian:8"},
    {"forky", "Debian:14"},    {"sid", "Debian:sid"},
};

static const char *ecosystem_of(const char *codename)
{
    for (size_t i = 0; i < sizeof releases / sizeof releases[0]; i++)
        if (!strcmp(releases[i].codename, codename))
            return releases[i].ecosystem;
    return NULL;
}

static enum sek_error add_release(struct sek_advisory_set *set, const char *where, const char *id,
                                  const char *package, const char *codename, const json_t *entry,
                                  struct sek_fault *fault)
{
    const char *status = sek_text_member(entry, "status");
    const char *fixed = sek_text_member(entry, "fixed_version");
    struct sek_advisory item = {.id = id,
                                .package = package,
                                .ecosystem = ecosystem_of(codename),
                                .severity = sek_set_text(set, sek_text_member(entry, "urgency"))};
    if (!status)
        return sek_fail(fault, SEK_EINVAL, "%s: %s, %s, %s: \"status\" is missing", where, package,
                        id, codename);
    if (!item.ecosystem || !strcmp(status, "undetermined"))
        return SEK_OK;
    if (!strcmp(status, "resolved")) {
        if (!fixed)
            return sek_fail(fault, SEK_EINVAL,
                            "%s: %s, %s, %s: \"resolved\" without \"fixed_version\"", where,
                            package, id, codename);
        item.fixed = sek_set_text(set, fixed);
        item.none = !strcmp(fixed, "0");
    } else if (strcmp(status, "open")) {
        return sek_fail(fault, SEK_EINVAL,
                        "%s: %s, %s, %s: status \"%.40s\", resolved, open or undetermined expected",
                        where, package, id, codename, status);
    }
    return sek_set_add(set, &item, fault);
}

static enum sek_error add_package(struct sek_advisory_set *set, const char *where,
                                  const char *package, const json_t *entries,
                                  struct sek_fault *fault)
{
    const char *cve, *codename;
    json_t *entry, *release;
    if (!json_is_object(entries))
        return sek_fail(fault, SEK_EINVAL, "%s: %s: an object of vulnerabilities expected", where,
                        package);
    json_object_foreach((json_t *)entries, cve, entry)
    {
        json_t *list = json_object_get(entry, "releases");
        if (!json_is_object(list))
            return sek_fail(fault, SEK_EINVAL, "%s: %s, %s: \"releases\" is missing", where,
                            package, cve);
        const char *id = sek_set_text(set, cve);
        json_object_foreach(list, codename, release)
        {
            enum sek_error rc = add_release(set, where, id, package, codename, release, fault);
            if (rc)
                return rc;
        }
    }
    return SEK_OK;
}

enum sek_error sek_feed_debian(struct sek_advisory_set *set, struct sek_members *m,
                               struct sek_fault *fault)
{
    struct sek_member member;
    enum sek_error rc;
    while (!(rc = sek_members_next(m, &member, fault))) {
        json_t *entries = NULL;
        const char *package = sek_arena_strndup(&set->arena, member.key, member.key_len);
        rc = package ? sek_member_parse(m, &member, &entries, fault) : SEK_ENOMEM;
        if (!rc)
            rc = add_package(set, m->name, package, entries, fault);
        json_decref(entries);
        if (rc)
            return rc;
    }
    return rc == SEK_ENOTFOUND ? SEK_OK : rc;
}
