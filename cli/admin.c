/* Commands about people, tenants, policy, content and the audit log. */
#include "cli/cli.h"

#include "lib/audit/checkpoint.h"
#include "lib/base/file.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define FEED_LIMIT (512u << 20)

/* --- login --- */

/* A line of standard input, without echo on a terminal. malloc'd, NULL at end. */
static char *read_secret(const char *prompt)
{
    struct termios old, quiet;
    char *line = NULL;
    size_t cap = 0;
    bool terminal = !tcgetattr(STDIN_FILENO, &old);
    if (terminal) {
        fprintf(stderr, "%s: ", prompt);
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    ssize_t len = getline(&line, &cap, stdin);
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        fputc('\n', stderr);
    }
    if (len <= 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

static enum sek_error save_login(struct sek_cli *cli, const json_t *doc, struct sek_fault *fault)
{
    char real[PATH_MAX];
    json_t *saved = json_object();
    json_object_set_new(saved, "url", json_string(cli->url));
    if (cli->ca_file && realpath(cli->ca_file, real))
        json_object_set_new(saved, "ca_file", json_string(real));
    if (!cli->ca_file && cli->ca_pin)
        json_object_set_new(saved, "ca_pin", json_string(cli->ca_pin));
    json_object_set(saved, "token", json_object_get(doc, "token"));
    enum sek_error rc = sek_cli_save(saved, fault);
    json_decref(saved);
    return rc;
}

static enum sek_error login(struct sek_cli *cli, const struct sek_command *command,
                            struct sek_fault *fault)
{
    const char *secret = sek_cli_option(cli, "one-time"), *name = sek_cli_option(cli, "account");
    json_t *body, *doc = NULL;
    char *password = NULL;
    (void)command;
    if (!secret && !name)
        return sek_fail(fault, SEK_EINVAL, "--one-time SECRET or --account NAME expected");
    if (!secret && !(password = read_secret("Password")))
        return sek_fail(fault, SEK_EINVAL, "a password is expected on standard input");
    body = secret ? json_pack("{s:s, s:b}", "one_time", secret, "token", 1)
                  : json_pack("{s:s, s:s, s:b}", "account", name, "password", password, "token", 1);
    free(password);
    cli->token = NULL;
    enum sek_error rc = sek_cli_send(cli, "POST", "/api/v1/login", body, &doc, fault);
    if (!rc)
        rc = save_login(cli, doc, fault);
    if (!rc) {
        if (!cli->json)
            json_object_del(doc, "token"); /* it is saved; it need not be on the screen */
        sek_cli_list(cli, doc, NULL, NULL);
    }
    json_decref(doc);
    return rc;
}

static enum sek_error logout(struct sek_cli *cli, const struct sek_command *command,
                             struct sek_fault *fault)
{
    (void)command;
    enum sek_error rc = sek_cli_send(cli, "POST", "/api/v1/logout", NULL, NULL, fault);
    json_object_del(cli->saved, "token");
    return rc ? rc : sek_cli_save(cli->saved, fault);
}

static enum sek_error account_add(struct sek_cli *cli, const struct sek_command *command,
                                  struct sek_fault *fault)
{
    const char *name, *role;
    bool system = sek_cli_flag(cli, "system");
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "NAME", &name, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "ROLE", &role, fault);
    if (rc)
        return rc;
    char *password = read_secret("Password of the new account");
    rc = sek_cli_send(cli, "POST", "/api/v1/accounts",
                      json_pack("{s:s, s:s, s:s, s:b}", "account", name, "role", role, "password",
                                password ? password : "", "system", system),
                      NULL, fault);
    free(password);
    return rc;
}

static enum sek_error account_password(struct sek_cli *cli, const struct sek_command *command,
                                       struct sek_fault *fault)
{
    const char *name;
    char path[512];
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "NAME", &name, fault);
    if (rc)
        return rc;
    char *password = read_secret("New password");
    snprintf(path, sizeof path, "/api/v1/accounts/%s/password", name);
    rc = sek_cli_send(cli, "PUT", path, json_pack("{s:s}", "password", password ? password : ""),
                      NULL, fault);
    free(password);
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

static enum sek_error tenant_add(struct sek_cli *cli, const struct sek_command *command,
                                 struct sek_fault *fault)
{
    const char *id;
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "ID", &id, fault);
    if (rc)
        return rc;
    return sek_cli_send(cli, "POST", "/api/v1/tenants",
                        json_pack("{s:s, s:s}", "id", id, "name",
                                  cli->argc > 1 ? cli->argv[1] : id),
                        NULL, fault);
}

