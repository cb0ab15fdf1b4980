/* Passwords of accounts: well-known ones, tried against the hashes in /etc/shadow (or /etc/passwd,
 * where old firmware keeps them). Only while a service that takes passwords listens. */
#include "agent/posture/guess.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS 256

struct account {
    char user[64], hash[SEK_GUESS_HASH];
};

struct check {
    struct sek_posture *posture;
    struct sek_guess *guess;
    struct account accounts[ACCOUNTS];
    size_t count;
};

static struct account *find_account(struct check *c, const char *user, size_t len)
{
    for (size_t i = 0; i < c->count; i++)
        if (strlen(c->accounts[i].user) == len && !memcmp(c->accounts[i].user, user, len))
            return &c->accounts[i];
    return NULL;
}

static bool has_shell(const char *shell)
{
    static const char *const none[] = {"nologin", "false", "sync", "halt", "shutdown"};
    const char *name = strrchr(shell, '/');
    name = name ? name + 1 : shell;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        if (!strcmp(name, none[i]))
            return false;
    return true;
}

/* Field NUMBER of a line of colons into OUT; false when it is not there or too long. */
static bool field(const char *line, size_t len, unsigned number, char *out, size_t size)
{
    const char *end = line + len;
    for (; number; number--) {
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (!colon)
            return false;
        line = colon + 1;
    }
    const char *stop = memchr(line, ':', (size_t)(end - line));
    size_t n = (size_t)((stop ? stop : end) - line);
    if (n >= size)
        return false;
    memcpy(out, line, n);
    out[n] = '\0';
    return true;
}

/* Who may log in: a shell in /etc/passwd. Lines that begin with + or - name lists elsewhere (NIS).
 */
static void read_passwd(struct check *c, const char *text)
{
    for (const char *line = text; line && *line && c->count < ACCOUNTS;) {
        size_t len = strcspn(line, "\n");
        struct account a;
        char shell[128];
        if (field(line, len, 0, a.user, sizeof a.user) &&
            field(line, len, 1, a.hash, sizeof a.hash) &&
            field(line, len, 6, shell, sizeof shell) && *a.user && !strchr("#+-", *a.user) &&
            has_shell(shell))
            c->accounts[c->count++] = a;
        line += len + (line[len] == '\n');
    }
}

static void read_shadow(struct check *c, const char *text)
{
    for (const char *line = text; line && *line;) {
        size_t len = strcspn(line, "\n");
        struct account *a = find_account(c, line, strcspn(line, ":\n"));
        char hash[sizeof a->hash];
        if (a && !strcmp(a->hash, "x") && field(line, len, 1, hash, sizeof hash))
            memcpy(a->hash, hash, sizeof hash);
        line += len + (line[len] == '\n');
    }
}

static void judge(struct check *c, const struct account *a)
{
    static const char fix[] = "Set a password of your own with passwd(1), or lock the account "
                              "(passwd -l) and log in with keys.";
    if (!a->hash[0]) {
        sek_posture_add(c->posture, "password-empty", "critical", a->user, fix,
                        "account '%s' has an empty password", a->user);
        return;
    }
    /* No hash: locked, or logged in to in another way. */
    if (strchr("*!", a->hash[0]) || strlen(a->hash) < 13)
        return;
    enum sek_guess_verdict verdict = sek_guess_try(c->guess, a->user, a->hash, sek_guess_crypt);
    if (verdict == SEK_GUESS_FACTORY)
        sek_posture_add(c->posture, "password-factory", "critical", a->user, fix,
                        "the password of '%s' is a well-known factory password", a->user);
    else if (verdict == SEK_GUESS_WEAK)
        sek_posture_add(c->posture, "password-weak", "critical", a->user, fix,
                        "the password of '%s' is among the first that are guessed", a->user);
    else if (verdict == SEK_GUESS_UNDONE && !c->posture->memory)
        sek_posture_add(c->posture, "password-unchecked", "low", a->user,
                        "Nothing is to be done: the running agent tries the rest bit by bit.",
                        "not every well-known password was tried for '%s': its hash is slow",
                        a->user);
}

void sek_posture_accounts(struct sek_posture *p, struct sek_guess *guess)
{
    static const char *const services[] = {"sshd",       "dropbear", "dropbearmulti", "telnetd",
                                           "in.telnetd", "utelnetd", "vsftpd",        "proftpd",
                                           "pure-ftpd",  "ftpd",     "in.ftpd",       NULL};
    if (!sek_posture_runs(p, services, 22) && !sek_posture_runs(p, services, 23) &&
        !sek_posture_runs(p, services, 21))
        return;
    struct check *c = calloc(1, sizeof *c);
    char *passwd = sek_posture_file(p, "/etc/passwd"), *shadow = sek_posture_file(p, "/etc/shadow");
    if (c) {
        c->posture = p;
        c->guess = guess;
        read_passwd(c, passwd);
        read_shadow(c, shadow);
        for (size_t i = 0; i < c->count; i++)
            judge(c, &c->accounts[i]);
        explicit_bzero(c, sizeof *c);
    }
    if (shadow)
        explicit_bzero(shadow, strlen(shadow));
    free(shadow);
    free(passwd);
    free(c);
}
