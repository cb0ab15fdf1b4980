/* Which segment (or fragment) each byte of a buffer came from: a sorted list of spans, each what is
 * left of one segment, as the receiver's own queue would hold it. When a later segment overlaps, the
 * receiver's policy says for each span who keeps the common bytes. Positions are 32-bit and may wrap,
 * as long as all of one list lie within 2 GiB. */
#ifndef SEK_FLOW_SPANS_H
#define SEK_FLOW_SPANS_H

#include "lib/base/pool.h"
#include "lib/flow/host_policy.h"

#define SEK_SPANS_MAX 16384u /* of one list */

struct sek_span {
    uint32_t begin, end;
};

struct sek_span_block {
    uint16_t first, count, cap;
    struct sek_span list[];
};

/* Nearly every stream never has one, so it costs a pointer. */
struct sek_spans {
    struct sek_span_block *block; /* of the pool, made when needed, kept until sek_spans_free */
};

/* The first of *COUNT spans. */
static inline const struct sek_span *sek_spans_list(const struct sek_spans *s, uint32_t *count)
{
    *count = s->block ? s->block->count : 0;
    return *count ? s->block->list + s->block->first : NULL;
}

/* A later segment as it arrived, and the rule that decides. */
struct sek_claim {
    sek_overlap_rule *rule;
    enum sek_host_policy policy;
    uint32_t begin, end;
};

struct sek_spans_change {
    uint32_t covered; /* bytes that were there already */
    bool last;        /* the new segment owns the last byte */
    bool failed;      /* memory, or too many spans: nothing was changed */
};

/* Append what lies behind all spans. JOINED: it continues the last one. */
void sek_spans_append(struct sek_pool *pool, struct sek_spans *s, uint32_t begin, uint32_t end,
                      bool joined);
/* Lay the bytes FROM..TO of a claim over the list. Those it gets are copied from SRC to DST, which
 * both stand for position FROM. */
struct sek_spans_change sek_spans_claim(struct sek_pool *pool, struct sek_spans *s,
                                        const struct sek_claim *claim, uint32_t from, uint32_t to,
                                        uint8_t *dst, const uint8_t *src);
/* Nothing before POSITION can change any more. */
void sek_spans_settle(struct sek_spans *s, uint32_t position);
void sek_spans_clear(struct sek_spans *s);
void sek_spans_free(struct sek_pool *pool, struct sek_spans *s);

#endif
