/* The permission loop. See responder.h for what it promises. */
#include "agent/lockdown/responder.h"
#include "agent/filehash.h"
#include "agent/lockdown/interpreters.h"
#include "agent/lockdown/judge.h"
#include "agent/lockdown/kernel.h"
#include "agent/lockdown/lease.h"
#include "agent/lockdown/marks.h"
#include "agent/lockdown/opener.h"
#include "agent/lockdown/script.h"
#include "agent/lockdown/updater.h"
#include "agent/settle.h"
#include "lib/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SWEEP_MS 60000

#define DATA_MAX  (256u << 10) /* bytes of a data file whose verdict is worth caching */
#define DATA_SEEN 2048         /* data files that are remembered as opened before */
#define DATA_KEPT 3 /* how often one is kept: a file that is written again and again is not */

#define RECENT 256 /* digests that may not be in the allowlist's file yet */

/* A data file that was opened before. */
struct seen {
    uint64_t device, inode;
    unsigned kept;
};

struct responder {
    const struct sek_responder_options *options;
    struct sek_lockdown_shared *shared;
    struct sek_judge judge;
    struct sek_updaters updaters;
    struct sek_interpreters interpreters;
    int signal_fd;
    bool in_window;             /* at the last question */
    uint8_t recent[RECENT][32]; /* learned since the allowlist was loaded */
    unsigned recent_count;
    struct seen seen[DATA_SEEN];
};

/* What is known of the file and the opener of one event. */
struct question {
    int fd;
    pid_t pid;
    bool exec;
    enum sek_file_kind kind;
    enum sek_lease lease;
    struct stat st;
    uint8_t digest[32];
    bool hashed;
};

const char *sek_lockdown_mode_name(enum sek_lockdown_mode mode)
{
    static const char *const names[] = {"off", "learn", "detect", "enforce"};
    return names[mode];
}

bool sek_lockdown_mode_parse(const char *name, enum sek_lockdown_mode *mode)
{
    for (int i = SEK_LOCKDOWN_OFF; i <= SEK_LOCKDOWN_ENFORCE; i++) {
        if (!strcmp(name, sek_lockdown_mode_name(i))) {
            *mode = i;
            return true;
        }
    }
    return false;
}

static void read_link(const char *path, char *out, size_t size)
{
    ssize_t n = readlink(path, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
}

static void program_of(pid_t pid, char *out, size_t size)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    read_link(path, out, size);
}

