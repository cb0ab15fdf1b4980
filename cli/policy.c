/* The policy from the command line: whole as JSON, or member by member. What a member is (a number,
 * a word, a list) and what it may be comes from the manager's schema, so that a new member needs no
 * line here. */
#include "cli/cli.h"
#include "lib/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH       "/api/v1/policy"
#define FILE_LIMIT (4u << 20)

static enum sek_error read_json(const char *file, json_t **out, struct sek_fault *fault)
{
    char *text = NULL;
    size_t len = 0;
    json_error_t error;
    enum sek_error rc = sek_file_read(file, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    *out = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
    free(text);
    return *out ? SEK_OK
                : sek_fail(fault, SEK_EINVAL, "%s:%d: not JSON: %s", file, error.line, error.text);
}

/* --- showing --- */

static const json_t *schema_of(const json_t *schema, const char *name)
{
    return json_object_get(json_object_get(schema, "properties"), name);
}

/* What a member may be, for a person. */
static void describe(const json_t *schema, struct sek_text *out)
{
    const json_t *words = json_object_get(schema, "enum"),
                 *low = json_object_get(schema, "minimum");
    const json_t *most = json_object_get(schema, "maxItems");
    const char *type = json_string_value(json_object_get(schema, "type"));
    size_t i;
    json_t *word;
    json_array_foreach(words, i, word)
        sek_text_printf(out, "%s%s", i ? ", " : "", json_string_value(word));
    if (words)
        return;
    if (low)
        sek_text_printf(out, "%lld to %lld", (long long)json_integer_value(low),
                        (long long)json_integer_value(json_object_get(schema, "maximum")));
    else if (most)
        sek_text_printf(out, "a list of at most %lld", (long long)json_integer_value(most));
    else
        sek_text_puts(out, type && !strcmp(type, "boolean") ? "true, false" : type ? type : "");
}

static void add_rows(json_t *rows, const char *section, const json_t *schema, const json_t *values)
{
    const char *name;
    json_t *member;
    json_object_foreach(json_object_get(schema, "properties"), name, member)
    {
        struct sek_text allowed = {0};
        describe(member, &allowed);
        json_t *value = json_object_get(values, name),
               *fallback = json_object_get(member, "default");
        json_array_append_new(rows, json_pack("{s:s, s:s, s:O?, s:O?, s:s}", "section", section,
                                              "member", name, "value", value, "default", fallback,
                                              "expected", allowed.data ? allowed.data : ""));
        sek_text_free(&allowed);
    }
}

static enum sek_error no_section(const json_t *schema, const char *name, struct sek_fault *fault)
{
    struct sek_text names = {0};
    const char *key;
    json_t *section;
    json_object_foreach(json_object_get(schema, "properties"), key, section)
    {
        if (json_object_get(section, "properties"))
            sek_text_printf(&names, "%s%s", names.len ? ", " : "", key);
    }
    sek_fail(fault, SEK_EINVAL, "%.60s: no such section; expected one of %s", name,
             names.data ? names.data : "none");
    sek_text_free(&names);
    return SEK_EINVAL;
}

static enum sek_error get_both(struct sek_cli *cli, json_t **policy, json_t **schema,
                               struct sek_fault *fault)
{
    enum sek_error rc = sek_cli_get(cli, PATH, policy, fault);
    return rc ? rc : sek_cli_get(cli, PATH "/schema", schema, fault);
}

static enum sek_error show(struct sek_cli *cli, const json_t *policy, const json_t *schema,
                           const char *only, struct sek_fault *fault)
{
    static const char *const columns[] = {"section", "member",   "value",
                                          "default", "expected", NULL};
    const char *name;
    json_t *section, *doc = json_pack("{s:[]}", "members");
    json_t *rows = json_object_get(doc, "members");
    json_object_foreach(json_object_get(schema, "properties"), name, section)
    {
        if ((!only || !strcmp(only, name)) && json_object_get(section, "properties"))
            add_rows(rows, name, section, json_object_get(policy, name));
    }
    enum sek_error rc = only && !json_array_size(rows) ? no_section(schema, only, fault) : SEK_OK;
    if (!rc)
        sek_cli_list(cli, doc, "members", columns);
    json_decref(doc);
    return rc;
}

static enum sek_error policy_show(struct sek_cli *cli, const struct sek_command *command,
                                  struct sek_fault *fault)
{
    json_t *policy = NULL, *schema = NULL;
    const char *only = cli->argc ? cli->argv[0] : NULL;
    (void)command;
    enum sek_error rc = get_both(cli, &policy, &schema, fault);
    if (!rc)
        rc = show(cli, policy, schema, only, fault);
    json_decref(policy);
    json_decref(schema);
    return rc;
}

static enum sek_error policy_get(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    json_t *doc = NULL;
    const char *only = cli->argc ? cli->argv[0] : NULL;
    (void)command;
    enum sek_error rc = sek_cli_get(cli, PATH, &doc, fault);
    const json_t *section = only ? json_object_get(doc, only) : NULL;
    cli->json = true; /* what `policy put` reads */
    if (!rc && only && !section)
        rc = sek_fail(fault, SEK_EINVAL, "%.60s: no such section of the policy", only);
    if (!rc) {
        json_t *part = only ? json_pack("{s:O}", only, section) : json_incref(doc);
        sek_cli_list(cli, part, NULL, NULL);
        json_decref(part);
    }
    json_decref(doc);
    return rc;
}

/* --- changing --- */

static enum sek_error policy_put(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    const char *file;
    json_t *body = NULL, *doc = NULL;
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "FILE", &file, fault);
    if (!rc)
        rc = read_json(file, &body, fault);
    if (!rc)
        rc = sek_cli_send(cli, "PUT", PATH, body, &doc, fault);
    if (!rc && doc)
        sek_cli_list(cli, doc, NULL, NULL);
    json_decref(doc);
    return rc;
}

