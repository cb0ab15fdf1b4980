#include "lib/flow/spans.h"

#include <string.h>

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

static size_t block_size(uint32_t cap)
{
    return sizeof(struct sek_span_block) + cap * sizeof(struct sek_span);
}

/* Room for MORE spans behind those that are there. */
static bool spans_room(struct sek_pool *pool, struct sek_spans *s, uint32_t more)
{
    struct sek_span_block *b = s->block;
    uint32_t cap = b ? b->cap : 0, used = b ? b->first + b->count : 0, count = b ? b->count + more : more;
    if (used + more <= cap)
        return true;
    if (b && b->first) {
        memmove(b->list, b->list + b->first, b->count * sizeof *b->list);
        b->first = 0;
        used = b->count;
        if (count <= cap / 4u * 3) /* else the next ones would move it again */
            return true;
    }
    if (count > SEK_SPANS_MAX)
        return count <= cap;
    size_t want = sek_pool_size(block_size(count));
    struct sek_span_block *grown = sek_pool_grow(pool, b, b ? block_size(cap) : 0, want,
                                                 b ? block_size(used) : 0);
    if (!grown)
        return count <= cap;
    if (!b)
        *grown = (struct sek_span_block){0};
    grown->cap = (uint16_t)((want - sizeof *grown) / sizeof *grown->list);
    s->block = grown;
    return true;
}

void sek_spans_append(struct sek_pool *pool, struct sek_spans *s, uint32_t begin, uint32_t end,
                      bool joined)
{
    struct sek_span_block *b = s->block;
    bool room = !(b && b->count && joined) && spans_room(pool, s, 1);
    b = s->block;
    if (room)
        b->list[b->first + b->count++] = (struct sek_span){begin, end};
    else if (b && b->count)
        b->list[b->first + b->count - 1].end = end;
}

/* The first span that reaches past POSITION. */
static uint32_t spans_find(const struct sek_span_block *b, uint32_t position)
{
    uint32_t low = b->first, high = low + b->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (before(position, b->list[middle].end))
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static struct sek_span *take(struct sek_span *w, uint32_t from, uint32_t begin, uint32_t end,
                             uint8_t *dst, const uint8_t *src)
{
    memcpy(dst + (begin - from), src + (begin - from), end - begin);
    *w = (struct sek_span){begin, end};
    return w + 1;
}

struct sek_spans_change sek_spans_claim(struct sek_pool *pool, struct sek_spans *s,
                                        const struct sek_claim *c, uint32_t from, uint32_t to,
                                        uint8_t *dst, const uint8_t *src)
{
    struct sek_spans_change change = {0};
    struct sek_span_block *b = s->block;
    uint32_t skip = b ? spans_find(b, from) - b->first : 0, n = 0;
    while (b && skip + n < b->count && before(b->list[b->first + skip + n].begin, to))
        n++;
    /* N spans become at most 2N + 2, so with the rest moved by N + 2 writing never meets reading. */
    if (!spans_room(pool, s, n + 2)) {
        change.failed = true;
        return change;
    }
    b = s->block;
    struct sek_span *w = b->list + b->first + skip, *r = w + n + 2, *stop = r + n, tail = {to, to};
    uint32_t rest = b->count - skip - n, at = from;
    memmove(r, w, (n + rest) * sizeof *w);
    for (; r < stop; r++) {
        struct sek_span old = *r;
        change.covered += (before(old.end, to) ? old.end : to) -
                          (before(old.begin, from) ? from : old.begin);
        if (!c->rule(c->policy, (int32_t)(c->begin - old.begin), (int32_t)(c->end - old.end))) {
            if (before(at, old.begin))
                w = take(w, from, at, old.begin, dst, src);
            *w++ = old;
            at = old.end;
            continue;
        }
        if (before(old.begin, from))
            *w++ = (struct sek_span){old.begin, from};
        if (before(to, old.end))
            tail.end = old.end;
    }
    change.last = before(at, to);
    if (change.last)
        w = take(w, from, at, to, dst, src);
    if (tail.end != to)
        *w++ = tail;
    memmove(w, stop, rest * sizeof *w);
    b->count = (uint16_t)((uint32_t)(w - (b->list + b->first)) + rest);
    return change;
}

void sek_spans_settle(struct sek_spans *s, uint32_t position)
{
    struct sek_span_block *b = s->block;
    while (b && b->count && !before(position, b->list[b->first].end)) {
        b->first++;
        b->count--;
    }
    if (b && !b->count)
        b->first = 0;
}

void sek_spans_clear(struct sek_spans *s)
{
    if (s->block)
        s->block->first = s->block->count = 0;
}

void sek_spans_free(struct sek_pool *pool, struct sek_spans *s)
{
    if (s->block)
        sek_pool_put(pool, s->block, block_size(s->block->cap));
    s->block = NULL;
}
