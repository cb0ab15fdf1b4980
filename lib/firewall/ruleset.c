/* Reading JSON into the structure. Names go into the kernel's rule language later, so their letters
 * are limited here; that one table of limits serves sek_ruleset_check too. */
#include "lib/firewall/ruleset.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sek_ruleset_modes[] = {"off", "detect", "enforce", NULL};
const char *const sek_ruleset_actions[] = {"accept", "drop", "reject", "log", NULL};
const char *const sek_ruleset_directions[] = {"in", "out", "forward", NULL};
const char *const sek_ruleset_protos[] = {"any", "tcp", "udp", "icmp", NULL};
const char *const sek_ruleset_units[] = {"second", "minute", "hour", "day", NULL};

#define RATE_LIMIT 1000000

static const char *const defaults[] = {"accept", "drop", NULL};

static bool only(const char *text, const char *more, size_t size)
{
    size_t len = strnlen(text, size);
    if (!len || len == size)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr(more, text[i]))
            return false;
    }
    return true;
}

static bool set_name(const char *text)
{
    return only(text, "_", SEK_RULESET_NAME) && isalpha((unsigned char)*text);
}

static bool rule_name(const char *text)
{
    return only(text, "_.-", SEK_RULESET_NAME);
}

static bool interface_name(const char *text)
{
    return only(text, "_.-:@*", sizeof((struct sek_ruleset_rule *)0)->interface);
}

/* A path is compared, a user looked up, and a cgroup goes into a rule in quotation marks. */
static bool process_name(unsigned kind, const char *text)
{
    const size_t size = sizeof((struct sek_ruleset_rule *)0)->process;
    size_t len = strnlen(text, size);
    if (!len || len == size)
        return false;
    if (kind == SEK_RULE_USER)
        return only(text, "_.-$@", 64);
    if (kind == SEK_RULE_CGROUP)
        return only(text, "_.-@:/\\", size) && *text != '/' && text[len - 1] != '/' &&
               !strstr(text, "..") && !strstr(text, "//");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < ' ' || strchr("<>\"\177", text[i]))
            return false;
    }
    return *text == '/' && len > 1;
}

/* --- values ---------------------------------------------------------------------------------- */

static enum sek_error word(const char *field, const json_t *value, const char *const *words,
                           uint8_t *out, struct sek_fault *fault)
{
    const char *text = json_string_value(value);
    char allowed[64] = "";
    if (!value)
        return SEK_OK;
    for (uint8_t i = 0; words[i]; i++) {
        if (text && !strcmp(text, words[i])) {
            *out = i;
            return SEK_OK;
        }
        snprintf(allowed + strlen(allowed), sizeof allowed - strlen(allowed), "%s%s", i ? ", " : "",
                 words[i]);
    }
    return sek_fail(fault, SEK_EINVAL, "firewall.%s: found '%.40s', expected one of %s", field,
                    text ? text : "no text", allowed);
}

bool sek_ruleset_prefix(const char *text, struct sek_ruleset_prefix *out)
{
    char copy[64], *end;
    size_t len = strlen(text);
    struct sek_ruleset_prefix p = {.v6 = strchr(text, ':') != NULL};
    unsigned long whole = p.v6 ? 128 : 32, bits = whole;
    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len + 1);
    char *slash = strchr(copy, '/');
    if (slash) {
        *slash++ = '\0';
        if (!isdigit((unsigned char)*slash))
            return false;
        bits = strtoul(slash, &end, 10);
        if (*end || bits > whole)
            return false;
    }
    if (inet_pton(p.v6 ? AF_INET6 : AF_INET, copy, p.address) != 1)
        return false;
    p.bits = (uint8_t)bits;
    for (unsigned long i = bits; i < whole; i++) {
        if (p.address[i / 8] >> (7 - i % 8) & 1)
            return false;
    }
    *out = p;
    return true;
}

static enum sek_error add_prefix(struct sek_ruleset *r, const char *field, const char *text,
                                 struct sek_fault *fault)
{
    if (r->prefix_count == SEK_RULESET_PREFIXES)
        return sek_fail(fault, SEK_ELIMIT, "firewall.%s: more than %d addresses in all", field,
                        SEK_RULESET_PREFIXES);
    if (!text || !sek_ruleset_prefix(text, &r->prefixes[r->prefix_count]))
        return sek_fail(fault, SEK_EINVAL,
                        "firewall.%s: found '%.60s', expected an address, or a prefix without bits "
                        "after its length",
                        field, text ? text : "no text");
    r->prefix_count++;
    return SEK_OK;
}

