/* Group, marks, responder, watchdog. */
#include "agent/lockdown/keeper.h"
#include "agent/ebpf.h"
#include "agent/settle.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "agent/lockdown/allowlist.h"
#include "agent/lockdown/baseline.h"
#include "agent/lockdown/interpreters.h"
#include "agent/lockdown/kernel.h"
#include "agent/lockdown/lane.h"
#include "agent/lockdown/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_US 60000000u /* between two tries to register what is there */

struct keeper {
    const struct sek_keeper_options *options;
    struct sek_lockdown_shared *shared;
    struct sek_scope scopes[SEK_KEEPER_SCOPES];
    unsigned scope_count;
    struct sek_marks marks;
    struct sek_kernel_guard *kernel; /* NULL: this kernel has none */
    struct sek_guard_settings kernel_settings;
    struct sek_fault kernel_fault;
    struct sek_allowlist_out list; /* the allowlist's file */
    struct sek_lane_options lane_options;
    struct sek_lane lanes[SEK_LANES];
    int signal_fd;
    int record_fd[2]; /* ours, the responders' */
    int learn_fd[2];  /* starts the learner */
    pid_t learner, carrier; /* the latter opens the list for the responders */
    bool carry_again;       /* once more, when it has done so */
    int wanted; /* enum sek_lockdown_mode that was asked for */
    bool waits; /* for what is there to be registered */
    /* Registered as a whole: what all scopes hold, what packages installed; at the start, any of it. */
    bool has_folders, has_packages, has_some;
    struct sek_baseline learning;   /* what the learner registers */
    uint64_t again_at; /* us: registering failed and is tried again; 0: it did not */
};

/* --- lanes ---------------------------------------------------------------------------------------- */

/* Lanes of one kind of server: those of other machines come before those of programs, so that neither
 * can take the other's. */
static const unsigned lane_first[] = {0, 1, 1 + (SEK_LANES - 1) / 2, SEK_LANES};

/* The group for a file system: of its own lane, or when none is left of the last one of its kind. */
static int group_of(void *arg, const char *type, const char *device)
{
    struct keeper *k = arg;
    struct sek_fault fault;
    enum sek_server server = sek_server_of(type);
    struct sek_lane *lane = NULL;
    for (unsigned i = lane_first[server]; i < lane_first[server + 1] && !lane; i++) {
        bool unused = k->lanes[i].fan_fd < 0;
        if (unused || server == SEK_SERVER_NONE || !strcmp(k->lanes[i].device, device))
            lane = &k->lanes[i];
        if (unused && sek_lane_open(lane, i, device, server, &k->lane_options, &fault)) {
            sek_warning("%s", fault.message);
            return -1;
        }
    }
    return lane ? lane->fan_fd : k->lanes[lane_first[server + 1] - 1].fan_fd;
}

static void leave_lanes(void *arg, int group)
{
    const struct keeper *k = arg;
    sek_lanes_leave(k->lanes, group);
}

static void note_guest(void *arg, dev_t device)
{
    struct sek_lockdown_shared *shared = ((struct keeper *)arg)->shared;
    for (unsigned i = 0; i < SEK_GUESTS; i++) {
        if (shared->guests[i] == device)
            return;
    }
    shared->guests[shared->next_guest++ % SEK_GUESTS] = device;
}

static enum sek_error replace(struct keeper *k, struct sek_lane *lane, bool ended,
                              struct sek_fault *fault)
{
    bool empty;
    enum sek_error rc = sek_lane_replace(lane, &k->lane_options, ended, &empty, fault);
    return rc || !empty ? rc : sek_marks_put(&k->marks, false, fault);
}

static void close_lanes(struct keeper *k)
{
    for (unsigned i = 0; i < SEK_LANES; i++) {
        if (k->lanes[i].fan_fd >= 0)
            sek_lane_close(&k->lanes[i], &k->lane_options);
    }
}

/* --- records, settings ------------------------------------------------------------------------------ */

