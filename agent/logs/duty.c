/* The process "sekisho-logs": it may read every file, and no more; what it writes is its own
 * folder. */
#include "agent/logs/logs.h"
#include "agent/event.h"
#include "agent/logs/follow.h"
#include "agent/logs/journal.h"
#include "agent/logs/options.h"
#include "agent/rights.h"
#include "agent/settle.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define SAVE_US    2000000u /* positions are written this long after the first new line */
#define SETTLE_US  5000000u
#define LOOK_MS    300000 /* folders of logs that were not there may be there now */
#define WINDOW_US  10000000u
#define WINDOW_MAX 200u /* findings in one window that are told one by one */
#define ALWAYS     10u  /* findings of this level always are */

struct loop {
    const struct sek_duty_start *start;
    struct sek_logs_options options;
    struct sek_log_rules rules;
    struct sek_log_engine *engine;
    struct sek_follow *follow;
    struct sek_journal *journal;
    struct sek_text event;
    uint64_t dirty_us, settle_us, window_us;
    uint32_t told;
    uint64_t held;
    char rules_fault[120], journal_fault[100];
    bool landlock, own_files; /* own_files: the policy names them */
};

static void send_held(struct loop *l)
{
    char reason[100];
    snprintf(reason, sizeof reason, "%llu more findings in 10 s, told as one",
             (unsigned long long)l->held);
    sek_text_clear(&l->event);
    sek_event_begin(&l->event, "log", "detected");
    sek_json_str(&l->event, "reason", reason);
    sek_json_open(&l->event, "log", '{');
    sek_json_uint(&l->event, "count", l->held);
    sek_json_close(&l->event, '}');
    sek_event_end(&l->event);
    sek_duty_event(l->start->socket, &l->event);
    l->held = 0;
}

static void turn_window(struct loop *l, uint64_t now)
{
    if (now - l->window_us < WINDOW_US)
        return;
    if (l->held)
        send_held(l);
    l->window_us = now;
    l->told = 0;
}

static void take_line(void *arg, const struct sek_log_line *line)
{
    struct loop *l = arg;
    struct sek_log_finding f;
    uint64_t now = sek_clock_mono_us();
    sek_log_engine_line(l->engine, line, now / 1000000u, &f);
    if (!f.worst || f.worst->level < l->options.level)
        return;
    turn_window(l, now);
    if (f.worst->level < ALWAYS && !f.response && l->told >= WINDOW_MAX) {
        l->held++;
        return;
    }
    l->told++;
    sek_text_clear(&l->event);
    sek_log_write(&l->event, &f, l->options.mode == SEK_MODE_PREVENT);
    sek_duty_event(l->start->socket, &l->event);
}

static void take_file_line(void *arg, const char *path, const char *text, size_t len)
{
    struct sek_log_line line;
    sek_log_line_parse(&line, path, text, len);
    take_line(arg, &line);
}

static enum sek_error take_files(struct loop *l, json_t *files, struct sek_fault *fault)
{
    const char *name;
    json_t *text;
    enum sek_error rc = SEK_OK;
    json_object_foreach(files, name, text)
    {
        if (!rc)
            rc = sek_log_rules_parse(&l->rules, name, json_string_value(text),
                                     json_string_length(text), fault);
    }
    if (rc)
        sek_log_rules_free(&l->rules);
    return rc;
}

/* The bundle's rules; when one of its files is wrong, those of the last time; when there are none,
 * those that are installed. */
static enum sek_error open_rules(struct loop *l, json_t *files, struct sek_fault *fault)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/rules.good", l->start->state);
    if (!take_files(l, files, fault)) {
        if (l->rules.rule_count)
            sek_duty_keep_good(path, files);
    } else {
        sek_warning("%s", fault->message);
        snprintf(l->rules_fault, sizeof l->rules_fault, "; %.110s", fault->message);
        json_t *good = sek_duty_last_good(path);
        if (take_files(l, good, fault))
            sek_warning("%s", fault->message);
        json_decref(good);
    }
    return l->rules.rule_count ? SEK_OK
                               : sek_log_rules_load(&l->rules, SEK_LOG_RULES_FOLDER, fault);
}

static enum sek_error open_options(struct loop *l, struct sek_fault *fault)
{
    json_t *section = sek_duty_section(l->start->section, fault);
    if (!section)
        return SEK_EINVAL;
    sek_logs_options_default(&l->options);
    enum sek_error rc =
        sek_logs_options_read(&l->options, json_object_get(section, "policy"), fault);
    if (!rc)
        rc = open_rules(l, json_object_get(section, "files"), fault);
    l->own_files = json_object_get(json_object_get(section, "policy"), "files") != NULL;
    json_decref(section);
    if (!rc && !(l->engine = sek_log_engine_new(&l->rules)))
        rc = sek_fail(fault, SEK_ENOMEM, "out of memory");
    return rc;
}

