/* Duties are children that the guard starts with what the worker sent and never looks into. A duty
 * ends when its socket is closed. Its events are passed on one by one; one that the worker cannot
 * take stays here, and the duty waits: nothing is lost and nothing is queued in the guard. */
#include "agent/guard/duties.h"
#include "agent/guard/guard.h"
#include "agent/integrity/integrity.h"
#include "agent/logs/logs.h"
#include "agent/malware/malware.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define HEALTHY_US     30000000u
#define RESTART_US     250000u
#define RESTART_MAX_US 60000000u
#define BURST          64 /* datagrams of one duty before the others have their turn */

static const struct {
    const char *name, *title;
    sek_duty_main *run;
} duties[SEK_DUTIES] = {
    [SEK_DUTY_INTEGRITY] = {"integrity", "sekisho-integr", sek_integrity_duty},
    [SEK_DUTY_LOGS] = {"logs", "sekisho-logs", sek_logs_duty},
    [SEK_DUTY_MALWARE] = {"malware", "sekisho-malware", sek_malware_duty},
};

void sek_duties_init(struct sek_guard *g)
{
    for (int i = 0; i < SEK_DUTIES; i++) {
        g->duties[i] = (struct sek_duty_process){.socket = -1, .section = -1};
        sek_guard_part(g, SEK_STATE_DUTY + i, SEK_PROTECTION_ABSENT, "off by policy");
    }
}

static void duty_child(struct sek_guard *g, int duty, int socket)
{
    char folder[512];
    struct sek_fault fault;
    const int section = g->duties[duty].section, keep[] = {socket, section};
    sek_guard_child_begin(duties[duty].title, keep, 2);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* Ctrl-C goes to the guard, which ends us in order */
    signal(SIGTERM, SIG_IGN);
    setpriority(PRIO_PROCESS, 0, 5);
    snprintf(folder, sizeof folder, "%s/%s", g->settings->state, duties[duty].name);
    if (sek_make_folder(folder, 0700, &fault)) {
        sek_duty_state(socket, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
        _exit(1);
    }
    const struct sek_duty_start start = {socket, section, folder, g->settings->user};
    _exit(duties[duty].run(&start));
}

static void start_duty(struct sek_guard *g, int duty)
{
    struct sek_duty_process *d = &g->duties[duty];
    int pair[2];
    d->restart_at = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
        sek_guard_part(g, SEK_STATE_DUTY + duty, SEK_PROTECTION_ABSENT, "socketpair: %s",
                       strerror(errno));
        return;
    }
    sek_guard_part(g, SEK_STATE_DUTY + duty, SEK_PROTECTION_PARTIAL, "starting");
    d->started = sek_clock_mono_us();
    d->pid = fork();
    if (d->pid == 0)
        duty_child(g, duty, pair[1]);
    close(pair[1]);
    d->socket = pair[0];
    if (d->pid < 0) {
        d->pid = 0;
        d->restart_at = d->started + RESTART_MAX_US;
        sek_guard_part(g, SEK_STATE_DUTY + duty, SEK_PROTECTION_ABSENT, "fork: %s",
                       strerror(errno));
    }
}

static void close_socket(struct sek_duty_process *d)
{
    if (d->socket >= 0)
        close(d->socket);
    d->socket = -1;
}

/* End of file ends it; what does not end within a second is killed. */
static void stop_duty(struct sek_duty_process *d)
{
    close_socket(d);
    for (int i = 0; d->pid > 0 && i < 100; i++) {
        if (waitpid(d->pid, NULL, WNOHANG) != 0)
            d->pid = 0;
        else
            usleep(10000);
    }
    if (d->pid > 0) {
        kill(d->pid, SIGKILL);
        waitpid(d->pid, NULL, 0);
    }
    d->pid = 0;
    d->restart_at = 0;
}

/* A worker that was started again tells all again: what is the same shall not disturb a duty. */
static bool same_section(int a, int b)
{
    size_t a_len, b_len;
    void *left = sek_memory_map(a, SIZE_MAX, &a_len), *right = sek_memory_map(b, SIZE_MAX, &b_len);
    bool same = left && right && a_len == b_len && !memcmp(left, right, a_len);
    if (left)
        munmap(left, a_len);
    if (right)
        munmap(right, b_len);
    return same;
}