/* What the kernel's programs refused, as a record like the responder's. */
static void take_kernel_event(void *arg, const struct sek_guard_event *e)
{
    struct keeper *k = arg;
    char path[40];
    struct sek_lockdown_record record = {
        .what = e->blocked ? SEK_LOCKDOWN_DENIED : SEK_LOCKDOWN_WOULD_DENY,
        .exec = true,
        .reason = (uint8_t)e->reason,
        .pid = (int32_t)e->tgid,
    };
    snprintf(record.path, sizeof record.path, "%.*s", (int)sizeof e->path - 1, e->path);
    snprintf(path, sizeof path, "/proc/%u/exe", e->tgid);
    ssize_t n = readlink(path, record.program, sizeof record.program - 1);
    record.program[n > 0 ? n : 0] = '\0';
    k->shared->denied += e->blocked;
    k->options->on_record(k->options->arg, &record);
}

static void set_kernel(struct keeper *k)
{
    k->kernel_settings.mode = (uint32_t)k->shared->mode;
    sek_kernel_guard_set(k->kernel, &k->kernel_settings);
}

static void take_records(struct keeper *k)
{
    struct sek_lockdown_record record;
    while (recv(k->record_fd[0], &record, sizeof record, MSG_DONTWAIT) == sizeof record) {
        record.path[sizeof record.path - 1] = '\0';
        record.program[sizeof record.program - 1] = '\0';
        bool learned = record.what == SEK_LOCKDOWN_LEARNED || record.what == SEK_LOCKDOWN_UPDATED;
        if (learned && k->list.fd >= 0 &&
            sek_allowlist_append(&k->list, record.digest, record.path))
            sek_warning("lockdown: %s: cannot write: %s", k->options->allowlist, strerror(errno));
        k->options->on_record(k->options->arg, &record);
    }
}

/* A responder that has gone meanwhile needs none: the next one reads the list itself. */
static void carry(int fd, int control_fd)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"a", 1};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    sendmsg(control_fd, &m, MSG_NOSIGNAL);
}

/* The list goes to the responders. It is opened by a child: its opening waits for a responder, and when
 * that one stalls the keeper must not. */
static void send_allowlist(struct keeper *k)
{
    k->carry_again = k->carrier > 0;
    if (k->carry_again)
        return;
    take_records(k); /* what was learned goes into the file first */
    k->carrier = fork();
    if (k->carrier == 0) {
        sek_lanes_leave(k->lanes, -1);
        int fd = open(k->options->allowlist, O_RDONLY | O_CLOEXEC);
        for (unsigned i = 0; i < SEK_LANES && fd >= 0; i++) {
            if (k->lanes[i].control_fd >= 0)
                carry(fd, k->lanes[i].control_fd);
        }
        _exit(fd < 0);
    }
    for (unsigned i = 0; i < SEK_LANES && k->carrier > 0; i++)
        k->lanes[i].handing += k->lanes[i].fan_fd >= 0;
}

static bool is_handing(const struct keeper *k)
{
    for (unsigned i = 0; i < SEK_LANES; i++) {
        if (k->lanes[i].fan_fd >= 0 && k->lanes[i].handing && !k->lanes[i].stuck)
            return true;
    }
    return false;
}

/* --- registering what is there --------------------------------------------------------------------- */

static struct sek_baseline baseline(const struct keeper *k)
{
    const struct sek_keeper_options *o = k->options;
    return (struct sek_baseline){
        .scopes = k->scopes,
        .scope_count = k->scope_count,
        .folders = k->wanted == SEK_LOCKDOWN_LEARN ? o->learn_all : o->register_first,
        .packages = o->trust_packages,
        .root = o->root,
        .allowlist = o->allowlist,
        .forget = o->temporary_list,
    };
}

