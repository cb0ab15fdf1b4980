/* Two passes: count, so that the list is made once and in the right size; then read. */
#include "agent/worker/addresses.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define LINE_LIMIT 64

/* The next line that is not empty, without its comment and blanks; false at the end. */
static bool next_line(const char *text, size_t len, size_t *at, size_t *number, const char **line,
                      size_t *line_len)
{
    while (*at < len) {
        const char *start = text + *at;
        const char *end = memchr(start, '\n', len - *at);
        size_t n = end ? (size_t)(end - start) : len - *at;
        *at += n + 1;
        ++*number;
        const char *comment = memchr(start, '#', n);
        if (comment)
            n = (size_t)(comment - start);
        while (n && (*start == ' ' || *start == '\t')) {
            start++;
            n--;
        }
        while (n && (start[n - 1] == ' ' || start[n - 1] == '\t' || start[n - 1] == '\r'))
            n--;
        if (n) {
            *line = start;
            *line_len = n;
            return true;
        }
    }
    return false;
}

size_t sek_addresses_count(const char *text, size_t len)
{
    size_t at = 0, number = 0, n, count = 0;
    const char *line;
    while (next_line(text, len, &at, &number, &line, &n))
        count++;
    return count;
}

static bool parse_line(const char *line, size_t len, struct sek_prefix *out)
{
    char copy[LINE_LIMIT], *end;
    if (len >= sizeof copy)
        return false;
    memcpy(copy, line, len);
    copy[len] = '\0';
    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = '\0';
    *out = (struct sek_prefix){.v6 = strchr(copy, ':') != NULL};
    if (inet_pton(out->v6 ? AF_INET6 : AF_INET, copy, out->address) != 1)
        return false;
    long most = out->v6 ? 128 : 32;
    long bits = slash ? strtol(slash, &end, 10) : most;
    if (slash && (*slash < '0' || *slash > '9' || *end || bits < 1 || bits > most))
        return false;
    out->bits = (uint8_t)bits;
    return true;
}

enum sek_error sek_addresses_parse(const char *text, size_t len, struct sek_prefix *list,
                                   size_t cap, size_t *count, struct sek_fault *fault)
{
    size_t at = 0, number = 0, n;
    const char *line;
    *count = 0;
    while (next_line(text, len, &at, &number, &line, &n)) {
        if (*count == cap)
            return sek_fail(fault, SEK_ELIMIT, "addresses:%zu: expected at most %zu", number, cap);
        if (!parse_line(line, n, &list[*count]))
            return sek_fail(fault, SEK_EINVAL,
                            "addresses:%zu: found '%.*s', expected an address or address/bits",
                            number, (int)(n < 40 ? n : 40), line);
        ++*count;
    }
    return SEK_OK;
}
