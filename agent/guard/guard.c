/* The guard's start, loop and stop. */
#include "agent/guard/guard.h"
#include "agent/guard/shield.h"
#include "agent/filehash.h"
#include "agent/guard/executed.h"
#include "agent/guard/passed.h"
#include "agent/guard/queue.h"
#include "agent/guard/unlearned.h"
#include "agent/settle.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_US         10000000u /* the worker is asked, which has until the next beat to answer */
#define BUSY_US         2000000u  /* between two looks at executions while there are many */
#define BUSY_EXECUTIONS 500       /* between two looks */
#define HEALTHY_US      30000000u
#define SETTLE_US       1000000u /* after the package database changed */
#define RESTART_MAX_US  10000000u
#define SETTLE_AGAIN_US 30000000u
#define KEEPER_AGAIN_US 30000000u /* after lockdown failed: a scope may be mounted later */
#define HELD_MS         100 /* while a duty holds something back, or is to be started again */
#define SEK_GUARD_FDS   8 /* that the loop waits for, before the duties' */

void sek_guard_exit(struct sek_guard *g, struct sek_exit_record *record)
{
    if (record->unlearned && !sek_unlearned_record(g, record))
        return;
    if (g->worker_fd >= 0)
        sek_message_send(g->worker_fd, SEK_MESSAGE_CONNECT, 0, &record->connect,
                         sizeof record->connect, -1);
}

static void take_exit(void *arg, struct sek_exit_record *record)
{
    sek_guard_exit(arg, record);
}

