/* sekisho-gateway: the network program. Picks the subcommand. */
#include "gateway/command.h"

#include "lib/base/log.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", gateway_run, "inspect and protect inline between two interfaces"},
    {"replay", gateway_replay, "run rules over a capture file"},
    {"rules", gateway_rules, "check rule files"},
    {"enrol", gateway_enrol, "join a manager with a one-time token"},
    {"status", gateway_status, "what the running gateway is doing"},
};

static int usage(FILE *out)
{
    fprintf(out, "usage: sekisho-gateway COMMAND [OPTION ...]\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nsekisho-gateway COMMAND --help tells the options. "
                 "Manual: sekisho-gateway(8). Version " SEK_VERSION ".\n");
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv)
{
    sek_log_open("sekisho-gateway", SEK_LOG_INFO);
    if (argc < 2)
        return usage(stderr);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))
        return usage(stdout);
    if (!strcmp(argv[1], "--version")) {
        puts("sekisho-gateway " SEK_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "sekisho-gateway: found command '%s', expected one of these:\n", argv[1]);
    return usage(stderr);
}
