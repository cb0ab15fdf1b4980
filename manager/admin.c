/* Tenants, policy, the tenant's own rules, metrics, and the API's description. */
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/rules/ruleset.h"
#include "manager/bundles.h"
#include "manager/intel.h"
#include "manager/policy.h"
#include "manager/push.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_LIMIT (4u << 20)

static bool id_allowed(const char *id)
{
    size_t len = strlen(id);
    return len && len < 50 && *id != '-' && *id != '.' &&
           strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

static enum sek_error list_tenants(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(
        r->manager->store, &rows, fault,
        "SELECT id, name, created, (SELECT count(*) FROM devices d WHERE d.tenant=t.id) AS devices"
        " FROM tenants t WHERE ?1 OR id=?2 ORDER BY id",
        "is", (int64_t)(r->access == SEK_ACCESS_SYSTEM), r->tenant);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "tenants", rows));
}

static enum sek_error add_tenant(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    const char *id;
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (!rc)
        rc = sek_field(body, "id", &id, fault);
    if (!rc && !id_allowed(id))
        rc = sek_fail(fault, SEK_EINVAL,
                      "field \"id\": lower-case letters, digits, '.', '_' and '-' expected");
    if (!rc) {
        const char *name = json_string_value(json_object_get(body, "name"));
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT INTO tenants(id, name, created) VALUES(?,?,?)", "ssi", id,
                           name ? name : id, sek_now());
        if (rc == SEK_EEXIST)
            sek_fail(fault, rc, "tenant %s exists already", id);
        if (!rc)
            rc = sek_reply(r, 201, json_pack("{s:s, s:s}", "id", id, "name", name ? name : id));
    }
    json_decref(body);
    return rc;
}

static enum sek_error get_policy(struct sek_request *r, struct sek_fault *fault)
{
    json_t *row = NULL, *policy;
    enum sek_error rc = sek_store_row(r->manager->store, &row, fault,
                                      "SELECT doc AS \"doc:json\" FROM policies WHERE tenant=?",
                                      "s", r->tenant);
    if (rc && rc != SEK_ENOTFOUND)
        return rc;
    policy = rc ? sek_policy_initial() : json_incref(json_object_get(row, "doc"));
    json_decref(row);
    return sek_reply(r, 200, policy);
}

static enum sek_error get_policy_schema(struct sek_request *r, struct sek_fault *fault)
{
    json_t *schema = sek_policy_schema();
    return schema ? sek_reply(r, 200, schema)
                  : sek_fail(fault, SEK_ENOMEM, "policy schema: out of memory");
}

/* The members given replace those in force, null takes one away (the device's default holds then),
 * and what is not given stays: a merge patch (RFC 7396) of two levels. */
static void merge_section(json_t *old, json_t *section)
{
    const char *name;
    json_t *value;
    json_object_foreach(section, name, value)
    {
        if (json_is_null(value))
            json_object_del(old, name);
        else
            json_object_set(old, name, value);
    }
}

static enum sek_error merge_policy(struct sek_request *r, const json_t *body, json_t **out,
                                   struct sek_fault *fault)
{
    json_t *row = NULL, *policy, *section;
    const char *name;
    enum sek_error rc = sek_store_row(r->manager->store, &row, fault,
                                      "SELECT doc AS \"doc:json\", version FROM policies"
                                      " WHERE tenant=?",
                                      "s", r->tenant);
    if (rc && rc != SEK_ENOTFOUND)
        return rc;
    policy = rc ? sek_policy_initial() : json_deep_copy(json_object_get(row, "doc"));
    json_decref(row);
    json_object_foreach((json_t *)body, name, section)
    {
        json_t *old = json_object_get(policy, name);
        if (!strcmp(name, "version"))
            continue;
        /* What is no section is refused by the check of the whole. */
        if (!json_is_object(section)) {
            json_object_set(policy, name, section);
            continue;
        }
        if (!json_is_object(old))
            json_object_set_new(policy, name, old = json_object());
        merge_section(old, section);
    }
    json_object_set_new(policy, "version",
                        json_integer(json_integer_value(json_object_get(policy, "version")) + 1));
    *out = policy;
    return SEK_OK;
}

