/* Gathering the files of one device, versions by digest, and the announcement. */
#include "manager/bundles.h"

#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"
#include "manager/content.h"
#include "manager/intel.h"
#include "manager/policy.h"
#include "manager/push.h"
#include "manager/uninstall.h"
#include "manager/reputation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 2048

struct files {
    struct sek_bundle_file list[FILES_MAX];
    size_t count;
};

struct pending {
    struct pending *next;
    char tenant[64], device[64]; /* "": all */
};

struct sek_bundles {
    struct sek_manager *manager;
    struct event *tell;
    struct pending *pending;
};

static void files_free(struct files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free((char *)files->list[i].path);
        free((char *)files->list[i].data);
    }
    files->count = 0;
}

/* Takes DATA; the path is PREFIX NAME SUFFIX. */
static void add_file(struct files *files, const char *prefix, const char *name, const char *suffix,
                     char *data, size_t len)
{
    char *path = NULL;
    if (!data || files->count == FILES_MAX || asprintf(&path, "%s%s%s", prefix, name, suffix) < 0) {
        free(data);
        return;
    }
    files->list[files->count++] = (struct sek_bundle_file){.path = path, .data = data, .len = len};
}

static void add_json(struct files *files, const char *prefix, const char *name, json_t *doc)
{
    char *text = doc ? json_dumps(doc, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    add_file(files, prefix, name, "", text, text ? strlen(text) : 0);
    json_decref(doc);
}

static bool take_rule_file(void *arg, const struct sek_row *row)
{
    size_t len;
    const char *text = row->text(row, 1, &len);
    add_file(arg, "rules/", row->text(row, 0, NULL), ".rules", strndup(text, len), len);
    return true;
}

static bool take_line(void *arg, const struct sek_row *row)
{
    sek_text_printf(arg, "%s\n", row->text(row, 0, NULL));
    return true;
}

struct patch_gather {
    struct sek_manager *manager;
    const char *device;
    struct sek_text rules, tests;
    json_t *list;
};

/* In detect mode a rule tells, and drops nothing. */
static void add_rules(struct sek_text *out, const char *rules, bool detect)
{
    while (*rules) {
        size_t len = strcspn(rules, "\n");
        bool drops = detect && len > 5 && !strncmp(rules, "drop ", 5);
        sek_text_printf(out, "%s%.*s\n", drops ? "alert" : "", (int)(len - (drops ? 4 : 0)),
                        rules + (drops ? 4 : 0));
        rules += len + (rules[len] == '\n');
    }
}

static bool take_patch(void *arg, const struct sek_row *row)
{
    struct patch_gather *g = arg;
    const char *id = row->text(row, 0, NULL);
    const char *rules = sek_content_patch(g->manager->content, id);
    if (!rules)
        return true; /* its rules went away with an update of the content */
    const char *tests = sek_content_tests(g->manager->content, id), *mode = row->text(row, 1, NULL);
    sek_text_printf(&g->rules, "# %s\n", id);
    add_rules(&g->rules, rules, !strcmp(mode, "detect"));
    if (tests)
        sek_text_printf(&g->tests, "# patch: %s\n%s\n", id, tests);
    json_t *entry = sek_intel_patch(g->manager, g->device, id, rules);
    json_object_set_new(entry, "mode", json_string(mode));
    json_array_append_new(g->list, entry);
    return true;
}

static enum sek_error gather_patches(struct sek_manager *m, const char *device, struct files *files,
                                     struct sek_fault *fault)
{
    struct patch_gather g = {.manager = m, .device = device, .list = json_array()};
    char prefix[96];
    sek_text_puts(&g.rules, "");
    sek_text_puts(&g.tests, "");
    enum sek_error rc = sek_store_each(
        m->store, take_patch, &g, fault,
        "SELECT patch, mode FROM assignments WHERE device=? AND origin <> 'excluded' ORDER BY patch", "s",
        device);
    snprintf(prefix, sizeof prefix, "devices/%s/", device);
    add_file(files, prefix, "patches.rules", "", g.rules.data, g.rules.len);
    add_file(files, prefix, "patches.tests", "", g.tests.data, g.tests.len);
    char token[SEK_UNINSTALL_TEXT], digest[SEK_SHA256_HEX];
    sek_uninstall_token(m, device, token);
    sek_sha256_hex(token, strlen(token), digest);
    add_file(files, prefix, "uninstall", "", strdup(digest), SEK_SHA256_HEX - 1);
    add_json(files, prefix, "patches.json", json_pack("{s:o}", "patches", g.list));
    return rc;
}

struct content_gather {
    struct files *files;
    const char *prefix, *suffix;
};

static void take_content(void *arg, const char *name, const char *text)
{
    struct content_gather *g = arg;
    add_file(g->files, g->prefix, name, g->suffix, strdup(text), strlen(text));
}

static bool take_kind(void *arg, const struct sek_row *row)
{
    *(bool *)arg = !strcmp(row->text(row, 0, NULL), "gateway");
    return false;
}

static bool take_policy(void *arg, const struct sek_row *row)
{
    size_t len;
    const char *text = row->text(row, 0, &len);
    json_t **policy = arg;
    json_decref(*policy);
    *policy = json_loadb(text, len, 0, NULL);
    return false;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sek_bundle_file *)a)->path,
                  ((const struct sek_bundle_file *)b)->path);
}

