/* Patches for people and for the manager: what is in force with what TLS hides, and the self-tests,
 * which run against the very rules that packets meet. */
#include "agent/worker/patches.h"
#include "agent/worker/state.h"
#include "lib/selftest/selftest.h"

#include <string.h>

json_t *sek_worker_patches(const struct sek_worker *w)
{
    json_t *root = w->patches ? json_loadb(w->patches, w->patches_len, 0, NULL) : NULL;
    if (!root)
        return json_pack("{s:[]}", "patches");
    sek_patches_describe(json_object_get(root, "patches"), &w->patch_ports);
    return root;
}

json_t *sek_worker_hidden(struct sek_worker *w)
{
    size_t i, k;
    json_t *patch, *place;
    if (w->hidden && !w->patch_ports.changed)
        return w->hidden;
    json_t *root = sek_worker_patches(w);
    json_decref(w->hidden);
    w->hidden = json_array();
    w->patch_ports.changed = false;
    json_array_foreach(json_object_get(root, "patches"), i, patch)
    {
        json_array_foreach(json_object_get(patch, "tls"), k, place)
        {
            if (!json_object_get(place, "covered"))
                json_array_append_new(w->hidden,
                                      json_pack("{s:O, s:O}", "patch", json_object_get(patch, "id"),
                                                "port", json_object_get(place, "port")));
        }
    }
    json_decref(root);
    return w->hidden;
}

/* --- self-tests ------------------------------------------------------------------------------- */

struct play {
    json_t *tests;
    const char *patch, *mode;
};

/* In detect mode an exploit is told and passes; what must pass must pass in silence. */
static void take_result(void *arg, const struct sek_selftest_result *r)
{
    struct play *p = arg;
    bool passed = r->exploit && !strcmp(p->mode, "detect") ? r->sid != 0 : r->passed;
    json_array_append_new(p->tests,
                          json_pack("{s:s, s:s, s:s, s:b, s:b, s:I}", "patch", p->patch, "mode",
                                    p->mode, "name", r->name, "exploit", r->exploit, "passed",
                                    passed, "sid", (json_int_t)r->sid));
}

/* The part of patches.tests below "# patch: ID"; NULL: there is none. */
static const char *part_of(const char *tests, const char *id, size_t *len)
{
    static const char mark[] = "# patch: ";
    size_t id_len = strlen(id);
    for (const char *at = tests; at && (at = strstr(at, mark));) {
        at += sizeof mark - 1;
        if (strncmp(at, id, id_len) != 0 || at[id_len] != '\n')
            continue;
        at += id_len + 1;
        const char *end = strstr(at, mark);
        *len = end ? (size_t)(end - at) : strlen(at);
        return at;
    }
    return NULL;
}

static enum sek_error test_one(struct sek_worker *w, const json_t *patch, json_t *tests,
                               json_t *untested, struct sek_fault *fault)
{
    const char *id = json_string_value(json_object_get(patch, "id"));
    const char *mode = json_string_value(json_object_get(patch, "mode"));
    struct sek_selftest_counts counts = {0};
    size_t len;
    const char *part = id && w->patch_tests ? part_of(w->patch_tests, id, &len) : NULL;
    struct play p = {tests, id, mode && !strcmp(mode, "detect") ? "detect" : "prevent"};
    if (w->policy.entry_mode == SEK_MODE_DETECT)
        p.mode = "detect";
    if (!part) {
        json_array_append_new(untested, json_string(id ? id : ""));
        return SEK_OK;
    }
    return sek_selftest_run(sek_entry_compiled(w->entry), id, part, len, &counts, take_result, &p,
                            fault);
}

json_t *sek_worker_patch_test(struct sek_worker *w, const char *id)
{
    json_t *root = w->patches ? json_loadb(w->patches, w->patches_len, 0, NULL) : NULL, *patch;
    json_t *tests = json_array(), *untested = json_array();
    struct sek_fault fault = {0};
    enum sek_error rc = SEK_OK;
    size_t i, chosen = 0;
    if (w->policy.entry_mode == SEK_MODE_OFF)
        rc = sek_fail(&fault, SEK_ESTATE, "no patch is in force: entry is off by policy");
    json_array_foreach(json_object_get(root, "patches"), i, patch)
    {
        const char *name = json_string_value(json_object_get(patch, "id"));
        if (rc || (id && (!name || strcmp(name, id) != 0)))
            continue;
        chosen++;
        rc = sek_entry_compiled(w->entry) ? test_one(w, patch, tests, untested, &fault)
                                          : sek_fail(&fault, SEK_ESTATE, "no rules are in force");
    }
    if (!rc && id && !chosen)
        rc = sek_fail(&fault, SEK_ENOTFOUND, "%.80s: no such patch is in force here", id);
    json_decref(root);
    json_t *out = rc ? json_pack("{s:s}", "error", fault.message)
                     : json_pack("{s:O, s:O}", "tests", tests, "untested", untested);
    json_decref(tests);
    json_decref(untested);
    sek_worker_due(w, SEK_DUE_SETTLE, SEK_SETTLE_US); /* an engine was made and freed */
    return out;
}
