/* Indicators of a tenant: stored, in every bundle, and pushed at once. */
#ifndef SEK_MANAGER_INDICATORS_H
#define SEK_MANAGER_INDICATORS_H

#include "manager/http.h"

struct sek_indicator {
    const char *type; /* ip, cidr, domain, url, sha256, ja3 */
    const char *value;
    const char *source;
    const char *reason;
    int64_t confidence; /* 0..100 */
    int64_t expiry;     /* seconds since 1970; 0: never */
};

/* Check, store or renew, push. A message names the field. */
enum sek_error sek_indicator_add(struct sek_manager *m, const char *tenant,
                                 const struct sek_indicator *indicator, struct sek_fault *fault);
enum sek_error sek_indicator_remove(struct sek_manager *m, const char *tenant, const char *type,
                                    const char *value, struct sek_fault *fault);
/* Remove what has expired; called every minute. */
void sek_indicators_expire(struct sek_manager *m);
/* An `attacker` event of a device. */
void sek_indicator_attacker(struct sek_manager *m, const char *tenant, const char *device,
                            const json_t *event);

#endif
