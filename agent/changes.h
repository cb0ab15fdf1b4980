/* What happens to names below some folders, as the kernel tells it: by fanotify with names and
 * processes (Linux 5.9; from 5.17 on repeated creations of one name are told apart), else by
 * inotify without processes. Events wait in the kernel in a queue without a limit (fanotify). */
#ifndef SEK_AGENT_CHANGES_H
#define SEK_AGENT_CHANGES_H

#include "agent/section.h"

enum {
    SEK_CHANGE_CREATED = 1,
    SEK_CHANGE_DELETED = 2,
    SEK_CHANGE_MOVED_TO = 4,
    SEK_CHANGE_MOVED_FROM = 8,
    SEK_CHANGE_WRITTEN = 16, /* closed after writing */
    SEK_CHANGE_ATTRIBUTES = 32,
};

struct sek_change {
    const char *path;
    uint32_t what; /* bits; with CREATED and DELETED the creation came first */
    bool folder;
    int32_t pid; /* 0: not known */
};

struct sek_changes_options {
    const struct sek_paths *paths, *exclude;
    uint32_t what; /* bits that are wanted */
    void (*on_change)(void *arg, const struct sek_change *change);
    void (*on_lost)(void *arg); /* the kernel's queue ran over: look at everything again */
    void *arg;
};

struct sek_changes;

/* Needs CAP_SYS_ADMIN for fanotify; without it inotify is used. Marks are set when it returns. */
enum sek_error sek_changes_open(const struct sek_changes_options *options, struct sek_changes **out,
                                struct sek_fault *fault);
void sek_changes_close(struct sek_changes *c);
/* Readable when there is something. */
int sek_changes_fd(const struct sek_changes *c);
/* Take what is there; true: there may be more. */
bool sek_changes_serve(struct sek_changes *c);
/* One line about how it watches, for people. */
const char *sek_changes_how(const struct sek_changes *c);
/* Are processes named? */
bool sek_changes_names_processes(const struct sek_changes *c);

#endif
