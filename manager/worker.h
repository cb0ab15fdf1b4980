/* One thread for work that would hold up the event loop (reading a large feed). A job's `work` runs
 * there and touches nothing but its own argument; `done` runs afterwards in the loop's thread. */
#ifndef SEK_MANAGER_WORKER_H
#define SEK_MANAGER_WORKER_H

#include "lib/base/error.h"

struct event_base;
struct sek_worker;

enum sek_error sek_worker_open(struct event_base *base, struct sek_worker **out,
                               struct sek_fault *fault);
/* Waits for the job that runs; jobs that have not begun get `done` without `work`. */
void sek_worker_close(struct sek_worker *worker);
/* Jobs run in the order they are given. */
enum sek_error sek_worker_run(struct sek_worker *worker, void (*work)(void *arg),
                              void (*done)(void *arg), void *arg, struct sek_fault *fault);

#endif