/* The configured one, else where cgroup v2 is mounted. */
const char *sek_guard_cgroup(const struct sek_settings *s)
{
    static const char *const mounts[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    char path[64];
    for (size_t i = 0; !s->cgroup && i < 2; i++) {
        snprintf(path, sizeof path, "%s/cgroup.controllers", mounts[i]);
        if (!access(path, F_OK))
            return mounts[i];
    }
    return s->cgroup ? s->cgroup : mounts[0];
}

static void open_protection(struct sek_guard *g)
{
    struct sek_fault fault;
    const char *cgroup = sek_guard_cgroup(g->settings);
    if (sek_firewall_open(&g->firewall, &fault) && !g->firewall.table)
        sek_guard_part(g, SEK_STATE_BLOCK, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
    else
        sek_guard_part(g, SEK_STATE_BLOCK, SEK_PROTECTION_FULL, "nft table inet sekisho");
    if (g->firewall.backend == SEK_BACKEND_NONE) {
        for (int i = 0; i < 2; i++)
            sek_guard_part(g, i ? SEK_STATE_NAMES : SEK_STATE_ENTRY, SEK_PROTECTION_ABSENT,
                           "neither nft's queue nor the NFQUEUE target works");
    } else {
        sek_guard_part(g, SEK_STATE_ENTRY, SEK_PROTECTION_FULL, "%s, no patched port",
                       sek_queue_backend_name(g->firewall.backend));
        sek_guard_part(g, SEK_STATE_NAMES, SEK_PROTECTION_FULL, "%s",
                       sek_queue_backend_name(g->firewall.backend));
    }
    if (sek_exits_open(cgroup, take_exit, g, &g->exits, &fault))
        sek_guard_part(g, SEK_STATE_ADDRESS, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
    else
        sek_guard_part(g, SEK_STATE_ADDRESS, SEK_PROTECTION_FULL, "eBPF on cgroup %.120s", cgroup);
    sek_passed_open(g);
    if (sek_log_group_open(SEK_PROBE_GROUP, &g->probe_fd, &fault))
        sek_guard_part(g, SEK_STATE_BLOCK, SEK_PROTECTION_PARTIAL, "no probe log: %.130s",
                       fault.message);
    for (int i = 0; i < SEK_STATE_UNLEARNED; i++) {
        if (g->state.part[i].level != SEK_PROTECTION_FULL)
            sek_warning("protection is not full: %s", g->state.part[i].why);
    }
    sek_guard_part(g, SEK_STATE_LOCKDOWN, SEK_PROTECTION_ABSENT, "off by policy");
}

static enum sek_error open_control(struct sek_guard *g, struct sek_fault *fault)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/control.sock", g->settings->runtime);
    unlink(a.sun_path);
    g->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t old = umask(0177);
    bool good = g->control_fd >= 0 && !bind(g->control_fd, (void *)&a, sizeof a) &&
                !listen(g->control_fd, 8);
    umask(old);
    return good ? SEK_OK : sek_fail(fault, SEK_EIO, "%s: %s", a.sun_path, strerror(errno));
}

/* One agent at a time: the lock goes with the process, however it ends. */
static enum sek_error take_lock(struct sek_guard *g, struct sek_fault *fault)
{
    char path[256];
    snprintf(path, sizeof path, "%s/lock", g->settings->runtime);
    g->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (g->lock_fd < 0 || flock(g->lock_fd, LOCK_EX | LOCK_NB))
        return sek_fail(fault, SEK_ESTATE, "%s: another agent is running here", path);
    return SEK_OK;
}

static enum sek_error make_folders(const struct sek_settings *s, struct sek_fault *fault)
{
    char path[512];
    enum sek_error rc;
    const struct passwd *user = getpwnam(s->user);
    snprintf(path, sizeof path, "%s/lockdown", s->state);
    if ((rc = sek_make_folder(path, 0700, fault)) ||
        (rc = sek_make_folder(s->runtime, 0755, fault)))
        return rc;
    snprintf(path, sizeof path, "%s/inventory", s->state);
    if ((rc = sek_make_folder(path, 0700, fault)))
        return rc;
    /* The worker passes through the state folder to its own part, and sees no more of it. */
    chmod(s->state, 0711);
    snprintf(path, sizeof path, "%s/link", s->state);
    if ((rc = sek_make_folder(path, 0700, fault)))
        return rc;
    if (!user)
        user = getpwnam("nobody");
    if (!user)
        return sek_fail(fault, SEK_ENOTFOUND, "user: '%s' does not exist, nor does nobody",
                        s->user);
    return sek_give_folder(path, user->pw_uid, user->pw_gid, fault);
}

static void watch_packages(struct sek_guard *g)
{
    static const char *const folders[] = {
        "/var/lib/dpkg", "/lib/apk/db",  "/usr/lib/apk/db",      "/usr/lib/opkg",
        "/var/lib/opkg", "/var/lib/rpm", "/usr/lib/sysimage/rpm"};
    char path[512];
    g->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        snprintf(path, sizeof path, "%s%s", g->settings->root, folders[i]);
        inotify_add_watch(g->watch_fd, path, IN_MOVED_TO | IN_CLOSE_WRITE);
    }
}

static enum sek_error guard_open(struct sek_guard *g, struct sek_fault *fault)
{
    enum sek_error rc;
    sigset_t set;
    struct rlimit files = {1024, 4096};
    setrlimit(RLIMIT_NOFILE, &files);
    if ((rc = make_folders(g->settings, fault)) || (rc = take_lock(g, fault)) ||
        (rc = open_control(g, fault)))
        return rc;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    g->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if ((rc = sek_spares_device(&g->spares, g->settings->state, g->settings->spare, fault)))
        return sek_fail_context(fault, rc, "%s", g->settings->path);
    sek_filehash_prepare();
    setpriority(PRIO_PROCESS, 0, -5);
    open_protection(g);
    sek_guard_rules_open(g);
    sek_guard_tamper_open(g);
    if (!sek_executed_open())
        sek_warning("short-lived programs may go unnamed: the kernel reports no executions");
    if ((rc = sek_unlearned_open(g, fault)))
        return rc;
    watch_packages(g);
    enum sek_error started = sek_guard_start_worker(g, fault);
    if (!started)
        sek_guard_tamper_started(g);
    return started;
}

static void worker_ended(struct sek_guard *g, const char *why)
{
    uint64_t now = sek_clock_mono_us();
    close(g->worker_fd);
    g->worker_fd = -1;
    g->worker = 0;
    g->failures = now - g->worker_started > HEALTHY_US ? 0 : g->failures + 1;
    uint64_t delay = g->failures ? 250000u << (g->failures < 6 ? g->failures : 6) : 0;
    if (delay > RESTART_MAX_US)
        delay = RESTART_MAX_US;
    g->restart_at = now + delay;
    sek_error_log("the worker %s; it is started again in %u ms", why, (unsigned)(delay / 1000));
    /* Nobody reads the queues for a while: let their policy decide, instead of holding packets. */
    for (int i = 0; delay && i < SEK_QUEUES; i++) {
        if (g->queue_fd[i] >= 0)
            close(g->queue_fd[i]);
        g->queue_fd[i] = -1;
    }
}

static void serve_children(struct sek_guard *g)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (sek_duty_ended(g, pid, status)) {
            sek_guard_send_state(g);
        } else if (pid == g->worker) {
            worker_ended(g, WIFSIGNALED(status) ? strsignal(WTERMSIG(status)) : "ended");
        } else if (pid == g->collector) {
            g->collector = 0;
        } else if (pid == g->keeper) {
            close(g->keeper_fd);
            close(g->record_fd);
            g->keeper_fd = g->record_fd = -1;
            g->keeper = 0;
            if (WIFEXITED(status) && WEXITSTATUS(status)) /* it said why */
                g->keeper_at = sek_clock_mono_us() + KEEPER_AGAIN_US;
            else
                sek_guard_start_keeper(g);
            sek_guard_send_state(g);
        }
    }
}

