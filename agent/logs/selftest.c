/* A rule is tested in an engine of its own, so that counts of one do not reach another. A rule that
 * counts sees its line as often as it counts to; one that comes after another sees that one's
 * first. */
#include "agent/logs/logs.h"
#include "lib/base/config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct samples {
    const struct sek_log_rules *set;
    struct sek_config *c;
    unsigned failed;
};

static const char *sample(struct samples *s, uint32_t rule, const char *list, unsigned n)
{
    char key[80];
    snprintf(key, sizeof key, "rules.%u.%s.%u", rule, list, n);
    return sek_config_get(s->c, key, NULL);
}

/* Does RULE fire in one of COUNT times LINE? */
static bool play(struct sek_log_engine *e, const struct sek_log_rule *rule, const char *text,
                 uint32_t count)
{
    bool fired = false;
    for (uint32_t i = 0; i < count; i++) {
        struct sek_log_line line;
        struct sek_log_finding f;
        sek_log_line_parse(&line, "-", text, strlen(text));
        sek_log_engine_line(e, &line, 1000, &f);
        for (uint32_t k = 0; k < f.fired_count; k++)
            fired = fired || f.fired[k] == rule;
    }
    return fired;
}

static uint32_t times(const struct sek_log_rule *r)
{
    return r->frequency ? r->frequency : 1;
}

static void test_line(struct samples *s, uint32_t index, const char *text, bool expected)
{
    const struct sek_log_rule *r = &s->set->rules[index];
    struct sek_log_engine *e = sek_log_engine_new(s->set);
    if (!e)
        return;
    const char *first = r->after >= 0 ? sample(s, (uint32_t)r->after, "match", 0) : NULL;
    if (first)
        play(e, &s->set->rules[r->after], first, times(&s->set->rules[r->after]));
    if (play(e, r, text, times(r)) != expected) {
        s->failed++;
        fprintf(stderr, "rule %u %s: %s\n", r->id,
                expected ? "does not match its own line" : "matches a line that it must not", text);
    }
    sek_log_engine_free(e);
}

static unsigned test_file(const char *path, unsigned *rules, struct sek_fault *fault)
{
    struct sek_log_rules set = {0};
    struct samples s = {.set = &set};
    if (sek_log_rules_load(&set, path, fault) || sek_config_load(path, &s.c, fault)) {
        fprintf(stderr, "%s\n", fault->message);
        sek_log_rules_free(&set);
        return 1;
    }
    for (uint32_t i = 0; i < set.rule_count; i++) {
        const char *text;
        for (unsigned n = 0; (text = sample(&s, i, "match", n)); n++)
            test_line(&s, i, text, true);
        for (unsigned n = 0; (text = sample(&s, i, "no_match", n)); n++)
            test_line(&s, i, text, false);
    }
    *rules += set.rule_count;
    sek_config_free(s.c);
    sek_log_rules_free(&set);
    return s.failed;
}

unsigned sek_logs_self_test(const char *path, unsigned *rules, struct sek_fault *fault)
{
    struct stat st;
    char file[600];
    unsigned failed = 0;
    *rules = 0;
    DIR *d = !stat(path, &st) && S_ISDIR(st.st_mode) ? opendir(path) : NULL;
    if (!d)
        return test_file(path, rules, fault);
    for (struct dirent *e; (e = readdir(d));) {
        const char *end = strrchr(e->d_name, '.');
        snprintf(file, sizeof file, "%.300s/%s", path, e->d_name);
        if (end && !strcmp(end, ".yaml"))
            failed += test_file(file, rules, fault);
    }
    closedir(d);
    return failed;
}
