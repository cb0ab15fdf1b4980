/* A table of what to do, and the earliest of its times in one libevent timer. */
#include "agent/worker/state.h"
#include "agent/settle.h"
#include "lib/base/clock.h"

#define SETTLE_AGAIN_US 30000000u

static void settle(struct sek_worker *w)
{
    w->dues.settled_us = sek_clock_mono_us();
    sek_settle();
}

static void (*const work[SEK_DUES])(struct sek_worker *) = {
    [SEK_DUE_PENDING] = sek_worker_expire_pending,
    [SEK_DUE_PREFIXES] = sek_worker_expire_prefixes,
    [SEK_DUE_ANSWERS] = sek_worker_save_answers,
    [SEK_DUE_SETTLE] = settle,
    [SEK_DUE_STATUS] = sek_worker_status,
};

static void arm(struct sek_worker *w)
{
    uint64_t now = sek_clock_mono_us(), next = 0;
    for (int i = 0; i < SEK_DUES; i++) {
        if (w->dues.at[i] && (!next || w->dues.at[i] < next))
            next = w->dues.at[i];
    }
    uint64_t wait = next > now ? next - now : 0;
    const struct timeval tv = {(time_t)(wait / 1000000u), (suseconds_t)(wait % 1000000u)};
    if (next)
        event_add(w->dues.timer, &tv);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct sek_worker *w = arg;
    uint64_t now = sek_clock_mono_us();
    (void)fd;
    (void)what;
    for (int i = 0; i < SEK_DUES; i++) {
        if (!w->dues.at[i] || w->dues.at[i] > now)
            continue;
        w->dues.at[i] = 0;
        work[i](w);
    }
    arm(w);
}

enum sek_error sek_worker_dues_open(struct sek_worker *w, struct sek_fault *fault)
{
    w->dues.timer = evtimer_new(w->base, on_time, w);
    return w->dues.timer ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "worker: out of memory");
}

void sek_worker_due(struct sek_worker *w, enum sek_due due, uint64_t in_us)
{
    uint64_t at = sek_clock_mono_us() + in_us;
    if (w->dues.at[due] && w->dues.at[due] <= at)
        return;
    w->dues.at[due] = at;
    arm(w);
}

void sek_worker_beat(struct sek_worker *w)
{
    if (sek_clock_mono_us() - w->dues.settled_us >= SETTLE_AGAIN_US)
        settle(w);
}
