/* Indicators from outside: indicators.json of a bundle, and the text lists that feeds publish. */
#include "lib/reputation/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define LINE_LIMIT 2048

static enum sek_error json_item(struct sek_reputation_builder *b, json_t *item,
                                struct sek_fault *fault)
{
    struct sek_indicator i = {
        .type = json_string_value(json_object_get(item, "type")),
        .value = json_string_value(json_object_get(item, "value")),
        .source = json_string_value(json_object_get(item, "source")),
        .reason = json_string_value(json_object_get(item, "reason")),
        .confidence = 100,
    };
    json_t *confidence = json_object_get(item, "confidence");
    json_t *expiry = json_object_get(item, "expiry");
    if (!json_is_object(item))
        return sek_fail(fault, SEK_EINVAL, "not an object");
    if (!i.type)
        return sek_fail(fault, SEK_EINVAL,
                        "type: missing, expected ip, cidr, domain, url, sha256 or ja3");
    if (confidence && !json_is_null(confidence)) {
        json_int_t v = json_integer_value(confidence);
        if (!json_is_integer(confidence) || v < 0 || v > 100)
            return sek_fail(fault, SEK_EINVAL, "confidence: expected a number 0..100");
        i.confidence = (unsigned)v;
    }
    if (expiry && !json_is_null(expiry)) {
        if (!json_is_integer(expiry) || json_integer_value(expiry) < 0)
            return sek_fail(fault, SEK_EINVAL, "expiry: expected seconds since 1970, or null");
        i.expiry = (uint64_t)json_integer_value(expiry);
    }
    return sek_reputation_add(b, &i, fault);
}

enum sek_error sek_reputation_add_json(struct sek_reputation_builder *b, const char *name,
                                       const char *text, size_t len, struct sek_fault *fault)
{
    json_error_t error;
    enum sek_error rc = SEK_OK;
    json_t *list = json_loadb(text, len, 0, &error);
    size_t n;
    json_t *item;
    if (!list)
        return sek_fail(fault, SEK_EINVAL, "%s:%d: not JSON: %.200s", name, error.line, error.text);
    if (!json_is_array(list))
        rc = sek_fail(fault, SEK_EINVAL, "%s: expected a list of indicators", name);
    else
        json_array_foreach(list, n, item)
        {
            rc = json_item(b, item, fault);
            if (rc) {
                sek_fail_context(fault, rc, "%s: item %zu", name, n);
                break;
            }
        }
    json_decref(list);
    return rc;
}

/* Cut the line down to its indicator: comments, ipsum's hit count, CSV columns, maltrail's
 * address:port. REASON receives the comment, if any. Returns NULL for a line that says nothing. */
static char *list_value(char *line, const char **reason)
{
    char *hash = strchr(line, '#');
    if (hash) {
        *hash = '\0';
        hash++;
        hash += strspn(hash, " \t");
        hash[strcspn(hash, "\r")] = '\0';
        if (*hash)
            *reason = hash;
    }
    line += strspn(line, " \t\xef\xbb\xbf\"");
    line[strcspn(line, " \t\r,;\"")] = '\0';
    if (!*line || *line == '/' || *line == '!')
        return NULL;
    char *colon = strchr(line, ':');
    bool v4_port = colon && !strchr(colon + 1, ':') &&
                   strspn(line, "0123456789.") == (size_t)(colon - line) &&
                   strspn(colon + 1, "0123456789") == strlen(colon + 1);
    if (v4_port)
        *colon = '\0';
    return line;
}

enum sek_error sek_reputation_add_list(struct sek_reputation_builder *b, const char *name,
                                       const char *text, size_t len,
                                       struct sek_reputation_list *list, struct sek_fault *fault)
{
    const char *p = text, *end = text + len;
    for (unsigned number = 1; p < end; number++) {
        char line[LINE_LIMIT];
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t n = (size_t)((newline ? newline : end) - p);
        enum sek_error rc;
        if (n >= sizeof line || memchr(p, '\0', n)) {
            rc = sek_fail(fault, SEK_EINVAL, "longer than %d bytes, or not text", LINE_LIMIT - 1);
        } else {
            struct sek_indicator i = {
                .source = list->source,
                .reason = list->reason,
                .confidence = list->confidence,
                .expiry = list->expiry,
            };
            memcpy(line, p, n);
            line[n] = '\0';
            i.value = list_value(line, &i.reason);
            rc = i.value ? sek_reputation_add(b, &i, fault) : SEK_OK;
            list->added += i.value && !rc;
        }
        if (rc == SEK_EINVAL && list->skip_bad)
            list->skipped++;
        else if (rc)
            return sek_fail_context(fault, rc, "%s:%u", name, number);
        p += n + 1;
    }
    return SEK_OK;
}
