/* The process "sekisho-integr": its rights are those to read every file and every process's name;
 * the kernel's queue is opened before the others are given up. */
#include "agent/integrity/integrity.h"
#include "agent/rights.h"
#include "agent/guard/executed.h"
#include "agent/settle.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/heap.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SAVE_QUIET_US 2000000u  /* the baseline is written after this time without changes, */
#define SAVE_LATE_US  30000000u /* or this long after the first one */
#define DRAIN_US      20000000u /* what the kernel told of started programs is taken */
#define SETTLE_US     5000000u

struct loop {
    struct sek_integrity i;
    const struct sek_duty_start *start;
    bool damaged, landlock;
    uint64_t checked_us, drained_us;
    uint64_t dirty_us, changed_us; /* 0: the baseline is written */
    uint64_t settle_us;            /* 0: memory is given back */
};

static void say_state(struct loop *l, const char *real_time)
{
    bool cut = sek_database_count(l->i.db) >= SEK_DATABASE_FILES;
    bool full = l->i.changes && !l->damaged && !cut && sek_changes_names_processes(l->i.changes);
    sek_duty_state(l->start->socket, full ? SEK_PROTECTION_FULL : SEK_PROTECTION_PARTIAL,
                   "%zu files; %.90s%s%s", sek_database_count(l->i.db), real_time,
                   l->damaged ? "; the baseline is damaged"
                   : cut      ? "; there are more, which are not watched"
                              : "",
                   l->landlock ? "" : "; no Landlock");
}

static enum sek_error open_options(struct loop *l, struct sek_fault *fault)
{
    struct sek_integrity_options *o = &l->i.options;
    json_t *section = sek_duty_section(l->start->section, fault);
    if (!section)
        return SEK_EINVAL;
    sek_integrity_options_default(o);
    enum sek_error rc = sek_integrity_options_read(o, json_object_get(section, "policy"), fault);
    json_decref(section);
    if (!rc && !sek_paths_add(&o->exclude, l->start->state))
        rc = sek_fail(fault, SEK_ELIMIT, "integrity.exclude: too many");
    return rc;
}

static enum sek_error confine(struct loop *l, struct sek_fault *fault)
{
    static const cap_value_t rights[] = {CAP_DAC_READ_SEARCH, CAP_SYS_PTRACE};
    if (!sek_rights_keep(rights, 2))
        return sek_fail(fault, SEK_EIO, "rights not dropped: %s", strerror(errno));
    enum sek_error rc = sek_sandbox_files(l->start->state, "/", &l->landlock, fault);
    return rc ? rc : sek_sandbox_calls(SEK_SANDBOX_WATCHER, fault);
}

/* The baseline of the last time, checked against what is there; or the first one. */
static void open_baseline(struct loop *l, const char *path)
{
    struct sek_fault fault;
    struct sek_integrity_counts n;
    char text[160];
    enum sek_error rc = sek_database_open(path, &l->i.db, &fault);
    if (!rc) {
        sek_integrity_check(&l->i, true, false, &n);
    } else if (rc == SEK_ENOTFOUND) {
        sek_integrity_baseline(&l->i, &n);
        snprintf(text, sizeof text, "first baseline of %llu files", (unsigned long long)n.files);
        sek_report_note(&l->i.report, "baseline", text);
    } else {
        sek_warning("%s", fault.message);
        l->damaged = true;
        l->i.db = sek_database_none();
        sek_report_note(&l->i.report, "damaged", fault.message);
    }
    l->checked_us = sek_clock_mono_us();
}

static void save(struct loop *l)
{
    struct sek_fault fault;
    l->dirty_us = 0;
    if (sek_database_dirty(l->i.db) && sek_database_save(l->i.db, &fault))
        sek_warning("%s", fault.message);
}

static int sooner(int a, uint64_t at, uint64_t now)
{
    int ms = at > now ? (int)((at - now) / 1000 < 3600000 ? (at - now) / 1000 + 1 : 3600000) : 0;
    return a < 0 || ms < a ? ms : a;
}

