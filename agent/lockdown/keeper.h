/* The keeper of lockdown: it opens the lanes (lane.h), marks the scopes, watches the responders, takes
 * commands, and has what is there registered. It opens no file once the marks are in place, for it
 * would have to wait for a responder that it is to watch. */
#ifndef SEK_AGENT_KEEPER_H
#define SEK_AGENT_KEEPER_H

#include "agent/lockdown/responder.h"
#include "agent/lockdown/scope.h"

#define SEK_KEEPER_SCOPES 8

/* What is in force. */
struct sek_keeper_cover {
    bool programs, lsm; /* the kernel's programs; with BPF LSM */
    const char *why;    /* not more of them; "" when there is nothing to say */
    /* As long as what is there is registered before the WANTED one begins, MODE is learn, or detect when
     * a part was registered before. */
    enum sek_lockdown_mode mode, wanted;
    bool failed; /* registering failed and is tried again */
};

struct sek_keeper_options {
    const char *scopes[SEK_KEEPER_SCOPES]; /* mount points; NULL after the last */
    enum sek_lockdown_mode mode;
    /* File: loaded, and appended to when something is learned. ALLOWLIST.digests beside it
     * remembers what was hashed, unless the list is temporary. */
    const char *allowlist;
    bool temporary_list;
    const char *const *updaters; /* NULL-terminated paths */
    bool stall_closed;           /* policy */
    bool learn_all;              /* learn mode registers what is there, not only what runs */
    /* Detect and enforce begin when what the scopes hold was registered once (baseline.h). */
    bool register_first;
    bool strict_scripts;         /* see script.h */
    bool window_only;            /* updaters count within a maintenance window only */
    bool trust_packages;         /* register what the package database vouches for, at the start;
                                  * the first time before detect and enforce begin */
    const char *root;            /* of that database and its files; "": this system */
    unsigned inline_policy;      /* SEK_INLINE_...: code on the command line or standard input */
    bool without_kernel;         /* fanotify only, as on kernels without the programs */
    int command_fd;              /* see below; -1: signals only */
    int own[4];                  /* more processes to answer at once; 0 after the last */
    void (*on_record)(void *arg, const struct sek_lockdown_record *record);
    /* Called about once a second while something changes, and at the end. May be NULL. */
    void (*on_counters)(void *arg, const struct sek_lockdown_shared *shared);
    /* The marks are in place; and again when the mode changes. May be NULL. */
    void (*on_ready)(void *arg, const struct sek_keeper_cover *cover);
    void *arg;
};

/* Messages on command_fd (SOCK_SEQPACKET): one struct sek_keeper_command each. */
enum {
    SEK_KEEPER_MODE = 1,
    SEK_KEEPER_ALLOWLIST = 2,
    SEK_KEEPER_OWN = 3,
    SEK_KEEPER_WINDOW = 4, /* a maintenance window begins, or ends (value 0) */
};
struct sek_keeper_command {
    int32_t command;
    int32_t value;     /* mode, a process id to answer at once, or seconds */
    char updater[256]; /* of a window: one more program that is trusted; "" none */
};

/* Run until SIGTERM or SIGINT or the end of command_fd. The caller blocks no signals. */
enum sek_error sek_keeper_run(const struct sek_keeper_options *options, struct sek_fault *fault);

#endif
