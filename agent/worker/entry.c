/* The engine of lib/detect behind a narrow interface. It is made when the first rules come, so that
 * a device without virtual patches pays nothing for it. */
#include "agent/worker/entry.h"
#include "lib/base/clock.h"
#include "lib/detect/engine.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS        4096
#define MEMORY_LIMIT (64u << 20) /* bytes of packet-path memory */

struct sek_entry {
    void (*on_alert)(void *arg, const struct sek_entry_alert *alert);
    void *arg;
    struct sek_engine *engine;      /* NULL: no rules yet */
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

static void write_metadata(struct sek_text *t, const struct sek_rule *rule)
{
    if (!rule->metadata)
        return;
    sek_json_open(t, "metadata", '{');
    for (const struct sek_metadata *m = rule->metadata; m; m = m->next) {
        bool first = true;
        for (const struct sek_metadata *before = rule->metadata; before != m; before = before->next)
            first = first && strcmp(before->key, m->key) != 0;
        if (!first)
            continue; /* its values were written with the first of this key */
        sek_json_open(t, m->key, '[');
        for (const struct sek_metadata *same = m; same; same = same->next) {
            if (!strcmp(same->key, m->key))
                sek_json_str(t, NULL, same->value);
        }
        sek_json_close(t, ']');
    }
    sek_json_close(t, '}');
}

static void write_alert(struct sek_text *t, const struct sek_event *event, bool blocked,
                        const struct sek_endpoints *endpoints)
{
    const struct sek_packet *p = event->packet;
    const struct sek_rule *rule = event->rule;
    char timestamp[SEK_CLOCK_TEXT], community[32];
    sek_clock_format(p->ts_us, timestamp);
    sek_json_open(t, NULL, '{');
    sek_json_str(t, "timestamp", timestamp);
    sek_json_str(t, "event_type", "alert");
    sek_event_endpoints(t, endpoints);
    if (sek_packet_community_id(p->ip_version, p->proto, &p->src, &p->dst, p->src_port, p->dst_port,
                                community))
        sek_json_str(t, "community_id", community);
    sek_json_open(t, "alert", '{');
    sek_json_str(t, "action", blocked ? "blocked" : "allowed");
    sek_json_uint(t, "gid", rule->gid);
    sek_json_uint(t, "signature_id", rule->sid);
    sek_json_uint(t, "rev", rule->rev);
    sek_json_str(t, "signature", rule->msg ? rule->msg : "");
    sek_json_str(t, "category", rule->class_text ? rule->class_text : "");
    sek_json_uint(t, "severity", rule->priority);
    write_metadata(t, rule);
    sek_json_close(t, '}');
    if (event->tx) {
        const struct sek_app_ops *ops = sek_app_ops(event->tx->app);
        if (ops)
            sek_json_str(t, "app_proto", ops->name);
    }
    sek_json_close(t, '}');
}

static void take_alert(void *ctx, struct sek_engine *engine, const struct sek_event *event)
{
    struct sek_entry *e = ctx;
    const struct sek_packet *p = event->packet;
    struct sek_entry_alert alert = {.blocked = event->blocked && e->prevent};
    (void)engine;
    if (!event->rule || !p)
        return;
    sek_address_map(p->src.bytes, p->ip_version == 4, alert.endpoints.source);
    sek_address_map(p->dst.bytes, p->ip_version == 4, alert.endpoints.target);
    alert.endpoints.source_port = p->src_port;
    alert.endpoints.target_port = p->dst_port;
    alert.endpoints.protocol = p->proto;
    sek_text_clear(&e->text);
    write_alert(&e->text, event, alert.blocked, &alert.endpoints);
    alert.json = e->text.data;
    alert.len = e->text.len;
    e->on_alert(e->arg, &alert);
}

static enum sek_error compile(const char *name, const char *text, size_t len,
                              struct sek_compiled **out, struct sek_fault *fault)
{
    struct sek_rules *rules = sek_rules_new(NULL, fault);
    enum sek_error rc = rules ? sek_rules_load_text(rules, name, text, len, fault) : SEK_ENOMEM;
    if (!rc && rules->failed) {
        const struct sek_rule_error *first = rules->errors;
        rc = sek_fail(fault, SEK_EINVAL, "%s:%u: sid %u: %.300s (%u rules failed)", name,
                      first ? first->line : 0, first ? first->sid : 0,
                      first ? first->message : "cannot be used", rules->failed);
    }
    if (!rc)
        rc = sek_rules_finish(rules, fault);
    if (rc) {
        sek_rules_free(rules);
        return rc;
    }
    *out = sek_compile(rules, fault);
    return *out ? SEK_OK : fault->code;
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
        options.midstream = true; /* connections that were open before the patch came */
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
    malloc_trim(0); /* compiling needs much more memory than the result */
    return SEK_OK;
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
