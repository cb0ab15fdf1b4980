/* The cheap part of a rule: header, flow state, and conditions on packet, flow and memory. */
#include "lib/detect/internal.h"

#include "lib/app/file_magic.h"

#include "lib/app/buffers.h"
#include "lib/base/digest.h"
#include "lib/base/endian.h"
#include "lib/rules/dataset.h"
#include "lib/rules/iprep.h"

#include <netinet/in.h>
#include <strings.h>

static bool sides_match(const struct inspect *in, const struct sek_rule *r, bool swapped)
{
    const struct sek_packet *p = in->p;
    const struct sek_addr *src = swapped ? &p->dst : &p->src, *dst = swapped ? &p->src : &p->dst;
    uint16_t sp = swapped ? p->dst_port : p->src_port, dp = swapped ? p->src_port : p->dst_port;
    bool ports = p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP || p->proto == IPPROTO_SCTP;
    if (ports && (!sek_port_set_has(r->src_port, sp) || !sek_port_set_has(r->dst_port, dp)))
        return false;
    return sek_address_set_has(r->src, src, p->ip_version) &&
           sek_address_set_has(r->dst, dst, p->ip_version);
}

bool rule_header_matches(const struct inspect *in, const struct sek_rule *r)
{
    const struct sek_packet *p = in->p;
    uint32_t flags = r->flags;
    if (!r->any_protocol && !(r->protocols[p->proto / 8] >> (p->proto % 8) & 1) &&
        !(flags & SEK_RULE_DECODER))
        return false;
    if (r->ip_version && r->ip_version != p->ip_version)
        return false;
    if (r->apps && !(in->flow && r->apps >> (in->tx ? in->tx->app : in->flow->app) & 1))
        return false;
    if (flags & (SEK_RULE_TOSERVER | SEK_RULE_TOCLIENT) && in->flow &&
        !(flags & (in->dir ? SEK_RULE_TOCLIENT : SEK_RULE_TOSERVER)))
        return false;
    if (flags & (SEK_RULE_TOSERVER | SEK_RULE_TOCLIENT) && !in->flow &&
        !(flags & SEK_RULE_STATELESS))
        return false;
    if (flags & SEK_RULE_ESTABLISHED && !(in->flow && in->established))
        return false;
    if (flags & SEK_RULE_NOT_ESTABLISHED && in->flow && in->established)
        return false;
    if (flags & SEK_RULE_DECODER && !p->ip_version)
        return true;
    if (flags & SEK_RULE_TWO_WAY)
        return sides_match(in, r, in->dir == SEK_TOCLIENT);
    return sides_match(in, r, false) ||
           (flags & SEK_RULE_BOTH_WAYS && sides_match(in, r, true));
}

static bool flags_match(const struct sek_condition *c, uint8_t v)
{
    v &= (uint8_t)~c->mask;
    switch (c->mode) {
    case '!':
        return (v & c->flags) != c->flags;
    case '+':
        return (v & c->flags) == c->flags;
    case '*':
        return (v & c->flags) != 0;
    default:
        return v == c->flags;
    }
}

static bool has_ip_option(const struct sek_packet *p, uint8_t type)
{
    if (p->ip_version != 4)
        return false;
    for (uint32_t i = 20; i < p->ip_header_len;) {
        if (type == 255 || p->ip[i] == type)
            return true;
        if (p->ip[i] <= 1) {
            i++;
            continue;
        }
        if (i + 1 >= p->ip_header_len || p->ip[i + 1] < 2)
            return false;
        i += p->ip[i + 1];
    }
    return false;
}

static bool two_sides(const struct sek_condition *c, uint64_t a, uint64_t b)
{
    switch (c->side) {
    case 0:
        return sek_compare(&c->compare, a);
    case 1:
        return sek_compare(&c->compare, b);
    case 2:
        return sek_compare(&c->compare, a + b);
    default:
        return sek_compare(&c->compare, a) || sek_compare(&c->compare, b);
    }
}

/* Bytes that a side has sent, from sequence numbers. */
static uint64_t sent(const struct sek_stream *s)
{
    return s->has_isn ? s->next_seq - s->isn - 1 : 0;
}