/* --- files to the manager --- */

static enum sek_error send_file(struct sek_cli *cli, const char *method, const char *path,
                                const char *file, const char *type, struct sek_fault *fault)
{
    char *data = NULL;
    size_t len = 0;
    json_t *doc = NULL;
    enum sek_error rc = sek_file_read(file, FEED_LIMIT, &data, &len, fault);
    if (rc)
        return rc;
    struct sek_call call = {
        .method = method, .path = path, .content_type = type, .body = data, .len = len};
    rc = sek_cli_call(cli, &call, &doc, NULL, fault);
    if (!rc && doc)
        sek_cli_list(cli, doc, NULL, NULL);
    json_decref(doc);
    free(data);
    return rc;
}

/* The feed's name is the file's, so that its next version replaces it. */
static enum sek_error advisories_import(struct sek_cli *cli, const struct sek_command *command,
                                        struct sek_fault *fault)
{
    const char *file, *name = sek_cli_option(cli, "name");
    char copy[PATH_MAX];
    struct sek_text path = {0};
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "FILE", &file, fault);
    if (rc)
        return rc;
    snprintf(copy, sizeof copy, "%s", file);
    sek_text_puts(&path, "/api/v1/advisories");
    sek_cli_query(&path, "name", name ? name : basename(copy));
    rc = send_file(cli, "POST", path.data, file, "application/json", fault);
    sek_text_free(&path);
    return rc;
}

static enum sek_error rules_put(struct sek_cli *cli, const struct sek_command *command,
                                struct sek_fault *fault)
{
    const char *name, *file;
    char path[512];
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "NAME", &name, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "FILE", &file, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/api/v1/rules/%s", name);
    return send_file(cli, "PUT", path, file, "text/plain", fault);
}

static enum sek_error indicator_add(struct sek_cli *cli, const struct sek_command *command,
                                    struct sek_fault *fault)
{
    const char *type, *value;
    const char *ttl = sek_cli_option(cli, "ttl"), *reason = sek_cli_option(cli, "reason");
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "TYPE", &type, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "VALUE", &value, fault);
    if (rc)
        return rc;
    json_t *body = json_pack("{s:s, s:s, s:s}", "type", type, "value", value, "reason",
                             reason ? reason : "");
    if (ttl)
        json_object_set_new(body, "ttl_s", json_integer(strtoll(ttl, NULL, 10)));
    return sek_cli_send(cli, "POST", "/api/v1/indicators", body, NULL, fault);
}

static enum sek_error indicator_remove(struct sek_cli *cli, const struct sek_command *command,
                                       struct sek_fault *fault)
{
    const char *type, *value;
    struct sek_text path = {0};
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "TYPE", &type, fault);
    if (!rc)
        rc = sek_cli_word(cli, 1, "VALUE", &value, fault);
    if (rc)
        return rc;
    sek_text_puts(&path, "/api/v1/indicators");
    sek_cli_query(&path, "type", type);
    sek_cli_query(&path, "value", value);
    rc = sek_cli_send(cli, "DELETE", path.data, NULL, NULL, fault);
    sek_text_free(&path);
    return rc;
}

static enum sek_error allow_add(struct sek_cli *cli, const struct sek_command *command,
                                struct sek_fault *fault)
{
    const char *hash, *note = sek_cli_option(cli, "note");
    struct sek_text path = {0};
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "SHA256", &hash, fault);
    if (rc)
        return rc;
    sek_text_printf(&path, "/api/v1/allowlist/%s", hash);
    sek_cli_query(&path, "note", note);
    rc = sek_cli_send(cli, "PUT", path.data, NULL, NULL, fault);
    sek_text_free(&path);
    return rc;
}

static enum sek_error allow_import(struct sek_cli *cli, const struct sek_command *command,
                                   struct sek_fault *fault)
{
    const char *file, *model = sek_cli_option(cli, "model");
    struct sek_text path = {0};
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "FILE", &file, fault);
    if (rc)
        return rc;
    sek_text_puts(&path, "/api/v1/allowlist");
    sek_cli_query(&path, "model", model);
    rc = send_file(cli, "POST", path.data, file, "text/plain", fault);
    sek_text_free(&path);
    return rc;
}

/* --- audit --- */

