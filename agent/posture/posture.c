/* The table of checks, and what they share. */
#include "agent/posture/guess.h"
#include "lib/base/file.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_LIMIT (1u << 20)

static void check_passwords(struct sek_posture *p)
{
    struct sek_guess *guess = sek_guess_open(p);
    if (!guess)
        return;
    sek_posture_accounts(p, guess);
    sek_posture_logins(p, guess);
    sek_guess_close(guess);
}

static void (*const checks[])(struct sek_posture *p) = {
    check_passwords,
    sek_posture_services,
    sek_posture_configs,
    sek_posture_system,
};

static int severity_rank(const char *severity)
{
    static const char *const order[] = {"critical", "high", "medium", "low"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(order[i], severity))
            return i;
    return 4;
}

/* Sorted, so that the same weaknesses make the same text. */
static int compare_findings(const void *left, const void *right)
{
    const struct sek_posture_finding *a = left, *b = right;
    int order = severity_rank(a->severity) - severity_rank(b->severity);
    if (!order)
        order = strcmp(a->id, b->id);
    return order ? order : strcmp(a->subject, b->subject);
}

void sek_posture_check(struct sek_posture *p)
{
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](p);
    if (p->count)
        qsort(p->items, p->count, sizeof *p->items, compare_findings);
}

void sek_posture_free(struct sek_posture *p)
{
    sek_arena_free(&p->arena);
    p->count = 0;
}

void sek_posture_write(const struct sek_posture *p, const char *key, struct sek_text *out)
{
    sek_json_open(out, key, '[');
    for (size_t i = 0; i < p->count; i++) {
        const struct sek_posture_finding *f = &p->items[i];
        sek_json_open(out, NULL, '{');
        sek_json_str(out, "id", f->id);
        sek_json_str(out, "severity", f->severity);
        sek_json_str(out, "subject", f->subject);
        sek_json_str(out, "detail", f->detail);
        sek_json_str(out, "fix", f->fix);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

void sek_posture_add(struct sek_posture *p, const char *id, const char *severity,
                     const char *subject, const char *fix, const char *detail, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, detail);
    vsnprintf(text, sizeof text, detail, ap);
    va_end(ap);
    if (p->count == SEK_FINDINGS_MAX)
        return;
    struct sek_posture_finding *f = &p->items[p->count];
    f->id = id;
    f->severity = severity;
    f->fix = fix;
    f->subject = sek_arena_strndup(&p->arena, subject, strlen(subject));
    f->detail = sek_arena_strndup(&p->arena, text, strlen(text));
    p->count += f->subject && f->detail;
}

char *sek_posture_file(const struct sek_posture *p, const char *path)
{
    char full[PATH_MAX], *text = NULL;
    size_t len;
    snprintf(full, sizeof full, "%s%s", p->root, path);
    return sek_file_read(full, CONFIG_LIMIT, &text, &len, NULL) ? NULL : text;
}

static bool listens_as(const struct sek_listener *l, const char *const *names)
{
    const char *slash = strrchr(l->path, '/');
    for (size_t i = 0; names[i]; i++)
        if (!strcmp(slash ? slash + 1 : l->path, names[i]))
            return true;
    return false;
}

bool sek_posture_runs(const struct sek_posture *p, const char *const *names, uint16_t port)
{
    for (size_t i = 0; i < p->device->service_count; i++) {
        const struct sek_listener *l = p->device->services[i].listener;
        if (listens_as(l, names) || (port && !l->udp && l->port == port))
            return true;
    }
    return *p->root != '\0';
}
