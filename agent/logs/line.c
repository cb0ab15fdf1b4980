/* The header is read by hand: it is the same few forms on every machine. */
#include "agent/logs/line.h"

#include <stdbool.h>
#include <string.h>

#define TAG_LIMIT 48u

struct cursor {
    const char *at, *end;
};

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || upper(c);
}

/* FORM: '0' a digit, '_' a digit or blank, 'A' and 'a' letters, anything else itself. */
static bool take_form(struct cursor *c, const char *form)
{
    const char *p = c->at;
    for (; *form; form++, p++) {
        if (p == c->end)
            return false;
        bool good = *form == '0'   ? digit(*p)
                    : *form == '_' ? digit(*p) || *p == ' '
                    : *form == 'A' ? upper(*p)
                    : *form == 'a' ? letter(*p)
                                   : *p == *form;
        if (!good)
            return false;
    }
    c->at = p;
    return true;
}

/* A word and the blank after it. */
static bool take_word(struct cursor *c)
{
    const char *blank = memchr(c->at, ' ', (size_t)(c->end - c->at));
    if (!blank || blank == c->at)
        return false;
    c->at = blank + 1;
    return true;
}

static bool take_time(struct cursor *c)
{
    if (take_form(c, "Aaa _0 00:00:00 "))
        return true;
    struct cursor start = *c;
    if (take_form(c, "0000-00-00T00:00:00") && take_word(c))
        return true;
    *c = start;
    return false;
}

/* "program[12]: " or "program: ". */
static bool take_tag(struct cursor *c, struct sek_log_text *program)
{
    const char *p = c->at;
    while (p < c->end && p - c->at<(ptrdiff_t)TAG_LIMIT && * p> ' ' && *p != '[' && *p != ':')
        p++;
    struct sek_log_text name = {c->at, (uint32_t)(p - c->at)};
    if (!name.len || p == c->end)
        return false;
    if (*p == '[') {
        for (p++; p < c->end && digit(*p); p++)
            ;
        if (p == c->end || *p++ != ']')
            return false;
    }
    if (c->end - p < 2 || p[0] != ':' || p[1] != ' ')
        return false;
    *program = name;
    c->at = p + 2;
    return true;
}

void sek_log_line_parse(struct sek_log_line *out, const char *source, const char *line, size_t len)
{
    if (len > SEK_LOG_LINE)
        len = SEK_LOG_LINE;
    if (len && line[len - 1] == '\r')
        len--;
    *out = (struct sek_log_line){.whole = {line, (uint32_t)len},
                                 .message = {line, (uint32_t)len},
                                 .source = source,
                                 .uid = -1};
    struct cursor c = {line, line + len};
    if (len && *line == '<' && memchr(line, '>', len < 6 ? len : 6))
        c.at = (const char *)memchr(line, '>', len) + 1;
    if (take_time(&c) && take_word(&c) && take_tag(&c, &out->program))
        out->message = (struct sek_log_text){c.at, (uint32_t)(c.end - c.at)};
}
