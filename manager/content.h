/* What the project ships for devices and gateways: content/rules/<name>.rules, patches/<id>.rules and .tests,
 * logs/<name>.yaml and malware/<name>.yar, read once and kept. */
#ifndef SEK_MANAGER_CONTENT_H
#define SEK_MANAGER_CONTENT_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stddef.h>

struct sek_content;

enum sek_content_part {
    SEK_CONTENT_RULES,
    SEK_CONTENT_PATCHES,
    SEK_CONTENT_TESTS, /* of patches */
    SEK_CONTENT_LOGS,
    SEK_CONTENT_MALWARE,
    SEK_CONTENT_PARTS
};

enum sek_error sek_content_open(const char *folder, struct sek_content **out,
                                struct sek_fault *fault);
void sek_content_free(struct sek_content *content);
/* Rules of the virtual patch ID, or NULL. */
const char *sek_content_patch(const struct sek_content *content, const char *id);
/* Its self-tests (lib/selftest), or NULL. */
const char *sek_content_tests(const struct sek_content *content, const char *id);
/* Each file of PART; NAME is without its ending. */
void sek_content_each(const struct sek_content *content, enum sek_content_part part,
                      void (*visit)(void *arg, const char *name, const char *text), void *arg);
/* The sids in a rule text, as an array of integers. */
json_t *sek_content_sids(const char *rules);

#endif
