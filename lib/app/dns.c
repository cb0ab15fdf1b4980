/* DNS (RFC 1035) over UDP and TCP, and multicast DNS (RFC 6762), which is the same on port 5353.
 * Each message is a transaction of its own, as rule writers expect: a query is seen in one
 * direction, its answer in the other. */
#include "lib/app/dns.h"

#include <netinet/in.h>

#define NAME_LIMIT   255
#define LABELS_MAX   128
#define POINTERS_MAX 32

struct dns_state {
    struct sek_app_state base;
};

#define HEADER 12u

static bool header_sane(const uint8_t *p, uint32_t len)
{
    unsigned opcode = p[2] >> 3 & 15;
    unsigned questions = (unsigned)(p[4] << 8 | p[5]);
    return len >= HEADER && opcode <= 6 && questions <= 64 && (p[3] & 0x40) == 0 &&
           (questions || p[6] | p[7] || p[2] & 0x80);
}

static bool first_name_sane(const uint8_t *p, uint32_t len)
{
    uint32_t i = HEADER;
    if (!(p[4] | p[5]))
        return true;
    for (unsigned labels = 0; labels < LABELS_MAX && i < len; labels++) {
        if (!p[i])
            return i + 5 <= len;
        if (p[i] & 0xc0)
            return (p[i] & 0xc0) == 0xc0;
        i += 1u + p[i];
    }
    return false;
}

static enum sek_probe dns_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    bool port = flow->port[0] == 53 || flow->port[1] == 53;
    (void)dir;
    if (flow->proto == IPPROTO_TCP) {
        if (len < 2 + HEADER)
            return port ? SEK_PROBE_MORE : SEK_PROBE_NO;
        uint32_t size = (uint32_t)(data[0] << 8 | data[1]);
        if (size < HEADER || !header_sane(data + 2, HEADER) || (!port && size != len - 2))
            return SEK_PROBE_NO;
        uint32_t have = len - 2 < size ? len - 2 : size;
        return have < size || first_name_sane(data + 2, have) ? SEK_PROBE_YES : SEK_PROBE_NO;
    }
    if (!port)
        return SEK_PROBE_NO;
    if (len < HEADER || !header_sane(data, len))
        return SEK_PROBE_NO;
    return SEK_PROBE_YES;
}

/* A domain name into the text buffer; follows pointers backwards only a bounded number of times. */
static bool read_name(struct dns_state *s, struct dns_tx *tx, struct sek_reader *r, uint32_t *at,
                      uint32_t *len)
{
    struct sek_reader n = *r;
    bool jumped = false;
    unsigned jumps = 0, labels = 0;
    uint32_t begin = tx->text.len;
    enum sek_dir dir = tx->response ? SEK_TOCLIENT : SEK_TOSERVER;
    *len = 0;
    for (;;) {
        uint8_t c = sek_reader_u8(&n);
        if (n.failed)
            return false;
        if ((c & 0xc0) == 0xc0) {
            uint32_t target = (uint32_t)(c & 0x3f) << 8 | sek_reader_u8(&n);
            if (n.failed || target >= n.len)
                return false;
            if (!jumped)
                r->pos = n.pos;
            jumped = true;
            if (++jumps > POINTERS_MAX) {
                sek_tx_event(&tx->base, dir, DNS_EVENT_INFINITE_LOOP);
                break;
            }
            n.pos = target;
            continue;
        }
        if (c & 0xc0)
            return false;
        if (!c) {
            if (!jumped)
                r->pos = n.pos;
            break;
        }
        if (++labels > LABELS_MAX) {
            sek_tx_event(&tx->base, dir, DNS_EVENT_TOO_MANY_LABELS);
            return false;
        }
        struct sek_bytes label = sek_reader_bytes(&n, c);
        if (n.failed)
            return false;
        if (tx->text.len > begin)
            sek_buffer_add(s->base.pool, &tx->text, ".", 1, 0);
        sek_buffer_add(s->base.pool, &tx->text, label.data, label.len, 0);
        if (tx->text.len - begin > NAME_LIMIT) {
            sek_tx_event(&tx->base, dir, DNS_EVENT_NAME_TOO_LONG);
            return false;
        }
    }
    *at = begin;
    *len = tx->text.len - begin;
    return true;
}

