#include "lib/flow/spans.h"

#include <string.h>

static bool before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* Room for MORE spans behind those that are there. */
static bool spans_room(struct sek_pool *pool, struct sek_spans *s, uint32_t more)
{
    uint32_t count = s->count + more;
    if (s->first + count <= s->cap)
        return true;
    if (s->first) {
        memmove(s->list, s->list + s->first, s->count * sizeof *s->list);
        s->first = 0;
        if (count <= s->cap / 4u * 3) /* else the next ones would move it again */
            return true;
    }
    if (count > SEK_SPANS_MAX)
        return count <= s->cap;
    size_t want = sek_pool_size(count * sizeof *s->list);
    struct sek_span *list = sek_pool_grow(pool, s->list, s->cap * sizeof *s->list, want,
                                          s->count * sizeof *s->list);
    if (!list)
        return count <= s->cap;
    s->list = list;
    s->cap = (uint16_t)(want / sizeof *s->list);
    return true;
}

void sek_spans_append(struct sek_pool *pool, struct sek_spans *s, uint32_t begin, uint32_t end,
                      bool joined)
{
    if (s->count && (joined || !spans_room(pool, s, 1)))
        s->list[s->first + s->count - 1].end = end;
    else if (s->count || spans_room(pool, s, 1))
        s->list[s->first + s->count++] = (struct sek_span){begin, end};
}

/* The first span that reaches past POSITION. */
static uint32_t spans_find(const struct sek_spans *s, uint32_t position)
{
    uint32_t low = s->first, high = s->first + s->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (before(position, s->list[middle].end))
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
    uint32_t skip = spans_find(s, from) - s->first, n = 0;
    while (skip + n < s->count && before(s->list[s->first + skip + n].begin, to))
        n++;
    /* N spans become at most 2N + 2, so with the rest moved by N + 2 writing never meets reading. */
    if (!spans_room(pool, s, n + 2)) {
        change.failed = true;
        return change;
    }
    struct sek_span *w = s->list + s->first + skip, *r = w + n + 2, *stop = r + n, tail = {to, to};
    uint32_t rest = s->count - skip - n, at = from;
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
    s->count = (uint16_t)((uint32_t)(w - (s->list + s->first)) + rest);
    return change;
}

void sek_spans_settle(struct sek_spans *s, uint32_t position)
{
    while (s->count && !before(position, s->list[s->first].end)) {
        s->first++;
        s->count--;
    }
    if (!s->count)
        s->first = 0;
}

void sek_spans_clear(struct sek_spans *s)
{
    s->first = s->count = 0;
}

void sek_spans_free(struct sek_pool *pool, struct sek_spans *s)
{
    sek_pool_put(pool, s->list, s->cap * sizeof *s->list);
    *s = (struct sek_spans){0};
}
