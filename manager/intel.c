/* Feeds in memory, matching into the findings table, automatic assignment of virtual patches. */
#include "manager/intel.h"

#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "lib/vuln/advisory.h"
#include "lib/wire/zstd.h"
#include "manager/bundles.h"
#include "manager/content.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEEDS_MAX  512
#define FEED_LIMIT (512u << 20)

struct sek_intel {
    char folder[PATH_MAX]; /* of imported feeds */
    char *names[FEEDS_MAX];
    struct sek_advisory_set *sets[FEEDS_MAX];
    size_t count;
};

/* --- feeds --- */

static enum sek_error put_feed(struct sek_intel *intel, const char *name,
                               struct sek_advisory_set *set, struct sek_fault *fault)
{
    for (size_t i = 0; i < intel->count; i++)
        if (!strcmp(intel->names[i], name)) {
            sek_advisories_free(intel->sets[i]);
            intel->sets[i] = set;
            return SEK_OK;
        }
    if (intel->count == FEEDS_MAX || !(intel->names[intel->count] = strdup(name)))
        return sek_fail(fault, SEK_ELIMIT, "at most %d feeds", FEEDS_MAX);
    intel->sets[intel->count++] = set;
    return SEK_OK;
}

static struct sek_advisory_set *find_feed(const struct sek_intel *intel, const char *name)
{
    for (size_t i = 0; i < intel->count; i++)
        if (!strcmp(intel->names[i], name))
            return intel->sets[i];
    return NULL;
}

static enum sek_error load_file(struct sek_intel *intel, const char *path, const char *name,
                                bool packed, struct sek_fault *fault)
{
    char *data = NULL;
    size_t len = 0;
    struct sek_text plain = {0};
    struct sek_advisory_set *set = NULL;
    enum sek_error rc = sek_file_read(path, FEED_LIMIT, &data, &len, fault);
    if (!rc && packed)
        rc = sek_zstd_expand(data, len, FEED_LIMIT, &plain, fault);
    if (!rc)
        rc = sek_advisories_read(path, packed ? plain.data : data, packed ? plain.len : len, &set,
                                 fault);
    if (!rc)
        rc = put_feed(intel, name, set, fault);
    sek_text_free(&plain);
    free(data);
    return rc;
}

/* A damaged file is named and passed over: the other feeds must not wait for it. */
static void load_folder(struct sek_intel *intel, const char *folder, const char *end,
                        const char *prefix, bool packed)
{
    struct sek_fault fault;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name), tail = strlen(end);
        char path[PATH_MAX], name[300];
        if (len <= tail || strcmp(entry->d_name + len - tail, end) || entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        snprintf(name, sizeof name, "%s%.*s", prefix, (int)(len - tail), entry->d_name);
        if (load_file(intel, path, name, packed, &fault))
            sek_error_log("advisories not loaded: %s", fault.message);
    }
    if (dir)
        closedir(dir);
}

enum sek_error sek_intel_open(struct sek_manager *m, const char *content_folder,
                              struct sek_intel **out, struct sek_fault *fault)
{
    char path[PATH_MAX];
    struct sek_intel *intel = calloc(1, sizeof *intel);
    if (!intel)
        return sek_fail(fault, SEK_ENOMEM, "advisories: out of memory");
    snprintf(intel->folder, sizeof intel->folder, "%s/feeds", m->state);
    enum sek_error rc = sek_make_folder(intel->folder, 0700, fault);
    if (rc) {
        free(intel);
        return rc;
    }
    snprintf(path, sizeof path, "%s/advisories", content_folder);
    load_folder(intel, path, ".json", "content/", false);
    load_folder(intel, intel->folder, ".json.zst", "", true);
    *out = intel;
    return SEK_OK;
}

void sek_intel_close(struct sek_intel *intel)
{
    if (!intel)
        return;
    for (size_t i = 0; i < intel->count; i++) {
        free(intel->names[i]);
        sek_advisories_free(intel->sets[i]);
    }
    free(intel);
}

