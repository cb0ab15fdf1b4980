/* Keywords that test against sets: dataset, datarep, file hashes and extensions. */
#include "lib/rules/builder.h"

#include "lib/app/file_magic.h"
#include "lib/rules/dataset.h"
#include "lib/rules/iprep.h"

#include <limits.h>
#include <stdio.h>
#include <strings.h>

static bool type_of(const char *s, enum sek_dataset_type *out)
{
    static const struct {
        const char *name;
        enum sek_dataset_type type;
    } table[] = {{"string", SEK_DATASET_STRING}, {"md5", SEK_DATASET_MD5},
                 {"sha1", SEK_DATASET_SHA1}, {"sha256", SEK_DATASET_SHA256}, {"ip", SEK_DATASET_IP}, {"ipv4", SEK_DATASET_IP}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!strcmp(table[i].name, s)) {
            *out = table[i].type;
            return true;
        }
    }
    return false;
}

/* A file named in a rule: as it is, or beside the rules. */
static enum sek_error load(struct builder *b, struct sek_dataset *set, const char *name,
                           const struct sek_dataset_format *format)
{
    char path[PATH_MAX];
    if (*name != '/' && b->rules->folder)
        snprintf(path, sizeof path, "%s/%s", b->rules->folder, name);
    else
        snprintf(path, sizeof path, "%s", name);
    struct sek_fault why;
    enum sek_error rc = sek_dataset_load(set, path, format, &why);
    return rc ? builder_fail(b, rc, "%s", why.message) : SEK_OK;
}

struct set_options {
    enum sek_dataset_type type;
    bool have_type;
    const char *load, *format, *value_key, *array_key;
    bool subdomain;
};

static enum sek_error set_option(struct builder *b, struct set_options *o, char *item)
{
    char *value = item + strcspn(item, " \t");
    if (*value)
        *value++ = '\0';
    value = sek_text_trim(value);
    if (!strcmp(item, "type") && type_of(value, &o->type))
        o->have_type = true;
    else if (!strcmp(item, "load") || !strcmp(item, "state"))
        o->load = value;
    else if (!strcmp(item, "match") && !strcmp(value, "subdomain"))
        o->subdomain = true;
    else if (!strcmp(item, "format") && (!strcmp(value, "csv") || !strcmp(value, "json") ||
                                         !strcmp(value, "ndjson")))
        o->format = value;
    else if (!strcmp(item, "value_key"))
        o->value_key = value;
    else if (!strcmp(item, "array_key"))
        o->array_key = value;
    else if (strcmp(item, "save") && strcmp(item, "memcap") && strcmp(item, "hashsize") &&
             strcmp(item, "context_key") && strcmp(item, "enrichment_key") &&
             strcmp(item, "remove_key"))
        return builder_fail(b, SEK_EINVAL,
                            "found '%.40s %.40s', expected type, load, save, state, match subdomain, "
                            "format csv|json|ndjson, value_key, array_key, context_key, remove_key, "
                            "memcap or hashsize", item, value);
    return SEK_OK;
}

static struct sek_dataset_format json_format(const struct set_options *o)
{
    return (struct sek_dataset_format){
        .json = o->format && strcmp(o->format, "csv"),
        .lines = o->format && !strcmp(o->format, "ndjson"),
        .value_key = o->value_key,
        .array_key = o->array_key,
    };
}

