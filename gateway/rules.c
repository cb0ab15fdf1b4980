/* `rules`: check that files load, and run the self-tests of virtual patches. */
#include "gateway/command.h"
#include "gateway/load.h"

#include "lib/base/file.h"
#include "lib/detect/explain.h"
#include "lib/rules/keywords.h"
#include "lib/selftest/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_LIMIT (4u << 20)

static const char help[] =
    "usage: sekisho-gateway rules check FILE...\n"
    "       sekisho-gateway rules explain SID FILE...\n"
    "       sekisho-gateway rules keywords\n"
    "       sekisho-gateway rules test FILE.rules...\n"
    "\n"
    "check    load the files; one line for each rule that cannot be used, and a summary by keyword\n"
    "explain  what the engine makes of a rule: first pattern, group, estimated cost\n"
    "keywords everything that rules may say, in Markdown\n"
    "test     load each file by itself and play FILE.tests beside it: exploits must be\n"
    "         blocked, benign exchanges must pass\n";

static int by_use(const void *a, const void *b)
{
    const struct sek_keyword_use *x = *(struct sek_keyword_use *const *)a;
    const struct sek_keyword_use *y = *(struct sek_keyword_use *const *)b;
    if (x->rules != y->rules)
        return x->rules < y->rules ? 1 : -1;
    return strcmp(x->name, y->name);
}

static void print_keywords(const struct sek_rules *rules)
{
    uint32_t n = 0;
    for (const struct sek_keyword_use *k = rules->keywords; k; k = k->next)
        n++;
    struct sek_keyword_use **list = calloc(n + 1, sizeof *list);
    if (!list)
        return;
    n = 0;
    for (struct sek_keyword_use *k = rules->keywords; k; k = k->next)
        list[n++] = k;
    qsort(list, n, sizeof *list, by_use);
    printf("%-32s %9s %9s\n", "keyword", "used", "failed");
    for (uint32_t i = 0; i < n; i++)
        printf("%-32s %9u %9u\n", list[i]->name, list[i]->rules, list[i]->failed);
    free(list);
}

static int rules_explain(const char *sid_text, char *const *files, unsigned count)
{
    struct gateway_rules_summary summary = {.keep_text = true};
    struct sek_fault fault;
    struct sek_text out = {0};
    char *end;
    unsigned long sid = strtoul(sid_text, &end, 10);
    if (*end || !sid) {
        fprintf(stderr, "sekisho-gateway: rules explain: found '%s', expected a sid\n", sid_text);
        return 2;
    }
    struct sek_compiled *c = gateway_load_rules(files, count, NULL, &summary, &fault);
    if (!c) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        return 1;
    }
    const struct sek_rule *r = sek_rules_find(c->rules, 1, (uint32_t)sid);
    if (r) {
        sek_explain(c, r, &out);
        fputs(out.data, stdout);
    } else {
        fprintf(stderr, "sekisho-gateway: no rule %lu was loaded\n", sid);
    }
    sek_text_free(&out);
    sek_compiled_free(c);
    return r ? 0 : 1;
}

static int rules_check(char *const *files, unsigned count)
{
    struct gateway_rules_summary summary = {0};
    struct sek_fault fault;
    struct sek_compiled *c = gateway_load_rules(files, count, NULL, &summary, &fault);
    if (!c) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        return 1;
    }
    print_keywords(c->rules);
    printf("%u groups by port, %zu bytes of patterns, compiled in %.2f s\n", c->group_count,
           c->database_bytes, c->compile_seconds);
    printf("%u loaded, %u failed\n", summary.loaded, summary.failed);
    sek_compiled_free(c);
    return summary.failed ? 1 : 0;
}

static void on_result(void *ctx, const struct sek_selftest_result *r)
{
    const char *file = ctx;
    if (!r->passed)
        printf("%s:%u: %s: %s%s\n", file, r->line, r->name,
               r->exploit ? "not blocked" : "must pass, but a rule matched",
               r->sid ? "" : r->exploit ? ", no rule matched" : "");
}

static enum sek_error test_file(char *rules_path, struct sek_selftest_counts *counts,
                                struct sek_fault *fault)
{
    struct gateway_rules_summary summary = {0};
    size_t stem = strlen(rules_path), len;
    char path[4096], *text = NULL;
    if (stem > 6 && !strcmp(rules_path + stem - 6, ".rules"))
        stem -= 6;
    snprintf(path, sizeof path, "%.*s.tests", (int)stem, rules_path);
    enum sek_error rc = sek_file_read(path, TESTS_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    struct sek_compiled *c = gateway_load_rules(&rules_path, 1, NULL, &summary, fault);
    if (!c)
        rc = fault->code;
    else if (summary.failed)
        rc = sek_fail(fault, SEK_EINVAL, "%s: %u rules do not load", rules_path, summary.failed);
    else
        rc = sek_selftest_run(c, path, text, len, counts, on_result, path, fault);
    sek_compiled_free(c);
    free(text);
    return rc;
}

static int rules_test(char *const *files, unsigned count)
{
    struct sek_selftest_counts counts = {0};
    struct sek_fault fault;
    unsigned broken = 0;
    for (unsigned i = 0; i < count; i++) {
        if (test_file(files[i], &counts, &fault)) {
            printf("%s\n", fault.message);
            broken++;
        }
    }
    printf("%u patches: %u exploits, %u benign exchanges, %u failed\n", count, counts.exploits,
           counts.benigns, counts.failed + broken);
    return counts.failed || broken ? 1 : 0;
}

int gateway_rules(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--help")) {
        fputs(help, stdout);
        return 0;
    }
    if (argc >= 3 && !strcmp(argv[1], "check"))
        return rules_check(argv + 2, (unsigned)argc - 2);
    if (argc == 2 && !strcmp(argv[1], "keywords")) {
        struct sek_text out = {0};
        sek_keywords_document(&out);
        fputs(out.data ? out.data : "", stdout);
        sek_text_free(&out);
        return 0;
    }
    if (argc >= 4 && !strcmp(argv[1], "explain"))
        return rules_explain(argv[2], argv + 3, (unsigned)argc - 3);
    if (argc >= 3 && !strcmp(argv[1], "test"))
        return rules_test(argv + 2, (unsigned)argc - 2);
    fputs(help, stderr);
    return 2;
}
