/* The YAML becomes dotted keys (lib/base/config); each is asked for once, so that a key that is
 * left over is a spelling mistake and an error. */
#include "agent/logs/rules.h"
#include "lib/base/config.h"
#include "lib/base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_LIMIT    (1u << 20)
#define LIST_LIMIT    1000 /* decoders or rules of one file */
#define FILES_LIMIT   256
#define MATCH_STEPS   50000u
#define MATCH_DEPTH   10000u
#define MATCH_HEAP_KB 1024u

struct loader {
    struct sek_log_rules *set;
    struct sek_config *c;
    const char *file;
    struct sek_fault *fault;
    char prefix[64]; /* "rules.3" */
};

static const char *get(struct loader *l, const char *key)
{
    char full[160];
    snprintf(full, sizeof full, "%s.%s", l->prefix, key);
    return sek_config_get(l->c, full, NULL);
}

static unsigned line_of(struct loader *l, const char *key)
{
    char full[160];
    snprintf(full, sizeof full, "%s.%s", l->prefix, key);
    return sek_config_line(l->c, full);
}

static enum sek_error number(struct loader *l, const char *key, long low, long high, uint32_t *out)
{
    char full[160];
    long value = *out;
    snprintf(full, sizeof full, "%s.%s", l->prefix, key);
    enum sek_error rc = sek_config_number(l->c, full, low, high, &value, l->fault);
    *out = (uint32_t)value;
    return rc;
}

static enum sek_error compile(struct loader *l, const char *key, const char *text, uint32_t options,
                              pcre2_code **out)
{
    int code;
    size_t offset;
    char why[120];
    *out = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                         options | PCRE2_DOLLAR_ENDONLY | PCRE2_DOTALL, &code, &offset, NULL);
    if (*out)
        return SEK_OK;
    pcre2_get_error_message(code, (PCRE2_UCHAR *)why, sizeof why);
    return sek_fail(l->fault, SEK_EINVAL, "%.200s:%u: %s.%s: not a pattern: %s at character %zu",
                    l->file, line_of(l, key), l->prefix, key, why, offset);
}

static enum sek_error keep(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return text && !*out ? SEK_ENOMEM : SEK_OK;
}

