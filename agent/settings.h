/* The agent's own configuration (/etc/sekisho/agent.yaml): where it lives on this machine. What to
 * protect against is not here but in the policy that the manager signs. */
#ifndef SEK_AGENT_SETTINGS_H
#define SEK_AGENT_SETTINGS_H

#include "lib/base/config.h"

#include <stdbool.h>

#define SEK_SETTINGS_LIST 17 /* entries of a list, with the NULL */

struct sek_settings {
    const char *path;                        /* of the file, for messages */
    const char *state;                       /* /var/lib/sekisho-agent */
    const char *runtime;                     /* /run/sekisho-agent */
    const char *user;                        /* the sandboxed worker runs as this user */
    const char *root;                        /* folder prefix of the system that is inventoried */
    const char *sbom;                        /* the maker's CycloneDX file, or NULL */
    const char *cgroup;                      /* exit control covers this cgroup v2 folder */
    const char *spare[SEK_SETTINGS_LIST];    /* addresses and prefixes that are never blocked */
    const char *updaters[SEK_SETTINGS_LIST]; /* programs that install software */
    const char *clock_setters[SEK_SETTINGS_LIST]; /* programs that may set the clock */
    const char *scopes[SEK_SETTINGS_LIST];   /* lockdown mounts, when the policy names none */
    const char *standalone;  /* folder in a bundle's form, used while the device is not enrolled */
    long inventory_interval; /* seconds */
    long entry_queue, exit_queue; /* NFQUEUE numbers */
    long memory_mib, cpu_percent; /* limits by control group, cpu of one core; 0: none */
    bool entry_closed;            /* what happens to queued ports while the worker is stopped */
    bool exit_closed;
    bool stall_closed; /* lockdown: what happens to waiting programs when the responder stalls */
    struct sek_config *config;
};

#define SEK_SETTINGS_DEFAULT "/etc/sekisho/agent.yaml"

/* Load PATH; NULL: the default path, which may be absent. */
enum sek_error sek_settings_load(const char *path, struct sek_settings *out,
                                 struct sek_fault *fault);
void sek_settings_free(struct sek_settings *settings);

#endif
