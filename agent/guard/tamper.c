/* What the guard does about acts against the agent itself: they are refused where the kernel can, and
 * reported always. */
#include "agent/guard/guard.h"
#include "agent/guard/process.h"
#include "agent/guard/shield.h"
#include "agent/uninstall.h"
#include "lib/base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void tell(struct sek_guard *g, bool blocked, int32_t pid, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void tell(struct sek_guard *g, bool blocked, int32_t pid, const char *format, ...)
{
    struct sek_tamper t = {.blocked = blocked};
    va_list args;
    va_start(args, format);
    vsnprintf(t.what, sizeof t.what, format, args);
    va_end(args);
    if (pid > 0)
        sek_process_look(pid, &t.process);
    sek_warning("self-protection: %s", t.what);
    if (g->worker_fd >= 0)
        sek_message_send(g->worker_fd, SEK_MESSAGE_TAMPER, 0, &t, sizeof t, -1);
}

static void take_event(void *arg, const struct sek_shield_event *e)
{
    static const char *const what[SEK_SHIELD_REASONS] = {
        "", "signal to the agent refused", "tracing of the agent refused",
        "change of the agent's state refused", "change of the clock refused"};
    struct sek_guard *g = arg;
    if (e->reason == SEK_SHIELD_CLOCK && sek_shield_sets_clock(g->shield, e->tgid))
        return; /* its file is new; it is let the next time */
    tell(g, true, (int32_t)e->tgid, "%s: %.16s (%u), user %u",
         what[e->reason < SEK_SHIELD_REASONS ? e->reason : 0], e->comm, e->tgid, e->uid);
}

void sek_guard_tamper_open(struct sek_guard *g)
{
    const struct sek_settings *s = g->settings;
    struct sek_fault fault;
    g->forced = sek_shield_entered(s->state);
    g->clock_fd = sek_shield_clock();
    if (sek_shield_limit((unsigned)s->memory_mib, (unsigned)s->cpu_percent, &fault))
        sek_warning("limits: %s", fault.message);
    if (sek_shield_open(s->state, s->clock_setters, &g->shield, &fault))
        sek_guard_part(g, SEK_STATE_SHIELD, SEK_PROTECTION_PARTIAL,
                       "%.60s: forced ends and clock changes are reported, not refused",
                       fault.message);
    else
        sek_guard_part(g, SEK_STATE_SHIELD, SEK_PROTECTION_FULL,
                       "BPF LSM: signals, tracing, changes of the state, the clock");
}

void sek_guard_tamper_started(struct sek_guard *g)
{
    if (g->forced)
        tell(g, false, 0, "the agent had been ended by force");
}

void sek_guard_tamper_serve(struct sek_guard *g)
{
    if (g->shield)
        sek_shield_serve(g->shield, take_event, g);
    int64_t changed = g->clock_fd >= 0 ? sek_shield_clock_changed(g->clock_fd) : 0;
    if (changed)
        tell(g, false, 0, "the clock was set by %+lld s", (long long)(changed / 1000000));
}

void sek_guard_tamper_stopped(struct sek_guard *g, int32_t pid, uint32_t uid)
{
    tell(g, false, pid, "the agent is stopped by process %d, user %u", pid, uid);
    sek_shield_left(g->settings->state);
}

void sek_guard_tamper_close(struct sek_guard *g)
{
    sek_shield_close(g->shield);
    if (g->clock_fd >= 0)
        close(g->clock_fd);
}

void sek_guard_unlock(struct sek_guard *g, uint32_t id, struct sek_unlock *unlock)
{
    struct sek_unlocked answer = {0};
    struct sek_fault fault;
    unlock->text[sizeof unlock->text - 1] = '\0';
    enum sek_error rc = sek_uninstall_unlock(g->settings->state, unlock->text, &fault);
    answer.failed = rc && rc != SEK_ENOTFOUND;
    snprintf(answer.text, sizeof answer.text, "%.190s",
             rc ? fault.message : "the agent may be removed within 10 minutes");
    if (rc != SEK_ENOTFOUND)
        tell(g, rc != SEK_OK, 0, "removal of the agent: %.120s", answer.text);
    sek_message_send(g->worker_fd, SEK_MESSAGE_UNLOCKED, id, &answer, sizeof answer, -1);
}
