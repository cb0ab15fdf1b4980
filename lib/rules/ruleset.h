/* Rule files to a set of checked rules. A rule that cannot be used is reported with file, line, sid,
 * option and reason, and left out; it never changes what the others mean. */
#ifndef SEK_RULES_RULESET_H
#define SEK_RULES_RULESET_H

#include "lib/base/config.h"
#include "lib/rules/rule.h"

struct sek_rule_error {
    struct sek_rule_error *next;
    const char *file;
    uint32_t line, sid;
    const char *message;
};

/* How often a keyword was met while loading. */
struct sek_keyword_use {
    struct sek_keyword_use *next;
    const char *name;
    uint32_t rules;  /* rules that have it, once for each time it is written */
    uint32_t failed; /* rules that did not load because of it */
};

struct sek_rules {
    struct sek_arena arena;
    struct sek_rule **items; /* sorted: the order in which they are evaluated and reported */
    uint32_t count, cap, loaded;
    struct sek_keyword_use *keywords; /* in no order */
    uint32_t *places; /* while loading: hash of gid and sid to position + 1 */
    uint32_t place_count;
    struct sek_view **views;
    uint32_t view_count, view_cap;
    struct sek_variables *variables;
    struct sek_rule_error *errors, **errors_tail;
    uint32_t failed;
    /* names of flowbits, flowints, xbits: text to small numbers */
    const char **names;
    uint32_t name_count, name_cap;
    struct sek_set_cache *address_cache, *port_cache;
    struct sek_class *classes;
    struct sek_dataset *datasets;
    struct sek_iprep *iprep; /* owned; NULL: no reputation files are set */
    void *pcre_codes; /* list of what must be freed with the rules */
    uint8_t action_order[4]; /* rank of alert, pass, drop, reject */
    const char *matcher_cache; /* file that keeps compiled matchers between loads; NULL: none */
    bool keep_text;          /* each rule keeps what was written: a fifth more memory */
    const char *folder;      /* relative file names in rules are looked up here; NULL: as they are */
};

/* CONFIG (may be NULL) gives vars.*, action-order, ... */
struct sek_rules *sek_rules_new(struct sek_config *config, struct sek_fault *fault);
void sek_rules_free(struct sek_rules *rules);

/* Add the rules of a file or of TEXT. SEK_EIO when the file cannot be read; bad rules are counted in
 * `failed` and listed in `errors`, and do not stop the others. */
enum sek_error sek_rules_load_file(struct sek_rules *rules, const char *path,
                                   struct sek_fault *fault);
enum sek_error sek_rules_load_text(struct sek_rules *rules, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault);

/* threshold.config: `suppress`, `threshold`, `event_filter` and `rate_filter` lines for rules that are loaded. */
enum sek_error sek_rules_load_thresholds(struct sek_rules *rules, const char *path,
                                         struct sek_fault *fault);
/* classification.config, before the rules. */
enum sek_error sek_rules_load_classes(struct sek_rules *rules, const char *path,
                                      struct sek_fault *fault);
/* A class of alerts, in front of one of the same name. False: out of memory. */
bool sek_rules_class(struct sek_rules *rules, const char *name, const char *text, uint8_t priority);

/* The rule GID:SID, or NULL. */
const struct sek_rule *sek_rules_find(const struct sek_rules *rules, uint32_t gid, uint32_t sid);

/* SEK_EINVAL with the first rule that did not load (file, line, sid, reason), or SEK_OK. */
enum sek_error sek_rules_all_loaded(const struct sek_rules *rules, struct sek_fault *fault);


/* After the last load: sort, choose prefilter patterns, number the views. */
enum sek_error sek_rules_finish(struct sek_rules *rules, struct sek_fault *fault);

#endif
