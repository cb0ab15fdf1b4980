/* Events of file integrity: all of them into a local file, and on to the manager one by one until
 * they come too fast; then the rest of ten seconds is one event with numbers. */
#ifndef SEK_AGENT_INTEGRITY_REPORT_H
#define SEK_AGENT_INTEGRITY_REPORT_H

#include "agent/integrity/facts.h"
#include "agent/integrity/options.h"
#include "agent/who.h"

enum sek_integrity_change {
    SEK_INTEGRITY_CREATED,
    SEK_INTEGRITY_MODIFIED,
    SEK_INTEGRITY_DELETED,
    SEK_INTEGRITY_CHANGES
};

struct sek_report {
    const struct sek_integrity_options *options;
    int events_fd;             /* -1: none */
    const char *events_path;   /* for turning the file over; NULL: it only grows */
    uint64_t events_bytes;     /* in the file */
    int socket;                /* of the duty; -1: none */
    struct sek_text line, out; /* an event; what waits to be written */
    struct sek_text diff;
    struct sek_who_cache who;
    uint64_t window_us; /* when this window of ten seconds began */
    uint32_t sent;      /* events in it */
    uint64_t held[SEK_INTEGRITY_CHANGES];
    char held_folder[PATH_MAX]; /* that all of them are below */
    uint64_t total[SEK_INTEGRITY_CHANGES];
};

struct sek_integrity_event {
    enum sek_integrity_change change;
    const char *path, *reason;
    const struct sek_facts *before, *after; /* NULL: not known */
    uint32_t changed;                       /* SEK_FACT_ bits */
    int32_t pid;                            /* 0: not known */
    bool realtime;
};

void sek_report_event(struct sek_report *r, const struct sek_integrity_event *e);
/* An event without a file: baselines made, damaged or lost. */
void sek_report_note(struct sek_report *r, const char *change, const char *reason);
/* Write what waits; send the numbers of a window that is over. */
void sek_report_flush(struct sek_report *r);
/* Milliseconds until numbers are due; -1: none wait. */
int sek_report_due(const struct sek_report *r);
void sek_report_free(struct sek_report *r);

#endif
