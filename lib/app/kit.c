/* Names of numbers, and transactions of protocols that bound how many are unfinished. */
#include "lib/app/kit.h"

#include <stdlib.h>
#include <strings.h>

const char *sek_word(const char *const *words, uint64_t value)
{
    for (; *words; words += 2)
        if (strtoull(words[1], NULL, 0) == value)
            return words[0];
    return NULL;
}

void sek_word_json(struct sek_text *out, const char *key, const char *const *words, int64_t value)
{
    const char *w = sek_word(words, (uint64_t)value);
    if (w)
        sek_json_str(out, key, w);
    else
        sek_json_int(out, key, value);
}

bool sek_word_value(const char *const *words, const char *name, uint64_t *value)
{
    for (; *words; words += 2) {
        if (!strcasecmp(words[0], name)) {
            *value = strtoull(words[1], NULL, 0);
            return true;
        }
    }
    return false;
}

struct sek_tx *sek_tx_new_bounded(struct sek_app_state *state, size_t size, enum sek_app app,
                                  enum sek_dir dir, unsigned event)
{
    uint32_t limit = state->settings->max_tx[app];
    struct sek_tx *oldest = NULL;
    uint32_t unfinished = 0;
    if (state->live >= limit) {
        for (struct sek_tx *tx = state->first; tx; tx = tx->next) {
            if (tx->complete[0] || tx->complete[1])
                continue;
            unfinished++;
            if (!oldest)
                oldest = tx;
        }
    }
    if (unfinished >= limit) {
        sek_tx_event(oldest, dir, event);
        oldest->complete[0] = oldest->complete[1] = true;
    }
    return sek_tx_new(state, size, app);
}