static enum sek_error open_sources(struct loop *l, struct sek_fault *fault)
{
    static char positions[PATH_MAX], cursor[PATH_MAX];
    static const char *const syslog[] = {"/var/log/auth.log", "/var/log/secure",
                                         "/var/log/messages"}; /* the last: busybox's */
    snprintf(positions, sizeof positions, "%s/positions", l->start->state);
    snprintf(cursor, sizeof cursor, "%s/cursor", l->start->state);
    const struct sek_follow_options options = {
        .files = &l->options.files, .positions = positions, .on_line = take_file_line, .arg = l};
    struct sek_fault why;
    if (l->options.journal && sek_journal_open(NULL, cursor, take_line, l, &l->journal, &why))
        snprintf(l->journal_fault, sizeof l->journal_fault, "; %.90s", why.message);
    /* Syslog's files hold what the journal holds: read twice, each line would count twice. */
    for (size_t i = 0; !l->journal && !l->own_files && i < sizeof syslog / sizeof syslog[0]; i++)
        sek_paths_add(&l->options.files, syslog[i]);
    return sek_follow_open(&options, &l->follow, fault);
}

static enum sek_error confine(struct loop *l, struct sek_fault *fault)
{
    static const cap_value_t rights[] = {CAP_DAC_READ_SEARCH};
    if (!sek_rights_keep(rights, 1))
        return sek_fail(fault, SEK_EIO, "rights not dropped: %s", strerror(errno));
    enum sek_error rc = sek_sandbox_files(l->start->state, "/", &l->landlock, fault);
    return rc ? rc : sek_sandbox_calls(SEK_SANDBOX_WATCHER, fault);
}

static void say_state(struct loop *l)
{
    bool full = !l->rules_fault[0] && (l->journal || !l->options.journal) && l->landlock;
    sek_duty_state(l->start->socket, full ? SEK_PROTECTION_FULL : SEK_PROTECTION_PARTIAL,
                   "%u rules, %u files%s%s%s%s", l->rules.rule_count, sek_follow_count(l->follow),
                   l->journal ? ", journal" : "", l->journal_fault, l->rules_fault,
                   l->landlock ? "" : "; no Landlock");
}

static void save(struct loop *l)
{
    struct sek_fault fault;
    l->dirty_us = 0;
    if (sek_follow_save(l->follow, &fault))
        sek_warning("%s", fault.message);
    if (l->journal)
        sek_journal_save(l->journal);
}

static int until(int ms, uint64_t at, uint64_t now)
{
    int left = at > now ? (int)((at - now) / 1000) + 1 : 0;
    return left < ms ? left : ms;
}

static int wait_time(const struct loop *l, bool more)
{
    uint64_t now = sek_clock_mono_us();
    int ms = more ? 0 : LOOK_MS;
    if (l->dirty_us)
        ms = until(ms, l->dirty_us + SAVE_US, now);
    if (l->settle_us)
        ms = until(ms, l->settle_us, now);
    if (l->held)
        ms = until(ms, l->window_us + WINDOW_US, now);
    return ms;
}

static void serve(struct loop *l)
{
    bool more = true;
    for (;;) {
        struct pollfd wait[3] = {
            {.fd = l->start->socket, .events = POLLIN},
            {.fd = sek_follow_fd(l->follow), .events = POLLIN},
            {.fd = l->journal ? sek_journal_fd(l->journal) : -1, .events = POLLIN},
        };
        int ready = poll(wait, 3, wait_time(l, more));
        if (wait[0].revents)
            return; /* the guard never writes: it is gone, or wants us to end */
        uint64_t now = sek_clock_mono_us();
        bool look = more || wait[1].revents || !ready;
        unsigned files = sek_follow_count(l->follow);
        more = look && sek_follow_serve(l->follow);
        if (l->journal && (wait[2].revents || more))
            more = sek_journal_serve(l->journal) || more;
        if (files != sek_follow_count(l->follow))
            say_state(l);
        if (ready > 0) {
            l->settle_us = now + SETTLE_US;
            l->dirty_us = l->dirty_us ? l->dirty_us : now;
        }
        if (l->dirty_us && now - l->dirty_us >= SAVE_US)
            save(l);
        if (l->settle_us && now >= l->settle_us) {
            l->settle_us = 0;
            sek_settle();
        }
        turn_window(l, now);
    }
}

int sek_logs_duty(const struct sek_duty_start *start)
{
    static struct loop l;
    struct sek_fault fault;
    enum sek_error rc;
    l.start = start;
    if ((rc = open_options(&l, &fault)) || (rc = open_sources(&l, &fault)) ||
        (rc = confine(&l, &fault))) {
        sek_error_log("logs: %s", fault.message);
        sek_duty_state(start->socket, SEK_PROTECTION_ABSENT, "%.150s", fault.message);
        return 1;
    }
    say_state(&l);
    l.settle_us = sek_clock_mono_us();
    serve(&l);
    save(&l);
    sek_follow_close(l.follow);
    sek_journal_close(l.journal);
    sek_log_engine_free(l.engine);
    sek_log_rules_free(&l.rules);
    return 0;
}
