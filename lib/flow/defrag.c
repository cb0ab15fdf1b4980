/* Fragments are written into one buffer per datagram; a list of spans says which bytes arrived and
 * which fragment each came from. The finished buffer carries a header in front, so that it decodes
 * like any packet. */
#include "lib/flow/defrag.h"
#include "lib/flow/spans.h"

#include <netinet/in.h>

#define HEADER_ROOM  64u /* for the longest IPv4 header; IPv6 uses 40 */
#define DATAGRAM_MAX 65535u

struct sek_defrag_tracker {
    struct sek_addr src, dst;
    uint32_t id;
    uint8_t ip_version, proto, policy;
    uint16_t vlan;
    uint64_t last_us;
    uint32_t end;      /* length of the datagram's payload, 0: last fragment not seen */
    uint32_t have;     /* bytes that arrived */
    uint32_t cap;      /* of buf, without the header room */
    uint8_t header[60];
    uint8_t header_len;
    uint8_t *buf;
    struct sek_spans spans;
    bool done; /* handed out; buf lives until the tracker is reused */
};

void sek_defrag_open(struct sek_defrag *d, struct sek_pool *pool,
                     const struct sek_host_policies *hosts)
{
    memset(d, 0, sizeof *d);
    d->pool = pool;
    d->hosts = hosts;
}

static void tracker_free(struct sek_defrag *d, uint32_t slot)
{
    struct sek_defrag_tracker *t = d->trackers[slot];
    if (!t)
        return;
    sek_spans_free(d->pool, &t->spans);
    sek_pool_put(d->pool, t->buf, t->cap + HEADER_ROOM);
    sek_pool_put(d->pool, t, sizeof *t);
    d->trackers[slot] = NULL;
}

void sek_defrag_close(struct sek_defrag *d)
{
    for (uint32_t i = 0; i < SEK_DEFRAG_TRACKERS; i++)
        tracker_free(d, i);
}

static bool tracker_is(const struct sek_defrag_tracker *t, const struct sek_packet *p)
{
    return t->id == p->fragment_id && t->ip_version == p->ip_version &&
           (p->ip_version == 6 || t->proto == p->proto) && t->vlan == p->vlan[0] &&
           sek_addr_equal(&t->src, &p->src) && sek_addr_equal(&t->dst, &p->dst);
}

static struct sek_defrag_tracker *tracker_find(struct sek_defrag *d, const struct sek_packet *p,
                                               uint32_t *slot)
{
    uint32_t hash = p->fragment_id * 2654435761u;
    for (int i = 0; i < 4; i++)
        hash = (hash ^ p->src.words[i] ^ (p->dst.words[i] << 7)) * 2246822519u;
    uint32_t oldest = hash % SEK_DEFRAG_TRACKERS;
    for (uint32_t probe = 0; probe < 8; probe++) {
        uint32_t i = (hash + probe) % SEK_DEFRAG_TRACKERS;
        struct sek_defrag_tracker *t = d->trackers[i];
        if (t && (t->done || (p->ts_us > t->last_us && p->ts_us - t->last_us > SEK_DEFRAG_TIMEOUT_US))) {
            d->dropped += !t->done;
            tracker_free(d, i);
            t = NULL;
        }
        if (t && tracker_is(t, p)) {
            *slot = i;
            return t;
        }
        if (!d->trackers[oldest])
            continue;
        if (!t || t->last_us < d->trackers[oldest]->last_us)
            oldest = i;
    }
    if (d->trackers[oldest]) {
        d->dropped++;
        tracker_free(d, oldest);
    }
    struct sek_defrag_tracker *t = sek_pool_get_zero(d->pool, sizeof *t);
    if (!t)
        return NULL;
    t->src = p->src;
    t->dst = p->dst;
    t->id = p->fragment_id;
    t->ip_version = p->ip_version;
    t->proto = p->proto;
    t->vlan = p->vlan[0];
    t->policy = (uint8_t)sek_host_policy_of(d->hosts, p->ip_version, &p->dst);
    d->trackers[oldest] = t;
    *slot = oldest;
    return t;
}