/* The problem names the member with a JSON pointer, so that a form can show it at the field. */
static enum sek_error refuse_policy(struct sek_request *r, const struct sek_fault *fault)
{
    char pointer[SEK_POLICY_POINTER];
    const char *detail = sek_policy_place(fault, pointer);
    return sek_reply_problem(r, 400, fault->message,
                             json_pack("{s:[{s:o, s:o}]}", "errors", "pointer",
                                       sek_problem_text(pointer), "detail",
                                       sek_problem_text(detail)));
}

static enum sek_error put_policy(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL, *policy = NULL;
    char *text = NULL;
    enum sek_error checked = SEK_OK, rc = sek_request_json(r, &body, fault);
    if (!rc)
        rc = merge_policy(r, body, &policy, fault);
    if (!rc)
        checked = sek_policy_check(policy, fault);
    if (checked == SEK_EINVAL || checked == SEK_ELIMIT) {
        rc = refuse_policy(r, fault);
        goto done;
    }
    rc = rc ? rc : checked;
    if (!rc && !(text = json_dumps(policy, JSON_COMPACT)))
        rc = sek_fail(fault, SEK_ENOMEM, "policy: out of memory");
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT OR REPLACE INTO policies(tenant, version, doc) VALUES(?,?,?)",
                           "sis", r->tenant,
                           (int64_t)json_integer_value(json_object_get(policy, "version")), text);
    if (!rc) {
        sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
        rc = sek_reply(r, 200, json_incref(policy));
    }
done:
    free(text);
    json_decref(policy);
    json_decref(body);
    return rc;
}

static enum sek_error list_rules(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT name, length(content) AS bytes, updated FROM rules"
                                       " WHERE tenant=? ORDER BY name",
                                       "s", r->tenant);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "rules", rows));
}

/* Read as the devices' engine reads them: a bundle with a rule that cannot be used would be refused. */
static enum sek_error check_rules(const char *name, const char *text, size_t len,
                                  struct sek_fault *fault)
{
    json_t *utf8 = json_stringn(text, len);
    if (!utf8 || strlen(text) != len)
        return json_decref(utf8), sek_fail(fault, SEK_EINVAL, "%s: not UTF-8 text", name);
    json_decref(utf8);
    struct sek_rules *rules = sek_rules_new(NULL, fault);
    if (!rules)
        return fault->code;
    enum sek_error rc = sek_rules_load_text(rules, name, text, len, fault);
    if (!rc)
        rc = sek_rules_all_loaded(rules, fault);
    if (!rc && !rules->loaded)
        rc = sek_fail(fault, SEK_EINVAL, "%s: no rule found, one at least expected", name);
    sek_rules_free(rules);
    return rc;
}

static enum sek_error put_rules(struct sek_request *r, struct sek_fault *fault)
{
    const char *name = r->parameter[0];
    enum sek_error rc = SEK_OK;
    if (!id_allowed(name))
        return sek_fail(fault, SEK_EINVAL,
                        "\"%.60s\": lower-case letters, digits, '.', '_' and '-' expected", name);
    if (!r->body.len || r->body.len > RULES_LIMIT)
        return sek_fail(fault, SEK_EINVAL, "%s: 1 to %u bytes of rules expected", name,
                        RULES_LIMIT);
    rc = check_rules(name, r->body.data, r->body.len, fault);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT OR REPLACE INTO rules(tenant, name, content, updated)"
                           " VALUES(?,?,?,?)",
                           "ssti", r->tenant, name, r->body.data, r->body.len, sek_now());
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
    return sek_reply_empty(r);
}