size_t sek_intel_count(const struct sek_intel *intel)
{
    size_t count = 0;
    for (size_t i = 0; i < intel->count; i++)
        count += sek_advisories_count(intel->sets[i]);
    return count;
}

/* --- patches --- */

/* Calls VISIT for each virtual patch of each feed until it returns false. */
static void each_patch(const struct sek_intel *intel,
                       bool (*visit)(void *arg, const struct sek_virtual_patch *patch), void *arg)
{
    for (size_t i = 0; i < intel->count; i++) {
        size_t count;
        const struct sek_virtual_patch *list = sek_advisories_patches(intel->sets[i], &count);
        for (size_t p = 0; p < count; p++)
            if (!visit(arg, &list[p]))
                return;
    }
}

struct cover {
    struct sek_manager *manager;
    const char *cve;
    json_t *ids;
};

static bool lists_text(const char *const *list, const char *text)
{
    for (size_t i = 0; list && list[i]; i++)
        if (!strcmp(list[i], text))
            return true;
    return false;
}

static bool cover_visit(void *arg, const struct sek_virtual_patch *patch)
{
    struct cover *c = arg;
    if (lists_text(patch->cves, c->cve) && sek_content_patch(c->manager->content, patch->id))
        json_array_append_new(c->ids, json_string(patch->id));
    return true;
}

json_t *sek_intel_cover(struct sek_manager *m, const char *cve)
{
    struct cover c = {m, cve, json_array()};
    each_patch(m->intel, cover_visit, &c);
    return c.ids;
}

bool sek_intel_assigned(struct sek_manager *m, const char *device, const json_t *patches)
{
    size_t i;
    json_t *patch;
    json_array_foreach(patches, i, patch)
    {
        if (sek_store_number(m->store, 0,
                             "SELECT 1 FROM assignments WHERE device=? AND patch=?"
                             " AND origin<>'excluded'",
                             "ss", device, json_string_value(patch)))
            return true;
    }
    return false;
}

struct listing {
    struct sek_manager *manager;
    json_t *by_id;
};

static bool list_visit(void *arg, const struct sek_virtual_patch *patch)
{
    struct listing *l = arg;
    const char *rules = sek_content_patch(l->manager->content, patch->id);
    json_t *entry = json_object_get(l->by_id, patch->id);
    if (!entry) {
        entry = json_pack("{s:s, s:s, s:[], s:o, s:b}", "id", patch->id, "title",
                          patch->title ? patch->title : patch->id, "cves", "sids",
                          rules ? sek_content_sids(rules) : json_array(), "available",
                          rules != NULL);
        json_object_set_new(l->by_id, patch->id, entry);
    }
    for (size_t i = 0; patch->cves[i]; i++)
        json_array_append_new(json_object_get(entry, "cves"), json_string(patch->cves[i]));
    return true;
}

json_t *sek_intel_patches(struct sek_manager *m)
{
    struct listing l = {m, json_object()};
    json_t *list = json_array(), *entry;
    const char *id;
    each_patch(m->intel, list_visit, &l);
    json_object_foreach(l.by_id, id, entry)
    {
        json_array_append(list, entry);
    }
    json_decref(l.by_id);
    return list;
}

/* One patch as it applies to one device: the ports are those of the services through which the
 * flaw is reached; where no service tells, the patch's own list. */
struct applied {
    const char *id;
    json_t *cves, *components, *ports, *fallback, *services;
    struct sek_store *store;
    const char *device;
};

static bool same_text(const json_t *a, const char *b)
{
    return json_is_string(a) && !strcmp(json_string_value(a), b);
}

static void add_port(json_t *ports, const char *proto, json_int_t port)
{
    size_t i;
    json_t *item;
    json_array_foreach(ports, i, item)
    {
        if (json_integer_value(json_object_get(item, "port")) == port &&
            same_text(json_object_get(item, "proto"), proto))
            return;
    }
    json_array_append_new(ports, json_pack("{s:s, s:I}", "proto", proto, "port", port));
}