/* MNAME, RNAME and five numbers (RFC 1035 section 3.3.13). */
static void read_soa(struct dns_state *s, struct dns_tx *tx, struct dns_record *d,
                     struct sek_reader r)
{
    if (!read_name(s, tx, &r, &d->data, &d->data_len) ||
        !read_name(s, tx, &r, &d->more, &d->more_len))
        return;
    struct sek_bytes numbers = sek_reader_bytes(&r, 20);
    d->data_is_name = true;
    d->raw = tx->text.len;
    sek_buffer_add(s->base.pool, &tx->text, numbers.data, numbers.len, 0);
    if (numbers.len != 20)
        d->raw = 0;
}

/* A name after SKIP bytes, the last two of which are a number. */
static void read_named(struct dns_state *s, struct dns_tx *tx, struct dns_record *d,
                       struct sek_reader r, uint32_t skip)
{
    if (skip) {
        sek_reader_skip(&r, skip - 2);
        d->number = sek_reader_u16(&r);
    }
    d->data_is_name = !r.failed && read_name(s, tx, &r, &d->data, &d->data_len);
    if (!d->data_is_name)
        d->data_len = 0;
}

static void read_data(struct dns_state *s, struct dns_tx *tx, struct dns_record *d,
                      struct sek_reader *r, uint16_t size)
{
    char text[SEK_ADDR_TEXT];
    struct sek_addr addr = {0};
    struct sek_reader own = *r;
    d->data = tx->text.len;
    sek_reader_skip(r, size);
    if ((d->type == 1 && size == 4) || (d->type == 28 && size == 16)) {
        struct sek_bytes v = sek_reader_bytes(&own, size);
        if (v.len != size)
            return;
        memcpy(addr.bytes, v.data, size);
        sek_addr_format(&addr, size == 4 ? 4 : 6, text);
        sek_buffer_add(s->base.pool, &tx->text, text, (uint32_t)strlen(text), 0);
        d->data_len = tx->text.len - d->data;
    } else if (d->type == 5 || d->type == 2 || d->type == 12) { /* CNAME, NS, PTR */
        read_named(s, tx, d, own, 0);
    } else if (d->type == 15) { /* MX */
        read_named(s, tx, d, own, 2);
    } else if (d->type == 33) { /* SRV */
        read_named(s, tx, d, own, 6);
    } else if (d->type == 6) {
        read_soa(s, tx, d, own);
    } else if (d->type == 16 && size) { /* TXT: the first string */
        struct sek_bytes v = sek_reader_bytes(&own, sek_reader_u8(&own));
        sek_buffer_add(s->base.pool, &tx->text, v.data, v.len, 0);
        d->data_len = v.len;
    }
}

static bool read_record(struct dns_state *s, struct dns_tx *tx, struct sek_reader *r,
                        unsigned section)
{
    struct dns_record d = {0};
    unsigned total = 0;
    if (!read_name(s, tx, r, &d.name, &d.name_len))
        return false;
    d.type = sek_reader_u16(r);
    d.class = sek_reader_u16(r);
    if (section != SECTION_QUERY) {
        d.ttl = sek_reader_u32(r);
        uint16_t size = sek_reader_u16(r);
        if (r->failed || size > sek_reader_left(r))
            return false;
        read_data(s, tx, &d, r, size);
    }
    if (r->failed)
        return false;
    for (unsigned i = 0; i < SECTIONS; i++)
        total += tx->counts[i];
    if (total < NAMES_MAX) {
        uint32_t before = tx->records.len;
        sek_buffer_add(s->base.pool, &tx->records, &d, sizeof d, 0);
        if (tx->records.len > before)
            tx->counts[section]++;
    }
    return true;
}

static bool read_message(struct dns_state *s, struct dns_tx *tx, const uint8_t *data, uint32_t len,
                         enum sek_dir dir)
{
    struct sek_reader r = sek_reader_make(data, len);
    unsigned count[SECTIONS];
    tx->message_id = sek_reader_u16(&r);
    tx->flags = sek_reader_u16(&r);
    for (unsigned i = 0; i < SECTIONS; i++)
        count[i] = sek_reader_u16(&r);
    for (unsigned section = 0; section < SECTIONS; section++) {
        for (unsigned i = 0; i < count[section]; i++) {
            if (read_record(s, tx, &r, section))
                continue;
            if (section <= SECTION_ANSWER)
                return false;
            sek_tx_event(&tx->base, dir,
                         section == SECTION_AUTHORITY ? DNS_EVENT_AUTHORITIES
                                                      : DNS_EVENT_ADDITIONALS);
            return true;
        }
    }
    return true;
}

