/* What the worker has to do at a later time: one timer, armed for the next of a few things, so that
 * an idle worker sleeps. */
#ifndef SEK_AGENT_WORKER_DUES_H
#define SEK_AGENT_WORKER_DUES_H

#include "lib/base/error.h"

#include <stdint.h>

struct sek_worker;

enum sek_due {
    SEK_DUE_PENDING,  /* events whose process nobody named go without */
    SEK_DUE_PREFIXES, /* the first listed prefix is past its time */
    SEK_DUE_ANSWERS,  /* the manager's answers go to the disk */
    SEK_DUE_SETTLE,   /* memory is given back after a burst of work */
    SEK_DUE_STATUS,   /* what the manager shall know has changed */
    SEK_DUES
};

struct sek_dues {
    struct event *timer;
    uint64_t at[SEK_DUES]; /* us, monotonic; 0: not */
    uint64_t settled_us;
};

enum sek_error sek_worker_dues_open(struct sek_worker *w, struct sek_fault *fault);
/* DUE in IN_US from now, or earlier when it is due earlier already. */
void sek_worker_due(struct sek_worker *w, enum sek_due due, uint64_t in_us);
/* The guard's beat: what is done now and then, without waking up for it. */
void sek_worker_beat(struct sek_worker *w);

#endif