static void ports_of(struct applied *a, const char *component)
{
    size_t i;
    json_t *service;
    json_array_foreach(a->services, i, service)
    {
        const char *proto = json_string_value(json_object_get(service, "proto"));
        if (proto && same_text(json_object_get(service, "component"), component))
            add_port(a->ports, proto, json_integer_value(json_object_get(service, "port")));
    }
}

static bool take_component(void *arg, const struct sek_row *row)
{
    struct applied *a = arg;
    const char *package = row->text(row, 0, NULL);
    json_array_append_new(a->components, json_string(package));
    ports_of(a, package);
    return true;
}

/* A service names its binary package, a finding the source package. */
static bool take_binary(void *arg, const struct sek_row *row)
{
    ports_of(arg, row->text(row, 0, NULL));
    return true;
}

static bool apply_visit(void *arg, const struct sek_virtual_patch *patch)
{
    struct applied *a = arg;
    if (strcmp(patch->id, a->id))
        return true;
    for (size_t i = 0; patch->cves[i]; i++) {
        json_array_append_new(a->cves, json_string(patch->cves[i]));
        sek_store_each(a->store, take_component, a, NULL,
                       "SELECT package FROM findings WHERE device=? AND cve=?", "ss", a->device,
                       patch->cves[i]);
        sek_store_each(a->store, take_binary, a, NULL,
                       "SELECT c.name FROM findings f JOIN components c ON c.device=f.device AND"
                       " c.source=f.package WHERE f.device=? AND f.cve=?",
                       "ss", a->device, patch->cves[i]);
    }
    for (size_t i = 0; patch->via && patch->via[i]; i++)
        ports_of(a, patch->via[i]);
    for (size_t i = 0; i < patch->port_count; i++)
        add_port(a->fallback, patch->ports[i].proto, patch->ports[i].port);
    return true;
}

json_t *sek_intel_patch(struct sek_manager *m, const char *device, const char *id,
                        const char *rules)
{
    json_t *row = NULL;
    struct applied a = {.id = id,
                        .cves = json_array(),
                        .components = json_array(),
                        .ports = json_array(),
                        .fallback = json_array(),
                        .store = m->store,
                        .device = device};
    sek_store_row(m->store, &row, NULL, "SELECT services AS \"services:json\" FROM devices WHERE id=?",
                  "s", device);
    a.services = json_object_get(row, "services");
    each_patch(m->intel, apply_visit, &a);
    const char *component = json_string_value(json_array_get(a.components, 0));
    json_t *entry = json_pack("{s:s, s:o, s:s, s:O, s:o}", "id", id, "cves", a.cves, "component",
                              component ? component : "", "ports",
                              json_array_size(a.ports) ? a.ports : a.fallback, "sids",
                              sek_content_sids(rules));
    json_decref(a.components);
    json_decref(a.ports);
    json_decref(a.fallback);
    json_decref(row);
    return entry;
}

/* --- matching --- */

struct match {
    struct sek_manager *manager;
    const char *device, *package, *version;
    int64_t pass;
    enum sek_error rc;
    struct sek_fault *fault;
};

static void take_finding(void *arg, const struct sek_finding *f)
{
    struct match *x = arg;
    if (x->rc)
        return;
    x->rc = sek_store_run(
        x->manager->store, x->fault,
        "INSERT INTO findings(device, cve, package, version, fixed, severity, since, pass)"
        " VALUES(?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET version=excluded.version,"
        " fixed=excluded.fixed, severity=excluded.severity, pass=excluded.pass",
        "ssssssii", x->device, f->id, f->package, x->version, f->fixed, f->severity, sek_now(),
        x->pass);
}

static bool match_component(void *arg, const struct sek_row *row)
{
    struct match *x = arg;
    const char *cpe = row->text(row, 3, NULL);
    struct sek_component c = {row->text(row, 0, NULL), row->text(row, 1, NULL),
                              row->text(row, 2, NULL), *cpe ? cpe : NULL};
    const struct sek_intel *intel = x->manager->intel;
    x->version = c.version;
    enum sek_error rc = sek_match((const struct sek_advisory_set *const *)intel->sets, intel->count,
                                  &c, take_finding, x, x->fault);
    x->rc = x->rc ? x->rc : rc;
    return !x->rc;
}

