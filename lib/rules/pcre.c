/* pcre:"/expression/flags". Compiled with JIT; legacy flags that name a buffer (U, I, P, H ...) move
 * the expression there. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/rules/builder.h"
#include "lib/app/buffers.h"

#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct code_list {
    struct code_list *next;
    pcre2_code *code;
};

void sek_pcre_free_all(void *list)
{
    for (struct code_list *c = list; c; c = c->next)
        pcre2_code_free(c->code);
}

enum sek_error pcre_compile(struct builder *b, const char *pattern, size_t len, uint32_t options,
                            void **out)
{
    int error;
    PCRE2_SIZE at;
    struct code_list *node = sek_arena_alloc(b->arena, sizeof *node);
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, len, options, &error, &at, NULL);
    if (!code || !node) {
        PCRE2_UCHAR text[120] = "out of memory";
        if (!code)
            pcre2_get_error_message(error, text, sizeof text);
        pcre2_code_free(code);
        return builder_fail(b, SEK_EINVAL, "expression is wrong at character %zu: %s", (size_t)at,
                            (char *)text);
    }
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* the interpreter is the fallback */
    node->code = code;
    node->next = b->rules->pcre_codes;
    b->rules->pcre_codes = node;
    *out = code;
    return SEK_OK;
}

/* Buffers that legacy flags name. */
static const char *flag_buffer(char flag)
{
    switch (flag) {
    case 'U':
        return "http.uri";
    case 'I':
        return "http.uri.raw";
    case 'P':
        return "http.request_body";
    case 'Q':
        return "http.response_body";
    case 'H':
        return "http.header";
    case 'D':
        return "http.header.raw";
    case 'M':
        return "http.method";
    case 'C':
        return "http.cookie";
    case 'S':
        return "http.stat_code";
    case 'Y':
        return "http.stat_msg";
    case 'V':
        return "http.user_agent";
    case 'W':
        return "http.host";
    case 'Z':
        return "http.host.raw";
    default:
        return NULL;
    }
}

/* The part that buffer NAME has in this rule, made when there is none. */
static struct part *part_named(struct builder *b, const char *name)
{
    int id = sek_buffer_find(name, SEK_BUFFER_STICKY);
    for (struct part *p = b->parts; p; p = p->next)
        if (p->view.target == SEK_TARGET_APP + id && !p->view.count)
            return p;
    return builder_part(b, SEK_TARGET_APP + id);
}

/* One capture: scope "flow" or "pkt", NAME, group. */
static enum sek_error capture_add(struct builder *b, struct sek_pcre *p, bool flow, const char *name,
                                  unsigned group)
{
    char full[200];
    if (p->capture_count == SEK_CAPTURES_MAX)
        return builder_fail(b, SEK_ELIMIT, "more than %d captures", SEK_CAPTURES_MAX);
    if (!p->captures &&
        !(p->captures = sek_arena_alloc(b->arena, SEK_CAPTURES_MAX * sizeof *p->captures)))
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    snprintf(full, sizeof full, "text.%.180s", name);
    p->captures[p->capture_count++] =
        (struct sek_capture){.name = builder_name(b, full), .group = (uint8_t)group, .flow = flow};
    return SEK_OK;
}

/* ", flow:name, pkt:name" after the closing quote's flags: for the groups in order. */
static enum sek_error capture_list(struct builder *b, struct sek_pcre *p, char *list)
{
    unsigned group = 1;
    for (char *item = text_next(&list); item; item = text_next(&list)) {
        bool flow = !strncmp(item, "flow:", 5), packet = !strncmp(item, "pkt:", 4);
        if (!flow && !packet)
            return builder_fail(b, SEK_EINVAL, "found '%.40s', expected flow:NAME or pkt:NAME", item);
        enum sek_error rc = capture_add(b, p, flow, item + (flow ? 5 : 4), group++);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

/* Groups called (?P<flow_NAME>...) and (?P<pkt_NAME>...). */
static enum sek_error capture_groups(struct builder *b, struct sek_pcre *p)
{
    uint32_t count = 0, size = 0;
    PCRE2_SPTR table;
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(p->code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *entry = table + i * size;
        const char *name = (const char *)entry + 2;
        unsigned group = (unsigned)(entry[0] << 8 | entry[1]);
        bool flow = !strncmp(name, "flow_", 5);
        if (!flow && strncmp(name, "pkt_", 4))
            continue;
        enum sek_error rc = capture_add(b, p, flow, strchr(name, '_') + 1, group);
        if (rc)
            return rc;
    }
    return SEK_OK;
}

enum sek_error pcre_keyword(struct builder *b, char *arg)
{
    char *names = NULL;
    bool negated;
    uint32_t options = 0;
    struct part *part = b->current;
    bool relative = false;
    if (!text_unquote(&arg, &negated))
        return builder_fail(b, SEK_EINVAL, "expected \"/expression/flags\"");
    char *begin = arg;
    if (*begin == 'm' && begin[1] && begin[1] != '/')
        begin++;
    char delimiter = *begin;
    char *end = *begin ? strrchr(begin + 1, delimiter) : NULL;
    if (!end || delimiter != '/')
        return builder_fail(b, SEK_EINVAL, "found '%.60s', expected /expression/flags", arg);
    if ((names = strchr(end, ',')))
        *names++ = '\0';
    for (const char *f = sek_text_trim(end + 1); *f; f++) {
        const char *buffer = flag_buffer(*f);
        switch (*f) {
        case 'i':
            options |= PCRE2_CASELESS;
            continue;
        case 's':
            options |= PCRE2_DOTALL;
            continue;
        case 'm':
            options |= PCRE2_MULTILINE;
            continue;
        case 'x':
            options |= PCRE2_EXTENDED;
            continue;
        case 'A':
            options |= PCRE2_ANCHORED;
            continue;
        case 'E':
            options |= PCRE2_DOLLAR_ENDONLY;
            continue;
        case 'G':
            options |= PCRE2_UNGREEDY;
            continue;
        case 'R':
            relative = true;
            continue;
        case 'B':
        case 'O':
            continue; /* raw bytes, and the limit override: the default here */
        }
        if (!buffer)
            return builder_fail(b, SEK_EINVAL, "flag '%c' is not known", *f);
        if (!b->sticky && !(part = part_named(b, buffer)))
            return builder_fail(b, SEK_ENOMEM, "out of memory");
    }
    struct sek_detector *d = builder_detector(b, part, SEK_DETECT_PCRE);
    if (!d)
        return builder_fail(b, SEK_ENOMEM, "out of memory");
    d->pcre.negated = negated;
    d->pcre.relative = relative;
    if (relative && part == b->current)
        builder_follow(b, d);
    enum sek_error rc =
        pcre_compile(b, begin + 1, (size_t)(end - begin - 1), options, &d->pcre.code);
    if (!rc)
        rc = names ? capture_list(b, &d->pcre, names) : capture_groups(b, &d->pcre);
    return rc;
}
