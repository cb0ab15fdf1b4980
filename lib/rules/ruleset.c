/* Rule sets: variables and classes, files with continued lines, and the list of what did not load. */
#include "lib/rules/builder.h"

#include "lib/base/file.h"
#include "lib/rules/iprep.h"
#include "lib/rules/dataset.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RULES_FILE_LIMIT (256u << 20)

static void action_order(struct sek_rules *rules, struct sek_config *config)
{
    static const char *const names[] = {"alert", "pass", "drop", "reject"};
    const uint8_t usual[] = {3, 0, 1, 2}; /* pass, drop, reject, alert */
    char key[40];
    const char *v;
    memcpy(rules->action_order, usual, sizeof usual);
    v = sek_config_get(config, "action-order", NULL);
    if (!v)
        return;
    snprintf(key, sizeof key, "%s", v);
    char *list = key;
    uint8_t rank = 0;
    for (char *item = text_next(&list); item; item = text_next(&list))
        for (int i = 0; i < 4; i++)
            if (!strcasecmp(item, names[i]))
                rules->action_order[i] = rank++;
}

bool sek_rules_class(struct sek_rules *rules, const char *name, const char *text, uint8_t priority)
{
    struct sek_class *c = sek_arena_alloc(&rules->arena, sizeof *c);
    if (!c)
        return false;
    c->name = sek_arena_strndup(&rules->arena, name, strlen(name));
    c->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    c->priority = priority;
    c->next = rules->classes;
    rules->classes = c;
    return c->name && c->text;
}

static bool default_classes(struct sek_rules *rules)
{
    static const struct {
        const char *name, *text;
        uint8_t priority;
    } table[] = {
#include "lib/rules/classification.inc"
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!sek_rules_class(rules, table[i].name, table[i].text, table[i].priority))
            return false;
    return true;
}

static void read_variables(struct sek_rules *rules, struct sek_config *config)
{
    static const char *const names[] = {
        "HOME_NET", "EXTERNAL_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS",
        "TELNET_SERVERS", "AIM_SERVERS", "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT",
        "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT", "ENIP_SERVER", "FTP_SERVERS",
        "SSH_SERVERS", "SIP_SERVERS", "SNMP_SERVERS"};
    static const char *const ports[] = {"HTTP_PORTS", "SHELLCODE_PORTS", "ORACLE_PORTS",
                                        "SSH_PORTS", "DNP3_PORTS", "MODBUS_PORTS",
                                        "FILE_DATA_PORTS", "FTP_PORTS", "GENEVE_PORTS",
                                        "VXLAN_PORTS", "TEREDO_PORTS", "SIP_PORTS"};
    char key[80], list[2048];
    for (size_t i = 0; i < sizeof names / sizeof *names + sizeof ports / sizeof *ports; i++) {
        bool port = i >= sizeof names / sizeof *names;
        const char *name = port ? ports[i - sizeof names / sizeof *names] : names[i];
        snprintf(key, sizeof key, "vars.%s-groups.%s", port ? "port" : "address", name);
        const char *v = sek_config_get(config, key, NULL);
        if (!v)
            continue;
        snprintf(list, sizeof list, strchr(v, ',') && *v != '[' ? "[%s]" : "%s", v);
        sek_variables_set(rules->variables, name, list, port);
    }
}

/* reputation-categories-file and reputation-files, the latter below default-reputation-path. */
static enum sek_error read_reputation(struct sek_rules *rules, struct sek_config *config,
                                      struct sek_fault *fault)
{
    const char *categories = sek_config_get(config, "reputation-categories-file", NULL);
    const char *folder = sek_config_get(config, "default-reputation-path", NULL);
    const char *files = sek_config_get(config, "reputation-files", "");
    char list[4096], path[4096], *rest = list, *name;
    if (!categories)
        return SEK_OK;
    if (!(rules->iprep = sek_iprep_new(categories, fault)))
        return fault->code;
    snprintf(list, sizeof list, "%s", files);
    while ((name = strsep(&rest, ","))) {
        while (isspace((unsigned char)*name))
            name++;
        if (!*name)
            continue;
        snprintf(path, sizeof path, "%s%s%s", folder && *name != '/' ? folder : "",
                 folder && *name != '/' ? "/" : "", name);
        enum sek_error rc = sek_iprep_load(rules->iprep, path, fault);
        if (rc)
            return rc;
    }
    sek_iprep_sort(rules->iprep);
    return SEK_OK;
}

