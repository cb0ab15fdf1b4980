/* Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), over lines, greedy with the
 * trace kept; equal heads and tails are cut off first. D is bounded, so time and memory are. */
#include "agent/integrity/diff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINES   20000u /* of one text */
#define EDITS   256    /* lines that differ; more: two blocks */
#define CONTEXT 3u

struct line {
    const char *data;
    uint32_t len; /* without the newline */
};

struct lines {
    struct line *list;
    uint32_t count;
};

struct edit {
    char kind; /* ' ', '-', '+' */
    uint32_t a, b;
};

struct edits {
    struct edit *list;
    uint32_t count;
};

static bool split(const char *text, size_t len, struct lines *out)
{
    out->count = 0;
    out->list = NULL;
    size_t total = 0;
    for (size_t i = 0; i < len; i++)
        total += text[i] == '\n';
    total += len && text[len - 1] != '\n';
    if (total > LINES || !(out->list = malloc((total + 1) * sizeof *out->list)))
        return false;
    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) : len - at;
        out->list[out->count++] = (struct line){text + at, (uint32_t)n};
        at += n + 1;
    }
    return true;
}

static bool same(const struct line *a, const struct line *b)
{
    return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static void push(struct edits *e, char kind, uint32_t a, uint32_t b)
{
    e->list[e->count++] = (struct edit){kind, a, b};
}

/* Walk the trace back from the end; the edits come out last first. */
static void backtrack(int32_t *const *trace, int d, int32_t n, int32_t m, uint32_t base,
                      struct edits *e)
{
    int32_t x = n, y = m;
    for (; d > 0; d--) {
        const int32_t *v = trace[d - 1] + EDITS + 1;
        int32_t k = x - y;
        int32_t from = k == -d || (k != d && v[k - 1] < v[k + 1]) ? k + 1 : k - 1;
        int32_t px = v[from], py = px - from;
        while (x > px && y > py) {
            x--, y--;
            push(e, ' ', base + (uint32_t)x, base + (uint32_t)y);
        }
        if (x == px)
            push(e, '+', base + (uint32_t)x, base + (uint32_t)--y);
        else
            push(e, '-', base + (uint32_t)--x, base + (uint32_t)y);
    }
    while (x > 0 && y > 0) {
        x--, y--;
        push(e, ' ', base + (uint32_t)x, base + (uint32_t)y);
    }
}

/* The shortest edits of the middle part, or false when there are too many. */
static bool shortest(const struct line *a, int32_t n, const struct line *b, int32_t m,
                     uint32_t base, struct edits *e)
{
    enum { WIDTH = 2 * EDITS + 3 };
    static int32_t *trace[EDITS + 1];
    int32_t current[WIDTH] = {0}, *v = current + EDITS + 1;
    int d, kept = 0;
    bool found = false;
    for (d = 0; d <= EDITS && !found; d++) {
        for (int32_t k = -d; k <= d && !found; k += 2) {
            int32_t x = k == -d || (k != d && v[k - 1] < v[k + 1]) ? v[k + 1] : v[k - 1] + 1;
            int32_t y = x - k;
            while (x < n && y < m && same(&a[x], &b[y]))
                x++, y++;
            v[k] = x;
            found = x >= n && y >= m;
        }
        if (!(trace[kept] = malloc(sizeof current)))
            break;
        memcpy(trace[kept++], current, sizeof current);
    }
    if (found)
        backtrack(trace, d - 1, n, m, base, e);
    for (int i = 0; i < kept; i++)
        free(trace[i]);
    return found;
}

static void reverse(struct edits *e, uint32_t from)
{
    for (uint32_t i = from, j = e->count; i + 1 < j; i++) {
        struct edit t = e->list[i];
        e->list[i] = e->list[--j];
        e->list[j] = t;
    }
}

static void find_edits(const struct lines *a, const struct lines *b, struct edits *e)
{
    uint32_t head = 0, tail = 0;
    while (head < a->count && head < b->count && same(&a->list[head], &b->list[head]))
        push(e, ' ', head, head), head++;
    while (tail < a->count - head && tail < b->count - head &&
           same(&a->list[a->count - 1 - tail], &b->list[b->count - 1 - tail]))
        tail++;
    uint32_t n = a->count - head - tail, m = b->count - head - tail, start = e->count;
    if (shortest(a->list + head, (int32_t)n, b->list + head, (int32_t)m, head, e)) {
        reverse(e, start);
    } else {
        e->count = start;
        for (uint32_t i = 0; i < n; i++)
            push(e, '-', head + i, head);
        for (uint32_t i = 0; i < m; i++)
            push(e, '+', head + n, head + i);
    }
    for (uint32_t i = tail; i > 0; i--)
        push(e, ' ', a->count - i, b->count - i);
}

/* The end of the hunk that begins at FROM: a run of CONTEXT * 2 equal lines parts two hunks. */
static uint32_t hunk_end(const struct edits *e, uint32_t from)
{
    uint32_t last = from;
    for (uint32_t i = from; i < e->count && i - last <= 2 * CONTEXT; i++) {
        if (e->list[i].kind != ' ')
            last = i;
    }
    uint32_t end = last + 1 + CONTEXT;
    return end < e->count ? end : e->count;
}

static void write_hunk(const struct edits *e, uint32_t from, uint32_t to, const struct lines *a,
                       const struct lines *b, struct sek_text *out)
{
    uint32_t removed = 0, added = 0;
    for (uint32_t i = from; i < to; i++) {
        removed += e->list[i].kind != '+';
        added += e->list[i].kind != '-';
    }
    sek_text_printf(out, "@@ -%u,%u +%u,%u @@\n", e->list[from].a + (removed != 0), removed,
                    e->list[from].b + (added != 0), added);
    for (uint32_t i = from; i < to; i++) {
        const struct edit *one = &e->list[i];
        const struct line *l = one->kind == '+' ? &b->list[one->b] : &a->list[one->a];
        sek_text_putc(out, one->kind);
        sek_text_add(out, l->data, l->len);
        sek_text_putc(out, '\n');
    }
}

void sek_diff(const char *before, size_t before_len, const char *after, size_t after_len,
              size_t limit, struct sek_text *out)
{
    struct lines a = {0}, b = {0};
    struct edits e = {0};
    size_t start = out->len;
    if (split(before, before_len, &a) && split(after, after_len, &b) &&
        (e.list = malloc((a.count + b.count + 1u) * sizeof *e.list))) {
        find_edits(&a, &b, &e);
        for (uint32_t i = 0; i < e.count && out->len - start <= limit; i++) {
            if (e.list[i].kind == ' ')
                continue;
            uint32_t from = i > CONTEXT ? i - CONTEXT : 0, to = hunk_end(&e, i);
            write_hunk(&e, from, to, &a, &b, out);
            i = to - 1;
        }
    }
    if (out->len - start > limit) {
        out->len = start + limit;
        sek_text_puts(out, "\n\\ the rest is left out\n");
    }
    free(a.list);
    free(b.list);
    free(e.list);
}