static bool app_protocol(const struct inspect *in, const struct sek_condition *c)
{
    const struct sek_flow *f = in->flow;
    uint16_t app;
    if (!f)
        return false;
    switch (c->side) {
    case 1:
        app = f->app_before ? f->app_before : f->app;
        break;
    case 2:
        return ((c->apps >> f->app | c->apps >> f->app_before) & 1) != c->negated;
    case 3:
        app = f->app_dir[0];
        break;
    case 4:
        app = f->app_dir[1];
        break;
    default:
        app = f->app;
    }
    if (c->negated)
        return app != SEK_APP_UNKNOWN && !(c->apps >> app & 1);
    return c->apps >> app & 1;
}

static void address_key(const struct inspect *in, const struct sek_condition *c, unsigned index,
                        struct memory_key *key)
{
    memset(key, 0, sizeof *key);
    key->what = (uint64_t)c->bits.names[index] << 8 | 1;
    key->version = in->p->ip_version;
    if (c->bits.track == SEK_TRACK_DST) {
        key->a = in->p->dst;
    } else if (c->bits.track == SEK_TRACK_TX) {
        key->what |= 4;
        if (in->flow)
            memcpy(key->a.bytes, &in->flow->id, sizeof in->flow->id);
        if (in->tx)
            memcpy(key->b.bytes, &in->tx->id, sizeof in->tx->id);
    } else if (c->bits.track == SEK_TRACK_PAIR) {
        bool order = memcmp(in->p->src.bytes, in->p->dst.bytes, 16) < 0;
        key->a = order ? in->p->src : in->p->dst;
        key->b = order ? in->p->dst : in->p->src;
        key->what |= 2;
    } else {
        key->a = in->p->src;
    }
}

static bool bit_test(struct inspect *in, const struct sek_condition *c)
{
    bool any = false;
    for (unsigned i = 0; i < c->bits.count; i++) {
        if (c->kind == SEK_IF_FLOWBITS) {
            any |= in->fd && flow_bit_get(&in->fd->vars, c->bits.names[i]);
        } else {
            struct memory_key key;
            address_key(in, c, i, &key);
            any |= memory_find(&in->e->memory, &key, in->p->ts_us) != NULL;
        }
    }
    return c->bits.command == SEK_BITS_ISSET ? any : !any;
}

static bool int_test(struct inspect *in, const struct sek_condition *c)
{
    uint32_t value = 0, other = 0;
    bool set = in->fd && flow_int_get(&in->fd->vars, c->bits.names[0], &value);
    if (c->bits.command == SEK_INT_ISSET)
        return set;
    if (c->bits.command == SEK_INT_NOTSET)
        return in->fd && !set;
    struct sek_compare compare = c->compare;
    compare.low = (uint64_t)c->bits.number;
    if (c->bits.other) {
        flow_int_get(&in->fd->vars, c->bits.other - 1, &other);
        compare.low = other;
    }
    return set && sek_compare(&compare, value);
}

static bool file_hash_in_set(const struct sek_file *f, const struct sek_dataset *set)
{
    static const enum sek_digest kinds[] = {[SEK_DATASET_MD5] = SEK_MD5, [SEK_DATASET_SHA1] = SEK_SHA1,
                                            [SEK_DATASET_SHA256] = SEK_SHA256};
    uint8_t digest[SEK_DIGEST_MAX];
    if (!f->closed || f->truncated || !f->content ||
        (set->type != SEK_DATASET_MD5 && set->type != SEK_DATASET_SHA1 &&
         set->type != SEK_DATASET_SHA256))
        return false;
    enum sek_digest kind = kinds[set->type];
    return sek_digest(kind, f->content->data, f->content->len, digest) &&
           sek_dataset_has(set, digest, (uint32_t)sek_digest_size(kind), NULL);
}

static bool file_name_has(const struct sek_file *f, const struct sek_condition *c)
{
    size_t n = strlen(c->text);
    if (c->side)
        return f->name.len >= n && memmem(f->name.data, f->name.len, c->text, n);
    return f->name.len > n && f->name.data[f->name.len - n - 1] == '.' &&
           !strncasecmp((const char *)f->name.data + f->name.len - n, c->text, n);
}

static bool file_is(const struct sek_file *f, const struct sek_condition *c)
{
    switch (c->kind) {
    case SEK_IF_FILE:
        return true;
    case SEK_IF_FILE_HASH:
        return file_hash_in_set(f, c->set);
    case SEK_IF_FILE_MAGIC: {
        const char *what = sek_file_magic(f);
        return what ? strcasestr(what, c->text) != NULL : c->negated; /* not known yet: no match either way */
    }
    default:
        return file_name_has(f, c);
    }
}

