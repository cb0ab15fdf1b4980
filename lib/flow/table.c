/* The flow table: chained hash, and three timeout lists for each of TCP, UDP and the rest, each
 * ordered by last packet, so that expiry looks only at the head of a list. */
#include "lib/flow/flow.h"
#include "lib/flow/tcp.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>

enum { FAMILY_TCP, FAMILY_UDP, FAMILY_OTHER };

/* Seconds, as users of other engines know them. */
static const uint32_t timeouts[3][SEK_TIMEOUT_KINDS] = {
    [FAMILY_TCP] = {60, 600, 60},
    [FAMILY_UDP] = {30, 300, 0},
    [FAMILY_OTHER] = {30, 300, 0},
};

bool sek_flow_table_open(struct sek_flow_table *t, struct sek_pool *pool, uint32_t limit)
{
    uint32_t size = 1024;
    memset(t, 0, sizeof *t);
    while (size < limit / 4 && size < 1u << 22)
        size *= 2;
    t->buckets = calloc(size, sizeof *t->buckets);
    if (!t->buckets)
        return false;
    t->mask = size - 1;
    t->limit = limit;
    t->pool = pool;
    t->vlan_tracking = true;
    t->next_id = 1;
    if (getrandom(&t->seed, sizeof t->seed, 0) != sizeof t->seed)
        t->seed = 0x9e3779b97f4a7c15ull;
    return true;
}

/* Both halves of the product, where the processor gives them. */
static inline uint64_t mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128 m = (unsigned __int128)(a ^ 0x9e3779b97f4a7c15ull) * (b ^ 0xd6e8feb86659fd93ull);
    return (uint64_t)m ^ (uint64_t)(m >> 64);
#else
    uint64_t m = (a ^ 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull + b;
    m = (m ^ m >> 32) * 0xd6e8feb86659fd93ull;
    return m ^ m >> 29;
#endif
}

/* The same for both directions: the two ends are hashed apart and added. */
static uint32_t tuple_hash(const struct sek_flow_table *t, const struct sek_packet *p, uint16_t a,
                           uint16_t b)
{
    uint64_t w[4];
    memcpy(w, p->src.bytes, 16);
    memcpy(w + 2, p->dst.bytes, 16);
    uint64_t src = mix(mix(w[0], w[1] ^ t->seed), a);
    uint64_t dst = mix(mix(w[2], w[3] ^ t->seed), b);
    uint64_t rest = (uint64_t)p->proto << 8 | p->ip_version;
    if (t->vlan_tracking)
        for (int i = 0; i < p->vlan_count; i++)
            rest = rest << 12 | p->vlan[i];
    return (uint32_t)mix(src + dst, rest ^ t->seed);
}

static bool vlan_equal(const struct sek_flow_table *t, const struct sek_flow *f,
                       const struct sek_packet *p)
{
    return !t->vlan_tracking ||
           (f->vlan_count == p->vlan_count && !memcmp(f->vlan, p->vlan, p->vlan_count * 2u));
}

/* Ports as the table keys them. An ICMP exchange is keyed by its identifier on both sides. */
static void packet_ports(const struct sek_packet *p, uint16_t *a, uint16_t *b)
{
    if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
        *a = *b = p->icmp_id;
        return;
    }
    *a = p->src_port;
    *b = p->dst_port;
}

static unsigned flow_family(const struct sek_flow *f)
{
    return f->proto == IPPROTO_TCP ? FAMILY_TCP : f->proto == IPPROTO_UDP ? FAMILY_UDP : FAMILY_OTHER;
}

static void list_remove(struct sek_flow_table *t, struct sek_flow *f)
{
    if (f->older)
        f->older->newer = f->newer;
    else
        t->oldest[f->list] = f->newer;
    if (f->newer)
        f->newer->older = f->older;
    else
        t->newest[f->list] = f->older;
}

static void list_append(struct sek_flow_table *t, struct sek_flow *f)
{
    f->older = t->newest[f->list];
    f->newer = NULL;
    if (f->older)
        f->older->newer = f;
    else
        t->oldest[f->list] = f;
    t->newest[f->list] = f;
}

static unsigned flow_list(const struct sek_flow *f)
{
    unsigned kind = SEK_TIMEOUT_NEW;
    if (f->tcp && f->tcp->state == SEK_TCP_CLOSED)
        kind = SEK_TIMEOUT_CLOSED;
    else if (f->flags & SEK_FLOW_ESTABLISHED)
        kind = SEK_TIMEOUT_ESTABLISHED;
    return flow_family(f) * SEK_TIMEOUT_KINDS + kind;
}

