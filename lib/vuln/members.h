/* Walks the top level of a JSON text and gives each member's value as a slice: a feed of 70 MB is
 * never a tree in memory, only one package at a time. */
#ifndef SEK_VULN_MEMBERS_H
#define SEK_VULN_MEMBERS_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct sek_members {
    const char *name; /* of the feed, for messages */
    const char *text;
    size_t len, pos;
    char bracket; /* '{' or '[' */
    bool first;
};

struct sek_member {
    const char *key; /* raw bytes between the quotes; NULL in an array */
    size_t key_len;
    const char *value;
    size_t value_len;
};

enum sek_error sek_members_open(struct sek_members *m, const char *name, const char *text,
                                size_t len, struct sek_fault *fault);
/* SEK_ENOTFOUND at the proper end; SEK_EINVAL with line and byte otherwise. */
enum sek_error sek_members_next(struct sek_members *m, struct sek_member *out,
                                struct sek_fault *fault);
/* The value as a tree (new reference). */
enum sek_error sek_member_parse(const struct sek_members *m, const struct sek_member *member,
                                json_t **out, struct sek_fault *fault);

#endif