/* The named groups of a pattern are the fields. */
static enum sek_error take_fields(struct loader *l, struct sek_log_decoder *d)
{
    uint32_t count = 0, size = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(d->pattern, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(d->pattern, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(d->pattern, PCRE2_INFO_NAMETABLE, &table);
    if (count > SEK_LOG_FIELDS)
        return sek_fail(l->fault, SEK_ELIMIT, "%.200s:%u: decoder %.60s: %u fields, at most %d",
                        l->file, line_of(l, "pattern"), d->name, count, SEK_LOG_FIELDS);
    for (uint32_t i = 0; i < count; i++) {
        PCRE2_SPTR entry = table + i * size;
        d->fields[i].group = (uint32_t)entry[0] << 8 | entry[1];
        if (!(d->fields[i].name = strdup((const char *)entry + 2)))
            return SEK_ENOMEM;
        d->field_count++;
    }
    return SEK_OK;
}

static enum sek_error take_decoder(struct loader *l, struct sek_log_decoder *d)
{
    const char *name = get(l, "name"), *pattern = get(l, "pattern"), *program = get(l, "program"),
               *unit = get(l, "unit");
    enum sek_error rc;
    uint32_t uid = UINT32_MAX;
    if (!name || !pattern)
        return sek_fail(l->fault, SEK_EINVAL, "%.200s:%u: %s: expected name and pattern", l->file,
                        line_of(l, name ? "name" : "pattern"), l->prefix);
    if (*pattern != '^')
        return sek_fail(l->fault, SEK_EINVAL,
                        "%.200s:%u: decoder %.60s: the pattern must begin with ^, or text of a "
                        "client could pass for text of the program",
                        l->file, line_of(l, "pattern"), name);
    if ((rc = keep(&d->name, name)) || (rc = keep(&d->file, get(l, "file"))) ||
        (rc = number(l, "uid", 0, 0x7fffffff, &uid)) ||
        (rc = compile(l, "pattern", pattern, 0, &d->pattern)))
        return rc;
    d->uid = uid == UINT32_MAX ? -1 : (int64_t)uid;
    if (program &&
        (rc = compile(l, "program", program, PCRE2_ANCHORED | PCRE2_ENDANCHORED, &d->program)))
        return rc;
    if (unit && (rc = compile(l, "unit", unit, PCRE2_ANCHORED | PCRE2_ENDANCHORED, &d->unit)))
        return rc;
    return take_fields(l, d);
}

static enum sek_error take_where(struct loader *l, struct sek_log_rule *r, const char *field)
{
    char key[80];
    for (uint32_t i = 0; i < r->where_count; i++) {
        if (!strcmp(r->where[i].field, field))
            return SEK_OK;
    }
    snprintf(key, sizeof key, "where.%.60s", field);
    const char *pattern = get(l, key);
    if (!pattern)
        return SEK_OK;
    if (r->where_count == SEK_LOG_WHERE)
        return sek_fail(l->fault, SEK_ELIMIT, "%.200s:%u: rule %u: at most %d conditions", l->file,
                        line_of(l, key), r->id, SEK_LOG_WHERE);
    enum sek_error rc = compile(l, key, pattern, 0, &r->where[r->where_count].pattern);
    if (!rc)
        rc = keep(&r->where[r->where_count].field, field);
    r->where_count++;
    return rc;
}

/* The rule that KEY names, before this one; -1: not there. */
static enum sek_error take_reference(struct loader *l, const struct sek_log_rule *r,
                                     const char *key, int32_t *out)
{
    uint32_t id = 0;
    enum sek_error rc = number(l, key, 1, 0x7fffffff, &id);
    *out = -1;
    for (uint32_t i = 0; id && i < l->set->rule_count; i++) {
        if (l->set->rules[i].id == id)
            *out = (int32_t)i;
    }
    if (!rc && id && *out < 0)
        rc = sek_fail(l->fault, SEK_ENOTFOUND,
                      "%.200s:%u: rule %u: %s: found %u, expected the id of a rule before this one",
                      l->file, line_of(l, key), r->id, key, id);
    return rc;
}

static enum sek_error take_source(struct loader *l, struct sek_log_rule *r)
{
    const char *decoder = get(l, "decoder");
    r->decoder = -1;
    for (uint32_t i = 0; decoder && i < l->set->decoder_count; i++) {
        if (!strcmp(l->set->decoders[i].name, decoder))
            r->decoder = (int32_t)i;
    }
    if (decoder && r->decoder < 0)
        return sek_fail(l->fault, SEK_ENOTFOUND, "%.200s:%u: rule %u: decoder: no '%.60s' is there",
                        l->file, line_of(l, "decoder"), r->id, decoder);
    if ((r->decoder < 0) == (r->of < 0))
        return sek_fail(l->fault, SEK_EINVAL, "%.200s:%u: rule %u: expected either decoder or of",
                        l->file, line_of(l, "id"), r->id);
    return SEK_OK;
}

static enum sek_error take_respond(struct loader *l, struct sek_log_rule *r)
{
    const char *word = get(l, "respond");
    r->ttl_s = 3600;
    r->block = word && !strcmp(word, "block");
    if (word && !r->block && strcmp(word, "none") != 0)
        return sek_fail(l->fault, SEK_EINVAL,
                        "%.200s:%u: rule %u: respond: found '%.40s', expected block or none",
                        l->file, line_of(l, "respond"), r->id, word);
    return number(l, "ttl", 1, 31536000, &r->ttl_s);
}

/* Samples are for the self-test; here they are only known to be right keys. */
static enum sek_error check_samples(struct loader *l, const struct sek_log_rule *r)
{
    static const char *const lists[] = {"match", "no_match"};
    for (int k = 0; k < 2; k++) {
        char key[40];
        int n = 0;
        do
            snprintf(key, sizeof key, "%s.%d", lists[k], n);
        while (get(l, key) && ++n < LIST_LIMIT);
        if (!n)
            return sek_fail(l->fault, SEK_EINVAL,
                            "%.200s:%u: rule %u: expected at least one line in %s", l->file,
                            line_of(l, "id"), r->id, lists[k]);
    }
    return SEK_OK;
}

static enum sek_error take_rule(struct loader *l, struct sek_log_rule *r)
{
    const char *description = get(l, "description");
    enum sek_error rc;
    r->decoder = r->of = r->after = -1;
    if ((rc = number(l, "id", 1, 0x7fffffff, &r->id)) ||
        (rc = number(l, "level", 0, 15, &r->level)))
        return rc;
    if (!r->id || !description)
        return sek_fail(l->fault, SEK_EINVAL, "%.200s:%u: %s: expected id and description", l->file,
                        line_of(l, r->id ? "id" : "description"), l->prefix);
    for (uint32_t i = 0; i < l->set->rule_count; i++) {
        if (l->set->rules[i].id == r->id)
            return sek_fail(l->fault, SEK_EEXIST, "%.200s:%u: rule %u is there already", l->file,
                            line_of(l, "id"), r->id);
    }
    if ((rc = keep(&r->description, description)) || (rc = keep(&r->mitre, get(l, "mitre"))) ||
        (rc = keep(&r->same, get(l, "same"))) || (rc = take_reference(l, r, "of", &r->of)) ||
        (rc = take_reference(l, r, "after", &r->after)) || (rc = take_source(l, r)) ||
        (rc = number(l, "frequency", 2, 32, &r->frequency)) ||
        (rc = number(l, "within", 1, 86400, &r->within_s)) ||
        (rc = number(l, "ignore", 0, 86400, &r->ignore_s)) || (rc = take_respond(l, r)) ||
        (rc = check_samples(l, r)))
        return rc;
    if ((r->frequency || r->after >= 0) && !r->within_s)
        return sek_fail(l->fault, SEK_EINVAL, "%.200s:%u: rule %u: expected within", l->file,
                        line_of(l, "id"), r->id);
    for (uint32_t d = 0; !rc && d < l->set->decoder_count; d++) {
        for (uint32_t f = 0; !rc && f < l->set->decoders[d].field_count; f++)
            rc = take_where(l, r, l->set->decoders[d].fields[f].name);
    }
    return rc;
}

static void free_decoder(struct sek_log_decoder *d)
{
    free(d->name);
    free(d->file);
    pcre2_code_free(d->program);
    pcre2_code_free(d->unit);
    pcre2_code_free(d->pattern);
    for (uint32_t i = 0; i < d->field_count; i++)
        free(d->fields[i].name);
}

static void free_rule(struct sek_log_rule *r)
{
    free(r->description);
    free(r->mitre);
    free(r->same);
    for (uint32_t i = 0; i < r->where_count; i++) {
        free(r->where[i].field);
        pcre2_code_free(r->where[i].pattern);
    }
}

static enum sek_error take_decoders(struct loader *l)
{
    enum sek_error rc = SEK_OK;
    for (int n = 0; !rc && n < LIST_LIMIT; n++) {
        snprintf(l->prefix, sizeof l->prefix, "decoders.%d", n);
        if (!get(l, "name") && !get(l, "pattern"))
            break;
        struct sek_log_decoder *more =
            realloc(l->set->decoders, (l->set->decoder_count + 1) * sizeof *more);
        if (!more)
            return sek_fail(l->fault, SEK_ENOMEM, "out of memory");
        l->set->decoders = more;
        struct sek_log_decoder *d = &more[l->set->decoder_count++];
        memset(d, 0, sizeof *d);
        rc = take_decoder(l, d);
    }
    return rc;
}

static enum sek_error take_rules(struct loader *l)
{
    enum sek_error rc = SEK_OK;
    for (int n = 0; !rc && n < LIST_LIMIT; n++) {
        snprintf(l->prefix, sizeof l->prefix, "rules.%d", n);
        if (!get(l, "id") && !get(l, "description"))
            break;
        struct sek_log_rule *more = realloc(l->set->rules, (l->set->rule_count + 1) * sizeof *more);
        if (!more)
            return sek_fail(l->fault, SEK_ENOMEM, "out of memory");
        l->set->rules = more;
        struct sek_log_rule one = {0};
        rc = take_rule(l, &one);
        more[l->set->rule_count++] = one;
    }
    return rc;
}

static enum sek_error prepare(struct sek_log_rules *set, struct sek_fault *fault)
{
    if (set->limits)
        return SEK_OK;
    set->limits = pcre2_match_context_create(NULL);
    set->match = pcre2_match_data_create(SEK_LOG_FIELDS * 2, NULL);
    if (!set->limits || !set->match)
        return sek_fail(fault, SEK_ENOMEM, "out of memory");
    pcre2_set_match_limit(set->limits, MATCH_STEPS);
    pcre2_set_depth_limit(set->limits, MATCH_DEPTH);
    pcre2_set_heap_limit(set->limits, MATCH_HEAP_KB);
    return SEK_OK;
}

enum sek_error sek_log_rules_parse(struct sek_log_rules *set, const char *name, const char *text,
                                   size_t len, struct sek_fault *fault)
{
    struct loader l = {.set = set, .file = name, .fault = fault};
    uint32_t decoders = set->decoder_count, rules = set->rule_count;
    enum sek_error rc = prepare(set, fault);
    if (!rc)
        rc = sek_config_parse(name, text, len, &l.c, fault);
    if (!rc)
        rc = take_decoders(&l);
    if (!rc)
        rc = take_rules(&l);
    const char *unused = rc ? NULL : sek_config_unused(l.c);
    if (unused)
        rc = sek_fail(fault, SEK_EINVAL, "%s: unknown key", unused);
    sek_config_free(l.c);
    while (rc && set->rule_count > rules)
        free_rule(&set->rules[--set->rule_count]);
    while (rc && set->decoder_count > decoders)
        free_decoder(&set->decoders[--set->decoder_count]);
    return rc;
}

static enum sek_error load_file(struct sek_log_rules *set, const char *path,
                                struct sek_fault *fault)
{
    char *text;
    size_t len;
    enum sek_error rc = sek_file_read(path, FILE_LIMIT, &text, &len, fault);
    if (rc)
        return rc;
    rc = sek_log_rules_parse(set, path, text, len, fault);
    free(text);
    return rc;
}

static int is_yaml(const struct dirent *e)
{
    const char *end = strrchr(e->d_name, '.');
    return end && !strcmp(end, ".yaml");
}

enum sek_error sek_log_rules_load(struct sek_log_rules *set, const char *path,
                                  struct sek_fault *fault)
{
    struct stat st;
    struct dirent **names;
    char file[600];
    enum sek_error rc = SEK_OK;
    if (stat(path, &st))
        return sek_fail(fault, SEK_ENOTFOUND, "%.300s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return load_file(set, path, fault);
    int count = scandir(path, &names, is_yaml, alphasort);
    if (count < 0)
        return sek_fail(fault, SEK_EIO, "%.300s: %s", path, strerror(errno));
    for (int i = 0; i < count; i++) {
        snprintf(file, sizeof file, "%.300s/%s", path, names[i]->d_name);
        if (!rc && i < FILES_LIMIT)
            rc = load_file(set, file, fault);
        free(names[i]);
    }
    free(names);
    return rc;
}

void sek_log_rules_free(struct sek_log_rules *set)
{
    for (uint32_t i = 0; i < set->decoder_count; i++)
        free_decoder(&set->decoders[i]);
    for (uint32_t i = 0; i < set->rule_count; i++)
        free_rule(&set->rules[i]);
    free(set->decoders);
    free(set->rules);
    pcre2_match_context_free(set->limits);
    pcre2_match_data_free(set->match);
    *set = (struct sek_log_rules){0};
}

bool sek_log_match(const struct sek_log_rules *set, const pcre2_code *pattern,
                   struct sek_log_text text)
{
    return pcre2_match(pattern, (PCRE2_SPTR)(text.data ? text.data : ""), text.len, 0, 0,
                       set->match, set->limits) >= 0;
}
