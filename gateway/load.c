/* One place where rule files are read. */
#include "gateway/load.h"

#include <stdio.h>

static void print_errors(const struct sek_rules *rules)
{
    for (const struct sek_rule_error *e = rules->errors; e; e = e->next)
        fprintf(stderr, "%s:%u: sid %u: %s\n", e->file, e->line, e->sid, e->message);
}

struct sek_compiled *gateway_load_rules(char *const *files, unsigned count,
                                        struct sek_config *config,
                                        struct gateway_rules_summary *summary,
                                        struct sek_fault *fault)
{
    struct sek_rules *rules = sek_rules_new(config, fault);
    if (!rules)
        return NULL;
    rules->keep_text = summary->keep_text;
    rules->matcher_cache = sek_config_get(config, "rules.cache", NULL);
    for (unsigned i = 0; i < count; i++) {
        if (sek_rules_load_file(rules, files[i], fault)) {
            sek_rules_free(rules);
            return NULL;
        }
    }
    const char *thresholds = sek_config_get(config, "threshold-file", NULL);
    if (thresholds && sek_rules_load_thresholds(rules, thresholds, fault)) {
        sek_rules_free(rules);
        return NULL;
    }
    print_errors(rules);
    summary->loaded = rules->loaded;
    summary->failed = rules->failed;
    if (sek_rules_finish(rules, fault)) {
        sek_rules_free(rules);
        return NULL;
    }
    return sek_compile(rules, fault);
}