static enum sek_error gather_prefixes(struct sek_manager *m, const char *tenant,
                                      struct files *files, struct sek_fault *fault)
{
    char *data;
    size_t len;
    enum sek_error rc = sek_indicator_prefixes(m, tenant, &data, &len, fault);
    if (!rc)
        add_file(files, "", "indicators.prefixes", "", data, len);
    return rc;
}

static enum sek_error gather_addresses(struct sek_manager *m, const char *tenant,
                                       struct files *files, struct sek_fault *fault)
{
    struct sek_text list = {0};
    enum sek_error rc =
        sek_store_each(m->store, take_line, &list, fault,
                       "SELECT value FROM indicators WHERE tenant=? AND expiry=0 AND"
                       " type IN ('ip', 'cidr') ORDER BY value",
                       "s", tenant);
    add_file(files, "", "addresses", "", list.data, list.len);
    return rc;
}

/* The policy's permissions as the device's tables have them: one line each. */
static void add_destinations(struct files *files, const json_t *list)
{
    struct sek_text text = {0};
    size_t i;
    json_t *line;
    sek_text_puts(&text, "# SHA256 PORT/PROTOCOL DESTINATION PATH, of the policy\n");
    json_array_foreach(list, i, line) sek_text_printf(&text, "%s\n", json_string_value(line));
    add_file(files, "", "destinations", "", text.data, text.len);
}