static void keeper_is_ready(struct sek_guard *g, const struct sek_keeper_ready *r)
{
    if (r->mode == SEK_LOCKDOWN_OFF) {
        sek_guard_part(g, SEK_STATE_LOCKDOWN, SEK_PROTECTION_ABSENT, "%s", r->why);
    } else if (r->mode != r->wanted) {
        sek_guard_part(g, SEK_STATE_LOCKDOWN, SEK_PROTECTION_PARTIAL,
                       r->failed ? "what is there could not be registered (see the log), %s waits"
                                 : "what is there is being registered, then %s begins",
                       sek_lockdown_mode_name(r->wanted));
    } else {
        sek_guard_part(g, SEK_STATE_LOCKDOWN,
                       r->programs ? SEK_PROTECTION_FULL : SEK_PROTECTION_PARTIAL,
                       r->programs ? "fanotify, eBPF%s%.98s" : "fanotify only; memfd is free%s: %.98s",
                       r->lsm ? ", BPF LSM" : "", r->why);
    }
    g->state.inside_mode = r->mode;
    g->service.keeper_said = true;
    sek_guard_send_state(g);
}

/* Records, counters, or what is in force. */
static void serve_records(struct sek_guard *g)
{
    union {
        struct sek_lockdown_record record;
        uint64_t counters[3];
        struct sek_keeper_ready ready;
    } u;
    ssize_t n;
    while (g->record_fd >= 0 && (n = recv(g->record_fd, &u, sizeof u, MSG_DONTWAIT)) > 0) {
        if (n == sizeof u.record) {
            if (g->worker_fd >= 0)
                sek_message_send(g->worker_fd, SEK_MESSAGE_LOCKDOWN, 0, &u.record, sizeof u.record,
                                 -1);
        } else if (n == sizeof u.counters) {
            g->state.lockdown_asked = u.counters[0];
            g->state.lockdown_denied = u.counters[1];
            g->state.lockdown_learned = u.counters[2];
            sek_guard_state_soon(g);
        } else if (n == sizeof u.ready) {
            keeper_is_ready(g, &u.ready);
        }
    }
}

static void serve_worker(struct sek_guard *g)
{
    static struct sek_message m;
    for (int i = 0; i < 64 && g->worker_fd >= 0; i++) {
        enum sek_error rc = sek_message_receive(g->worker_fd, true, &m);
        if (rc == SEK_OK) {
            sek_guard_request(g, &m);
        } else if (rc == SEK_EINVAL) {
            /* Our own worker never writes such a thing: it is in somebody else's hands. */
            sek_error_log("the worker sent a malformed message and is ended");
            kill(g->worker, SIGKILL);
            return;
        } else {
            return;
        }
    }
}

static void serve_packages(struct sek_guard *g)
{
    char buffer[4096];
    while (read(g->watch_fd, buffer, sizeof buffer) > 0)
        ;
    uint64_t soon = sek_clock_mono_us() + SETTLE_US;
    if (soon < g->inventory_at)
        g->inventory_at = soon;
}

/* What nothing wakes us for. */
static void serve_beat(struct sek_guard *g, uint64_t now)
{
    g->beat_at = now + BEAT_US;
    if (g->worker > 0 && g->worker_seen < g->ping_sent) {
        sek_error_log("the worker has not answered for %u s", BEAT_US / 1000000u);
        kill(g->worker, SIGKILL);
    } else if (g->worker > 0) {
        g->ping_sent = now;
        sek_message_send(g->worker_fd, SEK_MESSAGE_PING, 0, NULL, 0, -1);
    }
    if (now >= g->settle_at) {
        g->settle_at = now + SETTLE_AGAIN_US;
        sek_settle();
    }
}

static void serve_time(struct sek_guard *g)
{
    struct sek_fault fault;
    uint64_t now = sek_clock_mono_us();
    bool beat = now >= g->beat_at;
    if (beat)
        serve_beat(g, now);
    if (now >= g->executed_at)
        g->executed_at =
            now + (sek_executed_drain(NULL) > BUSY_EXECUTIONS ? BUSY_US : BEAT_US);
    sek_unlearned_time(g, beat);
    sek_guard_rules_time(g, beat);
    if (beat)
        sek_firewall_time(&g->firewall, &g->filter);
    if (beat || (g->state_at && now >= g->state_at))
        sek_guard_send_state(g);
    if (g->restart_at && now >= g->restart_at && sek_guard_start_worker(g, &fault))
        sek_error_log("%s", fault.message);
    if (g->keeper_at && now >= g->keeper_at)
        sek_guard_start_keeper(g);
    if (now >= g->inventory_at)
        sek_guard_collect_inventory(g);
    sek_guard_service_look(g, beat);
}

