/* Files that rules stand on: thresholds, classes, address reputation with its categories, and data sets.
 * The first byte chooses the file, the rest is what it holds. */
#include "lib/detect/compiled.h"
#include "lib/rules/iprep.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const kinds[] = {"threshold", "classification", "iprep", "categories", "string", "md5",
                                    "sha256", "ipv4", "ip", "json", "ndjson"};
enum { THRESHOLD, CLASSIFICATION, IPREP, CATEGORIES, KINDS = sizeof kinds / sizeof *kinds };

static const char base[] = "alert tcp any any -> any any (msg:\"one\"; content:\"abc\"; sid:1;)\n"
                           "alert ip any any -> any any (msg:\"two\"; sid:2; gid:3;)\n";

static void load_reputation(const char *categories, const char *list, struct sek_fault *fault)
{
    struct sek_iprep *r = sek_iprep_new(categories, fault);
    struct sek_addr a = {.bytes = {10, 1, 2, 3}};
    if (!r)
        return;
    if (!sek_iprep_load(r, list, fault)) {
        sek_iprep_sort(r);
        sek_iprep_score(r, 1, &a, 4);
        sek_iprep_score(r, sek_iprep_category(r, "CnC"), &a, 6);
    }
    sek_iprep_free(r);
}

/* A rule whose data set is the file. */
static void dataset_rule(char *out, size_t cap, const char *kind, const char *path)
{
    bool json = strstr(kind, "json") != NULL;
    snprintf(out, cap, "alert dns any any -> any any (%s; dataset:isset,x,type %s,load %s%s%s; sid:9;)\n",
             strncmp(kind, "ip", 2) ? "dns.query" : "ip.src", json ? "string" : kind, path,
             json ? ",value_key a,array_key b,format " : "", json ? kind : "");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int file = -1, categories = -1;
    static char path[32], categories_path[32];
    struct sek_fault fault = {0};
    char rule[256] = "";
    if (file < 0) {
        file = memfd_create("rules", 0);
        categories = memfd_create("categories", 0);
        static const char names[] = "1,CnC,controllers\n2,Scanner,scans\n";
        if (file < 0 || categories < 0 || write(categories, names, sizeof names - 1) < 0)
            abort();
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
        snprintf(categories_path, sizeof categories_path, "/proc/self/fd/%d", categories);
    }
    if (!size || ftruncate(file, 0) || pwrite(file, data + 1, size - 1, 0) != (ssize_t)size - 1)
        return 0;
    unsigned kind = data[0] % KINDS;
    if (kind == IPREP || kind == CATEGORIES) {
        load_reputation(kind == IPREP ? categories_path : path, path, &fault);
        return 0;
    }
    struct sek_rules *rules = sek_rules_new(NULL, &fault);
    if (kind == CLASSIFICATION)
        sek_rules_load_classes(rules, path, &fault);
    else if (kind != THRESHOLD)
        dataset_rule(rule, sizeof rule, kinds[kind], path);
    sek_rules_load_text(rules, "fuzz", base, sizeof base - 1, &fault);
    sek_rules_load_text(rules, "fuzz", rule, strlen(rule), &fault);
    if (kind == THRESHOLD)
        sek_rules_load_thresholds(rules, path, &fault);
    sek_rules_finish(rules, &fault);
    sek_rules_free(rules);
    return 0;
}
