/* Reputation by hash prefix: devices hold short beginnings of the hashes of a long list, and ask
 * for the whole hashes of a beginning. The manager never learns the name or URL that was looked at.
 */
#ifndef SEK_MANAGER_REPUTATION_H
#define SEK_MANAGER_REPUTATION_H

#include "manager/http.h"

/* The hash of an indicator that devices can ask for; 32, or 0 bytes in OUT: it must be in the
 * bundle itself (addresses, file hashes, one name without those below it, prefixes within a
 * folder). */
size_t sek_indicator_hash(const char *type, const char *value, uint8_t out[32]);
/* Hash what older versions stored without. */
enum sek_error sek_indicator_hashes(struct sek_manager *m, struct sek_fault *fault);
/* Are there more names and URLs than a bundle holds itself? Then devices get their prefixes. */
bool sek_indicators_asked(struct sek_manager *m, const char *tenant);
/* The same of addresses: then devices get a plain list. */
bool sek_indicators_plain(struct sek_manager *m, const char *tenant);
/* The bundle's target "indicators.prefixes", malloc'd. */
enum sek_error sek_indicator_prefixes(struct sek_manager *m, const char *tenant, char **data,
                                      size_t *len, struct sek_fault *fault);
/* POST .../reputation */
sek_handler sek_reputation_answer;

#endif
