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
    struct sek_fault kernel_fault;
    struct sek_allowlist_out list; /* the allowlist's file */
    int fan_fd, signal_fd;
    int record_fd[2]; /* ours, the responder's */
    int learn_fd[2];  /* starts the learner */
    int control_fd;   /* ours */
    pid_t responder, learner;
    int wanted;         /* enum sek_lockdown_mode that was asked for */
    bool registered;    /* the baseline is complete */
    int handing;        /* lists that the responder was given and has not taken yet */
    uint64_t again_at;  /* us: registering failed and is tried again; 0: it did not */
    uint64_t seen_progress, waiting_since; /* us; 0: nothing waits */
};

static void child_main(struct keeper *k, int control)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "sekisho-lockdwn");
    struct sek_responder_options o = {
        .fan_fd = k->fan_fd,
        .record_fd = k->record_fd[1],
        .control_fd = control,
        .shared = k->shared,
        .updaters = k->options->updaters,
        .allowlist = k->options->allowlist,
        .kernel = k->kernel,
    };
    setpriority(PRIO_PROCESS, 0, -10);
    signal(SIGINT, SIG_IGN); /* Ctrl-C ends the keeper, which ends us */
    _exit(sek_responder_run(&o));
}

static enum sek_error start_responder(struct keeper *k, struct sek_fault *fault)
{
    int pair[2];
    char byte;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return sek_fail(fault, SEK_EIO, "lockdown: socketpair: %s", strerror(errno));
    k->responder = fork();
    if (k->responder == 0) {
        close(pair[0]);
        child_main(k, pair[1]);
    }
    close(pair[1]);
    k->control_fd = pair[0];
    k->seen_progress = k->shared->progress;
    k->waiting_since = 0;
    struct pollfd ready = {.fd = pair[0], .events = POLLIN};
    if (k->responder < 0 || poll(&ready, 1, 10000) != 1 || read(pair[0], &byte, 1) != 1)
        return sek_fail(fault, SEK_ESTATE, "lockdown: the responder did not start (is %s sound?)",
                        k->options->allowlist ? k->options->allowlist : "the machine");
    k->shared->own[1] = k->responder;
    k->handing = 0; /* it has read the whole file */
    sek_kernel_guard_task(k->kernel, k->responder, SEK_GUARD_OWN);
    return SEK_OK;
}

static enum sek_error open_group(struct keeper *k, struct sek_fault *fault)
{
    k->fan_fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_QUEUE |
                                  FAN_UNLIMITED_MARKS,
                              O_RDONLY | O_LARGEFILE | O_CLOEXEC);
    if (k->fan_fd < 0)
        return sek_fail(fault, errno == ENOSYS ? SEK_EUNSUPPORTED : SEK_EIO,
                        "fanotify permission events: %s", strerror(errno));
    return SEK_OK;
}

