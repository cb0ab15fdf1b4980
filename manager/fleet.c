/* Devices: enrolment tokens, enrolment, the list, one device with its components, findings, patches. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "manager/account.h"
#include "manager/bundles.h"
#include "manager/content.h"
#include "manager/intel.h"
#include "manager/push.h"
#include "manager/uninstall.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_LIFE     86400
#define TOKEN_LIFE_MAX (90 * 86400)

/* --- enrolment tokens --- */

static enum sek_error add_token(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    char secret[SEK_SECRET_TEXT], id[SEK_SECRET_TEXT], hash[65], token[200];
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (rc)
        return rc;
    const char *note = json_string_value(json_object_get(body, "note"));
    const char *kind = json_string_value(json_object_get(body, "kind"));
    const json_t *life = json_object_get(body, "expires_in_s");
    json_int_t seconds = life ? json_integer_value(life) : TOKEN_LIFE;
    if (kind && strcmp(kind, "agent") && strcmp(kind, "gateway"))
        rc = sek_fail(fault, SEK_EINVAL, "field \"kind\": agent or gateway expected");
    else if (seconds < 1 || seconds > TOKEN_LIFE_MAX)
        rc = sek_fail(fault, SEK_EINVAL, "field \"expires_in_s\": 1 to %d expected",
                      TOKEN_LIFE_MAX);
    sek_secret_make(secret);
    sek_secret_make(id);
    id[12] = '\0';
    sek_secret_hash(secret, hash);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT INTO tokens(id, tenant, hash, kind, note, created, expires)"
                           " VALUES(?,?,?,?,?,?,?)",
                           "sssssii", id, r->tenant, hash, kind, note ? note : "", sek_now(),
                           sek_now() + seconds);
    if (!rc) {
        snprintf(token, sizeof token, "skt1.%s.%s.%s", id, secret, sek_pki_ca_pin(r->manager->pki));
        rc = sek_reply(r, 201,
                       json_pack("{s:s, s:s, s:s, s:I}", "id", id, "token", token, "tenant",
                                 r->tenant, "expires", (json_int_t)(sek_now() + seconds)));
    }
    json_decref(body);
    return rc;
}

static enum sek_error list_tokens(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT id, kind, note, created, expires, used, device"
                                       " FROM tokens WHERE tenant=? ORDER BY created DESC",
                                       "s", r->tenant);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "tokens", rows));
}

static enum sek_error remove_token(struct sek_request *r, struct sek_fault *fault)
{
    enum sek_error rc = sek_store_run(r->manager->store, fault,
                                      "DELETE FROM tokens WHERE id=? AND tenant=?", "ss",
                                      r->parameter[0], r->tenant);
    if (!rc && !sek_store_changes(r->manager->store))
        rc = sek_fail(fault, SEK_ENOTFOUND, "token %.40s: no such token", r->parameter[0]);
    return rc ? rc : sek_reply_empty(r);
}

/* --- enrolment --- */

struct token {
    char tenant[64], hash[65], kind[16];
    int64_t expires, used;
    bool found;
};

static bool take_token(void *arg, const struct sek_row *row)
{
    struct token *t = arg;
    snprintf(t->tenant, sizeof t->tenant, "%s", row->text(row, 0, NULL));
    snprintf(t->hash, sizeof t->hash, "%s", row->text(row, 1, NULL));
    snprintf(t->kind, sizeof t->kind, "%s", row->text(row, 2, NULL));
    t->expires = row->integer(row, 3);
    t->used = row->integer(row, 4);
    t->found = true;
    return false;
}

/* The reason why TEXT is not a good token, or NULL. A wrong secret and an unknown id read alike. */
static const char *check_token(struct sek_store *store, const char *text, const char *kind,
                               char id[64], struct token *t)
{
    char secret[64], hash[65];
    *t = (struct token){0};
    id[0] = '\0';
    if (sscanf(text, "skt1.%63[^.].%63[^.].", id, secret) != 2)
        return "field \"token\": skt1.<id>.<secret>.<fingerprint> expected";
    sek_secret_hash(secret, hash);
    sek_store_each(store, take_token, t, NULL,
                   "SELECT tenant, hash, kind, expires, used FROM tokens WHERE id=?", "s", id);
    if (!t->found || CRYPTO_memcmp(hash, t->hash, 64))
        return "the enrolment token is wrong";
    if (t->used)
        return "the enrolment token has been used already";
    if (t->expires <= sek_now())
        return "the enrolment token has expired";
    if (*t->kind && strcmp(t->kind, kind))
        return "the enrolment token is for another kind of device";
    return NULL;
}