/* Copy what the receiver would take of DATA; note overlaps. */
static bool tracker_add(struct sek_defrag *d, struct sek_defrag_tracker *t, struct sek_packet *p,
                        uint32_t offset, const uint8_t *data, uint32_t len)
{
    if (offset + len > t->cap) {
        uint32_t want = offset + len < 3072 ? 3072 : DATAGRAM_MAX;
        uint8_t *more = sek_pool_grow(d->pool, t->buf, t->cap ? t->cap + HEADER_ROOM : 0,
                                      want + HEADER_ROOM, t->cap ? t->cap + HEADER_ROOM : 0);
        if (!more)
            return false;
        t->buf = more;
        t->cap = want;
    }
    struct sek_claim claim = {.rule = sek_host_takes_fragment, .policy = t->policy, .begin = offset,
                              .end = offset + len};
    struct sek_spans_change c = sek_spans_claim(d->pool, &t->spans, &claim, offset, offset + len,
                                                t->buf + HEADER_ROOM + offset, data);
    t->have += c.failed ? 0 : len - c.covered;
    if (c.covered)
        sek_packet_event(p, p->ip_version == 4 ? SEK_DECODE_IPV4_FRAG_OVERLAP
                                               : SEK_DECODE_IPV6_FRAG_OVERLAP);
    return !c.failed;
}

/* Every byte up to the end is there. */
static bool tracker_whole(const struct sek_defrag_tracker *t)
{
    uint32_t at = 0, count;
    const struct sek_span *s = sek_spans_list(&t->spans, &count);
    if (!t->end || t->have < t->end || !t->header_len)
        return false;
    for (uint32_t i = 0; i < count && s[i].begin == at; i++)
        at = s[i].end;
    return at >= t->end;
}

static void finish(struct sek_defrag_tracker *t, const uint8_t **ip, uint32_t *len)
{
    uint8_t *h = t->buf + HEADER_ROOM - t->header_len;
    memcpy(h, t->header, t->header_len);
    uint32_t total = t->end + (t->ip_version == 4 ? t->header_len : 0);
    if (t->ip_version == 4) {
        h[2] = (uint8_t)(total >> 8);
        h[3] = (uint8_t)total;
        h[6] = h[7] = 0;
        h[10] = h[11] = 0;
        uint32_t sum = 0;
        for (int i = 0; i < t->header_len; i += 2)
            sum += (uint32_t)(h[i] << 8 | h[i + 1]);
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        h[10] = (uint8_t)(~sum >> 8);
        h[11] = (uint8_t)~sum;
    } else {
        h[4] = (uint8_t)(t->end >> 8);
        h[5] = (uint8_t)t->end;
        h[6] = t->proto;
    }
    *ip = h;
    *len = t->header_len + t->end;
    t->done = true;
}

static void ignored(struct sek_packet *p)
{
    sek_packet_event(p, p->ip_version == 4 ? SEK_DECODE_IPV4_FRAG_IGNORED
                                           : SEK_DECODE_IPV6_FRAG_IGNORED);
}

bool sek_defrag_packet(struct sek_defrag *d, struct sek_packet *p, const uint8_t **ip,
                       uint32_t *len)
{
    uint32_t offset = p->fragment_offset, size = p->payload_len, slot;
    if (p->more_fragments && size % 8)
        size -= size % 8;
    if (!size)
        return false;
    if (offset + size > DATAGRAM_MAX - 60) {
        sek_packet_event(p, p->ip_version == 4 ? SEK_DECODE_IPV4_FRAG_PKT_TOO_LARGE
                                               : SEK_DECODE_IPV6_FRAG_PKT_TOO_LARGE);
        return false;
    }
    struct sek_defrag_tracker *t = tracker_find(d, p, &slot);
    if (!t) {
        ignored(p);
        return false;
    }
    if (p->ts_us > t->last_us)
        t->last_us = p->ts_us;
    if (!offset) {
        t->header_len = p->ip_version == 4 ? p->ip_header_len : 40;
        memcpy(t->header, p->ip, t->header_len);
        t->proto = p->proto;
    }
    if (!p->more_fragments && (!t->end || offset + size < t->end))
        t->end = offset + size;
    if (!tracker_add(d, t, p, offset, p->payload, size)) {
        d->dropped++;
        tracker_free(d, slot);
        ignored(p);
        return false;
    }
    if (!tracker_whole(t))
        return false;
    finish(t, ip, len);
    return true;
}
