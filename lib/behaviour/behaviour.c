/* Per-device features in a hash table of fixed size. Attempts wait in a small ring until they are
 * answered or a second has passed; only then they count, as success or as failure. */
#include "lib/behaviour/behaviour.h"

#include <netinet/in.h>
#include <stdlib.h>

#define WINDOW_US  60000000u
#define ANSWER_US  1000000u
#define PENDING    64
#define SEEN_BITS  2048u /* first contacts of a window, hashed */
#define PROBES     8u
#define WALK_FAIL  1386  /* ln(0.8 / 0.2) * 1000: how much one failure speaks for a scanner */
#define WALK_LIMIT 4595  /* ln(99) * 1000: 1% false positives, 99% detection */

struct attempt {
    uint64_t ts_us;
    uint32_t target; /* hash of address and port */
    uint16_t port;
    bool live;
};

struct device {
    struct sek_addr addr;
    uint64_t last_us, window_us, second_us, first_us;
    struct attempt pending[PENDING];
    uint8_t next_pending, ip_version;
    bool used, judged;
    int32_t walk; /* log likelihood ratio * 1000; positive: a scanner */
    uint64_t seen[SEEN_BITS / 64];
    uint32_t failed, worm_failed, mirai, missing;
    uint32_t flood_target, flood_count, flood_peak;
    uint32_t login_target, login_count;
};

struct sek_behaviour {
    struct sek_behaviour_settings settings;
    struct device *devices;
    uint32_t mask;
};

static const struct {
    const char *id, *text;
    uint32_t weight;
} reasons[SEK_BEHAVIOUR_REASONS] = {
    [SEK_BEHAVIOUR_SCAN] = {"scan", "connects to many addresses that do not answer", 50},
    [SEK_BEHAVIOUR_WORM_PORTS] = {"worm-ports", "probes ports that IoT worms spread over", 40},
    [SEK_BEHAVIOUR_MIRAI] = {"mirai-syn", "sends SYN segments numbered as Mirai's scanner does", 60},
    [SEK_BEHAVIOUR_FLOOD] = {"flood", "opens connections to one address at the rate of a flood", 70},
    [SEK_BEHAVIOUR_BRUTE_FORCE] = {"brute-force", "opens one login session after the other", 70},
    [SEK_BEHAVIOUR_DGA] = {"dga", "asks for many names that do not exist", 70},
};

const char *sek_behaviour_reason_text(enum sek_behaviour_reason reason)
{
    return reasons[reason].text;
}

const char *sek_behaviour_reason_id(enum sek_behaviour_reason reason)
{
    return reasons[reason].id;
}

void sek_behaviour_settings_default(struct sek_behaviour_settings *s)
{
    *s = (struct sek_behaviour_settings){
        .devices = 16384, .judge_score = 70, .scan_targets = 10, .worm_targets = 6,
        .flood_rate = 200, .login_sessions = 20, .missing_names = 30,
    };
}

struct sek_behaviour *sek_behaviour_new(const struct sek_behaviour_settings *settings)
{
    uint32_t size = 64;
    struct sek_behaviour *b = calloc(1, sizeof *b);
    while (size < settings->devices)
        size *= 2;
    if (!b || !(b->devices = calloc(size, sizeof *b->devices))) {
        free(b);
        return NULL;
    }
    b->settings = *settings;
    b->mask = size - 1;
    return b;
}

void sek_behaviour_free(struct sek_behaviour *b)
{
    if (b)
        free(b->devices);
    free(b);
}

static uint32_t hash_addr(const struct sek_addr *a, uint32_t seed)
{
    uint64_t h = seed * 0x9e3779b97f4a7c15ull + 1;
    for (int i = 0; i < 4; i++)
        h = (h ^ a->words[i]) * 0xd6e8feb86659fd93ull, h ^= h >> 29;
    return (uint32_t)(h >> 32);
}

