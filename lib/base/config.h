/* A YAML configuration file as a flat list of dotted keys: `listen: {https: ":8443"}` becomes
 * listen.https, the first item of a list `names` becomes names.0. Unknown keys are the caller's to
 * report: sek_config_unused finds keys that nobody asked for. */
#ifndef SEK_BASE_CONFIG_H
#define SEK_BASE_CONFIG_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sek_config;

/* Parse TEXT (NAME is used in messages: "NAME:LINE: ..."). *OUT is freed with sek_config_free. */
enum sek_error sek_config_parse(const char *name, const char *text, size_t len,
                                struct sek_config **out, struct sek_fault *fault);
enum sek_error sek_config_load(const char *path, struct sek_config **out, struct sek_fault *fault);
/* An empty configuration, for settings from a command line. NULL when memory is out. */
struct sek_config *sek_config_new(const char *name);
void sek_config_free(struct sek_config *config);

/* Set KEY, replacing what was there. */
enum sek_error sek_config_set(struct sek_config *config, const char *key, const char *value);

/* The value of KEY, or FALLBACK when it is absent. Owned by CONFIG, which may be NULL. */
const char *sek_config_get(struct sek_config *config, const char *key, const char *fallback);

/* As a number between LOW and HIGH; a malformed value is SEK_EINVAL with file, line and key. */
enum sek_error sek_config_number(struct sek_config *config, const char *key, long low, long high,
                                 long *value, struct sek_fault *fault);

/* Where KEY stands; 0: nowhere. */
unsigned sek_config_line(struct sek_config *config, const char *key);

/* A key that was never asked for ("file:line: key"), or NULL. Call it after reading all. */
const char *sek_config_unused(struct sek_config *config);

#endif
