/* When a device went is in the store, so that a restart of the manager neither forgets an alarm nor
 * makes one: a device that was there before counts as gone from the manager's start. */
#include "manager/silence.h"
#include "lib/base/log.h"
#include "manager/own.h"
#include "manager/bundles.h"
#include "manager/push.h"

#include <stdio.h>
#include <string.h>

struct change {
    char device[64], tenant[64];
    int64_t gone;
    bool silent, online;
};

#define CHANGES 64 /* handled at once; the rest two seconds later */

struct look {
    struct sek_manager *m;
    int64_t now;
    unsigned count;
    struct change list[CHANGES];
    char tenant[64]; /* whose limit this is */
    int64_t limit;
};

static bool take_device(void *arg, const struct sek_row *row)
{
    struct look *l = arg;
    struct change c = {.gone = row->integer(row, 2), .silent = row->integer(row, 3) != 0};
    snprintf(c.device, sizeof c.device, "%s", row->text(row, 0, NULL));
    snprintf(c.tenant, sizeof c.tenant, "%s", row->text(row, 1, NULL));
    c.online = sek_push_online(l->m->hub, c.device);
    if (strcmp(l->tenant, c.tenant) != 0) {
        snprintf(l->tenant, sizeof l->tenant, "%s", c.tenant);
        l->limit = sek_policy_number(l->m, c.tenant, "fleet", "silence_s", 300);
    }
    bool went = !c.online && !c.gone;
    bool silent = !c.online && c.gone && !c.silent && l->now - c.gone >= l->limit;
    bool back = c.online && (c.gone || c.silent);
    if (went || silent || back)
        l->list[l->count++] = c;
    return l->count < CHANGES;
}

static void tell(const struct look *l, const struct change *c)
{
    char reason[160];
    struct sek_fault fault;
    snprintf(reason, sizeof reason,
             c->online ? "the device is back after %lld s of silence"
                       : "the device is silent: no connection for %lld s",
             (long long)(l->now - c->gone));
    json_t *extra =
        json_pack("{s:{s:s, s:I, s:I}}", "silence", "state", c->online ? "back" : "silent", "since",
                  (json_int_t)c->gone, "seconds", (json_int_t)(l->now - c->gone));
    if (sek_own_event(l->m, c->tenant, c->device, "silence", reason, extra, &fault))
        sek_error_log("silence of %s: %s", c->device, fault.message);
    json_decref(extra);
}

void sek_silence_look(struct sek_manager *m)
{
    static struct look l;
    struct sek_fault fault;
    l = (struct look){.m = m, .now = sek_now()};
    if (sek_store_each(m->store, take_device, &l, &fault,
                       "SELECT id, tenant, gone, silent FROM devices WHERE last_seen IS NOT NULL"
                       " ORDER BY tenant",
                       ""))
        sek_error_log("silence: %s", fault.message);
    for (unsigned i = 0; i < l.count; i++) {
        const struct change *c = &l.list[i];
        bool silent = !c->online && c->gone;
        sek_store_run(m->store, NULL, "UPDATE devices SET gone=?, silent=? WHERE id=?", "iis",
                      c->online ? 0
                      : c->gone ? c->gone
                                : l.now,
                      (int64_t)silent, c->device);
        if (silent || (c->online && c->silent))
            tell(&l, c);
    }
}
