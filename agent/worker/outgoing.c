/* Connections live in a fixed table, found by their endpoints; the longest idle is given up. Bytes
 * are collected in order only: a device's own packets leave in order, and a repeated one is cut to
 * what is new. */
#include "agent/worker/outgoing.h"
#include "agent/worker/glance.h"
#include "agent/worker/resolvers.h"
#include "bpf/exit.h"
#include "lib/base/clock.h"
#include "lib/packet/packet.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS    128
#define BUFFER         16384
#define DNS_PORT       53
#define HTTPS_PORT     443
#define QUIC_DATAGRAMS 4 /* that a ClientHello may take */

struct connection {
    struct sek_endpoints endpoints;
    uint64_t used_us; /* 0: free */
    uint32_t next_seq;
    uint64_t skip; /* bytes of an HTTP body still to come */
    bool refused;
    bool waiting;                 /* its last packet is held */
    uint8_t unread;               /* QUIC: datagrams without a name so far */
    struct sek_quic_stream *quic; /* while collecting, else NULL */
    uint8_t *data;                /* BUFFER bytes while collecting, else NULL */
    uint32_t len;
};

struct sek_outgoing {
    struct sek_outgoing_rules rules;
    bool last; /* no answer is waited for any more */
    struct connection table[CONNECTIONS];
};

struct sek_outgoing *sek_outgoing_new(void)
{
    return calloc(1, sizeof(struct sek_outgoing));
}

static void release(struct connection *c)
{
    free(c->data);
    free(c->quic);
    *c = (struct connection){0};
}

void sek_outgoing_free(struct sek_outgoing *o)
{
    for (int i = 0; o && i < CONNECTIONS; i++)
        release(&o->table[i]);
    free(o);
}

void sek_outgoing_rules(struct sek_outgoing *o, const struct sek_outgoing_rules *rules)
{
    o->rules = *rules;
}

static struct connection *connection_of(struct sek_outgoing *o, const struct sek_endpoints *e,
                                        bool make, uint64_t now_us)
{
    struct connection *oldest = &o->table[0];
    for (int i = 0; i < CONNECTIONS; i++) {
        struct connection *c = &o->table[i];
        if (c->used_us && !memcmp(&c->endpoints, e, sizeof *e)) {
            c->used_us = now_us;
            return c;
        }
        if (c->used_us < oldest->used_us)
            oldest = c;
    }
    if (!make)
        return NULL;
    release(oldest);
    oldest->endpoints = *e;
    oldest->used_us = now_us;
    return oldest;
}

static void fill_hit(struct sek_outgoing_result *r, enum sek_outgoing_protocol protocol,
                     const struct sek_endpoints *e, const char *name)
{
    r->hit = true;
    r->what.protocol = protocol;
    r->what.endpoints = *e;
    snprintf(r->what.name, sizeof r->what.name, "%s", name);
}

/* Where something is listed, or what the policy says while nobody knows. TARGET NULL: a name. */
static enum sek_look look(struct sek_outgoing *o, const struct sek_indicators *indicators,
                          const char *host, size_t host_len, const char *target, size_t target_len,
                          struct sek_outgoing_hit *what)
{
    uint64_t now_s = sek_clock_wall_us() / 1000000u;
    if (target
            ? sek_indicators_url(indicators, host, host_len, target, target_len, &what->indicator)
            : sek_indicators_domain(indicators, host, host_len, &what->indicator))
        return SEK_LOOK_LISTED;
    enum sek_look seen = sek_unsure_look(o->rules.unsure, host, host_len, target, target_len, now_s,
                                         &what->indicator);
    if (seen != SEK_LOOK_ASK || (!o->last && sek_unsure_may_ask(o->rules.unsure, now_s)))
        return seen;
    if (!o->rules.deny_unanswered)
        return SEK_LOOK_CLEAN;
    what->reason = "the manager did not answer whether it is listed";
    return SEK_LOOK_LISTED;
}