static void learner_main(struct keeper *k)
{
    struct sek_fault fault;
    char go;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "sekisho-learn");
    setpriority(PRIO_PROCESS, 0, 19);
    if (read(k->learn_fd[0], &go, 1) != 1)
        _exit(1);
    enum sek_error rc =
        sek_baseline_register(&k->learning, k->wanted == SEK_LOCKDOWN_LEARN, &fault);
    if (rc)
        sek_warning("lockdown: registering what is there: %s", fault.message);
    _exit(rc != SEK_OK);
}

/* In a process of its own, besides what runs meanwhile. False: there is nothing to be done, or it is
 * being done. */
static bool start_learner(struct keeper *k)
{
    const struct sek_baseline b = baseline(k);
    bool folders = b.folders && (!k->has_folders || k->wanted == SEK_LOCKDOWN_LEARN);
    if ((!folders && !b.packages) || k->learner > 0 || !b.allowlist ||
        k->wanted == SEK_LOCKDOWN_OFF || pipe2(k->learn_fd, O_CLOEXEC))
        return false;
    k->learning = b;
    k->learner = fork();
    if (k->learner == 0) {
        sek_lanes_leave(k->lanes, -1);
        learner_main(k);
    }
    /* It begins when the responder knows it as one of ours. */
    k->shared->own[SEK_OWN_LEARNER] = k->learner;
    if (write(k->learn_fd[1], "g", 1) != 1)
        sek_warning("lockdown: learning does not begin: %s", strerror(errno));
    close(k->learn_fd[0]);
    close(k->learn_fd[1]);
    return true;
}

/* The mode that is asked for; but what refuses begins when all that is there is registered and the
 * responders know it. Until then it is learn mode, or detect when a part was registered before: what
 * runs there then may be what came since. True when the mode changed. */
static bool settle_mode(struct keeper *k)
{
    const struct sek_baseline b = baseline(k);
    bool missing = b.allowlist && ((b.folders && !k->has_folders) || (b.packages && !k->has_packages));
    int before = k->shared->mode, mode = k->wanted;
    k->waits = k->wanted > SEK_LOCKDOWN_LEARN &&
               (missing || ((k->waits || before == SEK_LOCKDOWN_LEARN) &&
                            (k->learner > 0 || k->carrier > 0 || is_handing(k))));
    if (k->waits)
        mode = before == SEK_LOCKDOWN_LEARN || !k->has_some ? SEK_LOCKDOWN_LEARN : SEK_LOCKDOWN_DETECT;
    k->shared->mode = mode;
    return before != mode;
}

static void say_ready(struct keeper *k)
{
    const struct sek_keeper_cover cover = {
        .programs = k->kernel != NULL,
        .lsm = sek_kernel_guard_has_lsm(k->kernel),
        .why = k->kernel_fault.message,
        .mode = (enum sek_lockdown_mode)k->shared->mode,
        .wanted = (enum sek_lockdown_mode)k->wanted,
        .failed = k->again_at != 0,
    };
    if (k->options->on_ready)
        k->options->on_ready(k->options->arg, &cover);
}

static void change_mode(struct keeper *k, int wanted)
{
    bool learned = k->shared->mode == SEK_LOCKDOWN_LEARN && wanted > SEK_LOCKDOWN_LEARN;
    k->wanted = wanted;
    if (learned && k->options->allowlist)
        send_allowlist(k); /* what one responder learned the others are to know */
    settle_mode(k);
    set_kernel(k);
    start_learner(k);
    say_ready(k);
}

static void settle_again(struct keeper *k)
{
    if (settle_mode(k)) {
        set_kernel(k);
        say_ready(k);
    }
}

static void try_again(struct keeper *k, bool failed)
{
    k->again_at = failed ? sek_clock_mono_us() + AGAIN_US : 0;
    if (failed)
        say_ready(k);
}

static void learner_ended(struct keeper *k, bool well)
{
    k->learner = 0;
    k->shared->own[SEK_OWN_LEARNER] = 0;
    k->has_folders |= well && k->learning.folders;
    k->has_packages |= well && k->learning.packages;
    send_allowlist(k);
    try_again(k, !well);
}