struct assign {
    struct sek_manager *manager;
    const char *device;
    json_t *wanted; /* set of patch ids */
};

static bool want_patches(void *arg, const struct sek_row *row)
{
    struct assign *a = arg;
    json_t *ids = sek_intel_cover(a->manager, row->text(row, 0, NULL)), *id;
    size_t i;
    json_array_foreach(ids, i, id)
    {
        json_object_set_new(a->wanted, json_string_value(id), json_true());
    }
    json_decref(ids);
    return true;
}

/* Findings -> automatic assignments; those that no finding needs any more are withdrawn. */
static enum sek_error assign_patches(struct sek_manager *m, const char *device,
                                     struct sek_fault *fault)
{
    struct assign a = {m, device, json_object()};
    json_t *present = NULL, *item, *value;
    const char *id;
    size_t i;
    enum sek_error rc = sek_store_each(m->store, want_patches, &a, fault,
                                       "SELECT DISTINCT cve FROM findings WHERE device=?", "s",
                                       device);
    json_object_foreach(a.wanted, id, value)
    {
        if (!rc)
            rc = sek_store_run(m->store, fault,
                               "INSERT INTO assignments(device, patch, origin, created)"
                               " VALUES(?,?,'automatic',?) ON CONFLICT DO NOTHING",
                               "ssi", device, id, sek_now());
    }
    if (!rc)
        rc = sek_store_rows(m->store, &present, fault,
                            "SELECT patch FROM assignments WHERE device=? AND origin='automatic'",
                            "s", device);
    json_array_foreach(present, i, item)
    {
        id = json_string_value(json_object_get(item, "patch"));
        if (!rc && !json_object_get(a.wanted, id))
            rc = sek_store_run(m->store, fault, "DELETE FROM assignments WHERE device=? AND patch=?",
                               "ss", device, id);
    }
    json_decref(present);
    json_decref(a.wanted);
    return rc;
}

enum sek_error sek_intel_match(struct sek_manager *m, const char *tenant, const char *device,
                               const char *package, struct sek_fault *fault)
{
    struct match x = {.manager = m,
                      .device = device,
                      .package = package,
                      .pass = (int64_t)sek_clock_wall_us(),
                      .fault = fault};
    enum sek_error rc = sek_store_begin(m->store, fault);
    if (rc)
        return rc;
    rc = sek_store_each(m->store, match_component, &x, fault,
                        "SELECT ecosystem, source, source_version, cpe FROM components WHERE"
                        " device=?1 AND (?2 IS NULL OR source=?2)"
                        " GROUP BY ecosystem, source, source_version, cpe",
                        "ss", device, package);
    rc = rc ? rc : x.rc;
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "DELETE FROM findings WHERE device=?1 AND pass<>?2 AND"
                           " (?3 IS NULL OR package=?3)",
                           "sis", device, x.pass, package);
    if (!rc)
        rc = assign_patches(m, device, fault);
    rc = sek_store_end(m->store, rc, fault);
    if (!rc)
        sek_bundles_changed(m->bundles, tenant, device);
    return rc;
}

/* --- import --- */

struct rematch {
    struct sek_manager *manager;
    json_t *pairs;   /* [device, tenant, package or null] */
    json_t *devices; /* set */
    size_t packages;
    const char *package;
};

static bool take_pair(void *arg, const struct sek_row *row)
{
    struct rematch *x = arg;
    const char *device = row->text(row, 0, NULL);
    json_array_append_new(x->pairs, json_pack("[s,s,s?]", device, row->text(row, 1, NULL),
                                              strchr(x->package, ':') ? NULL : x->package));
    json_object_set_new(x->devices, device, json_true());
    return true;
}

