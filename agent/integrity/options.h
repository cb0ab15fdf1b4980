/* What file integrity watches: the policy's section "integrity". */
#ifndef SEK_AGENT_INTEGRITY_OPTIONS_H
#define SEK_AGENT_INTEGRITY_OPTIONS_H

#include "agent/section.h"

struct sek_integrity_options {
    uint8_t mode;                    /* off or detect */
    struct sek_paths paths, exclude; /* files or folders with all that is below */
    struct sek_paths secret;         /* patterns of files whose text is never in an event */
    uint32_t schedule_s;             /* between checks; 0: only at the start */
    uint32_t text_limit;             /* bytes of a text file that are kept for a diff; 0: none */
    uint32_t rate;                   /* events in 10 s that are sent one by one */
};

void sek_integrity_options_default(struct sek_integrity_options *o);
enum sek_error sek_integrity_options_read(struct sek_integrity_options *o, const json_t *section,
                                          struct sek_fault *fault);

#endif
