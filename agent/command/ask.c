/* The command line's side of the control socket. */
#include "agent/command/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
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

enum sek_error sek_command_ask(const struct sek_settings *settings, const char *request,
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
