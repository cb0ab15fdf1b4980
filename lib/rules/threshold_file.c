/* Files beside the rules: threshold.config, which limits and silences rules by number without touching
 * them, and classification.config, which names classes. One entry a line; # begins a comment. */
#include "lib/rules/builder.h"

#include "lib/base/file.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT (16u << 20)

/* "KEY VALUE" of one comma-separated item: VALUE, or NULL when ITEM is about something else. */
static char *value_of(char *item, const char *key)
{
    size_t n = strlen(key);
    if (!item || strncmp(item, key, n) || !isspace((unsigned char)item[n]))
        return NULL;
    return sek_text_trim(item + n);
}

/* Which rules an entry is about: gen_id and sig_id, 0 is every one. */
static bool about(const struct sek_rule *r, int64_t gid, int64_t sid)
{
    return (!gid || r->gid == gid) && (!sid || r->sid == sid);
}

struct entry {
    struct sek_rules *rules;
    const char *path;
    unsigned line;
    struct sek_fault *fault;
};

static enum sek_error wrong(const struct entry *e, const char *text)
{
    return sek_fail(e->fault, SEK_EINVAL, "%s:%u: %s", e->path, e->line, text);
}

/* track by_src, ip ADDRESSES: without a track, the rule is silent altogether. */
static enum sek_error suppress(const struct entry *e, int64_t gid, int64_t sid, char *rest)
{
    struct sek_suppression s = {.side = 2};
    /* ip may be a list in brackets, so it goes to the end of the line */
    char *ip = rest ? strstr(rest, "ip ") : NULL;
    while (ip && ip != rest && ip[-1] != ' ' && ip[-1] != ',' && ip[-1] != '\t')
        ip = strstr(ip + 1, "ip ");
    if (ip) {
        char *addresses = sek_text_trim(ip + 3);
        if (ip > rest)
            ip[-1] = '\0';
        enum sek_error rc = sek_address_set_parse(&e->rules->arena, e->rules->variables, addresses,
                                                  &s.addresses, e->fault);
        if (rc)
            return sek_fail_context(e->fault, rc, "%s", e->path);
    }
    char *track = rest ? value_of(text_next(&rest), "track") : NULL;
    if (track && !strcmp(track, "by_src"))
        s.side = 0;
    else if (track && !strcmp(track, "by_dst"))
        s.side = 1;
    else if (track && !strcmp(track, "by_either"))
        s.side = 3;
    else if (track || ip)
        return wrong(e, "expected track by_src, by_dst or by_either, with ip ADDRESSES");
    for (uint32_t i = 0; i < e->rules->count; i++) {
        struct sek_rule *r = e->rules->items[i];
        struct sek_suppression *kept = about(r, gid, sid)
                                           ? sek_arena_copy(&e->rules->arena, &s, sizeof s) : NULL;
        if (kept) {
            kept->next = r->suppressions;
            r->suppressions = kept;
        }
    }
    return SEK_OK;
}

static enum sek_error threshold(const struct entry *e, int64_t gid, int64_t sid, char *rest)
{
    struct sek_rule scratch = {0};
    struct builder b = {.rules = e->rules, .rule = &scratch, .arena = &e->rules->arena, .fault = e->fault,
                        .option = "threshold"};
    enum sek_error rc = rest ? threshold_parse(&b, rest, &scratch.threshold)
                             : wrong(e, "expected type, track, count and seconds");
    if (rc) {
        char message[sizeof e->fault->message];
        snprintf(message, sizeof message, "%s", e->fault->message);
        return sek_fail(e->fault, rc, "%s:%u: %.400s", e->path, e->line, message);
    }
    /* An entry about all rules leaves those alone that have one of their own. */
    for (uint32_t i = 0; i < e->rules->count; i++)
        if (about(e->rules->items[i], gid, sid) && (sid || e->rules->items[i]->threshold.type == SEK_THRESHOLD_NONE))
            e->rules->items[i]->threshold = scratch.threshold;
    return SEK_OK;
}

