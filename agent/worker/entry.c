/* The engine of lib/detect behind a narrow interface. It is made when the first rules come, so that
 * a device without virtual patches pays nothing for it. */
#include "agent/worker/entry.h"
#include "lib/eve/eve.h"
#include "lib/base/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS        4096
#define MEMORY_LIMIT (64u << 20) /* bytes of packet-path memory */

struct sek_entry {
    void (*on_alert)(void *arg, const struct sek_entry_alert *alert);
    void *arg;
    struct sek_engine *engine; /* NULL: no rules yet */
    struct sek_compiled *compiled;
    unsigned rules;
    bool prevent; /* of the packet under way */
    struct sek_text text;
};

struct sek_entry *sek_entry_new(void (*on_alert)(void *arg, const struct sek_entry_alert *alert),
                                void *arg)
{
    struct sek_entry *e = calloc(1, sizeof *e);
    if (e) {
        e->on_alert = on_alert;
        e->arg = arg;
    }
    return e;
}

void sek_entry_free(struct sek_entry *e)
{
    if (!e)
        return;
    sek_engine_free(e->engine);
    sek_compiled_free(e->compiled);
    sek_text_free(&e->text);
    free(e);
}

static void take_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct sek_entry *e = ctx;
    const struct sek_packet *p = event->packet;
    struct sek_entry_alert alert = {.blocked = event->blocked && e->prevent};
    if (!event->rule || !p)
        return;
    sek_endpoints_of_packet(p, &alert.endpoints);
    const struct sek_eve_options eve = {.detail = SEK_EVE_LAYER, .layer = "device"};
    struct sek_event told = *event;
    told.blocked = alert.blocked; /* in detect mode nothing is */
    sek_text_clear(&e->text);
    sek_eve_alert(&e->text, &eve, engine, &told);
    if (!e->text.len)
        return;
    alert.json = e->text.data;
    alert.len = e->text.len - 1; /* without the newline */
    e->on_alert(e->arg, &alert);
}

static enum sek_error compile(const char *name, const char *text, size_t len,
                              struct sek_compiled **out, struct sek_fault *fault)
{
    struct sek_rules *rules = sek_rules_new(NULL, fault);
    enum sek_error rc = rules ? sek_rules_load_text(rules, name, text, len, fault) : SEK_ENOMEM;
    if (rc) {
        sek_rules_free(rules);
        return rc;
    }
    return sek_compile_all(rules, out, fault);
}

enum sek_error sek_entry_load(struct sek_entry *e, const char *name, const char *text, size_t len,
                              struct sek_fault *fault)
{
    struct sek_compiled *fresh = NULL;
    enum sek_error rc = SEK_OK;
    if (!e->engine && !len)
        return SEK_OK;
    rc = compile(name, text, len, &fresh, fault);
    if (rc)
        return rc;
    if (e->engine) {
        rc = sek_engine_swap(e->engine, fresh, fault);
    } else {
        struct sek_engine_options options;
        sek_engine_options_default(&options);
        options.ips = true;
        options.inline_stream = true;
        options.midstream = true;        /* connections that were open before the patch came */
        options.verify_checksum = false; /* the kernel did, and local packets have none yet */
        options.flow_limit = FLOWS;
        options.memory_limit = MEMORY_LIMIT;
        options.on_alert = take_alert;
        options.ctx = e;
        e->engine = sek_engine_new(&options, fresh, fault);
        rc = e->engine ? SEK_OK : fault->code;
    }
    if (rc) {
        sek_compiled_free(fresh);
        return rc;
    }
    sek_compiled_free(e->compiled);
    e->compiled = fresh;
    e->rules = fresh->rules->count;
    sek_heap_give_back(); /* compiling needs much more memory than the result */
    return SEK_OK;
}

const struct sek_compiled *sek_entry_compiled(const struct sek_entry *e)
{
    return e->compiled;
}

unsigned sek_entry_rules(const struct sek_entry *e)
{
    return e->rules;
}

bool sek_entry_packet(struct sek_entry *e, const uint8_t *packet, uint32_t len, bool prevent,
                      uint64_t now_us)
{
    if (!e->engine)
        return false;
    e->prevent = prevent;
    struct sek_result r = sek_engine_packet(e->engine, SEK_LINK_RAW_IP, packet, len, now_us, 0);
    return prevent && r.verdict != SEK_VERDICT_PASS;
}