/* What the policy, and no list, says: a hit, and refused where it denies and the mode prevents. */
static void by_policy(struct sek_outgoing_result *r, uint8_t policy, bool prevent,
                      enum sek_outgoing_protocol protocol, const struct sek_endpoints *e,
                      const char *name, const char *reason)
{
    fill_hit(r, protocol, e, name);
    r->what.reason = reason;
    r->drop = policy == SEK_EXIT_DENY && prevent;
}

/* --- DNS ------------------------------------------------------------------------------------- */

struct dns_context {
    struct sek_outgoing *o;
    const struct sek_indicators *indicators;
    struct sek_names *names;
    bool prevent, udp;
    uint64_t now_us;
};

/* The first name of the message that is not clean: the question, or an alias in the answer. */
static enum sek_look look_names(const struct dns_context *c, const struct sek_glance_dns *dns,
                                const char **name, struct sek_outgoing_hit *what)
{
    enum sek_look seen = look(c->o, c->indicators, dns->name, strlen(dns->name), NULL, 0, what);
    *name = dns->name;
    for (unsigned i = 0; seen == SEK_LOOK_CLEAN && i < dns->alias_count; i++) {
        *name = dns->aliases[i];
        seen = look(c->o, c->indicators, *name, strlen(*name), NULL, 0, what);
    }
    return seen;
}

static void judge_dns(const struct dns_context *c, const struct sek_endpoints *e,
                      const uint8_t *data, uint32_t len, struct sek_outgoing_result *r)
{
    static struct sek_glance_dns dns;
    if (sek_glance_dns(data, len, &dns) != SEK_GLANCE_FOUND)
        return;
    /* An answer that leads nowhere does no harm, and the answers that we make are of that kind. */
    if (c->o->rules.encrypted_dns == SEK_EXIT_DENY && !dns.response &&
        sek_resolver_canary(dns.name)) {
        by_policy(r, SEK_EXIT_DENY, c->prevent, SEK_OUTGOING_DNS, e, dns.name,
                  "DNS over HTTPS is off by policy: the canary domain");
        if (r->drop && c->udp)
            r->reply_len = (uint16_t)sek_glance_refuse(data, &dns, r->reply, sizeof r->reply);
        return;
    }
    bool empty = dns.response && !dns.address_count && !dns.alias_count;
    const char *name = dns.name;
    enum sek_look seen = empty ? SEK_LOOK_CLEAN : look_names(c, &dns, &name, &r->what);
    r->hold = seen == SEK_LOOK_ASK;
    if (r->hold)
        return;
    if (seen == SEK_LOOK_CLEAN) {
        /* What a program sends itself, in the form of an answer, is none. */
        for (unsigned i = 0; e->source_port == DNS_PORT && i < dns.address_count; i++)
            sek_names_add(c->names, dns.addresses[i].address, dns.name, dns.addresses[i].ttl_s,
                          c->now_us);
        return;
    }
    struct sek_endpoints query = *e;
    if (dns.response) {
        memcpy(query.source, e->target, 16);
        memcpy(query.target, e->source, 16);
        query.source_port = e->target_port;
        query.target_port = e->source_port;
    }
    fill_hit(r, SEK_OUTGOING_DNS, &query, name);
    r->what.answer = dns.response;
    r->drop = c->prevent;
    if (r->drop && c->udp)
        r->reply_len = (uint16_t)sek_glance_refuse(data, &dns, r->reply, sizeof r->reply);
}

/* --- TCP ------------------------------------------------------------------------------------- */

/* A server that a ClientHello names. */
static void judge_server(struct connection *c, const struct dns_context *context,
                         enum sek_outgoing_protocol protocol, const char *name, bool ech,
                         struct sek_outgoing_result *r)
{
    const struct sek_outgoing_rules *rules = &context->o->rules;
    enum sek_look found =
        look(context->o, context->indicators, name, strlen(name), NULL, 0, &r->what);
    r->hold = found == SEK_LOOK_ASK;
    if (r->hold)
        return;
    if (found == SEK_LOOK_LISTED) {
        fill_hit(r, protocol, &c->endpoints, name);
        r->drop = context->prevent;
    } else if (rules->encrypted_dns && sek_resolver_name(name, strlen(name))) {
        by_policy(r, rules->encrypted_dns, context->prevent, protocol, &c->endpoints, name,
                  "DNS over HTTPS: a known resolver's name");
    }
    r->what.ech = ech;
    c->refused = r->drop;
    r->settled = !r->drop;
}