static bool file_test(const struct inspect *in, const struct sek_condition *c)
{
    for (const struct sek_file *f = in->tx ? in->tx->files : NULL; f; f = f->next) {
        if (f->dir == in->dir && file_is(f, c) != c->negated)
            return true;
    }
    return false;
}

/* Which of several values compare: asked when all of them are there. */
static bool number_pick(struct inspect *in, const struct sek_condition *c,
                        const struct sek_number_def *d)
{
    const struct sek_picking *p = &c->picking;
    int64_t total = 0, from = 0, to, values = 0, hits = 0, index = p->index;
    uint64_t v;
    while (d->get(in->app, in->tx, in->dir, (uint32_t)total, &v))
        total++;
    to = total;
    if (p->sliced) {
        from = p->from < 0 ? total + p->from : p->from;
        to = p->to < 0 ? total + p->to : p->to;
        if (from < 0 || to > total || from > to)
            from = to = 0;
    }
    if (p->pick == SEK_PICK_INDEX || p->pick == SEK_PICK_INDEX_OR_BEYOND) {
        index = index < 0 ? to + index : from + index;
        if (index < from || index >= to)
            return p->pick == SEK_PICK_INDEX_OR_BEYOND;
        return d->get(in->app, in->tx, in->dir, (uint32_t)index, &v) &&
               v != SEK_NUMBER_NONE && sek_compare(&c->compare, v);
    }
    for (int64_t i = from; i < to; i++) {
        if (!d->get(in->app, in->tx, in->dir, (uint32_t)i, &v) || v == SEK_NUMBER_NONE)
            continue;
        values++;
        hits += p->pick != SEK_PICK_COUNT && sek_compare(&c->compare, v);
    }
    switch (p->pick) {
    case SEK_PICK_ALL:
        return values && hits == values;
    case SEK_PICK_ALL_OR_ABSENT:
        return hits == values;
    case SEK_PICK_ANY_OR_ABSENT:
        return hits || !values;
    case SEK_PICK_TIMES:
        return sek_compare(&p->times, (uint64_t)hits);
    case SEK_PICK_COUNT:
        return sek_compare(&p->times, (uint64_t)values);
    default:
        return hits > 0;
    }
}

static bool number_test(struct inspect *in, const struct sek_condition *c)
{
    const struct sek_picking *p = &c->picking;
    uint64_t v;
    const struct sek_number_def *d = in->tx ? c->number[in->tx->app] : NULL;
    if (!d || !(d->dirs & (in->dir ? 2 : 1)))
        return false;
    bool now = (p->pick == SEK_PICK_ANY || (p->pick == SEK_PICK_INDEX && p->index >= 0)) &&
               !p->sliced;
    if (!now && !in->tx->complete[in->dir])
        return false;
    if (p->pick != SEK_PICK_ANY || p->sliced)
        return number_pick(in, c, d);
    for (uint32_t i = 0; d->get(in->app, in->tx, in->dir, i, &v); i++)
        if (v != SEK_NUMBER_NONE && sek_compare(&c->compare, v))
            return true;
    return false;
}

static bool tcp_test(const struct sek_packet *p, const struct sek_condition *c)
{
    if (p->proto != IPPROTO_TCP || !p->l4)
        return false;
    switch (c->kind) {
    case SEK_IF_TCP_FLAGS:
        return flags_match(c, p->tcp.flags);
    case SEK_IF_SEQ:
        return sek_compare(&c->compare, p->tcp.seq);
    case SEK_IF_ACK:
        return sek_compare(&c->compare, p->tcp.ack);
    case SEK_IF_WINDOW:
        return sek_compare(&c->compare, p->tcp.window);
    case SEK_IF_MSS:
        return p->tcp.mss && sek_compare(&c->compare, p->tcp.mss);
    default:
        return p->tcp.wscale != 0xff && sek_compare(&c->compare, p->tcp.wscale);
    }
}

