/* The baseline: what is on a device before lockdown begins. Whoever asks for enforcement wants what
 * is there to go on working, so its programs are registered first, once for each scope, and what was
 * registered as a whole is remembered in ALLOWLIST.baseline: one line for each, a scope's path or
 * "packages". It has the trust of the allowlist itself, beside which it lies. */
#ifndef SEK_AGENT_BASELINE_H
#define SEK_AGENT_BASELINE_H

#include "agent/lockdown/scope.h"
#include "lib/base/error.h"

#include <stdbool.h>

struct sek_baseline {
    const struct sek_scope *scopes;
    unsigned scope_count;
    bool folders;         /* what the scopes hold is registered */
    bool packages;        /* and what the package database vouches for */
    const char *root;     /* of that database and its files; "": this system */
    const char *allowlist; /* appended to */
    bool forget;          /* what was hashed is not remembered beside the allowlist */
};

/* What was registered as a whole before: all the scopes, what the package database vouches for. True:
 * the latter, or at least one of the scopes. */
bool sek_baseline_remembered(const struct sek_baseline *b, bool *folders, bool *packages);
/* Register it. With AGAIN also the scopes that were registered before; packages always, for they
 * change. Takes as long as reading every program does. */
enum sek_error sek_baseline_register(const struct sek_baseline *b, bool again,
                                     struct sek_fault *fault);

#endif
