/* `run` and `enrol`. */
#include "agent/command/command.h"
#include "agent/guard/guard.h"
#include "lib/base/file.h"
#include "lib/wire/client.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int sek_command_run(const struct sek_command_context *context, int argc, char **argv)
{
    struct sek_fault fault;
    (void)argv;
    if (argc != 1) {
        fprintf(stderr, "usage: sekisho-agent [--config FILE] run\n");
        return 2;
    }
    if (geteuid() != 0) {
        fprintf(stderr, "sekisho-agent: run: expected to be started as root\n");
        return 1;
    }
    return sek_guard_run(context->settings, &fault) ? sek_command_failed(&fault) : 0;
}

int sek_command_enrol(const struct sek_command_context *context, int argc, char **argv)
{
    static const struct option options[] = {
        {"manager", required_argument, NULL, 'm'},
        {"token", required_argument, NULL, 't'},
        {"name", required_argument, NULL, 'n'},
        {0},
    };
    const char *manager = NULL, *token = NULL, *name = NULL;
    char host[256] = "device", folder[512];
    struct sek_fault fault;
    bool good = true;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        manager = c == 'm' ? optarg : manager;
        token = c == 't' ? optarg : token;
        name = c == 'n' ? optarg : name;
        good = good && c != '?';
    }
    if (!good || optind != argc || !manager || !token) {
        fprintf(stderr, "usage: sekisho-agent enrol --manager URL --token TOKEN [--name NAME]\n");
        return 2;
    }
    if (!name && !gethostname(host, sizeof host - 1))
        name = host;
    snprintf(folder, sizeof folder, "%s/link", context->settings->state);
    if (sek_make_folder(folder, 0700, &fault) ||
        sek_client_enrol(folder, manager, token, "agent", name, &fault))
        return sek_command_failed(&fault);
    printf("enrolled; start the agent with `sekisho-agent run` or its service\n");
    return 0;
}
