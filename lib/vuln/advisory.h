/* Advisories of all feeds in one shape: vulnerability, product, affected range, fix; and the virtual
 * patches that our own curated advisories name. A set is read whole from one feed file, is
 * immutable, and is indexed by package. */
#ifndef SEK_VULN_ADVISORY_H
#define SEK_VULN_ADVISORY_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One affected range of one product. Strings live in the set; NULL means "not given". */
struct sek_advisory {
    const char *id;        /* "CVE-2014-6271" where there is one */
    const char *ecosystem; /* "Debian:12", ..., "CPE", or "*": any, by upstream version */
    const char *package;   /* source package; for CPE "vendor:product" */
    const char *introduced;
    const char *fixed;
    const char *last_affected;
    const char *const *versions; /* exact affected versions, NULL-terminated, or NULL */
    const char *severity;        /* "critical", "high", ... or NULL */
    bool none;                   /* the feed says: this product is not affected */
};

struct sek_patch_port {
    const char *proto; /* "tcp" or "udp" */
    uint16_t port;
};

/* A virtual patch: rules in content/patches/<id>.rules. */
struct sek_virtual_patch {
    const char *id;
    const char *title;
    const char *const *cves; /* NULL-terminated */
    const char *const *via;  /* components through whose services the flaw is reached */
    const struct sek_patch_port *ports; /* where no service of the device tells */
    size_t port_count;
};

struct sek_advisory_set;

/* Read a feed: Debian security tracker JSON, OSV JSON (one object or an array), or curated
 * advisories ({"sekisho_advisory":1,...}, one or an array). NAME is used in messages:
 * "NAME: line L, byte B: ...". SEK_EINVAL: not JSON, cut off, or of none of these shapes. */
enum sek_error sek_advisories_read(const char *name, const char *text, size_t len,
                                   struct sek_advisory_set **out, struct sek_fault *fault);
void sek_advisories_free(struct sek_advisory_set *set);

size_t sek_advisories_count(const struct sek_advisory_set *set);
/* "debian", "osv" or "curated". */
const char *sek_advisories_kind(const struct sek_advisory_set *set);
/* The advisories of PACKAGE, of all ecosystems, adjacent; *COUNT may be 0. */
const struct sek_advisory *sek_advisories_of(const struct sek_advisory_set *set,
                                             const char *package, size_t *count);
const struct sek_virtual_patch *sek_advisories_patches(const struct sek_advisory_set *set,
                                                       size_t *count);

/* Calls CHANGED for each package whose advisories differ between OLD (may be NULL) and NOW. */
void sek_advisories_changed(const struct sek_advisory_set *old, const struct sek_advisory_set *now,
                            void (*changed)(void *arg, const char *package), void *arg);

/* --- matching --- */

struct sek_component {
    const char *ecosystem;
    const char *name;    /* source package */
    const char *version; /* of the source package */
    const char *cpe;     /* "cpe:2.3:...", or NULL */
};

struct sek_finding {
    const char *id;
    const char *package;
    const char *fixed; /* NULL: no fix is known */
    const char *severity;
};

/* Calls FOUND once for each vulnerability that affects COMPONENT, by all SETS. Where a set speaks
 * about the very ecosystem, it decides over ranges of upstream versions: distributions backport. */
enum sek_error sek_match(const struct sek_advisory_set *const *sets, size_t set_count,
                         const struct sek_component *component,
                         void (*found)(void *arg, const struct sek_finding *finding), void *arg,
                         struct sek_fault *fault);

#endif
