/* The form of an event is in docs/protocol.md. A diff is cut so that the event stays a datagram. */
#include "agent/integrity/report.h"
#include "agent/duty.h"
#include "agent/integrity/diff.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH_CUT    700u  /* of a path in an event that is too long otherwise */
#define DIFF_LIMIT  3000u /* bytes; escaping may double it */
#define WRITE_BYTES (64u << 10)
#define FILE_BYTES  (32u << 20) /* of the local file, and of the one before */
#define WINDOW_US   10000000u

static const char *const names[SEK_INTEGRITY_CHANGES] = {"created", "modified", "deleted"};

/* --- the local file -------------------------------------------------------------------------- */

static void write_out(struct sek_report *r)
{
    size_t at = 0;
    while (at < r->out.len) {
        ssize_t n = write(r->events_fd, r->out.data + at, r->out.len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            sek_warning("events of file integrity not stored: %s", strerror(errno));
            break;
        }
        at += (size_t)n;
    }
    r->events_bytes += at;
    sek_text_clear(&r->out);
}

static void turn_over(struct sek_report *r)
{
    char old[PATH_MAX];
    if (!r->events_path || r->events_bytes < FILE_BYTES)
        return;
    snprintf(old, sizeof old, "%s.1", r->events_path);
    rename(r->events_path, old);
    int fd = open(r->events_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    close(r->events_fd);
    r->events_fd = fd;
    r->events_bytes = 0;
}

static void keep_line(struct sek_report *r)
{
    if (r->events_fd < 0)
        return;
    sek_text_add(&r->out, r->line.data, r->line.len);
    sek_text_putc(&r->out, '\n');
    if (r->out.len >= WRITE_BYTES) {
        write_out(r);
        turn_over(r);
    }
}

/* --- to the manager -------------------------------------------------------------------------- */

static void begin(struct sek_report *r, const char *reason)
{
    sek_text_clear(&r->line);
    sek_event_begin(&r->line, "integrity", "detected");
    sek_json_str(&r->line, "reason", reason);
    sek_json_open(&r->line, "integrity", '{');
}

static void end(struct sek_report *r)
{
    sek_json_close(&r->line, '}');
    sek_event_end(&r->line);
}

static void send_held(struct sek_report *r)
{
    char reason[160];
    uint64_t all = r->held[0] + r->held[1] + r->held[2];
    snprintf(reason, sizeof reason, "%llu more changes in 10 s, told as one",
             (unsigned long long)all);
    begin(r, reason);
    sek_json_str(&r->line, "change", "many");
    sek_json_bytes(&r->line, "path", r->held_folder, strnlen(r->held_folder, 1000));
    for (int i = 0; i < SEK_INTEGRITY_CHANGES; i++) {
        sek_json_uint(&r->line, names[i], r->held[i]);
        r->held[i] = 0;
    }
    end(r);
    sek_duty_event(r->socket, &r->line);
}

/* The folder that both FOLDER and the file PATH are below. */
static void common_folder(char *folder, const char *path, bool first)
{
    size_t i = 0, slash = 0;
    if (first)
        snprintf(folder, PATH_MAX, "%s", path);
    for (; folder[i] && folder[i] == path[i]; i++) {
        if (path[i] == '/')
            slash = i;
    }
    if (!folder[i] && path[i] == '/')
        return;
    folder[slash ? slash : 1] = '\0';
}

static bool any_held(const struct sek_report *r)
{
    return r->held[0] || r->held[1] || r->held[2];
}

/* True: send it by itself. */
static bool within_rate(struct sek_report *r, const struct sek_integrity_event *e)
{
    uint64_t now = sek_clock_mono_us();
    if (now - r->window_us >= WINDOW_US) {
        if (any_held(r))
            send_held(r);
        r->window_us = now;
        r->sent = 0;
    }
    if (r->sent < r->options->rate) {
        r->sent++;
        return true;
    }
    common_folder(r->held_folder, e->path, !any_held(r));
    r->held[e->change]++;
    return false;
}

static void write_diff(struct sek_report *r, const struct sek_integrity_event *e, size_t limit)
{
    sek_text_clear(&r->diff);
    sek_diff(e->before->text, e->before->text_len, e->after->text, e->after->text_len, limit,
             &r->diff);
    if (r->diff.len)
        sek_json_bytes(&r->line, "diff", r->diff.data, r->diff.len);
}

static void write_event(struct sek_report *r, const struct sek_integrity_event *e, size_t diff)
{
    begin(r, e->reason);
    sek_json_str(&r->line, "change", names[e->change]);
    sek_json_bytes(&r->line, "path", e->path, strnlen(e->path, diff ? PATH_MAX : PATH_CUT));
    sek_json_str(&r->line, "seen", e->realtime ? "realtime" : "check");
    if (e->changed)
        sek_facts_write_changed(&r->line, e->changed);
    if (e->before)
        sek_facts_write(&r->line, "before", e->before);
    if (e->after)
        sek_facts_write(&r->line, "after", e->after);
    if (diff && e->changed & SEK_FACT_CONTENT && e->before && e->after && e->before->text &&
        e->after->text) {
        if (sek_paths_match(&r->options->secret, e->path))
            sek_json_str(&r->line, "diff_left_out", "the policy calls this file secret");
        else
            write_diff(r, e, diff);
    }
    sek_json_close(&r->line, '}');
    if (e->pid)
        sek_who_write(&r->line, sek_who_find(&r->who, e->pid));
    sek_event_end(&r->line);
}

void sek_report_event(struct sek_report *r, const struct sek_integrity_event *e)
{
    r->total[e->change]++;
    write_event(r, e, DIFF_LIMIT);
    if (r->line.len > SEK_MESSAGE_MAX)
        write_event(r, e, DIFF_LIMIT / 8);
    if (r->line.len > SEK_MESSAGE_MAX)
        write_event(r, e, 0);
    keep_line(r);
    if (r->socket >= 0 && within_rate(r, e))
        sek_duty_event(r->socket, &r->line);
}

void sek_report_note(struct sek_report *r, const char *change, const char *reason)
{
    begin(r, reason);
    sek_json_str(&r->line, "change", change);
    end(r);
    keep_line(r);
    if (r->socket >= 0)
        sek_duty_event(r->socket, &r->line);
}

void sek_report_flush(struct sek_report *r)
{
    if (r->out.len) {
        write_out(r);
        turn_over(r);
    }
    if (any_held(r) && sek_clock_mono_us() - r->window_us >= WINDOW_US)
        send_held(r);
}

int sek_report_due(const struct sek_report *r)
{
    uint64_t age = sek_clock_mono_us() - r->window_us;
    if (!any_held(r))
        return -1;
    return age >= WINDOW_US ? 0 : (int)((WINDOW_US - age) / 1000) + 1;
}

void sek_report_free(struct sek_report *r)
{
    sek_text_free(&r->line);
    sek_text_free(&r->out);
    sek_text_free(&r->diff);
    sek_who_clear(&r->who);
}
