/* One worker thread, a condition to wake it, and an eventfd that says that its job is done. */
#include "gateway/compiler.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct compiler {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    void (*job)(void *arg); /* NULL: nothing to do */
    void *arg;
    bool stop;
    atomic_bool done;
    int fd;
};

static void *work(void *arg)
{
    struct compiler *c = arg;
    const uint64_t one = 1;
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (!c->job && !c->stop)
            pthread_cond_wait(&c->wake, &c->lock);
        if (c->stop)
            break;
        c->job(c->arg);
        c->job = NULL;
        if (write(c->fd, &one, sizeof one) < 0) {
            /* the counter is full: it is readable, which is what counts */
        }
        atomic_store(&c->done, true);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

enum sek_error compiler_open(struct compiler **out, struct sek_fault *fault)
{
    struct compiler *c = calloc(1, sizeof *c);
    if (!c)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->wake, NULL);
    c->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = c->fd < 0 ? errno : pthread_create(&c->thread, NULL, work, c);
    if (rc) {
        if (c->fd >= 0)
            close(c->fd);
        free(c);
        return sek_fail(fault, SEK_EIO, "cannot start the thread that compiles rules: %s", strerror(rc));
    }
    *out = c;
    return SEK_OK;
}

void compiler_close(struct compiler *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    close(c->fd);
    free(c);
}

void compiler_run(struct compiler *c, void (*job)(void *arg), void *arg,
                  void (*wait)(void *arg, int fd), void *wait_arg)
{
    uint64_t count;
    atomic_store(&c->done, false);
    pthread_mutex_lock(&c->lock);
    c->job = job;
    c->arg = arg;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    while (!atomic_load(&c->done))
        wait(wait_arg, c->fd);
    if (read(c->fd, &count, sizeof count) < 0) {
        /* it was read already: nothing is left of it */
    }
}