/* "a,b" as a list of texts. */
static json_t *split(const char *text)
{
    json_t *list = json_array();
    for (const char *at = text; *at;) {
        size_t len = strcspn(at, ",");
        if (len)
            json_array_append_new(list, json_stringn(at, len));
        at += len + (at[len] == ',');
    }
    return list;
}

/* TEXT as a value of the SCHEMA; "" is null (the device's default), "@FILE" what is in the file. */
static enum sek_error read_value(const char *place, const json_t *schema, const char *text,
                                 json_t **out, struct sek_fault *fault)
{
    const char *type = json_string_value(json_object_get(schema, "type"));
    char *end;
    if (*text == '@')
        return read_json(text + 1, out, fault);
    if (!type)
        type = "";
    if (!*text) {
        *out = json_null();
    } else if (!strcmp(type, "integer")) {
        long long number = strtoll(text, &end, 10);
        if (*end)
            return sek_fail(fault, SEK_EINVAL, "%s: found '%.40s', expected a whole number", place,
                            text);
        *out = json_integer(number);
    } else if (!strcmp(type, "boolean")) {
        if (strcmp(text, "true") && strcmp(text, "false"))
            return sek_fail(fault, SEK_EINVAL, "%s: found '%.40s', expected true or false", place,
                            text);
        *out = json_boolean(*text == 't');
    } else if (!strcmp(type, "string")) {
        *out = json_string(text);
    } else if (!strcmp(type, "array") && *text != '[') {
        *out = split(text);
    } else {
        json_error_t error;
        *out = json_loads(text, JSON_REJECT_DUPLICATES, &error);
        if (!*out)
            return sek_fail(fault, SEK_EINVAL, "%s: not JSON: %s", place, error.text);
    }
    return *out ? SEK_OK : sek_fail(fault, SEK_EINVAL, "%s: not UTF-8 text", place);
}

/* The list OLD with the items of MORE, or without them. */
static json_t *combined(const json_t *old, const json_t *more, bool add)
{
    json_t *list = json_array(), *item, *other;
    size_t i, k;
    json_array_foreach(old, i, item)
    {
        bool named = false;
        json_array_foreach(more, k, other) named = named || json_equal(item, other);
        if (!named)
            json_array_append(list, item);
    }
    if (add)
        json_array_extend(list, (json_t *)(uintptr_t)more);
    return list;
}

