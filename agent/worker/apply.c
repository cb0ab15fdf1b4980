/* Bundles and pushed indicators into force. Everything of a bundle is read and built first; only
 * when all of it is good does anything change. */
#include "agent/worker/state.h"
#include "agent/worker/addresses.h"
#include "bpf/exit.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTACKERS        256 /* of a bundle that are put into the block sets */
#define STANDALONE_FILES 64
#define EXPIRY_US        60000000u

struct prefix_list {
    struct sek_prefix *list;
    size_t count, cap;
    uint64_t now_s, next_expiry;
};

static bool add_prefix(void *arg, const struct sek_reputation_hit *hit)
{
    struct prefix_list *p = arg;
    if (hit->type != SEK_INDICATOR_IP4 && hit->type != SEK_INDICATOR_IP6)
        return true;
    if ((hit->expiry && hit->expiry <= p->now_s) || p->count == p->cap)
        return true;
    if (hit->expiry && (!p->next_expiry || hit->expiry < p->next_expiry))
        p->next_expiry = hit->expiry;
    struct sek_prefix *one = &p->list[p->count++];
    *one = (struct sek_prefix){
        .bits = hit->key[0],
        .v6 = hit->type == SEK_INDICATOR_IP6,
    };
    memcpy(one->address, hit->key + 1, hit->key_len - 1u);
    return true;
}

static void hand_list(struct sek_worker *w, uint32_t which, const struct sek_prefix *list,
                      size_t count)
{
    /* A memory file is not mapped when it is empty: an element that says nothing stands for that.
     */
    int fd = sek_memory_file("prefixes", list, (count ? count : 1) * sizeof *list);
    if (fd >= 0 && sek_message_send(w->options->guard_fd, SEK_MESSAGE_PREFIXES, which, NULL, 0, fd))
        sek_warning("prefix list not handed over");
    if (fd >= 0)
        close(fd);
}

/* The wall clock may be set: it is asked again after a minute at the latest. */
static void wait_for_expiry(struct sek_worker *w)
{
    uint64_t now = sek_clock_wall_us(), end = w->prefixes_end_s * 1000000u;
    uint64_t wait = end > now ? end - now : 0;
    if (end)
        sek_worker_due(w, SEK_DUE_PREFIXES, wait > EXPIRY_US ? EXPIRY_US : wait);
}

void sek_worker_send_prefixes(struct sek_worker *w)
{
    struct prefix_list p = {.now_s = sek_clock_wall_us() / 1000000u};
    p.cap = sek_indicators_count(&w->indicators, SEK_INDICATOR_IP4) +
            sek_indicators_count(&w->indicators, SEK_INDICATOR_IP6);
    p.list = calloc(p.cap + 1, sizeof *p.list);
    if (!p.list)
        return;
    sek_indicators_each(&w->indicators, add_prefix, &p);
    w->prefixes_end_s = p.next_expiry;
    hand_list(w, SEK_EXIT_INDICATORS, p.list, p.count);
    free(p.list);
    wait_for_expiry(w);
}

void sek_worker_expire_prefixes(struct sek_worker *w)
{
    if (w->prefixes_end_s && w->prefixes_end_s <= sek_clock_wall_us() / 1000000u)
        sek_worker_send_prefixes(w);
    else
        wait_for_expiry(w);
}

/* The long plain list: read, handed over, and not kept. F is NULL when there is none any more. */
static enum sek_error apply_addresses(struct sek_worker *w, const struct sek_bundle_file *f,
                                      struct sek_fault *fault)
{
    size_t cap = f ? sek_addresses_count(f->data, f->len) : 0, count = 0;
    if (cap > SEK_ADDRESSES_LIMIT)
        return sek_fail(fault, SEK_ELIMIT, "addresses: %zu lines, expected at most %u", cap,
                        SEK_ADDRESSES_LIMIT);
    struct sek_prefix *list = calloc(cap + 1, sizeof *list);
    enum sek_error rc = !list ? sek_fail(fault, SEK_ENOMEM, "addresses: out of memory")
                        : f   ? sek_addresses_parse(f->data, f->len, list, cap, &count, fault)
                              : SEK_OK;
    if (!rc)
        hand_list(w, SEK_EXIT_ADDRESSES, list, count);
    if (!rc)
        w->address_count = count;
    free(list);
    return rc;
}