static enum sek_error gather(struct sek_manager *m, const char *tenant, const char *device,
                             struct files *files, struct sek_fault *fault)
{
    bool gateway = false;
    json_t *policy = sek_policy_initial(), *indicators = NULL;
    struct sek_text allowlist = {0};
    struct content_gather rules = {files, "rules/", ".rules"};
    struct content_gather patches = {files, "rules/patch-", ".rules"};
    struct content_gather logs = {files, "logs/", ".yaml"};
    struct content_gather malware = {files, "malware/", ".yar"};
    enum sek_error rc = sek_store_each(m->store, take_kind, &gateway, fault,
                                       "SELECT kind FROM devices WHERE id=?", "s", device);
    if (!rc)
        rc = sek_store_each(m->store, take_policy, &policy, fault,
                            "SELECT doc FROM policies WHERE tenant=?", "s", tenant);
    if (!rc)
        rc = sek_store_each(m->store, take_rule_file, files, fault,
                            "SELECT name, content FROM rules WHERE tenant=?", "s", tenant);
    /* Gateways have the memory for whole lists, and cannot let a packet wait. */
    bool asked = !gateway && sek_indicators_asked(m, tenant);
    bool plain = !gateway && sek_indicators_plain(m, tenant);
    if (!rc)
        rc = sek_store_rows(
            m->store, &indicators, fault,
            "SELECT type, value, source, confidence, expiry, reason FROM indicators"
            " WHERE tenant=? AND (expiry=0 OR expiry > ?) AND (hash IS NULL OR NOT ?)"
            " AND (type NOT IN ('ip', 'cidr') OR expiry<>0 OR NOT ?)"
            " ORDER BY type, value",
            "siii", tenant, sek_now(), (int64_t)asked, (int64_t)plain);
    if (!rc && asked)
        rc = gather_prefixes(m, tenant, files, fault);
    if (!rc && plain)
        rc = gather_addresses(m, tenant, files, fault);
    sek_text_puts(&allowlist, "");
    if (!rc)
        rc = sek_store_each(m->store, take_line, &allowlist, fault,
                            "SELECT DISTINCT sha256 FROM allowlist WHERE tenant=?1 AND (model='' OR"
                            " model=(SELECT json_extract(product,'$.vendor') || '/' ||"
                            " json_extract(product,'$.model')"
                            " FROM devices WHERE id=?2)) ORDER BY sha256",
                            "ss", tenant, device);
    add_destinations(files, json_object_get(json_object_get(policy, "exit"), "destinations"));
    add_json(files, "", "policy.json", policy);
    add_json(files, "", "indicators.json", indicators ? indicators : json_array());
    add_file(files, "", "allowlist", "", allowlist.data, allowlist.len);
    sek_content_each(m->content, SEK_CONTENT_RULES, take_content, &rules);
    if (gateway) {
        sek_content_each(m->content, SEK_CONTENT_PATCHES, take_content, &patches);
    } else {
        sek_content_each(m->content, SEK_CONTENT_LOGS, take_content, &logs);
        sek_content_each(m->content, SEK_CONTENT_MALWARE, take_content, &malware);
    }
    if (!rc)
        rc = gather_patches(m, device, files, fault);
    qsort(files->list, files->count, sizeof files->list[0], by_path);
    return rc;
}

static enum sek_error current_version(struct sek_manager *m, const char *device,
                                      const struct files *files, uint64_t *version,
                                      struct sek_fault *fault)
{
    char digest[65];
    sek_bundle_digest(files->list, files->count, digest);
    enum sek_error rc = sek_store_run(m->store, fault,
                                      "UPDATE devices SET bundle_version=bundle_version+1,"
                                      " bundle_digest=?1 WHERE id=?2 AND bundle_digest<>?1",
                                      "ss", digest, device);
    *version = (uint64_t)sek_store_number(
        m->store, 0, "SELECT bundle_version FROM devices WHERE id=?", "s", device);
    return rc;
}

enum sek_error sek_bundles_version(struct sek_bundles *b, const char *tenant, const char *device,
                                   uint64_t *version, struct sek_fault *fault)
{
    struct files *files = calloc(1, sizeof *files);
    if (!files)
        return sek_fail(fault, SEK_ENOMEM, "bundle: out of memory");
    enum sek_error rc = gather(b->manager, tenant, device, files, fault);
    if (!rc)
        rc = current_version(b->manager, device, files, version, fault);
    files_free(files);
    free(files);
    return rc;
}

/* Roots that a device with root HAVE lacks. */
static json_t *newer_roots(const struct sek_manager *m, size_t have)
{
    const json_t *all = sek_keys_roots(m->keys);
    json_t *list = json_array();
    for (size_t i = have; have && i < json_array_size(all); i++)
        json_array_append(list, json_array_get(all, i));
    return list;
}

