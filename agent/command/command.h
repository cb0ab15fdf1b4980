/* The subcommands of sekisho-agent: one file each, one row each in the table of main.c. */
#ifndef SEK_AGENT_COMMAND_H
#define SEK_AGENT_COMMAND_H

#include "agent/settings.h"

#include <jansson.h>
#include <stdbool.h>

struct sek_command_context {
    const struct sek_settings *settings;
    bool json;
};

/* ARGV[0] is the subcommand's name. Returns the exit status: 0 done, 1 failed, 2 wrong usage. */
typedef int sek_command(const struct sek_command_context *context, int argc, char **argv);

sek_command sek_command_run, sek_command_enrol, sek_command_status, sek_command_inventory,
    sek_command_posture, sek_command_policy, sek_command_lockdown, sek_command_patch,
    sek_command_events, sek_command_doctor, sek_command_integrity, sek_command_logs,
    sek_command_malware, sek_command_firewall, sek_command_unlock,
    sek_command_exit;

/* Print FAULT to standard error; returns 1. */
int sek_command_failed(const struct sek_fault *fault);
/* Ask the running agent; REQUEST is taken over. The agent's answer, or NULL with *STATUS: 1, and what
 * is wrong was printed; -1, no agent runs, which is printed only when WANTED. */
json_t *sek_command_ask(const struct sek_settings *settings, json_t *request, bool wanted,
                        int *status);
/* One line of JSON on standard output. */
void sek_command_print(const json_t *value);

#endif
