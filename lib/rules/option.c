/* The options of a rule, one after the other: keywords of the tables, sticky buffers and numbers of the
 * application protocols, and content modifiers of older rules. */
#include "lib/rules/builder.h"

#include "lib/app/file_magic.h"

#include "lib/app/buffers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct keyword *const tables[] = {
    sek_meta_keywords,   sek_content_keywords, sek_byte_keywords,      sek_packet_keywords,
    sek_flow_keywords,   sek_buffer_keywords,  sek_state_keywords,     sek_threshold_keywords,
    sek_data_keywords,
};

/* A rule has about ten keywords, and a set a hundred thousand: they are found by hash. */
#define HASH_SIZE 1024u
static const struct keyword *hashed[HASH_SIZE];

static uint32_t keyword_place(const char *name)
{
    uint32_t h = 2166136261u;
    for (const char *p = name; *p; p++)
        h = (h ^ (uint8_t)*p) * 16777619u;
    h %= HASH_SIZE;
    while (hashed[h] && strcmp(hashed[h]->name, name))
        h = (h + 1) % HASH_SIZE;
    return h;
}

static const struct keyword *keyword_find(const char *name)
{
    static bool filled;
    for (size_t t = 0; !filled && t < sizeof tables / sizeof *tables; t++)
        for (const struct keyword *k = tables[t]; k->name; k++)
            hashed[keyword_place(k->name)] = k;
    filled = true;
    return hashed[keyword_place(name)];
}

/* Cut the next option off: text up to a ';' that is neither escaped nor inside quotes. A quote that is
 * part of an expression breaks the count of them, so a ';' right behind a quote always ends it. */
char *option_next(char **p, bool *bad)
{
    char *begin = *p, *s = begin;
    bool quoted = false;
    while (isspace((unsigned char)*begin))
        begin++;
    if (!*begin)
        return NULL;
    for (s = begin; *s; s++) {
        if (*s == '\\' && s[1]) {
            s++;
            continue;
        }
        if (*s == '"')
            quoted = !quoted;
        if (*s == ';' && (!quoted || (s - begin > 1 && s[-1] == '"' && s[-2] != '\\')))
            break;
    }
    if (!*s)
        *bad = true;
    else
        *s++ = '\0';
    *p = s;
    return begin;
}

static enum sek_error sticky_option(struct builder *b, const char *name, const char *arg)
{
    int id = sek_buffer_find(name, SEK_BUFFER_MODIFIER);
    if (id >= 0 && b->last_content && b->last_part == b->payload && !b->sticky && !arg) {
        /* old style: the content before belongs to that buffer */
        struct part *to = NULL;
        for (struct part *p = b->parts; p; p = p->next)
            if (p->view.target == SEK_TARGET_APP + id && !p->view.count)
                to = p;
        if (!to && !(to = builder_part(b, SEK_TARGET_APP + id)))
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        builder_move(b->payload, b->last_content, to);
        b->last_part = to;
        return SEK_OK;
    }
    id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    if (id < 0)
        return SEK_ENOTFOUND;
    if (arg && strcmp(name, "filename"))
        return builder_fail(b, SEK_EINVAL, "takes no value, found '%.60s'", arg);
    struct sek_fault why;
    if (!strcmp(name, "file.magic") && sek_file_magic_need(&why))
        return builder_fail(b, SEK_EUNSUPPORTED, "%s", why.message);
    return builder_sticky(b, SEK_TARGET_APP + id, sek_buffer_multi(id));
}

enum sek_error builder_sticky(struct builder *b, int target, bool own_part)
{
    struct part *p = NULL;
    for (struct part *x = b->parts; x && !own_part; x = x->next)
        if (x->view.target == target && !x->view.count)
            p = x;
    if (!p && !(p = builder_part(b, target)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    p->dir_forced = b->dir_forced;
    p->dir = b->dir;
    b->current = p;
    b->sticky = target != SEK_TARGET_PAYLOAD;
    b->last_content = NULL;
    return SEK_OK;
}

/* The rule is about some of APPS, or about nothing. */
static enum sek_error demand_apps(struct builder *b, uint64_t apps)
{
    b->rule->apps = b->rule->apps ? b->rule->apps & apps : apps;
    return b->rule->apps ? SEK_OK
                         : builder_fail(b, SEK_EINVAL, "does not fit the rule's protocol");
}

static enum sek_error test_option(struct builder *b, const char *name, char *arg)
{
    struct sek_fault why = {0};
    const sek_test_row *row = sek_test_find(name);
    const struct sek_test_def *d = NULL;
    struct sek_condition *c;
    uint64_t apps = 0;
    if (!row)
        return SEK_ENOTFOUND;
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        if ((*row)[app]) {
            d = (*row)[app]; /* one name has one shape of argument */
            apps |= SEK_APP_BIT(app);
        }
    }
    if (!(c = builder_condition(b, SEK_IF_TEST)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->test = *row;
    if (!(c->test_arg = d->parse(b->arena, arg, &why)))
        return builder_fail(b, why.code ? why.code : SEK_EINVAL, "%s", why.message);
    return demand_apps(b, apps);
}

/* "name,!name": bits that must be set, and bits that must not be. */
static bool bits_parse(const char *text, const char *const *words, struct sek_compare *out)
{
    char copy[256];
    uint64_t set = 0, clear = 0;
    if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy)
        return false;
    char *list = copy;
    for (char *item; (item = text_next(&list));) {
        bool negated = *item == '!';
        const char *const *w = words;
        while (*w && strcasecmp(*w, item + negated))
            w += 2;
        if (!*w)
            return false;
        *(negated ? &clear : &set) |= strtoull(w[1], NULL, 0);
    }
    *out = (struct sek_compare){.op = SEK_BITS_ALL_NONE, .low = set, .high = clear};
    return true;
}

/* What follows the comparison of a number with several values: "any", "nb>3", "-1", then "2:4". */
static bool picking_parse(const char *compare, char *rest, struct sek_picking *out)
{
    static const struct {
        const char *word;
        enum sek_pick pick;
    } words[] = {{"any", SEK_PICK_ANY}, {"all", SEK_PICK_ALL},
                 {"all_or_absent", SEK_PICK_ALL_OR_ABSENT}, {"or_absent", SEK_PICK_ANY_OR_ABSENT}};
    int64_t from, to;
    *out = (struct sek_picking){0};
    if (!strncmp(compare, "count", 5) && !isalnum((unsigned char)compare[5])) {
        out->pick = SEK_PICK_COUNT;
        return !rest && sek_compare_parse(compare + 5, NULL, &out->times);
    }
    char *how = text_next(&rest), *slice = text_next(&rest), *colon;
    if (rest)
        return false;
    if (slice) {
        if (!(colon = strchr(slice, ':')))
            return false;
        *colon = '\0';
        if (!sek_text_int(slice, INT32_MIN, INT32_MAX, &from) ||
            !sek_text_int(colon + 1, INT32_MIN, INT32_MAX, &to))
            return false;
        out->sliced = true;
        out->from = (int32_t)from;
        out->to = (int32_t)to;
    }
    if (!how)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!strcmp(words[i].word, how)) {
            out->pick = words[i].pick;
            return true;
        }
    }
    if (!strncmp(how, "nb", 2)) {
        out->pick = SEK_PICK_TIMES;
        return sek_compare_parse(how + 2, NULL, &out->times);
    }
    bool beyond = !strncmp(how, "oob_or", 6);
    if (!sek_text_int(beyond ? how + 6 : how, INT32_MIN, INT32_MAX, &from))
        return false;
    out->pick = beyond ? SEK_PICK_INDEX_OR_BEYOND : SEK_PICK_INDEX;
    out->index = (int32_t)from;
    return true;
}

