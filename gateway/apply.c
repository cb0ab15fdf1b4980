/* What the manager sends, put into force. A bundle is read whole beside what is running; only when
 * all of it is sound does it replace it. */
#include "gateway/compiler.h"
#include "gateway/gateway.h"

#include "lib/base/log.h"

#include <string.h>

void gateway_policy_default(struct gateway_policy *p)
{
    *p = (struct gateway_policy){
        .entry = MODE_PREVENT, .exit = MODE_PREVENT, .behaviour = MODE_PREVENT,
        .probe_threshold = 5, .probe_window_s = 60, .block_ttl_s = 3600, .quarantine_s = 3600,
    };
}

static enum sek_error read_mode(json_t *policy, const char *part, enum gateway_mode *out,
                                struct sek_fault *fault)
{
    static const char *const names[] = {"off", "detect", "prevent"};
    json_t *value = json_object_get(json_object_get(policy, part), "mode");
    const char *word = json_string_value(value);
    if (!value)
        return SEK_OK;
    for (int i = 0; word && i < 3; i++) {
        if (!strcmp(word, names[i])) {
            *out = (enum gateway_mode)i;
            return SEK_OK;
        }
    }
    return sek_fail(fault, SEK_EINVAL,
                    "policy.json: %s.mode: found '%.20s', expected prevent, detect or off", part,
                    word ? word : "no text");
}

static enum sek_error read_number(json_t *policy, const char *part, const char *name, uint32_t *out,
                                  struct sek_fault *fault)
{
    json_t *value = json_object_get(json_object_get(policy, part), name);
    if (!value)
        return SEK_OK;
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < 0 || v > 31536000)
        return sek_fail(fault, SEK_EINVAL, "policy.json: %s.%s: expected a number 0..31536000", part,
                        name);
    *out = (uint32_t)v;
    return SEK_OK;
}

static enum sek_error read_policy(const struct sek_bundle_view *view, struct gateway_policy *p,
                                  struct sek_fault *fault)
{
    const struct sek_bundle_file *file = sek_bundle_find(view, "policy.json");
    json_error_t error;
    gateway_policy_default(p);
    if (!file)
        return SEK_OK;
    json_t *policy = json_loadb(file->data, file->len, JSON_REJECT_DUPLICATES, &error);
    if (!policy)
        return sek_fail(fault, SEK_EINVAL, "policy.json: line %d: %s", error.line, error.text);
    enum sek_error rc = read_mode(policy, "entry", &p->entry, fault);
    if (!rc)
        rc = read_mode(policy, "exit", &p->exit, fault);
    if (!rc)
        rc = read_mode(policy, "behaviour", &p->behaviour, fault);
    if (!rc)
        rc = read_number(policy, "entry", "probe_threshold", &p->probe_threshold, fault);
    if (!rc)
        rc = read_number(policy, "entry", "probe_window_s", &p->probe_window_s, fault);
    if (!rc)
        rc = read_number(policy, "entry", "block_ttl_s", &p->block_ttl_s, fault);
    if (!rc)
        rc = read_number(policy, "behaviour", "quarantine_s", &p->quarantine_s, fault);
    json_decref(policy);
    return rc;
}

enum sek_error gateway_read_rules(struct gateway *g, const struct sek_bundle_view *view,
                                  struct sek_compiled **out, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    struct sek_rules *rules = sek_rules_new(g->config, fault);
    if (!rules)
        return fault->code;
    for (unsigned i = 0; i < g->rule_file_count && !rc; i++)
        rc = sek_rules_load_text(rules, g->rule_files[i].path, g->rule_files[i].text,
                                 g->rule_files[i].len, fault);
    for (size_t i = 0; view && i < view->count && !rc; i++)
        if (!strncmp(view->files[i].path, "rules/", 6))
            rc = sek_rules_load_text(rules, view->files[i].path, view->files[i].data,
                                     view->files[i].len, fault);
    if (rc) {
        sek_rules_free(rules);
        return rc;
    }
    return sek_compile_all(rules, out, fault);
}

static enum sek_error read_indicators(const struct sek_bundle_view *view,
                                      struct sek_reputation **out, struct sek_fault *fault)
{
    const struct sek_bundle_file *file = sek_bundle_find(view, "indicators.json");
    *out = NULL;
    if (!file)
        return SEK_OK;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    if (!b)
        return sek_fail(fault, SEK_ENOMEM, "indicators.json: out of memory");
    enum sek_error rc = sek_reputation_add_json(b, file->path, file->data, file->len, fault);
    if (!rc)
        rc = sek_reputation_build(b, out, fault);
    sek_reputation_builder_free(b);
    return rc;
}

static enum sek_error use_rules(struct gateway *g, struct sek_compiled *fresh,
                                struct sek_fault *fault)
{
    enum sek_error rc = sek_engine_swap(g->engine, fresh, fault);
    if (rc) {
        sek_compiled_free(fresh);
        return rc;
    }
    sek_compiled_free(g->rules);
    g->rules = fresh;
    return SEK_OK;
}

