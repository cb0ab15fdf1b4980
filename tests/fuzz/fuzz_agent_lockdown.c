/* objects: agent/lockdown/script.c agent/lockdown/overlay.c agent/lockdown/scope.c agent/lockdown/allowlist.c */
/* What lockdown reads that others can write: command lines of interpreters, mount lines, overlay
 * options, allowlists. */
#include "agent/lockdown/allowlist.h"
#include "agent/lockdown/overlay.h"
#include "agent/lockdown/scope.h"
#include "agent/lockdown/script.h"

#include <stdlib.h>
#include <string.h>

static bool no(void *arg, dev_t device)
{
    return arg || device == 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"sh", "python3", "awk", "php", "node", "gdb", "vim"};
    struct sek_script_words walk;
    static struct sek_mount_line line;
    struct sek_allowlist list = {0};
    struct sek_text out = {0};
    struct sek_scope scope;
    size_t layers;
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sek_script_words(&walk, sek_interpreter_named(names[i]), text, size);
        for (const char *word; (word = sek_script_next(&walk));) {
            if (word < text || word > text + size)
                abort();
        }
    }
    for (const char *p = text; sek_mount_next(&p, &line);)
        sek_overlay_marked_layers(line.options, no, NULL, &layers);
    sek_scope_find("/", text, &scope, NULL);
    sek_allowlist_parse(&list, "fuzz", text, size / 2, NULL);
    if (!sek_allowlist_rebase("fuzz", text, size, &list, &out, NULL)) {
        struct sek_allowlist after = {0};
        if (sek_allowlist_parse(&after, "fuzz", out.data ? out.data : "", out.len, NULL) ||
            after.count < list.count)
            abort();
        sek_allowlist_free(&after);
    }
    sek_text_free(&out);
    sek_allowlist_free(&list);
    free(text);
    return 0;
}
