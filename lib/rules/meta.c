/* Keywords that describe a rule: sid, msg, reference, classtype and the like. */
#include "lib/rules/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static char *keep(struct builder *b, const char *s)
{
    return sek_arena_strndup(b->arena, s, strlen(s));
}

static enum sek_error number(struct builder *b, const char *arg, uint32_t *out)
{
    int64_t v;
    if (!sek_text_int(arg, 0, UINT32_MAX, &v))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected a number 0..4294967295", arg);
    *out = (uint32_t)v;
    return SEK_OK;
}

static enum sek_error kw_sid(struct builder *b, char *arg)
{
    b->has_sid = true;
    enum sek_error rc = number(b, arg, &b->rule->sid);
    if (!rc && !b->rule->sid)
        rc = builder_fail(b, SEK_EINVAL, "found 0, expected 1..4294967295");
    return rc;
}

static enum sek_error kw_gid(struct builder *b, char *arg)
{
    return number(b, arg, &b->rule->gid);
}

static enum sek_error kw_rev(struct builder *b, char *arg)
{
    return number(b, arg, &b->rule->rev);
}

static enum sek_error kw_msg(struct builder *b, char *arg)
{
    bool negated;
    char *in, *out;
    if (!text_unquote(&arg, &negated) || negated)
        return builder_fail(b, SEK_EINVAL, "expected text in double quotes");
    if (!(arg = keep(b, arg)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (in = out = arg; *in; in++) {
        if (*in == '\\' && in[1] && strchr(";:\"\\", in[1]))
            in++;
        *out++ = *in;
    }
    *out = '\0';
    b->rule->msg = arg;
    return SEK_OK;
}

static enum sek_error kw_classtype(struct builder *b, char *arg)
{
    for (struct sek_class *c = b->rules->classes; c; c = c->next) {
        if (strcasecmp(c->name, arg))
            continue;
        b->rule->classtype = c->name;
        b->rule->class_text = c->text;
        if (!b->rule->priority)
            b->rule->priority = c->priority;
        return SEK_OK;
    }
    /* An unknown class is no reason to lose a rule: it gets the lowest priority. */
    b->rule->classtype = keep(b, arg);
    b->rule->class_text = b->rule->classtype;
    return SEK_OK;
}

static enum sek_error kw_priority(struct builder *b, char *arg)
{
    int64_t v;
    if (!sek_text_int(arg, 1, 255, &v))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected 1..255", arg);
    b->rule->priority = (uint8_t)v;
    return SEK_OK;
}

static enum sek_error kw_reference(struct builder *b, char *arg)
{
    static const char *const prefixes[][2] = {
        {"cve", "https://cve.mitre.org/cgi-bin/cvename.cgi?name="},
        {"bugtraq", "http://www.securityfocus.com/bid/"},
        {"url", "https://"},
        {"nessus", "https://www.tenable.com/plugins/nessus/"},
        {"exploitdb", "https://www.exploit-db.com/exploits/"},
        {"osvdb", "http://osvdb.org/show/osvdb/"},
        {"md5", "http://www.threatexpert.com/report.aspx?md5="},
    };
    char *type = text_next(&arg), *value = arg ? sek_text_trim(arg) : NULL;
    if (!value || !*value)
        return builder_fail(b, SEK_EINVAL, "expected type,value");
    const char *prefix = NULL;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strcasecmp(prefixes[i][0], type))
            prefix = prefixes[i][1];
    if (prefix && (strstr(value, "://") && !strcasecmp(type, "url")))
        prefix = "";
    struct sek_reference *r = sek_arena_alloc(b->arena, sizeof *r), **tail = &b->rule->references;
    size_t size = (prefix ? strlen(prefix) : strlen(type) + 2) + strlen(value) + 1;
    char *text = r ? sek_arena_alloc(b->arena, size) : NULL;
    if (!text)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (prefix)
        snprintf(text, size, "%s%s", prefix, value);
    else
        snprintf(text, size, "%s: %s", type, value);
    r->text = text;
    while (*tail)
        tail = &(*tail)->next;
    *tail = r;
    return SEK_OK;
}

static enum sek_error kw_metadata(struct builder *b, char *arg)
{
    struct sek_metadata **tail = &b->rule->metadata;
    while (*tail)
        tail = &(*tail)->next;
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        char *space = strchr(item, ' ');
        if (!*item)
            continue;
        struct sek_metadata *m = sek_arena_alloc(b->arena, sizeof *m);
        if (!m)
            return builder_fail(b, SEK_ENOMEM, "out of memory");
        if (space)
            *space++ = '\0';
        m->key = keep(b, item);
        m->value = keep(b, space ? sek_text_trim(space) : "");
        *tail = m;
        tail = &m->next;
    }
    return SEK_OK;
}