struct enrolment {
    const char *token, *csr, *kind, *name;
};

static enum sek_error read_enrolment(const json_t *body, struct enrolment *e,
                                     struct sek_fault *fault)
{
    enum sek_error rc = sek_field(body, "token", &e->token, fault);
    if (!rc)
        rc = sek_field(body, "csr", &e->csr, fault);
    if (!rc)
        rc = sek_field(body, "kind", &e->kind, fault);
    if (!rc)
        rc = sek_field(body, "name", &e->name, fault);
    if (!rc && strcmp(e->kind, "agent") && strcmp(e->kind, "gateway"))
        rc = sek_fail(fault, SEK_EINVAL, "field \"kind\": agent or gateway expected");
    if (!rc && (!*e->name || strlen(e->name) > 120))
        rc = sek_fail(fault, SEK_EINVAL, "field \"name\": 1 to 120 bytes expected");
    return rc;
}

/* Device, used token and certificate in one transaction: a token is used exactly once. */
static enum sek_error enrol_device(struct sek_request *r, const struct enrolment *e, const char *id,
                                   const struct token *t, json_t **out, struct sek_fault *fault)
{
    struct sek_manager *m = r->manager;
    char random[SEK_SECRET_TEXT], hash[65], device[64], serial[48];
    char *certificate = NULL;
    sek_secret_make(random);
    sek_secret_hash(random, hash);
    snprintf(device, sizeof device, "d-%.16s", hash);
    enum sek_error rc = sek_pki_issue(m->pki, e->csr, device, t->tenant, &certificate, serial, fault);
    if (rc)
        return rc;
    rc = sek_store_begin(m->store, fault);
    if (rc)
        goto done;
    rc = sek_store_run(m->store, fault,
                       "UPDATE tokens SET used=?, device=? WHERE id=? AND used IS NULL", "iss",
                       sek_now(), device, id);
    if (!rc)
        rc = sek_store_run(m->store, fault,
                           "INSERT INTO devices(id, tenant, kind, name, serial, enrolled)"
                           " VALUES(?,?,?,?,?,?)",
                           "sssssi", device, t->tenant, e->kind, e->name, serial, sek_now());
    rc = sek_store_end(m->store, rc, fault);
    if (rc)
        goto done;
    sek_info("enrolled %s %s (%s) into tenant %s", e->kind, device, e->name, t->tenant);
    const json_t *roots = sek_keys_roots(m->keys);
    *out = json_pack("{s:s, s:s, s:s, s:s, s:O, s:i}", "device", device, "tenant", t->tenant,
                     "certificate", certificate, "ca", sek_pki_ca_pem(m->pki), "root",
                     json_array_get(roots, json_array_size(roots) - 1), "device_port",
                     m->device_port);
done:
    free(certificate);
    return rc;
}

static enum sek_error enrol(struct sek_request *r, struct sek_fault *fault)
{
    struct sek_manager *m = r->manager;
    struct enrolment e = {0};
    struct token t;
    char id[64];
    json_t *body = NULL, *doc = NULL;
    if (!sek_limit_allows(&m->enrolments, r->address, sek_clock_wall_us()))
        return sek_fail(fault, SEK_EAGAIN, "too many enrolments from %s: wait a minute", r->address);
    sek_limit_take(&m->enrolments, r->address, sek_clock_wall_us());
    enum sek_error rc = sek_request_json(r, &body, fault);
    if (!rc)
        rc = read_enrolment(body, &e, fault);
    if (!rc) {
        const char *problem = check_token(m->store, e.token, e.kind, id, &t);
        if (problem) {
            sek_warning("enrolment from %s refused: %s", r->address, problem);
            rc = sek_reply_problem(r, 401, problem, NULL);
        } else {
            rc = enrol_device(r, &e, id, &t, &doc, fault);
            if (!rc)
                rc = sek_reply(r, 201, doc);
        }
    }
    json_decref(body);
    return rc;
}

