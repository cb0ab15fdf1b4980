/* sekishoctl: global options, the dispatch over the command tables, help. */
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static const struct sek_command *const tables[] = {sek_commands_fleet, sek_commands_admin,
                                                  sek_commands_policy};
#define TABLES (sizeof tables / sizeof tables[0])

static void print_help(FILE *out)
{
    fputs("Usage: sekishoctl [--json] [--url URL] [--ca FILE | --ca-pin PIN] [--token TOKEN]\n"
          "                  [--tenant ID] COMMAND\n\nCommands:\n",
          out);
    for (size_t t = 0; t < TABLES; t++)
        for (const struct sek_command *c = tables[t]; c->words; c++) {
            fprintf(out, "  %-20s %s\n", c->words, c->help);
            if (*c->usage)
                fprintf(out, "  %-20s   %s\n", "", c->usage);
        }
}

/* Number of WORDS' words when argv starts with them, else 0. */
static int words_fit(const char *words, int argc, char **argv)
{
    int count = 0;
    while (*words) {
        size_t len = strcspn(words, " ");
        if (count == argc || strlen(argv[count]) != len || strncmp(argv[count], words, len))
            return 0;
        count++;
        words += len + (words[len] == ' ');
    }
    return count;
}

/* The longest command that fits: "tokens create" before "tokens". */
static const struct sek_command *find(int argc, char **argv, int *used)
{
    const struct sek_command *best = NULL;
    *used = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (const struct sek_command *c = tables[t]; c->words; c++) {
            int count = words_fit(c->words, argc, argv);
            if (count > *used) {
                best = c;
                *used = count;
            }
        }
    return best;
}

const char *sek_cli_option(struct sek_cli *cli, const char *name)
{
    for (int i = 0; i + 1 < cli->argc; i++) {
        if (strncmp(cli->argv[i], "--", 2) || strcmp(cli->argv[i] + 2, name))
            continue;
        const char *value = cli->argv[i + 1];
        memmove(&cli->argv[i], &cli->argv[i + 2], (size_t)(cli->argc - i - 2) * sizeof(char *));
        cli->argc -= 2;
        return value;
    }
    return NULL;
}

bool sek_cli_flag(struct sek_cli *cli, const char *name)
{
    for (int i = 0; i < cli->argc; i++) {
        if (strncmp(cli->argv[i], "--", 2) || strcmp(cli->argv[i] + 2, name))
            continue;
        memmove(&cli->argv[i], &cli->argv[i + 1], (size_t)(cli->argc - i - 1) * sizeof(char *));
        cli->argc--;
        return true;
    }
    return false;
}

enum sek_error sek_cli_word(struct sek_cli *cli, int index, const char *what, const char **out,
                            struct sek_fault *fault)
{
    if (index >= cli->argc || !strncmp(cli->argv[index], "--", 2))
        return sek_fail(fault, SEK_EINVAL, "%s is missing", what);
    *out = cli->argv[index];
    return SEK_OK;
}

int main(int argc, char **argv)
{
    struct sek_cli cli = {.argc = argc - 1, .argv = argv + 1};
    struct sek_fault fault = {0};
    int used;
    signal(SIGPIPE, SIG_IGN);
    cli.json = sek_cli_flag(&cli, "json");
    cli.url = sek_cli_option(&cli, "url");
    cli.ca_file = sek_cli_option(&cli, "ca");
    cli.ca_pin = sek_cli_option(&cli, "ca-pin");
    cli.token = sek_cli_option(&cli, "token");
    cli.tenant = sek_cli_option(&cli, "tenant");
    if (sek_cli_flag(&cli, "version")) {
        puts("sekishoctl " SEK_VERSION);
        return 0;
    }
    if (!cli.argc || sek_cli_flag(&cli, "help") || !strcmp(cli.argv[0], "help")) {
        print_help(stdout);
        return 0;
    }
    const struct sek_command *command = find(cli.argc, cli.argv, &used);
    if (!command) {
        fprintf(stderr, "sekishoctl: \"%s\": no such command; see sekishoctl --help\n",
                cli.argv[0]);
        return 2;
    }
    cli.argc -= used;
    cli.argv += used;
    enum sek_error rc = sek_cli_load(&cli, &fault);
    if (!rc)
        rc = command->run(&cli, command, &fault);
    if (rc)
        fprintf(stderr, "sekishoctl: %s\n", fault.message);
    json_decref(cli.saved);
    return rc ? 1 : 0;
}
