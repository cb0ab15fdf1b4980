/* The lockdown responder: a process that answers fanotify permission events and does nothing else.
 * It never opens a file on a protected mount, never logs and never waits for another process but the
 * server of the files that it is asked about (lane.h); what it has to tell goes into a socket that
 * drops when full.
 *
 * Trusted files cost nothing after their first use: the kernel gets an ignore mark. The mark is
 * sound because the responder first takes a read lease on the file, which the kernel grants only
 * while nobody has it open for writing (mappings count), and which makes any later writer wait
 * until the responder has removed the mark. A lease keeps its file system from being unmounted, so
 * files on one that somebody may want to unmount have none: each open of them is asked about. */
#ifndef SEK_AGENT_RESPONDER_H
#define SEK_AGENT_RESPONDER_H

#include "agent/lockdown/scope.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum sek_lockdown_mode {
    SEK_LOCKDOWN_OFF,
    SEK_LOCKDOWN_LEARN,
    SEK_LOCKDOWN_DETECT,
    SEK_LOCKDOWN_ENFORCE
};

const char *sek_lockdown_mode_name(enum sek_lockdown_mode mode);
/* False: NAME is none of off, learn, detect, enforce. */
bool sek_lockdown_mode_parse(const char *name, enum sek_lockdown_mode *mode);

#define SEK_LANES  8  /* lane.h; each has a responder */
#define SEK_GUESTS 64 /* file systems */

/* The agent's processes, whose opens are answered at once. */
enum {
    SEK_OWN_KEEPER,
    SEK_OWN_LEARNER,
    SEK_OWN_RESPONDERS,
    SEK_OWN_OTHERS = SEK_OWN_RESPONDERS + SEK_LANES,
    SEK_LOCKDOWN_PIDS = SEK_OWN_OTHERS + 6
};

/* What a watchdog sees of a responder. */
struct sek_pulse {
    _Atomic uint64_t progress; /* raised with every step */
    _Atomic int pending_fd;    /* the event that is being judged, or -1 */
    _Atomic bool serving;      /* events are read or judged; else it waits for them */
};

/* Memory that the responders share with their keeper. */
struct sek_lockdown_shared {
    struct sek_pulse pulse[SEK_LANES];
    _Atomic int mode;              /* enum sek_lockdown_mode */
    bool strict_scripts;           /* every text that an interpreter opens is a script */
    bool window_only;              /* updaters are trusted within a maintenance window only */
    _Atomic uint64_t window_until; /* us, monotonic: the end of the window; 0: none */
    char window_updater[256];      /* one more updater while it lasts; "" none */
    _Atomic uint64_t asked, allowed, denied, learned, hashed, ignored, lost;
    _Atomic int own[SEK_LOCKDOWN_PIDS]; /* process ids; 0: none */
    /* File systems that are not to be kept from being unmounted; 0: none. */
    _Atomic uint64_t guests[SEK_GUESTS];
    unsigned next_guest; /* the keeper's */
};

enum sek_lockdown_what {
    SEK_LOCKDOWN_DENIED,
    SEK_LOCKDOWN_WOULD_DENY, /* detect mode */
    SEK_LOCKDOWN_LEARNED,
    SEK_LOCKDOWN_UPDATED /* registered because an updater wrote it */
};

/* Is PID one of the agent's processes? */
bool sek_lockdown_is_own(const struct sek_lockdown_shared *shared, pid_t pid);

struct sek_kernel_guard;

/* One record from the responder; a message on a SOCK_SEQPACKET socket. */
struct sek_lockdown_record {
    uint8_t what;
    uint8_t kind; /* enum sek_file_kind */
    uint8_t exec; /* asked for execution; else for reading */
    uint8_t
        reason; /* enum sek_guard_reason: what the kernel's programs refused; 0: the responder */
    int32_t pid;
    uint8_t digest[32];
    char path[512];    /* as the opener's file system sees it; cut when longer */
    char program[256]; /* the opener's executable */
};

struct sek_responder_options {
    int fan_fd;     /* fanotify group, marked */
    int record_fd;  /* records go out here */
    /* An allowlist file comes in here by SCM_RIGHTS, and a byte goes out when it was taken over; end
     * of file: stop. */
    int control_fd;
    struct sek_lockdown_shared *shared;
    struct sek_pulse *pulse;         /* this responder's */
    enum sek_server server;          /* of the files that it is asked about */
    const char *const *updaters;     /* NULL-terminated paths */
    const char *allowlist;           /* loaded before the first event; may be NULL */
    struct sek_kernel_guard *kernel; /* told what was registered; may be NULL */
};

/* Runs until control_fd ends; returns an exit status. When it is ready for the first event it
 * writes one byte to control_fd. */
int sek_responder_run(const struct sek_responder_options *options);

#endif
