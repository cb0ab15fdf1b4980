/* Inside of an advisory set: used by the readers (feed_*.c) and by advisory.c only. */
#ifndef SEK_VULN_ADVISORY_SET_H
#define SEK_VULN_ADVISORY_SET_H

#include "lib/base/arena.h"
#include "lib/vuln/advisory.h"
#include "lib/vuln/members.h"

struct sek_advisory_set {
    struct sek_arena arena;
    struct sek_advisory *items; /* sorted by package, then by ecosystem */
    size_t count, cap;
    struct sek_virtual_patch *patches;
    size_t patch_count, patch_cap;
    const char *kind;
    bool withdrawn; /* a record says that it no longer holds: an empty set is right then */
};

/* One reader per shape. */
enum sek_error sek_feed_debian(struct sek_advisory_set *set, struct sek_members *m,
                               struct sek_fault *fault);
enum sek_error sek_feed_osv(struct sek_advisory_set *set, const char *where, const json_t *doc,
                            struct sek_fault *fault);
enum sek_error sek_feed_curated(struct sek_advisory_set *set, const char *where, const json_t *doc,
                                struct sek_fault *fault);

enum sek_error sek_set_add(struct sek_advisory_set *set, const struct sek_advisory *item,
                           struct sek_fault *fault);
enum sek_error sek_set_add_patch(struct sek_advisory_set *set,
                                 const struct sek_virtual_patch *patch, struct sek_fault *fault);
/* A copy in the set's arena; NULL stays NULL. */
const char *sek_set_text(struct sek_advisory_set *set, const char *text);
/* The strings of ARRAY, NULL-terminated, in the arena; NULL when it has none. */
const char *const *sek_set_list(struct sek_advisory_set *set, const json_t *array);
/* {"introduced","fixed","last_affected"} of OSV events or curated ranges -> items like TEMPLATE. */
enum sek_error sek_set_add_events(struct sek_advisory_set *set, const json_t *events,
                                  const struct sek_advisory *template, struct sek_fault *fault);
static inline const char *sek_text_member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

#endif
