#include "lib/detect/history.h"

#include <string.h>

#define PIECES_MAX 8u
#define PIECE_KEEP 8192u /* bytes of one piece, from its end */
#define BEHIND_MAX 16u   /* pieces behind a hole that are shown */

struct piece {
    struct piece *next; /* the one after it */
    uint64_t offset;    /* in the stream */
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

void history_gap(struct sek_pool *pool, struct history **out, enum sek_dir dir, const struct sek_stream *s)
{
    struct history *h = *out ? *out : sek_pool_get_zero(pool, sizeof *h);
    uint32_t len = s->filled < PIECE_KEEP ? s->filled : PIECE_KEEP;
    *out = h;
    if (!h)
        return;
    struct piece **link = &h->first[dir], *last = NULL;
    for (; *link; link = &last->next)
        last = *link;
    if (!len && last) /* one gap after the other */
        return;
    struct piece *p = sek_pool_get(pool, sizeof *p + len);
    if (!p)
        return;
    *p = (struct piece){.offset = s->base + s->filled - len, .len = len};
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

/* The part of B, which is at OFFSET, that lies in BEGIN..END. */
static struct sek_bytes part(struct sek_bytes b, uint64_t offset, uint64_t begin, uint64_t end)
{
    uint64_t from = begin > offset ? begin : offset, to = end < offset + b.len ? end : offset + b.len;
    return from < to ? (struct sek_bytes){b.data + (from - offset), (uint32_t)(to - from)} : (struct sek_bytes){0};
}

/* B, of which the first byte is at OFFSET, after what TEXT holds up to *AT. */
static void text_add(struct sek_text *text, uint64_t *at, struct sek_bytes b, uint64_t offset, uint64_t begin,
                     uint64_t end)
{
    struct sek_bytes p = part(b, offset, begin, end);
    if (!p.len)
        return;
    offset += (uint64_t)(p.data - b.data);
    if (offset > *at)
        sek_text_printf(text, "[%llu bytes missing]", (unsigned long long)(offset - *at));
    sek_text_add(text, p.data, p.len);
    *at = offset + p.len;
}

struct sek_bytes history_view(const struct history *h, enum sek_dir dir, const struct sek_stream *s,
                              uint64_t begin, uint64_t end, struct sek_text *text)
{
    const struct piece *p = h && begin < s->base ? h->first[dir] : NULL;
    struct sek_bytes now = {s->buf, s->filled};
    uint64_t offset;
    struct sek_bytes behind = sek_stream_piece(s, 0, &offset);
    if (!p && (!behind.len || offset >= end))
        return part(now, s->base, begin, end);
    uint64_t at = p ? p->offset : s->base;
    at = at > begin ? at : begin;
    sek_text_clear(text);
    for (; p; p = p->next)
        text_add(text, &at, (struct sek_bytes){p->data, p->len}, p->offset, begin, end);
    text_add(text, &at, now, s->base, begin, end);
    for (unsigned i = 0; (behind = sek_stream_piece(s, i, &offset)).len && i < BEHIND_MAX; i++)
        text_add(text, &at, behind, offset, begin, end);
    return (struct sek_bytes){(const uint8_t *)text->data, (uint32_t)text->len};
}
