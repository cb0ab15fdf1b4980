/* The policy's fields, each with its allowed values: the default, and a check that names the field. */
#include "manager/bundles.h"
#include "lib/firewall/ruleset.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_ITEMS 24 /* what the agent takes */
#define ITEM_BYTES 199
#define DESTINATIONS 2000 /* lines of exit.destinations */

struct number_field {
    const char *name;
    json_int_t low, high, fallback;
};

struct word_field {
    const char *name;
    const char *words[5]; /* the first is the default */
};

struct list_field {
    const char *name;
    bool paths;               /* absolute paths; else any names */
    const char *fallback[12]; /* all empty: the device's own defaults hold */
};

static const struct section {
    const char *name;
    const char *modes[5]; /* the first is the default */
    struct number_field numbers[5];
    struct list_field lists[4];
    struct word_field words[6];
    const char *flag, *path; /* names of one field each, left to the device's defaults */
    bool destinations;
} sections[] = {
    {"entry",
     {"prevent", "detect", "off"},
     {{"probe_threshold", 1, 100000, 5},
      {"probe_window_s", 1, 86400, 60},
      {"block_ttl_s", 1, 31536000, 3600}},
     {{0}}},
    {"exit",
     {"prevent", "detect", "off"},
     {{0}},
     {{0}},
     {{"default", {"allow", "learn", "detect", "deny"}},
      {"listeners", {"allow", "detect", "deny"}},
      {"encrypted_dns", {"allow", "detect", "deny"}},
      {"quic", {"allow", "detect", "deny"}},
      {"unanswered", {"allow", "deny"}}},
     .destinations = true},
    {"inside",
     {"learn", "detect", "enforce", "off"},
     {{0}},
     {{"scopes", true, {0}}},
     {{"inline", {"allow", "detect", "deny"}},
      {"scripts", {"normal", "strict"}},
      {"updates", {"always", "window"}},
      {"packages", {"ignore", "trust"}}}},
    {"behaviour", {"prevent", "detect", "off"}, {{"quarantine_s", 1, 31536000, 3600}}, {{0}}},
    {"integrity",
     {"detect", "off"},
     {{"schedule_s", 0, 2592000, 86400},
      {"text_limit", 0, 262144, 65536},
      {"rate", 1, 100000, 100}},
     {{"paths",
       true,
       {"/etc", "/boot", "/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/root/.ssh", "/usr/local/bin",
        "/usr/local/sbin"}},
      {"exclude", true, {0}},
      {"secret", false, {0}}}},
    {"logs",
     {"detect", "prevent", "off"},
     {{"level", 1, 15, 5}},
     {{"files", true, {0}}},
     .flag = "journal"},
    {"malware",
     {"off", "detect", "prevent"},
     {{"size_mb", 1, 1024, 64}, {"timeout_s", 1, 300, 20}, {"quarantine_mb", 1, 65536, 256}},
     {{"scopes", true, {0}}, {"exclude", true, {0}}},
     .path = "clamd"},
    {"fleet", {0}, {{"silence_s", 5, 2592000, 300}}, {{0}}},
};
#define SECTIONS (sizeof sections / sizeof sections[0])

json_t *sek_policy_default(void)
{
    json_t *policy = json_pack("{s:i}", "version", 1);
    for (size_t i = 0; i < SECTIONS; i++) {
        json_t *section = json_pack("{s:s*}", "mode", sections[i].modes[0]);
        for (const struct number_field *n = sections[i].numbers; n->name; n++)
            json_object_set_new(section, n->name, json_integer(n->fallback));
        for (const struct word_field *w = sections[i].words; w->name; w++)
            json_object_set_new(section, w->name, json_string(w->words[0]));
        for (const struct list_field *l = sections[i].lists; l->name; l++) {
            json_t *list = json_array();
            for (size_t k = 0; l->fallback[k]; k++)
                json_array_append_new(list, json_string(l->fallback[k]));
            if (json_array_size(list))
                json_object_set(section, l->name, list);
            json_decref(list);
        }
        if (sections[i].destinations)
            json_object_set_new(section, "destinations", json_array());
        json_object_set_new(policy, sections[i].name, section);
    }
    json_object_set_new(policy, "firewall", json_pack("{s:s}", "mode", "off"));
    return policy;
}

/* Its rules are checked as the agent checks them. */
static enum sek_error check_firewall(const json_t *section, struct sek_fault *fault)
{
    struct sek_ruleset *r = malloc(sizeof *r);
    enum sek_error rc = r ? sek_ruleset_parse(section, r, fault)
                          : sek_fail(fault, SEK_ENOMEM, "out of memory");
    free(r);
    return rc;
}

static enum sek_error check_word(const struct section *s, const char *key, const char *const *words,
                                 const json_t *value, struct sek_fault *fault)
{
    const char *word = json_string_value(value);
    char allowed[80] = "";
    for (size_t i = 0; words[i]; i++) {
        if (word && !strcmp(word, words[i]))
            return SEK_OK;
        snprintf(allowed + strlen(allowed), sizeof allowed - strlen(allowed), "%s%s", i ? ", " : "",
                 words[i]);
    }
    return sek_fail(fault, SEK_EINVAL, "field \"%s.%s\": \"%.40s\", one of %s expected", s->name,
                    key, word ? word : "", allowed);
}