static enum sek_error only_fields(const char *where, const json_t *object, const char *const *names,
                                  struct sek_fault *fault)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return sek_fail(fault, SEK_EINVAL, "firewall%s: expected an object", where);
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        size_t i = 0;
        while (names[i] && strcmp(names[i], key) != 0)
            i++;
        if (!names[i])
            return sek_fail(fault, SEK_EINVAL, "firewall%s.%.60s: no such field", where, key);
    }
    return SEK_OK;
}

/* --- sets ------------------------------------------------------------------------------------ */

static enum sek_error parse_sets(const json_t *sets, struct sek_ruleset *r, struct sek_fault *fault)
{
    const char *name;
    json_t *list, *item;
    size_t i;
    if (!sets)
        return SEK_OK;
    if (!json_is_object(sets))
        return sek_fail(fault, SEK_EINVAL, "firewall.sets: expected an object");
    json_object_foreach((json_t *)(uintptr_t)sets, name, list)
    {
        if (r->set_count == SEK_RULESET_SETS)
            return sek_fail(fault, SEK_ELIMIT, "firewall.sets: more than %d", SEK_RULESET_SETS);
        if (!set_name(name))
            return sek_fail(fault, SEK_EINVAL,
                            "firewall.sets: name '%.40s': expected at most %d letters, digits and "
                            "'_', a letter first",
                            name, SEK_RULESET_NAME - 1);
        if (!json_is_array(list))
            return sek_fail(fault, SEK_EINVAL, "firewall.sets.%s: expected a list", name);
        struct sek_ruleset_set *set = &r->sets[r->set_count++];
        snprintf(set->name, sizeof set->name, "%s", name);
        set->first = r->prefix_count;
        json_array_foreach(list, i, item)
        {
            char field[80];
            snprintf(field, sizeof field, "sets.%s[%zu]", name, i);
            enum sek_error rc = add_prefix(r, field, json_string_value(item), fault);
            if (rc)
                return rc;
        }
        set->count = (uint16_t)(r->prefix_count - set->first);
    }
    return SEK_OK;
}

/* --- rules ----------------------------------------------------------------------------------- */

struct place {
    struct sek_ruleset *ruleset;
    struct sek_ruleset_rule *rule;
    size_t index;
    struct sek_fault *fault;
};

static enum sek_error wrong(const struct place *p, const char *field, const char *expected)
{
    return sek_fail(p->fault, SEK_EINVAL, "firewall.rules[%zu].%s: expected %s", p->index, field,
                    expected);
}

static bool port_number(const char *text, const char **end, uint16_t *out)
{
    char *stop;
    if (!isdigit((unsigned char)*text))
        return false;
    unsigned long n = strtoul(text, &stop, 10);
    *end = stop;
    *out = (uint16_t)n;
    return n >= 1 && n <= 65535;
}

static enum sek_error parse_ports(const struct place *p, const json_t *ports)
{
    size_t i;
    json_t *item;
    if (ports && (!json_is_array(ports) || json_array_size(ports) > SEK_RULESET_PORTS))
        return wrong(p, "ports", "a list of at most 16");
    json_array_foreach(ports, i, item)
    {
        char field[32];
        const char *text = json_string_value(item), *end = "";
        json_int_t number = json_integer_value(item);
        uint16_t low = (uint16_t)number, high = low;
        bool good = json_is_integer(item) && number >= 1 && number <= 65535;
        if (text && port_number(text, &end, &low)) {
            high = low;
            good = !*end || (*end == '-' && port_number(end + 1, &end, &high) && !*end);
        }
        if (!good || low > high) {
            snprintf(field, sizeof field, "ports[%zu]", i);
            return wrong(p, field, "a port 1..65535 or a range \"8000-8100\"");
        }
        p->rule->ports[i].low = low;
        p->rule->ports[i].high = high;
        p->rule->port_count++;
    }
    if (p->rule->port_count && p->rule->proto != SEK_RULE_TCP && p->rule->proto != SEK_RULE_UDP)
        return wrong(p, "proto", "tcp or udp, because ports are named");
    return SEK_OK;
}

static enum sek_error add_set(const struct place *p, const char *field, const char *name)
{
    for (uint8_t i = 0; i < p->ruleset->set_count; i++) {
        if (strcmp(p->ruleset->sets[i].name, name) != 0)
            continue;
        if (p->rule->set_count == SEK_RULESET_RULE_SETS)
            return wrong(p, field, "at most 8 sets");
        p->rule->sets[p->rule->set_count++] = i;
        return SEK_OK;
    }
    return wrong(p, field, "\"set:NAME\" with a set of firewall.sets");
}