static void judge_tls(struct connection *c, const struct dns_context *context,
                      struct sek_outgoing_result *r)
{
    char name[SEK_NAME_SIZE];
    bool ech;
    enum sek_glance seen = sek_glance_tls(c->data, c->len, name, &ech);
    if (seen == SEK_GLANCE_FOUND)
        judge_server(c, context, SEK_OUTGOING_TLS, name, ech, r);
    else
        r->settled = seen == SEK_GLANCE_NONE;
}

/* Host without a port, for the look-up of its domain. */
static size_t host_name(const struct sek_bytes *host)
{
    const uint8_t *colon = memrchr(host->data, ':', host->len);
    const uint8_t *bracket = memrchr(host->data, ']', host->len);
    return colon && (!bracket || colon > bracket) ? (size_t)(colon - host->data) : host->len;
}

static enum sek_look look_http(const struct dns_context *c, const struct sek_glance_http *h,
                               struct sek_outgoing_hit *what)
{
    const char *host = (const char *)h->host.data, *target = (const char *)h->target.data;
    enum sek_look seen = look(c->o, c->indicators, host, h->host.len, target, h->target.len, what);
    if (seen != SEK_LOOK_CLEAN || !h->host.len)
        return seen;
    return look(c->o, c->indicators, host, host_name(&h->host), NULL, 0, what);
}

/* Every request of a connection is looked at; bodies are skipped by their length. */
static void judge_http(struct connection *c, const struct dns_context *context,
                       struct sek_outgoing_result *r)
{
    while (c->len && !r->hit) {
        struct sek_glance_http h;
        enum sek_glance seen = sek_glance_http(c->data, c->len, &h);
        if (seen == SEK_GLANCE_MORE)
            return;
        if (seen == SEK_GLANCE_NONE) {
            c->len = 0; /* not where a request begins: look again at the next packet */
            return;
        }
        enum sek_look found = look_http(context, &h, &r->what);
        r->hold = found == SEK_LOOK_ASK;
        if (r->hold)
            return;
        if (found == SEK_LOOK_LISTED) {
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)h.host.len, (const char *)h.host.data);
            fill_hit(r, SEK_OUTGOING_HTTP, &c->endpoints, name);
            snprintf(r->what.url, sizeof r->what.url, "%.*s", (int)h.target.len,
                     (const char *)h.target.data);
            c->refused = r->drop = context->prevent;
            return;
        }
        if (context->o->rules.encrypted_dns &&
            sek_resolver_name((const char *)h.host.data, h.host.len ? host_name(&h.host) : 0)) {
            char name[256];
            snprintf(name, sizeof name, "%.*s", (int)h.host.len, (const char *)h.host.data);
            by_policy(r, context->o->rules.encrypted_dns, context->prevent, SEK_OUTGOING_HTTP,
                      &c->endpoints, name, "DNS over HTTPS: a known resolver's name");
            c->refused = r->drop;
        }
        uint32_t rest = c->len - h.head;
        uint64_t body = h.unknown_body ? rest : h.body;
        uint32_t gone = body < rest ? (uint32_t)body : rest;
        c->skip = body - gone;
        memmove(c->data, c->data + h.head + gone, rest - gone);
        c->len = rest - gone;
    }
}

static void judge_tcp_dns(struct connection *c, const struct dns_context *context,
                          struct sek_outgoing_result *r)
{
    while (c->len >= 2 && !r->hit) {
        uint32_t size = (uint32_t)c->data[0] << 8 | c->data[1];
        if (c->len - 2 < size && size <= BUFFER - 2)
            return;
        if (size > BUFFER - 2) {
            c->len = 0;
            return;
        }
        judge_dns(context, &c->endpoints, c->data + 2, size, r);
        if (r->hold)
            return;
        c->refused = r->drop;
        memmove(c->data, c->data + 2 + size, c->len - 2 - size);
        c->len -= 2 + size;
    }
}