static struct device *device_find(struct sek_behaviour *b, int version, const struct sek_addr *addr)
{
    uint32_t h = hash_addr(addr, (uint32_t)version);
    for (uint32_t i = 0; i < PROBES; i++) {
        struct device *d = &b->devices[(h + i) & b->mask];
        if (d->used && d->ip_version == version && sek_addr_equal(&d->addr, addr))
            return d;
    }
    return NULL;
}

static struct device *device_get(struct sek_behaviour *b, int version, const struct sek_addr *addr,
                                 uint64_t now)
{
    struct device *d = device_find(b, version, addr), *oldest;
    uint32_t h = hash_addr(addr, (uint32_t)version);
    if (d)
        return d;
    oldest = &b->devices[h & b->mask];
    for (uint32_t i = 0; i < PROBES; i++) {
        struct device *x = &b->devices[(h + i) & b->mask];
        if (!x->used) {
            oldest = x;
            break;
        }
        if (x->last_us < oldest->last_us)
            oldest = x;
    }
    memset(oldest, 0, sizeof *oldest);
    oldest->addr = *addr;
    oldest->ip_version = (uint8_t)version;
    oldest->used = true;
    oldest->window_us = oldest->first_us = now;
    return oldest;
}

/* Ports that IoT malware spreads over: telnet, router management, ADB, UPnP, recorder protocols. */
static bool worm_port(uint16_t port)
{
    static const uint16_t ports[] = {23, 2323, 23231, 5555, 7547, 37215, 52869, 34567, 9527,
                                     60001, 26, 2223, 8291, 5358, 6789, 48101};
    for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
        if (ports[i] == port)
            return true;
    return false;
}

static bool login_port(uint16_t port)
{
    return port == 22 || port == 23 || port == 2323 || port == 21 || port == 3389 || port == 5900;
}

static void window_turn(struct device *d, uint64_t now)
{
    if (now - d->window_us < WINDOW_US)
        return;
    d->window_us = now;
    memset(d->seen, 0, sizeof d->seen);
    d->failed = d->worm_failed = d->mirai = d->missing = d->flood_peak = 0;
    d->login_count = d->login_target = 0;
    d->walk = 0;
}

static void walk(struct device *d, bool success)
{
    d->walk += success ? -WALK_FAIL : WALK_FAIL;
    if (d->walk < -WALK_LIMIT)
        d->walk = -WALK_LIMIT;
    if (d->walk > 4 * WALK_LIMIT)
        d->walk = 4 * WALK_LIMIT;
}

static void count_failure(struct device *d, const struct attempt *a)
{
    walk(d, false);
    d->failed++;
    d->worm_failed += worm_port(a->port);
}

/* Attempts that nobody answered in time have failed. */
static void settle(struct device *d, uint64_t now)
{
    for (int i = 0; i < PENDING; i++) {
        struct attempt *a = &d->pending[i];
        if (a->live && now - a->ts_us > ANSWER_US) {
            a->live = false;
            count_failure(d, a);
        }
    }
}

static bool judge(struct sek_behaviour *b, struct device *d, struct sek_behaviour_judgement *out)
{
    const struct sek_behaviour_settings *s = &b->settings;
    struct sek_behaviour_judgement j = {.device = d->addr, .ip_version = d->ip_version,
                                        .since_us = d->first_us};
    bool scanner = d->walk >= WALK_LIMIT;
    if (scanner && d->failed >= s->scan_targets)
        j.counts[SEK_BEHAVIOUR_SCAN] = d->failed;
    if (scanner && d->worm_failed >= s->worm_targets)
        j.counts[SEK_BEHAVIOUR_WORM_PORTS] = d->worm_failed;
    if (d->mirai >= 3)
        j.counts[SEK_BEHAVIOUR_MIRAI] = d->mirai;
    if (d->flood_peak >= s->flood_rate)
        j.counts[SEK_BEHAVIOUR_FLOOD] = d->flood_peak;
    if (d->login_count >= s->login_sessions)
        j.counts[SEK_BEHAVIOUR_BRUTE_FORCE] = d->login_count;
    if (d->missing >= s->missing_names)
        j.counts[SEK_BEHAVIOUR_DGA] = d->missing;
    for (int i = 0; i < SEK_BEHAVIOUR_REASONS; i++)
        j.score += j.counts[i] ? reasons[i].weight : 0;
    if (d->judged || j.score < s->judge_score)
        return false;
    d->judged = true;
    *out = j;
    return true;
}