struct sek_rules *sek_rules_new(struct sek_config *config, struct sek_fault *fault)
{
    struct sek_rules *rules = calloc(1, sizeof *rules);
    if (!rules || !(rules->variables = sek_variables_new()) ||
        !sek_variables_defaults(rules->variables) || !default_classes(rules)) {
        sek_rules_free(rules);
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        return NULL;
    }
    rules->errors_tail = &rules->errors;
    action_order(rules, config);
    read_variables(rules, config);
    const char *classes = sek_config_get(config, "classification-file", NULL);
    if (read_reputation(rules, config, fault) ||
        (classes && sek_rules_load_classes(rules, classes, fault))) {
        sek_rules_free(rules);
        return NULL;
    }
    return rules;
}

void sek_rules_free(struct sek_rules *rules)
{
    if (!rules)
        return;
    sek_pcre_free_all(rules->pcre_codes);
    sek_datasets_free(rules->datasets);
    sek_iprep_free(rules->iprep);
    sek_variables_free(rules->variables);
    free(rules->items);
    free(rules->places);
    free(rules->views);
    free(rules->names);
    sek_arena_free(&rules->arena);
    free(rules);
}

/* The place of rule GID:SID in the hash of positions + 1; an empty place when it is not there. */
static uint32_t *place_of(struct sek_rules *rules, uint32_t gid, uint32_t sid)
{
    uint32_t mask = rules->place_count - 1, at = (sid * 2654435761u ^ gid * 40503u) & mask;
    for (;; at = (at + 1) & mask) {
        uint32_t i = rules->places[at];
        if (!i || (rules->items[i - 1]->sid == sid && rules->items[i - 1]->gid == gid))
            return &rules->places[at];
    }
}

/* Room for one more rule, in the list and in the hash. */
static bool rules_room(struct sek_rules *rules)
{
    if (rules->count < rules->cap)
        return true;
    uint32_t cap = rules->cap ? rules->cap * 2 : 256;
    struct sek_rule **more = realloc(rules->items, cap * sizeof *more);
    if (!more)
        return false;
    rules->items = more;
    uint32_t *places = calloc(cap * 2, sizeof *places);
    if (!places)
        return false;
    rules->cap = cap;
    free(rules->places);
    rules->places = places;
    rules->place_count = cap * 2;
    for (uint32_t i = 0; i < rules->count; i++)
        *place_of(rules, rules->items[i]->gid, rules->items[i]->sid) = i + 1;
    return true;
}

static enum sek_error rules_append(struct sek_rules *rules, struct sek_rule *r,
                                   struct sek_fault *fault)
{
    if (!rules_room(rules))
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    uint32_t *place = place_of(rules, r->gid, r->sid);
    if (!*place) {
        rules->items[rules->count++] = r;
        *place = rules->count;
        return SEK_OK;
    }
    const struct sek_rule *old = rules->items[*place - 1];
    if (old->rev >= r->rev)
        return sek_fail(fault, SEK_EEXIST,
                        "option 'sid': %u is there already (%s:%u) with revision %u", r->sid,
                        old->file, old->line, old->rev);
    rules->items[*place - 1] = r; /* a newer revision replaces the older */
    return SEK_OK;
}

static void keyword_used(struct sek_rules *rules, const char *name, bool failed)
{
    struct sek_keyword_use **link = &rules->keywords, *k;
    while ((k = *link) && strcmp(k->name, name))
        link = &k->next;
    if (!k) {
        if (!(k = sek_arena_alloc(&rules->arena, sizeof *k)) ||
            !(k->name = sek_arena_strndup(&rules->arena, name, strlen(name))))
            return;
    } else {
        *link = k->next;
    }
    k->next = rules->keywords; /* those that are used much stay in front */
    rules->keywords = k;
    k->rules++;
    k->failed += failed;
}

const struct sek_rule *sek_rules_find(const struct sek_rules *rules, uint32_t gid, uint32_t sid)
{
    for (uint32_t i = 0; i < rules->count; i++)
        if (rules->items[i]->sid == sid && rules->items[i]->gid == gid)
            return rules->items[i];
    return NULL;
}

