/* Named values of a message (header fields and the like), kept in one text with a list of places;
 * and lines out of a stream. For protocols that are text. */
#ifndef SEK_APP_FIELDS_H
#define SEK_APP_FIELDS_H

#include "lib/base/buffer.h"

#include <strings.h>

struct sek_field {
    uint32_t name, name_len, value, value_len; /* places in the text */
};

struct sek_fields {
    struct sek_buffer text;
    struct sek_field *list;
    uint16_t count, cap;
};

#define SEK_FIELDS_MAX 1024u /* of one message */

/* False when there are too many, the text would pass LIMIT, or memory is out. */
bool sek_fields_add(struct sek_pool *pool, struct sek_fields *f, struct sek_bytes name,
                    struct sek_bytes value, uint32_t limit);
void sek_fields_free(struct sek_pool *pool, struct sek_fields *f);

static inline struct sek_bytes sek_field_name(const struct sek_fields *f, const struct sek_field *x)
{
    return (struct sek_bytes){sek_buffer_at(&f->text, x->name), x->name_len};
}
static inline struct sek_bytes sek_field_value(const struct sek_fields *f,
                                               const struct sek_field *x)
{
    return (struct sek_bytes){sek_buffer_at(&f->text, x->value), x->value_len};
}
/* The value of the INDEXth field called NAME, in any case of letters. */
bool sek_fields_get(const struct sek_fields *f, const char *name, uint32_t index,
                    struct sek_bytes *out);

/* The line at DATA without its CR and LF in *LINE; returns its length with them, 0 when it has not
 * ended. */
static inline uint32_t sek_line_next(const uint8_t *data, uint32_t len, struct sek_bytes *line)
{
    const uint8_t *nl = len ? memchr(data, '\n', len) : NULL;
    if (!nl)
        return 0;
    uint32_t n = (uint32_t)(nl - data);
    *line = (struct sek_bytes){data, n && data[n - 1] == '\r' ? n - 1 : n};
    return n + 1;
}

/* Without blanks at both ends. */
static inline struct sek_bytes sek_bytes_trim(struct sek_bytes b)
{
    while (b.len && (b.data[b.len - 1] == ' ' || b.data[b.len - 1] == '\t'))
        b.len--;
    while (b.len && (*b.data == ' ' || *b.data == '\t')) {
        b.data++;
        b.len--;
    }
    return b;
}

static inline bool sek_bytes_is(struct sek_bytes b, const char *text)
{
    return b.len == strlen(text) && !strncasecmp((const char *)b.data, text, b.len);
}

static inline bool sek_bytes_begin(struct sek_bytes b, const char *text)
{
    size_t n = strlen(text);
    return b.len >= n && !strncasecmp((const char *)b.data, text, n);
}

#endif