/* The list was handed to the responders, or it could not be opened. */
static void carrier_ended(struct keeper *k, bool well)
{
    k->carrier = 0;
    for (unsigned i = 0; i < SEK_LANES && !well; i++)
        sek_lane_unhanded(&k->lanes[i]);
    if (!well)
        sek_warning("lockdown: the allowlist was not handed over");
    if (k->carry_again)
        send_allowlist(k);
    else
        settle_again(k);
    if (!well)
        try_again(k, true);
}

static void open_window(struct keeper *k, const struct sek_keeper_command *c)
{
    k->shared->window_until = 0;
    snprintf(k->shared->window_updater, sizeof k->shared->window_updater, "%.*s",
             (int)sizeof c->updater - 1, c->updater);
    if (c->value > 0)
        k->shared->window_until = sek_clock_mono_us() + (uint64_t)c->value * 1000000u;
    sek_info("lockdown: maintenance window %s%s", c->value > 0 ? "open" : "closed",
             k->shared->window_updater);
}

/* False at the end of the command socket. */
static bool take_command(struct keeper *k)
{
    struct sek_keeper_command c;
    ssize_t n = recv(k->options->command_fd, &c, sizeof c, MSG_DONTWAIT);
    if (n == 0)
        return false;
    if (n != sizeof c)
        return errno == EAGAIN || errno == EINTR;
    if (c.command == SEK_KEEPER_MODE && c.value >= SEK_LOCKDOWN_OFF &&
        c.value <= SEK_LOCKDOWN_ENFORCE) {
        change_mode(k, c.value);
    } else if (c.command == SEK_KEEPER_ALLOWLIST) {
        send_allowlist(k);
    } else if (c.command == SEK_KEEPER_WINDOW) {
        open_window(k, &c);
    }
    for (int i = SEK_OWN_OTHERS; c.command == SEK_KEEPER_OWN && i < SEK_LOCKDOWN_PIDS; i++) {
        if (!k->shared->own[i] || kill(k->shared->own[i], 0)) {
            k->shared->own[i] = c.value;
            sek_kernel_guard_task(k->kernel, c.value, SEK_GUARD_OWN);
            break;
        }
    }
    return true;
}

static struct sek_lane *lane_of(struct keeper *k, pid_t responder)
{
    for (unsigned i = 0; i < SEK_LANES; i++) {
        if (k->lanes[i].fan_fd >= 0 && k->lanes[i].responder == responder)
            return &k->lanes[i];
    }
    return NULL;
}

