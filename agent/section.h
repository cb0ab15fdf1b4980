/* A section of the policy into a structure, by a table of fields: every field that is there must
 * have the right form, and a fault names it ("integrity.paths[2]"). */
#ifndef SEK_AGENT_SECTION_H
#define SEK_AGENT_SECTION_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEK_PATHS     24  /* of one list */
#define SEK_PATH_SIZE 200 /* bytes of one, with the NUL */

struct sek_paths {
    unsigned count;
    char item[SEK_PATHS][SEK_PATH_SIZE];
};

enum sek_field_kind {
    SEK_FIELD_MODE,   /* uint8_t SEK_MODE_... up to HIGH */
    SEK_FIELD_NUMBER, /* uint32_t from LOW to HIGH */
    SEK_FIELD_FLAG,   /* bool */
    SEK_FIELD_PATHS,  /* struct sek_paths: absolute paths, without a slash at the end */
    SEK_FIELD_NAMES,  /* struct sek_paths: patterns of fnmatch(3) */
    SEK_FIELD_PATH,   /* char[SEK_PATH_SIZE]: absolute, or "" */
};

struct sek_field {
    const char *name; /* NULL ends the table */
    enum sek_field_kind kind;
    size_t offset;
    uint32_t low, high;
};

/* Read SECTION (called NAME) into OUT, which holds the defaults. Fields that the table does not
 * have are for a newer agent, and are left alone. SECTION may be NULL. */
enum sek_error sek_section_read(const char *name, const json_t *section,
                                const struct sek_field *fields, void *out, struct sek_fault *fault);

/* Add PATH; false: the list is full, or it is too long. */
bool sek_paths_add(struct sek_paths *list, const char *path);
/* Is PATH one of the list, or below one? */
bool sek_paths_cover(const struct sek_paths *list, const char *path);
/* Does PATH, or its last part, match a pattern of the list? */
bool sek_paths_match(const struct sek_paths *list, const char *path);

#endif