static void count_rates(struct device *d, const struct sek_packet *p, uint32_t host)
{
    if (p->ts_us - d->second_us >= 1000000u || d->flood_target != host) {
        d->second_us = p->ts_us;
        d->flood_target = host;
        d->flood_count = 0;
    }
    if (++d->flood_count > d->flood_peak)
        d->flood_peak = d->flood_count;
    if (p->proto == IPPROTO_TCP && login_port(p->dst_port)) {
        if (d->login_target != host) {
            d->login_target = host;
            d->login_count = 0;
        }
        d->login_count++;
    }
}

bool sek_behaviour_attempt(struct sek_behaviour *b, const struct sek_packet *p,
                           struct sek_behaviour_judgement *out)
{
    bool syn = p->proto == IPPROTO_TCP &&
               (p->tcp.flags & (SEK_TCP_SYN | SEK_TCP_ACK)) == SEK_TCP_SYN;
    if (!syn && p->proto != IPPROTO_UDP)
        return false;
    struct device *d = device_get(b, p->ip_version, &p->src, p->ts_us);
    uint32_t host = hash_addr(&p->dst, 7), target = hash_addr(&p->dst, p->dst_port + 11u);
    d->last_us = p->ts_us;
    window_turn(d, p->ts_us);
    settle(d, p->ts_us);
    count_rates(d, p, host);
    if (syn) {
        uint32_t bit = target % SEEN_BITS;
        bool first = !(d->seen[bit / 64] >> (bit % 64) & 1);
        uint32_t number = (uint32_t)p->dst.bytes[0] << 24 | (uint32_t)p->dst.bytes[1] << 16 |
                          (uint32_t)p->dst.bytes[2] << 8 | p->dst.bytes[3];
        d->mirai += p->ip_version == 4 && p->tcp.seq == number;
        d->seen[bit / 64] |= 1ull << (bit % 64);
        if (first) {
            struct attempt *a = &d->pending[d->next_pending++ % PENDING];
            if (a->live) /* pushed out by faster ones: nobody answered it so far */
                count_failure(d, a);
            *a = (struct attempt){.ts_us = p->ts_us, .target = target, .port = p->dst_port,
                                  .live = true};
        }
    }
    return judge(b, d, out);
}

void sek_behaviour_answer(struct sek_behaviour *b, const struct sek_packet *p)
{
    struct device *d = device_find(b, p->ip_version, &p->dst);
    uint32_t target = hash_addr(&p->src, p->src_port + 11u);
    if (!d || p->proto != IPPROTO_TCP)
        return;
    for (int i = 0; i < PENDING; i++) {
        struct attempt *a = &d->pending[i];
        if (!a->live || a->target != target)
            continue;
        a->live = false;
        if (p->tcp.flags & SEK_TCP_RST)
            count_failure(d, a);
        else
            walk(d, true);
    }
}

bool sek_behaviour_missing_name(struct sek_behaviour *b, int ip_version,
                                const struct sek_addr *device, uint64_t now_us,
                                struct sek_behaviour_judgement *out)
{
    struct device *d = device_get(b, ip_version, device, now_us);
    d->last_us = now_us;
    window_turn(d, now_us);
    d->missing++;
    return judge(b, d, out);
}

void sek_behaviour_forget(struct sek_behaviour *b, int ip_version, const struct sek_addr *device)
{
    struct device *d = device_find(b, ip_version, device);
    if (d)
        memset(d, 0, sizeof *d);
}