static enum sek_error serve_children(struct keeper *k, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    int status;
    for (pid_t pid; !rc && (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        bool well = WIFEXITED(status) && !WEXITSTATUS(status);
        struct sek_lane *lane = lane_of(k, pid);
        if (lane)
            rc = replace(k, lane, true, fault);
        else if (pid == k->learner)
            learner_ended(k, well);
        else if (pid == k->carrier)
            carrier_ended(k, well);
    }
    return rc;
}

/* The watchdog: see lane.h. *BUSY: somebody has work. */
static enum sek_error watch_lanes(struct keeper *k, bool *busy, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    for (unsigned i = 0; i < SEK_LANES && !rc; i++) {
        struct sek_lane *lane = &k->lanes[i];
        if (sek_lane_stalled(lane, &k->lane_options))
            rc = replace(k, lane, false, fault);
        *busy = *busy || (!lane->stuck && sek_lane_has_work(lane, &k->lane_options));
    }
    return rc;
}

enum { WAIT_SIGNAL, WAIT_RECORDS, WAIT_COMMAND, WAIT_MOUNTS, WAIT_KERNEL, WAIT_LANES };

static enum sek_error watch(struct keeper *k, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    bool busy = false;
    uint64_t told = 0;
    for (;;) {
        struct pollfd wait[WAIT_LANES + 2 * SEK_LANES] = {
            [WAIT_SIGNAL] = {.fd = k->signal_fd, .events = POLLIN},
            [WAIT_RECORDS] = {.fd = k->record_fd[0], .events = POLLIN},
            [WAIT_COMMAND] = {.fd = k->options->command_fd, .events = POLLIN},
            [WAIT_MOUNTS] = {.fd = k->marks.mounts_fd, .events = POLLPRI},
            [WAIT_KERNEL] = {.fd = sek_kernel_guard_fd(k->kernel), .events = POLLIN},
        };
        /* While a responder works, look twice within the stall time instead of at every event. */
        for (unsigned i = 0; i < SEK_LANES; i++) {
            const struct sek_lane *lane = &k->lanes[i];
            bool known = busy || lane->stuck;
            wait[WAIT_LANES + i] =
                (struct pollfd){.fd = known ? -1 : lane->fan_fd, .events = POLLIN};
            wait[WAIT_LANES + SEK_LANES + i] =
                (struct pollfd){.fd = lane->handing ? lane->control_fd : -1, .events = POLLIN};
        }
        poll(wait, sizeof wait / sizeof wait[0],
             busy ? SEK_LANE_STALL_MS / 2 : k->again_at ? (int)(AGAIN_US / 1000) : -1);
        if (wait[WAIT_MOUNTS].revents)
            sek_marks_follow(&k->marks);
        if (wait[WAIT_KERNEL].revents)
            sek_kernel_guard_serve(k->kernel, take_kernel_event, k);
        if (wait[WAIT_SIGNAL].revents) {
            struct signalfd_siginfo info;
            if (read(k->signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
                return SEK_OK;
            if ((rc = serve_children(k, fault)))
                return rc;
        }
        if (wait[WAIT_RECORDS].revents)
            take_records(k);
        for (unsigned i = 0; i < SEK_LANES; i++) {
            if (!(wait[WAIT_LANES + SEK_LANES + i].revents & POLLIN))
                continue;
            sek_lane_heard(&k->lanes[i]);
            settle_again(k);
        }
        if (k->again_at && sek_clock_mono_us() >= k->again_at) {
            k->again_at = 0;
            if (!start_learner(k))
                send_allowlist(k);
        }
        if (wait[WAIT_COMMAND].revents && !take_command(k))
            return SEK_OK;
        uint64_t asked = k->shared->asked;
        busy = asked != told;
        if ((rc = watch_lanes(k, &busy, fault)))
            return rc;
        if (asked != told && k->options->on_counters)
            k->options->on_counters(k->options->arg, k->shared);
        told = asked;
    }
}

static enum sek_error prepare(struct keeper *k, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    sigset_t set;
    for (; k->scope_count < SEK_KEEPER_SCOPES && k->options->scopes[k->scope_count] && !rc;
         k->scope_count++)
        rc = sek_scope_open(k->options->scopes[k->scope_count], &k->scopes[k->scope_count], fault);
    k->marks = (struct sek_marks){
        .scopes = k->scopes,
        .scope_count = k->scope_count,
        .group_of = group_of,
        .on_child = leave_lanes,
        .on_guest = note_guest,
        .arg = k,
    };
    if (rc || (rc = sek_marks_open(&k->marks, fault)))
        return rc;
    k->shared =
        mmap(NULL, sizeof *k->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k->shared == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, k->record_fd))
        return sek_fail(fault, SEK_EIO, "lockdown: %s", strerror(errno));
    k->wanted = (int)k->options->mode;
    k->shared->strict_scripts = k->options->strict_scripts;
    k->shared->window_only = k->options->window_only;
    k->shared->own[SEK_OWN_KEEPER] = getpid();
    for (size_t i = 0; i < sizeof k->options->own / sizeof k->options->own[0] && k->options->own[i]; i++)
        k->shared->own[SEK_OWN_OTHERS + i] = k->options->own[i];
    if (k->options->allowlist && (rc = sek_allowlist_open(&k->list, k->options->allowlist, fault)))
        return rc;
    if (k->options->allowlist) {
        const struct sek_baseline b = baseline(k);
        k->has_some = sek_baseline_remembered(&b, &k->has_folders, &k->has_packages);
    }
    settle_mode(k);
    k->lane_options = (struct sek_lane_options){
        .shared = k->shared,
        .updaters = k->options->updaters,
        .allowlist = k->options->allowlist,
        .record_fd = k->record_fd[1],
        .stall_closed = k->options->stall_closed,
        .lanes = k->lanes,
    };
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return k->signal_fd < 0 ? sek_fail(fault, SEK_EIO, "signalfd: %s", strerror(errno)) : SEK_OK;
}

/* Looked up while nothing is marked: later the server of a share may be asked for by who waits for us. */
static void find_roots(struct keeper *k)
{
    struct sek_guard_settings *s = &k->kernel_settings;
    s->inline_policy = k->options->inline_policy;
    for (unsigned i = 0; i < k->scope_count; i++) {
        struct stat st;
        if (sek_scope_is_all(&k->scopes[i]))
            s->everyone = 1;
        else if (!stat(k->scopes[i].path, &st))
            s->roots[s->scopes++] = (struct sek_guard_file){
                .inode = st.st_ino, .device = sek_ebpf_device(st.st_dev)};
    }
}

/* The kernel's programs, before anything is marked; without them lockdown goes on. */
static void start_kernel(struct keeper *k)
{
    if (k->options->without_kernel)
        sek_fail(&k->kernel_fault, SEK_EUNSUPPORTED, "switched off");
    else if (!sek_kernel_guard_open(&k->kernel, &k->kernel_fault))
        k->kernel_fault.message[0] = '\0';
    if (!k->kernel)
        return;
    find_roots(k);
    k->marks.kernel = k->lane_options.kernel = k->kernel;
    for (int i = 0; i < SEK_LOCKDOWN_PIDS; i++) {
        if (k->shared->own[i])
            sek_kernel_guard_task(k->kernel, k->shared->own[i], SEK_GUARD_OWN);
    }
    for (const char *const *u = k->options->updaters; u && *u; u++) {
        const struct sek_guard_program updater = {.flags = SEK_GUARD_IS_UPDATER};
        struct stat st;
        if (!stat(*u, &st))
            sek_kernel_guard_program(k->kernel, &st, &updater);
    }
    sek_interpreters_usual(k->kernel);
    sek_settle(); /* loading took megabytes for a moment; the responder begins without them */
}

static enum sek_error put_in_force(struct keeper *k, struct sek_fault *fault)
{
    enum sek_error rc = sek_marks_put(&k->marks, true, fault);
    if (rc)
        return rc;
    sek_kernel_guard_seed(k->kernel);
    set_kernel(k);
    say_ready(k);
    start_learner(k);
    return SEK_OK;
}

enum sek_error sek_keeper_run(const struct sek_keeper_options *options, struct sek_fault *fault)
{
    struct keeper k = {.options = options, .list = {NULL, -1}, .signal_fd = -1};
    struct rlimit files = {4096, 4096};
    enum sek_error rc;
    setrlimit(RLIMIT_NOFILE, &files);
    for (unsigned i = 0; i < SEK_LANES; i++)
        k.lanes[i] = SEK_LANE_CLOSED;
    if ((rc = prepare(&k, fault)))
        return rc;
    start_kernel(&k);
    if (!(rc = sek_lane_open(&k.lanes[0], 0, "", SEK_SERVER_NONE, &k.lane_options, fault)) &&
        !(rc = put_in_force(&k, fault)))
        rc = watch(&k, fault);
    if (k.learner > 0)
        kill(k.learner, SIGKILL);
    close_lanes(&k);
    if (k.kernel)
        sek_kernel_guard_serve(k.kernel, take_kernel_event, &k);
    sek_kernel_guard_close(k.kernel);
    sek_marks_close(&k.marks);
    take_records(&k);
    if (options->on_counters)
        options->on_counters(options->arg, k.shared);
    return rc;
}
