/* The policy's table as a JSON Schema: who edits a policy (the console's forms, sekishoctl, an
 * editor) need not know limits and words by heart. What a schema cannot say, as whether a set that
 * a rule names exists, the check says. Source: https://json-schema.org/draft/2020-12/schema */
#include "lib/firewall/ruleset.h"
#include "manager/policy.h"

#include <stdio.h>

/* The first of WORDS is the default. */
static json_t *words(const char *const *list)
{
    json_t *schema = json_pack("{s:s, s:[], s:s}", "type", "string", "enum", "default", list[0]);
    for (size_t i = 0; list[i]; i++)
        json_array_append_new(json_object_get(schema, "enum"), json_string(list[i]));
    return schema;
}

static json_t *number(json_int_t low, json_int_t high)
{
    return json_pack("{s:s, s:I, s:I}", "type", "integer", "minimum", low, "maximum", high);
}

static json_t *text(const char *pattern, int limit)
{
    return json_pack("{s:s, s:s*, s:i}", "type", "string", "pattern", pattern, "maxLength", limit);
}

static json_t *list_of(json_t *items, json_int_t limit)
{
    return json_pack("{s:s, s:I, s:o}", "type", "array", "maxItems", limit, "items", items);
}

static json_t *object_of(json_t *properties)
{
    return json_pack("{s:s, s:b, s:o}", "type", "object", "additionalProperties", 0, "properties",
                     properties);
}

static json_t *list_schema(const struct sek_policy_list *l)
{
    static const char *const patterns[] = {"^/", "^(/.*|all)$", "."};
    json_t *schema = list_of(text(patterns[l->item], SEK_POLICY_ITEM), l->limit);
    json_t *fallback = json_array();
    for (size_t i = 0; l->fallback[i]; i++)
        json_array_append_new(fallback, json_string(l->fallback[i]));
    if (json_array_size(fallback))
        json_object_set(schema, "default", fallback);
    json_decref(fallback);
    return schema;
}

static json_t *section_schema(const struct sek_policy_section *s)
{
    json_t *properties = json_object();
    if (s->modes[0])
        json_object_set_new(properties, "mode", words(s->modes));
    for (const struct sek_policy_word *w = s->words; w->name; w++)
        json_object_set_new(properties, w->name, words(w->words));
    if (s->flag)
        json_object_set_new(properties, s->flag,
                            json_pack("{s:s, s:b}", "type", "boolean", "default", 1));
    for (const struct sek_policy_list *l = s->lists; l->name; l++)
        json_object_set_new(properties, l->name, list_schema(l));
    for (const struct sek_policy_number *n = s->numbers; n->name; n++) {
        json_t *schema = number(n->low, n->high);
        json_object_set_new(schema, "default", json_integer(n->fallback));
        json_object_set_new(properties, n->name, schema);
    }
    if (s->path)
        json_object_set_new(properties, s->path, text("^(/.*)?$", SEK_POLICY_ITEM));
    if (s->destinations)
        json_object_set_new(properties, "destinations",
                            list_of(text("^\\S+ +\\S+ +\\S+ +\\S", 799), SEK_POLICY_DESTINATIONS));
    return object_of(properties);
}

static json_t *port_schema(void)
{
    return json_pack("{s:[o, o]}", "anyOf", number(1, 65535),
                     text("^[0-9]{1,5}(-[0-9]{1,5})?$", 11));
}

static json_t *rate_schema(void)
{
    char pattern[80];
    snprintf(pattern, sizeof pattern, "^[0-9]{1,7}/(%s|%s|%s|%s)$", sek_ruleset_units[0],
             sek_ruleset_units[1], sek_ruleset_units[2], sek_ruleset_units[3]);
    return text(pattern, 14);
}

static json_t *rule_schema(void)
{
    json_t *rule = object_of(
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
                  text("^[A-Za-z0-9_.-]+$", SEK_RULESET_NAME - 1), "direction",
                  words(sek_ruleset_directions), "action", words(sek_ruleset_actions), "proto",
                  words(sek_ruleset_protos), "ports", list_of(port_schema(), SEK_RULESET_PORTS),
                  "addresses", list_of(text(NULL, 63), SEK_RULESET_PREFIXES), "process",
                  text("^(/|user:|cgroup:)", SEK_POLICY_ITEM), "interface",
                  text("^[A-Za-z0-9_.:@*-]+$", 15), "rate", rate_schema()));
    json_object_set_new(rule, "required", json_pack("[s,s,s]", "name", "direction", "action"));
    return rule;
}

static json_t *firewall_schema(void)
{
    static const char *const unmatched[] = {"accept", "drop", NULL};
    json_t *sets =
        json_pack("{s:s, s:i, s:o, s:o}", "type", "object", "maxProperties", SEK_RULESET_SETS,
                  "propertyNames", text("^[A-Za-z][A-Za-z0-9_]*$", SEK_RULESET_NAME - 1),
                  "additionalProperties", list_of(text(NULL, 63), SEK_RULESET_PREFIXES));
    return object_of(json_pack("{s:o, s:o, s:o, s:o, s:o}", "mode", words(sek_ruleset_modes),
                               "default_in", words(unmatched), "default_out", words(unmatched),
                               "sets", sets, "rules", list_of(rule_schema(), SEK_RULESET_RULES)));
}

json_t *sek_policy_schema(void)
{
    json_t *properties = json_pack("{s:{s:s, s:b}}", "version", "type", "integer", "readOnly", 1);
    for (const struct sek_policy_section *s = sek_policy_sections; s->name; s++)
        json_object_set_new(properties, s->name, section_schema(s));
    json_object_set_new(properties, "firewall", firewall_schema());
    json_t *schema = object_of(properties);
    json_object_set_new(schema, "$schema",
                        json_string("https://json-schema.org/draft/2020-12/schema"));
    return schema;
}