void sek_worker_refilter(struct sek_worker *w)
{
    uint32_t domains = sek_indicators_count(&w->indicators, SEK_INDICATOR_DOMAIN);
    uint32_t urls = sek_indicators_count(&w->indicators, SEK_INDICATOR_URL);
    struct sek_filter f = {
        .entry_mode = w->policy.entry_mode,
        .exit_mode = w->policy.exit_mode,
        .inside_mode = w->local_inside != 0xff ? w->local_inside : w->policy.inside_mode,
        .inline_code = w->policy.inline_code,
        .strict_scripts = w->policy.strict_scripts,
        .window_only = w->policy.window_only,
        .trust_packages = w->policy.trust_packages,
        .listed_only = w->policy.listed_only,
        .names = domains || w->policy.unlearned || w->policy.encrypted_dns || w->policy.quic ||
                 sek_unsure_count(w->unsure),
        .resolvers = w->policy.encrypted_dns != SEK_EXIT_ALLOW_ALL,
        .unlearned = w->policy.unlearned,
        .listeners = w->policy.unlearned == SEK_EXIT_LEARN ? SEK_EXIT_LEARN : w->policy.listeners,
        .urls = urls || sek_unsure_count(w->unsure),
        .port_count = w->port_count,
    };
    memcpy(f.ports, w->ports, sizeof f.ports);
    memcpy(f.scopes, w->policy.scopes, sizeof f.scopes);
    w->probes.threshold = w->policy.entry_mode == SEK_MODE_OFF ? 0 : w->policy.probe_threshold;
    w->probes.window_us = w->policy.probe_window_s * 1000000ull;
    const struct sek_outgoing_rules rules = {
        .unsure = w->unsure,
        .deny_unanswered = w->policy.deny_unanswered,
        .encrypted_dns = w->policy.encrypted_dns,
        .quic = w->policy.quic,
    };
    sek_outgoing_rules(w->outgoing, &rules);
    if (memcmp(&f, &w->filter, sizeof f) != 0) {
        w->filter = f;
        sek_worker_ask(w, SEK_MESSAGE_FILTER, 0, &f, sizeof f);
    }
}

/* The device's own file NAME ("patches.rules"), whatever its device id. */
static const struct sek_bundle_file *device_file(const struct sek_bundle_view *view,
                                                 const char *name)
{
    for (size_t i = 0; i < view->count; i++) {
        const char *base = strrchr(view->files[i].path, '/');
        if (base && !strncmp(view->files[i].path, "devices/", 8) && !strcmp(base + 1, name))
            return &view->files[i];
    }
    return NULL;
}

/* True when F is another content than the one remembered in DIGEST. */
static bool changed(const struct sek_bundle_file *f, const char *digest)
{
    return f && strcmp(f->sha256, digest) != 0;
}

static void remember(const struct sek_bundle_file *f, char digest[65])
{
    snprintf(digest, 65, "%s", f ? f->sha256 : "");
}

static void hand_file(struct sek_worker *w, uint32_t type, const struct sek_bundle_file *f)
{
    int fd = sek_memory_file(f->path, f->data, f->len);
    if (fd >= 0 && sek_message_send(w->options->guard_fd, type, 0, NULL, 0, fd))
        sek_warning("%s not handed over", f->path);
    if (fd >= 0)
        close(fd);
}

/* What the guard keeps over a restart: a bundle without it takes away what an older one brought. */
static void hand_kept(struct sek_worker *w, uint32_t type, const struct sek_bundle_file *f,
                      char digest[65])
{
    static const struct sek_bundle_file none = {"none", "\n", 1, "none"};
    if (!f)
        f = &none;
    if (!changed(f, digest))
        return;
    hand_file(w, type, f);
    remember(f, digest);
}

static void hand_uninstall(struct sek_worker *w, const struct sek_bundle_file *f)
{
    struct sek_unlock u = {0};
    if (!f || f->len != 64 || !changed(f, w->uninstall_digest))
        return;
    memcpy(u.text, f->data, 64);
    sek_worker_ask(w, SEK_MESSAGE_UNINSTALL, 0, &u, sizeof u);
    remember(f, w->uninstall_digest);
}

