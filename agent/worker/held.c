/* Packets whose verdict waits for the manager's answer: HOLD_US at most, then the policy decides.
 */
#include "agent/worker/state.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_US 300000u
#define SAVE_US 10000000u /* from an answer to its being on the disk */

static void answers_path(const struct sek_worker *w, char path[512])
{
    snprintf(path, 512, "%s/link/reputation.json", w->options->settings->state);
}

static void resolve(struct sek_worker *w, struct sek_held *h, bool last)
{
    static struct sek_outgoing_result r;
    sek_outgoing_again(w->outgoing, &w->indicators, &w->names, h->data, h->len,
                       w->policy.exit_mode == SEK_MODE_PREVENT, last, sek_clock_mono_us(), &r);
    if (r.hold)
        return;
    uint32_t id = h->id;
    free(h->data);
    *h = (struct sek_held){0};
    sek_worker_outgoing(w, id, &r);
}

static void resolve_all(struct sek_worker *w, bool last)
{
    for (int i = 0; i < SEK_HELD; i++) {
        if (w->held[i].data)
            resolve(w, &w->held[i], last);
    }
    sek_worker_flush(w);
}

static void ask(struct sek_worker *w);

/* ANSWER is NULL when there is none. */
static void take_answer(struct sek_worker *w, const json_t *answer)
{
    sek_unsure_answer(w->unsure, w->question, answer, sek_clock_wall_us() / 1000000u);
    json_decref(w->question);
    w->question = NULL;
    sek_worker_due(w, SEK_DUE_ANSWERS, SAVE_US);
}

static void on_answer(void *arg, const json_t *answer)
{
    struct sek_worker *w = arg;
    take_answer(w, answer);
    resolve_all(w, false);
    ask(w); /* what came up meanwhile */
}

static void ask(struct sek_worker *w)
{
    struct sek_fault fault;
    if (w->question || !(w->question = sek_unsure_question(w->unsure)))
        return;
    if (w->client && !sek_client_ask(w->client, "reputation", w->question, on_answer, w, &fault))
        return;
    take_answer(w, NULL);
}

static void wait_for(struct sek_worker *w, uint64_t us)
{
    const struct timeval tv = {(time_t)(us / 1000000u), (suseconds_t)(us % 1000000u)};
    event_add(w->hold_timer, &tv);
}

static void on_time(evutil_socket_t fd, short what, void *arg)
{
    struct sek_worker *w = arg;
    uint64_t now = sek_clock_mono_us(), oldest = 0;
    (void)fd;
    (void)what;
    for (int i = 0; i < SEK_HELD; i++) {
        struct sek_held *h = &w->held[i];
        if (h->data && now - h->since_us >= HOLD_US)
            resolve(w, h, true);
        if (h->data && (!oldest || h->since_us < oldest))
            oldest = h->since_us;
    }
    sek_worker_flush(w);
    if (oldest)
        wait_for(w, oldest + HOLD_US > now ? oldest + HOLD_US - now : 1000);
}

/* There is always a place: the oldest is decided by the policy when there are too many. */
void sek_worker_hold(struct sek_worker *w, uint32_t id, const uint8_t *packet, uint32_t len)
{
    struct sek_held *h = &w->held[0];
    for (int i = 0; i < SEK_HELD && h->data; i++) {
        if (!w->held[i].data || w->held[i].since_us < h->since_us)
            h = &w->held[i];
    }
    if (h->data)
        resolve(w, h, true);
    h->data = malloc(len);
    if (!h->data) {
        static const struct sek_outgoing_result pass;
        sek_worker_outgoing(w, id, &pass);
        return;
    }
    memcpy(h->data, packet, len);
    h->len = len;
    h->id = id;
    h->since_us = sek_clock_mono_us();
    if (!evtimer_pending(w->hold_timer, NULL))
        wait_for(w, HOLD_US);
    ask(w);
}

enum sek_error sek_worker_hold_open(struct sek_worker *w, struct sek_fault *fault)
{
    char path[512], *text = NULL;
    size_t len;
    w->unsure = sek_unsure_new();
    w->hold_timer = evtimer_new(w->base, on_time, w);
    if (!w->unsure || !w->hold_timer)
        return sek_fail(fault, SEK_ENOMEM, "worker: out of memory");
    answers_path(w, path);
    if (!sek_file_read(path, SEK_UNSURE_TEXT, &text, &len, NULL))
        sek_unsure_restore(w->unsure, text, len, sek_clock_wall_us() / 1000000u);
    free(text);
    return SEK_OK;
}

void sek_worker_save_answers(struct sek_worker *w)
{
    struct sek_fault fault;
    char path[512];
    char *text = sek_unsure_save(w->unsure);
    answers_path(w, path);
    if (text && sek_file_replace(path, text, strlen(text), 0600, &fault))
        sek_warning("%s", fault.message);
    free(text);
}
