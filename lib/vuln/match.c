/* Which advisories affect a component. For one vulnerability, what is said about the component's
 * own ecosystem decides; only where nothing is, ranges of upstream versions and CPE count. */
#include "lib/vuln/advisory.h"
#include "lib/vuln/ecosystem.h"
#include "lib/vuln/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum verdict { NOT_AFFECTED, AFFECTED_UPSTREAM, NOT_AFFECTED_HERE, AFFECTED_HERE };

struct judged {
    const struct sek_advisory *advisory;
    enum verdict verdict;
};

struct judgement {
    struct judged *list;
    size_t count, cap;
};

static bool in_range(const struct sek_advisory *a, enum sek_version_scheme scheme,
                     const char *version)
{
    if (a->none)
        return false;
    if (a->versions) {
        for (size_t i = 0; a->versions[i]; i++)
            if (!strcmp(a->versions[i], version))
                return true;
        return false;
    }
    if (a->introduced && sek_version_compare(scheme, version, a->introduced) < 0)
        return false;
    if (a->fixed && sek_version_compare(scheme, version, a->fixed) >= 0)
        return false;
    return !a->last_affected || sek_version_compare(scheme, version, a->last_affected) <= 0;
}

/* The strongest verdict for one vulnerability wins (the enum's order). */
static enum sek_error note(struct judgement *j, const struct sek_advisory *a, enum verdict verdict,
                           struct sek_fault *fault)
{
    for (size_t i = 0; i < j->count; i++) {
        if (strcmp(j->list[i].advisory->id, a->id))
            continue;
        if (verdict > j->list[i].verdict)
            j->list[i] = (struct judged){a, verdict};
        return SEK_OK;
    }
    if (j->count == j->cap) {
        size_t cap = j->cap ? j->cap * 2 : 64;
        struct judged *more = realloc(j->list, cap * sizeof *more);
        if (!more)
            return sek_fail(fault, SEK_ENOMEM, "matching: out of memory");
        j->list = more;
        j->cap = cap;
    }
    j->list[j->count++] = (struct judged){a, verdict};
    return SEK_OK;
}

static enum sek_error judge_named(struct judgement *j, const struct sek_advisory_set *set,
                                  const struct sek_component *c, struct sek_fault *fault)
{
    size_t count;
    char upstream[256];
    enum sek_version_scheme scheme = sek_version_scheme_of(c->ecosystem);
    const struct sek_advisory *list = sek_advisories_of(set, c->name, &count);
    sek_version_upstream(scheme, c->version, upstream, sizeof upstream);
    for (size_t i = 0; i < count; i++) {
        enum sek_error rc = SEK_OK;
        if (sek_ecosystem_covers(list[i].ecosystem, c->ecosystem))
            rc = note(j, &list[i],
                      in_range(&list[i], scheme, c->version) ? AFFECTED_HERE : NOT_AFFECTED_HERE,
                      fault);
        else if (!strcmp(list[i].ecosystem, "*") && !sek_ecosystem_is_language(c->ecosystem))
            rc = note(j, &list[i],
                      in_range(&list[i], SEK_VERSION_GENERIC, upstream) ? AFFECTED_UPSTREAM
                                                                        : NOT_AFFECTED,
                      fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

static enum sek_error judge_cpe(struct judgement *j, const struct sek_advisory_set *set,
                                const struct sek_component *c, struct sek_fault *fault)
{
    char vendor[128], product[128], key[260];
    size_t count;
    if (!c->cpe || sscanf(c->cpe, "cpe:2.3:%*1[aoh]:%127[^:]:%127[^:]", vendor, product) != 2)
        return SEK_OK;
    snprintf(key, sizeof key, "%s:%s", vendor, product);
    const struct sek_advisory *list = sek_advisories_of(set, key, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(list[i].ecosystem, "CPE"))
            continue;
        enum sek_error rc = note(j, &list[i],
                                 in_range(&list[i], SEK_VERSION_GENERIC, c->version)
                                     ? AFFECTED_UPSTREAM
                                     : NOT_AFFECTED,
                                 fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

enum sek_error sek_match(const struct sek_advisory_set *const *sets, size_t set_count,
                         const struct sek_component *component,
                         void (*found)(void *arg, const struct sek_finding *finding), void *arg,
                         struct sek_fault *fault)
{
    struct judgement j = {0};
    enum sek_error rc = SEK_OK;
    for (size_t i = 0; !rc && i < set_count; i++) {
        rc = judge_named(&j, sets[i], component, fault);
        if (!rc)
            rc = judge_cpe(&j, sets[i], component, fault);
    }
    for (size_t i = 0; !rc && i < j.count; i++) {
        const struct sek_advisory *a = j.list[i].advisory;
        struct sek_finding finding = {a->id, component->name, a->fixed, a->severity};
        if (j.list[i].verdict == AFFECTED_HERE || j.list[i].verdict == AFFECTED_UPSTREAM)
            found(arg, &finding);
    }
    free(j.list);
    return rc;
}
