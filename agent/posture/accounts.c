/* Passwords that are well known, tried against the hashes in /etc/shadow (or /etc/passwd, where old
 * firmware keeps them) with the system's own crypt(3). Only while a service that takes passwords
 * listens. Time is bounded: what was tried for a hash is remembered by a digest of it, and the next
 * run goes on from there. libcrypt is opened at run time: only this check needs it. */
#include "agent/posture/credentials.h"
#include "agent/posture/posture.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCOUNTS   256
#define CANDIDATES 160
#define TABLE      "2" /* changes with the tables of passwords */

typedef char *crypt_function(const char *phrase, const char *setting);

enum verdict { UNDONE = '-', GOOD = 'g', FACTORY = 'f', WEAK = 'w' };

struct account {
    char user[64], hash[256];
};

struct memory {
    char digest[SEK_SHA256_HEX];
    unsigned tried;
    char verdict;
};

struct check {
    struct sek_posture *posture;
    crypt_function *crypt;
    struct account accounts[ACCOUNTS];
    size_t count;
    struct memory old[ACCOUNTS], now[ACCOUNTS];
    size_t old_count, now_count;
    uint64_t deadline;
};

/* --- accounts --- */

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

/* Who may log in: a shell in /etc/passwd. */
static void read_passwd(struct check *c, const char *text)
{
    for (const char *line = text; line && *line && c->count < ACCOUNTS;) {
        size_t len = strcspn(line, "\n");
        struct account a;
        char shell[128];
        if (field(line, len, 0, a.user, sizeof a.user) &&
            field(line, len, 1, a.hash, sizeof a.hash) &&
            field(line, len, 6, shell, sizeof shell) && *a.user && *a.user != '#' &&
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

/* --- what was tried before --- */

static void memory_path(const struct check *c, char *out, size_t size)
{
    snprintf(out, size, "%s/passwords", c->posture->memory);
}

static void load_memory(struct check *c)
{
    char path[PATH_MAX], *text;
    size_t len;
    if (!c->posture->memory)
        return;
    memory_path(c, path, sizeof path);
    if (sek_file_read(path, 1u << 20, &text, &len, NULL))
        return;
    for (const char *line = text; *line && c->old_count < ACCOUNTS;) {
        struct memory *m = &c->old[c->old_count];
        c->old_count += sscanf(line, "%64[0-9a-f] %u %c", m->digest, &m->tried, &m->verdict) == 3;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    free(text);
}

static void save_memory(const struct check *c)
{
    char path[PATH_MAX];
    struct sek_text out = {0};
    if (!c->posture->memory)
        return;
    memory_path(c, path, sizeof path);
    for (size_t i = 0; i < c->now_count; i++)
        sek_text_printf(&out, "%s %u %c\n", c->now[i].digest, c->now[i].tried, c->now[i].verdict);
    if (!out.failed && out.len)
        sek_file_replace(path, out.data, out.len, 0600, NULL);
    sek_text_free(&out);
}

/* A digest of user and hash: a changed password is tried anew, and nothing can be read from it that
 * is not in /etc/shadow. */
static struct memory recall(const struct check *c, const struct account *a)
{
    char text[400];
    struct memory m = {.verdict = UNDONE};
    int n = snprintf(text, sizeof text, TABLE ":%s:%s", a->user, a->hash);
    sek_sha256_hex(text, (size_t)n, m.digest);
    for (size_t i = 0; i < c->old_count; i++)
        if (!strcmp(c->old[i].digest, m.digest))
            return c->old[i];
    return m;
}

/* --- trying --- */

struct candidates {
    const char *list[CANDIDATES];
    size_t count, factory; /* the first FACTORY are the user's own factory passwords */
};

static void add_candidate(struct candidates *c, const char *password)
{
    for (size_t i = 0; i < c->count; i++)
        if (!strcmp(c->list[i], password))
            return;
    if (c->count < CANDIDATES)
        c->list[c->count++] = password;
}

/* The user's own first, then the name itself, then what everybody tries. */
static void collect_candidates(const struct account *a, struct candidates *c)
{
    c->count = 0;
    for (const struct sek_credential *f = sek_factory_credentials; f->user; f++)
        if (!strcmp(f->user, a->user))
            add_candidate(c, f->password);
    c->factory = c->count;
    add_candidate(c, a->user);
    for (size_t i = 0; sek_common_passwords[i]; i++)
        add_candidate(c, sek_common_passwords[i]);
}

/* 1: PASSWORD makes HASH, 0: it does not, -1: this form of hash cannot be made here. */
static int compare(const struct check *c, const char *password, const char *hash)
{
    const char *made = c->crypt(password, hash);
    if (!made || *made == '*')
        return -1;
    return !strcmp(made, hash);
}

static void try_passwords(struct check *c, const struct account *a, struct memory *m)
{
    struct candidates list;
    collect_candidates(a, &list);
    while (m->verdict == UNDONE && m->tried < list.count && sek_clock_mono_us() < c->deadline) {
        int same = compare(c, list.list[m->tried], a->hash);
        if (same < 0)
            return;
        if (same)
            m->verdict = m->tried < list.factory ? FACTORY : WEAK;
        m->tried++;
    }
    if (m->verdict == UNDONE && m->tried >= list.count)
        m->verdict = GOOD;
}

static void judge(struct check *c, const struct account *a)
{
    static const char fix[] = "Set a password of your own with passwd(1), or lock the account "
                              "(passwd -l) and log in with keys.";
    struct memory m;
    if (!a->hash[0]) {
        sek_posture_add(c->posture, "password-empty", "critical", a->user, fix,
                        "account '%s' has an empty password", a->user);
        return;
    }
    /* No hash: locked, or logged in to in another way. */
    if (strchr("*!x", a->hash[0]) || strlen(a->hash) < 13 || !c->crypt)
        return;
    m = recall(c, a);
    try_passwords(c, a, &m);
    c->now[c->now_count++] = m;
    if (m.verdict == FACTORY)
        sek_posture_add(c->posture, "password-factory", "critical", a->user, fix,
                        "the password of '%s' is a well-known factory password", a->user);
    else if (m.verdict == WEAK)
        sek_posture_add(c->posture, "password-weak", "critical", a->user, fix,
                        "the password of '%s' is among the first that are guessed", a->user);
    else if (m.verdict == UNDONE && !c->posture->memory)
        sek_posture_add(c->posture, "password-unchecked", "low", a->user,
                        "Nothing is to be done: the running agent tries the rest bit by bit.",
                        "not every well-known password was tried for '%s': its hash is slow",
                        a->user);
}

static crypt_function *open_crypt(void **library)
{
    static const char *const names[] = {"libcrypt.so.1", "libcrypt.so.2"};
    crypt_function *function = NULL;
    for (size_t i = 0; i < 2 && !*library; i++)
        *library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    void *symbol = *library ? dlsym(*library, "crypt") : NULL;
    memcpy(&function, &symbol, sizeof symbol);
    return function;
}

void sek_posture_accounts(struct sek_posture *p)
{
    static const char *const services[] = {"sshd",       "dropbear", "dropbearmulti", "telnetd",
                                           "in.telnetd", "utelnetd", "vsftpd",        "proftpd",
                                           "pure-ftpd",  "ftpd",     "in.ftpd",       NULL};
    if (!sek_posture_runs(p, services, 22) && !sek_posture_runs(p, services, 23) &&
        !sek_posture_runs(p, services, 21))
        return;
    struct check *c = calloc(1, sizeof *c);
    char *passwd = sek_posture_file(p, "/etc/passwd"), *shadow = sek_posture_file(p, "/etc/shadow");
    void *library = NULL;
    if (c) {
        c->posture = p;
        c->crypt = open_crypt(&library);
        c->deadline = sek_clock_mono_us() + p->password_ms * 1000u;
        read_passwd(c, passwd);
        read_shadow(c, shadow);
        load_memory(c);
        for (size_t i = 0; i < c->count; i++)
            judge(c, &c->accounts[i]);
        save_memory(c);
    }
    if (library)
        dlclose(library);
    if (shadow)
        explicit_bzero(shadow, strlen(shadow));
    if (c)
        explicit_bzero(c, sizeof *c);
    free(shadow);
    free(passwd);
    free(c);
}
