/* Two lists under one lock, a condition towards the thread, a pipe towards the loop. */
#include "manager/worker.h"

#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    struct job *next;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void *arg;
};

struct sek_worker {
    pthread_t thread;
    bool started, stop;
    pthread_mutex_t lock;
    pthread_cond_t wanted;
    struct job *waiting, *finished; /* oldest first */
    int wake[2];
    struct event *event;
};

static void append(struct job **list, struct job *job)
{
    job->next = NULL;
    while (*list)
        list = &(*list)->next;
    *list = job;
}

static void *thread_main(void *arg)
{
    struct sek_worker *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        struct job *job = w->waiting;
        if (!job) {
            pthread_cond_wait(&w->wanted, &w->lock);
            continue;
        }
        w->waiting = job->next;
        pthread_mutex_unlock(&w->lock);
        job->work(job->arg);
        pthread_mutex_lock(&w->lock);
        append(&w->finished, job);
        ssize_t ignored = write(w->wake[1], "", 1); /* a full pipe wakes the loop as well */
        (void)ignored;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static struct job *take_first(struct sek_worker *w, struct job **list)
{
    pthread_mutex_lock(&w->lock);
    struct job *job = *list;
    if (job)
        *list = job->next;
    pthread_mutex_unlock(&w->lock);
    return job;
}

static void finish_all(struct sek_worker *w, struct job **list)
{
    for (struct job *job; (job = take_first(w, list));) {
        job->done(job->arg);
        free(job);
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct sek_worker *w = arg;
    char drop[64];
    (void)what;
    while (read(fd, drop, sizeof drop) > 0)
        ;
    finish_all(w, &w->finished);
}

/* Signals belong to the loop's thread. */
static bool start_thread(struct sek_worker *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->started = !pthread_create(&w->thread, NULL, thread_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->started;
}

enum sek_error sek_worker_open(struct event_base *base, struct sek_worker **out,
                               struct sek_fault *fault)
{
    struct sek_worker *w = calloc(1, sizeof *w);
    if (!w)
        return sek_fail(fault, SEK_ENOMEM, "worker: out of memory");
    w->wake[0] = w->wake[1] = -1;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    if (pipe2(w->wake, O_CLOEXEC | O_NONBLOCK) ||
        !(w->event = event_new(base, w->wake[0], EV_READ | EV_PERSIST, on_wake, w)) ||
        event_add(w->event, NULL) || !start_thread(w)) {
        sek_worker_close(w);
        return sek_fail(fault, SEK_EIO, "worker: cannot start a thread");
    }
    *out = w;
    return SEK_OK;
}

void sek_worker_close(struct sek_worker *w)
{
    if (!w)
        return;
    if (w->started) {
        pthread_mutex_lock(&w->lock);
        w->stop = true;
        pthread_cond_signal(&w->wanted);
        pthread_mutex_unlock(&w->lock);
        pthread_join(w->thread, NULL);
    }
    finish_all(w, &w->finished);
    finish_all(w, &w->waiting);
    if (w->event)
        event_free(w->event);
    for (int i = 0; i < 2; i++)
        if (w->wake[i] >= 0)
            close(w->wake[i]);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

enum sek_error sek_worker_run(struct sek_worker *w, void (*work)(void *arg),
                              void (*done)(void *arg), void *arg, struct sek_fault *fault)
{
    struct job *job = malloc(sizeof *job);
    if (!job)
        return sek_fail(fault, SEK_ENOMEM, "worker: out of memory");
    *job = (struct job){NULL, work, done, arg};
    pthread_mutex_lock(&w->lock);
    append(&w->waiting, job);
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    return SEK_OK;
}
