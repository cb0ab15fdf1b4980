/* pcre:"/expression/flags". Compiled with JIT; legacy flags that name a buffer (U, I, P, H ...) move
 * the expression there. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "lib/rules/builder.h"
#include "lib/app/buffers.h"

#include <pcre2.h>
#include <stdlib.h>

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

enum sek_error pcre_keyword(struct builder *b, char *arg)
{
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
    for (const char *f = end + 1; *f; f++) {
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
    return pcre_compile(b, begin + 1, (size_t)(end - begin - 1), options, &d->pcre.code);
}
