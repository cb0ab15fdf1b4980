/* Commands about devices: enrolment tokens, devices, findings, patches, events. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum sek_error token_create(struct sek_cli *cli, const struct sek_command *command,
                                   struct sek_fault *fault)
{
    json_t *body = json_object(), *doc = NULL;
    const char *kind = sek_cli_option(cli, "kind"), *note = sek_cli_option(cli, "note");
    const char *life = sek_cli_option(cli, "expires-in");
    (void)command;
    if (kind)
        json_object_set_new(body, "kind", json_string(kind));
    if (note)
        json_object_set_new(body, "note", json_string(note));
    if (life)
        json_object_set_new(body, "expires_in_s", json_integer(strtoll(life, NULL, 10)));
    enum sek_error rc = sek_cli_send(cli, "POST", "/api/v1/tokens", body, &doc, fault);
    if (!rc && cli->json)
        sek_cli_list(cli, doc, NULL, NULL);
    else if (!rc)
        printf("%s\n", json_string_value(json_object_get(doc, "token")));
    json_decref(doc);
    return rc;
}

/* DELETE PATH/WORD. */
static enum sek_error remove_one(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    const char *word;
    char path[512];
    enum sek_error rc = sek_cli_word(cli, 0, command->usage, &word, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/%s", command->path, word);
    return sek_cli_send(cli, "DELETE", path, NULL, NULL, fault);
}

static enum sek_error get_device(struct sek_cli *cli, json_t **out, struct sek_fault *fault)
{
    const char *id;
    char path[512];
    enum sek_error rc = sek_cli_word(cli, 0, "DEVICE", &id, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/api/v1/devices/%s", id);
    return sek_cli_get(cli, path, out, fault);
}

/* As `sekisho-agent doctor` tells it, as far as the device reports it. */
static json_t *protection_rows(const json_t *status)
{
    const json_t *why = json_object_get(status, "why");
    const char *part;
    json_t *level, *rows = json_array();
    json_object_foreach(json_object_get(status, "protection"), part, level)
        json_array_append_new(rows, json_pack("{s:s, s:O, s:O?}", "protection", part, "level", level,
                                              "why", json_object_get(why, part)));
    return rows;
}

static enum sek_error device_show(struct sek_cli *cli, const struct sek_command *command,
                                  struct sek_fault *fault)
{
    static const char *const findings[] = {"cve", "package", "version", "state", "patches", NULL};
    static const char *const patches[] = {"id", "origin", "mode", "component", "cves", "ports", NULL};
    static const char *const posture[] = {"severity", "id", "subject", "detail", "fix", NULL};
    static const char *const protection[] = {"protection", "level", "why", NULL};
    json_t *doc = NULL;
    enum sek_error rc = get_device(cli, &doc, fault);
    (void)command;
    if (!rc && cli->json) {
        sek_cli_list(cli, doc, NULL, NULL);
    } else if (!rc) {
        json_t *found = json_incref(json_object_get(doc, "findings"));
        json_t *patched = json_incref(json_object_get(doc, "patches"));
        json_t *weak = json_incref(json_object_get(doc, "posture"));
        json_t *states = protection_rows(json_object_get(doc, "status"));
        printf("components       %zu\n", json_array_size(json_object_get(doc, "components")));
        json_object_del(doc, "components");
        json_object_del(doc, "findings");
        json_object_del(doc, "patches");
        json_object_del(doc, "posture");
        sek_cli_print(doc);
        printf("\n");
        sek_cli_table(found, findings);
        printf("\n");
        sek_cli_table(patched, patches);
        printf("\n");
        sek_cli_table(weak, posture);
        printf("\n");
        sek_cli_table(states, protection);
        json_decref(states);
        json_decref(weak);
        json_decref(found);
        json_decref(patched);
    }
    json_decref(doc);
    return rc;
}

static enum sek_error components(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    json_t *doc = NULL;
    enum sek_error rc = get_device(cli, &doc, fault);
    if (!rc && cli->json)
        sek_cli_list(cli, json_object_get(doc, "components"), NULL, NULL);
    else if (!rc)
        sek_cli_table(json_object_get(doc, "components"), command->columns);
    json_decref(doc);
    return rc;
}

/* Of one device, or of the tenant. */
static enum sek_error findings(struct sek_cli *cli, const struct sek_command *command,
                               struct sek_fault *fault)
{
    json_t *doc = NULL;
    char path[512] = "/api/v1/findings";
    if (cli->argc)
        snprintf(path, sizeof path, "/api/v1/devices/%s/findings", cli->argv[0]);
    enum sek_error rc = sek_cli_get(cli, path, &doc, fault);
    if (!rc)
        sek_cli_list(cli, doc, "findings", command->columns);
    json_decref(doc);
    return rc;
}

static enum sek_error patch_set(struct sek_cli *cli, const struct sek_command *command,
                                struct sek_fault *fault)
{
    const char *device, *patch;
    char path[512];
    bool assign = !strcmp(command->words, "patches assign");
    const char *mode = assign ? sek_cli_option(cli, "mode") : NULL;
    enum sek_error rc = sek_cli_word(cli, 0, "DEVICE", &device, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "PATCH", &patch, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/api/v1/devices/%s/patches/%s", device, patch);
    return sek_cli_send(cli, assign ? "PUT" : "DELETE", path,
                        mode ? json_pack("{s:s}", "mode", mode) : NULL, NULL, fault);
}

static enum sek_error uninstall_token(struct sek_cli *cli, const struct sek_command *command,
                                      struct sek_fault *fault)
{
    const char *device;
    char path[512];
    json_t *doc = NULL;
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "DEVICE", &device, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/api/v1/devices/%s/uninstall-token", device);
    rc = sek_cli_send(cli, "POST", path, NULL, &doc, fault);
    if (!rc && cli->json)
        sek_cli_list(cli, doc, NULL, NULL);
    else if (!rc)
        printf("%s\n", json_string_value(json_object_get(doc, "token")));
    json_decref(doc);
    return rc;
}

static enum sek_error device_command(struct sek_cli *cli, const struct sek_command *command,
                                     struct sek_fault *fault)
{
    const char *device, *name;
    char path[512];
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "DEVICE", &device, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "NAME", &name, fault);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:s}", "name", name);
    const char *word;
    for (int i = 2; !sek_cli_word(cli, i, "KEY=VALUE", &word, fault); i++) {
        const char *value = strchr(word, '=');
        char key[64], *end;
        if (!value || value == word || value - word >= (long)sizeof key) {
            json_decref(body);
            return sek_fail(fault, SEK_EINVAL, "found '%.60s', expected KEY=VALUE", word);
        }
        snprintf(key, sizeof key, "%.*s", (int)(value - word), word);
        long long number = strtoll(++value, &end, 10);
        json_object_set_new(body, key,
                            *value && !*end ? json_integer(number) : json_string(value));
    }
    snprintf(path, sizeof path, "/api/v1/devices/%s/commands", device);
    return sek_cli_send(cli, "POST", path, body, NULL, fault);
}

/* --- events --- */

static const char *text_of(const json_t *event, const char *name)
{
    const char *text = json_string_value(json_object_get(event, name));
    return text ? text : "-";
}

static const char *what_of(const json_t *event)
{
    const char *text = json_string_value(
        json_object_get(json_object_get(event, "alert"), "signature"));
    return text ? text : text_of(event, "reason");
}

/* What the reason is about: a file, a rule, a program; "" when there is nothing of the kind. */
static const char *subject_of(const json_t *event)
{
    static const char *const places[][2] = {{"integrity", "path"}, {"malware", "path"},
                                            {"lockdown", "path"},  {"firewall", "rule"},
                                            {"log", "source"},     {"process", "path"}};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const char *text = json_string_value(
            json_object_get(json_object_get(event, places[i][0]), places[i][1]));
        if (text)
            return text;
    }
    return "";
}