static bool icmp_test(const struct sek_packet *p, const struct sek_condition *c)
{
    if ((p->proto != IPPROTO_ICMP && p->proto != IPPROTO_ICMPV6) || !p->l4)
        return false;
    switch (c->kind) {
    case SEK_IF_ICMP_TYPE:
        return sek_compare(&c->compare, p->icmp_type);
    case SEK_IF_ICMP_CODE:
        return sek_compare(&c->compare, p->icmp_code);
    case SEK_IF_ICMP_ID:
        return sek_compare(&c->compare, p->icmp_id);
    default:
        return sek_compare(&c->compare, p->icmp_seq);
    }
}

static bool iprep_test(const struct inspect *in, const struct sek_condition *c)
{
    const struct sek_iprep *r = in->e->rules->rules->iprep;
    const struct sek_packet *p = in->p;
    bool hit[2];
    for (int i = 0; i < 2; i++) {
        int score = sek_iprep_score(r, c->event, i ? &p->dst : &p->src, p->ip_version);
        hit[i] = c->negated ? score < 0 : score >= 0 && sek_compare(&c->compare, (uint64_t)score);
    }
    switch (c->side) {
    case 0:
        return hit[0];
    case 1:
        return hit[1];
    case 2:
        return hit[0] && hit[1];
    default:
        return hit[0] || hit[1];
    }
}

static bool checksum_test(const struct sek_packet *p, const struct sek_condition *c)
{
    if (p->ip_version != c->side || (c->event && (p->proto != c->event || !p->l4 || p->fragment)))
        return false;
    bool bad = c->mode == SEK_CHECKSUM_IPV4 ? sek_packet_ip_checksum_bad(p)
                                            : sek_packet_transport_checksum_bad(p);
    return bad == c->negated;
}

static bool vlan_test(const struct sek_packet *p, const struct sek_condition *c)
{
    if (c->mode == 1) {
        int64_t at = c->bits.number < 0 ? p->vlan_count + c->bits.number : c->bits.number;
        return at >= 0 && at < p->vlan_count && sek_compare(&c->compare, p->vlan[at]);
    }
    unsigned hits = 0;
    for (unsigned i = 0; i < p->vlan_count; i++)
        hits += sek_compare(&c->compare, p->vlan[i]);
    return c->mode == 2 ? hits && hits == p->vlan_count : hits;
}

static bool chunk_test(const struct sek_packet *p, const struct sek_condition *c)
{
    uint32_t n = 0;
    uint8_t type;
    for (; sek_sctp_chunk(p, n, &type, NULL); n++)
        if (c->kind == SEK_IF_SCTP_CHUNK_TYPE && sek_compare(&c->compare, type))
            return true;
    return c->kind == SEK_IF_SCTP_CHUNK_COUNT && p->proto == IPPROTO_SCTP && p->l4 &&
           sek_compare(&c->compare, n);
}

/* A call: transaction id, 0, RPC version 2, program, version, procedure; over TCP with a record mark
 * before it. */
static bool rpc_test(const struct sek_packet *p, const struct sek_condition *c)
{
    struct sek_reader r = sek_reader_make(p->payload, p->payload_len);
    sek_reader_skip(&r, p->proto == IPPROTO_TCP ? 8 : 4);
    uint32_t type = sek_reader_u32(&r), version = sek_reader_u32(&r);
    uint32_t program = sek_reader_u32(&r), of = sek_reader_u32(&r), procedure = sek_reader_u32(&r);
    return !r.failed && !type && version == 2 && sek_compare(&c->compare, program) &&
           sek_compare(&c->more[0], of) && sek_compare(&c->more[1], procedure);
}

static bool app_state_test(const struct inspect *in, const struct sek_condition *c)
{
    if (!in->tx || in->dir != (enum sek_dir)c->names_dir)
        return false;
    uint64_t progress = in->tx->complete[in->dir] ? UINT8_MAX : in->tx->progress[in->dir];
    return sek_compare(&c->compare, progress);
}

