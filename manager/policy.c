/* The table of the policy's members, the default policy, and the check, whose message begins with
 * the member's place. */
#include "manager/policy.h"
#include "lib/base/encode.h"
#include "lib/firewall/ruleset.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATHS  SEK_ITEM_PATHS, 24
#define SCOPES SEK_ITEM_SCOPES, 4
#define NAMES  SEK_ITEM_NAMES, 24

const struct sek_policy_section sek_policy_sections[] = {
    {"entry",
     {"prevent", "detect", "off"},
     {{"probe_threshold", 1, 10000, 5},
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
     {{"scopes", SCOPES, {0}}},
     {{"inline", {"allow", "detect", "deny"}},
      {"scripts", {"normal", "strict"}},
      {"updates", {"always", "window"}},
      {"packages", {"ignore", "trust"}},
      {"baseline", {"device", "listed"}}}},
    {"behaviour", {"prevent", "detect", "off"}, {{"quarantine_s", 1, 31536000, 3600}}, {{0}}},
    {"integrity",
     {"detect", "off"},
     {{"schedule_s", 0, 2592000, 86400},
      {"text_limit", 0, 262144, 65536},
      {"rate", 1, 100000, 100}},
     {{"paths",
       PATHS,
       {"/etc", "/boot", "/usr/bin", "/usr/sbin", "/usr/lib/systemd", "/root/.ssh",
        "/usr/local/bin", "/usr/local/sbin"}},
      {"exclude", PATHS, {0}},
      {"secret", NAMES, {0}}}},
    {"logs",
     {"detect", "prevent", "off"},
     {{"level", 1, 15, 5}},
     {{"files", PATHS, {0}}},
     .flag = "journal"},
    {"malware",
     {"off", "detect", "prevent"},
     {{"size_mb", 1, 1024, 64}, {"timeout_s", 1, 300, 20}, {"quarantine_mb", 1, 65536, 256}},
     {{"scopes", PATHS, {0}}, {"exclude", PATHS, {0}}},
     .path = "clamd"},
    {"fleet", {0}, {{"silence_s", 5, 2592000, 300}}, {{0}}},
    {0},
};

json_t *sek_policy_initial(void)
{
    json_t *policy = json_pack("{s:i}", "version", 1);
    for (const struct sek_policy_section *s = sek_policy_sections; s->name; s++) {
        json_t *section = json_pack("{s:s*}", "mode", s->modes[0]);
        for (const struct sek_policy_number *n = s->numbers; n->name; n++)
            json_object_set_new(section, n->name, json_integer(n->fallback));
        for (const struct sek_policy_word *w = s->words; w->name; w++)
            json_object_set_new(section, w->name, json_string(w->words[0]));
        for (const struct sek_policy_list *l = s->lists; l->name; l++) {
            json_t *list = json_array();
            for (size_t k = 0; l->fallback[k]; k++)
                json_array_append_new(list, json_string(l->fallback[k]));
            if (json_array_size(list))
                json_object_set(section, l->name, list);
            json_decref(list);
        }
        if (s->destinations)
            json_object_set_new(section, "destinations", json_array());
        json_object_set_new(policy, s->name, section);
    }
    json_object_set_new(policy, "firewall", json_pack("{s:s}", "mode", "off"));
    return policy;
}

/* --- the check ------------------------------------------------------------------------------- */

/* Its rules are checked as the agent checks them. */
static enum sek_error check_firewall(const json_t *section, struct sek_fault *fault)
{
    struct sek_ruleset *r = malloc(sizeof *r);
    enum sek_error rc =
        r ? sek_ruleset_parse(section, r, fault) : sek_fail(fault, SEK_ENOMEM, "out of memory");
    free(r);
    return rc;
}

static const char *type_name(const json_t *value)
{
    static const char *const names[] = {[JSON_OBJECT] = "an object",
                                        [JSON_ARRAY] = "a list",
                                        [JSON_STRING] = "text",
                                        [JSON_INTEGER] = "a number",
                                        [JSON_REAL] = "a number with a fraction",
                                        [JSON_TRUE] = "true",
                                        [JSON_FALSE] = "false",
                                        [JSON_NULL] = "null"};
    return names[json_typeof(value)];
}

static enum sek_error check_word(const char *section, const char *key, const char *const *words,
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
    return word ? sek_fail(fault, SEK_EINVAL, "%s.%s: found '%.40s', expected one of %s", section,
                           key, word, allowed)
                : sek_fail(fault, SEK_EINVAL, "%s.%s: found %s, expected one of %s", section, key,
                           type_name(value), allowed);
}

static enum sek_error check_number(const char *section, const struct sek_policy_number *n,
                                   const json_t *value, struct sek_fault *fault)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value))
        return sek_fail(fault, SEK_EINVAL,
                        "%s.%s: found %s, expected a whole number from %lld to %lld", section,
                        n->name, type_name(value), (long long)n->low, (long long)n->high);
    if (number < n->low || number > n->high)
        return sek_fail(fault, SEK_EINVAL, "%s.%s: found %lld, expected a number from %lld to %lld",
                        section, n->name, (long long)number, (long long)n->low, (long long)n->high);
    return SEK_OK;
}