static void tell(struct responder *r, const struct question *q, enum sek_lockdown_what what)
{
    char path[40];
    struct sek_lockdown_record record = {
        .what = (uint8_t)what,
        .kind = (uint8_t)q->kind,
        .exec = q->exec,
        .pid = q->pid,
    };
    memcpy(record.digest, q->digest, 32);
    snprintf(path, sizeof path, "/proc/self/fd/%d", q->fd);
    read_link(path, record.path, sizeof record.path);
    program_of(q->pid, record.program, sizeof record.program);
    if (send(r->options->record_fd, &record, sizeof record, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        r->shared->lost++;
}

/* The interpreter that the opener runs, or NULL: by its program's name, and by its inode when it is
 * a registered interpreter under another name. */
static const struct sek_interpreter *opener_of(struct responder *r, const struct question *q)
{
    char program[256];
    program_of(q->pid, program, sizeof program);
    const char *base = strrchr(program, '/');
    base = base ? base + 1 : program;
    if (!strncmp(base, "busybox", 7))
        return sek_interpreter_applet(q->pid);
    const struct sek_interpreter *named = sek_interpreter_named(base);
    return named ? named : sek_interpreters_running(&r->interpreters, q->pid);
}

/* Is opening this file running it? */
static bool is_script(struct responder *r, struct question *q)
{
    char path[PATH_MAX], name[40];
    if (q->kind == SEK_FILE_ELF)
        return false;
    const struct sek_interpreter *interpreter = opener_of(r, q);
    if (!interpreter)
        return false;
    if (q->kind == SEK_FILE_SCRIPT && sek_interpreter_runs_marked(interpreter))
        return true;
    snprintf(name, sizeof name, "/proc/self/fd/%d", q->fd);
    read_link(name, path, sizeof path);
    const char *base = strrchr(path, '/');
    if (sek_script_is_meant(interpreter, q->pid, base ? base + 1 : path, &q->st) ||
        (r->shared->strict_scripts && !sek_interpreter_edits(interpreter) &&
         sek_file_is_text(q->fd))) {
        q->kind = SEK_FILE_SCRIPT;
        return true;
    }
    return false;
}

/* The digest, once for each question. A file that cannot be read whole is never registered. */
static bool is_registered(struct responder *r, struct question *q)
{
    int64_t now = (int64_t)(sek_clock_wall_us() * 1000u);
    if (!q->hashed) {
        bool may_change =
            q->lease != SEK_LEASE_TAKEN || r->options->server == SEK_SERVER_PROGRAM;
        if (sek_judge_digest(&r->judge, q->fd, &q->st, may_change, now,
                             &r->options->pulse->progress, q->digest))
            return false;
        q->hashed = true;
        r->shared->hashed = r->judge.hashed;
    }
    if (!sek_allowlist_has(&r->judge.allowlist, q->digest))
        return false;
    if (!q->exec || !sek_mode_is_set_id(q->st.st_mode))
        return true;
    uint8_t set_id[32];
    sek_allowlist_set_id(q->digest, set_id);
    return sek_allowlist_has(&r->judge.allowlist, set_id);
}

/* A program that is registered, and that nobody is writing. */
static void approve(struct responder *r, const struct question *q)
{
    sek_kernel_guard_approve(r->options->kernel, &q->st,
                             q->exec && sek_mode_is_set_id(q->st.st_mode),
                             sek_allowlist_content(q->digest));
    if (q->exec || q->kind == SEK_FILE_ELF)
        sek_interpreters_note(&r->interpreters, q->fd, &q->st, q->digest, r->options->kernel);
}

static bool learn(struct responder *r, struct question *q, enum sek_lockdown_what what)
{
    if (!q->hashed)
        return false;
    if (sek_allowlist_add(&r->judge.allowlist, q->digest) == SEK_OK) {
        r->shared->learned++;
        memcpy(r->recent[r->recent_count++ % RECENT], q->digest, 32);
        tell(r, q, what);
    }
    if (q->exec && sek_mode_is_set_id(q->st.st_mode)) {
        struct question set_id = *q;
        sek_allowlist_set_id(q->digest, set_id.digest);
        if (sek_allowlist_add(&r->judge.allowlist, set_id.digest) == SEK_OK) {
            memcpy(r->recent[r->recent_count++ % RECENT], set_id.digest, 32);
            tell(r, &set_id, what);
        }
    }
    if (q->exec || q->kind != SEK_FILE_DATA)
        approve(r, q);
    return true;
}

/* Reading an ELF file can be told from mapping it as code only by BPF LSM, which refuses that; it
 * must see the file where it lies as the responder does. */
static bool may_be_read(const struct responder *r, const struct question *q)
{
    return q->kind == SEK_FILE_ELF && !q->exec && sek_kernel_guard_has_lsm(r->options->kernel) &&
           sek_kernel_guard_covers(r->options->kernel, &q->st);
}

/* Does the kernel read the file for others, as its NFS server does? It starts and loads none so; a
 * helper that it starts is an execution, where the kernel tells one from an open. */
static bool is_handed_on(const struct question *q)
{
    return !q->exec && sek_marks_events() & FAN_OPEN_EXEC_PERM && sek_opener_is_kernel(q->pid);
}

/* A program that is not registered, in the present mode. */
static bool allow_unknown(struct responder *r, struct question *q, bool updater)
{
    bool was_updated = sek_updaters_has(&r->updaters, q->st.st_dev, q->st.st_ino);
    if (updater || is_handed_on(q))
        return true;
    if (was_updated && q->lease != SEK_LEASE_WRITER) {
        sek_updaters_forget(&r->updaters, q->st.st_dev, q->st.st_ino);
        return learn(r, q, SEK_LOCKDOWN_UPDATED);
    }
    if (r->shared->mode != SEK_LOCKDOWN_LEARN && may_be_read(r, q))
        return true;
    if (!q->exec && q->lease == SEK_LEASE_WRITER && sek_opener_only_writes(q->pid))
        return true; /* a shell that makes a script, say */
    switch (r->shared->mode) {
    case SEK_LOCKDOWN_LEARN:
        if (q->lease != SEK_LEASE_WRITER)
            learn(r, q, SEK_LOCKDOWN_LEARNED);
        return true;
    case SEK_LOCKDOWN_ENFORCE:
        tell(r, q, SEK_LOCKDOWN_DENIED);
        return false;
    case SEK_LOCKDOWN_DETECT:
        tell(r, q, SEK_LOCKDOWN_WOULD_DENY);
        return true;
    default:
        return true;
    }
}

/* Is the opener, or an ancestor, a program that is trusted to install, now? */
static bool is_updater(struct responder *r, pid_t pid)
{
    bool window = sek_clock_mono_us() < r->shared->window_until;
    if (r->in_window && !window)
        sek_updaters_forget_processes(&r->updaters);
    r->in_window = window;
    const char *more = window && r->shared->window_updater[0] ? r->shared->window_updater : NULL;
    return (window || !r->shared->window_only) && sek_updaters_process(&r->updaters, pid, more);
}

/* The opener is a possible writer: what an updater began is an updater's only while nobody else
 * writes it. */
static void note_writer(struct responder *r, const struct question *q, bool updater)
{
    if (updater && q->st.st_size == 0)
        sek_updaters_wrote(&r->updaters, q->st.st_dev, q->st.st_ino);
    else if (!updater && q->lease == SEK_LEASE_WRITER)
        sek_updaters_forget(&r->updaters, q->st.st_dev, q->st.st_ino);
}

/* Somebody has the file open for writing, and may change it from now on without another open, and
 * through a mapping on tmpfs without another change time: what is remembered ends here. */
static void forget(void *arg, const struct stat *st)
{
    struct responder *r = arg;
    sek_judge_forget(&r->judge, st->st_dev, st->st_ino);
    sek_kernel_guard_disapprove(r->options->kernel, st);
}

static void take_lease(struct responder *r, struct question *q)
{
    q->lease = sek_lease_take(q->fd);
    if (q->lease == SEK_LEASE_WRITER)
        forget(r, &q->st);
}

/* May a data file be ignored from now on? Only when its content is registered as well: an
 * interpreter may open it next, and nobody would be asked. So small files that are opened again and
 * again (the headers that a compiler reads) are registered in learn mode, and cost nothing
 * afterwards. */
static bool keep_data(struct responder *r, struct question *q)
{
    uint64_t h = (q->st.st_ino ^ q->st.st_dev << 32) * 0x9e3779b97f4a7c15u;
    struct seen *s = &r->seen[(h >> 40) % DATA_SEEN];
    if (q->st.st_size > DATA_MAX)
        return false;
    if (s->inode != q->st.st_ino || s->device != q->st.st_dev) {
        *s = (struct seen){.device = q->st.st_dev, .inode = q->st.st_ino};
        return false;
    }
    if (s->kept == DATA_KEPT)
        return false;
    take_lease(r, q);
    if (q->lease != SEK_LEASE_TAKEN)
        return false;
    bool registered = is_registered(r, q);
    if (!registered && r->shared->mode == SEK_LOCKDOWN_LEARN)
        registered = learn(r, q, SEK_LOCKDOWN_LEARNED);
    s->kept = registered ? s->kept + 1 : DATA_KEPT;
    return registered;
}

/* True: allow. *KEEP is set when the file may be ignored from now on. Data files are the most:
 * nothing is asked of /proc for them but who opens. */
static bool judge_open(struct responder *r, struct question *q, bool *keep)
{
    *keep = false;
    if (r->shared->mode == SEK_LOCKDOWN_OFF || fstat(q->fd, &q->st) || !S_ISREG(q->st.st_mode))
        return true;
    q->kind = sek_file_kind_fd(q->fd);
    if (q->kind == SEK_FILE_ELF && !q->exec && sek_file_is_object(q->fd))
        q->kind = SEK_FILE_DATA; /* a compiler's: neither started nor loaded */
    bool runs = q->exec || q->kind == SEK_FILE_ELF || is_script(r, q);
    bool tracked = sek_updaters_has(&r->updaters, q->st.st_dev, q->st.st_ino);
    if (!runs &&
        (q->kind == SEK_FILE_SCRIPT || sek_judge_knows(&r->judge, q->st.st_dev, q->st.st_ino)))
        take_lease(r, q);
    if (!runs && !tracked && q->st.st_size > 0) {
        *keep = keep_data(r, q);
        return true;
    }
    take_lease(r, q);
    if (!runs && !tracked && q->lease != SEK_LEASE_WRITER)
        return true; /* an empty file that is read */
    bool registered = runs && is_registered(r, q);
    if (registered && q->lease != SEK_LEASE_WRITER) {
        *keep = q->lease == SEK_LEASE_TAKEN && q->kind != SEK_FILE_DATA;
        approve(r, q);
        return true;
    }
    bool updater = is_updater(r, q->pid);
    note_writer(r, q, updater);
    /* Registered, but open for writing: what is read now need not be what runs then. */
    return !runs || allow_unknown(r, q, updater);
}

bool sek_lockdown_is_own(const struct sek_lockdown_shared *shared, pid_t pid)
{
    for (int i = 0; i < SEK_LOCKDOWN_PIDS; i++) {
        if (pid > 0 && shared->own[i] == pid)
            return true;
    }
    return pid == getpid();
}

/* Files whose verdict never lies in the kernel: on file systems that are served, or may be unmounted. */
static bool is_passing(const struct responder *r, const struct question *q)
{
    for (int i = 0; i < SEK_GUESTS; i++) {
        if (r->shared->guests[i] == q->st.st_dev && q->st.st_dev)
            return true;
    }
    return r->options->server != SEK_SERVER_NONE;
}

static void answer(struct responder *r, const struct fanotify_event_metadata *event)
{
    struct question q = {
        .fd = event->fd,
        .pid = event->pid,
        .exec = (event->mask & FAN_OPEN_EXEC_PERM) != 0,
        .lease = SEK_LEASE_NONE,
    };
    bool keep = false, allow;
    r->shared->asked++;
    r->options->pulse->progress++;
    r->options->pulse->pending_fd = event->fd;
    allow = sek_lockdown_is_own(r->shared, event->pid) || judge_open(r, &q, &keep);
    if (keep && !is_passing(r, &q) && sek_lease_keep(r->options->fan_fd, q.fd))
        r->shared->ignored++;
    else
        keep = false;
    struct fanotify_response response = {event->fd, allow ? FAN_ALLOW : FAN_DENY};
    if (write(r->options->fan_fd, &response, sizeof response) < 0 && errno != ENOENT)
        r->shared->lost++;
    r->options->pulse->pending_fd = -1;
    if (allow)
        r->shared->allowed++;
    else
        r->shared->denied++;
    if (!keep)
        close(q.fd);
}

/* One event at a time is taken from the kernel: those behind stay in its queue, where the keeper
 * can answer them if this process stalls. */
static void serve_events(struct responder *r)
{
    struct fanotify_event_metadata event;
    ssize_t n;
    r->options->pulse->serving = true;
    while ((n = read(r->options->fan_fd, &event, sizeof event)) > 0) {
        if (event.vers == FANOTIFY_METADATA_VERSION && event.fd >= 0)
            answer(r, &event);
        sek_leases_serve(r->options->fan_fd, r->signal_fd);
    }
    r->options->pulse->serving = false;
}

static void note_label(void *arg, const uint8_t digest[32], const char *label, size_t len)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%.*s", (int)len, label);
    sek_interpreters_label(arg, digest, path);
}

static bool is_listed(const void *list, uint64_t content)
{
    return sek_allowlist_has_content(list, content);
}

static void load_allowlist(struct responder *r, int fd)
{
    struct sek_allowlist list = {.on_label = note_label, .arg = &r->interpreters};
    struct stat st;
    if (fstat(fd, &st) || st.st_size <= 0)
        return;
    char *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text == MAP_FAILED)
        return;
    bool good = !sek_allowlist_parse(&list, "allowlist", text, (size_t)st.st_size, NULL);
    munmap(text, (size_t)st.st_size);
    if (!good) {
        sek_allowlist_free(&list);
        return;
    }
    /* What was learned a moment ago may not be in the file yet. */
    for (unsigned i = 0; i < r->recent_count && i < RECENT; i++)
        sek_allowlist_add(&list, r->recent[i]);
    r->recent_count = 0;
    sek_allowlist_free(&r->judge.allowlist);
    r->judge.allowlist = list;
    /* What left the list ends in the kernel too. */
    sek_leases_clear(r->options->fan_fd);
    sek_kernel_guard_prune(r->options->kernel, is_listed, &r->judge.allowlist);
}

