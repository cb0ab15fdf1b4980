#include "lib/detect/history.h"

#include <string.h>

#define PIECES_MAX 8u
#define PIECE_KEEP 8192u /* bytes of one piece, from its end */

struct piece {
    struct piece *next; /* the one after it */
    uint64_t offset, gap; /* in the stream; bytes lost behind it */
    uint32_t len;
    uint8_t data[];
};

struct history {
    struct piece *first[2];
    uint8_t count[2];
};

static void drop_first(struct sek_pool *pool, struct history *h, enum sek_dir dir)
{
    struct piece *p = h->first[dir];
    h->first[dir] = p->next;
    h->count[dir]--;
    sek_pool_put(pool, p, sizeof *p + p->len);
}

void history_gap(struct sek_pool *pool, struct history **out, enum sek_dir dir, const struct sek_stream *s,
                 uint64_t gap)
{
    struct history *h = *out ? *out : sek_pool_get_zero(pool, sizeof *h);
    uint32_t len = s->filled < PIECE_KEEP ? s->filled : PIECE_KEEP;
    *out = h;
    if (!h)
        return;
    struct piece **link = &h->first[dir], *last = NULL;
    for (; *link; link = &last->next)
        last = *link;
    if (!len && last) { /* one gap after the other */
        last->gap += gap;
        return;
    }
    struct piece *p = sek_pool_get(pool, sizeof *p + len);
    if (!p)
        return;
    *p = (struct piece){.offset = s->base + s->filled - len, .gap = gap, .len = len};
    if (len)
        memcpy(p->data, s->buf + s->filled - len, len);
    *link = p;
    if (++h->count[dir] > PIECES_MAX)
        drop_first(pool, h, dir);
}

void history_forget(struct sek_pool *pool, struct history *h, enum sek_dir dir)
{
    while (h->first[dir])
        drop_first(pool, h, dir);
}

void history_free(struct sek_pool *pool, struct history *h)
{
    if (!h)
        return;
    history_forget(pool, h, SEK_TOSERVER);
    history_forget(pool, h, SEK_TOCLIENT);
    sek_pool_put(pool, h, sizeof *h);
}

/* The part of LEN bytes at OFFSET that lies in BEGIN..END. */
static struct sek_bytes part(const uint8_t *data, uint64_t offset, uint32_t len, uint64_t begin, uint64_t end)
{
    uint64_t from = begin > offset ? begin : offset, to = end < offset + len ? end : offset + len;
    return from < to ? (struct sek_bytes){data + (from - offset), (uint32_t)(to - from)} : (struct sek_bytes){0};
}

struct sek_bytes history_view(const struct history *h, enum sek_dir dir, const struct sek_stream *s,
                              uint64_t begin, uint64_t end, struct sek_text *text)
{
    struct sek_bytes now = part(s->buf, s->base, s->filled, begin, end);
    const struct piece *p = h ? h->first[dir] : NULL;
    if (!p || begin >= s->base)
        return now;
    sek_text_clear(text);
    for (uint64_t missing = 0;; p = p->next) {
        struct sek_bytes b = p ? part(p->data, p->offset, p->len, begin, end) : now;
        if (b.len && missing)
            sek_text_printf(text, "[%llu bytes missing]", (unsigned long long)missing);
        if (b.len)
            sek_text_add(text, b.data, b.len);
        if (!p)
            break;
        missing = begin < p->offset + p->len + p->gap ? p->gap : 0;
    }
    return (struct sek_bytes){(const uint8_t *)text->data, (uint32_t)text->len};
}