static enum sek_error kw_target(struct builder *b, char *arg)
{
    if (!strcmp(arg, "src_ip"))
        b->rule->flags |= SEK_RULE_TARGET_SRC;
    else if (!strcmp(arg, "dest_ip"))
        b->rule->flags |= SEK_RULE_TARGET_DST;
    else
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected src_ip or dest_ip", arg);
    return SEK_OK;
}

static enum sek_error kw_noalert(struct builder *b, char *arg)
{
    (void)arg;
    b->rule->flags |= SEK_RULE_NOALERT;
    return SEK_OK;
}

static enum sek_error kw_alert(struct builder *b, char *arg)
{
    (void)arg;
    b->rule->flags |= SEK_RULE_FORCE_ALERT;
    return SEK_OK;
}

/* `requires: feature x, keyword y, version >= 7` : a rule that is not for this engine is skipped
 * without being an error. Versions are those of the rule language. */
static enum sek_error kw_requires(struct builder *b, char *arg)
{
    static const unsigned language = 9; /* major version of the language that we read */
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        if (!strncmp(item, "version", 7)) {
            char *rest = sek_text_trim(item + 7);
            bool any = false;
            for (char *alt = strtok(rest, "|"); alt; alt = strtok(NULL, "|")) {
                struct sek_compare c;
                bool all = true;
                char *save, *part;
                for (part = strtok_r(alt, " ", &save); part; part = strtok_r(NULL, " ", &save)) {
                    char op[3] = "";
                    size_t n = strspn(part, "<>=");
                    if (n > 2)
                        return builder_fail(b, SEK_EINVAL, "'%s' is not a comparison", part);
                    memcpy(op, part, n);
                    char *number_text = part[n] ? part + n : strtok_r(NULL, " ", &save);
                    if (!number_text)
                        return builder_fail(b, SEK_EINVAL, "a version is missing");
                    uint64_t want = strtoull(number_text, NULL, 10);
                    c.op = !strcmp(op, ">=") ? SEK_GE : !strcmp(op, "<") ? SEK_LT
                           : !strcmp(op, ">") ? SEK_GT : !strcmp(op, "<=") ? SEK_LE : SEK_EQ;
                    c.low = want;
                    all &= sek_compare(&c, language);
                }
                any |= all;
            }
            if (!any)
                return SEK_EAGAIN;
        } else if (!strncmp(item, "feature", 7)) {
            static const char *const features[] = {"output::file-store", "true_packet_direction", "ja3", "ja4"};
            char *name = sek_text_trim(item + 7);
            bool known = false;
            for (size_t i = 0; i < sizeof features / sizeof *features; i++)
                known |= !strcmp(features[i], name);
            if (!known)
                return SEK_EAGAIN;
        } else if (strncmp(item, "keyword", 7) || !rule_keyword_known(sek_text_trim(item + 7))) {
            return SEK_EAGAIN; /* a demand that we do not know cannot be met */
        }
    }
    return SEK_OK;
}

/* A condition is to be asked before patterns are searched. Conditions always are asked first here. */
static enum sek_error kw_prefilter(struct builder *b, char *arg)
{
    (void)b, (void)arg;
    return SEK_OK;
}