/* Virtual patches: all rules of this device, and the ports they need. */
static enum sek_error apply_patches(struct sek_worker *w, const struct sek_bundle_view *view,
                                    struct sek_fault *fault)
{
    const struct sek_bundle_file *rules = device_file(view, "patches.rules");
    const struct sek_bundle_file *list = device_file(view, "patches.json");
    struct sek_port ports[SEK_FILTER_PORTS] = {0};
    uint16_t count = 0;
    const struct sek_bundle_file *tests = device_file(view, "patches.tests");
    char *copy = NULL;
    enum sek_error rc = SEK_OK;
    if (list && (rc = sek_patches_ports(list->data, list->len, ports, &count, fault)))
        return rc;
    if (list && !(copy = strndup(list->data, list->len)))
        return sek_fail(fault, SEK_ENOMEM, "patches.json: out of memory");
    if (changed(rules, w->patches_digest) || (!rules && w->patches_digest[0]))
        rc = sek_entry_load(w->entry, "patches.rules", rules ? rules->data : "",
                            rules ? rules->len : 0, fault);
    if (rc) {
        free(copy);
        return rc;
    }
    remember(rules, w->patches_digest);
    free(w->patches);
    free(w->patch_tests);
    w->patch_ports.changed = true;
    w->patch_tests = tests ? strndup(tests->data, tests->len) : NULL;
    w->patches = copy;
    w->patches_len = list ? list->len : 0;
    memcpy(w->ports, ports, sizeof ports);
    w->port_count = count;
    return SEK_OK;
}

struct attackers {
    struct sek_worker *w;
    uint64_t now_s;
    unsigned count;
};

/* Addresses that devices of the fleet reported are blocked both ways; others only on their way out.
 */
static bool block_attacker(void *arg, const struct sek_reputation_hit *hit)
{
    struct attackers *a = arg;
    bool v4 = hit->type == SEK_INDICATOR_IP4;
    if ((!v4 && hit->type != SEK_INDICATOR_IP6) || hit->key[0] != (v4 ? 32 : 128) ||
        strncmp(hit->source, "device", 6) != 0 || !hit->expiry || hit->expiry <= a->now_s)
        return true;
    struct sek_block b = {.ttl_s = (uint32_t)(hit->expiry - a->now_s)};
    sek_address_map(hit->key + 1, v4, b.address);
    sek_worker_ask(a->w, SEK_MESSAGE_BLOCK, 0, &b, sizeof b);
    return ++a->count < ATTACKERS;
}

static void block_attackers(struct sek_worker *w)
{
    struct attackers a = {w, sek_clock_wall_us() / 1000000u, 0};
    if (w->policy.entry_mode == SEK_MODE_PREVENT)
        sek_indicators_each(&w->indicators, block_attacker, &a);
}

enum sek_error sek_worker_bundle(void *arg, const struct sek_bundle_view *view,
                                 struct sek_fault *fault)
{
    struct sek_worker *w = arg;
    const struct sek_bundle_file *policy = sek_bundle_find(view, "policy.json");
    const struct sek_bundle_file *indicators = sek_bundle_find(view, "indicators.json");
    const struct sek_bundle_file *addresses = sek_bundle_find(view, "addresses");
    const struct sek_bundle_file *prefixes = sek_bundle_find(view, "indicators.prefixes");
    struct sek_policy fresh;
    enum sek_error rc;
    bool lists = changed(indicators, w->indicators_digest);
    sek_policy_default(&fresh);
    if (policy && (rc = sek_policy_parse(&fresh, policy->data, policy->len, fault)))
        return rc;
    if (lists &&
        (rc = sek_indicators_load(&w->indicators, indicators->data, indicators->len, fault)))
        return rc;
    if (lists)
        remember(indicators, w->indicators_digest);
    if ((rc = apply_patches(w, view, fault)))
        return rc;
    if (changed(prefixes, w->unsure_digest) || (!prefixes && w->unsure_digest[0])) {
        rc = sek_unsure_set(w->unsure, prefixes ? prefixes->data : "", prefixes ? prefixes->len : 0,
                            fault);
        if (rc)
            return rc;
        remember(prefixes, w->unsure_digest);
    }
    if (changed(addresses, w->addresses_digest) || (!addresses && w->addresses_digest[0])) {
        if ((rc = apply_addresses(w, addresses, fault)))
            return rc;
        remember(addresses, w->addresses_digest);
    }
    w->policy = fresh;
    if (lists) {
        sek_worker_send_prefixes(w);
        block_attackers(w);
    }
    hand_kept(w, SEK_MESSAGE_LISTED, sek_bundle_find(view, "destinations"), w->destinations_digest);
    hand_kept(w, SEK_MESSAGE_ALLOWLIST, sek_bundle_find(view, "allowlist"), w->allowlist_digest);
    sek_worker_refilter(w);
    hand_uninstall(w, device_file(view, "uninstall"));
    sek_worker_take_duties(w, view);
    sek_worker_firewall_policy(w, json_object_get(w->duties.policy, "firewall"));
    sek_worker_due(w, SEK_DUE_SETTLE, SEK_SETTLE_US);
    snprintf(w->in_force, sizeof w->in_force,
             "bundle %llu in force: %u rules on %u ports, %u addresses, %u names, %u URLs",
             (unsigned long long)view->version, sek_entry_rules(w->entry), w->port_count,
             sek_indicators_count(&w->indicators, SEK_INDICATOR_IP4) +
                 sek_indicators_count(&w->indicators, SEK_INDICATOR_IP6) +
                 (uint32_t)w->address_count,
             sek_indicators_count(&w->indicators, SEK_INDICATOR_DOMAIN),
             sek_indicators_count(&w->indicators, SEK_INDICATOR_URL));
    w->taken = view->version;
    sek_worker_ask(w, SEK_MESSAGE_SYNC, ++w->bundles, NULL, 0);
    return SEK_OK;
}