static void print_event(const json_t *event)
{
    const char *subject = subject_of(event);
    printf("%-26.26s %-8s %-11s %-10s %-18s %s -> %s  %s%s%s\n", text_of(event, "timestamp"),
           text_of(event, "layer"), text_of(event, "action"), text_of(event, "event_type"),
           text_of(event, "device"), text_of(event, "src_ip"), text_of(event, "dest_ip"),
           what_of(event), *subject ? ": " : "", subject);
    fflush(stdout);
}

struct follow {
    struct sek_text line;
    bool json;
};

static void follow_line(const struct follow *f)
{
    if (strncmp(f->line.data, "data: ", 6))
        return;
    if (f->json) {
        printf("%s\n", f->line.data + 6);
        fflush(stdout);
        return;
    }
    json_t *event = json_loads(f->line.data + 6, 0, NULL);
    if (event)
        print_event(event);
    json_decref(event);
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct follow *f = arg;
    for (size_t i = 0; i < len; i++) {
        if (data[i] != '\n') {
            sek_text_putc(&f->line, data[i]);
            continue;
        }
        if (f->line.len)
            follow_line(f);
        sek_text_clear(&f->line);
    }
}

static void add_filters(struct sek_cli *cli, struct sek_text *path)
{
    static const char *const names[] = {"layer", "action", "device", "text",
                                        "since", "limit",  "cursor"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        sek_cli_query(path, names[i], sek_cli_option(cli, names[i]));
    sek_cli_query(path, "event_type", sek_cli_option(cli, "type"));
}

static enum sek_error events(struct sek_cli *cli, const struct sek_command *command,
                             struct sek_fault *fault)
{
    struct sek_text path = {0};
    struct follow follow = {.json = cli->json};
    json_t *doc = NULL;
    bool live = sek_cli_flag(cli, "follow");
    (void)command;
    sek_text_puts(&path, live ? "/api/v1/events/stream" : "/api/v1/events");
    add_filters(cli, &path);
    struct sek_call call = {.method = "GET", .path = path.data};
    if (live) {
        call.on_data = on_data;
        call.arg = &follow;
    }
    enum sek_error rc = sek_cli_call(cli, &call, &doc, NULL, fault);
    if (!rc && live)
        rc = sek_fail(fault, SEK_EIO, "the event stream ended");
    else if (!rc && cli->json)
        sek_cli_list(cli, doc, NULL, NULL);
    for (size_t i = json_array_size(json_object_get(doc, "events")); !rc && !cli->json && i-- > 0;)
        print_event(json_array_get(json_object_get(doc, "events"), i));
    sek_text_free(&follow.line);
    sek_text_free(&path);
    json_decref(doc);
    return rc;
}

const struct sek_command sek_commands_fleet[] = {
    {"overview", "", "what was stopped, at which layer", sek_cli_simple, "/api/v1/overview", NULL,
     {NULL}},
    {"tokens", "", "list enrolment tokens", sek_cli_simple, "/api/v1/tokens", "tokens",
     {"id", "kind", "note", "created", "expires", "used", "device", NULL}},
    {"tokens create", "[--kind agent|gateway] [--note TEXT] [--expires-in SECONDS]",
     "make a one-time enrolment token", token_create, NULL, NULL, {NULL}},
    {"tokens remove", "ID", "remove an enrolment token", remove_one, "/api/v1/tokens", NULL,
     {NULL}},
    {"devices", "", "list devices", sek_cli_simple, "/api/v1/devices", "devices",
     {"id", "name", "kind", "link", "bundle_in_force", "lockdown", "findings", "patches", NULL}},
    {"device", "DEVICE", "one device: state, findings, patches, posture", device_show, NULL, NULL,
     {NULL}},
    {"device remove", "DEVICE", "remove a device; its certificate ends", remove_one,
     "/api/v1/devices", NULL, {NULL}},
    {"device command", "DEVICE NAME [KEY=VALUE...]",
     "send a command to a connected device: lockdown mode=M, maintenance seconds=N [updater=PATH] (0: close)", device_command, NULL,
     NULL, {NULL}},
    {"components", "DEVICE", "what is installed on a device", components, NULL, NULL,
     {"ecosystem", "name", "version", "source", "source_version", "path", "findings", NULL}},
    {"device uninstall-token", "DEVICE", "the token that lets its agent be removed; makes an event",
     uninstall_token, NULL, NULL, {NULL}},
    {"findings", "[DEVICE]", "vulnerabilities and the patches that cover them", findings, NULL,
     NULL, {"cve", "package", "version", "fixed", "severity", "patches", NULL}},
    {"patches", "", "list virtual patches", sek_cli_simple, "/api/v1/patches", "patches",
     {"id", "cves", "available", "devices", "title", NULL}},
    {"patches assign", "DEVICE PATCH [--mode detect]", "put a virtual patch in force", patch_set, NULL, NULL,
     {NULL}},
    {"patches unassign", "DEVICE PATCH", "withdraw a virtual patch", patch_set, NULL, NULL, {NULL}},
    {"events",
     "[--follow] [--layer L] [--action A] [--type T] [--device D] [--text S] [--since T] [--limit N]",
     "query events, or follow them live", events, NULL, NULL, {NULL}},
    {NULL, NULL, NULL, NULL, NULL, NULL, {NULL}},
};