/* Is it about the header of a packet? What stands for the end of a flow has none. */
static bool about_header(enum sek_condition_kind kind)
{
    switch (kind) {
    case SEK_IF_TTL:
    case SEK_IF_TOS:
    case SEK_IF_IP_ID:
    case SEK_IF_FRAGBITS:
    case SEK_IF_FRAGOFFSET:
    case SEK_IF_TCP_FLAGS:
    case SEK_IF_SEQ:
    case SEK_IF_ACK:
    case SEK_IF_WINDOW:
    case SEK_IF_MSS:
    case SEK_IF_WSCALE:
    case SEK_IF_DSIZE:
    case SEK_IF_ICMP_TYPE:
    case SEK_IF_ICMP_CODE:
    case SEK_IF_ICMP_ID:
    case SEK_IF_ICMP_SEQ:
    case SEK_IF_ICMP_MTU:
    case SEK_IF_SCTP_VTAG:
    case SEK_IF_SCTP_CHUNK_TYPE:
    case SEK_IF_SCTP_CHUNK_COUNT:
    case SEK_IF_IGMP_TYPE:
    case SEK_IF_IPOPT:
    case SEK_IF_CHECKSUM:
        return true;
    default:
        return false;
    }
}

static bool one_condition(struct inspect *in, const struct sek_condition *c)
{
    const struct sek_packet *p = in->p;
    uint64_t bit = c->compare.low;
    if (p->source == SEK_SOURCE_STREAM_END && about_header(c->kind))
        return false;
    switch (c->kind) {
    case SEK_IF_TTL:
        return sek_compare(&c->compare, p->ttl);
    case SEK_IF_TOS:
        return sek_compare(&c->compare, p->tos);
    case SEK_IF_IP_ID:
        return p->ip_version == 4 && sek_compare(&c->compare, sek_get32(p->ip + 4) >> 16);
    case SEK_IF_IP_PROTO:
        return p->ip_version && sek_compare(&c->compare, p->proto);
    case SEK_IF_FRAGBITS:
        return p->ip_version == 4 && flags_match(c, p->ip[6] & 0xe0);
    case SEK_IF_FRAGOFFSET:
        return sek_compare(&c->compare, p->fragment_offset / 8u);
    case SEK_IF_SAMEIP:
        return p->ip_version && sek_addr_equal(&p->src, &p->dst);
    case SEK_IF_TCP_FLAGS:
    case SEK_IF_SEQ:
    case SEK_IF_ACK:
    case SEK_IF_WINDOW:
    case SEK_IF_MSS:
    case SEK_IF_WSCALE:
        return tcp_test(p, c);
    case SEK_IF_DSIZE:
        return sek_compare(&c->compare, p->payload_len);
    case SEK_IF_ICMP_TYPE:
    case SEK_IF_ICMP_CODE:
    case SEK_IF_ICMP_ID:
    case SEK_IF_ICMP_SEQ:
        return icmp_test(p, c);
    case SEK_IF_SCTP_VTAG:
        return p->proto == IPPROTO_SCTP && p->l4 && sek_compare(&c->compare, p->sctp_vtag);
    case SEK_IF_DECODE_EVENT:
        return p->decode_events[bit / 64] >> (bit % 64) & 1;
    case SEK_IF_STREAM_EVENT:
        return p->stream_events[bit / 64] >> (bit % 64) & 1;
    case SEK_IF_IPOPT:
        return has_ip_option(p, c->event);
    case SEK_IF_STREAM_SIZE:
        return in->flow && in->flow->tcp &&
               two_sides(c, sent(&in->flow->tcp->stream[1]), sent(&in->flow->tcp->stream[0]));
    case SEK_IF_FLOW_AGE:
        return in->flow &&
               sek_compare(&c->compare, (in->flow->last_us - in->flow->first_us) / 1000000u);
    case SEK_IF_FLOW_PACKETS:
        return in->flow && two_sides(c, in->flow->packets[0], in->flow->packets[1]);
    case SEK_IF_FLOW_BYTES:
        return in->flow && two_sides(c, in->flow->bytes[0], in->flow->bytes[1]);
    case SEK_IF_APP_PROTOCOL:
        return app_protocol(in, c);
    case SEK_IF_FLOWBITS:
    case SEK_IF_XBITS:
    case SEK_IF_HOSTBITS:
        return bit_test(in, c);
    case SEK_IF_FLOWINT:
        return int_test(in, c);
    case SEK_IF_NUMBER:
        return number_test(in, c);
    case SEK_IF_TEST:
        return in->tx && c->test[in->tx->app] &&
               c->test[in->tx->app]->match(in->app, in->tx, in->dir, c->test_arg);
    case SEK_IF_APP_EVENT:
        return in->tx && c->apps >> in->tx->app & 1 &&
               (in->tx->events[in->dir] | (c->side ? in->tx->events[!in->dir] : 0)) >>
                       c->event & 1;
    case SEK_IF_IPREP:
        return p->ip_version && iprep_test(in, c);
    case SEK_IF_CHECKSUM:
        return checksum_test(p, c);
    case SEK_IF_L3_PROTO:
        return p->ip_version == bit;
    case SEK_IF_ICMP_MTU:
        return p->proto == IPPROTO_ICMPV6 && p->l4 && p->icmp_type == 2 &&
               sek_compare(&c->compare, sek_get32(p->l4 + 4));
    case SEK_IF_IGMP_TYPE:
        return p->proto == IPPROTO_IGMP && p->ip_version == 4 && !p->fragment &&
               p->ip_len > p->ip_header_len && sek_compare(&c->compare, p->ip[p->ip_header_len]);
    case SEK_IF_VLAN_ID:
        return vlan_test(p, c);
    case SEK_IF_VLAN_LAYERS:
        return sek_compare(&c->compare, p->vlan_count);
    case SEK_IF_SCTP_CHUNK_TYPE:
    case SEK_IF_SCTP_CHUNK_COUNT:
        return chunk_test(p, c);
    case SEK_IF_RPC:
        return rpc_test(p, c);
    case SEK_IF_ASN1:
        return asn1_malformed(p->payload, p->payload_len, &c->asn1);
    case SEK_IF_VARIABLE:
        return variable_test(in, c);
    case SEK_IF_FLOW_APP_EVENT:
        return in->flow && in->flow->app_events >> c->event & 1;
    case SEK_IF_APP_STATE:
        return app_state_test(in, c);
    case SEK_IF_FRAGMENT:
        return p->fragment != c->negated;
    case SEK_IF_ELEPHANT:
        return in->flow && two_sides(c, in->flow->bytes[0], in->flow->bytes[1]);
    case SEK_IF_FILE_HASH:
    case SEK_IF_FILE_EXT:
    case SEK_IF_FILE_MAGIC:
    case SEK_IF_FILE:
        return file_test(in, c);
    }
    return false;
}