struct change {
    const char *section;
    const json_t *schema, *now; /* of the section */
    json_t *members;            /* to be sent */
};

/* WORD is MEMBER=VALUE, MEMBER+=ITEMS or MEMBER-=ITEMS. */
static enum sek_error take_word(const struct change *c, const char *word, struct sek_fault *fault)
{
    const char *equals = strchr(word, '=');
    char member[64], place[160];
    if (!equals || equals == word || equals - word >= (long)sizeof member)
        return sek_fail(fault, SEK_EINVAL, "found '%.60s', expected MEMBER=VALUE", word);
    bool add = equals[-1] == '+', take = equals[-1] == '-';
    snprintf(member, sizeof member, "%.*s", (int)(equals - word - (add || take)), word);
    snprintf(place, sizeof place, "%.60s.%s", c->section, member);
    const json_t *schema = schema_of(c->schema, member);
    const json_t *changed = json_object_get(c->members, member);
    const json_t *now = changed ? changed : json_object_get(c->now, member);
    const char *type = json_string_value(json_object_get(schema, "type"));
    json_t *value = NULL;
    if (!schema)
        return sek_fail(fault, SEK_EINVAL, "%s: no such field; see `sekishoctl policy show %.60s`",
                        place, c->section);
    if ((add || take) && (!type || strcmp(type, "array") != 0))
        return sek_fail(fault, SEK_EINVAL, "%s: += and -= are for lists", place);
    /* A device has no rules of its own by default. */
    if ((add || take) && !json_is_array(now) && strcmp(member, "rules") != 0)
        return sek_fail(fault, SEK_ESTATE,
                        "%s: it has the device's default; give the whole list with =", place);
    enum sek_error rc = read_value(place, schema, equals + 1, &value, fault);
    if (!rc && (add || take)) {
        json_t *list = combined(now, value, add);
        json_decref(value);
        value = list;
    }
    if (!rc)
        json_object_set_new(c->members, member, value);
    return rc;
}

static enum sek_error policy_set(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    json_t *policy = NULL, *schema = NULL, *after = NULL;
    struct change c = {.members = json_object()};
    const char *word;
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "SECTION", &c.section, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "MEMBER=VALUE", &word, fault);
    if (!rc)
        rc = get_both(cli, &policy, &schema, fault);
    if (!rc) {
        c.schema = schema_of(schema, c.section);
        c.now = json_object_get(policy, c.section);
        if (!json_object_get(c.schema, "properties"))
            rc = no_section(schema, c.section, fault);
    }
    for (int i = 1; !rc && i < cli->argc; i++)
        rc = take_word(&c, cli->argv[i], fault);
    if (!rc)
        rc =
            sek_cli_send(cli, "PUT", PATH, json_pack("{s:O}", c.section, c.members), &after, fault);
    if (!rc)
        rc = show(cli, after, schema, c.section, fault);
    json_decref(c.members);
    json_decref(after);
    json_decref(policy);
    json_decref(schema);
    return rc;
}

const struct sek_command sek_commands_policy[] = {
    {"policy get", "[SECTION]", "the policy in force, as JSON", policy_get, NULL, NULL, {NULL}},
    {"policy put",
     "FILE",
     "change the policy; what is not given stays",
     policy_put,
     NULL,
     NULL,
     {NULL}},
    {"policy show",
     "[SECTION]",
     "each member: its value, its default, what it may be",
     policy_show,
     NULL,
     NULL,
     {NULL}},
    {"policy set",
     "SECTION MEMBER=VALUE... (lists: a,b or +=, -=; @FILE: JSON)",
     "change members of a section; MEMBER= gives it the device's default",
     policy_set,
     NULL,
     NULL,
     {NULL}},
    {NULL, NULL, NULL, NULL, NULL, NULL, {NULL}},
};
