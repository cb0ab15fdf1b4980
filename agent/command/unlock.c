/* `unlock`: the token that allows the package to be removed. A running agent looks at it, so that a
 * wrong one becomes an event; without one it is looked at here. */
#include "agent/command/command.h"
#include "agent/uninstall.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int ask(const struct sek_command_context *context, const char *token)
{
    struct sek_fault fault;
    char *reply;
    json_t *request = json_pack("{s:s, s:s}", "command", "unlock", "token", token);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    enum sek_error rc = text ? sek_command_ask(context->settings, text, &reply, &fault)
                             : sek_fail(&fault, SEK_EINVAL, "the token is not text");
    free(text);
    if (rc == SEK_ENOTFOUND)
        return -1;
    if (rc)
        return sek_command_failed(&fault);
    json_t *answer = json_loads(reply, 0, NULL);
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *unlocked = json_string_value(json_object_get(answer, "unlock"));
    if (error || !unlocked)
        fprintf(stderr, "sekisho-agent: %s\n",
                error ? error : "the agent's answer is not understood");
    else
        printf("%s\n", unlocked);
    int status = error || !unlocked;
    json_decref(answer);
    free(reply);
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
