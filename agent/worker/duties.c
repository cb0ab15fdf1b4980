/* A duty's process is told everything at once: its section, the rule files, the hashes. It is sent
 * again, and the process replaced, only when any of it has changed. */
#include "agent/worker/duties.h"
#include "agent/spare.h"
#include "agent/worker/state.h"
#include "lib/base/encode.h"
#include "lib/base/log.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RULE_FILES 256

static const struct {
    const char *name;   /* section, event type */
    const char *folder; /* of its rule files in a bundle */
    const char *ending;
    bool hashes;
} duties[SEK_DUTIES] = {
    [SEK_DUTY_INTEGRITY] = {"integrity", NULL, NULL, false},
    [SEK_DUTY_LOGS] = {"logs", "logs/", ".yaml", false},
    [SEK_DUTY_MALWARE] = {"malware", "malware/", ".yar", true},
};

void sek_worker_take_duties(struct sek_worker *w, const struct sek_bundle_view *view)
{
    struct sek_worker_duties *d = &w->duties;
    const struct sek_bundle_file *policy = sek_bundle_find(view, "policy.json");
    json_decref(d->policy);
    json_decref(d->files);
    d->policy = policy ? json_loadb(policy->data, policy->len, 0, NULL) : NULL;
    d->files = json_object();
    for (size_t i = 0; i < view->count && json_object_size(d->files) < RULE_FILES; i++) {
        const struct sek_bundle_file *f = &view->files[i];
        json_t *text = json_stringn(f->data, f->len); /* NULL: no UTF-8 */
        bool rules = false;
        for (int k = 0; k < SEK_DUTIES; k++) {
            const char *end = strrchr(f->path, '.');
            rules = rules || (duties[k].folder && end && !strcmp(end, duties[k].ending) &&
                              !strncmp(f->path, duties[k].folder, strlen(duties[k].folder)));
        }
        if (rules && !text)
            sek_warning("%s: not UTF-8; left out", f->path);
        if (rules && text)
            json_object_set(d->files, f->path, text);
        json_decref(text);
    }
    sek_worker_send_duties(w);
}

static bool add_hash(void *arg, const struct sek_reputation_hit *hit)
{
    struct sek_text *t = arg;
    char hex[65];
    if (hit->type == SEK_INDICATOR_SHA256) {
        sek_hex_encode(hit->key, 32, hex);
        sek_text_printf(t, "%s  %s\n", hex, hit->source);
    }
    return true;
}

/* What duty K is told: {"policy", "files", "hashes"}. */
static void write_section(struct sek_worker *w, int k, struct sek_text *out)
{
    struct sek_text hashes = {0};
    const char *name;
    json_t *text;
    json_t *root = json_object(), *files = json_object();
    json_object_set(root, "policy", json_object_get(w->duties.policy, duties[k].name));
    json_object_foreach(w->duties.files, name, text)
    {
        if (duties[k].folder && !strncmp(name, duties[k].folder, strlen(duties[k].folder)))
            json_object_set(files, name, text);
    }
    json_object_set_new(root, "files", files);
    if (duties[k].hashes) {
        sek_indicators_each(&w->indicators, add_hash, &hashes);
        json_object_set_new(root, "hashes",
                            json_stringn(hashes.data ? hashes.data : "", hashes.len));
    }
    char *dump = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
    if (dump)
        sek_text_puts(out, dump);
    free(dump);
    json_decref(root);
    sek_text_free(&hashes);
}

static void send_section(struct sek_worker *w, int k)
{
    struct sek_text text = {0};
    char digest[65] = "";
    const struct sek_duty_wish wish = {.duty = (uint8_t)k,
                                       .wanted = w->policy.duty_mode[k] != SEK_MODE_OFF};
    if (wish.wanted) {
        write_section(w, k, &text);
        sek_sha256_hex(text.data ? text.data : "", text.len, digest);
    }
    if (strcmp(digest, w->duties.digest[k]) != 0) {
        int fd =
            sek_memory_file(duties[k].name, text.data ? text.data : "{}", text.data ? text.len : 2);
        if (fd < 0 ||
            sek_message_send(w->options->guard_fd, SEK_MESSAGE_DUTY, 0, &wish, sizeof wish, fd))
            sek_warning("%s: the section of the policy is not handed over", duties[k].name);
        else
            memcpy(w->duties.digest[k], digest, sizeof digest);
        if (fd >= 0)
            close(fd);
    }
    sek_text_free(&text);
}

void sek_worker_send_duties(struct sek_worker *w)
{
    for (int k = 0; k < SEK_DUTIES; k++)
        send_section(w, k);
}

static bool is_spared(const struct sek_worker *w, const uint8_t address[16])
{
    struct sek_spares spares = {0};
    sek_spares_add(&spares, "127.0.0.0/8");
    sek_spares_add(&spares, "::1");
    for (int i = 0; w->options->settings->spare[i]; i++)
        sek_spares_add(&spares, w->options->settings->spare[i]);
    return sek_spares_cover(&spares, address, 128);
}

/* A log rule wants an address blocked: that is this device's own finding, as a probe would be. */
static void respond(struct sek_worker *w, const json_t *event)
{
    const json_t *wish = json_object_get(json_object_get(event, "log"), "block");
    const char *ip = json_string_value(json_object_get(wish, "ip"));
    const char *reason = json_string_value(json_object_get(event, "reason"));
    json_int_t ttl = json_integer_value(json_object_get(wish, "ttl_s"));
    uint8_t address[16];
    if (!ip || !reason || ttl < 1 || ttl > 31536000 || !sek_address_parse(ip, address) ||
        is_spared(w, address))
        return;
    sek_worker_block_attacker(w, address, (uint32_t)ttl, reason,
                              w->policy.duty_mode[SEK_DUTY_LOGS] == SEK_MODE_PREVENT);
}

void sek_worker_finding(struct sek_worker *w, uint32_t duty, const char *text, size_t len)
{
    const struct sek_text event = {.data = (char *)(uintptr_t)text, .len = len};
    json_t *root = json_loadb(text, len, 0, NULL);
    const char *type = json_string_value(json_object_get(root, "event_type"));
    if (duty >= SEK_DUTIES || !type ||
        strcmp(type, duty == SEK_DUTY_LOGS ? "log" : duties[duty].name) != 0) {
        sek_warning("a duty sent what is no event of its own; it was dropped");
        json_decref(root);
        return;
    }
    sek_worker_event(w, &event);
    if (duty == SEK_DUTY_LOGS)
        respond(w, root);
    json_decref(root);
}