/* --- devices --- */

static void decorate(struct sek_request *r, json_t *device)
{
    const char *id = json_string_value(json_object_get(device, "id"));
    const json_t *status = json_object_get(device, "status");
    const json_t *bundle = json_object_get(status, "bundle");
    json_t *lockdown = json_object_get(status, "lockdown");
    bool online = sek_push_online(r->manager->hub, id);
    bool silent = !online && json_integer_value(json_object_get(device, "silent"));
    json_object_set_new(device, "online", json_boolean(online));
    json_object_set_new(device, "link", json_string(online ? "up" : silent ? "silent" : "down"));
    json_object_set(device, "silent_since", silent ? json_object_get(device, "gone") : json_null());
    json_object_del(device, "silent");
    json_object_del(device, "gone");
    json_object_set(device, "bundle_in_force",
                    json_object_get(bundle, "version") ? json_object_get(bundle, "version")
                                                       : json_null());
    json_object_set(device, "lockdown", lockdown ? lockdown : json_null());
}

static enum sek_error list_devices(struct sek_request *r, struct sek_fault *fault)
{
    json_t *rows = NULL, *device;
    size_t i;
    enum sek_error rc = sek_store_rows(
        r->manager->store, &rows, fault,
        "SELECT id, kind, name, enrolled, last_seen, address, bundle_version, chain_faults,"
        " gone, silent, os AS \"os:json\", status AS \"status:json\","
        " (SELECT count(*) FROM findings f WHERE f.device=d.id) AS findings,"
        " (SELECT count(*) FROM assignments a WHERE a.device=d.id AND a.origin<>'excluded')"
        "  AS patches,"
        " (SELECT count(*) FROM events e WHERE e.device=d.id AND e.action IN"
        "  ('blocked','quarantined')) AS blocked"
        " FROM devices d WHERE tenant=? ORDER BY name, id",
        "s", r->tenant);
    json_array_foreach(rows, i, device)
    {
        decorate(r, device);
    }
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", "devices", rows));
}

static enum sek_error read_device(struct sek_request *r, json_t **out, struct sek_fault *fault)
{
    enum sek_error rc = sek_store_row(
        r->manager->store, out, fault,
        "SELECT id, kind, name, tenant, enrolled, last_seen, address, bundle_version, chain_faults,"
        " gone, silent, seq AS events, os AS \"os:json\", product AS \"product:json\","
        " services AS \"services:json\", posture AS \"posture:json\", notes AS \"notes:json\","
        " status AS \"status:json\" FROM devices WHERE id=? AND tenant=?",
        "ss", r->parameter[0], r->tenant);
    if (rc == SEK_ENOTFOUND)
        sek_fail(fault, rc, "device %.60s: no such device", r->parameter[0]);
    return rc;
}

/* Findings with the ids of the patches that cover each, and whether one is assigned. */
static enum sek_error read_findings(struct sek_request *r, json_t **out, struct sek_fault *fault)
{
    size_t i;
    json_t *finding;
    enum sek_error rc = sek_store_rows(r->manager->store, out, fault,
                                       "SELECT cve, package, version, fixed, severity, since"
                                       " FROM findings WHERE device=? ORDER BY cve, package",
                                       "s", r->parameter[0]);
    json_array_foreach(rc ? NULL : *out, i, finding)
    {
        const char *cve = json_string_value(json_object_get(finding, "cve"));
        json_t *cover = sek_intel_cover(r->manager, cve);
        bool assigned = sek_intel_assigned(r->manager, r->parameter[0], cover);
        json_object_set_new(finding, "state", json_string(assigned ? "patched" : "open"));
        json_object_set_new(finding, "patches", cover);
    }
    return rc;
}

