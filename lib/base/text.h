/* A growable byte string, and a JSON writer on top of it that writes straight into the buffer: an
 * EVE record costs no allocation once the buffer has grown to its working size. */
#ifndef SEK_BASE_TEXT_H
#define SEK_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct sek_text {
    char *data;  /* NUL-terminated when not NULL */
    size_t len;  /* bytes, without the NUL */
    size_t cap;  /* allocated bytes */
    bool failed; /* memory ran out; the content is cut */
};

void sek_text_free(struct sek_text *t);
static inline void sek_text_clear(struct sek_text *t)
{
    t->len = 0;
    t->failed = false;
}
void sek_text_add(struct sek_text *t, const void *data, size_t len);
void sek_text_puts(struct sek_text *t, const char *s);
void sek_text_putc(struct sek_text *t, char c);
void sek_text_printf(struct sek_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The next line between *AT and END, without its newline; *AT goes behind it. False at the end. */
static inline bool sek_text_line(const char **at, const char *end, const char **line, size_t *len)
{
    *line = *at;
    if (*at >= end)
        return false;
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    *len = (size_t)((newline ? newline : end) - *at);
    *at = newline ? newline + 1 : end;
    return true;
}

/* One line for a terminal, without its newline: control characters, which names in files may hold,
 * are written as \xHH, so that they neither steer the terminal nor pass for another line. */
void sek_print_line(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* JSON writer. Keys are trusted ASCII literals; values are any bytes: those that are not valid
 * UTF-8 are written as \u00XX so that the record is always valid JSON. Commas are placed by the
 * writer. sek_json_open/close take '{' '}' '[' ']'. KEY is NULL inside an array. */
void sek_json_open(struct sek_text *t, const char *key, char bracket);
void sek_json_close(struct sek_text *t, char bracket);
void sek_json_str(struct sek_text *t, const char *key, const char *value);
void sek_json_bytes(struct sek_text *t, const char *key, const void *data, size_t len);
void sek_json_uint(struct sek_text *t, const char *key, uint64_t value);
void sek_json_int(struct sek_text *t, const char *key, int64_t value);
void sek_json_real(struct sek_text *t, const char *key, double value);
void sek_json_bool(struct sek_text *t, const char *key, bool value);
void sek_json_hex(struct sek_text *t, const char *key, const void *data, size_t len);
void sek_json_base64(struct sek_text *t, const char *key, const void *data, size_t len);
/* Printable ASCII and CR LF kept, other bytes as '.', as EVE's payload_printable does. */
void sek_json_printable(struct sek_text *t, const char *key, const void *data, size_t len);

#endif