static enum sek_error kw_dataset(struct builder *b, char *arg)
{
    static const char *const commands[] = {"isset", "isnotset", "set", "unset"};
    char *command = text_next(&arg), *name = text_next(&arg);
    struct set_options o = {0};
    struct sek_fault why;
    struct sek_dataset *set;
    int n = -1;
    for (int i = 0; i < 4; i++)
        if (!strcmp(commands[i], command))
            n = i;
    if (n < 0 || !name)
        return builder_fail(b, SEK_EINVAL, "expected isset|isnotset|set|unset,name,options");
    if (!b->sticky)
        return builder_fail(b, SEK_EINVAL, "needs a sticky buffer before it");
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        enum sek_error rc = set_option(b, &o, item);
        if (rc)
            return rc;
    }
    if (!o.have_type)
        for (struct sek_dataset *d = b->rules->datasets; d; d = d->next)
            if (!strcmp(d->name, name))
                o.type = d->type;
    enum sek_error rc = sek_dataset_open(&b->rules->datasets, name, o.type, &set, &why);
    if (rc)
        return builder_fail(b, rc, "%s", why.message);
    struct sek_dataset_format format = json_format(&o);
    if (o.load && (rc = load(b, set, o.load, &format)))
        return rc;
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_DATASET);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->dataset.set = set;
    d->dataset.command = (unsigned)n;
    d->dataset.subdomain = o.subdomain;
    return SEK_OK;
}

/* datarep:name,>,200,load file,type string */
static enum sek_error kw_datarep(struct builder *b, char *arg)
{
    char *name = text_next(&arg), *op = text_next(&arg), *number = text_next(&arg), text[64];
    struct set_options o = {0};
    struct sek_dataset *set;
    struct sek_fault why;
    if (!number || strlen(op) + strlen(number) >= sizeof text)
        return builder_fail(b, SEK_EINVAL, "expected name,operator,number,options");
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        enum sek_error rc = set_option(b, &o, item);
        if (rc)
            return rc;
    }
    enum sek_error rc = sek_dataset_open(&b->rules->datasets, name, o.type, &set, &why);
    if (rc)
        return builder_fail(b, rc, "%s", why.message);
    if (o.load && (rc = load(b, set, o.load, &(struct sek_dataset_format){.reputation = true})))
        return rc;
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_DATAREP);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->dataset.set = set;
    strcpy(text, op);
    strcat(text, number);
    if (!sek_compare_parse(text, NULL, &d->dataset.reputation))
        return builder_fail(b, SEK_EINVAL, "'%s' is not a comparison", text);
    return SEK_OK;
}

/* iprep:src,CnC,>,30 */
static enum sek_error kw_iprep(struct builder *b, char *arg)
{
    static const char *const sides[] = {"src", "dst", "both", "any"};
    char *side = text_next(&arg), *category = text_next(&arg), *op = text_next(&arg), *number = text_next(&arg);
    char text[64];
    struct sek_condition *c = builder_condition(b, SEK_IF_IPREP);
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!op || strlen(op) + (number ? strlen(number) : 0) >= sizeof text)
        return builder_fail(b, SEK_EINVAL, "expected src|dst|both|any,category,operator,score or isset");
    c->side = 255;
    for (uint8_t i = 0; i < 4; i++)
        if (!strcmp(sides[i], side))
            c->side = i;
    int found = sek_iprep_category(b->rules->iprep, category);
    if (c->side == 255)
        return builder_fail(b, SEK_EINVAL, "found '%.20s', expected src, dst, both or any", side);
    if (found < 0)
        return builder_fail(b, SEK_EINVAL, "category '%.40s' is not in reputation-categories-file", category);
    c->event = (uint8_t)found;
    c->negated = !strcmp(op, "isnotset");
    if (c->negated || !strcmp(op, "isset")) {
        c->compare = (struct sek_compare){.op = SEK_GE};
        return SEK_OK;
    }
    snprintf(text, sizeof text, "%s%s", op, number ? number : "");
    if (!number || !sek_compare_parse(text, NULL, &c->compare))
        return builder_fail(b, SEK_EINVAL, "'%s' is not a comparison", text);
    return SEK_OK;
}

static enum sek_error file_hash(struct builder *b, char *arg, enum sek_dataset_type type)
{
    struct sek_condition *c = builder_condition(b, SEK_IF_FILE_HASH);
    struct sek_fault why;
    if (!c)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (*arg == '!') {
        c->negated = true;
        arg = sek_text_trim(arg + 1);
    }
    enum sek_error rc = sek_dataset_open(&b->rules->datasets, arg, type, &c->set, &why);
    if (rc)
        return builder_fail(b, rc, "%s", why.message);
    return load(b, c->set, arg, &(struct sek_dataset_format){0});
}

