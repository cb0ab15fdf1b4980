/* JSON in, fixed structures out; every field that is there must have the right form. */
#include "agent/worker/policy.h"
#include "agent/worker/duties.h"
#include "lib/firewall/ruleset.h"
#include "bpf/exit.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sek_mode_name(uint8_t mode)
{
    static const char *const names[] = {"off", "detect", "prevent"};
    return names[mode <= SEK_MODE_PREVENT ? mode : SEK_MODE_OFF];
}

void sek_policy_default(struct sek_policy *p)
{
    *p = (struct sek_policy){
        .entry_mode = SEK_MODE_PREVENT,
        .exit_mode = SEK_MODE_PREVENT,
        .inside_mode = SEK_LOCKDOWN_OFF,
        .probe_threshold = 5,
        .probe_window_s = 60,
        .block_ttl_s = 3600,
    };
}

static enum sek_error parse_mode(json_t *part, const char *name, uint8_t *mode,
                                 struct sek_fault *fault)
{
    json_t *value = json_object_get(part, "mode");
    const char *word = json_string_value(value);
    if (!value)
        return SEK_OK;
    for (uint8_t m = SEK_MODE_OFF; word && m <= SEK_MODE_PREVENT; m++) {
        if (!strcmp(word, sek_mode_name(m))) {
            *mode = m;
            return SEK_OK;
        }
    }
    return sek_fail(fault, SEK_EINVAL,
                    "policy.json: %s.mode: found '%.20s', expected prevent, detect or off", name,
                    word ? word : "no text");
}

static enum sek_error parse_number(json_t *part, const char *name, uint32_t low, uint32_t high,
                                   uint32_t *out, struct sek_fault *fault)
{
    json_t *value = json_object_get(part, name);
    if (!value)
        return SEK_OK;
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < low || v > high)
        return sek_fail(fault, SEK_EINVAL, "policy.json: entry.%s: expected a number %u..%u", name,
                        low, high);
    *out = (uint32_t)v;
    return SEK_OK;
}

/* The index in WORDS (NULL-terminated) of the text NAME in the section "inside"; its default when it
 * is not there. */
static enum sek_error parse_word(json_t *inside, const char *name, const char *const *words,
                                 uint8_t *out, struct sek_fault *fault)
{
    json_t *value = json_object_get(inside, name);
    const char *word = json_string_value(value);
    for (uint8_t i = 0; word && words[i]; i++) {
        if (!strcmp(word, words[i])) {
            *out = i;
            return SEK_OK;
        }
    }
    return value ? sek_fail(fault, SEK_EINVAL,
                            "policy.json: inside.%s: found '%.20s', expected %s, %s%s%s", name,
                            word ? word : "no text", words[0], words[1], words[2] ? " or " : "",
                            words[2] ? words[2] : "")
                 : SEK_OK;
}

static enum sek_error parse_inside(struct sek_policy *p, json_t *inside, struct sek_fault *fault)
{
    const char *word = json_string_value(json_object_get(inside, "mode"));
    json_t *scopes = json_object_get(inside, "scopes");
    enum sek_lockdown_mode mode = SEK_LOCKDOWN_OFF;
    if (word && !sek_lockdown_mode_parse(word, &mode))
        return sek_fail(fault, SEK_EINVAL,
                        "policy.json: inside.mode: found '%.20s', expected learn, detect, enforce "
                        "or off",
                        word);
    if (word)
        p->inside_mode = (uint8_t)mode;
    static const char *const inline_words[] = {"allow", "detect", "deny", NULL};
    static const char *const script_words[] = {"normal", "strict", NULL};
    static const char *const update_words[] = {"always", "window", NULL};
    static const char *const package_words[] = {"ignore", "trust", NULL};
    static const char *const baseline_words[] = {"device", "listed", NULL};
    enum sek_error rc;
    if ((rc = parse_word(inside, "inline", inline_words, &p->inline_code, fault)) ||
        (rc = parse_word(inside, "scripts", script_words, &p->strict_scripts, fault)) ||
        (rc = parse_word(inside, "updates", update_words, &p->window_only, fault)) ||
        (rc = parse_word(inside, "packages", package_words, &p->trust_packages, fault)) ||
        (rc = parse_word(inside, "baseline", baseline_words, &p->listed_only, fault)))
        return rc;
    if (json_array_size(scopes) > SEK_POLICY_SCOPES)
        return sek_fail(fault, SEK_ELIMIT, "policy.json: inside.scopes: expected at most %d",
                        SEK_POLICY_SCOPES);
    for (size_t i = 0; i < json_array_size(scopes); i++) {
        const char *path = json_string_value(json_array_get(scopes, i));
        if (!path || (*path != '/' && strcmp(path, "all") != 0) ||
            strlen(path) >= sizeof p->scopes[i])
            return sek_fail(fault, SEK_EINVAL,
                            "policy.json: inside.scopes[%zu]: expected an absolute path, or \"all\"",
                            i);
        snprintf(p->scopes[i], sizeof p->scopes[i], "%s", path);
    }
    return SEK_OK;
}

static enum sek_error check_firewall(const json_t *section, uint8_t *mode, struct sek_fault *fault)
{
    struct sek_ruleset *r = malloc(sizeof *r);
    enum sek_error rc = r ? sek_ruleset_parse(section, r, fault)
                          : sek_fail(fault, SEK_ENOMEM, "policy.json: out of memory");
    if (!rc)
        *mode = r->mode;
    else
        sek_fail_context(fault, rc, "policy.json");
    free(r);
    return rc;
}

/* The words of the section "exit" and the value that each stands for. */
struct exit_word {
    const char *name;
    size_t offset; /* of the uint8_t in struct sek_policy */
    struct {
        const char *word;
        uint8_t value;
    } words[4];
};

