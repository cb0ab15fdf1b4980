/* `rules`: check that files load, and run the self-tests of virtual patches. */
#include "gateway/command.h"
#include "gateway/load.h"

#include "lib/base/file.h"
#include "lib/selftest/selftest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TESTS_LIMIT (4u << 20)

static const char help[] =
    "usage: sekisho-gateway rules check FILE...\n"
    "       sekisho-gateway rules test FILE.rules...\n"
    "\n"
    "check  load the files; one line for each rule that cannot be used, and a summary\n"
    "test   load each file by itself and play FILE.tests beside it: exploits must be\n"
    "       blocked, benign exchanges must pass\n";

static int rules_check(char *const *files, unsigned count)
{
    struct gateway_rules_summary summary = {0};
    struct sek_fault fault;
    struct sek_compiled *c = gateway_load_rules(files, count, NULL, &summary, &fault);
    if (!c) {
        fprintf(stderr, "sekisho-gateway: %s\n", fault.message);
        return 1;
    }
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
    if (argc >= 3 && !strcmp(argv[1], "test"))
        return rules_test(argv + 2, (unsigned)argc - 2);
    fputs(help, stderr);
    return 2;
}