static void fill(struct dns_state *s, struct dns_tx *tx, const uint8_t *data, uint32_t len,
                 enum sek_dir dir)
{
    tx->base.one_way = true;
    tx->response = len > 2 && data[2] & 0x80;
    if (!read_message(s, tx, data, len, dir))
        sek_tx_event(&tx->base, dir, DNS_EVENT_MALFORMED);
    if (tx->flags & 0x0040)
        sek_tx_event(&tx->base, dir, DNS_EVENT_Z_FLAG);
    if ((tx->flags >> 11 & 15) > 6)
        sek_tx_event(&tx->base, dir, DNS_EVENT_OPCODE);
    bool multicast = tx->base.app == SEK_APP_MDNS; /* answers go to everybody, either way */
    if (!multicast && tx->response && dir == SEK_TOSERVER)
        sek_tx_event(&tx->base, dir, DNS_EVENT_NOT_REQUEST);
    if (!multicast && !tx->response && dir == SEK_TOCLIENT)
        sek_tx_event(&tx->base, dir, DNS_EVENT_NOT_RESPONSE);
    tx->base.progress[dir] = DNS_COMPLETE;
    tx->base.complete[dir] = true;
}

static void on_message(struct dns_state *s, const uint8_t *data, uint32_t len, enum sek_dir dir)
{
    struct dns_tx *tx =
        (struct dns_tx *)sek_tx_new(&s->base, sizeof *tx, s->base.flow->app == SEK_APP_MDNS
                                                              ? SEK_APP_MDNS
                                                              : SEK_APP_DNS);
    if (tx)
        fill(s, tx, data, len, dir);
}

struct sek_tx *sek_dns_message(struct sek_app_state *state, const uint8_t *data, uint32_t len,
                               enum sek_dir dir)
{
    struct dns_tx *tx = len < HEADER ? NULL : sek_pool_get_zero(state->pool, sizeof *tx);
    if (tx)
        fill((struct dns_state *)state, tx, data, len, dir);
    return tx ? &tx->base : NULL;
}

static struct sek_app_result dns_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct dns_state *s = (struct dns_state *)state;
    (void)flags;
    if (state->flow->proto == IPPROTO_UDP) {
        if (len >= HEADER)
            on_message(s, data, len, dir);
        return (struct sek_app_result){.consumed = len};
    }
    uint32_t pos = 0;
    while (len - pos >= 2) {
        uint32_t size = (uint32_t)(data[pos] << 8 | data[pos + 1]);
        if (len - pos - 2 < size)
            break;
        if (size >= HEADER)
            on_message(s, data + pos + 2, size, dir);
        pos += 2 + size;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void dns_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct dns_tx *)tx)->text);
    sek_buffer_free(state->pool, &((struct dns_tx *)tx)->records);
    sek_pool_put(state->pool, tx, sizeof(struct dns_tx));
}

void sek_dns_message_free(struct sek_app_state *state, struct sek_tx *tx)
{
    dns_tx_free(state, tx);
}

const struct sek_app_ops sek_dns_ops = {
    .id = SEK_APP_DNS,
    .name = "dns",
    .eve_key = "dns",
    .also = SEK_APP_BIT(SEK_APP_DOH2),
    .transports = 3,
    .probe = dns_probe,
    .state_size = sizeof(struct dns_state),
    .parse = dns_parse,
    .tx_free = dns_tx_free,
    .eve = dns_eve,
    .buffers = dns_buffers,
    .numbers = dns_numbers,
    .events = dns_events,
    .complete = {DNS_COMPLETE, DNS_COMPLETE},
};

static enum sek_probe mdns_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                 uint32_t len)
{
    (void)dir;
    if (flow->port[0] != 5353 && flow->port[1] != 5353)
        return SEK_PROBE_NO;
    return len >= HEADER && header_sane(data, len) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

const struct sek_app_ops sek_mdns_ops = {
    .id = SEK_APP_MDNS,
    .name = "mdns",
    .eve_key = "mdns",
    .transports = 2,
    .probe = mdns_probe,
    .state_size = sizeof(struct dns_state),
    .parse = dns_parse,
    .tx_free = dns_tx_free,
    .eve = dns_eve,
    .buffers = mdns_buffers,
    .events = mdns_events,
    .complete = {DNS_COMPLETE, DNS_COMPLETE},
};