static bool item_fits(enum sek_policy_item item, const char *text)
{
    if (!text || !*text || strlen(text) > SEK_POLICY_ITEM)
        return false;
    return item == SEK_ITEM_NAMES || *text == '/' ||
           (item == SEK_ITEM_SCOPES && !strcmp(text, "all"));
}

static enum sek_error check_list(const char *section, const struct sek_policy_list *l,
                                 const json_t *value, struct sek_fault *fault)
{
    static const char *const one[] = {"an absolute path", "an absolute path, or all,",
                                      "a name or pattern"};
    size_t i;
    json_t *item;
    if (!json_is_array(value))
        return sek_fail(fault, SEK_EINVAL, "%s.%s: found %s, expected a list of at most %u",
                        section, l->name, type_name(value), l->limit);
    if (json_array_size(value) > l->limit)
        return sek_fail(fault, SEK_EINVAL, "%s.%s: found %zu items, expected at most %u", section,
                        l->name, json_array_size(value), l->limit);
    json_array_foreach(value, i, item)
    {
        const char *text = json_string_value(item);
        if (!item_fits(l->item, text))
            return sek_fail(
                fault, SEK_EINVAL, "%s.%s[%zu]: found '%.40s', expected %s of at most %d bytes",
                section, l->name, i, text ? text : type_name(item), one[l->item], SEK_POLICY_ITEM);
    }
    return SEK_OK;
}

/* Which of the four words of a permission is wrong, or NULL. AT has room for 800 bytes. The form is
 * in sekisho-agent(8), "Deny by default". */
static const char *wrong_destination(char *at)
{
    static const char *const protocols[] = {"tcp", "udp", "raw", "any", NULL};
    char *words[3], *end;
    unsigned char digest[32];
    struct sek_ruleset_prefix prefix;
    for (int i = 0; i < 3; i++) {
        words[i] = at;
        at += strcspn(at, " ");
        if (*at)
            *at++ = '\0';
        at += strspn(at, " ");
    }
    bool any_content = !strcmp(words[0], "*"), any_program = !strcmp(at, "*");
    if (!any_content && !sek_hex_decode(words[0], digest, sizeof digest))
        return "SHA256 (64 hex digits) or * first";
    if ((*at != '/' && !any_program) || strlen(at) > 255 || (any_program && !any_content))
        return "an absolute path last, or * where the SHA256 is * too";
    char *slash = strchr(words[1], '/');
    if (!slash)
        return "PORT/PROTOCOL second, as 443/tcp or any/any";
    *slash++ = '\0';
    unsigned long port = strtoul(words[1], &end, 10);
    bool number = isdigit((unsigned char)*words[1]) && !*end && port <= 65535;
    size_t i = 0;
    while (protocols[i] && strcmp(protocols[i], slash) != 0)
        i++;
    if ((!number && strcmp(words[1], "any") != 0) || !protocols[i])
        return "PORT/PROTOCOL second: a port or any, then tcp, udp, raw or any";
    if (!strcmp(words[2], "listen"))
        return strcmp(slash, "any") ? NULL : "tcp, udp or raw with listen";
    if (sek_ruleset_prefix(words[2], &prefix))
        return NULL;
    const char *name = words[2] + (strncmp(words[2], "*.", 2) ? 0 : 2);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
            return "a name, *.name, an address, a prefix, any or listen third";
    return *name && strlen(words[2]) <= 255 ? NULL : "a name of at most 255 characters third";
}