static enum sek_error rule_parse(struct sek_rules *rules, const char *file, uint32_t line,
                                 char *text, uint32_t *sid, struct sek_fault *fault)
{
    struct builder b = {.rules = rules, .arena = &rules->arena, .fault = fault};
    struct sek_rule *r = b.rule = sek_arena_alloc(&rules->arena, sizeof *r);
    b.parts_tail = &b.parts;
    if (!r || !(b.payload = b.current = builder_part(&b, SEK_TARGET_PAYLOAD)))
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    b.conditions_tail = &r->conditions;
    b.effects_tail = &r->effects;
    r->file = file;
    r->line = line;
    if (rules->keep_text)
        r->text = sek_arena_strndup(&rules->arena, text, strlen(text));
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close || close < open || *sek_text_trim(close + 1))
        return sek_fail(fault, SEK_EINVAL, "found no options, expected '(' ... ')' after the header");
    *open = *close = '\0';
    enum sek_error rc = rule_header(&b, text);
    if (rc)
        return rc;
    char *p = open + 1;
    bool bad = false;
    for (char *option = option_next(&p, &bad); option; option = option_next(&p, &bad)) {
        if (bad)
            return sek_fail(fault, SEK_EINVAL, "found no ';' after option '%.60s'", option);
        rc = rule_option(&b, option);
        keyword_used(rules, b.option, rc != SEK_OK && rc != SEK_EAGAIN);
        if (rc) {
            *sid = r->sid;
            return rc;
        }
        *sid = r->sid;
    }
    rc = rule_finish(&b);
    return rc ? rc : rules_append(rules, r, fault);
}

static void error_add(struct sek_rules *rules, const char *file, uint32_t line, uint32_t sid,
                      const char *message)
{
    struct sek_rule_error *e = sek_arena_alloc(&rules->arena, sizeof *e);
    rules->failed++;
    if (!e)
        return;
    e->file = file;
    e->line = line;
    e->sid = sid;
    e->message = sek_arena_strndup(&rules->arena, message, strlen(message));
    *rules->errors_tail = e;
    rules->errors_tail = &e->next;
}

/* The sid even of a rule whose options stop making sense before it. */
static uint32_t sid_of(const char *text)
{
    const char *p = strstr(text, "sid:");
    return p ? (uint32_t)strtoul(p + 4, NULL, 10) : 0;
}

enum sek_error sek_rules_load_text(struct sek_rules *rules, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault)
{
    const char *file = sek_arena_strndup(&rules->arena, name, strlen(name));
    uint32_t line = 0;
    char *joined = malloc(len + 1);
    if (!file || !joined) {
        free(joined);
        return sek_fail(fault, SEK_ENOMEM, "%s: out of memory", name);
    }
    for (size_t pos = 0; pos < len;) {
        uint32_t first = line + 1;
        size_t used = 0;
        bool more = true;
        while (more && pos < len) { /* a backslash at the end of a line joins the next */
            const char *nl = memchr(text + pos, '\n', len - pos);
            size_t n = nl ? (size_t)(nl - (text + pos)) : len - pos;
            memcpy(joined + used, text + pos, n);
            used += n;
            pos += n + (nl != NULL);
            line++;
            while (used && isspace((unsigned char)joined[used - 1]))
                used--;
            more = used && joined[used - 1] == '\\';
            if (more)
                joined[used - 1] = ' ';
        }
        joined[used] = '\0';
        if (memchr(joined, '\0', used)) {
            error_add(rules, file, first, 0, "found a NUL byte, expected text");
            continue;
        }
        char *rule = sek_text_trim(joined);
        if (!*rule || *rule == '#')
            continue;
        struct sek_fault why;
        uint32_t sid = 0, guess = sid_of(rule);
        enum sek_error rc = rule_parse(rules, file, first, rule, &sid, &why);
        if (rc == SEK_EAGAIN) /* `requires` says: not for this engine */
            continue;
        if (rc)
            error_add(rules, file, first, sid ? sid : guess, why.message);
        else
            rules->loaded++;
    }
    free(joined);
    return SEK_OK;
}

enum sek_error sek_rules_load_file(struct sek_rules *rules, const char *path,
                                   struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, RULES_FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_rules_load_text(rules, path, text, len, fault);
    free(text);
    return rc;
}

enum sek_error sek_rules_all_loaded(const struct sek_rules *rules, struct sek_fault *fault)
{
    const struct sek_rule_error *first = rules->errors;
    if (!rules->failed)
        return SEK_OK;
    if (!first) /* memory ran out before it could be kept */
        return sek_fail(fault, SEK_ENOMEM, "%u rules failed", rules->failed);
    return sek_fail(fault, SEK_EINVAL, "%s:%u: sid %u: %.300s (%u rules failed)", first->file,
                    first->line, first->sid, first->message, rules->failed);
}
