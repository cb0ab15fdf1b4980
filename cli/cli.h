/* sekishoctl: one table of commands over the manager's REST API. A command is one row: words,
 * usage, help, function. */
#ifndef SEK_CLI_CLI_H
#define SEK_CLI_CLI_H

#include "lib/base/error.h"
#include "lib/base/text.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* What the command line and the saved login say. */
struct sek_cli {
    const char *url, *ca_file, *ca_pin, *token, *tenant;
    bool json;
    json_t *saved; /* of the configuration file; the strings above may live here */
    int argc;      /* words and options of the command, without the global ones */
    char **argv;
};

struct sek_command {
    const char *words; /* "devices", "tokens create" */
    const char *usage;
    const char *help;
    enum sek_error (*run)(struct sek_cli *cli, const struct sek_command *command,
                          struct sek_fault *fault);
    const char *path;       /* of simple lists */
    const char *member;     /* the array in the answer */
    const char *columns[9]; /* of the table */
};

/* Tables end with a NULL word. */
extern const struct sek_command sek_commands_fleet[], sek_commands_admin[], sek_commands_policy[];

/* --- command line --- */
/* The INDEX-th word after the command's own words; SEK_EINVAL names what is expected. */
enum sek_error sek_cli_word(struct sek_cli *cli, int index, const char *what, const char **out,
                            struct sek_fault *fault);
/* The value of "--NAME value", removed from the words; NULL when absent. */
const char *sek_cli_option(struct sek_cli *cli, const char *name);
bool sek_cli_flag(struct sek_cli *cli, const char *name);

/* --- calls --- */
struct sek_call {
    const char *method, *path;
    const char *content_type; /* NULL: JSON */
    const void *body;
    size_t len;
    void (*on_data)(void *arg, const char *data, size_t len); /* stream; NULL: whole */
    void *arg;
};
/* *OUT (may be NULL) is the answer's JSON, or NULL for other types, whose text goes to TEXT (may be
 * NULL). A problem document becomes FAULT. */
enum sek_error sek_cli_call(struct sek_cli *cli, const struct sek_call *call, json_t **out,
                            struct sek_text *text, struct sek_fault *fault);
enum sek_error sek_cli_get(struct sek_cli *cli, const char *path, json_t **out,
                           struct sek_fault *fault);
/* BODY (taken, may be NULL). */
enum sek_error sek_cli_send(struct sek_cli *cli, const char *method, const char *path, json_t *body,
                            json_t **out, struct sek_fault *fault);
/* Append "NAME=VALUE" with escapes and the right separator; VALUE NULL: nothing. */
void sek_cli_query(struct sek_text *path, const char *name, const char *value);

/* --- saved login --- */
enum sek_error sek_cli_load(struct sek_cli *cli, struct sek_fault *fault);
enum sek_error sek_cli_save(const json_t *saved, struct sek_fault *fault);

/* --- output --- */
void sek_cli_table(const json_t *rows, const char *const *columns);
void sek_cli_print(const json_t *value);
/* DOC as JSON with --json, else through TABLE columns of DOC[MEMBER]. */
void sek_cli_list(const struct sek_cli *cli, const json_t *doc, const char *member,
                  const char *const *columns);
/* The simple commands: GET path, print. */
enum sek_error sek_cli_simple(struct sek_cli *cli, const struct sek_command *command,
                              struct sek_fault *fault);

#endif