static enum sek_error check_destinations(const char *section, const json_t *value,
                                         struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    if (!json_is_array(value) || json_array_size(value) > SEK_POLICY_DESTINATIONS)
        return sek_fail(fault, SEK_EINVAL, "%s.destinations: expected a list of at most %d lines",
                        section, SEK_POLICY_DESTINATIONS);
    json_array_foreach(value, i, item)
    {
        char line[800];
        const char *wrong = "SHA256 PORT/PROTOCOL DESTINATION PATH in one line";
        const char *text = json_string_value(item);
        if (text && strlen(text) < sizeof line && !strpbrk(text, "\r\n\t")) {
            memcpy(line, text, strlen(text) + 1);
            wrong = wrong_destination(line);
        }
        if (wrong)
            return sek_fail(fault, SEK_EINVAL, "%s.destinations[%zu]: expected %s", section, i,
                            wrong);
    }
    return SEK_OK;
}

static enum sek_error check_path(const char *section, const char *key, const json_t *value,
                                 struct sek_fault *fault)
{
    const char *path = json_string_value(value);
    return path && (!*path || *path == '/') && strlen(path) <= SEK_POLICY_ITEM
               ? SEK_OK
               : sek_fail(fault, SEK_EINVAL, "%s.%s: expected an absolute path, or no text",
                          section, key);
}

static enum sek_error check_member(const struct sek_policy_section *s, const char *key,
                                   const json_t *value, struct sek_fault *fault)
{
    if (!strcmp(key, "mode") && s->modes[0])
        return check_word(s->name, key, s->modes, value, fault);
    for (const struct sek_policy_list *l = s->lists; l->name; l++)
        if (!strcmp(key, l->name))
            return check_list(s->name, l, value, fault);
    if (s->destinations && !strcmp(key, "destinations"))
        return check_destinations(s->name, value, fault);
    for (const struct sek_policy_word *w = s->words; w->name; w++)
        if (!strcmp(key, w->name))
            return check_word(s->name, key, w->words, value, fault);
    if (s->flag && !strcmp(key, s->flag))
        return json_is_boolean(value)
                   ? SEK_OK
                   : sek_fail(fault, SEK_EINVAL, "%s.%s: found %s, expected true or false", s->name,
                              key, type_name(value));
    if (s->path && !strcmp(key, s->path))
        return check_path(s->name, key, value, fault);
    for (const struct sek_policy_number *n = s->numbers; n->name; n++)
        if (!strcmp(key, n->name))
            return check_number(s->name, n, value, fault);
    return sek_fail(fault, SEK_EINVAL, "%s.%.60s: no such field", s->name, key);
}

static enum sek_error check_section(const char *name, json_t *section, struct sek_fault *fault)
{
    const struct sek_policy_section *s = sek_policy_sections;
    const char *key;
    json_t *value;
    while (s->name && strcmp(s->name, name) != 0)
        s++;
    if (!s->name)
        return sek_fail(fault, SEK_EINVAL,
                        "%.60s: no such field; expected entry, exit, inside, behaviour, firewall, "
                        "integrity, logs, malware or fleet",
                        name);
    if (!json_is_object(section))
        return sek_fail(fault, SEK_EINVAL, "%s: found %s, expected an object", name,
                        type_name(section));
    json_object_foreach(section, key, value)
    {
        enum sek_error rc = check_member(s, key, value, fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

enum sek_error sek_policy_check(const json_t *policy, struct sek_fault *fault)
{
    const char *name;
    json_t *section;
    json_object_foreach((json_t *)(uintptr_t)policy, name, section)
    {
        enum sek_error rc = SEK_OK;
        if (!strcmp(name, "firewall"))
            rc = check_firewall(section, fault);
        else if (strcmp(name, "version") != 0)
            rc = check_section(name, section, fault);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

const char *sek_policy_place(const struct sek_fault *fault, char pointer[SEK_POLICY_POINTER])
{
    const char *end = strstr(fault->message, ": ");
    size_t len = 0;
    pointer[0] = '\0';
    if (!end)
        return fault->message;
    for (const char *c = fault->message; c < end && len + 4 < SEK_POLICY_POINTER; c++) {
        if (c == fault->message)
            pointer[len++] = '/';
        if (*c == '.' || *c == '[')
            pointer[len++] = '/';
        else if (*c == '~' || *c == '/') { /* of a member that does not exist */
            pointer[len++] = '~';
            pointer[len++] = *c == '~' ? '0' : '1';
        } else if (*c != ']')
            pointer[len++] = *c;
    }
    pointer[len] = '\0';
    return end + 2;
}
