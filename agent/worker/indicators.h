/* The indicators in force: those of the signed bundle, and those that the manager pushed since. The
 * pushed ones are few, and make a small table of their own that is built anew at each push. */
#ifndef SEK_AGENT_INDICATORS_H
#define SEK_AGENT_INDICATORS_H

#include "lib/reputation/reputation.h"

#include <jansson.h>

struct sek_indicators {
    struct sek_reputation *bundle;
    struct sek_reputation *pushed;
    json_t *pushed_list; /* array of indicator objects */
};

void sek_indicators_free(struct sek_indicators *i);
/* Replace the bundle's part by the content of indicators.json. On an error nothing changes. */
enum sek_error sek_indicators_load(struct sek_indicators *i, const char *text, size_t len,
                                   struct sek_fault *fault);
/* Add and remove pushed indicators (arrays, or NULL). On an error nothing changes. */
enum sek_error sek_indicators_push(struct sek_indicators *i, json_t *add, json_t *remove,
                                   struct sek_fault *fault);

bool sek_indicators_domain(const struct sek_indicators *i, const char *name, size_t len,
                           struct sek_reputation_hit *hit);
bool sek_indicators_url(const struct sek_indicators *i, const char *host, size_t host_len,
                        const char *target, size_t target_len, struct sek_reputation_hit *hit);
/* ADDRESS: 16 bytes, IPv4-mapped for IPv4. */
bool sek_indicators_address(const struct sek_indicators *i, const uint8_t address[16],
                            struct sek_reputation_hit *hit);
uint32_t sek_indicators_count(const struct sek_indicators *i, enum sek_indicator_type type);
void sek_indicators_each(const struct sek_indicators *i,
                         bool (*visit)(void *arg, const struct sek_reputation_hit *hit), void *arg);

#endif
