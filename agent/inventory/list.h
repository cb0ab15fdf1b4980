/* What an inventory found: components from any source in one list, with notes about what could not
 * be read. Strings are copied into the list. */
#ifndef SEK_AGENT_LIST_H
#define SEK_AGENT_LIST_H

#include "lib/base/arena.h"
#include "lib/base/text.h"

#include <stdbool.h>
#include <stddef.h>

/* A component; NULL: not known. Ecosystem, name and version are always there. */
struct sek_item {
    const char *ecosystem; /* OSV's name: "Debian:12", "npm", "generic" */
    const char *name, *version;
    const char *arch;
    const char *source, *source_version; /* the source package */
    const char *cpe;                     /* "cpe:2.3:a:vendor:product:version:..." */
    const char *purl;                    /* as a maker's SBOM gave it */
    const char *build_id;                /* GNU build id of the file, hexadecimal */
    const char *path;                    /* one file that shows it, without the root's folder */
    const char *from;                    /* source of knowledge: "rpm", "npm", "strings", "sbom" */
};

#define SEK_LIST_ITEMS 60000 /* more are left out, with a note */
#define SEK_LIST_TEXT  250   /* longest name, version or ecosystem, in bytes */
#define SEK_LIST_NOTES 16

struct sek_list {
    struct sek_arena arena;
    struct sek_item *items;
    size_t count, cap;
    const char *notes[SEK_LIST_NOTES];
    size_t note_count;
    bool failed; /* memory ran out */
};

/* Add a copy of ITEM. An item without a name or version, or with longer texts than the limits, is
 * left out. False when memory ran out or the list is full. */
bool sek_list_add(struct sek_list *list, const struct sek_item *item);
/* A sentence about something that is missing in the list; each once. */
void sek_list_note(struct sek_list *list, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Sort, and join items of the same ecosystem, name, architecture and version: the first one's
 * members count, those that it lacks come from the next. */
void sek_list_finish(struct sek_list *list);
void sek_list_free(struct sek_list *list);

/* The items as JSON objects (docs/protocol.md) in an array KEY, the notes as an array "notes". */
void sek_list_write(const struct sek_list *list, struct sek_text *out);
/* The component whose path is PATH (without the root's folder); NULL: none. Needs a finished list.
 */
const struct sek_item *sek_list_at_path(const struct sek_list *list, const char *path);

#endif
