/* sekisho-agent: protects one device. This file is the table of subcommands; each is a file in
 * agent/command. */
#include "agent/command/command.h"
#include "lib/base/log.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    sek_command *run;
    const char *help;
} commands[] = {
    {"run", sek_command_run, "protect this device (what the service starts)"},
    {"enrol", sek_command_enrol, "enrol at a manager: --manager URL --token TOKEN [--name NAME]"},
    {"status", sek_command_status, "what is in force now"},
    {"inventory", sek_command_inventory,
     "what is installed and listening: [--root DIR] [--format json|cyclonedx] [--sbom FILE]"},
    {"posture", sek_command_posture, "weak passwords, open services and the like: [--root DIR]"},
    {"policy", sek_command_policy, "the policy in force"},
    {"lockdown", sek_command_lockdown, "learn|detect|enforce|off, explain PATH, run --scope MOUNT"},
    {"exit", sek_command_exit, "learned, forget PROGRAM, explain PROGRAM DESTINATION[:PORT[/tcp]]"},
    {"firewall", sek_command_firewall,
     "show|test|apply|confirm|rollback|off: packet filter rules, with a way back"},
    {"integrity", sek_command_integrity, "baseline|check|watch: what changed in files, and who did it"},
    {"logs", sek_command_logs, "test|watch: what log lines tell, by rules"},
    {"malware", sek_command_malware, "scan|watch|quarantine|restore|delete: malware in files"},
    {"patch", sek_command_patch, "the virtual patches in force; test [ID]: play their self-tests"},
    {"unlock", sek_command_unlock, "--token TOKEN: allow the package to be removed"},
    {"events", sek_command_events, "events that wait for the manager"},
    {"doctor", sek_command_doctor, "which protection is full, partial or absent, and why"},
};

int sek_command_failed(const struct sek_fault *fault)
{
    fprintf(stderr, "sekisho-agent: %s\n", fault->message);
    return 1;
}

static int print_help(FILE *out, int status)
{
    fprintf(out, "usage: sekisho-agent [--config FILE] [--json] COMMAND ...\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
    return status;
}

int main(int argc, char **argv)
{
    struct sek_command_context context = {0};
    struct sek_settings settings;
    struct sek_fault fault;
    const char *config = NULL;
    int i = 1;
    sek_log_open("sekisho-agent", SEK_LOG_INFO);
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--config") && i + 1 < argc)
            config = argv[++i];
        else if (!strcmp(argv[i], "--json"))
            context.json = true;
        else if (!strcmp(argv[i], "--version"))
            return printf("sekisho-agent %s\n", SEK_VERSION) < 0;
        else
            return print_help(strcmp(argv[i], "--help") ? stderr : stdout,
                              strcmp(argv[i], "--help") ? 2 : 0);
    }
    if (i == argc)
        return print_help(stderr, 2);
    if (!strcmp(argv[argc - 1], "--json")) {
        context.json = true;
        argc--;
    }
    if (sek_settings_load(config, &settings, &fault))
        return sek_command_failed(&fault);
    context.settings = &settings;
    for (size_t c = 0; c < sizeof commands / sizeof commands[0]; c++) {
        if (!strcmp(commands[c].name, argv[i])) {
            int status = commands[c].run(&context, argc - i, argv + i);
            sek_settings_free(&settings);
            return status;
        }
    }
    fprintf(stderr, "sekisho-agent: unknown command '%s'\n", argv[i]);
    return print_help(stderr, 2);
}