void sek_flow_touch(struct sek_flow_table *t, struct sek_flow *f, uint64_t now_us)
{
    list_remove(t, f);
    if (now_us > f->last_us) /* a clock may be set back */
        f->last_us = now_us;
    f->list = (uint8_t)flow_list(f);
    list_append(t, f);
}

bool sek_flow_evict(struct sek_flow_table *t, uint64_t now_us)
{
    struct sek_flow *victim = NULL;
    uint64_t idle = 0, limit = 1;
    for (unsigned list = 0; list < SEK_TIMEOUT_KINDS * 3; list++) {
        struct sek_flow *f = t->oldest[list];
        uint64_t i = f && now_us > f->last_us ? now_us - f->last_us : 0;
        uint64_t l = timeouts[list / SEK_TIMEOUT_KINDS][list % SEK_TIMEOUT_KINDS];
        if (f && (!victim || i * limit > idle * l)) {
            victim = f;
            idle = i;
            limit = l;
        }
    }
    if (victim) {
        t->evicted++;
        sek_flow_end(t, victim);
    }
    return victim;
}

static struct sek_flow *flow_new(struct sek_flow_table *t, const struct sek_packet *p,
                                 uint32_t hash)
{
    if (t->count >= t->limit)
        sek_flow_evict(t, p->ts_us);
    struct sek_flow *f = sek_pool_get_zero(t->pool, sizeof *f);
    if (!f)
        return NULL;
    f->id = mix(t->next_id++, t->seed) >> 12; /* below 2^52, so JSON readers keep it exact */
    f->hash = hash;
    f->ip_version = p->ip_version;
    f->proto = p->proto;
    f->vlan_count = p->vlan_count;
    memcpy(f->vlan, p->vlan, sizeof f->vlan);
    f->addr[0] = p->src;
    f->addr[1] = p->dst;
    if (p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6) {
        f->port[0] = f->port[1] = p->icmp_id;
    } else {
        f->port[0] = p->src_port;
        f->port[1] = p->dst_port;
    }
    f->first_us = f->last_us = p->ts_us;
    struct sek_flow **bucket = &t->buckets[hash & t->mask];
    f->chain = *bucket;
    *bucket = f;
    t->count++;
    f->list = (uint8_t)flow_list(f);
    list_append(t, f);
    return f;
}

/* A SYN on a finished session begins a new flow with the same tuple. */
static bool reused(const struct sek_flow *f, const struct sek_packet *p)
{
    return p->proto == IPPROTO_TCP && f->tcp && f->tcp->state == SEK_TCP_CLOSED &&
           (p->tcp.flags & (SEK_TCP_SYN | SEK_TCP_ACK)) == SEK_TCP_SYN;
}

/* The flow with P's addresses and ports A and B; NULL when there is none. */
static struct sek_flow *lookup(const struct sek_flow_table *t, const struct sek_packet *p, uint16_t a,
                               uint16_t b, uint32_t hash, enum sek_dir *dir)
{
    for (struct sek_flow *f = t->buckets[hash & t->mask]; f; f = f->chain) {
        if (f->hash != hash || f->proto != p->proto || f->ip_version != p->ip_version ||
            !vlan_equal(t, f, p))
            continue;
        if (f->port[0] == a && f->port[1] == b && sek_addr_equal(&f->addr[0], &p->src) &&
            sek_addr_equal(&f->addr[1], &p->dst)) {
            *dir = SEK_TOSERVER;
            return f;
        }
        if (f->port[1] == a && f->port[0] == b && sek_addr_equal(&f->addr[1], &p->src) &&
            sek_addr_equal(&f->addr[0], &p->dst)) {
            *dir = SEK_TOCLIENT;
            return f;
        }
    }
    return NULL;
}

static bool is_icmp_error(const struct sek_packet *p)
{
    uint8_t type = p->icmp_type;
    if (p->proto == IPPROTO_ICMP) /* RFC 792 */
        return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
    return p->proto == IPPROTO_ICMPV6 && type >= 1 && type <= 4; /* RFC 4443 */
}