static bool hashes_of(const json_t *list, struct sek_merkle_proof *out)
{
    size_t i;
    json_t *item;
    out->count = 0;
    json_array_foreach(list, i, item)
    {
        const char *hex = json_string_value(item);
        if (i == SEK_MERKLE_PROOF_MAX || !hex || strlen(hex) != 64 ||
            !sek_hex_decode(hex, out->hash[i].bytes, SEK_SHA256_SIZE))
            return false;
        out->count++;
    }
    return true;
}

/* The checkpoint that we saw last must be a prefix of the log as it is now: this finds a manager
 * whose whole log was rewritten and signed anew. */
static enum sek_error check_history(struct sek_cli *cli, const struct sek_checkpoint *now,
                                    const json_t *old_doc, const char *key, struct sek_fault *fault)
{
    struct sek_checkpoint old;
    struct sek_merkle_proof proof;
    char path[128];
    json_t *doc = NULL;
    enum sek_error rc = sek_checkpoint_verify(old_doc, key, &old, fault);
    if (rc)
        return sek_fail(fault, SEK_EAUTH, "the log's key changed since the last verification");
    if (!old.size || strcmp(old.log, now->log))
        return SEK_OK;
    snprintf(path, sizeof path, "/api/v1/audit/consistency?from=%llu&to=%llu",
             (unsigned long long)old.size, (unsigned long long)now->size);
    rc = sek_cli_get(cli, path, &doc, fault);
    if (!rc && (!hashes_of(json_object_get(doc, "proof"), &proof) ||
                !sek_merkle_consistent(old.size, &old.root, now->size, &now->root, &proof)))
        rc = sek_fail(fault, SEK_EAUTH,
                      "the log was rewritten: its first %llu records are not those of the "
                      "checkpoint seen before",
                      (unsigned long long)old.size);
    json_decref(doc);
    return rc;
}

static enum sek_error check_checkpoint(struct sek_cli *cli, struct sek_fault *fault)
{
    json_t *doc = NULL, *seen;
    struct sek_checkpoint now;
    enum sek_error rc = sek_cli_get(cli, "/api/v1/audit/checkpoint", &doc, fault);
    if (rc)
        return rc;
    const char *key = json_string_value(json_object_get(doc, "public_key"));
    const char *log = json_string_value(json_object_get(doc, "log"));
    seen = json_object_get(json_object_get(cli->saved, "checkpoints"), log ? log : "");
    rc = key ? sek_checkpoint_verify(doc, key, &now, fault)
             : sek_fail(fault, SEK_EINVAL, "checkpoint: public_key expected");
    if (!rc && seen)
        rc = check_history(cli, &now, seen, key, fault);
    if (!rc) {
        if (!json_object_get(cli->saved, "checkpoints"))
            json_object_set_new(cli->saved, "checkpoints", json_object());
        json_object_set(json_object_get(cli->saved, "checkpoints"), log, doc);
        rc = sek_cli_save(cli->saved, fault);
    }
    json_decref(doc);
    return rc;
}

static enum sek_error audit_verify(struct sek_cli *cli, const struct sek_command *command,
                                   struct sek_fault *fault)
{
    json_t *doc = NULL;
    (void)command;
    enum sek_error rc = sek_cli_get(cli, "/api/v1/audit/verify", &doc, fault);
    if (rc)
        return rc;
    bool ok = json_is_true(json_object_get(doc, "ok"));
    if (ok && json_integer_value(json_object_get(doc, "records")))
        rc = check_checkpoint(cli, fault);
    if (!rc && cli->json)
        sek_cli_list(cli, doc, NULL, NULL);
    else if (!rc && ok)
        printf("%lld records verified, root %s\n",
               (long long)json_integer_value(json_object_get(doc, "records")),
               json_string_value(json_object_get(doc, "root")));
    if (!rc && !ok)
        rc = sek_fail(fault, SEK_EAUTH, "first altered record: %lld (event %s of device %s): %s",
                      (long long)json_integer_value(json_object_get(doc, "record")),
                      json_string_value(json_object_get(doc, "event")),
                      json_string_value(json_object_get(doc, "device")),
                      json_string_value(json_object_get(doc, "problem")));
    json_decref(doc);
    return rc;
}

