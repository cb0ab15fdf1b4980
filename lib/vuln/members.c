/* Top-level scanner. Values are only delimited here (strings and brackets); jansson judges what is
 * inside when a value is parsed. */
#include "lib/vuln/members.h"

#include <string.h>

static enum sek_error complain(const struct sek_members *m, size_t at, const char *expected,
                               struct sek_fault *fault)
{
    size_t line = 1;
    for (size_t i = 0; i < at && i < m->len; i++)
        line += m->text[i] == '\n';
    if (at >= m->len)
        return sek_fail(fault, SEK_EINVAL, "%s: line %zu, byte %zu: the text is cut off, %s expected",
                        m->name, line, m->len, expected);
    unsigned char c = (unsigned char)m->text[at];
    if (c >= 0x20 && c < 0x7f)
        return sek_fail(fault, SEK_EINVAL, "%s: line %zu, byte %zu: found '%c', %s expected",
                        m->name, line, at, c, expected);
    return sek_fail(fault, SEK_EINVAL, "%s: line %zu, byte %zu: found byte 0x%02x, %s expected",
                    m->name, line, at, c, expected);
}

static void skip_blank(struct sek_members *m)
{
    while (m->pos < m->len && strchr(" \t\r\n", m->text[m->pos]) && m->text[m->pos])
        m->pos++;
}

/* Past the string that starts at AT; m->len when it does not end. */
static size_t string_end(const struct sek_members *m, size_t at)
{
    for (at++; at < m->len; at++) {
        if (m->text[at] == '\\')
            at++;
        else if (m->text[at] == '"')
            return at + 1;
    }
    return m->len + 1;
}

static size_t value_end(const struct sek_members *m, size_t at)
{
    size_t depth = 0;
    while (at < m->len) {
        char c = m->text[at];
        if (c == '"') {
            at = string_end(m, at);
            if (!depth || at > m->len)
                return at;
            continue;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (!depth)
                return at;
            if (!--depth)
                return at + 1;
        } else if (!depth && (c == ',' || strchr(" \t\r\n", c))) {
            return at;
        }
        at++;
    }
    return depth ? m->len + 1 : at;
}

enum sek_error sek_members_open(struct sek_members *m, const char *name, const char *text,
                                size_t len, struct sek_fault *fault)
{
    *m = (struct sek_members){.name = name, .text = text, .len = len, .first = true};
    skip_blank(m);
    if (m->pos >= len || (text[m->pos] != '{' && text[m->pos] != '['))
        return complain(m, m->pos, "a JSON object or array", fault);
    m->bracket = text[m->pos++];
    return SEK_OK;
}

static enum sek_error take_key(struct sek_members *m, struct sek_member *out,
                               struct sek_fault *fault)
{
    if (m->pos >= m->len || m->text[m->pos] != '"')
        return complain(m, m->pos, "a member name in quotes", fault);
    size_t end = string_end(m, m->pos);
    if (end > m->len)
        return complain(m, m->len, "the end of a member name", fault);
    out->key = m->text + m->pos + 1;
    out->key_len = end - m->pos - 2;
    m->pos = end;
    skip_blank(m);
    if (m->pos >= m->len || m->text[m->pos] != ':')
        return complain(m, m->pos, "':'", fault);
    m->pos++;
    skip_blank(m);
    return SEK_OK;
}

enum sek_error sek_members_next(struct sek_members *m, struct sek_member *out,
                                struct sek_fault *fault)
{
    char close = m->bracket == '{' ? '}' : ']';
    *out = (struct sek_member){0};
    skip_blank(m);
    if (m->pos >= m->len)
        return complain(m, m->pos, "',' or the closing bracket", fault);
    if (m->text[m->pos] == close) {
        m->pos++;
        skip_blank(m);
        return m->pos < m->len ? complain(m, m->pos, "the end of the text", fault) : SEK_ENOTFOUND;
    }
    if (!m->first) {
        if (m->text[m->pos] != ',')
            return complain(m, m->pos, "',' or the closing bracket", fault);
        m->pos++;
        skip_blank(m);
    }
    m->first = false;
    if (m->bracket == '{') {
        enum sek_error rc = take_key(m, out, fault);
        if (rc)
            return rc;
    }
    size_t end = value_end(m, m->pos);
    if (end > m->len)
        return complain(m, m->len, "the end of a value", fault);
    if (end == m->pos)
        return complain(m, m->pos, "a value", fault);
    out->value = m->text + m->pos;
    out->value_len = end - m->pos;
    m->pos = end;
    return SEK_OK;
}

enum sek_error sek_member_parse(const struct sek_members *m, const struct sek_member *member,
                                json_t **out, struct sek_fault *fault)
{
    json_error_t error;
    size_t start = (size_t)(member->value - m->text), line = 1;
    *out = json_loadb(member->value, member->value_len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                      &error);
    if (*out)
        return SEK_OK;
    size_t at = start + (error.position > 0 ? (size_t)error.position : 0);
    for (size_t i = 0; i < at && i < m->len; i++)
        line += m->text[i] == '\n';
    return sek_fail(fault, SEK_EINVAL, "%s: line %zu, byte %zu: %s", m->name, line, at,
                    error.text);
}