static enum sek_error remove_rules(struct sek_request *r, struct sek_fault *fault)
{
    enum sek_error rc = sek_store_run(r->manager->store, fault,
                                      "DELETE FROM rules WHERE tenant=? AND name=?", "ss",
                                      r->tenant, r->parameter[0]);
    if (!rc && !sek_store_changes(r->manager->store))
        rc = sek_fail(fault, SEK_ENOTFOUND, "rules %.60s: no such rules", r->parameter[0]);
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, NULL);
    return sek_reply_empty(r);
}

static void metric(struct sek_text *t, const char *name, const char *type, const char *help,
                   uint64_t value)
{
    sek_text_printf(t, "# TYPE %s %s\n# HELP %s %s\n%s%s %llu\n", name, type, name, help, name,
                    strcmp(type, "counter") ? "" : "_total", (unsigned long long)value);
}

static enum sek_error metrics(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_manager *m = r->manager;
    struct sek_text t = {0};
    (void)fault;
    metric(&t, "sekisho_requests", "counter", "REST requests.", m->counters.requests);
    metric(&t, "sekisho_device_requests", "counter", "Requests of devices.",
           m->counters.device_requests);
    metric(&t, "sekisho_events_stored", "counter", "Events stored since start.",
           m->counters.events);
    metric(&t, "sekisho_events_duplicate", "counter", "Events that were stored already.",
           m->counters.duplicates);
    metric(&t, "sekisho_event_lines_refused", "counter", "Lines that were not events.",
           m->counters.refused_lines);
    metric(&t, "sekisho_devices_online", "gauge", "Held connections.", sek_push_count(m->hub));
    metric(&t, "sekisho_devices", "gauge", "Enrolled devices.",
           (uint64_t)sek_store_number(m->store, 0, "SELECT count(*) FROM devices", ""));
    metric(&t, "sekisho_advisories", "gauge", "Advisory ranges in force.",
           sek_intel_count(m->intel));
    metric(&t, "sekisho_uptime_seconds", "gauge", "Seconds since start.",
           (sek_clock_mono_us() - m->started_us) / 1000000);
    sek_text_puts(&t, "# EOF\n");
    sek_reply_text(r, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", t.data,
                   t.len);
    sek_text_free(&t);
    return SEK_OK;
}

static enum sek_error openapi(struct sek_request *r, struct sek_fault *fault)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t len = 0;
    snprintf(path, sizeof path, "%s/openapi.yaml", r->manager->api_folder);
    enum sek_error rc = sek_file_read(path, 4u << 20, &text, &len, fault);
    if (!rc)
        sek_reply_text(r, 200, "application/yaml", text, len);
    free(text);
    return rc;
}

const struct sek_route sek_routes_admin[] = {
    {EVHTTP_REQ_GET, "/api/v1/tenants", SEK_ACCESS_VIEWER, list_tenants},
    {EVHTTP_REQ_POST, "/api/v1/tenants", SEK_ACCESS_SYSTEM, add_tenant},
    {EVHTTP_REQ_GET, "/api/v1/policy", SEK_ACCESS_VIEWER, get_policy},
    {EVHTTP_REQ_PUT, "/api/v1/policy", SEK_ACCESS_ADMIN, put_policy},
    {EVHTTP_REQ_GET, "/api/v1/policy/schema", SEK_ACCESS_VIEWER, get_policy_schema},
    {EVHTTP_REQ_GET, "/api/v1/rules", SEK_ACCESS_VIEWER, list_rules},
    {EVHTTP_REQ_PUT, "/api/v1/rules/*", SEK_ACCESS_ADMIN, put_rules},
    {EVHTTP_REQ_DELETE, "/api/v1/rules/*", SEK_ACCESS_ADMIN, remove_rules},
    {EVHTTP_REQ_GET, "/metrics", SEK_ACCESS_VIEWER, metrics},
    {EVHTTP_REQ_GET, "/api/v1/openapi.yaml", SEK_ACCESS_PUBLIC, openapi},
    {0, NULL, 0, NULL},
};
