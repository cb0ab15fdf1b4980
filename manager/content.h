/* The rules and virtual patches that the project ships: content/rules/<name>.rules and
 * content/patches/<id>.rules, read once and kept. */
#ifndef SEK_MANAGER_CONTENT_H
#define SEK_MANAGER_CONTENT_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stddef.h>

struct sek_content;

enum sek_error sek_content_open(const char *folder, struct sek_content **out,
                                struct sek_fault *fault);
void sek_content_free(struct sek_content *content);
/* Rules of the virtual patch ID, or NULL. */
const char *sek_content_patch(const struct sek_content *content, const char *id);
void sek_content_rules(const struct sek_content *content,
                       void (*visit)(void *arg, const char *name, const char *text), void *arg);
void sek_content_patches(const struct sek_content *content,
                         void (*visit)(void *arg, const char *name, const char *text), void *arg);
/* The sids in a rule text, as an array of integers. */
json_t *sek_content_sids(const char *rules);

#endif
