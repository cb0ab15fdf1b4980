/* content and its modifiers, bsize, isdataat, absent. */
#include "lib/rules/builder.h"
#include "lib/app/buffers.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

static enum sek_error kw_content(struct builder *b, char *arg)
{
    bool negated;
    char *text = sek_text_trim(arg);
    if ((*text != '"' && *text != '!') || !text_unquote(&text, &negated))
        return builder_fail(b, SEK_EINVAL, "expected text in double quotes, found '%.60s'", arg);
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_CONTENT);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->content.negated = negated;
    b->last_content = d;
    b->last_part = b->current;
    return content_bytes(b, text, strlen(text), &d->content.bytes, &d->content.len);
}

/* Old form of a content in the normalised URI. */
static enum sek_error kw_uricontent(struct builder *b, char *arg)
{
    struct part *payload = b->current;
    b->current = builder_part(b, SEK_TARGET_APP + sek_buffer_find("http.uri", SEK_BUFFER_STICKY));
    enum sek_error rc = b->current ? kw_content(b, arg) : builder_fail(b, SEK_ENOMEM, "out of memory");
    b->current = payload;
    return rc;
}

static enum sek_error last(struct builder *b, struct sek_content **out)
{
    if (!b->last_content)
        return builder_fail(b, SEK_EINVAL, "needs a content before it in the same buffer");
    *out = &b->last_content->content;
    return SEK_OK;
}

static enum sek_error kw_nocase(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    (void)arg;
    if (rc)
        return rc;
    c->nocase = true;
    for (unsigned i = 0; i < c->len; i++)
        c->bytes[i] = (uint8_t)tolower(c->bytes[i]);
    return SEK_OK;
}

static enum sek_error place(struct builder *b, char *arg, int64_t low, struct sek_value *out,
                            bool *has, bool unique)
{
    if (*has && unique)
        return builder_fail(b, SEK_EINVAL, "is given twice for one content");
    *has = true;
    return value_parse(b, arg, low, 65535, out);
}

static enum sek_error kw_depth(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    if (!rc)
        rc = place(b, arg, 0, &c->depth, &c->has_depth, true);
    if (!rc && c->depth.var < 0 && c->depth.number < c->len)
        rc = builder_fail(b, SEK_EINVAL, "found %lld, expected at least the content's length %u",
                          (long long)c->depth.number, c->len);
    return rc;
}

static enum sek_error kw_offset(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    return rc ? rc : place(b, arg, 0, &c->offset, &c->has_offset, true);
}

static enum sek_error kw_distance(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    return rc ? rc : place(b, arg, -65535, &c->distance, &c->has_distance, true);
}

static enum sek_error kw_within(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    if (!rc)
        rc = place(b, arg, -65535, &c->within, &c->has_within, true);
    if (!rc && c->within.var < 0 && c->within.number < c->len)
        rc = builder_fail(b, SEK_EINVAL, "found %lld, expected at least the content's length %u",
                          (long long)c->within.number, c->len);
    return rc;
}

static enum sek_error kw_startswith(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    (void)arg;
    if (rc)
        return rc;
    if (c->has_depth || c->has_offset || c->has_distance || c->has_within)
        return builder_fail(b, SEK_EINVAL, "cannot go with depth, offset, distance or within");
    c->startswith = c->has_depth = true;
    c->depth = (struct sek_value){.number = c->len, .var = -1};
    return SEK_OK;
}

static enum sek_error kw_endswith(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    (void)arg;
    if (!rc)
        c->endswith = true;
    return rc;
}

static enum sek_error kw_fast_pattern(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    int64_t offset, len;
    if (rc)
        return rc;
    if (c->negated && (c->has_depth || c->has_offset || c->has_distance || c->has_within))
        return builder_fail(b, SEK_EINVAL, "cannot go with a negated content that has a place");
    c->fast_pattern = true;
    if (!arg || !*arg)
        return SEK_OK;
    if (!strcmp(arg, "only")) {
        c->fast_pattern_only = true;
        return SEK_OK;
    }
    char *list = arg, *first = text_next(&list), *second = text_next(&list);
    if (!second || !sek_text_int(first, 0, c->len, &offset) ||
        !sek_text_int(second, 1, c->len - offset, &len))
        return builder_fail(b, SEK_EINVAL, "expected `only` or offset,length inside the content");
    c->chop_offset = (uint16_t)offset;
    c->chop_len = (uint16_t)len;
    return SEK_OK;
}

static enum sek_error kw_replace(struct builder *b, char *arg)
{
    struct sek_content *c = NULL;
    enum sek_error rc = last(b, &c);
    bool negated;
    uint16_t len;
    if (rc)
        return rc;
    if (b->last_part != b->payload)
        return builder_fail(b, SEK_EINVAL, "works on packet payload only");
    if (!text_unquote(&arg, &negated) || negated)
        return builder_fail(b, SEK_EINVAL, "expected text in double quotes");
    rc = content_bytes(b, arg, strlen(arg), &c->replace, &len);
    if (!rc && len != c->len)
        rc = builder_fail(b, SEK_EINVAL, "found %u bytes, expected as many as the content's %u", len,
                          c->len);
    return rc;
}

