/* Running nft and iptables: no shell, a clean environment, and their first message kept. */
#include "agent/guard/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void child(const char *const argv[], int in, int out)
{
    static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", NULL};
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execvpe(argv[0], (char *const *)(uintptr_t)argv, environment);
    _exit(127);
}

enum sek_error sek_program_run(const char *const argv[], const char *input, size_t len,
                               struct sek_fault *fault)
{
    int to[2] = {-1, -1}, from[2] = {-1, -1}, status = 0;
    char said[300] = "", rest[512];
    ssize_t used = 0, n;
    if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
        return sek_fail(fault, SEK_EIO, "%s: pipe: %s", argv[0], strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        child(argv, to[0], from[1]);
    close(to[0]);
    close(from[1]);
    for (size_t at = 0; pid > 0 && at < len; at += (size_t)n) {
        n = write(to[1], input + at, len - at);
        if (n <= 0)
            break;
    }
    close(to[1]);
    while ((n = read(from[0], rest, sizeof rest)) > 0) {
        ssize_t space = (ssize_t)sizeof said - 1 - used, take = n < space ? n : space;
        memcpy(said + used, rest, (size_t)take);
        used += take;
    }
    close(from[0]);
    said[used] = '\0';
    for (char *p = said; *p; p++) {
        if (*p == '\n')
            *p = ' ';
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
        return sek_fail(fault, SEK_ENOTFOUND, "%s: cannot be run (is it installed?)", argv[0]);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return sek_fail(fault, SEK_EIO, "%s: %s", argv[0], *said ? said : "failed");
    return SEK_OK;
}
