/* Bundles of devices: what a device should have, its version, and telling it. A bundle is signed
 * when it is fetched, so its timestamp is always fresh and nothing is re-signed in vain. */
#ifndef SEK_MANAGER_BUNDLES_H
#define SEK_MANAGER_BUNDLES_H

#include "manager/http.h"

enum sek_error sek_bundles_open(struct sek_manager *m, struct sek_bundles **out,
                                struct sek_fault *fault);
void sek_bundles_close(struct sek_bundles *bundles);

/* Something in the bundles of TENANT (NULL: of all) changed, or of one DEVICE: connected devices
 * whose bundle is really another now are told at once. Changes of one moment are told once. */
void sek_bundles_changed(struct sek_bundles *bundles, const char *tenant, const char *device);

/* Bring DEVICE's version up to date and return it. */
enum sek_error sek_bundles_version(struct sek_bundles *bundles, const char *tenant,
                                   const char *device, uint64_t *version, struct sek_fault *fault);
/* POST .../bundle */
enum sek_error sek_bundles_fetch(struct sek_request *r, struct sek_fault *fault);

/* The number SECTION.FIELD of TENANT's policy; FALLBACK when it has none. */
int64_t sek_policy_number(struct sek_manager *m, const char *tenant, const char *section,
                          const char *field, int64_t fallback);

#endif