static enum sek_error kw_rawbytes(struct builder *b, char *arg)
{
    (void)b, (void)arg; /* payload is always raw here */
    return SEK_OK;
}

static enum sek_error kw_isdataat(struct builder *b, char *arg)
{
    char *item = text_next(&arg);
    bool negated = item && *item == '!';
    if (!item)
        return builder_fail(b, SEK_EINVAL, "needs a number");
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_ISDATAAT);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->isdataat.negated = negated;
    enum sek_error rc = value_parse(b, sek_text_trim(item + negated), 0, 65535, &d->isdataat.at);
    while (!rc && (item = text_next(&arg))) {
        if (!strcmp(item, "relative"))
            d->isdataat.relative = true;
        else if (strcmp(item, "rawbytes"))
            rc = builder_fail(b, SEK_EINVAL, "found '%.40s', expected relative or rawbytes", item);
    }
    if (d->isdataat.relative)
        builder_follow(b, d);
    return rc;
}

static enum sek_error kw_bsize(struct builder *b, char *arg)
{
    if (!b->sticky)
        return builder_fail(b, SEK_EINVAL, "needs a sticky buffer before it");
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_SIZE);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    if (!sek_compare_parse(arg, NULL, &d->size))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected N, <N, >N, N<>M", arg);
    return SEK_OK;
}

static enum sek_error kw_absent(struct builder *b, char *arg)
{
    if (!b->sticky)
        return builder_fail(b, SEK_EINVAL, "needs a sticky buffer before it");
    if (arg && strcmp(arg, "or_else"))
        return builder_fail(b, SEK_EINVAL, "found '%.40s', expected nothing or or_else", arg);
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_ABSENT);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->or_else = arg != NULL;
    return SEK_OK;
}

/* entropy: bytes 0, offset 0, value >= 4.5 */
static enum sek_error kw_entropy(struct builder *b, char *arg)
{
    static const struct {
        const char *text;
        enum sek_compare_op op;
    } ops[] = {{">=", SEK_GE}, {"<=", SEK_LE}, {"!=", SEK_NE}, {"=", SEK_EQ}, {">", SEK_GT},
               {"<", SEK_LT}};
    struct sek_detector *d = builder_detector(b, b->current, SEK_DETECT_ENTROPY);
    bool has_value = false;
    int64_t v;
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    for (char *item = text_next(&arg); item; item = text_next(&arg)) {
        if (!strncmp(item, "bytes", 5) && sek_text_int(item + 5, 0, UINT32_MAX, &v)) {
            d->entropy.bytes = (uint32_t)v;
        } else if (!strncmp(item, "offset", 6) && sek_text_int(item + 6, 0, UINT32_MAX, &v)) {
            d->entropy.offset = (uint32_t)v;
        } else if (!strncmp(item, "value", 5)) {
            char *t = sek_text_trim(item + 5), *end;
            d->entropy.op = SEK_EQ;
            for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
                if (!strncmp(t, ops[i].text, strlen(ops[i].text))) {
                    d->entropy.op = ops[i].op;
                    t = sek_text_trim(t + strlen(ops[i].text));
                    break;
                }
            }
            d->entropy.value = strtod(t, &end);
            has_value = end != t && !*end && d->entropy.value >= 0 && d->entropy.value <= 8;
        } else {
            return builder_fail(b, SEK_EINVAL, "found '%.40s', expected bytes N, offset N or value", item);
        }
    }
    return has_value ? SEK_OK
                     : builder_fail(b, SEK_EINVAL, "needs `value` with a number 0..8, as in value >= 4.5");
}

const struct keyword sek_content_keywords[] = {
    {"content", kw_content, ARG_REQUIRED, "bytes that are in the buffer"},
    {"uricontent", kw_uricontent, ARG_REQUIRED, "old form of content with http_uri"},
    {"nocase", kw_nocase, ARG_NONE, "ASCII case does not matter"},
    {"depth", kw_depth, ARG_REQUIRED, "look at this many bytes from offset on"},
    {"offset", kw_offset, ARG_REQUIRED, "begin to look here"},
    {"distance", kw_distance, ARG_REQUIRED, "begin this far after the last match"},
    {"within", kw_within, ARG_REQUIRED, "end at most this far after the last match"},
    {"startswith", kw_startswith, ARG_NONE, "at the beginning of the buffer"},
    {"endswith", kw_endswith, ARG_NONE, "at the end of the buffer"},
    {"fast_pattern", kw_fast_pattern, ARG_OPTIONAL, "look for this content first"},
    {"replace", kw_replace, ARG_REQUIRED, "overwrite the match (inline)"},
    {"rawbytes", kw_rawbytes, ARG_OPTIONAL, "accepted; payload is always raw"},
    {"isdataat", kw_isdataat, ARG_REQUIRED, "there is data at this place"},
    {"bsize", kw_bsize, ARG_REQUIRED, "size of the buffer"},
    {"entropy", kw_entropy, ARG_REQUIRED, "Shannon entropy of the buffer, in bits per byte"},
    {"absent", kw_absent, ARG_OPTIONAL, "the buffer does not exist"},
    {"pcre", pcre_keyword, ARG_REQUIRED, "regular expression (PCRE2)"},
    {0},
};
