/* What log inspection reads: the policy's section "logs". */
#ifndef SEK_AGENT_LOGS_OPTIONS_H
#define SEK_AGENT_LOGS_OPTIONS_H

#include "agent/section.h"

struct sek_logs_options {
    uint8_t mode; /* prevent: rules may block addresses */
    bool journal;
    struct sek_paths files; /* absolute, may hold * and ? in the last part */
    uint32_t level;         /* rules below it make no event */
};

void sek_logs_options_default(struct sek_logs_options *o);
enum sek_error sek_logs_options_read(struct sek_logs_options *o, const json_t *section,
                                     struct sek_fault *fault);

#endif