static enum sek_error read_patches(struct sek_request *r, json_t **out, struct sek_fault *fault)
{
    size_t i;
    json_t *row, *list = json_array();
    json_t *rows = NULL;
    enum sek_error rc = sek_store_rows(r->manager->store, &rows, fault,
                                       "SELECT patch, origin, mode, created FROM assignments"
                                       " WHERE device=? ORDER BY patch",
                                       "s", r->parameter[0]);
    json_array_foreach(rows, i, row)
    {
        const char *id = json_string_value(json_object_get(row, "patch"));
        const char *rules = sek_content_patch(r->manager->content, id);
        json_t *entry = sek_intel_patch(r->manager, r->parameter[0], id, rules ? rules : "");
        json_object_set(entry, "origin", json_object_get(row, "origin"));
        json_object_set(entry, "mode", json_object_get(row, "mode"));
        json_object_set(entry, "since", json_object_get(row, "created"));
        json_array_append_new(list, entry);
    }
    json_decref(rows);
    *out = list;
    return rc;
}

static enum sek_error show_device(struct sek_request *r, struct sek_fault *fault)
{
    json_t *device = NULL, *components = NULL, *findings = NULL, *patches = NULL;
    enum sek_error rc = read_device(r, &device, fault);
    if (rc)
        return rc;
    rc = sek_store_rows(r->manager->store, &components, fault,
                        "SELECT ecosystem, name, arch, version, source, source_version, cpe,"
                        " build_id, path, purl, origin AS \"from\","
                        " (SELECT count(*) FROM findings f WHERE f.device=c.device AND"
                        "  f.package=c.source) AS findings"
                        " FROM components c WHERE device=? ORDER BY name, arch, version",
                        "s", r->parameter[0]);
    if (!rc)
        rc = read_findings(r, &findings, fault);
    if (!rc)
        rc = read_patches(r, &patches, fault);
    decorate(r, device);
    json_object_set_new(device, "components", components ? components : json_array());
    json_object_set_new(device, "findings", findings ? findings : json_array());
    json_object_set_new(device, "patches", patches ? patches : json_array());
    if (!rc)
        return sek_reply(r, 200, device);
    json_decref(device);
    return rc;
}

static enum sek_error list_part(struct sek_request *r, const char *name,
                                enum sek_error (*read)(struct sek_request *, json_t **,
                                                       struct sek_fault *),
                                struct sek_fault *fault)
{
    json_t *device = NULL, *list = NULL;
    enum sek_error rc = read_device(r, &device, fault);
    json_decref(device);
    if (!rc)
        rc = read(r, &list, fault);
    return rc ? rc : sek_reply(r, 200, json_pack("{s:o}", name, list));
}

static enum sek_error show_findings(struct sek_request *r, struct sek_fault *fault)
{
    return list_part(r, "findings", read_findings, fault);
}

static enum sek_error show_patches(struct sek_request *r, struct sek_fault *fault)
{
    return list_part(r, "patches", read_patches, fault);
}

/* Removing a device ends its certificate; its events stay in the log. */
static enum sek_error remove_device(struct sek_request *r, struct sek_fault *fault)
{
    static const char *const statements[] = {
        "DELETE FROM components WHERE device=?", "DELETE FROM findings WHERE device=?",
        "DELETE FROM assignments WHERE device=?", "DELETE FROM devices WHERE id=?"};
    json_t *device = NULL;
    enum sek_error rc = read_device(r, &device, fault);
    json_decref(device);
    if (rc || (rc = sek_store_begin(r->manager->store, fault)))
        return rc;
    for (size_t i = 0; !rc && i < 4; i++)
        rc = sek_store_run(r->manager->store, fault, statements[i], "s", r->parameter[0]);
    rc = sek_store_end(r->manager->store, rc, fault);
    return rc ? rc : sek_reply_empty(r);
}

/* --- virtual patches of a device --- */

