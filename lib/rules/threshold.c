/* How often a rule may speak: threshold, detection_filter, and tag. */
#include "lib/rules/builder.h"

#include <strings.h>

bool threshold_track(const char *s, enum sek_track *out)
{
    static const struct {
        const char *name;
        enum sek_track track;
    } table[] = {{"by_src", SEK_TRACK_SRC},   {"by_dst", SEK_TRACK_DST},
                 {"by_both", SEK_TRACK_BOTH}, {"by_rule", SEK_TRACK_RULE},
                 {"by_flow", SEK_TRACK_FLOW}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!strcmp(table[i].name, s)) {
            *out = table[i].track;
            return true;
        }
    }
    return false;
}

static enum sek_error parse(struct builder *b, char *arg, struct sek_threshold *t, bool typed)
{
    static const char *const types[] = {"", "limit", "threshold", "both", "", "backoff"};
    bool have_track = false, have_type = !typed;
    int64_t v;
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        char *value = item + strcspn(item, " \t");
        if (*value)
            *value++ = '\0';
        value = sek_text_trim(value);
        bool good = true;
        if (!strcmp(item, "type") && typed) {
            good = false;
            for (size_t i = 1; i < sizeof types / sizeof *types; i++) {
                if (*types[i] && !strcmp(types[i], value)) {
                    t->type = (enum sek_threshold_type)i;
                    good = have_type = true;
                }
            }
        } else if (!strcmp(item, "track")) {
            good = have_track = threshold_track(value, &t->track);
        } else if (!strcmp(item, "count")) {
            good = sek_text_int(value, 1, UINT32_MAX, &v);
            t->count = good ? (uint32_t)v : 0;
        } else if (!strcmp(item, "seconds")) {
            good = sek_text_int(value, 1, UINT32_MAX, &v);
            t->seconds = good ? (uint32_t)v : 0;
        } else if (!strcmp(item, "multiplier")) {
            good = sek_text_int(value, 2, UINT32_MAX, &v);
            t->multiplier = good ? (uint32_t)v : 0;
        } else if (!strcmp(item, "unique_on")) {
            t->unique = !strcmp(value, "src_port") ? 1 : !strcmp(value, "dst_port") ? 2 : 0;
            good = t->unique;
        } else {
            good = false;
        }
        if (!good)
            return builder_fail(b, SEK_EINVAL,
                                "found '%.40s %.40s', expected type, track, count or seconds", item,
                                value);
    }
    if (!have_type || !have_track || !t->count ||
        (t->type != SEK_THRESHOLD_BACKOFF && !t->seconds))
        return builder_fail(b, SEK_EINVAL, "needs type, track, count and seconds");
    return SEK_OK;
}

enum sek_error threshold_parse(struct builder *b, char *arg, struct sek_threshold *out)
{
    return parse(b, arg, out, true);
}

static enum sek_error kw_threshold(struct builder *b, char *arg)
{
    return parse(b, arg, &b->rule->threshold, true);
}

static enum sek_error kw_detection_filter(struct builder *b, char *arg)
{
    b->rule->filter.type = SEK_THRESHOLD_FILTER;
    return parse(b, arg, &b->rule->filter, false);
}

/* tag:session|host,count,packets|seconds|bytes,src|dst: the packets after the match are recorded. */
static enum sek_error kw_tag(struct builder *b, char *arg)
{
    char *scope = text_next(&arg), *count = arg ? text_next(&arg) : NULL;
    char *unit = arg ? text_next(&arg) : NULL, *side = arg ? text_next(&arg) : NULL;
    int64_t v = 256;
    bool host = !strcmp(scope, "host");
    if (!host && strcmp(scope, "session"))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected session or host", scope);
    if (count && !sek_text_int(count, 0, UINT32_MAX, &v))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected a count", count);
    if (unit && strcmp(unit, "packets") && strcmp(unit, "seconds") && strcmp(unit, "bytes"))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected packets, seconds or bytes", unit);
    if (host && (!side || (strcmp(side, "src") && strcmp(side, "dst"))))
        return builder_fail(b, SEK_EINVAL, "host needs src or dst");
    b->rule->flags |= SEK_RULE_TAG;
    b->rule->tag.track = !host ? SEK_TRACK_FLOW : !strcmp(side, "src") ? SEK_TRACK_SRC : SEK_TRACK_DST;
    b->rule->tag.count = (uint32_t)v;
    b->rule->tag.unique = !unit ? 'p' : (uint8_t)unit[0];
    return SEK_OK;
}

const struct keyword sek_threshold_keywords[] = {
    {"threshold", kw_threshold, ARG_REQUIRED, "limit the records of a rule"},
    {"detection_filter", kw_detection_filter, ARG_REQUIRED, "match only from this rate on"},
    {"tag", kw_tag, ARG_REQUIRED, "record the packets that follow"},
    {0},
};