static void stop_responder(struct keeper *k)
{
    close(k->control_fd);
    kill(k->responder, SIGKILL);
    while (waitpid(k->responder, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* Policy `closed`: everything that waits is refused, first what the responder had taken. */
static void refuse_pending(struct keeper *k)
{
    struct fanotify_event_metadata event;
    struct fanotify_response answer = {k->shared->pending_fd, FAN_DENY};
    if (answer.fd >= 0 && write(k->fan_fd, &answer, sizeof answer) < 0)
        sek_warning("lockdown: pending event: %s", strerror(errno));
    while (read(k->fan_fd, &event, sizeof event) > 0) {
        if (event.fd < 0)
            continue;
        answer.fd = event.fd;
        bool own = event.pid == getpid();
        answer.response = own ? FAN_ALLOW : FAN_DENY;
        if (write(k->fan_fd, &answer, sizeof answer) < 0)
            sek_warning("lockdown: waiting event: %s", strerror(errno));
        close(event.fd);
    }
}

static bool keep_none(const void *arg, uint64_t content)
{
    (void)arg;
    (void)content;
    return false;
}

/* The responder stalled or died: release the tasks that wait, and begin anew. */
static enum sek_error replace_responder(struct keeper *k, const char *why, struct sek_fault *fault)
{
    enum sek_error rc;
    stop_responder(k);
    sek_kernel_guard_prune(k->kernel, keep_none, NULL); /* its leases ended with it */
    if (k->options->stall_closed) {
        fanotify_mark(k->fan_fd, FAN_MARK_FLUSH, 0, AT_FDCWD,
                      NULL); /* ignore marks: no lease is left */
        refuse_pending(k);
        sek_warning("lockdown: the responder %s; waiting programs were refused", why);
        return start_responder(k, fault);
    }
    close(k->fan_fd);
    sek_warning("lockdown: the responder %s; waiting programs were released", why);
    if ((rc = open_group(k, fault)) || (rc = start_responder(k, fault)))
        return rc;
    return sek_marks_put(&k->marks, k->fan_fd, fault);
}

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
    struct sek_guard_settings s = {
        .mode = (uint32_t)k->shared->mode,
        .inline_policy = k->options->inline_policy,
    };
    for (unsigned i = 0; i < k->scope_count; i++) {
        struct stat st;
        if (sek_scope_is_all(&k->scopes[i]))
            s.everyone = 1;
        else if (!stat(k->scopes[i].path, &st))
            s.roots[s.scopes++] = (struct sek_guard_file){
                .inode = st.st_ino, .device = sek_ebpf_device(st.st_dev)};
    }
    sek_kernel_guard_set(k->kernel, &s);
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

static void send_allowlist(struct keeper *k)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {"a", 1};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    int fd = open(k->options->allowlist, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    if (sendmsg(k->control_fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        sek_warning("lockdown: allowlist not handed over: %s", strerror(errno));
    else
        k->handing++;
    close(fd);
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
    const struct sek_baseline b = baseline(k);
    struct sek_fault fault;
    char go;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "sekisho-learn");
    setpriority(PRIO_PROCESS, 0, 19);
    if (read(k->learn_fd[0], &go, 1) != 1)
        _exit(1);
    enum sek_error rc = sek_baseline_register(&b, k->wanted == SEK_LOCKDOWN_LEARN, &fault);
    if (rc)
        sek_warning("lockdown: registering what is there: %s", fault.message);
    _exit(rc != SEK_OK);
}

/* In a process of its own, besides what runs meanwhile. */
static void start_learner(struct keeper *k)
{
    const struct sek_baseline b = baseline(k);
    if ((!b.folders && !b.packages) || (k->registered && !b.packages && k->wanted != SEK_LOCKDOWN_LEARN) ||
        k->learner > 0 || !b.allowlist || k->wanted == SEK_LOCKDOWN_OFF ||
        pipe2(k->learn_fd, O_CLOEXEC))
        return;
    k->learner = fork();
    if (k->learner == 0)
        learner_main(k);
    /* It begins when the responder knows it as one of ours. */
    k->shared->own[SEK_LOCKDOWN_PIDS - 1] = k->learner;
    if (write(k->learn_fd[1], "g", 1) != 1)
        sek_warning("lockdown: learning does not begin: %s", strerror(errno));
    close(k->learn_fd[0]);
    close(k->learn_fd[1]);
}

/* The mode that is asked for; but what refuses begins when all that is there is registered and the
 * responder knows it. Until then it is learn mode. True when the mode changed. */
static bool settle_mode(struct keeper *k)
{
    const struct sek_baseline b = baseline(k);
    int mode = k->wanted;
    bool refuses = k->wanted > SEK_LOCKDOWN_LEARN;
    if (refuses && b.allowlist && !k->registered)
        k->registered = sek_baseline_complete(&b);
    if (refuses && ((b.allowlist && !k->registered) ||
                    (k->shared->mode == SEK_LOCKDOWN_LEARN && (k->learner > 0 || k->handing))))
        mode = SEK_LOCKDOWN_LEARN;
    bool changed = k->shared->mode != mode;
    k->shared->mode = mode;
    return changed;
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
    k->wanted = wanted;
    settle_mode(k);
    set_kernel(k);
    start_learner(k);
    say_ready(k);
}

static void learner_ended(struct keeper *k, bool well)
{
    k->learner = 0;
    k->shared->own[SEK_LOCKDOWN_PIDS - 1] = 0;
    take_records(k); /* what the responder learned goes into the file first */
    send_allowlist(k);
    well = well && k->handing;
    k->registered |= well && k->wanted > SEK_LOCKDOWN_LEARN && k->options->temporary_list;
    k->again_at = well ? 0 : sek_clock_mono_us() + AGAIN_US;
    if (!well)
        say_ready(k);
}

/* The responder has the list that it was given. */
static void list_taken(struct keeper *k)
{
    char byte;
    if (recv(k->control_fd, &byte, 1, MSG_DONTWAIT) != 1)
        return;
    k->handing--;
    if (settle_mode(k)) {
        set_kernel(k);
        say_ready(k);
    }
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
        take_records(k); /* what the responder learned until now goes into the file first */
        send_allowlist(k);
    } else if (c.command == SEK_KEEPER_WINDOW) {
        open_window(k, &c);
    }
    for (int i = 2; c.command == SEK_KEEPER_OWN && i < SEK_LOCKDOWN_PIDS - 1; i++) {
        if (!k->shared->own[i] || kill(k->shared->own[i], 0)) {
            k->shared->own[i] = c.value;
            sek_kernel_guard_task(k->kernel, c.value, SEK_GUARD_OWN);
            break;
        }
    }
    return true;
}

/* True: events wait in the group, and nothing has moved for the stall time. */
static bool stalled(struct keeper *k, bool waiting)
{
    uint64_t now = sek_clock_mono_us(), progress = k->shared->progress;
    if (!waiting || progress != k->seen_progress) {
        k->seen_progress = progress;
        k->waiting_since = waiting ? now : 0;
        return false;
    }
    if (!k->waiting_since)
        k->waiting_since = now;
    return now - k->waiting_since >= SEK_KEEPER_STALL_MS * 1000u;
}

/* Events or a taken event that is not answered. */
static bool work_waits(const struct keeper *k)
{
    struct pollfd p = {.fd = k->fan_fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1 || k->shared->pending_fd >= 0;
}

static enum sek_error watch(struct keeper *k, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    bool busy = false;
    uint64_t told = 0;
    int status;
    for (;;) {
        /* While the responder works, look twice within the stall time instead of at every event. */
        struct pollfd wait[] = {
            {.fd = k->signal_fd, .events = POLLIN},
            {.fd = k->record_fd[0], .events = POLLIN},
            {.fd = k->options->command_fd, .events = POLLIN},
            {.fd = busy ? -1 : k->fan_fd, .events = POLLIN},
            {.fd = k->marks.mounts_fd, .events = POLLPRI},
            {.fd = sek_kernel_guard_fd(k->kernel), .events = POLLIN},
            {.fd = k->handing ? k->control_fd : -1, .events = POLLIN},
        };
        poll(wait, 7, busy ? SEK_KEEPER_STALL_MS / 2 : k->again_at ? (int)(AGAIN_US / 1000) : -1);
        if (wait[4].revents)
            sek_marks_follow(&k->marks, k->fan_fd);
        if (wait[5].revents)
            sek_kernel_guard_serve(k->kernel, take_kernel_event, k);
        if (wait[0].revents) {
            struct signalfd_siginfo info;
            if (read(k->signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
                return SEK_OK;
            if (waitpid(k->responder, NULL, WNOHANG) == k->responder &&
                (rc = replace_responder(k, "died", fault)))
                return rc;
            if (k->learner > 0 && waitpid(k->learner, &status, WNOHANG) == k->learner)
                learner_ended(k, WIFEXITED(status) && !WEXITSTATUS(status));
        }
        if (wait[1].revents)
            take_records(k);
        if (wait[6].revents & POLLIN)
            list_taken(k);
        if (k->again_at && sek_clock_mono_us() >= k->again_at)
            start_learner(k);
        if (wait[2].revents && !take_command(k))
            return SEK_OK;
        uint64_t asked = k->shared->asked;
        busy = work_waits(k) || asked != told;
        if (stalled(k, work_waits(k)) && (rc = replace_responder(k, "stalled", fault)))
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
    if (rc || (rc = sek_marks_open(&k->marks, k->scopes, k->scope_count, NULL, fault)))
        return rc;
    k->shared =
        mmap(NULL, sizeof *k->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (k->shared == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, k->record_fd))
        return sek_fail(fault, SEK_EIO, "lockdown: %s", strerror(errno));
    k->wanted = (int)k->options->mode;
    settle_mode(k);
    k->shared->strict_scripts = k->options->strict_scripts;
    k->shared->window_only = k->options->window_only;
    k->shared->own[0] = getpid();
    for (int i = 2; i < SEK_LOCKDOWN_PIDS - 1 && k->options->own[i - 2]; i++)
        k->shared->own[i] = k->options->own[i - 2];
    if (k->options->allowlist && (rc = sek_allowlist_open(&k->list, k->options->allowlist, fault)))
        return rc;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    k->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
    return k->signal_fd < 0 ? sek_fail(fault, SEK_EIO, "signalfd: %s", strerror(errno)) : SEK_OK;
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
    k->marks.kernel = k->kernel;
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
    enum sek_error rc = sek_marks_put(&k->marks, k->fan_fd, fault);
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
    struct keeper k = {.options = options, .list = {NULL, -1}, .fan_fd = -1, .signal_fd = -1};
    struct rlimit files = {4096, 4096};
    enum sek_error rc;
    setrlimit(RLIMIT_NOFILE, &files);
    if ((rc = prepare(&k, fault)) || (rc = open_group(&k, fault)))
        return rc;
    start_kernel(&k);
    if (!(rc = start_responder(&k, fault)) && !(rc = put_in_force(&k, fault)))
        rc = watch(&k, fault);
    /* Closing the group removes every mark and allows what waits. */
    if (k.learner > 0)
        kill(k.learner, SIGKILL);
    if (k.responder > 0)
        stop_responder(&k);
    close(k.fan_fd);
    if (k.kernel)
        sek_kernel_guard_serve(k.kernel, take_kernel_event, &k);
    sek_kernel_guard_close(k.kernel);
    sek_marks_close(&k.marks);
    take_records(&k);
    if (options->on_counters)
        options->on_counters(options->arg, k.shared);
    return rc;
}
