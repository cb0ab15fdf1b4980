/* Decoders and rules for log lines, out of YAML files (content/logs shows the form). A decoder
 * turns a message into named fields by one anchored pattern; a rule looks at the fields, counts,
 * and says how bad it is. All patterns are compiled when a file is loaded. */
#ifndef SEK_AGENT_LOG_RULES_H
#define SEK_AGENT_LOG_RULES_H

#include "agent/logs/line.h"
#include "lib/base/error.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>

#define SEK_LOG_FIELDS 12 /* named parts of one pattern */
#define SEK_LOG_WHERE  4  /* conditions of one rule */

struct sek_log_decoder {
    char *name;
    pcre2_code *program; /* the whole program name; NULL: any */
    char *file;          /* pattern of fnmatch(3) for the source; NULL: any */
    int64_t uid;         /* the writer must be this user, where that is known; -1: any */
    pcre2_code *unit;    /* the same of its whole systemd unit; NULL: any */
    pcre2_code *pattern;
    uint32_t field_count;
    struct {
        char *name;
        uint32_t group;
    } fields[SEK_LOG_FIELDS];
};

struct sek_log_rule {
    uint32_t id, level;
    char *description, *mitre;
    int32_t decoder; /* index; -1: `of` says which lines */
    int32_t of;      /* index of the rule that must match the same line; -1: none */
    int32_t after;   /* index of the rule that must have fired before; -1: none */
    struct {
        char *field;
        pcre2_code *pattern;
    } where[SEK_LOG_WHERE];
    uint32_t where_count;
    uint32_t frequency, within_s, ignore_s; /* frequency 0: each line */
    char *same; /* field whose value is counted by; NULL: all together */
    bool block; /* the address in src_ip */
    uint32_t ttl_s;
};

struct sek_log_rules {
    struct sek_log_decoder *decoders;
    struct sek_log_rule *rules;
    uint32_t decoder_count, rule_count;
    pcre2_match_context *limits; /* a hostile line costs no more than these */
    pcre2_match_data *match;
};

/* Add the file NAME with content TEXT. On an error nothing is added, and FAULT names file, line and
 * key or rule. */
enum sek_error sek_log_rules_parse(struct sek_log_rules *set, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault);
/* Add all *.yaml of FOLDER, or the one file PATH. */
enum sek_error sek_log_rules_load(struct sek_log_rules *set, const char *path,
                                  struct sek_fault *fault);
void sek_log_rules_free(struct sek_log_rules *set);

/* Does PATTERN match TEXT? Gives up, with false, when that would take too long. */
bool sek_log_match(const struct sek_log_rules *set, const pcre2_code *pattern,
                   struct sek_log_text text);

/* Where content is installed. */
#define SEK_LOG_RULES_FOLDER "/usr/share/sekisho-agent/logs"

#endif