/* What of the packet's payload is new; moves the connection on. */
static struct sek_bytes new_bytes(struct connection *c, const struct sek_packet *p)
{
    struct sek_bytes b = {p->payload, p->payload_len};
    uint32_t behind = c->next_seq - p->tcp.seq;
    if (behind && behind < 0x80000000u) {
        uint32_t cut = behind < b.len ? behind : b.len;
        b.data += cut;
        b.len -= cut;
    } else if (behind) {
        c->len = 0; /* bytes were lost before these: begin anew */
    }
    if (b.len)
        c->next_seq = p->tcp.seq + p->payload_len;
    if (c->skip) {
        uint32_t cut = c->skip < b.len ? (uint32_t)c->skip : b.len;
        c->skip -= cut;
        b.data += cut;
        b.len -= cut;
    }
    return b;
}

/* What the collected bytes say. */
static void judge_bytes(struct connection *c, const struct dns_context *context,
                        struct sek_outgoing_result *r)
{
    if (c->endpoints.target_port == DNS_PORT || c->endpoints.source_port == DNS_PORT)
        judge_tcp_dns(c, context, r);
    else if (c->data[0] == 22 && c->endpoints.target_port != 80)
        judge_tls(c, context, r);
    else if (c->endpoints.target_port == HTTPS_PORT)
        r->settled = true;
    else
        judge_http(c, context, r);
    c->waiting = r->hold;
    if (c->waiting)
        return;
    if (r->settled)
        release(c);
    else if (!c->len || c->refused) {
        free(c->data);
        c->data = NULL;
        c->len = 0;
    }
}

/* Encrypted DNS that is known by port or address; asked once a connection. */
static bool judge_resolver(const struct dns_context *c, const struct sek_endpoints *e,
                           struct sek_outgoing_result *r)
{
    uint8_t policy = c->o->rules.encrypted_dns;
    const char *what = policy ? sek_resolver_port(e->target_port, c->udp) : NULL;
    if (policy && !what && e->target_port == HTTPS_PORT && sek_resolver_address(e->target))
        what = "DNS over HTTPS: a known resolver's address";
    if (what)
        by_policy(r, policy, c->prevent, SEK_OUTGOING_OTHER, e, "", what);
    return what != NULL;
}

/* --- QUIC ------------------------------------------------------------------------------------ */

static void judge_quic_name(struct connection *c, const struct dns_context *context,
                            const char *name, bool ech, struct sek_outgoing_result *r)
{
    judge_server(c, context, SEK_OUTGOING_QUIC, name, ech, r);
    c->waiting = r->hold;
    if (r->settled)
        release(c);
}

/* One datagram of a flow whose server is not known yet. */
static void judge_quic(struct connection *c, const struct dns_context *context,
                       const struct sek_packet *p, struct sek_outgoing_result *r)
{
    char name[SEK_NAME_SIZE];
    bool ech = false;
    if (!c->quic && !(c->quic = calloc(1, sizeof *c->quic)))
        return;
    enum sek_glance seen = sek_glance_quic(c->quic, p->payload, p->payload_len, name, &ech);
    if (seen == SEK_GLANCE_FOUND) {
        judge_quic_name(c, context, name, ech, r);
        return;
    }
    if (seen == SEK_GLANCE_MORE && ++c->unread < QUIC_DATAGRAMS)
        return;
    if (context->o->rules.quic) {
        by_policy(r, context->o->rules.quic, context->prevent, SEK_OUTGOING_OTHER, &c->endpoints,
                  "", "QUIC, or another protocol on UDP port 443, that cannot be read");
        c->refused = r->drop;
    }
    r->settled = !r->drop;
    if (r->settled)
        release(c);
}