/* A descriptor of a new allowlist, or any other byte: mode or list changed, forget the marks. False
 * when the keeper has gone. */
static bool serve_control(struct responder *r)
{
    char byte, space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr m = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    ssize_t n = recvmsg(r->options->control_fd, &m, MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return n < 0 && (errno == EINTR || errno == EAGAIN);
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    if (c && c->cmsg_type == SCM_RIGHTS) {
        int fd;
        memcpy(&fd, CMSG_DATA(c), sizeof fd);
        load_allowlist(r, fd);
        close(fd);
        return send(r->options->control_fd, "l", 1, MSG_NOSIGNAL) == 1;
    }
    return true;
}

static bool start(struct responder *r)
{
    const struct sek_responder_options *o = r->options;
    for (unsigned i = 0; o->updaters && o->updaters[i] && i < SEK_UPDATER_PROGRAMS; i++)
        r->updaters.programs[r->updaters.count++] = o->updaters[i];
    r->signal_fd = sek_leases_open(o->kernel, forget, r);
    sek_filehash_prepare();
    r->judge.allowlist.on_label = note_label;
    r->judge.allowlist.arg = &r->interpreters;
    if (o->allowlist && sek_allowlist_load(&r->judge.allowlist, o->allowlist, NULL) == SEK_EINVAL)
        return false;
    return r->signal_fd >= 0;
}

int sek_responder_run(const struct sek_responder_options *options)
{
    struct responder *r = calloc(1, sizeof *r);
    if (!r)
        return 1;
    r->options = options;
    r->shared = options->shared;
    if (!start(r) || write(options->control_fd, "r", 1) != 1)
        return 1;
    struct pollfd wait[] = {
        {.fd = options->fan_fd, .events = POLLIN},
        {.fd = r->signal_fd, .events = POLLIN},
        {.fd = options->control_fd, .events = POLLIN},
    };
    for (;;) {
        int n = poll(wait, 3, SWEEP_MS);
        if (n == 0) {
            sek_leases_sweep(options->fan_fd);
            sek_settle();
        }
        if (wait[0].revents)
            serve_events(r);
        if (wait[1].revents)
            sek_leases_serve(options->fan_fd, r->signal_fd);
        if (wait[2].revents && !serve_control(r))
            return 0;
    }
}
