/* The guard's part in the firewall rules: it carries out orders, sees when a rule set was rolled
 * back, and loads the rules again when a user, cgroup or program that they name has changed. */
#include "agent/guard/guard.h"
#include "agent/guard/confirm.h"
#include "agent/guard/programs.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RETRY_US   600000000u /* before rules that nobody confirmed are tried again */
#define PENDING_US 1000000u   /* between two looks while rules wait for their confirmation */

static struct sek_confirm confirm_of(const struct sek_guard *g)
{
    return (struct sek_confirm){.state = g->settings->state, .always = &g->spares};
}

static void tell(struct sek_guard *g, bool failed, const char *text)
{
    struct sek_firewall_answer a = {.told = 1, .failed = failed};
    snprintf(a.text, sizeof a.text, "%s", text);
    sek_info("firewall: %s", text);
    if (g->worker_fd >= 0)
        sek_message_send(g->worker_fd, SEK_MESSAGE_FIREWALL_DONE, 0, &a, sizeof a, -1);
}

/* Marks for the programs that the rules name; what does not work is the reason of "partial". */
static void mark_programs(struct sek_guard *g, const struct sek_confirm_status *s, char why[120])
{
    struct sek_fault fault;
    why[0] = '\0';
    if (s->program_count && !g->rules.programs &&
        sek_programs_open(sek_guard_cgroup(g->settings), &g->rules.programs, &fault))
        snprintf(why, 120, "%.110s", fault.message);
    if (!s->program_count) {
        sek_programs_close(g->rules.programs);
        g->rules.programs = NULL;
    }
    unsigned missing = g->rules.programs ? sek_programs_set(g->rules.programs, s) : 0;
    if (missing)
        snprintf(why, 120, "%u programs that rules name are not there", missing);
    if (s->left_out)
        snprintf(
            why, 120,
            "%u lines left out: their user or cgroup is not there, or the kernel has no such rules",
            s->left_out);
}

/* Bring doctor's row, marks and what the guard remembers in line with the files. */
static void take_state(struct sek_guard *g, const struct sek_confirm_status *s)
{
    char why[120];
    g->rules.in_force = s->confirmed || s->pending;
    g->rules.pending = s->pending;
    g->rules.look_at = sek_clock_mono_us() + PENDING_US;
    g->state.firewall_pending = s->pending && s->origin == SEK_ORIGIN_POLICY;
    memcpy(g->rules.digest, s->digest, sizeof g->rules.digest);
    memcpy(g->rules.environment, s->environment, sizeof g->rules.environment);
    mark_programs(g, s, why);
    if (!g->rules.in_force)
        sek_guard_part(g, SEK_STATE_FIREWALL, SEK_PROTECTION_ABSENT, "%s",
                       g->rules.expired[0] ? "the policy's rules were not confirmed in time"
                       : s->refused[0]     ? "the policy's rules were rolled back on this device"
                                           : "no rules: off by policy");
    else if (g->rules.expired[0] || s->refused[0])
        sek_guard_part(g, SEK_STATE_FIREWALL, SEK_PROTECTION_PARTIAL,
                       "not the policy's newest rules, which were %s",
                       g->rules.expired[0] ? "not confirmed in time"
                                           : "rolled back on this device");
    else if (why[0])
        sek_guard_part(g, SEK_STATE_FIREWALL, SEK_PROTECTION_PARTIAL, "%s", why);
    else
        sek_guard_part(g, SEK_STATE_FIREWALL, SEK_PROTECTION_FULL, "nft table inet sekisho_fw%s%s",
                       s->origin == SEK_ORIGIN_LOCAL ? ", set on this device" : "",
                       s->pending ? ", not confirmed yet" : "");
}

static void look(struct sek_guard *g)
{
    const struct sek_confirm c = confirm_of(g);
    struct sek_confirm_status *s = calloc(1, sizeof *s);
    struct sek_fault fault;
    if (!s)
        return;
    sek_confirm_look(&c, s);
    if (g->rules.pending && !s->pending) {
        memcpy(g->rules.expired, g->rules.digest, sizeof g->rules.expired);
        g->rules.expired_at = sek_clock_mono_us();
        tell(g, true, "the new rules were not confirmed in time; the old ones are back");
    } else if (g->rules.in_force && strcmp(s->environment, g->rules.environment) != 0 &&
               sek_confirm_reload(&c, &fault)) {
        sek_warning("firewall: %s", fault.message);
    }
    take_state(g, s);
    free(s);
}

void sek_guard_rules_open(struct sek_guard *g)
{
    const struct sek_confirm c = confirm_of(g);
    struct sek_fault fault;
    bool rolled_back = false;
    if (sek_confirm_start(&c, &rolled_back, &fault))
        sek_error_log("firewall: %s", fault.message);
    if (rolled_back)
        sek_warning(
            "firewall: the new rules were not confirmed before the agent ended; the old ones "
            "are back");
    look(g);
}