/* A package with a colon is a CPE's vendor:product: any component with a CPE may be meant. */
static void package_changed(void *arg, const char *package)
{
    struct rematch *x = arg;
    x->package = package;
    x->packages++;
    if (strchr(package, ':'))
        sek_store_each(x->manager->store, take_pair, x, NULL,
                       "SELECT DISTINCT d.id, d.tenant FROM components c JOIN devices d"
                       " ON d.id=c.device WHERE c.cpe IS NOT NULL",
                       "");
    else
        sek_store_each(x->manager->store, take_pair, x, NULL,
                       "SELECT DISTINCT d.id, d.tenant FROM components c JOIN devices d"
                       " ON d.id=c.device WHERE c.source=?",
                       "s", package);
}

static enum sek_error save_feed(const struct sek_feed *feed, struct sek_fault *fault)
{
    char path[PATH_MAX];
    struct sek_text packed = {0};
    int n = snprintf(path, sizeof path, "%s/%s.json.zst", feed->folder, feed->name);
    enum sek_error rc = n < PATH_MAX
                            ? sek_zstd_compress(feed->text.data, feed->text.len, &packed, fault)
                            : sek_fail(fault, SEK_EINVAL, "feed name too long");
    if (!rc)
        rc = sek_file_replace(path, packed.data, packed.len, 0600, fault);
    sek_text_free(&packed);
    return rc;
}

struct sek_feed *sek_feed_make(const struct sek_intel *intel, const char *name,
                               struct sek_text *text)
{
    struct sek_feed *feed = calloc(1, sizeof *feed);
    if (!feed)
        return NULL;
    snprintf(feed->name, sizeof feed->name, "%s", name);
    memcpy(feed->folder, intel->folder, sizeof feed->folder);
    feed->text = *text;
    *text = (struct sek_text){0};
    feed->rc = sek_fail(&feed->fault, SEK_ESTATE, "%s: the manager is stopping", name);
    return feed;
}

void sek_feed_free(struct sek_feed *feed)
{
    if (!feed)
        return;
    sek_advisories_free(feed->set);
    sek_text_free(&feed->text);
    free(feed);
}

void sek_feed_read(void *arg)
{
    struct sek_feed *feed = arg;
    feed->rc = sek_advisories_read(feed->name, feed->text.data, feed->text.len, &feed->set,
                                   &feed->fault);
    if (!feed->rc)
        feed->rc = save_feed(feed, &feed->fault);
}

static enum sek_error rematch_all(struct sek_manager *m, const json_t *pairs,
                                  struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    size_t i;
    json_t *pair;
    json_array_foreach(pairs, i, pair)
    {
        if (!rc)
            rc = sek_intel_match(m, json_string_value(json_array_get(pair, 1)),
                                 json_string_value(json_array_get(pair, 0)),
                                 json_string_value(json_array_get(pair, 2)), fault);
    }
    return rc;
}

enum sek_error sek_intel_apply(struct sek_manager *m, struct sek_feed *feed, json_t **summary,
                               struct sek_fault *fault)
{
    struct rematch x = {.manager = m};
    const struct sek_advisory_set *set = feed->set;
    x.pairs = json_array();
    x.devices = json_object();
    sek_advisories_changed(find_feed(m->intel, feed->name), set, package_changed, &x);
    enum sek_error rc = put_feed(m->intel, feed->name, feed->set, fault);
    if (rc)
        goto done;
    feed->set = NULL; /* the registry's now */
    rc = sek_store_begin(m->store, fault);
    if (rc)
        goto done;
    rc = rematch_all(m, x.pairs, fault);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "INSERT INTO feeds(name, kind, advisories, bytes, imported)"
                           " VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET kind=excluded.kind,"
                           " advisories=excluded.advisories, bytes=excluded.bytes,"
                           " imported=excluded.imported",
                           "ssiii", feed->name, sek_advisories_kind(set),
                           (int64_t)sek_advisories_count(set), (int64_t)feed->text.len, sek_now());
    rc = sek_store_end(m->store, rc, fault);
    if (!rc)
        *summary = json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", feed->name, "kind",
                             sek_advisories_kind(set), "advisories",
                             (json_int_t)sek_advisories_count(set), "packages_changed",
                             (json_int_t)x.packages, "devices_matched",
                             (json_int_t)json_object_size(x.devices));
done:
    json_decref(x.pairs);
    json_decref(x.devices);
    return rc;
}
