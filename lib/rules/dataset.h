/* Sets of strings, hashes and addresses that rules test against and, in memory, add to: dataset,
 * datarep, filemd5 and the like. */
#ifndef SEK_RULES_DATASET_H
#define SEK_RULES_DATASET_H

#include "lib/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sek_dataset_type { SEK_DATASET_STRING, SEK_DATASET_MD5, SEK_DATASET_SHA1, SEK_DATASET_SHA256,
                        SEK_DATASET_IP };

struct sek_dataset {
    struct sek_dataset *next;
    char *name;
    enum sek_dataset_type type;
    struct sek_dataset_entry **buckets;
    uint32_t mask, count, limit; /* entries; sets that rules add to stop growing at LIMIT */
};

/* Find or make the set NAME in *LIST; a set of another type is SEK_EINVAL. */
enum sek_error sek_dataset_open(struct sek_dataset **list, const char *name,
                                enum sek_dataset_type type, struct sek_dataset **out,
                                struct sek_fault *fault);
/* How a file of values is written. Lines: strings in base64, hashes in hex, addresses as text; with
 * REPUTATION each is followed by a comma and a number. JSON: a list of objects (in the document, or
 * in its member ARRAY_KEY), or one object a line; the value is its member VALUE_KEY as plain text. */
struct sek_dataset_format {
    bool reputation, json, lines;
    const char *value_key, *array_key; /* dotted paths; NULL: the thing itself */
};
/* "PATH:LINE: ..." on error. */
enum sek_error sek_dataset_load(struct sek_dataset *set, const char *path,
                                const struct sek_dataset_format *format, struct sek_fault *fault);
bool sek_dataset_has(const struct sek_dataset *set, const void *data, size_t len,
                     uint32_t *reputation);
bool sek_dataset_add(struct sek_dataset *set, const void *data, size_t len, uint32_t reputation);
void sek_dataset_remove(struct sek_dataset *set, const void *data, size_t len);
void sek_datasets_free(struct sek_dataset *list);

#endif