bool rule_conditions_match(struct inspect *in, const struct sek_rule *r)
{
    for (const struct sek_condition *c = r->conditions; c; c = c->next)
        if (!one_condition(in, c))
            return false;
    return true;
}

static void bit_change(struct inspect *in, const struct sek_condition *c)
{
    for (unsigned i = 0; i < c->bits.count; i++) {
        uint32_t name = c->bits.names[i];
        if (c->kind == SEK_IF_FLOWBITS) {
            if (!in->fd)
                return;
            bool on = c->bits.command == SEK_BITS_SET ||
                      (c->bits.command == SEK_BITS_TOGGLE && !flow_bit_get(&in->fd->vars, name));
            flow_bit_set(&in->e->pool, &in->fd->vars, name, on);
            continue;
        }
        struct memory_key key;
        address_key(in, c, i, &key);
        struct memory_entry *e = memory_find(&in->e->memory, &key, in->p->ts_us);
        bool on = c->bits.command == SEK_BITS_SET || (c->bits.command == SEK_BITS_TOGGLE && !e);
        uint64_t until = in->p->ts_us + c->bits.expire_s * 1000000ull;
        if (on)
            memory_get(&in->e->memory, &key, in->p->ts_us, until)->until_us = until;
        else if (e)
            e->used = false;
    }
}

static void int_change(struct inspect *in, const struct sek_condition *c)
{
    uint32_t value = 0, by = (uint32_t)c->bits.number;
    if (!in->fd)
        return;
    if (c->bits.other)
        flow_int_get(&in->fd->vars, c->bits.other - 1, &by);
    flow_int_get(&in->fd->vars, c->bits.names[0], &value);
    if (c->bits.command == SEK_INT_ASSIGN)
        value = by;
    else if (c->bits.command == SEK_INT_ADD)
        value += by;
    else
        value -= by > value ? value : by;
    flow_int_set(&in->e->pool, &in->fd->vars, c->bits.names[0], value);
}

void rule_effects(struct inspect *in, const struct sek_rule *r)
{
    for (const struct sek_condition *c = r->effects; c; c = c->next) {
        if (c->kind == SEK_IF_FLOWINT)
            int_change(in, c);
        else
            bit_change(in, c);
    }
}
