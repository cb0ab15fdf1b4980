/* A ClientHello is known by its first bytes (RFC 8446, 5.1 and 4): handshake record, version 3, message
 * type 1. Packets are looked at one by one: a first segment that is cut within six bytes is missed, the
 * next connection's is not. */
#include "agent/worker/patches.h"
#include "agent/event.h"
#include "agent/worker/state.h"
#include "lib/base/reader.h"
#include "lib/selftest/selftest.h"

#include <netinet/in.h>
#include <string.h>

/* --- TLS on patched ports --------------------------------------------------------------------- */

struct segment {
    uint8_t source[16], target[16];
    uint16_t port;
};

/* False: no TCP segment with data. R is at its data afterwards. */
static bool read_segment(struct sek_reader *r, struct segment *s)
{
    uint8_t first = sek_reader_u8(r);
    bool v4 = first >> 4 == 4;
    uint8_t protocol;
    if (v4) {
        sek_reader_skip(r, 8);
        protocol = sek_reader_u8(r);
        sek_reader_skip(r, 2);
    } else {
        sek_reader_skip(r, 5);
        protocol = sek_reader_u8(r);
        sek_reader_skip(r, 1);
    }
    uint32_t size = v4 ? 4 : 16;
    if (first >> 4 != (v4 ? 4 : 6) || protocol != IPPROTO_TCP || sek_reader_left(r) < 2 * size)
        return false;
    sek_address_map(r->data + r->pos, v4, s->source);
    sek_address_map(r->data + r->pos + size, v4, s->target);
    sek_reader_skip(r, 2 * size);
    if (v4)
        sek_reader_skip(r, (first & 15u) > 5 ? ((first & 15u) - 5) * 4 : 0);
    sek_reader_skip(r, 2);
    s->port = sek_reader_u16(r);
    sek_reader_skip(r, 8);
    uint32_t header = (uint32_t)(sek_reader_u8(r) >> 4) * 4;
    sek_reader_skip(r, header > 13 ? header - 13 : 0);
    return !r->failed && sek_reader_left(r) >= 6;
}

static bool is_local(const struct segment *s)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    return !memcmp(s->source, s->target, 16) ||
           (sek_address_is4(s->source) && s->source[12] == 127) ||
           !memcmp(s->source, loopback6, 16);
}

void sek_patch_ports_see(struct sek_patch_ports *p, const uint8_t *packet, uint32_t len)
{
    struct sek_reader r = sek_reader_make(packet, len);
    struct segment s;
    unsigned i = 0;
    if (!read_segment(&r, &s))
        return;
    const uint8_t *d = r.data + r.pos;
    bool record = d[0] >= 0x14 && d[0] <= 0x18 && d[1] == 3;
    bool hello = record && d[0] == 0x16 && d[5] == 1;
    if (!hello && (record || !is_local(&s)))
        return;
    while (i < p->count && p->seen[i].port != s.port)
        i++;
    if (i == SEK_PATCH_PORTS)
        return;
    if (i == p->count) {
        memset(&p->seen[i], 0, sizeof p->seen[i]);
        p->seen[p->count++].port = s.port;
    }
    p->changed = p->changed || (hello ? !p->seen[i].tls : !p->seen[i].plain_local);
    p->seen[i].tls = p->seen[i].tls || hello;
    p->seen[i].plain_local = p->seen[i].plain_local || !hello;
}

static int find(const struct sek_patch_ports *p, const json_t *port)
{
    const char *proto = json_string_value(json_object_get(port, "proto"));
    for (unsigned i = 0; proto && !strcmp(proto, "tcp") && i < p->count; i++) {
        if (p->seen[i].port == json_integer_value(json_object_get(port, "port")))
            return (int)i;
    }
    return -1;
}

/* The port of the patch on which a proxy of this device hands the plaintext on; 0: none was seen. */
static int plain_side(const json_t *patch, const struct sek_patch_ports *p)
{
    size_t i;
    json_t *port;
    json_array_foreach(json_object_get(patch, "ports"), i, port)
    {
        int at = find(p, port);
        if (at >= 0 && p->seen[at].plain_local && !p->seen[at].tls)
            return p->seen[at].port;
    }
    return 0;
}

void sek_patches_describe(json_t *list, const struct sek_patch_ports *ports)
{
    size_t i, k;
    json_t *patch, *port;
    json_array_foreach(list, i, patch)
    {
        json_t *tls = json_array();
        int plain = plain_side(patch, ports);
        json_array_foreach(json_object_get(patch, "ports"), k, port)
        {
            int at = find(ports, port);
            if (at < 0 || !ports->seen[at].tls)
                continue;
            json_array_append_new(tls, plain ? json_pack("{s:i, s:i}", "port",
                                                         (int)ports->seen[at].port, "covered", plain)
                                             : json_pack("{s:i}", "port",
                                                         (int)ports->seen[at].port));
        }
        if (json_array_size(tls))
            json_object_set(patch, "tls", tls);
        json_decref(tls);
    }
}

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
                json_array_append_new(w->hidden, json_pack("{s:O, s:O}", "patch",
                                                           json_object_get(patch, "id"), "port",
                                                           json_object_get(place, "port")));
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
        rc = sek_entry_compiled(w->entry)
                 ? test_one(w, patch, tests, untested, &fault)
                 : sek_fail(&fault, SEK_ESTATE, "no rules are in force");
    }
    if (!rc && id && !chosen)
        rc = sek_fail(&fault, SEK_ENOTFOUND, "%.80s: no such patch is in force here", id);
    json_decref(root);
    json_t *out = rc ? json_pack("{s:s}", "error", fault.message)
                     : json_pack("{s:O, s:O}", "tests", tests, "untested", untested);
    json_decref(tests);
    json_decref(untested);
    return out;
}