static enum sek_error audit_inclusion(struct sek_cli *cli, const struct sek_command *command,
                                      struct sek_fault *fault)
{
    const char *record;
    char path[128];
    json_t *doc = NULL;
    (void)command;
    enum sek_error rc = sek_cli_word(cli, 0, "RECORD", &record, fault);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "/api/v1/audit/inclusion?record=%.40s", record);
    rc = sek_cli_get(cli, path, &doc, fault);
    if (!rc)
        sek_cli_list(cli, doc, NULL, NULL);
    json_decref(doc);
    return rc;
}

static enum sek_error metrics(struct sek_cli *cli, const struct sek_command *command,
                              struct sek_fault *fault)
{
    struct sek_text text = {0};
    struct sek_call call = {.method = "GET", .path = command->path};
    enum sek_error rc = sek_cli_call(cli, &call, NULL, &text, fault);
    if (!rc)
        fwrite(text.data, 1, text.len, stdout);
    sek_text_free(&text);
    return rc;
}

const struct sek_command sek_commands_admin[] = {
    {"login", "--url URL --ca FILE|--ca-pin PIN (--one-time SECRET | --account NAME)",
     "log in; the session is kept in ~/.config/sekisho/cli.json", login, NULL, NULL, {NULL}},
    {"logout", "", "end the session", logout, NULL, NULL, {NULL}},
    {"session", "", "who am I", sek_cli_simple, "/api/v1/session", NULL, {NULL}},
    {"accounts", "", "list accounts", sek_cli_simple, "/api/v1/accounts", "accounts",
     {"account", "role", "tenant", "created", "has_password", NULL}},
    {"accounts add", "NAME admin|operator|viewer [--system]", "add an account; password on stdin",
     account_add, NULL, NULL, {NULL}},
    {"accounts password", "NAME", "set a password; on stdin", account_password, NULL, NULL, {NULL}},
    {"accounts remove", "NAME", "remove an account", remove_one, "/api/v1/accounts", NULL, {NULL}},
    {"tenants", "", "list tenants", sek_cli_simple, "/api/v1/tenants", "tenants",
     {"id", "name", "created", "devices", NULL}},
    {"tenants add", "ID [NAME]", "add a tenant", tenant_add, NULL, NULL, {NULL}},
    {"advisories", "", "list imported feeds", sek_cli_simple, "/api/v1/advisories", "feeds",
     {"name", "kind", "advisories", "bytes", "imported", NULL}},
    {"advisories import", "FILE [--name NAME]", "Debian tracker, OSV or curated JSON",
     advisories_import, NULL, NULL, {NULL}},
    {"indicators", "", "list indicators", sek_cli_simple, "/api/v1/indicators", "indicators",
     {"type", "value", "source", "confidence", "expiry", "reason", NULL}},
    {"indicators add", "TYPE VALUE [--ttl SECONDS] [--reason TEXT]",
     "ip, cidr, domain, url, sha256 or ja3", indicator_add, NULL, NULL, {NULL}},
    {"indicators remove", "TYPE VALUE", "remove an indicator", indicator_remove, NULL, NULL,
     {NULL}},
    {"allowlist", "", "list allowed programs", sek_cli_simple, "/api/v1/allowlist", "allowlist",
     {"sha256", "note", NULL}},
    {"allowlist add", "SHA256 [--note TEXT]", "allow a program", allow_add, NULL, NULL, {NULL}},
    {"allowlist import", "FILE [--model VENDOR/MODEL]", "allow what a golden device registered",
     allow_import, NULL, NULL, {NULL}},
    {"allowlist remove", "SHA256", "no longer allow a program", remove_one, "/api/v1/allowlist",
     NULL, {NULL}},
    {"rules", "", "list the tenant's rules", sek_cli_simple, "/api/v1/rules", "rules",
     {"name", "bytes", "updated", NULL}},
    {"rules put", "NAME FILE", "add or replace rules", rules_put, NULL, NULL, {NULL}},
    {"rules remove", "NAME", "remove rules", remove_one, "/api/v1/rules", NULL, {NULL}},
    {"audit checkpoint", "", "the newest signed checkpoint", sek_cli_simple,
     "/api/v1/audit/checkpoint", NULL, {NULL}},
    {"audit verify", "", "check every stored record; names the first altered one", audit_verify,
     NULL, NULL, {NULL}},
    {"audit inclusion", "RECORD", "proof that a record is in the log", audit_inclusion, NULL, NULL,
     {NULL}},
    {"metrics", "", "the manager's metrics", metrics, "/metrics", NULL, {NULL}},
    {NULL, NULL, NULL, NULL, NULL, NULL, {NULL}},
};