static enum sek_error set_patch(struct sek_request *r, const char *origin, const char *mode,
                                struct sek_fault *fault)
{
    json_t *device = NULL;
    const char *patch = r->parameter[1];
    enum sek_error rc = read_device(r, &device, fault);
    json_decref(device);
    if (!rc && !sek_content_patch(r->manager->content, patch))
        rc = sek_fail(fault, SEK_ENOTFOUND, "patch %.80s: no such patch", patch);
    if (!rc)
        rc = sek_store_run(r->manager->store, fault,
                           "INSERT INTO assignments(device, patch, origin, created, mode)"
                           " VALUES(?,?,?,?,?) ON CONFLICT DO UPDATE SET origin=excluded.origin,"
                           " mode=excluded.mode",
                           "sssis", r->parameter[0], patch, origin, sek_now(), mode);
    if (rc)
        return rc;
    sek_bundles_changed(r->manager->bundles, r->tenant, r->parameter[0]);
    return sek_reply_empty(r);
}

static enum sek_error assign_patch(struct sek_request *r, struct sek_fault *fault)
{
    json_t *body = NULL;
    enum sek_error rc = r->body.len ? sek_request_json(r, &body, fault) : SEK_OK;
    const json_t *value = json_object_get(body, "mode");
    const char *mode = value ? json_string_value(value) : "prevent";
    if (!rc && (!mode || (strcmp(mode, "prevent") && strcmp(mode, "detect"))))
        rc = sek_fail(fault, SEK_EINVAL, "field \"mode\": prevent or detect expected");
    if (!rc)
        rc = set_patch(r, "manual", mode, fault);
    json_decref(body);
    return rc;
}

/* Excluded, not forgotten: the next matching must not assign it again. */
static enum sek_error unassign_patch(struct sek_request *r, struct sek_fault *fault)
{
    return set_patch(r, "excluded", "prevent", fault);
}

static enum sek_error send_command(struct sek_request *r, struct sek_fault *fault)
{
    json_t *device = NULL, *body = NULL;
    const char *name;
    enum sek_error rc = read_device(r, &device, fault);
    json_decref(device);
    if (!rc)
        rc = sek_request_json(r, &body, fault);
    if (!rc)
        rc = sek_field(body, "name", &name, fault);
    if (!rc && !sek_push_online(r->manager->hub, r->parameter[0]))
        rc = sek_fail(fault, SEK_ESTATE, "device %.60s is not connected", r->parameter[0]);
    if (!rc) {
        json_object_set_new(body, "type", json_string("command"));
        sek_push_send(r->manager->hub, r->tenant, r->parameter[0], body);
        rc = sek_reply_empty(r);
    }
    json_decref(body);
    return rc;
}

const struct sek_route sek_routes_fleet[] = {
    {EVHTTP_REQ_POST, "/api/v1/enrol", SEK_ACCESS_PUBLIC, enrol},
    {EVHTTP_REQ_GET, "/api/v1/tokens", SEK_ACCESS_OPERATOR, list_tokens},
    {EVHTTP_REQ_POST, "/api/v1/tokens", SEK_ACCESS_ADMIN, add_token},
    {EVHTTP_REQ_DELETE, "/api/v1/tokens/*", SEK_ACCESS_ADMIN, remove_token},
    {EVHTTP_REQ_GET, "/api/v1/devices", SEK_ACCESS_VIEWER, list_devices},
    {EVHTTP_REQ_GET, "/api/v1/devices/*", SEK_ACCESS_VIEWER, show_device},
    {EVHTTP_REQ_DELETE, "/api/v1/devices/*", SEK_ACCESS_ADMIN, remove_device},
    {EVHTTP_REQ_GET, "/api/v1/devices/*/findings", SEK_ACCESS_VIEWER, show_findings},
    {EVHTTP_REQ_GET, "/api/v1/devices/*/patches", SEK_ACCESS_VIEWER, show_patches},
    {EVHTTP_REQ_PUT, "/api/v1/devices/*/patches/*", SEK_ACCESS_OPERATOR, assign_patch},
    {EVHTTP_REQ_DELETE, "/api/v1/devices/*/patches/*", SEK_ACCESS_OPERATOR, unassign_patch},
    {EVHTTP_REQ_POST, "/api/v1/devices/*/uninstall-token", SEK_ACCESS_ADMIN, sek_uninstall_reply},
    {EVHTTP_REQ_POST, "/api/v1/devices/*/commands", SEK_ACCESS_OPERATOR, send_command},
    {0, NULL, 0, NULL},
};