void sek_worker_in_force(struct sek_worker *w, uint32_t id)
{
    if (id != w->bundles || !w->in_force[0])
        return;
    sek_info("%s", w->in_force);
    w->in_force[0] = '\0';
    w->version = w->taken;
    if (w->client)
        sek_client_confirm(w->client);
}

struct standalone {
    struct sek_bundle_file list[STANDALONE_FILES];
    char digests[STANDALONE_FILES][SEK_SHA256_HEX];
    char *paths[STANDALONE_FILES];
    size_t count;
};

/* FILE of FOLDER as the bundle's file PATH; one that is not there is none. */
static enum sek_error add_standalone(struct standalone *s, const char *folder, const char *file,
                                     const char *path, struct sek_fault *fault)
{
    char full[512], *data;
    size_t len;
    if (s->count == STANDALONE_FILES)
        return sek_fail(fault, SEK_ELIMIT, "%.300s: more than %d files", folder, STANDALONE_FILES);
    snprintf(full, sizeof full, "%.250s/%.250s", folder, file);
    enum sek_error rc = sek_file_read(full, SEK_BUNDLE_FILE_LIMIT, &data, &len, fault);
    if (rc)
        return rc == SEK_ENOTFOUND ? SEK_OK : rc;
    sek_sha256_hex(data, len, s->digests[s->count]);
    s->paths[s->count] = strdup(path);
    s->list[s->count] =
        (struct sek_bundle_file){s->paths[s->count], data, len, s->digests[s->count]};
    s->count++;
    return SEK_OK;
}

/* All files with ENDING of the part PART ("logs"). */
static enum sek_error add_part(struct standalone *s, const char *folder, const char *part,
                               const char *ending, struct sek_fault *fault)
{
    char path[300];
    enum sek_error rc = SEK_OK;
    snprintf(path, sizeof path, "%.250s/%s", folder, part);
    DIR *d = opendir(path);
    for (struct dirent *e; d && !rc && (e = readdir(d));) {
        const char *end = strrchr(e->d_name, '.');
        snprintf(path, sizeof path, "%s/%s", part, e->d_name);
        if (end && !strcmp(end, ending))
            rc = add_standalone(s, folder, path, path, fault);
    }
    if (d)
        closedir(d);
    return rc;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sek_bundle_file *)a)->path,
                  ((const struct sek_bundle_file *)b)->path);
}

enum sek_error sek_worker_standalone(struct sek_worker *w, struct sek_fault *fault)
{
    static const struct {
        const char *file, *path;
    } files[] = {
        {"addresses", "addresses"},
        {"allowlist", "allowlist"},
        {"indicators.prefixes", "indicators.prefixes"},
        {"destinations", "destinations"},
        {"patches.json", "devices/local/patches.json"},
        {"patches.rules", "devices/local/patches.rules"},
        {"patches.tests", "devices/local/patches.tests"},
        {"indicators.json", "indicators.json"},
        {"policy.json", "policy.json"},
        {"uninstall", "devices/local/uninstall"},
    };
    const char *folder = w->options->settings->standalone;
    struct standalone *s = calloc(1, sizeof *s);
    enum sek_error rc = s ? SEK_OK : sek_fail(fault, SEK_ENOMEM, "out of memory");
    for (size_t i = 0; !rc && i < sizeof files / sizeof files[0]; i++)
        rc = add_standalone(s, folder, files[i].file, files[i].path, fault);
    if (!rc)
        rc = add_part(s, folder, "logs", ".yaml", fault);
    if (!rc)
        rc = add_part(s, folder, "malware", ".yar", fault);
    if (!rc) {
        qsort(s->list, s->count, sizeof s->list[0], by_path);
        const struct sek_bundle_view view = {.files = s->list, .count = s->count};
        rc = sek_worker_bundle(w, &view, fault);
    }
    for (size_t i = 0; s && i < s->count; i++) {
        free((void *)(uintptr_t)s->list[i].data);
        free(s->paths[i]);
    }
    free(s);
    return rc;
}

