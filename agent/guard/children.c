/* The guard's children: worker, lockdown keeper, inventory collector. Each is a fork that keeps the
 * descriptors it needs and closes all others. */
#include "agent/guard/guard.h"
#include "agent/guard/queue.h"
#include "agent/inventory/inventory.h"
#include "agent/posture/posture.h"
#include "agent/rights.h"
#include "agent/worker/worker.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BUFFER_BYTES (1 << 19) /* of the worker's socket pair */

/* Close everything from 3 up that is not in KEEP (ascending order does not matter). */
static void close_others(const int *keep, size_t count)
{
    for (int fd = 3; fd < 1024; fd++) {
        bool wanted = false;
        for (size_t i = 0; i < count; i++)
            wanted = wanted || keep[i] == fd;
        if (!wanted)
            close(fd);
    }
}

void sek_guard_child_begin(const char *name, const int *keep, size_t count)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, name);
    close_others(keep, count);
}

static bool open_queues(struct sek_guard *g)
{
    struct sek_fault fault;
    const int parts[SEK_QUEUES] = {SEK_STATE_ENTRY, SEK_STATE_NAMES};
    bool all = true;
    for (int i = 0; i < SEK_QUEUES; i++) {
        if (g->queue_fd[i] >= 0)
            continue;
        if (sek_queue_open(g->firewall.queue[i], !g->firewall.closed[i], &g->queue_fd[i], &fault)) {
            sek_guard_part(g, parts[i], SEK_PROTECTION_ABSENT, "%.150s", fault.message);
            all = false;
        }
    }
    return all;
}