/* Buffers from here on are of the request, or of the answer (rules with `=>`). */
static enum sek_error bidir(struct builder *b, uint8_t dir)
{
    if (!(b->rule->flags & SEK_RULE_TWO_WAY))
        return builder_fail(b, SEK_EINVAL, "needs a rule with the direction =>");
    b->dir_forced = true;
    b->dir = dir;
    return SEK_OK;
}

static enum sek_error kw_bidir_toserver(struct builder *b, char *arg)
{
    (void)arg;
    return bidir(b, 0);
}

static enum sek_error kw_bidir_toclient(struct builder *b, char *arg)
{
    (void)arg;
    return bidir(b, 1);
}

/* Of the action `config`: logging disable, type tx, scope tx. */
static enum sek_error kw_config(struct builder *b, char *arg)
{
    if (!(b->rule->flags & SEK_RULE_CONFIG))
        return builder_fail(b, SEK_EINVAL, "needs the action `config`");
    for (char *item = text_next(&arg); item; item = text_next(&arg))
        if (strcmp(item, "logging disable") && strcmp(item, "type tx") && strcmp(item, "type flow") &&
            strcmp(item, "scope tx") && strcmp(item, "scope flow"))
            return builder_fail(b, SEK_EINVAL, "found '%.40s', expected logging disable, type tx|flow, "
                                               "scope tx|flow", item);
    return SEK_OK;
}

/* What is read, so that the message says why it cannot be done, and not that it is unknown. */
#define REFUSED_KEYWORD(fn, why)                                                                   \
    static enum sek_error fn(struct builder *b, char *arg)                                         \
    {                                                                                              \
        (void)arg;                                                                                 \
        return builder_fail(b, SEK_EUNSUPPORTED, "is not supported: " why);                        \
    }

REFUSED_KEYWORD(kw_lua, "rules run no scripts, whose cost and reach nobody can bound")
REFUSED_KEYWORD(kw_geoip, "no database of countries ships with the system; use datasets or iprep")
REFUSED_KEYWORD(kw_nfq_set_mark, "verdicts do not pass through netfilter marks")

const struct keyword sek_meta_keywords[] = {
    {"sid", kw_sid, ARG_REQUIRED, "signature id"},
    {"gid", kw_gid, ARG_REQUIRED, "group id"},
    {"rev", kw_rev, ARG_REQUIRED, "revision"},
    {"msg", kw_msg, ARG_REQUIRED, "text of the alert"},
    {"classtype", kw_classtype, ARG_REQUIRED, "class, gives category and priority"},
    {"priority", kw_priority, ARG_REQUIRED, "severity 1..255"},
    {"reference", kw_reference, ARG_REQUIRED, "where to read more"},
    {"metadata", kw_metadata, ARG_REQUIRED, "key value pairs, copied into the alert"},
    {"target", kw_target, ARG_REQUIRED, "which side is the victim"},
    {"noalert", kw_noalert, ARG_NONE, "match without a record"},
    {"alert", kw_alert, ARG_NONE, "a record also for pass rules"},
    {"prefilter", kw_prefilter, ARG_NONE, "accepted: conditions are always asked first"},
    {"bidir.toserver", kw_bidir_toserver, ARG_NONE, "buffers of the request from here on"},
    {"bidir.toclient", kw_bidir_toclient, ARG_NONE, "buffers of the answer from here on"},
    {"config", kw_config, ARG_REQUIRED, "what the action `config` changes"},
    {"lua", kw_lua, ARG_OPTIONAL, "refused: no scripts"},
    {"luajit", kw_lua, ARG_OPTIONAL, "refused: no scripts"},
    {"luaxform", kw_lua, ARG_OPTIONAL, "refused: no scripts"},
    {"geoip", kw_geoip, ARG_OPTIONAL, "refused: no database"},
    {"nfq_set_mark", kw_nfq_set_mark, ARG_OPTIONAL, "refused: no netfilter marks"},
    {"requires", kw_requires, ARG_REQUIRED, "skip the rule where something is missing"},
    {0},
};
