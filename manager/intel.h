/* Vulnerability intelligence: the feeds in force, findings per device, and the virtual patches that
 * cover them. */
#ifndef SEK_MANAGER_INTEL_H
#define SEK_MANAGER_INTEL_H

#include "manager/http.h"

/* Loads the curated advisories in CONTENT_FOLDER/advisories and the feeds imported before. */
enum sek_error sek_intel_open(struct sek_manager *m, const char *content_folder,
                              struct sek_intel **out, struct sek_fault *fault);
void sek_intel_close(struct sek_intel *intel);

/* Check TEXT, put it in force as feed NAME (replacing an older one of that name) and match again
 * what changed. On failure the old feed stays. *SUMMARY is {"name","kind","advisories",
 * "packages_changed","devices_matched"}. */
enum sek_error sek_intel_import(struct sek_manager *m, const char *name, const char *text,
                                size_t len, json_t **summary, struct sek_fault *fault);

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
size_t sek_intel_count(const struct sek_intel *intel);

#endif
