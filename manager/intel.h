/* Vulnerability intelligence: the feeds in force, findings per device, and the virtual patches that
 * cover them. */
#ifndef SEK_MANAGER_INTEL_H
#define SEK_MANAGER_INTEL_H

#include "manager/http.h"

#include <limits.h>

/* Loads the curated advisories in CONTENT_FOLDER/advisories and the feeds imported before. */
enum sek_error sek_intel_open(struct sek_manager *m, const char *content_folder,
                              struct sek_intel **out, struct sek_fault *fault);
void sek_intel_close(struct sek_intel *intel);

/* A feed on its way into force. */
struct sek_feed {
    char name[80];
    char folder[PATH_MAX]; /* where imported feeds are kept */
    struct sek_text text;
    struct sek_advisory_set *set;
    enum sek_error rc;
    struct sek_fault fault;
};

struct sek_feed *sek_feed_make(const struct sek_intel *intel, const char *name,
                               struct sek_text *text); /* takes TEXT; NULL: out of memory */
void sek_feed_free(struct sek_feed *feed);
/* Check and save; sets rc and fault. Touches nothing but FEED: it may run in another thread. */
void sek_feed_read(void *feed);
/* Put FEED (read with SEK_OK) in force, replacing an older one of its name, and match again what
 * changed. *SUMMARY is {"name","kind","advisories","packages_changed","devices_matched"}. */
enum sek_error sek_intel_apply(struct sek_manager *m, struct sek_feed *feed, json_t **summary,
                               struct sek_fault *fault);

/* Match DEVICE's components again: all, or those of one source PACKAGE. Assigns and withdraws
 * patches and announces a changed bundle. */
enum sek_error sek_intel_match(struct sek_manager *m, const char *tenant, const char *device,
                               const char *package, struct sek_fault *fault);

/* patches.json's entry of patch ID for DEVICE. */
json_t *sek_intel_patch(struct sek_manager *m, const char *device, const char *id,
                        const char *rules);
/* All patches known: [{"id","title","cves","sids","available"}]. */
json_t *sek_intel_patches(struct sek_manager *m);
/* Ids of the patches that cover CVE, as an array. */
json_t *sek_intel_cover(struct sek_manager *m, const char *cve);

/* Is one of PATCHES (ids) assigned to DEVICE, and not withdrawn? */
bool sek_intel_assigned(struct sek_manager *m, const char *device, const json_t *patches);
size_t sek_intel_count(const struct sek_intel *intel);

#endif
