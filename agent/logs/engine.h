/* Lines to findings: the first decoder that fits, then the rules in their order. What is counted
 * over time is kept in a table of fixed size; when it is full, the oldest of a bucket goes. */
#ifndef SEK_AGENT_LOG_ENGINE_H
#define SEK_AGENT_LOG_ENGINE_H

#include "agent/logs/rules.h"
#include "lib/base/text.h"

#define SEK_LOG_FIRED 8 /* rules of one line that are remembered in a finding */

struct sek_log_finding {
    const struct sek_log_line *line;
    const struct sek_log_decoder *decoder; /* NULL: none fits, and nothing below is set */
    struct sek_log_text fields[SEK_LOG_FIELDS];
    uint32_t fired_count;
    const struct sek_log_rule *fired[SEK_LOG_FIRED];
    const struct sek_log_rule *worst; /* of those that fired: the highest level, the last of them */
    const struct sek_log_rule *response; /* that wants the source blocked, or NULL */
    char address[46];                    /* for RESPONSE: a valid address, from the field src_ip */
};

struct sek_log_engine;

/* RULES is borrowed. NULL: out of memory. */
struct sek_log_engine *sek_log_engine_new(const struct sek_log_rules *rules);
void sek_log_engine_free(struct sek_log_engine *e);
/* NOW_S: seconds on any clock that does not go back. */
void sek_log_engine_line(struct sek_log_engine *e, const struct sek_log_line *line, uint64_t now_s,
                         struct sek_log_finding *out);
/* Does a decoder look for a file that is called PATH? */
bool sek_log_engine_reads(const struct sek_log_engine *e, const char *path);
/* The field NAME; len 0: it is not there. */
struct sek_log_text sek_log_field(const struct sek_log_finding *f, const char *name);
/* The event of a finding whose `worst` is set. RESPOND: with the wish to block. */
void sek_log_write(struct sek_text *t, const struct sek_log_finding *f, bool respond);

#endif