static enum sek_error number_option(struct builder *b, const char *name, const char *arg)
{
    const sek_number_row *row = sek_number_find(name);
    const struct sek_number_def *d = NULL;
    struct sek_condition *c;
    uint64_t apps = 0;
    if (!row)
        return SEK_ENOTFOUND;
    char copy[128];
    size_t quotes = arg && *arg == '"'; /* as in tls.version:"1.2" */
    if (!arg || snprintf(copy, sizeof copy, "%s", arg + quotes) >= (int)sizeof copy)
        return builder_fail(b, SEK_EINVAL, "needs a number or a comparison");
    if (quotes && (quotes = strlen(copy)) && copy[quotes - 1] == '"')
        copy[quotes - 1] = '\0';
    char *comma = strchr(copy, ',');
    if (comma && !strcmp(name, "urilen")) {
        *comma = '\0';
        if (!strcmp(sek_text_trim(comma + 1), "raw"))
            row = sek_number_find("urilen.raw");
        comma = NULL;
    }
    for (int app = 0; app < SEK_APP_COUNT; app++) {
        if ((*row)[app]) {
            d = (*row)[app]; /* one name has one set of words */
            apps |= SEK_APP_BIT(app);
        }
    }
    if (!(c = builder_condition(b, SEK_IF_NUMBER)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    c->number = *row;
    if (d->bits)
        comma = NULL;
    if (comma)
        *comma++ = '\0';
    if (!picking_parse(copy, comma, &c->picking))
        return builder_fail(b, SEK_EINVAL,
                            "found '%s', expected a comparison, then any, all, all_or_absent, "
                            "or_absent, nbN, oob_or N or an index, then FROM:TO",
                            arg);
    if (c->picking.pick == SEK_PICK_COUNT)
        return demand_apps(b, apps);
    if (!(d->bits && d->words && bits_parse(copy, d->words, &c->compare)) &&
        !sek_compare_parse(copy, d->bits ? NULL : d->words, &c->compare))
        return builder_fail(b, SEK_EINVAL,
                            "found '%s', expected a number, <N, >N, N<>M, !N or a known word", arg);
    return demand_apps(b, apps);
}

bool rule_keyword_known(const char *name)
{
    return keyword_find(name) || sek_buffer_find(name, SEK_BUFFER_STICKY) >= 0 ||
           sek_buffer_find(name, SEK_BUFFER_MODIFIER) >= 0 || sek_number_find(name) ||
           sek_test_find(name);
}

enum sek_error rule_option(struct builder *b, char *option)
{
    char *colon = option, *arg = NULL;
    while (*colon && *colon != ':')
        colon++;
    if (*colon) {
        *colon = '\0';
        arg = sek_text_trim(colon + 1);
    }
    char *name = sek_text_trim(option);
    b->option = name;
    const struct keyword *k = keyword_find(name);
    if (k) {
        if (k->arg == ARG_REQUIRED && (!arg || !*arg))
            return builder_fail(b, SEK_EINVAL, "needs a value");
        if (k->arg == ARG_NONE && arg)
            return builder_fail(b, SEK_EINVAL, "takes no value, found '%.60s'", arg);
        return k->parse(b, arg);
    }
    enum sek_error rc = sticky_option(b, name, arg);
    if (rc == SEK_ENOTFOUND)
        rc = number_option(b, name, arg);
    if (rc == SEK_ENOTFOUND)
        rc = test_option(b, name, arg);
    if (rc == SEK_ENOTFOUND)
        return sek_fail(b->fault, SEK_EUNSUPPORTED, "keyword '%.60s' is not known", name);
    return rc;
}