static enum sek_error kw_filemd5(struct builder *b, char *arg)
{
    return file_hash(b, arg, SEK_DATASET_MD5);
}

static enum sek_error kw_filesha1(struct builder *b, char *arg)
{
    return file_hash(b, arg, SEK_DATASET_SHA1);
}

static enum sek_error kw_filesha256(struct builder *b, char *arg)
{
    return file_hash(b, arg, SEK_DATASET_SHA256);
}

static enum sek_error kw_filestore(struct builder *b, char *arg)
{
    static const char *const dirs[] = {"request", "to_server", "response", "to_client", "both"};
    static const uint8_t bits[] = {1, 1, 2, 2, 3};
    char *dir = arg ? text_next(&arg) : NULL, *scope = arg ? text_next(&arg) : NULL;
    for (size_t i = 0; dir && i < sizeof dirs / sizeof *dirs; i++)
        if (!strcmp(dirs[i], dir))
            b->rule->store_dirs = bits[i];
    if (dir && !b->rule->store_dirs)
        return builder_fail(b, SEK_EINVAL, "found '%.20s', expected request, response or both", dir);
    b->rule->store_flow = scope && (!strcmp(scope, "ssn") || !strcmp(scope, "flow"));
    if (scope && !b->rule->store_flow && strcmp(scope, "file") && strcmp(scope, "tx"))
        return builder_fail(b, SEK_EINVAL, "found '%.20s', expected file, tx, ssn or flow", scope);
    b->rule->flags |= SEK_RULE_FILESTORE; /* there must be one to store */
    return builder_condition(b, SEK_IF_FILE) ? SEK_OK
                                             : builder_fail(b, SEK_ENOMEM, "out of memory");
}

static enum sek_error file_text(struct builder *b, char *arg, enum sek_condition_kind kind, uint8_t side)
{
    struct sek_condition *c = builder_condition(b, kind);
    if (!c || !text_unquote(&arg, &c->negated) || !*arg)
        return builder_fail(b, SEK_EINVAL, "expected a text in double quotes");
    c->text = sek_arena_strndup(b->arena, arg, strlen(arg));
    c->side = side;
    return c->text ? SEK_OK : builder_fail(b, SEK_ENOMEM, "out of memory");
}

static enum sek_error kw_fileext(struct builder *b, char *arg)
{
    return file_text(b, arg, SEK_IF_FILE_EXT, 0);
}

static enum sek_error kw_filename(struct builder *b, char *arg)
{
    return file_text(b, arg, SEK_IF_FILE_EXT, 1); /* anywhere in the name */
}

static enum sek_error kw_filemagic(struct builder *b, char *arg)
{
    struct sek_fault why;
    if (sek_file_magic_need(&why))
        return builder_fail(b, SEK_EUNSUPPORTED, "%s", why.message);
    return file_text(b, arg, SEK_IF_FILE_MAGIC, 0);
}

const struct keyword sek_data_keywords[] = {
    {"dataset", kw_dataset, ARG_REQUIRED, "the buffer is in a set, or goes into it"},
    {"datarep", kw_datarep, ARG_REQUIRED, "reputation of the buffer in a set"},
    {"iprep", kw_iprep, ARG_REQUIRED, "reputation of the addresses in a category"},
    {"filemd5", kw_filemd5, ARG_REQUIRED, "MD5 of a transferred file is in a list"},
    {"filesha1", kw_filesha1, ARG_REQUIRED, "SHA-1 of a transferred file is in a list"},
    {"filesha256", kw_filesha256, ARG_REQUIRED, "SHA-256 of a transferred file is in a list"},
    {"filestore", kw_filestore, ARG_OPTIONAL, "store transferred files: where, is up to the program"},
    {"fileext", kw_fileext, ARG_REQUIRED, "extension of a transferred file"},
    {"filename", kw_filename, ARG_REQUIRED, "part of the name of a transferred file"},
    {"filemagic", kw_filemagic, ARG_REQUIRED, "part of what file(1) says of a transferred file"},
    {0},
};
