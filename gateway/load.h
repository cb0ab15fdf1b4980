/* Rules from files to a compiled set, with the messages a person reads. */
#ifndef SEK_GATEWAY_LOAD_H
#define SEK_GATEWAY_LOAD_H

#include "lib/detect/compiled.h"

struct gateway_rules_summary {
    bool keep_text; /* asked for: rules keep what was written */
    uint32_t loaded, failed;
};

/* Load FILES; each rule that cannot be used is one line on standard error. NULL when a file cannot be
 * read or compiling fails. */
struct sek_compiled *gateway_load_rules(char *const *files, unsigned count,
                                        struct sek_config *config,
                                        struct gateway_rules_summary *summary,
                                        struct sek_fault *fault);

#endif
