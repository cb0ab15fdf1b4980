/* What the keyword parsers share while one rule is read; not for use outside lib/rules. */
#ifndef SEK_RULES_BUILDER_H
#define SEK_RULES_BUILDER_H

#include "lib/rules/ruleset.h"

/* Detectors of one buffer, in the order of the rule, before steps are made. */
struct part {
    struct part *next;
    struct sek_view view; /* id not used yet */
    struct sek_detector *first, **tail;
    bool dir_forced; /* `bidir.toserver`, `bidir.toclient` */
    uint8_t dir;
    bool closed; /* a several-instance buffer that was named again: a part of its own */
};

struct builder {
    struct sek_rules *rules;
    struct sek_rule *rule;
    struct sek_arena *arena;
    struct sek_fault *fault;
    const char *option; /* keyword at hand, for messages */
    struct part *parts, **parts_tail;
    struct part *current;    /* sticky buffer, or the payload */
    struct part *payload;
    struct sek_detector *last_content; /* what modifiers change */
    struct part *last_part;            /* where it is */
    const char *var_names[SEK_VARS_MAX];
    unsigned var_count;
    struct sek_condition **conditions_tail, **effects_tail;
    bool sticky; /* a sticky buffer is set */
    bool has_sid;
    bool dir_forced; /* for the sticky buffers that follow */
    uint8_t dir;
};

/* A class of alerts. */
struct sek_class {
    struct sek_class *next;
    const char *name, *text;
    uint8_t priority;
};

/* One row of the keyword table. */
struct keyword {
    const char *name;
    enum sek_error (*parse)(struct builder *b, char *arg); /* ARG: trimmed, NULL without ':' */
    enum { ARG_NONE, ARG_REQUIRED, ARG_OPTIONAL } arg;
    const char *summary; /* for docs/rules.md */
};

/* Tables of the keyword families, each ending with a NULL name. */
extern const struct keyword sek_meta_keywords[], sek_content_keywords[], sek_byte_keywords[],
    sek_packet_keywords[], sek_flow_keywords[], sek_buffer_keywords[], sek_state_keywords[],
    sek_threshold_keywords[], sek_data_keywords[];

/* "option 'KEYWORD': ..." into the fault. */
enum sek_error builder_fail(struct builder *b, enum sek_error code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

struct part *builder_part(struct builder *b, int target);
struct sek_detector *builder_detector(struct builder *b, struct part *part,
                                      enum sek_detector_kind kind);
/* Move detector D from one part to the end of another. */
void builder_move(struct part *from, struct sek_detector *d, struct part *to);
/* D, just added to the current part, counts from the match before it: it goes where that is. */
void builder_follow(struct builder *b, struct sek_detector *d);
struct sek_condition *builder_condition(struct builder *b, enum sek_condition_kind kind);
struct sek_condition *builder_effect(struct builder *b, enum sek_condition_kind kind);
/* Number of a flowbit or flowint name, made when new. */
uint32_t builder_name(struct builder *b, const char *name);
/* A sticky buffer that is not plain text in the table: set the current part. */
enum sek_error builder_sticky(struct builder *b, int target, bool own_part);

/* --- header.c --- */
enum sek_error rule_header(struct builder *b, char *text);

/* --- option.c --- */
/* Cut the next option off *P; NULL at the end. *BAD: its ';' is missing. */
char *option_next(char **p, bool *bad);
enum sek_error rule_option(struct builder *b, char *option);
/* Is NAME a keyword of any kind? */
bool rule_keyword_known(const char *name);

/* --- builder.c: after the last option --- */
enum sek_error rule_finish(struct builder *b);

/* --- values.c --- */
/* Next item of a comma-separated list, trimmed; NULL at the end. */
char *text_next(char **list);
/* Content text with |hex| and escapes. *OUT is in the arena. */
enum sek_error content_bytes(struct builder *b, const char *text, size_t len, uint8_t **out,
                             uint16_t *out_len);
/* Strip "quotes" and a leading '!'. False when quotes do not match. */
bool text_unquote(char **s, bool *negated);
/* A number or the name of a byte_extract variable. */
enum sek_error value_parse(struct builder *b, const char *s, int64_t low, int64_t high,
                           struct sek_value *out);

/* --- threshold.c --- */
/* by_src and the like. */
bool threshold_track(const char *s, enum sek_track *out);
/* type, track, count, seconds ... */
enum sek_error threshold_parse(struct builder *b, char *arg, struct sek_threshold *out);

/* --- pcre.c --- */
enum sek_error pcre_keyword(struct builder *b, char *arg);
/* Compile PATTERN; freed with the rules. */
enum sek_error pcre_compile(struct builder *b, const char *pattern, size_t len, uint32_t options,
                            void **out);
/* Free what pcre_compile made, with the rules. */
void sek_pcre_free_all(void *list);

#endif