static uint64_t save_at(const struct loop *l)
{
    uint64_t quiet = l->changed_us + SAVE_QUIET_US, late = l->dirty_us + SAVE_LATE_US;
    return quiet < late ? quiet : late;
}

static int wait_time(const struct loop *l)
{
    uint64_t now = sek_clock_mono_us();
    int ms = sek_report_due(&l->i.report);
    if (l->i.options.schedule_s)
        ms = sooner(ms, l->checked_us + l->i.options.schedule_s * 1000000ull, now);
    if (l->dirty_us)
        ms = sooner(ms, save_at(l), now);
    if (l->settle_us)
        ms = sooner(ms, l->settle_us, now);
    if (l->i.changes && sek_changes_names_processes(l->i.changes))
        ms = sooner(ms, l->drained_us + DRAIN_US, now);
    return ms;
}

static void serve_time(struct loop *l)
{
    struct sek_integrity_counts n;
    uint64_t now = sek_clock_mono_us();
    if (now - l->drained_us >= DRAIN_US) {
        l->drained_us = now;
        sek_executed_drain(NULL);
    }
    if (l->i.options.schedule_s && now - l->checked_us >= l->i.options.schedule_s * 1000000ull) {
        if (l->i.changes)
            sek_integrity_serve(&l->i); /* what the kernel has comes first: it knows who */
        sek_integrity_check(&l->i, true, false, &n);
        l->checked_us = sek_clock_mono_us();
        l->settle_us = now + SETTLE_US;
        if (!l->dirty_us && sek_database_dirty(l->i.db))
            l->dirty_us = l->changed_us = now;
    }
    if (l->dirty_us && now >= save_at(l))
        save(l);
    if (l->settle_us && now >= l->settle_us) {
        l->settle_us = 0;
        sek_who_clear(&l->i.report.who);
        sek_text_free(&l->i.old_text);
        sek_text_free(&l->i.new_text);
        sek_settle();
    }
    sek_report_flush(&l->i.report);
}

static void serve(struct loop *l)
{
    for (;;) {
        struct pollfd wait[2] = {
            {.fd = l->start->socket, .events = POLLIN},
            {.fd = l->i.changes ? sek_changes_fd(l->i.changes) : -1, .events = POLLIN},
        };
        poll(wait, 2, wait_time(l));
        if (wait[1].revents) {
            sek_integrity_serve(&l->i);
            uint64_t now = sek_clock_mono_us();
            l->drained_us = l->changed_us = now;
            l->settle_us = now + SETTLE_US;
            if (!l->dirty_us && sek_database_dirty(l->i.db))
                l->dirty_us = now;
        }
        if (wait[0].revents)
            return; /* the guard never writes: it is gone, or wants us to end */
        serve_time(l);
    }
}

int sek_integrity_duty(const struct sek_duty_start *start)
{
    static struct loop l;
    struct sek_fault fault;
    char baseline[PATH_MAX], events[PATH_MAX], how[160];
    l.start = start;
    sek_heap_map_from(128u << 10); /* fixed: a baseline being written goes back to the kernel */
    snprintf(baseline, sizeof baseline, "%s/baseline", start->state);
    snprintf(events, sizeof events, "%s/events.ndjson", start->state);
    l.i.report = (struct sek_report){
        .options = &l.i.options,
        .events_path = events,
        .socket = start->socket,
        .events_fd = open(events, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600)};
    enum sek_error rc = open_options(&l, &fault);
    if (!rc && sek_integrity_watch(&l.i, &fault))
        snprintf(how, sizeof how, "not in real time: %.130s", fault.message);
    else if (!rc)
        snprintf(how, sizeof how, "%s", sek_changes_how(l.i.changes));
    if (!rc)
        rc = confine(&l, &fault);
    if (rc) {
        sek_error_log("integrity: %s", fault.message);
        sek_duty_state(start->socket, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
        return 1;
    }
    sek_duty_state(start->socket, SEK_PROTECTION_PARTIAL, "the files are read");
    open_baseline(&l, baseline);
    save(&l);
    say_state(&l, how);
    l.settle_us = l.drained_us = sek_clock_mono_us();
    serve(&l);
    save(&l);
    sek_integrity_close(&l.i);
    return 0;
}
