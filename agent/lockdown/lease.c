/* Kept descriptors in one array, oldest given up first. */
#include "agent/lockdown/lease.h"
#include "agent/lockdown/kernel.h"
#include "agent/lockdown/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define BREAK_SIGNAL (SIGRTMIN + 1)

static int kept[SEK_LEASES];
static unsigned kept_count, kept_next;
static struct sek_kernel_guard *guard;
static void (*on_break)(void *arg, const struct stat *st);
static void *break_arg;

int sek_leases_open(struct sek_kernel_guard *kernel, void (*told)(void *arg, const struct stat *st),
                    void *arg)
{
    sigset_t set;
    guard = kernel;
    on_break = told;
    break_arg = arg;
    sigemptyset(&set);
    sigaddset(&set, BREAK_SIGNAL);
    sigaddset(&set, SIGIO); /* the queue of real-time signals overflowed */
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum sek_lease sek_lease_take(int fd)
{
    fcntl(fd, F_SETSIG, BREAK_SIGNAL);
    if (!fcntl(fd, F_SETLEASE, F_RDLCK))
        return SEK_LEASE_TAKEN;
    return errno == EAGAIN ? SEK_LEASE_WRITER : SEK_LEASE_NONE;
}

void sek_lease_drop(int fd)
{
    fcntl(fd, F_SETLEASE, F_UNLCK);
}

static void tell_kernel(int fd, bool held)
{
    struct stat st;
    if (guard && !fstat(fd, &st))
        sek_kernel_guard_hold(guard, &st, held);
}

static void give_up(int fan_fd, unsigned index)
{
    int fd = kept[index];
    fanotify_mark(fan_fd, FAN_MARK_REMOVE | FAN_MARK_IGNORED_MASK, sek_marks_events(), fd, NULL);
    tell_kernel(fd, false);
    sek_lease_drop(fd);
    close(fd);
    kept[index] = kept[--kept_count];
}

bool sek_lease_keep(int fan_fd, int fd)
{
    if (kept_count == SEK_LEASES)
        give_up(fan_fd, kept_next++ % SEK_LEASES);
    if (fanotify_mark(fan_fd, FAN_MARK_ADD | FAN_MARK_IGNORED_MASK, sek_marks_events(), fd, NULL))
        return false;
    kept[kept_count++] = fd;
    tell_kernel(fd, true);
    return true;
}

void sek_leases_serve(int fan_fd, int signal_fd)
{
    struct signalfd_siginfo info;
    while (read(signal_fd, &info, sizeof info) == sizeof info) {
        for (unsigned i = kept_count; i-- > 0;) {
            bool broken = info.ssi_signo == (uint32_t)BREAK_SIGNAL
                              ? kept[i] == info.ssi_fd
                              : fcntl(kept[i], F_GETLEASE) != F_RDLCK;
            struct stat st;
            if (broken && !fstat(kept[i], &st))
                on_break(break_arg, &st);
            if (broken)
                give_up(fan_fd, i);
        }
    }
}

void sek_leases_clear(int fan_fd)
{
    while (kept_count)
        give_up(fan_fd, kept_count - 1);
}

void sek_leases_sweep(int fan_fd)
{
    struct stat st;
    for (unsigned i = kept_count; i-- > 0;) {
        if (fstat(kept[i], &st) || st.st_nlink == 0)
            give_up(fan_fd, i);
    }
}