enum sek_error sek_bundles_fetch(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_manager *m = r->manager;
    struct sek_bundle_versions versions = {0};
    struct files *files = calloc(1, sizeof *files);
    json_t *body = NULL, *metadata = NULL, *roots = NULL, *doc = NULL;
    enum sek_error rc = files ? sek_request_json(r, &body, fault)
                              : sek_fail(fault, SEK_ENOMEM, "bundle: out of memory");
    if (!rc)
        rc = gather(m, r->tenant, r->device, files, fault);
    if (!rc)
        rc = current_version(m, r->device, files, &versions.content, fault);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "UPDATE devices SET timestamp_version=timestamp_version+1 WHERE id=?",
                           "s", r->device);
    versions.timestamp = (uint64_t)sek_store_number(
        m->store, 1, "SELECT timestamp_version FROM devices WHERE id=?", "s", r->device);
    if (!rc)
        rc = sek_bundle_build(sek_keys_signer(m->keys), &versions, sek_clock_wall_us(), files->list,
                              files->count, &metadata, fault);
    roots = newer_roots(m, (size_t)json_integer_value(json_object_get(body, "root")));
    if (!rc)
        rc = sek_bundle_document(metadata, roots, files->list, files->count,
                                 json_object_get(body, "have"), &doc, fault);
    if (!rc)
        rc = sek_reply(r, 200, doc);
    if (files)
        files_free(files);
    free(files);
    json_decref(roots);
    json_decref(metadata);
    json_decref(body);
    return rc;
}

static void tell_device(void *arg, const char *tenant, const char *device)
{
    struct sek_bundles *b = arg;
    struct sek_fault fault;
    uint64_t version = 0;
    int64_t before = sek_store_number(b->manager->store, 0,
                                      "SELECT bundle_version FROM devices WHERE id=?", "s", device);
    if (sek_bundles_version(b, tenant, device, &version, &fault)) {
        sek_error_log("bundle of %s: %s", device, fault.message);
        return;
    }
    if ((int64_t)version == before)
        return;
    json_t *message = json_pack("{s:s, s:I}", "type", "bundle", "version", (json_int_t)version);
    sek_push_send(b->manager->hub, tenant, device, message);
    json_decref(message);
}

static void on_tell(evutil_socket_t fd, short what, void *arg)
{
    struct sek_bundles *b = arg;
    (void)fd;
    (void)what;
    while (b->pending) {
        struct pending *p = b->pending;
        b->pending = p->next;
        if (!*p->device)
            sek_push_each(b->manager->hub, *p->tenant ? p->tenant : NULL, tell_device, b);
        else if (sek_push_online(b->manager->hub, p->device))
            tell_device(b, p->tenant, p->device);
        free(p);
    }
}

void sek_bundles_changed(struct sek_bundles *b, const char *tenant, const char *device)
{
    struct timeval soon = {0, 20000}; /* what changes together is told together */
    struct pending wanted = {0};
    snprintf(wanted.tenant, sizeof wanted.tenant, "%s", tenant ? tenant : "");
    snprintf(wanted.device, sizeof wanted.device, "%s", device ? device : "");
    for (struct pending *p = b->pending; p; p = p->next)
        if (!strcmp(p->tenant, wanted.tenant) && !strcmp(p->device, wanted.device))
            return;
    struct pending *p = malloc(sizeof *p);
    if (!p)
        return;
    wanted.next = b->pending;
    *p = wanted;
    b->pending = p;
    if (!event_pending(b->tell, EV_TIMEOUT, NULL))
        event_add(b->tell, &soon);
}

enum sek_error sek_bundles_open(struct sek_manager *m, struct sek_bundles **out,
                                struct sek_fault *fault)
{
    struct sek_bundles *b = calloc(1, sizeof *b);
    if (!b || !(b->tell = evtimer_new(m->base, on_tell, b))) {
        free(b);
        return sek_fail(fault, SEK_ENOMEM, "bundles: out of memory");
    }
    b->manager = m;
    *out = b;
    return SEK_OK;
}

void sek_bundles_close(struct sek_bundles *b)
{
    if (!b)
        return;
    while (b->pending) {
        struct pending *p = b->pending;
        b->pending = p->next;
        free(p);
    }
    event_free(b->tell);
    free(b);
}

int64_t sek_policy_number(struct sek_manager *m, const char *tenant, const char *section,
                          const char *field, int64_t fallback)
{
    json_t *policy = NULL;
    sek_store_each(m->store, take_policy, &policy, NULL, "SELECT doc FROM policies WHERE tenant=?",
                   "s", tenant);
    const json_t *value = json_object_get(json_object_get(policy, section), field);
    int64_t number = json_is_integer(value) ? json_integer_value(value) : fallback;
    json_decref(policy);
    return number;
}