static enum sek_error apply(struct sek_guard *g, const struct sek_firewall_order *order, int fd,
                            const struct sek_confirm_status *now, struct sek_fault *fault)
{
    const struct sek_confirm c = confirm_of(g);
    size_t len;
    const struct sek_ruleset *r = sek_memory_map(fd, sizeof *r, &len);
    struct sek_text text = {0};
    char digest[65];
    enum sek_error rc = r && len == sizeof *r
                            ? sek_ruleset_check(r, fault)
                            : sek_fail(fault, SEK_EINVAL, "firewall: no rule set");
    if (!rc) {
        sek_ruleset_compile(r, SEK_PROBE_GROUP, &text);
        sek_sha256_hex(text.data, text.len, digest);
        /* A bundle comes again and again: what is in force stays, what failed is not tried again.
         */
        bool expired = !strcmp(digest, g->rules.expired) &&
                       sek_clock_mono_us() - g->rules.expired_at < RETRY_US;
        bool same = order->by_policy &&
                    (!strcmp(digest, now->digest) || !strcmp(digest, now->refused) || expired);
        if (!same)
            g->rules.expired[0] = '\0';
        unsigned within = order->within_s ? order->within_s : SEK_CONFIRM_S;
        if (!same)
            rc = sek_confirm_apply(&c, text.data,
                                   order->by_policy ? SEK_ORIGIN_POLICY : SEK_ORIGIN_LOCAL, within,
                                   fault);
        if (!same && !rc)
            tell(g, false, "new rules are in force until they are confirmed or their time is over");
    }
    sek_text_free(&text);
    if (r)
        munmap((void *)(uintptr_t)r, len);
    return rc;
}

static enum sek_error carry_out(struct sek_guard *g, const struct sek_firewall_order *order, int fd,
                                const struct sek_confirm_status *now, struct sek_fault *fault)
{
    const struct sek_confirm c = confirm_of(g);
    enum sek_error rc = SEK_OK;
    /* The manager's word does not touch what somebody set on the device. */
    if (order->by_policy && order->verb != SEK_FIREWALL_APPLY && (now->confirmed || now->pending) &&
        now->origin == SEK_ORIGIN_LOCAL)
        return SEK_OK;
    switch (order->verb) {
    case SEK_FIREWALL_APPLY:
        return apply(g, order, fd, now, fault);
    case SEK_FIREWALL_KEEP:
        if (!(rc = sek_confirm_keep(&c, fault)))
            tell(g, false, "the new rules are confirmed");
        return rc;
    case SEK_FIREWALL_ROLLBACK:
        if (!(rc = sek_confirm_rollback(&c, true, fault)))
            tell(g, true, "the new rules were taken back; the old ones are in force");
        return rc;
    case SEK_FIREWALL_OFF:
        g->rules.expired[0] = '\0';
        if (!now->confirmed && !now->pending && !now->refused[0])
            return SEK_OK;
        if (!(rc = sek_confirm_off(&c, fault)))
            tell(g, false, "the rules were taken away");
        return rc;
    default:
        return SEK_OK;
    }
}

void sek_guard_rules_order(struct sek_guard *g, uint32_t id, const struct sek_firewall_order *order,
                           int fd)
{
    const struct sek_confirm c = confirm_of(g);
    struct sek_confirm_status *s = calloc(1, sizeof *s);
    struct sek_firewall_answer a = {.verb = order->verb};
    struct sek_fault fault = {0};
    if (!s)
        return;
    sek_confirm_look(&c, s);
    if (carry_out(g, order, fd, s, &fault)) {
        a.failed = 1;
        snprintf(a.text, sizeof a.text, "%.390s", fault.message);
        if (order->by_policy)
            tell(g, true, a.text);
        else
            sek_warning("%s", a.text);
    }
    sek_confirm_look(&c, s);
    take_state(g, s);
    if (a.failed && order->by_policy && order->verb == SEK_FIREWALL_APPLY)
        sek_guard_part(g, SEK_STATE_FIREWALL,
                       g->rules.in_force ? SEK_PROTECTION_PARTIAL : SEK_PROTECTION_ABSENT,
                       "the policy's rules are not in force: %.110s", a.text);
    a.confirmed = s->confirmed;
    a.pending = s->pending;
    a.by_policy = s->origin == SEK_ORIGIN_POLICY;
    a.seconds = (uint16_t)s->seconds;
    memcpy(a.digest, s->digest, sizeof a.digest);
    memcpy(a.refused, s->refused, sizeof a.refused);
    free(s);
    sek_message_send(g->worker_fd, SEK_MESSAGE_FIREWALL_DONE, id, &a, sizeof a, -1);
    sek_guard_send_state(g);
}

uint64_t sek_guard_rules_due(const struct sek_guard *g)
{
    return g->rules.pending ? g->rules.look_at : UINT64_MAX;
}

/* Also without the agent's doing may rules change: the waiting process brings old ones back. */
void sek_guard_rules_time(struct sek_guard *g, bool beat)
{
    if (g->rules.pending ? sek_clock_mono_us() >= g->rules.look_at : g->rules.in_force && beat)
        look(g);
}

void sek_guard_rules_close(struct sek_guard *g)
{
    const struct sek_confirm c = confirm_of(g);
    if (g->rules.in_force)
        sek_confirm_stop(&c);
    sek_programs_close(g->rules.programs);
}