static enum sek_error parse_addresses(const struct place *p, const json_t *addresses)
{
    size_t i;
    json_t *item;
    p->rule->first = p->ruleset->prefix_count;
    if (addresses && (!json_is_array(addresses) || !json_array_size(addresses)))
        return wrong(p, "addresses", "a list that is not empty");
    json_array_foreach(addresses, i, item)
    {
        char field[80];
        const char *text = json_string_value(item);
        enum sek_error rc;
        if (text && !strncmp(text, "set:", 4)) {
            snprintf(field, sizeof field, "addresses[%zu]", i);
            rc = add_set(p, field, text + 4);
        } else {
            snprintf(field, sizeof field, "rules[%zu].addresses[%zu]", p->index, i);
            rc = add_prefix(p->ruleset, field, text, p->fault);
        }
        if (rc)
            return rc;
    }
    p->rule->count = (uint16_t)(p->ruleset->prefix_count - p->rule->first);
    return SEK_OK;
}

static enum sek_error parse_process(const struct place *p, const json_t *value)
{
    static const struct {
        const char *prefix;
        uint8_t kind;
    } kinds[] = {{"user:", SEK_RULE_USER}, {"cgroup:", SEK_RULE_CGROUP}, {"", SEK_RULE_PROGRAM}};
    const char *text = json_string_value(value);
    struct sek_ruleset_rule *rule = p->rule;
    if (!value)
        return SEK_OK;
    for (size_t i = 0; text && i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t len = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, len) != 0)
            continue;
        text += len;
        if (kinds[i].kind == SEK_RULE_CGROUP)
            text += *text == '/';
        rule->process_kind = kinds[i].kind;
        break;
    }
    if (!text || !process_name(rule->process_kind, text))
        return wrong(p, "process", "an absolute path, \"user:NAME\" or \"cgroup:PATH\"");
    snprintf(rule->process, sizeof rule->process, "%s", text);
    if (rule->direction == SEK_RULE_FORWARD)
        return wrong(p, "process", "none: what is forwarded has no process here");
    if (rule->process_kind == SEK_RULE_USER && rule->direction != SEK_RULE_OUT)
        return wrong(p, "process", "a path or a cgroup: a user is known of outgoing packets only");
    return SEK_OK;
}

static enum sek_error parse_rate(const struct place *p, const json_t *value)
{
    const char *text = json_string_value(value);
    char *end = NULL;
    if (!value)
        return SEK_OK;
    unsigned long n = text && isdigit((unsigned char)*text) ? strtoul(text, &end, 10) : 0;
    if (n < 1 || n > RATE_LIMIT || *end != '/')
        return wrong(p, "rate", "\"NUMBER/second\", minute, hour or day");
    for (uint8_t i = 0; sek_ruleset_units[i]; i++) {
        if (!strcmp(end + 1, sek_ruleset_units[i])) {
            p->rule->rate = (uint32_t)n;
            p->rule->rate_unit = i;
            return SEK_OK;
        }
    }
    return wrong(p, "rate", "\"NUMBER/second\", minute, hour or day");
}

static enum sek_error parse_names(const struct place *p, const json_t *item)
{
    const json_t *interface = json_object_get(item, "interface");
    const char *name = json_string_value(json_object_get(item, "name"));
    const char *device = json_string_value(interface);
    if (!name || !rule_name(name))
        return wrong(p, "name", "1 to 31 letters, digits, '_', '.' and '-'");
    snprintf(p->rule->name, sizeof p->rule->name, "%s", name);
    if (!interface)
        return SEK_OK;
    if (!device || !interface_name(device))
        return wrong(p, "interface", "the name of an interface, at most 15 characters");
    snprintf(p->rule->interface, sizeof p->rule->interface, "%s", device);
    return SEK_OK;
}

static enum sek_error parse_rule(const struct place *p, const json_t *item)
{
    static const char *const fields[] = {"name",      "direction", "action",    "proto", "ports",
                                         "addresses", "process",   "interface", "rate",  NULL};
    char where[32], field[48];
    enum sek_error rc;
    struct sek_ruleset_rule *rule = p->rule;
    snprintf(where, sizeof where, ".rules[%zu]", p->index);
    if ((rc = only_fields(where, item, fields, p->fault)) || (rc = parse_names(p, item)))
        return rc;
    if (!json_object_get(item, "direction"))
        return wrong(p, "direction", "in, out or forward");
    if (!json_object_get(item, "action"))
        return wrong(p, "action", "accept, drop, reject or log");
    snprintf(field, sizeof field, "rules[%zu].direction", p->index);
    if ((rc = word(field, json_object_get(item, "direction"), sek_ruleset_directions,
                   &rule->direction, p->fault)))
        return rc;
    snprintf(field, sizeof field, "rules[%zu].action", p->index);
    if ((rc = word(field, json_object_get(item, "action"), sek_ruleset_actions, &rule->action,
                   p->fault)))
        return rc;
    snprintf(field, sizeof field, "rules[%zu].proto", p->index);
    if ((rc = word(field, json_object_get(item, "proto"), sek_ruleset_protos, &rule->proto,
                   p->fault)) ||
        (rc = parse_ports(p, json_object_get(item, "ports"))) ||
        (rc = parse_addresses(p, json_object_get(item, "addresses"))) ||
        (rc = parse_process(p, json_object_get(item, "process"))))
        return rc;
    return parse_rate(p, json_object_get(item, "rate"));
}