static void judge_udp(struct sek_outgoing *o, const struct dns_context *context,
                      const struct sek_endpoints *e, const struct sek_packet *p, bool again,
                      struct sek_outgoing_result *r)
{
    char name[SEK_NAME_SIZE];
    bool ech;
    if (e->target_port == DNS_PORT || e->source_port == DNS_PORT) {
        judge_dns(context, e, p->payload, p->payload_len, r);
        return;
    }
    struct connection *c = connection_of(o, e, !again, context->now_us);
    if (!c)
        return;
    if (again) {
        if (c->waiting && c->quic &&
            sek_glance_hello(c->quic->data, c->quic->whole, name, &ech) == SEK_GLANCE_FOUND)
            judge_quic_name(c, context, name, ech, r);
    } else if (c->refused || c->waiting) {
        r->drop = true;
    } else if (!c->quic && judge_resolver(context, e, r)) {
        c->refused = r->drop;
        r->settled = !r->drop;
    } else if (e->target_port == HTTPS_PORT) {
        judge_quic(c, context, p, r);
    }
}

/* --- packets --------------------------------------------------------------------------------- */

static void judge_tcp(struct sek_outgoing *o, const struct dns_context *context,
                      const struct sek_endpoints *e, const struct sek_packet *p,
                      struct sek_outgoing_result *r)
{
    bool begins = p->tcp.flags & SEK_TCP_SYN;
    struct connection *c = connection_of(o, e, begins || p->payload_len, context->now_us);
    if (!c)
        return;
    if (begins || (!c->data && !c->next_seq && !c->refused)) {
        release(c);
        c->endpoints = *e;
        c->used_us = context->now_us;
        c->next_seq = p->tcp.seq + begins;
    }
    if (begins && judge_resolver(context, e, r)) {
        c->refused = r->drop;
        return;
    }
    if (c->refused || c->waiting) {
        /* What is held comes again by itself; a reset tells the server that it need not wait. */
        bool reset = (p->tcp.flags & SEK_TCP_RST) && !p->payload_len;
        r->drop = (context->prevent || c->waiting) && !reset;
        return;
    }
    struct sek_bytes b = new_bytes(c, p);
    if (!b.len)
        return;
    if (!c->data && !(c->data = malloc(BUFFER)))
        return;
    if (b.len > BUFFER - c->len)
        b.len = BUFFER - c->len;
    memcpy(c->data + c->len, b.data, b.len);
    c->len += b.len;
    judge_bytes(c, context, r);
}

static void judge_tcp_again(struct sek_outgoing *o, const struct dns_context *context,
                            const struct sek_endpoints *e, struct sek_outgoing_result *r)
{
    struct connection *c = connection_of(o, e, false, context->now_us);
    if (c && c->waiting && c->len)
        judge_bytes(c, context, r);
}
static void judge(struct sek_outgoing *o, const struct sek_indicators *indicators,
                  struct sek_names *names, const uint8_t *packet, uint32_t len, bool prevent,
                  bool again, uint64_t now_us, struct sek_outgoing_result *result)
{
    static struct sek_packet layers[SEK_PACKET_LAYERS];
    struct sek_endpoints e = {0};
    *result = (struct sek_outgoing_result){0};
    sek_packet_decode(SEK_LINK_RAW_IP, packet, len, 0, 0, layers);
    const struct sek_packet *p = &layers[0];
    if (!p->ip_version || !p->l4)
        return;
    sek_endpoints_of_packet(p, &e);
    struct dns_context context = {o, indicators, names, prevent, p->proto == IPPROTO_UDP, now_us};
    if (p->proto == IPPROTO_UDP && p->payload)
        judge_udp(o, &context, &e, p, again, result);
    else if (p->proto == IPPROTO_TCP && again)
        judge_tcp_again(o, &context, &e, result);
    else if (p->proto == IPPROTO_TCP)
        judge_tcp(o, &context, &e, p, result);
}

void sek_outgoing_packet(struct sek_outgoing *o, const struct sek_indicators *indicators,
                         struct sek_names *names, const uint8_t *packet, uint32_t len, bool prevent,
                         uint64_t now_us, struct sek_outgoing_result *result)
{
    o->last = false;
    judge(o, indicators, names, packet, len, prevent, false, now_us, result);
}

void sek_outgoing_again(struct sek_outgoing *o, const struct sek_indicators *indicators,
                        struct sek_names *names, const uint8_t *packet, uint32_t len, bool prevent,
                        bool last, uint64_t now_us, struct sek_outgoing_result *result)
{
    o->last = last;
    judge(o, indicators, names, packet, len, prevent, true, now_us, result);
}