void sek_duty_wish(struct sek_guard *g, const struct sek_duty_wish *wish, int section)
{
    if (wish->duty >= SEK_DUTIES) {
        close(section);
        return;
    }
    struct sek_duty_process *d = &g->duties[wish->duty];
    if (d->pid > 0 && wish->wanted && same_section(d->section, section)) {
        close(section);
        return;
    }
    sek_duties_serve(g); /* what it said before it ends */
    stop_duty(d);
    if (d->section >= 0)
        close(d->section);
    d->section = -1;
    d->failures = 0;
    if (wish->wanted) {
        d->section = section;
        start_duty(g, wish->duty);
    } else {
        close(section);
        free(d->held);
        d->held = NULL;
        d->held_len = 0;
        sek_guard_part(g, SEK_STATE_DUTY + wish->duty, SEK_PROTECTION_ABSENT, "off by policy");
    }
    sek_guard_send_state(g);
}

bool sek_duty_ended(struct sek_guard *g, pid_t pid, int status)
{
    for (int i = 0; i < SEK_DUTIES; i++) {
        struct sek_duty_process *d = &g->duties[i];
        if (d->pid != pid)
            continue;
        sek_duties_serve(g); /* its last words */
        close_socket(d);
        d->pid = 0;
        uint64_t now = sek_clock_mono_us();
        d->failures = now - d->started > HEALTHY_US ? 0 : d->failures + 1;
        uint64_t delay = RESTART_US << (d->failures < 8 ? d->failures : 8);
        d->restart_at = now + (delay < RESTART_MAX_US ? delay : RESTART_MAX_US);
        sek_error_log("%s %s; it is started again in %llu ms", duties[i].title,
                      WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended",
                      (unsigned long long)(delay / 1000));
        if (WIFSIGNALED(status))
            sek_guard_part(g, SEK_STATE_DUTY + i, SEK_PROTECTION_ABSENT, "%s; it is started again",
                           strsignal(WTERMSIG(status)));
        return true;
    }
    return false;
}

bool sek_duties_poll(const struct sek_guard *g, struct pollfd *wait)
{
    bool later = false;
    for (int i = 0; i < SEK_DUTIES; i++) {
        const struct sek_duty_process *d = &g->duties[i];
        wait[i] = (struct pollfd){.fd = d->held_len ? -1 : d->socket, .events = POLLIN};
        later = later || d->held_len || d->restart_at;
    }
    return later;
}

/* False: the worker cannot take it now. */
static bool pass_on(struct sek_guard *g, int duty, const char *text, uint32_t len)
{
    return g->worker_fd >= 0 && sek_message_send(g->worker_fd, SEK_MESSAGE_FINDING, (uint32_t)duty,
                                                 text, len, -1) != SEK_EAGAIN;
}

static void take_datagram(struct sek_guard *g, int duty, const struct sek_duty_datagram *m,
                          uint32_t len)
{
    struct sek_duty_process *d = &g->duties[duty];
    if (m->kind == SEK_DUTY_SAYS_STATE) {
        sek_guard_part(g, SEK_STATE_DUTY + duty,
                       m->level <= SEK_PROTECTION_FULL ? m->level : SEK_PROTECTION_ABSENT, "%.*s",
                       (int)(len < 159 ? len : 159), m->text);
        sek_guard_send_state(g);
    } else if (len && !pass_on(g, duty, m->text, len)) {
        if (!d->held)
            d->held = malloc(sizeof *d->held);
        if (d->held) {
            memcpy(d->held, m, offsetof(struct sek_duty_datagram, text) + len);
            d->held_len = len;
        }
    }
}

static void serve_duty(struct sek_guard *g, int duty)
{
    static struct sek_duty_datagram m;
    struct sek_duty_process *d = &g->duties[duty];
    const ssize_t header = offsetof(struct sek_duty_datagram, text);
    if (d->held_len && pass_on(g, duty, d->held->text, d->held_len)) {
        free(d->held);
        d->held = NULL;
        d->held_len = 0;
    }
    for (int i = 0; i < BURST && d->socket >= 0 && !d->held_len; i++) {
        ssize_t n = recv(d->socket, &m, sizeof m, MSG_DONTWAIT);
        if (n <= 0)
            return;
        if (n >= header)
            take_datagram(g, duty, &m, (uint32_t)(n - header));
    }
}

void sek_duties_serve(struct sek_guard *g)
{
    uint64_t now = sek_clock_mono_us();
    for (int i = 0; i < SEK_DUTIES; i++) {
        serve_duty(g, i);
        if (g->duties[i].restart_at && now >= g->duties[i].restart_at && !g->duties[i].pid) {
            start_duty(g, i);
            sek_guard_send_state(g);
        }
    }
}

void sek_duties_stop(struct sek_guard *g)
{
    for (int i = 0; i < SEK_DUTIES; i++)
        stop_duty(&g->duties[i]);
}
