/* What the parsers of small protocols share: text of a transaction kept in one buffer and named by
 * slices, getters for the tables of buffers and numbers, names of numbers, bounded transactions. */
#ifndef SEK_APP_KIT_H
#define SEK_APP_KIT_H

#include "lib/app/app.h"

/* Bytes in a transaction's text buffer; `set` tells an empty field from one that is not there. */
struct sek_slice {
    uint32_t at, len;
    bool set;
};

static inline struct sek_slice sek_slice_keep(struct sek_pool *pool, struct sek_buffer *text,
                                              struct sek_bytes from)
{
    struct sek_slice s = {text->len, from.len, true};
    sek_buffer_add(pool, text, from.data, from.len, 0);
    if (text->len - s.at != from.len)
        s = (struct sek_slice){0};
    return s;
}

static inline bool sek_slice_give(const struct sek_buffer *text, struct sek_slice s,
                                  struct sek_bytes *out)
{
    static const uint8_t nothing[1];
    *out = (struct sek_bytes){s.len ? text->data + s.at : nothing, s.len};
    return s.set;
}

static inline void sek_slice_json(struct sek_text *out, const char *key,
                                  const struct sek_buffer *text, struct sek_slice s)
{
    struct sek_bytes b;
    if (sek_slice_give(text, s, &b))
        sek_json_bytes(out, key, b.data, b.len);
}

/* A getter of one number, VALUE, that is there when CONDITION; both may name TX, STATE and DIR. */
#define SEK_NUMBER_GETTER(fn, type, condition, value)                                              \
    static bool fn(struct sek_app_state *state, struct sek_tx *base, enum sek_dir dir,             \
                   uint32_t index, uint64_t *out)                                                  \
    {                                                                                              \
        const struct type *tx = (const struct type *)base;                                         \
        (void)state, (void)dir, (void)tx;                                                          \
        if (index || !(condition))                                                                 \
            return false;                                                                          \
        *out = (uint64_t)(value);                                                                  \
        return true;                                                                               \
    }

/* A getter of one slice of the transaction's buffer `text`. */
#define SEK_SLICE_GETTER(fn, type, field)                                                          \
    static bool fn(struct sek_app_state *state, struct sek_tx *base, enum sek_dir dir,             \
                   uint32_t index, struct sek_bytes *out)                                          \
    {                                                                                              \
        const struct type *tx = (const struct type *)base;                                         \
        (void)state, (void)dir;                                                                    \
        return !index && sek_slice_give(&tx->text, tx->field, out);                                \
    }

/* ... of a struct sek_buffer. */
#define SEK_BUFFER_GETTER(fn, type, field)                                                         \
    static bool fn(struct sek_app_state *state, struct sek_tx *base, enum sek_dir dir,             \
                   uint32_t index, struct sek_bytes *out)                                          \
    {                                                                                              \
        (void)state, (void)dir;                                                                    \
        *out = sek_buffer_view(&((struct type *)base)->field);                                     \
        return !index && out->data;                                                                \
    }

/* The first of the "name", "value" pairs that has VALUE; NULL when none does. */
const char *sek_word(const char *const *words, uint64_t value);
/* The name of VALUE, or its number when it has none, into a record. */
void sek_word_json(struct sek_text *out, const char *key, const char *const *words, int64_t value);
/* The value of NAME among them; false when it is not there. */
bool sek_word_value(const char *const *words, const char *name, uint64_t *value);

/* As sek_tx_new; when more transactions are unfinished than app-layer.protocols.NAME.max-tx allows,
 * the oldest is ended first, with EVENT. */
struct sek_tx *sek_tx_new_bounded(struct sek_app_state *state, size_t size, enum sek_app app,
                                  enum sek_dir dir, unsigned event);

/* TX is looked at in direction DIR only, and all of it is there. */
static inline void sek_tx_end(struct sek_tx *tx, enum sek_dir dir)
{
    tx->ignore[!dir] = true;
    tx->progress[dir] = 1;
    tx->complete[dir] = true;
}

static inline bool sek_port_either(const struct sek_flow *flow, uint16_t port)
{
    return flow->port[0] == port || flow->port[1] == port;
}

#endif