static enum sek_error parse_rules(const json_t *rules, struct sek_ruleset *r,
                                  struct sek_fault *fault)
{
    size_t i;
    json_t *item;
    if (rules && (!json_is_array(rules) || json_array_size(rules) > SEK_RULESET_RULES))
        return sek_fail(fault, SEK_EINVAL, "firewall.rules: expected a list of at most %d",
                        SEK_RULESET_RULES);
    json_array_foreach(rules, i, item)
    {
        const struct place p = {r, &r->rules[i], i, fault};
        enum sek_error rc = parse_rule(&p, item);
        if (rc)
            return rc;
        for (uint16_t k = 0; k < r->rule_count; k++) {
            if (!strcmp(r->rules[k].name, r->rules[i].name))
                return wrong(&p, "name", "a name that no other rule has");
        }
        r->rule_count++;
    }
    return SEK_OK;
}

enum sek_error sek_ruleset_parse(const json_t *section, struct sek_ruleset *out,
                                 struct sek_fault *fault)
{
    static const char *const fields[] = {"mode", "default_in", "default_out",
                                         "sets", "rules",      NULL};
    enum sek_error rc;
    memset(out, 0, sizeof *out);
    if (!section)
        return SEK_OK;
    if ((rc = only_fields("", section, fields, fault)) ||
        (rc = word("mode", json_object_get(section, "mode"), sek_ruleset_modes, &out->mode,
                   fault)) ||
        (rc = word("default_in", json_object_get(section, "default_in"), defaults, &out->drop_in,
                   fault)) ||
        (rc = word("default_out", json_object_get(section, "default_out"), defaults, &out->drop_out,
                   fault)) ||
        (rc = parse_sets(json_object_get(section, "sets"), out, fault)))
        return rc;
    return parse_rules(json_object_get(section, "rules"), out, fault);
}

/* --- what came from another process ---------------------------------------------------------- */

static bool range_fits(const struct sek_ruleset *r, uint16_t first, uint16_t count)
{
    return first <= r->prefix_count && count <= r->prefix_count - first;
}

static bool rule_fits(const struct sek_ruleset *r, const struct sek_ruleset_rule *rule)
{
    if (!rule_name(rule->name) || rule->direction >= SEK_RULE_DIRECTIONS ||
        rule->action > SEK_RULE_LOG || rule->proto > SEK_RULE_ICMP ||
        rule->port_count > SEK_RULESET_PORTS || rule->set_count > SEK_RULESET_RULE_SETS ||
        rule->process_kind > SEK_RULE_CGROUP || rule->rate_unit > SEK_RULE_DAY ||
        rule->rate > RATE_LIMIT || !range_fits(r, rule->first, rule->count) ||
        (rule->interface[0] && !interface_name(rule->interface)) ||
        (rule->process_kind && !process_name(rule->process_kind, rule->process)) ||
        (rule->port_count && rule->proto != SEK_RULE_TCP && rule->proto != SEK_RULE_UDP))
        return false;
    for (unsigned i = 0; i < rule->port_count; i++) {
        if (!rule->ports[i].low || rule->ports[i].low > rule->ports[i].high)
            return false;
    }
    for (unsigned i = 0; i < rule->set_count; i++) {
        if (rule->sets[i] >= r->set_count)
            return false;
    }
    return true;
}

enum sek_error sek_ruleset_check(const struct sek_ruleset *r, struct sek_fault *fault)
{
    bool good = r->mode <= SEK_RULESET_ENFORCE && r->drop_in <= 1 && r->drop_out <= 1 &&
                r->set_count <= SEK_RULESET_SETS && r->rule_count <= SEK_RULESET_RULES &&
                r->prefix_count <= SEK_RULESET_PREFIXES;
    for (unsigned i = 0; good && i < r->set_count; i++)
        good = set_name(r->sets[i].name) && range_fits(r, r->sets[i].first, r->sets[i].count);
    for (unsigned i = 0; good && i < r->rule_count; i++)
        good = rule_fits(r, &r->rules[i]);
    for (unsigned i = 0; good && i < r->prefix_count; i++)
        good = r->prefixes[i].v6 <= 1 && r->prefixes[i].bits <= (r->prefixes[i].v6 ? 128 : 32);
    return good ? SEK_OK : sek_fail(fault, SEK_EINVAL, "firewall: not a rule set");
}
