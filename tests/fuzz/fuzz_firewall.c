/* objects: agent/guard/ruleset.c */
/* The policy's firewall section: whatever it holds, it is refused, or passes the second check and
 * becomes a text whose braces and quotation marks are balanced. */
#include "agent/guard/ruleset.h"

#include <stdlib.h>

static bool fill(void *arg, const char *kind, const char *word, struct sek_text *out)
{
    (void)arg;
    (void)kind;
    sek_text_printf(out, "\"%s\"", word);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sek_ruleset r;
    struct sek_fault fault;
    json_t *section = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (section && !sek_ruleset_parse(section, &r, &fault)) {
        struct sek_text template = {0}, out = {0};
        int depth = 0, quotes = 0;
        if (sek_ruleset_check(&r, &fault))
            abort();
        sek_ruleset_compile(&r, 1, &template);
        sek_ruleset_expand(template.data, fill, NULL, &out);
        for (size_t i = 0; i < out.len; i++) {
            quotes += out.data[i] == '"';
            if (quotes % 2 == 0)
                depth += (out.data[i] == '{') - (out.data[i] == '}');
        }
        if (depth || quotes % 2)
            abort();
        sek_text_free(&template);
        sek_text_free(&out);
    }
    json_decref(section);
    return 0;
}