/* Rules of a bundle are compiled beside those in force, by another thread, while frames are handled. */
struct reading {
    struct gateway *g;
    const struct sek_bundle_view *view;
    struct sek_compiled *rules;
    struct sek_fault *fault;
    enum sek_error rc;
};

static void read_in_thread(void *arg)
{
    struct reading *r = arg;
    r->rc = gateway_read_rules(r->g, r->view, &r->rules, r->fault);
}

static void serve_meanwhile(void *arg, int fd)
{
    gateway_serve(arg, fd);
}

enum sek_error gateway_on_bundle(void *arg, const struct sek_bundle_view *view,
                                 struct sek_fault *fault)
{
    struct gateway *g = arg;
    struct gateway_policy policy;
    struct sek_reputation *reputation = NULL;
    struct reading reading = {.g = g, .view = view, .fault = fault};
    enum sek_error rc = read_policy(view, &policy, fault);
    if (!rc)
        rc = read_indicators(view, &reputation, fault);
    if (!rc) {
        compiler_run(g->compiler, read_in_thread, &reading, serve_meanwhile, g);
        rc = reading.rc;
    }
    if (!rc)
        rc = use_rules(g, reading.rules, fault);
    if (rc) {
        sek_reputation_free(reputation);
        sek_warning("bundle %llu refused: %s", (unsigned long long)view->version, fault->message);
        return rc;
    }
    sek_reputation_free(g->reputation);
    g->reputation = reputation;
    g->policy = policy;
    sek_engine_prevent(g->engine, policy.entry == MODE_PREVENT);
    sek_info("bundle %llu in force: %u rules, %u addresses, %u names, %u URLs",
             (unsigned long long)view->version, g->rules->rules->count,
             sek_reputation_count(reputation, SEK_INDICATOR_IP4) +
                 sek_reputation_count(reputation, SEK_INDICATOR_IP6),
             sek_reputation_count(reputation, SEK_INDICATOR_DOMAIN),
             sek_reputation_count(reputation, SEK_INDICATOR_URL));
    return SEK_OK;
}

/* Single addresses also go to the blocklist, which stops flows that are open already. */
static void block_now(struct gateway *g, json_t *item, bool add)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const char *value = json_string_value(json_object_get(item, "value"));
    const char *reason = json_string_value(json_object_get(item, "reason"));
    json_int_t expiry = json_integer_value(json_object_get(item, "expiry"));
    struct sek_addr addr;
    int version = type && value && !strcmp(type, "ip") ? sek_addr_parse(value, &addr) : 0;
    if (!version)
        return;
    if (!add)
        blocklist_remove(&g->blocked, version, &addr);
    else if (g->policy.exit == MODE_PREVENT)
        blocklist_add(&g->blocked, BLOCK_ATTACKER, version, &addr, g->now_us,
                      expiry > 0 ? (uint64_t)expiry * 1000000u : g->now_us + 3600000000ull,
                      reason ? reason : "reported by the fleet");
}

void gateway_on_indicators(void *arg, json_t *add, json_t *remove)
{
    struct gateway *g = arg;
    struct sek_fault fault;
    struct sek_reputation *fresh = NULL;
    size_t i;
    json_t *item;
    struct sek_reputation_builder *b = sek_reputation_builder_new();
    enum sek_error rc = b ? SEK_OK : SEK_ENOMEM;
    if (!rc && g->reputation)
        rc = sek_reputation_add_table(b, g->reputation, &fault);
    char *text = add ? json_dumps(add, JSON_COMPACT) : NULL;
    if (!rc && text)
        rc = sek_reputation_add_json(b, "pushed indicators", text, strlen(text), &fault);
    json_array_foreach(remove, i, item) {
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *value = json_string_value(json_object_get(item, "value"));
        if (!rc && type && value)
            rc = sek_reputation_remove(b, type, value, &fault);
        block_now(g, item, false);
    }
    json_array_foreach(add, i, item)
        block_now(g, item, true);
    if (!rc)
        rc = sek_reputation_build(b, &fresh, &fault);
    if (!rc) {
        sek_reputation_free(g->reputation);
        g->reputation = fresh;
    } else {
        sek_warning("pushed indicators: %s", b ? fault.message : "out of memory");
    }
    free(text);
    sek_reputation_builder_free(b);
}

void gateway_on_command(void *arg, json_t *command)
{
    struct gateway *g = arg;
    const char *name = json_string_value(json_object_get(command, "name"));
    const char *ip = json_string_value(json_object_get(command, "ip"));
    struct sek_addr addr;
    int version = ip ? sek_addr_parse(ip, &addr) : 0;
    if (!name || strcmp(name, "release") || !version) {
        sek_warning("command '%.40s' is not one of a gateway's", name ? name : "");
        return;
    }
    blocklist_remove(&g->blocked, version, &addr);
    sek_behaviour_forget(g->behaviour, version, &addr);
    sek_info("%s released from quarantine", ip);
}
