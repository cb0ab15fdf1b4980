/* Duties as the worker sees them: their sections of the policy go to the guard, what they find
 * comes back as events. */
#ifndef SEK_AGENT_WORKER_DUTIES_H
#define SEK_AGENT_WORKER_DUTIES_H

#include "lib/bundle/bundle.h"
#include "lib/base/text.h"

#include <jansson.h>
#include <stdint.h>

struct sek_worker;

struct sek_worker_duties {
    json_t *policy;     /* policy.json in force, or NULL */
    json_t *files;      /* rule files of the bundle by name, or NULL */
    char digest[3][65]; /* of what was sent; "": not wanted */
};

/* Each section of POLICY (policy.json) that is there must be right. MODES: one for each duty. */
enum sek_error sek_duty_sections_check(const json_t *policy, uint8_t *modes,
                                       struct sek_fault *fault);
/* The policy and rule files of a bundle come into force. */
void sek_worker_take_duties(struct sek_worker *w, const struct sek_bundle_view *view);
/* Tell the guard of each duty whose section, rules or hashes are others than before. */
void sek_worker_send_duties(struct sek_worker *w);
/* An event of duty DUTY. */
void sek_worker_finding(struct sek_worker *w, uint32_t duty, const char *text, size_t len);

#endif