/* Milliseconds until something is due. Executions are drained with the beat, unless there are many. */
static int wait_time(const struct sek_guard *g)
{
    uint64_t now = sek_clock_mono_us();
    const uint64_t dues[] = {
        g->beat_at,
        g->executed_at,
        g->state_at ? g->state_at : UINT64_MAX,
        g->restart_at ? g->restart_at : UINT64_MAX,
        g->keeper_at ? g->keeper_at : UINT64_MAX,
        g->inventory_at,
        sek_unlearned_due(g),
        sek_guard_rules_due(g),
    };
    uint64_t due = UINT64_MAX;
    for (size_t i = 0; i < sizeof dues / sizeof dues[0]; i++)
        due = dues[i] < due ? dues[i] : due;
    return due <= now ? 0 : (int)((due - now) / 1000u) + 1;
}

static void guard_loop(struct sek_guard *g)
{
    for (;;) {
        struct pollfd wait[SEK_GUARD_FDS + SEK_DUTIES] = {
            {.fd = g->signal_fd, .events = POLLIN},
            {.fd = g->worker_fd, .events = POLLIN},
            {.fd = g->exits ? sek_exits_fd(g->exits) : -1, .events = POLLIN},
            {.fd = g->record_fd, .events = POLLIN},
            {.fd = g->watch_fd, .events = POLLIN},
            {.fd = sek_shield_fd(g->shield), .events = POLLIN},
            {.fd = g->clock_fd, .events = POLLIN},
            {.fd = sek_unlearned_fd(g), .events = POLLIN},
            [SEK_GUARD_FDS] = {.fd = -1},
        };
        bool held = sek_duties_poll(g, wait + SEK_GUARD_FDS);
        int most = wait_time(g);
        poll(wait, SEK_GUARD_FDS + SEK_DUTIES, held && most > HELD_MS ? HELD_MS : most);
        /* The short-lived first: who connected may be gone soon. */
        if (wait[2].revents)
            sek_exits_serve(g->exits);
        if (wait[1].revents)
            serve_worker(g);
        if (wait[3].revents)
            serve_records(g);
        if (wait[4].revents)
            serve_packages(g);
        if (wait[5].revents || wait[6].revents)
            sek_guard_tamper_serve(g);
        if (wait[7].revents)
            sek_unlearned_serve(g);
        sek_duties_serve(g);
        struct signalfd_siginfo info;
        while (read(g->signal_fd, &info, sizeof info) == sizeof info) {
            if (info.ssi_signo != SIGCHLD) {
                sek_guard_tamper_stopped(g, (int32_t)info.ssi_pid, info.ssi_uid);
                return;
            }
            serve_children(g);
        }
        serve_time(g);
    }
}

static void guard_close(struct sek_guard *g)
{
    char path[256];
    sek_guard_service_close(g);
    if (g->worker > 0) {
        close(g->worker_fd); /* end of file: it closes its spool and ends */
        for (int i = 0; i < 200 && waitpid(g->worker, NULL, WNOHANG) == 0; i++)
            usleep(10000);
        kill(g->worker, SIGKILL);
        waitpid(g->worker, NULL, 0);
    }
    sek_guard_stop_keeper(g);
    sek_duties_stop(g);
    if (g->lock_fd >= 0 && g->signal_fd >= 0) {
        sek_guard_rules_close(g);
        sek_firewall_close(&g->firewall);
    }
    sek_unlearned_close(g);
    sek_exits_close(g->exits);
    sek_guard_tamper_close(g);
    sek_executed_close();
    snprintf(path, sizeof path, "%s/control.sock", g->settings->runtime);
    if (g->control_fd >= 0)
        unlink(path);
}

enum sek_error sek_guard_run(const struct sek_settings *settings, struct sek_fault *fault)
{
    static struct sek_guard g;
    g = (struct sek_guard){
        .settings = settings,
        .firewall = {.queue = {(uint16_t)settings->entry_queue, (uint16_t)settings->exit_queue},
                     .closed = {settings->entry_closed, settings->exit_closed}},
        .queue_fd = {-1, -1},
        .probe_fd = -1,
        .control_fd = -1,
        .lock_fd = -1,
        .signal_fd = -1,
        .watch_fd = -1,
        .clock_fd = -1,
        .worker_fd = -1,
        .keeper_fd = -1,
        .record_fd = -1,
    };
    sek_duties_init(&g);
    sek_guard_service_open(&g);
    enum sek_error rc = guard_open(&g, fault);
    if (!rc) {
        sek_info("protecting this device");
        guard_loop(&g);
    }
    guard_close(&g);
    return rc;
}
