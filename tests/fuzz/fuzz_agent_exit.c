/* objects: agent/guard/learned.c agent/worker/addresses.c agent/worker/unsure.c agent/event.c agent/lockdown/judge.c agent/lockdown/allowlist.c agent/filehash.c */
/* Exit control's texts and sets: the learned table, the plain list of addresses, the set of hash
 * prefixes, answers of the manager and those kept on disk. The first byte chooses. */
#include "agent/guard/learned.h"
#include "agent/worker/addresses.h"
#include "agent/worker/unsure.h"
#include "lib/reputation/expressions.h"
#include "lib/reputation/prefixes.h"

#include <stdlib.h>
#include <string.h>

static void learned(const char *text, size_t len)
{
    struct sek_learned t = {0}, again = {0};
    struct sek_text out = {0};
    struct sek_fault fault;
    if (!sek_learned_parse(&t, "learned", text, len, &fault)) {
        sek_learned_write(&t, &out);
        /* What was read can be written and read again, to the same table. */
        if (out.len && (sek_learned_parse(&again, "again", out.data, out.len, &fault) ||
                        again.count != t.count))
            abort();
    }
    sek_text_free(&out);
    sek_learned_free(&t);
    sek_learned_free(&again);
}

static void addresses(const char *text, size_t len)
{
    struct sek_fault fault;
    size_t count, cap = sek_addresses_count(text, len);
    struct sek_prefix *list = calloc(cap + 1, sizeof *list);
    if (list && !sek_addresses_parse(text, len, list, cap, &count, &fault) && count != cap)
        abort();
    free(list);
}

static void prefixes(const uint8_t *data, size_t len)
{
    struct sek_prefixes *p = NULL;
    struct sek_fault fault;
    if (sek_prefixes_load(data, len, &p, &fault))
        return;
    for (uint32_t x = 0; x < 100; x++) {
        uint32_t near = sek_prefixes_near(p, x * 42949672u);
        if (sek_prefixes_count(p) && !sek_prefixes_has(p, near))
            abort();
    }
    sek_prefixes_free(p);
}

static void answers(const char *text, size_t len)
{
    struct sek_unsure *u = sek_unsure_new();
    json_t *reply = json_loadb(text, len, 0, NULL);
    json_t *question = json_pack("{s:[s,s]}", "prefixes", "00000000", "deadbeef");
    if (u) {
        sek_unsure_restore(u, text, len, 1000);
        sek_unsure_answer(u, question, reply, 1000);
        free(sek_unsure_save(u));
    }
    json_decref(reply);
    json_decref(question);
    sek_unsure_free(u);
}

static void url(const char *text, size_t len)
{
    struct sek_expressions all;
    const char *slash = memchr(text, '/', len);
    size_t host = slash ? (size_t)(slash - text) : len;
    sek_expressions_make(text, host, slash, len - host, &all);
    sek_expressions_make(text, len, NULL, 0, &all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data + 1;
    if (size < 1 || size > 65536)
        return 0;
    switch (data[0] % 5) {
    case 0:
        learned(text, size - 1);
        break;
    case 1:
        addresses(text, size - 1);
        break;
    case 2:
        prefixes(data + 1, size - 1);
        break;
    case 3:
        answers(text, size - 1);
        break;
    default:
        url(text, size - 1);
        break;
    }
    return 0;
}