/* Addresses take effect through the block sets at once, both ways. */
static void block_addresses(struct sek_worker *w, json_t *list, bool add)
{
    uint64_t now_s = sek_clock_wall_us() / 1000000u;
    size_t n;
    json_t *item;
    json_array_foreach(list, n, item)
    {
        const char *type = json_string_value(json_object_get(item, "type"));
        const char *value = json_string_value(json_object_get(item, "value"));
        json_int_t expiry = json_integer_value(json_object_get(item, "expiry"));
        struct sek_block b = {.ttl_s = add ? w->policy.block_ttl_s : 0};
        if (!type || !value || strcmp(type, "ip") != 0 || !sek_address_parse(value, b.address))
            continue;
        if (add && expiry && (uint64_t)expiry <= now_s)
            continue;
        if (add && expiry)
            b.ttl_s = (uint32_t)((uint64_t)expiry - now_s);
        if (add && w->policy.entry_mode != SEK_MODE_PREVENT)
            continue;
        sek_worker_ask(w, SEK_MESSAGE_BLOCK, 0, &b, sizeof b);
    }
}

/* Names and URLs of which the device holds prefixes come with the next bundle: pushed one by one, a
 * list of a million would be held here as text after all. */
static json_t *without_names(json_t *add)
{
    json_t *list = json_array(), *item;
    size_t n;
    json_array_foreach(add, n, item)
    {
        const char *type = json_string_value(json_object_get(item, "type"));
        if (!type || (strcmp(type, "domain") != 0 && strcmp(type, "url") != 0))
            json_array_append(list, item);
    }
    return list;
}

void sek_worker_indicators(void *arg, json_t *add, json_t *remove)
{
    struct sek_worker *w = arg;
    struct sek_fault fault;
    json_t *kept = sek_unsure_count(w->unsure) ? without_names(add) : json_incref(add);
    enum sek_error rc = sek_indicators_push(&w->indicators, kept, remove, &fault);
    json_decref(kept);
    if (rc) {
        sek_warning("pushed indicators refused: %s", fault.message);
        return;
    }
    block_addresses(w, add, true);
    block_addresses(w, remove, false);
    sek_worker_send_prefixes(w);
    sek_worker_refilter(w);
    sek_worker_send_duties(w);
}

#define WINDOW_LIMIT (24 * 3600)

json_t *sek_worker_maintenance(struct sek_worker *w, json_t *request)
{
    json_t *seconds = json_object_get(request, "seconds"),
           *updater = json_object_get(request, "updater");
    const char *path = json_string_value(updater);
    struct sek_window window = {.seconds = (uint32_t)json_integer_value(seconds)};
    if (!json_is_integer(seconds) || json_integer_value(seconds) < 0 ||
        json_integer_value(seconds) > WINDOW_LIMIT)
        return json_pack("{s:s}", "error", "seconds: expected a number 0..86400");
    if (updater && (!path || *path != '/' || strlen(path) >= sizeof window.updater))
        return json_pack("{s:s}", "error", "updater: expected an absolute path");
    if (path)
        memcpy(window.updater, path, strlen(path) + 1);
    sek_worker_ask(w, SEK_MESSAGE_WINDOW, 0, &window, sizeof window);
    struct sek_text t = {0};
    sek_event_begin(&t, "lockdown", "allowed");
    sek_json_str(&t, "reason", window.seconds ? "a maintenance window opens" : "it is closed");
    sek_json_open(&t, "lockdown", '{');
    sek_json_str(&t, "operation", "maintenance");
    sek_json_uint(&t, "seconds", window.seconds);
    sek_json_str(&t, "updater", window.updater);
    sek_json_close(&t, '}');
    sek_event_end(&t);
    sek_worker_event(w, &t);
    sek_text_free(&t);
    return json_pack("{s:i}", "maintenance", (int)window.seconds);
}
