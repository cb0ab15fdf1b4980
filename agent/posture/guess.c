/* The user's own factory passwords come first, then the user's name, then what everybody tries. */
#include "agent/posture/guess.h"
#include "agent/posture/credentials.h"
#include "lib/base/clock.h"
#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASHES     512
#define CANDIDATES 160
#define TABLE      "2" /* changes with the tables of passwords */

typedef char *crypt_function(const char *phrase, const char *setting);

struct memory {
    char digest[SEK_SHA256_HEX];
    unsigned tried;
    char verdict;
};

struct sek_guess {
    struct sek_posture *posture;
    void *library;
    crypt_function *crypt; /* NULL: no libcrypt here */
    struct memory old[HASHES], now[HASHES];
    size_t old_count, now_count;
    uint64_t deadline;
};

/* --- what was tried before --- */

static void memory_path(const struct sek_guess *g, char *out, size_t size)
{
    snprintf(out, size, "%s/passwords", g->posture->memory);
}

static void load_memory(struct sek_guess *g)
{
    char path[PATH_MAX], *text;
    size_t len;
    if (!g->posture->memory)
        return;
    memory_path(g, path, sizeof path);
    if (sek_file_read(path, 1u << 20, &text, &len, NULL))
        return;
    for (const char *line = text; *line && g->old_count < HASHES;) {
        struct memory *m = &g->old[g->old_count];
        g->old_count += sscanf(line, "%64[0-9a-f] %u %c", m->digest, &m->tried, &m->verdict) == 3;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    free(text);
}

static void save_memory(const struct sek_guess *g)
{
    char path[PATH_MAX];
    struct sek_text out = {0};
    if (!g->posture->memory)
        return;
    memory_path(g, path, sizeof path);
    for (size_t i = 0; i < g->now_count; i++)
        sek_text_printf(&out, "%s %u %c\n", g->now[i].digest, g->now[i].tried, g->now[i].verdict);
    if (!out.failed && out.len)
        sek_file_replace(path, out.data, out.len, 0600, NULL);
    sek_text_free(&out);
}

/* A digest of user and hash: a changed password is tried anew, and nothing can be read from it that
 * is not in /etc/shadow. */
static struct memory recall(const struct sek_guess *g, const char *user, const char *hash)
{
    char text[400];
    struct memory m = {.verdict = SEK_GUESS_UNDONE};
    int n = snprintf(text, sizeof text, TABLE ":%.100s:%s", user, hash);
    sek_sha256_hex(text, (size_t)n, m.digest);
    for (size_t i = 0; i < g->old_count; i++)
        if (!strcmp(g->old[i].digest, m.digest))
            return g->old[i];
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
static void collect_candidates(const char *user, struct candidates *c)
{
    c->count = 0;
    for (const struct sek_credential *f = sek_factory_credentials; f->user; f++)
        if (!strcmp(f->user, user))
            add_candidate(c, f->password);
    c->factory = c->count;
    add_candidate(c, user);
    for (size_t i = 0; sek_common_passwords[i]; i++)
        add_candidate(c, sek_common_passwords[i]);
}

static void try_passwords(struct sek_guess *g, const char *user, const char *hash,
                          sek_guess_compare *same, struct memory *m)
{
    struct candidates list;
    collect_candidates(user, &list);
    while (m->verdict == SEK_GUESS_UNDONE && m->tried < list.count &&
           sek_clock_mono_us() < g->deadline) {
        int fits = same(g, user, list.list[m->tried], hash);
        if (fits < 0)
            return;
        if (fits)
            m->verdict = m->tried < list.factory ? SEK_GUESS_FACTORY : SEK_GUESS_WEAK;
        m->tried++;
    }
    if (m->verdict == SEK_GUESS_UNDONE && m->tried >= list.count)
        m->verdict = SEK_GUESS_NONE;
}

enum sek_guess_verdict sek_guess_try(struct sek_guess *g, const char *user, const char *hash,
                                     sek_guess_compare *same)
{
    struct memory m = recall(g, user, hash);
    try_passwords(g, user, hash, same, &m);
    if (g->now_count < HASHES)
        g->now[g->now_count++] = m;
    return (enum sek_guess_verdict)m.verdict;
}

int sek_guess_crypt(struct sek_guess *g, const char *user, const char *password, const char *hash)
{
    (void)user;
    const char *made = g->crypt ? g->crypt(password, hash) : NULL;
    if (!made || *made == '*')
        return -1;
    return !strcmp(made, hash);
}

#ifdef __GLIBC__
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
#else
/* A static program opens no library, and Debian's musl has no crypt. */
static crypt_function *open_crypt(void **library)
{
    *library = NULL;
    return NULL;
}
#endif

struct sek_guess *sek_guess_open(struct sek_posture *posture)
{
    struct sek_guess *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->posture = posture;
    g->crypt = open_crypt(&g->library);
    if (!g->crypt)
        sek_warning("posture: no crypt(3) here: hashes of passwords are not tried");
    g->deadline = sek_clock_mono_us() + posture->password_ms * 1000u;
    load_memory(g);
    return g;
}

void sek_guess_close(struct sek_guess *g)
{
    if (!g)
        return;
    save_memory(g);
    if (g->library)
        dlclose(g->library);
    free(g);
}