enum sek_error sek_guard_start_worker(struct sek_guard *g, struct sek_fault *fault)
{
    int pair[2], size = BUFFER_BYTES;
    open_queues(g);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return sek_fail(fault, SEK_EIO, "socketpair: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
        setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    g->worker = fork();
    if (g->worker == 0) {
        struct sek_worker_options o = {
            .settings = g->settings,
            .guard_fd = pair[1],
            .queue_fd = {g->queue_fd[0], g->queue_fd[1]},
            .probe_fd = g->probe_fd,
            .control_fd = g->control_fd,
        };
        const int keep[] = {o.guard_fd, o.queue_fd[0], o.queue_fd[1], o.probe_fd, o.control_fd};
        sek_guard_child_begin("sekisho-worker", keep, sizeof keep / sizeof keep[0]);
        _exit(sek_worker_run(&o));
    }
    close(pair[1]);
    g->worker_fd = pair[0];
    g->worker_started = g->worker_seen = g->ping_sent = sek_clock_mono_us();
    g->restart_at = 0;
    if (g->worker < 0)
        return sek_fail(fault, SEK_EIO, "fork: %s", strerror(errno));
    if (g->keeper_fd >= 0) {
        struct sek_keeper_command c = {SEK_KEEPER_OWN, g->worker, ""};
        send(g->keeper_fd, &c, sizeof c, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    memset(&g->told, 0xff, sizeof g->told); /* it knows nothing yet */
    sek_guard_send_state(g);
    return SEK_OK;
}

/* --- keeper ---------------------------------------------------------------------------------- */

static void forward_record(void *arg, const struct sek_lockdown_record *record)
{
    send(*(int *)arg, record, sizeof *record, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void forward_counters(void *arg, const struct sek_lockdown_shared *shared)
{
    const uint64_t counters[3] = {shared->asked, shared->denied, shared->learned};
    send(*(int *)arg, counters, sizeof counters, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_ready(void *arg, const struct sek_keeper_cover *cover)
{
    struct sek_keeper_ready ready = {
        .mode = (uint8_t)cover->mode,
        .wanted = (uint8_t)cover->wanted,
        .programs = cover->programs,
        .lsm = cover->lsm,
        .failed = cover->failed,
    };
    snprintf(ready.why, sizeof ready.why, "%.*s", (int)sizeof ready.why - 1, cover->why);
    send(*(int *)arg, &ready, sizeof ready, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void keeper_main(struct sek_guard *g, int command, int record)
{
    char allowlist[512];
    struct sek_fault fault;
    struct sek_keeper_options o = {
        .mode = g->filter.inside_mode,
        .allowlist = allowlist,
        .updaters = g->settings->updaters,
        .stall_closed = g->settings->stall_closed,
        .learn_all = true,
        .register_first = !g->filter.listed_only,
        .inline_policy = g->filter.inline_code,
        .strict_scripts = g->filter.strict_scripts,
        .window_only = g->filter.window_only,
        .trust_packages = g->filter.trust_packages,
        .root = g->settings->root,
        .command_fd = command,
        .own = {getppid(), g->worker},
        .on_record = forward_record,
        .on_counters = forward_counters,
        .on_ready = say_ready,
        .arg = &record,
    };
    const int keep[] = {command, record};
    sek_guard_child_begin("sekisho-keeper", keep, 2);
    snprintf(allowlist, sizeof allowlist, "%s/lockdown/allowlist", g->settings->state);
    for (int i = 0; i < 4 && g->filter.scopes[i][0]; i++)
        o.scopes[i] = g->filter.scopes[i];
    for (int i = 0; !g->filter.scopes[0][0] && i < SEK_KEEPER_SCOPES && g->settings->scopes[i]; i++)
        o.scopes[i] = g->settings->scopes[i];
    if (sek_keeper_run(&o, &fault)) {
        struct sek_keeper_ready none = {.mode = SEK_LOCKDOWN_OFF};
        sek_error_log("%s", fault.message);
        snprintf(none.why, sizeof none.why, "%.*s", (int)sizeof none.why - 1, fault.message);
        send(record, &none, sizeof none, MSG_NOSIGNAL);
        _exit(1);
    }
    _exit(0);
}

void sek_guard_start_keeper(struct sek_guard *g)
{
    int command[2], record[2];
    g->keeper_at = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, command))
        return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, record)) {
        close(command[0]);
        close(command[1]);
        return;
    }
    sek_guard_part(g, SEK_STATE_LOCKDOWN, SEK_PROTECTION_PARTIAL, "starting");
    g->keeper = fork();
    if (g->keeper == 0)
        keeper_main(g, command[1], record[1]);
    close(command[1]);
    close(record[1]);
    g->keeper_fd = command[0];
    g->record_fd = record[0];
}

void sek_guard_stop_keeper(struct sek_guard *g)
{
    g->keeper_at = 0;
    if (g->keeper <= 0)
        return;
    close(g->keeper_fd); /* end of file: it removes its marks and ends */
    close(g->record_fd);
    g->keeper_fd = g->record_fd = -1;
    while (waitpid(g->keeper, NULL, 0) < 0 && errno == EINTR)
        ;
    g->keeper = 0;
}

/* --- inventory ------------------------------------------------------------------------------- */

#define WALK_INTERVALS 5           /* inventories between two walks over all files */
#define READ_S         60          /* for reading files that changed, each time */
#define COLLECTOR_RAM  (48u << 20) /* bytes */
#define COLLECTOR_CPU  300         /* seconds */
#define PASSWORD_MS    1000        /* for trying well-known passwords, each time */

/* Beyond an ordinary program the collector may read every file, and at first everybody's
 * /proc/PID/fd. */
static const cap_value_t rights[] = {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE};

/* A file that asks for more memory or time than a device has must cost the collector only. */
static void limit_collector(void)
{
    const struct rlimit memory = {COLLECTOR_RAM, COLLECTOR_RAM};
    const struct rlimit cpu = {COLLECTOR_CPU, COLLECTOR_CPU};
    if (setrlimit(RLIMIT_DATA, &memory) || setrlimit(RLIMIT_CPU, &cpu))
        sek_warning("inventory: limits: %s", strerror(errno));
}

struct collector {
    const struct sek_guard *guard;
    char folder[512]; /* its own */
};

/* Packages, programs and archives may be hostile: whoever parses them may read files and write its
 * own folder, and nothing more. (Landlock also forbids to look into other processes, so their
 * sockets are read before.) */
static enum sek_error confine_collector(void *arg, struct sek_fault *fault)
{
    const struct collector *collector = arg;
    bool landlock;
    if (!sek_rights_keep(rights, 1))
        return sek_fail(fault, SEK_EIO, "rights not dropped: %s", strerror(errno));
    enum sek_error rc = sek_sandbox_files(collector->folder, "/", &landlock, fault);
    return rc ? rc : sek_sandbox_calls(SEK_SANDBOX_DEVICE, fault);
}

/* P is NULL before the posture is known. */
static int send_collection(const struct collector *collector, const struct sek_collection *c,
                           const struct sek_posture *p)
{
    struct sek_text out = {0};
    sek_json_open(&out, NULL, '{');
    sek_collection_write(c, &out);
    if (p)
        sek_posture_write(p, "posture", &out);
    sek_json_close(&out, '}');
    int fd = out.failed ? -1 : sek_memory_file("inventory", out.data, out.len);
    sek_text_free(&out);
    return fd < 0 ||
           sek_message_send(collector->guard->worker_fd, SEK_MESSAGE_INVENTORY, 0, NULL, 0, fd);
}

/* What is matched with advisories is known; the walk over all files takes only what nobody else
 * needs of processor and disk. */
static void send_early(void *arg, const struct sek_collection *c)
{
    const struct sched_param none = {0};
    send_collection(arg, c, NULL);
    /* (musl's function of this name does nothing.) */
    if (syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none))
        sek_warning("inventory: %s", strerror(errno));
}

static void collector_main(struct sek_guard *g)
{
    char root[PATH_MAX];
    static struct sek_posture posture;
    struct collector collector = {.guard = g};
    struct sek_collection c;
    struct sek_fault fault;
    const int keep[] = {g->worker_fd};
    struct sek_inventory_options o = {
        .root = g->settings->root,
        .sbom = g->settings->sbom,
        .cache = collector.folder,
        .walk_every_s = (unsigned)g->settings->inventory_interval * WALK_INTERVALS,
        .read_s = READ_S,
        .confine = confine_collector,
        .early = send_early,
        .arg = &collector,
    };
    sek_guard_child_begin("sekisho-invent", keep, 1);
    errno = 0;
    if (nice(10) < 0 && errno)
        sek_warning("inventory: nice: %s", strerror(errno));
    limit_collector();
    snprintf(collector.folder, sizeof collector.folder, "%s/inventory", g->settings->state);
    if (!sek_rights_keep(rights, 2))
        sek_warning("inventory: rights not dropped: %s", strerror(errno));
    if (sek_collect(&o, &c, &fault)) {
        sek_warning("inventory: %s", fault.message);
        _exit(1);
    }
    sek_root_trim(g->settings->root, root);
    posture = (struct sek_posture){
        .root = root, .device = &c, .memory = collector.folder, .password_ms = PASSWORD_MS};
    sek_posture_check(&posture);
    _exit(send_collection(&collector, &c, &posture));
}

void sek_guard_collect_inventory(struct sek_guard *g)
{
    g->inventory_at = sek_clock_mono_us() + (uint64_t)g->settings->inventory_interval * 1000000u;
    if (g->collector > 0 || g->worker <= 0)
        return;
    g->collector = fork();
    if (g->collector == 0)
        collector_main(g);
}