/* track, count, seconds, new_action, timeout */
static enum sek_error rate_filter(const struct entry *e, int64_t gid, int64_t sid, char *rest)
{
    static const char *const actions[] = {"alert", "pass", "drop", "reject"};
    static const enum sek_action kinds[] = {SEK_ACTION_ALERT, SEK_ACTION_PASS, SEK_ACTION_DROP, SEK_ACTION_REJECT};
    struct sek_rate_filter f = {0};
    int64_t timeout = -1, count = 0, seconds = 0;
    bool track = false, action = false, good = rest;
    for (char *item = rest ? text_next(&rest) : NULL; item && good; item = text_next(&rest)) {
        char *v;
        if ((v = value_of(item, "track"))) {
            good = track = threshold_track(v, &f.track);
        } else if ((v = value_of(item, "count"))) {
            good = sek_text_int(v, 1, UINT32_MAX, &count);
        } else if ((v = value_of(item, "seconds"))) {
            good = sek_text_int(v, 1, UINT32_MAX, &seconds);
        } else if ((v = value_of(item, "timeout"))) {
            good = sek_text_int(v, 0, UINT32_MAX, &timeout);
        } else if ((v = value_of(item, "new_action"))) {
            for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
                if (!strcmp(actions[i], v)) {
                    f.action = kinds[i];
                    action = true;
                }
            }
            good = action;
        } else {
            good = false;
        }
    }
    if (!good || !track || !action || !count || !seconds || timeout < 0)
        return wrong(e, "expected track, count, seconds, new_action alert, pass, drop or reject, and timeout");
    f.count = (uint32_t)count;
    f.seconds = (uint32_t)seconds;
    f.timeout_s = (uint32_t)timeout;
    const struct sek_rate_filter *kept = sek_arena_copy(&e->rules->arena, &f, sizeof f);
    for (uint32_t i = 0; i < e->rules->count && kept; i++)
        if (about(e->rules->items[i], gid, sid))
            e->rules->items[i]->rate = kept;
    return kept ? SEK_OK : sek_fail(e->fault, SEK_ENOMEM, "out of memory");
}

static enum sek_error threshold_line(const struct entry *e, char *line)
{
    static const struct {
        const char *word;
        enum sek_error (*parse)(const struct entry *e, int64_t gid, int64_t sid, char *rest);
    } kinds[] = {{"suppress", suppress}, {"threshold", threshold}, {"event_filter", threshold}, {"rate_filter", rate_filter}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        int64_t gid, sid;
        char *rest = value_of(line, kinds[i].word);
        if (!rest)
            continue;
        char *g = value_of(text_next(&rest), "gen_id"), *s = value_of(text_next(&rest), "sig_id");
        if (!g || !s || !sek_text_int(g, 0, UINT32_MAX, &gid) || !sek_text_int(s, 0, UINT32_MAX, &sid))
            return wrong(e, "expected gen_id NUMBER, sig_id NUMBER");
        return kinds[i].parse(e, gid, sid, rest);
    }
    return wrong(e, "expected suppress, threshold, event_filter or rate_filter");
}

static enum sek_error class_line(const struct entry *e, char *line)
{
    int64_t priority;
    char *colon = strchr(line, ':');
    if (!colon || strncmp(line, "config classification", 21))
        return wrong(e, "expected config classification: name,text,priority");
    char *rest = colon + 1, *name = text_next(&rest), *text = text_next(&rest), *number = text_next(&rest);
    if (!number || !sek_text_int(number, 1, 255, &priority))
        return wrong(e, "expected config classification: name,text,priority 1..255");
    return sek_rules_class(e->rules, name, text, (uint8_t)priority)
               ? SEK_OK : sek_fail(e->fault, SEK_ENOMEM, "out of memory");
}

static enum sek_error each_line(struct sek_rules *rules, const char *path,
                                enum sek_error (*parse)(const struct entry *e, char *line),
                                struct sek_fault *fault)
{
    struct entry e = {.rules = rules, .path = path, .fault = fault};
    char *text, *rest, *line;
    size_t len;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    for (rest = text; !rc && (line = strsep(&rest, "\n"));) {
        e.line++;
        line = sek_text_trim(line);
        if (*line && *line != '#')
            rc = parse(&e, line);
    }
    free(text);
    return rc;
}

enum sek_error sek_rules_load_thresholds(struct sek_rules *rules, const char *path, struct sek_fault *fault)
{
    return each_line(rules, path, threshold_line, fault);
}

enum sek_error sek_rules_load_classes(struct sek_rules *rules, const char *path, struct sek_fault *fault)
{
    return each_line(rules, path, class_line, fault);
}