static const struct exit_word exit_words[] = {
    {"default",
     offsetof(struct sek_policy, unlearned),
     {{"allow", SEK_EXIT_ALLOW_ALL},
      {"learn", SEK_EXIT_LEARN},
      {"detect", SEK_EXIT_NOTE},
      {"deny", SEK_EXIT_DENY}}},
    {"unanswered", offsetof(struct sek_policy, deny_unanswered), {{"allow", 0}, {"deny", 1}}},
    {"encrypted_dns",
     offsetof(struct sek_policy, encrypted_dns),
     {{"allow", SEK_EXIT_ALLOW_ALL}, {"detect", SEK_EXIT_NOTE}, {"deny", SEK_EXIT_DENY}}},
    {"quic",
     offsetof(struct sek_policy, quic),
     {{"allow", SEK_EXIT_ALLOW_ALL}, {"detect", SEK_EXIT_NOTE}, {"deny", SEK_EXIT_DENY}}},
    {"listeners",
     offsetof(struct sek_policy, listeners),
     {{"allow", SEK_EXIT_ALLOW_ALL}, {"detect", SEK_EXIT_NOTE}, {"deny", SEK_EXIT_DENY}}},
};

static enum sek_error parse_exit_word(struct sek_policy *p, json_t *exit, const struct exit_word *e,
                                      struct sek_fault *fault)
{
    json_t *value = json_object_get(exit, e->name);
    const char *word = json_string_value(value);
    char expected[64] = "";
    if (!value)
        return SEK_OK;
    for (size_t i = 0; i < 4 && e->words[i].word; i++) {
        if (word && !strcmp(word, e->words[i].word)) {
            *((uint8_t *)p + e->offset) = e->words[i].value;
            return SEK_OK;
        }
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s",
                 i ? ", " : "", e->words[i].word);
    }
    return sek_fail(fault, SEK_EINVAL, "policy.json: exit.%s: found '%.20s', expected one of %s",
                    e->name, word ? word : "no text", expected);
}

static enum sek_error parse_exit(struct sek_policy *p, json_t *exit, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    for (size_t i = 0; !rc && i < sizeof exit_words / sizeof exit_words[0]; i++)
        rc = parse_exit_word(p, exit, &exit_words[i], fault);
    return rc;
}

enum sek_error sek_policy_parse(struct sek_policy *p, const char *text, size_t len,
                                struct sek_fault *fault)
{
    json_error_t error;
    enum sek_error rc;
    struct sek_policy fresh;
    json_t *root = json_loadb(text, len, 0, &error);
    json_t *entry = json_object_get(root, "entry"), *exit = json_object_get(root, "exit");
    if (!root)
        return sek_fail(fault, SEK_EINVAL, "policy.json:%d: not JSON: %.200s", error.line,
                        error.text);
    sek_policy_default(&fresh);
    fresh.version = (uint64_t)json_integer_value(json_object_get(root, "version"));
    if (!json_is_object(root))
        rc = sek_fail(fault, SEK_EINVAL, "policy.json: expected an object");
    else if (!(rc = parse_mode(entry, "entry", &fresh.entry_mode, fault)) &&
             !(rc = parse_mode(exit, "exit", &fresh.exit_mode, fault)) &&
             !(rc = parse_exit(&fresh, exit, fault)) &&
             !(rc = parse_number(entry, "probe_threshold", 0, 10000, &fresh.probe_threshold,
                                 fault)) &&
             !(rc =
                   parse_number(entry, "probe_window_s", 1, 86400, &fresh.probe_window_s, fault)) &&
             !(rc = parse_number(entry, "block_ttl_s", 1, 31536000, &fresh.block_ttl_s, fault)) &&
             !(rc = check_firewall(json_object_get(root, "firewall"), &fresh.firewall_mode,
                                   fault)) &&
             !(rc = sek_duty_sections_check(root, fresh.duty_mode, fault)))
        rc = parse_inside(&fresh, json_object_get(root, "inside"), fault);
    json_decref(root);
    if (!rc)
        *p = fresh;
    return rc;
}

static void add_port(struct sek_port *ports, uint16_t *count, uint16_t port, bool udp)
{
    for (uint16_t i = 0; i < *count; i++) {
        if (ports[i].port == port && ports[i].udp == udp)
            return;
    }
    if (*count < SEK_FILTER_PORTS)
        ports[(*count)++] = (struct sek_port){.port = port, .udp = udp};
}

enum sek_error sek_patches_ports(const char *text, size_t len,
                                 struct sek_port ports[SEK_FILTER_PORTS], uint16_t *count,
                                 struct sek_fault *fault)
{
    json_error_t error;
    json_t *root = json_loadb(text, len, 0, &error), *patch, *port;
    size_t i, k;
    enum sek_error rc = SEK_OK;
    *count = 0;
    if (!root)
        return sek_fail(fault, SEK_EINVAL, "patches.json:%d: not JSON: %.200s", error.line,
                        error.text);
    json_array_foreach(json_object_get(root, "patches"), i, patch)
    {
        json_array_foreach(json_object_get(patch, "ports"), k, port)
        {
            json_int_t number = json_integer_value(json_object_get(port, "port"));
            const char *proto = json_string_value(json_object_get(port, "proto"));
            if (number < 1 || number > 65535 || !proto)
                rc = sek_fail(fault, SEK_EINVAL,
                              "patches.json: patches[%zu].ports[%zu]: expected "
                              "{\"proto\",\"port\"}",
                              i, k);
            else
                add_port(ports, count, (uint16_t)number, !strcmp(proto, "udp"));
        }
    }
    json_decref(root);
    return rc;
}
