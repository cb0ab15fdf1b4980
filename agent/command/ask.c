/* The command line's side of the control socket. */
#include "agent/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REPLY_LIMIT (8u << 20)

static int connect_agent(const struct sek_settings *settings, struct sek_fault *fault)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const struct timeval limit = {10, 0};
    snprintf(a.sun_path, sizeof a.sun_path, "%s/control.sock", settings->runtime);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && !connect(fd, (void *)&a, sizeof a)) {
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        return fd;
    }
    sek_fail(fault, SEK_ENOTFOUND, "%s: the agent does not run, or you are not root: %s",
             a.sun_path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* *REPLY is malloc'd. SEK_ENOTFOUND: no agent runs. */
static enum sek_error exchange(const struct sek_settings *settings, const char *request,
                               char **reply, struct sek_fault *fault)
{
    size_t used = 0, cap = 65536;
    char *text = malloc(cap + 1);
    int fd = text ? connect_agent(settings, fault) : -1;
    if (fd < 0) {
        free(text);
        return SEK_ENOTFOUND;
    }
    dprintf(fd, "%s\n", request);
    ssize_t n;
    while ((n = read(fd, text + used, cap - used)) > 0) {
        used += (size_t)n;
        if (text[used - 1] == '\n')
            break;
        if (used == cap && cap < REPLY_LIMIT) {
            char *more = realloc(text, cap * 2 + 1);
            if (!more)
                break;
            text = more;
            cap *= 2;
        }
    }
    close(fd);
    if (!used || text[used - 1] != '\n') {
        free(text);
        return sek_fail(fault, SEK_EIO, "the agent did not answer within 10 s");
    }
    text[used - 1] = '\0';
    *reply = text;
    return SEK_OK;
}

json_t *sek_command_ask(const struct sek_settings *settings, json_t *request, bool wanted,
                        int *status)
{
    struct sek_fault fault;
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL, *reply = NULL;
    json_decref(request);
    enum sek_error rc = text ? exchange(settings, text, &reply, &fault)
                             : sek_fail(&fault, SEK_EINVAL, "the request is not text");
    free(text);
    *status = rc == SEK_ENOTFOUND ? -1 : 1;
    if (rc && (wanted || rc != SEK_ENOTFOUND))
        sek_command_failed(&fault);
    if (rc)
        return NULL;
    json_t *answer = json_loads(reply, 0, NULL);
    const char *error = json_string_value(json_object_get(answer, "error"));
    free(reply);
    *status = 0;
    if (answer && !error)
        return answer;
    fprintf(stderr, "sekisho-agent: %s\n", error ? error : "the agent's answer is not JSON");
    json_decref(answer);
    *status = 1;
    return NULL;
}

void sek_command_print(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT);
    printf("%s\n", text ? text : "null");
    free(text);
}