static enum sek_error check_list(const struct section *s, const struct list_field *l,
                                 const json_t *value, struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value) || json_array_size(value) > LIST_ITEMS)
        return sek_fail(fault, SEK_EINVAL, "field \"%s.%s\": a list of at most %d %s expected",
                        s->name, l->name, LIST_ITEMS, l->paths ? "absolute paths" : "names");
    json_array_foreach(value, i, item)
    {
        const char *text = json_string_value(item);
        bool path = text && (*text == '/' || !strcmp(text, "all"));
        if (!text || !*text || (l->paths && !path) || strlen(text) > ITEM_BYTES)
            return sek_fail(fault, SEK_EINVAL,
                            "field \"%s.%s[%zu]\": %s of at most %d characters expected", s->name,
                            l->name, i, l->paths ? "an absolute path (or \"all\")" : "a name or pattern",
                            ITEM_BYTES);
    }
    return SEK_OK;
}

/* The device reads the line itself (sekisho-agent(8), exit); here it must be one line of four words. */
static enum sek_error check_destinations(const struct section *s, const json_t *value,
                                         struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value) || json_array_size(value) > DESTINATIONS)
        return sek_fail(fault, SEK_EINVAL,
                        "field \"%s.destinations\": a list of at most %d lines expected", s->name,
                        DESTINATIONS);
    json_array_foreach(value, i, item)
    {
        const char *line = json_string_value(item);
        int words = 0;
        for (const char *at = line ? line : ""; *at; words++) {
            at += strcspn(at, " ");
            at += strspn(at, " ");
        }
        if (words < 4 || strlen(line) > 800 || strpbrk(line, "\r\n") || *line == '#')
            return sek_fail(fault, SEK_EINVAL,
                            "field \"%s.destinations[%zu]\": SHA256 PORT/PROTOCOL DESTINATION "
                            "PATH expected",
                            s->name, i);
    }
    return SEK_OK;
}

static enum sek_error check_field(const struct section *s, const char *key, const json_t *value,
                                  struct sek_fault *fault)
{
    if (!strcmp(key, "mode") && s->modes[0])
        return check_word(s, key, s->modes, value, fault);
    for (const struct list_field *l = s->lists; l->name; l++)
        if (!strcmp(key, l->name))
            return check_list(s, l, value, fault);
    if (s->destinations && !strcmp(key, "destinations"))
        return check_destinations(s, value, fault);
    for (const struct word_field *w = s->words; w->name; w++)
        if (!strcmp(key, w->name))
            return check_word(s, key, w->words, value, fault);
    if (s->flag && !strcmp(key, s->flag))
        return json_is_boolean(value) ? SEK_OK
                                      : sek_fail(fault, SEK_EINVAL,
                                                 "field \"%s.%s\": true or false expected",
                                                 s->name, key);
    if (s->path && !strcmp(key, s->path)) {
        const char *path = json_string_value(value);
        return path && (!*path || *path == '/') && strlen(path) <= ITEM_BYTES
                   ? SEK_OK
                   : sek_fail(fault, SEK_EINVAL, "field \"%s.%s\": an absolute path expected",
                              s->name, key);
    }
    for (const struct number_field *n = s->numbers; n->name; n++) {
        json_int_t number = json_integer_value(value);
        if (strcmp(key, n->name))
            continue;
        if (!json_is_integer(value) || number < n->low || number > n->high)
            return sek_fail(fault, SEK_EINVAL, "field \"%s.%s\": a number from %lld to %lld expected",
                            s->name, key, (long long)n->low, (long long)n->high);
        return SEK_OK;
    }
    return sek_fail(fault, SEK_EINVAL, "field \"%s.%.60s\": no such field", s->name, key);
}

enum sek_error sek_policy_check(const json_t *policy, struct sek_fault *fault)
{
    const char *name, *key;
    json_t *section, *value;
    json_object_foreach((json_t *)policy, name, section)
    {
        const struct section *s = NULL;
        for (size_t i = 0; i < SECTIONS; i++)
            if (!strcmp(sections[i].name, name))
                s = &sections[i];
        if (!strcmp(name, "version"))
            continue;
        if (!strcmp(name, "firewall")) {
            enum sek_error rc = check_firewall(section, fault);
            if (rc)
                return rc;
            continue;
        }
        if (!s)
            return sek_fail(fault, SEK_EINVAL,
                            "field \"%.60s\": no such field; entry, exit, inside, behaviour, "
                            "firewall, integrity, logs, malware and fleet expected",
                            name);
        if (!json_is_object(section))
            return sek_fail(fault, SEK_EINVAL, "field \"%s\": an object expected", name);
        json_object_foreach(section, key, value)
        {
            enum sek_error rc = check_field(s, key, value, fault);
            if (rc)
                return rc;
        }
    }
    return SEK_OK;
}
