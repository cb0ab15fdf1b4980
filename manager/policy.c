/* The policy's fields, each with its allowed values: the default, and a check that names the field. */
#include "manager/bundles.h"

#include <stdio.h>
#include <string.h>

#define DESTINATIONS 2000 /* lines of exit.destinations */

struct number_field {
    const char *name;
    json_int_t low, high, fallback;
};

struct word_field {
    const char *name;
    const char *words[5]; /* the first is the default */
};

static const struct section {
    const char *name;
    const char *modes[5]; /* the first is the default */
    struct number_field numbers[4];
    bool scopes;
    struct word_field words[6];
    bool destinations;
} sections[] = {
    {"entry",
     {"prevent", "detect", "off"},
     {{"probe_threshold", 1, 100000, 5},
      {"probe_window_s", 1, 86400, 60},
      {"block_ttl_s", 1, 31536000, 3600}},
     false},
    {"exit",
     {"prevent", "detect", "off"},
     {{0}},
     false,
     {{"default", {"allow", "learn", "detect", "deny"}},
      {"listeners", {"allow", "detect", "deny"}},
      {"encrypted_dns", {"allow", "detect", "deny"}},
      {"quic", {"allow", "detect", "deny"}},
      {"unanswered", {"allow", "deny"}}},
     true},
    {"inside",
     {"learn", "detect", "enforce", "off"},
     {{0}},
     true,
     {{"inline", {"allow", "detect", "deny"}}, {"scripts", {"normal", "strict"}},
      {"updates", {"always", "window"}},
      {"packages", {"ignore", "trust"}}}},
    {"behaviour", {"prevent", "detect", "off"}, {{"quarantine_s", 1, 31536000, 3600}}, false},
};
#define SECTIONS (sizeof sections / sizeof sections[0])

json_t *sek_policy_default(void)
{
    json_t *policy = json_pack("{s:i}", "version", 1);
    for (size_t i = 0; i < SECTIONS; i++) {
        json_t *section = json_pack("{s:s}", "mode", sections[i].modes[0]);
        for (const struct number_field *n = sections[i].numbers; n->name; n++)
            json_object_set_new(section, n->name, json_integer(n->fallback));
        for (const struct word_field *w = sections[i].words; w->name; w++)
            json_object_set_new(section, w->name, json_string(w->words[0]));
        if (sections[i].scopes)
            json_object_set_new(section, "scopes", json_array()); /* what the device itself names */
        if (sections[i].destinations)
            json_object_set_new(section, "destinations", json_array());
        json_object_set_new(policy, sections[i].name, section);
    }
    return policy;
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

static enum sek_error check_scopes(const struct section *s, const json_t *value,
                                   struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return sek_fail(fault, SEK_EINVAL, "field \"%s.scopes\": a list of folders expected",
                        s->name);
    json_array_foreach(value, i, item)
    {
        const char *path = json_string_value(item);
        if (!path || (*path != '/' && strcmp(path, "all") != 0) || strlen(path) > 199)
            return sek_fail(fault, SEK_EINVAL,
                            "field \"%s.scopes[%zu]\": an absolute path or \"all\" expected",
                            s->name, i);
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
    if (!strcmp(key, "mode"))
        return check_word(s, key, s->modes, value, fault);
    if (s->scopes && !strcmp(key, "scopes"))
        return check_scopes(s, value, fault);
    if (s->destinations && !strcmp(key, "destinations"))
        return check_destinations(s, value, fault);
    for (const struct word_field *w = s->words; w->name; w++) {
        if (!strcmp(key, w->name))
            return check_word(s, key, w->words, value, fault);
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
        if (!s)
            return sek_fail(fault, SEK_EINVAL,
                            "field \"%.60s\": no such field; entry, exit, inside and behaviour "
                            "expected",
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
