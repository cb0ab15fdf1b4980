/* `unlock`: the token that allows the package to be removed. A running agent looks at it, so that a
 * wrong one becomes an event; without one it is looked at here. */
#include "agent/command/command.h"
#include "agent/uninstall.h"

#include <stdio.h>
#include <string.h>

static int ask(const struct sek_command_context *context, const char *token)
{
    int status;
    json_t *answer = sek_command_ask(context->settings,
                                     json_pack("{s:s, s:s}", "command", "unlock", "token", token),
                                     false, &status);
    const char *unlocked = json_string_value(json_object_get(answer, "unlock"));
    if (unlocked)
        printf("%s\n", unlocked);
    json_decref(answer);
    return status;
}

int sek_command_unlock(const struct sek_command_context *context, int argc, char **argv)
{
    const char *state = context->settings->state;
    struct sek_fault fault;
    if (argc == 2 && !strcmp(argv[1], "--check"))
        return sek_uninstall_check(state, &fault) ? sek_command_failed(&fault) : 0;
    if (argc != 3 || strcmp(argv[1], "--token") != 0) {
        fprintf(stderr, "usage: sekisho-agent unlock --token TOKEN | --check\n");
        return 2;
    }
    int status = ask(context, argv[2]);
    if (status >= 0)
        return status;
    enum sek_error rc = sek_uninstall_unlock(state, argv[2], &fault);
    if (rc && rc != SEK_ENOTFOUND)
        return sek_command_failed(&fault);
    printf("%s\n", rc ? fault.message : "the agent may be removed within 10 minutes");
    return 0;
}
