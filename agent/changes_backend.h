/* What the two ways of watching (agent/changes.c, agent/changes_inotify.c) have in common. */
#ifndef SEK_AGENT_CHANGES_BACKEND_H
#define SEK_AGENT_CHANGES_BACKEND_H

#include "agent/changes.h"

struct sek_changes_backend {
    bool (*serve)(struct sek_changes *c);
    void (*close)(struct sek_changes *c);
};

struct sek_changes {
    const struct sek_changes_backend *backend;
    struct sek_changes_options options;
    int fd;
    bool processes;
    char how[160];
};

/* Is PATH watched? Does it lead to a path that is? */
bool sek_changes_covered(const struct sek_changes *c, const char *path);
bool sek_changes_leads(const struct sek_changes *c, const char *path);

enum sek_error sek_inotify_open(const struct sek_changes_options *options, struct sek_changes **out,
                                struct sek_fault *fault);

#endif