/* An ICMP error belongs to the flow of the packet that it quotes, and travels against it. */
static struct sek_flow *quoted_flow(const struct sek_flow_table *t, const struct sek_packet *p,
                                    enum sek_dir *dir)
{
    struct sek_packet q = {.ip_version = p->ip_version, .vlan_count = p->vlan_count};
    const uint8_t *d = p->payload;
    uint32_t size = p->ip_version == 4 ? 4 : 16, header = 40;
    if (!d || p->payload_len < 28 || d[0] >> 4 != p->ip_version)
        return NULL;
    if (p->ip_version == 4)
        header = (d[0] & 15u) * 4u;
    if (header < 20 || p->payload_len < header + 4)
        return NULL;
    q.proto = p->ip_version == 4 ? d[9] : d[6];
    if (q.proto != IPPROTO_TCP && q.proto != IPPROTO_UDP && q.proto != IPPROTO_SCTP)
        return NULL;
    memcpy(q.vlan, p->vlan, sizeof q.vlan);
    memcpy(q.src.bytes, d + (p->ip_version == 4 ? 12 : 8), size);
    memcpy(q.dst.bytes, d + (p->ip_version == 4 ? 16 : 24), size);
    uint16_t a = (uint16_t)(d[header] << 8 | d[header + 1]);
    uint16_t b = (uint16_t)(d[header + 2] << 8 | d[header + 3]);
    struct sek_flow *f = lookup(t, &q, a, b, tuple_hash(t, &q, a, b), dir);
    *dir = !*dir;
    return f;
}

struct sek_flow *sek_flow_find(struct sek_flow_table *t, const struct sek_packet *p,
                               enum sek_dir *dir)
{
    uint16_t a, b;
    struct sek_flow *f;
    if (!p->ip_version || p->fragment || p->invalid)
        return NULL;
    if (is_icmp_error(p) && (f = quoted_flow(t, p, dir)))
        return f;
    packet_ports(p, &a, &b);
    uint32_t hash = tuple_hash(t, p, a, b);
    f = lookup(t, p, a, b, hash, dir);
    uint32_t limit_s = f ? timeouts[f->list / SEK_TIMEOUT_KINDS][f->list % SEK_TIMEOUT_KINDS] : 0;
    if (f && (reused(f, p) ||
              (p->ts_us > f->last_us && p->ts_us - f->last_us > (uint64_t)limit_s * 1000000u &&
               f->list % SEK_TIMEOUT_KINDS != SEK_TIMEOUT_CLOSED))) {
        sek_flow_end(t, f);
        f = NULL;
    }
    if (!f) {
        f = flow_new(t, p, hash);
        *dir = SEK_TOSERVER;
    }
    return f;
}

void sek_flow_reverse(struct sek_flow *f)
{
    struct sek_addr addr = f->addr[0];
    uint16_t port = f->port[0];
    uint64_t packets = f->packets[0], bytes = f->bytes[0];
    f->addr[0] = f->addr[1];
    f->addr[1] = addr;
    f->port[0] = f->port[1];
    f->port[1] = port;
    f->packets[0] = f->packets[1];
    f->packets[1] = packets;
    f->bytes[0] = f->bytes[1];
    f->bytes[1] = bytes;
    f->flags ^= SEK_FLOW_REVERSED;
}

void sek_flow_end(struct sek_flow_table *t, struct sek_flow *f)
{
    if (t->on_end)
        t->on_end(t->ctx, f);
    struct sek_flow **link = &t->buckets[f->hash & t->mask];
    while (*link != f)
        link = &(*link)->chain;
    *link = f->chain;
    list_remove(t, f);
    if (f->tcp)
        sek_session_free(t->pool, f->tcp);
    sek_pool_put(t->pool, f, sizeof *f);
    t->count--;
}

bool sek_flow_expire(struct sek_flow_table *t, uint64_t now_us, unsigned budget)
{
    for (unsigned list = 0; list < SEK_TIMEOUT_KINDS * 3; list++) {
        uint64_t limit_us = (uint64_t)timeouts[list / SEK_TIMEOUT_KINDS][list % SEK_TIMEOUT_KINDS] *
                            1000000u;
        while (budget && t->oldest[list] && now_us > t->oldest[list]->last_us &&
               now_us - t->oldest[list]->last_us > limit_us) {
            sek_flow_end(t, t->oldest[list]);
            budget--;
        }
    }
    return !budget;
}

void sek_flow_end_all(struct sek_flow_table *t)
{
    for (;;) { /* oldest first, so that the last records come in order of time */
        struct sek_flow *f = NULL;
        for (unsigned list = 0; list < SEK_TIMEOUT_KINDS * 3; list++)
            if (t->oldest[list] && (!f || t->oldest[list]->first_us < f->first_us))
                f = t->oldest[list];
        if (!f)
            break;
        sek_flow_end(t, f);
    }
}

void sek_flow_table_close(struct sek_flow_table *t)
{
    sek_flow_end_all(t);
    free(t->buckets);
    t->buckets = NULL;
}
