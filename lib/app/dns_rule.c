/* What rules can name of DNS and of multicast DNS; the EVE object of both. */
#include "lib/app/dns.h"

#include <stdio.h>

static const struct dns_record *kept_at(const struct dns_tx *tx, unsigned index)
{
    return (const struct dns_record *)tx->records.data + index;
}

static const char *type_name(uint16_t type)
{
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {{1, "A"},     {2, "NS"},   {5, "CNAME"}, {6, "SOA"},  {10, "NULL"},  {12, "PTR"},
                 {15, "MX"},   {16, "TXT"}, {28, "AAAA"}, {33, "SRV"}, {35, "NAPTR"}, {43, "DS"},
                 {46, "RRSIG"}, {48, "DNSKEY"}, {64, "SVCB"}, {65, "HTTPS"}, {255, "ANY"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].type == type)
            return names[i].name;
    return NULL;
}

static const char *const rcodes[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",
                                     "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH",
                                     "NOTZONE"};

static void eve_soa(struct sek_text *out, const struct dns_tx *tx, const struct dns_record *d)
{
    static const char *const keys[] = {"serial", "refresh", "retry", "expire", "minimum"};
    struct sek_reader r = sek_reader_make(sek_buffer_at(&tx->text, d->raw), d->raw ? 20 : 0);
    sek_json_open(out, "soa", '{');
    sek_json_bytes(out, "mname", sek_buffer_at(&tx->text, d->data), d->data_len);
    sek_json_bytes(out, "rname", sek_buffer_at(&tx->text, d->more), d->more_len);
    for (int i = 0; i < 5 && d->raw; i++)
        sek_json_uint(out, keys[i], sek_reader_u32(&r));
    sek_json_close(out, '}');
}

static void eve_record(struct sek_text *out, const struct dns_tx *tx, const struct dns_record *d,
                       bool answer)
{
    const char *name = type_name(d->type);
    char unknown[16];
    snprintf(unknown, sizeof unknown, "TYPE%u", d->type);
    sek_json_open(out, NULL, '{');
    sek_json_bytes(out, "rrname", sek_buffer_at(&tx->text, d->name), d->name_len);
    sek_json_str(out, "rrtype", name ? name : unknown);
    if (answer) {
        sek_json_uint(out, "ttl", d->ttl);
        if (d->type == 6)
            eve_soa(out, tx, d);
        else if (d->data_len)
            sek_json_bytes(out, "rdata", sek_buffer_at(&tx->text, d->data), d->data_len);
    }
    sek_json_close(out, '}');
}

static const struct dns_record *record_at(const struct dns_tx *tx, unsigned section, uint32_t index)
{
    unsigned at = 0;
    if (index >= tx->counts[section])
        return NULL;
    while (section)
        at += tx->counts[--section];
    return kept_at(tx, at + index);
}

static void eve_section(struct sek_text *out, const struct dns_tx *tx, unsigned section,
                        const char *key)
{
    const struct dns_record *d;
    if (!tx->counts[section])
        return;
    sek_json_open(out, key, '[');
    for (uint32_t i = 0; (d = record_at(tx, section, i)); i++)
        eve_record(out, tx, d, section != SECTION_QUERY);
    sek_json_close(out, ']');
}

static void eve_flags(struct sek_text *out, const struct dns_tx *tx)
{
    static const struct {
        uint16_t bit;
        const char *key;
    } bits[] = {{0x8000, "qr"}, {0x0400, "aa"}, {0x0200, "tc"}, {0x0100, "rd"}, {0x0080, "ra"},
                {0x0040, "z"}};
    char text[8];
    snprintf(text, sizeof text, "%x", tx->flags);
    sek_json_str(out, "flags", text);
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++)
        if (tx->flags & bits[i].bit)
            sek_json_bool(out, bits[i].key, true);
}

void dns_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    static const char *const keys[SECTIONS] = {"queries", "answers", "authorities", "additionals"};
    const struct dns_tx *tx = (const struct dns_tx *)base;
    (void)state;
    if (base->app != SEK_APP_MDNS)
        sek_json_uint(out, "version", 3);
    sek_json_str(out, "type", tx->response ? "response" : "request");
    sek_json_uint(out, "tx_id", tx->base.id);
    sek_json_uint(out, "id", tx->message_id);
    if (tx->response)
        eve_flags(out, tx);
    if (tx->response && (tx->flags & 15) < sizeof rcodes / sizeof *rcodes)
        sek_json_str(out, "rcode", rcodes[tx->flags & 15]);
    sek_json_uint(out, "opcode", tx->flags >> 11 & 15);
    for (unsigned i = 0; i < SECTIONS; i++)
        eve_section(out, tx, i, keys[i]);
}

static bool give(const struct dns_tx *tx, uint32_t at, uint32_t len, struct sek_bytes *out)
{
    *out = (struct sek_bytes){sek_buffer_at(&tx->text, at), len};
    return out->data != NULL;
}

#define NAME_GETTER(fn, section)                                                                   \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct dns_record *d = record_at((struct dns_tx *)tx, section, i);                   \
        (void)s, (void)dir;                                                                        \
        return d && give((struct dns_tx *)tx, d->name, d->name_len, out);                          \
    }

NAME_GETTER(get_query, SECTION_QUERY)
NAME_GETTER(get_answer, SECTION_ANSWER)
NAME_GETTER(get_authority, SECTION_AUTHORITY)
NAME_GETTER(get_additional, SECTION_ADDITIONAL)

static bool get_rdata(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                      struct sek_bytes *out)
{
    const struct dns_tx *tx = (const struct dns_tx *)base;
    const struct dns_record *d = record_at(tx, SECTION_ANSWER, i);
    (void)s, (void)dir;
    return d && give(tx, d->data, d->data_len, out);
}

/* All names of a response, and record data that is a name too. */
static bool get_any_name(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    const struct dns_tx *tx = (const struct dns_tx *)base;
    unsigned total = 0;
    (void)s, (void)dir;
    for (unsigned k = 0; k < SECTIONS; k++)
        total += tx->counts[k];
    for (unsigned k = 0; tx->response && k < total; k++) {
        const struct dns_record *d = kept_at(tx, k);
        if (!i--)
            return give(tx, d->name, d->name_len, out);
        if (d->data_is_name && !i--)
            return give(tx, d->data, d->data_len, out);
    }
    return false;
}

static bool get_opcode(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    (void)s, (void)dir;
    *out = ((struct dns_tx *)tx)->flags >> 11 & 15;
    return !i;
}

static bool get_rcode(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                      uint64_t *out)
{
    (void)s, (void)dir;
    *out = ((struct dns_tx *)tx)->flags & 15;
    return !i && ((struct dns_tx *)tx)->response;
}

static bool get_rrtype(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    const struct dns_tx *tx = (const struct dns_tx *)base;
    (void)s, (void)dir;
    if (i >= (uint32_t)tx->counts[SECTION_QUERY] + tx->counts[SECTION_ANSWER])
        return false;
    *out = kept_at(tx, i)->type;
    return true;
}

#define DONE {DNS_COMPLETE, DNS_COMPLETE}

const struct sek_buffer_def dns_buffers[] = {
    {"dns.query", "dns_query", NULL, 1, DONE, true, false, get_query},
    {"dns.query.name", "dns.queries.rrname", NULL, 3, DONE, true, false, get_query},
    {"dns.answer.name", "dns.answers.rrname", NULL, 3, DONE, true, false, get_answer},
    {"dns.authorities.rrname", NULL, NULL, 3, DONE, true, false, get_authority},
    {"dns.additionals.rrname", NULL, NULL, 3, DONE, true, false, get_additional},
    {"dns.response.rrname", NULL, NULL, 2, DONE, true, false, get_any_name},
    {"dns.answers.rdata", NULL, NULL, 2, DONE, true, false, get_rdata},
    {0},
};

static const char *const rcode_words[] = {
    "NOERROR", "0", "FORMERR", "1", "SERVFAIL", "2", "NXDOMAIN", "3", "NOTIMP", "4",
    "REFUSED", "5", "YXDOMAIN", "6", "YXRRSET", "7", "NXRRSET", "8", "NOTAUTH", "9",
    "NOTZONE", "10", NULL};
static const char *const type_words[] = {
    "A", "1", "NS", "2", "CNAME", "5", "SOA", "6", "PTR", "12", "MX", "15", "TXT", "16",
    "AAAA", "28", "SRV", "33", "SVCB", "64", "HTTPS", "65", "ANY", "255", NULL};

const struct sek_number_def dns_numbers[] = {
    {"dns.opcode", 3, DONE, get_opcode, NULL},
    {"dns.rcode", 3, DONE, get_rcode, rcode_words},
    {"dns.rrtype", 3, DONE, get_rrtype, type_words},
    {0},
};

#define DNS_EVENTS \
    {"malformed_data", DNS_EVENT_MALFORMED},   {"not_request", DNS_EVENT_NOT_REQUEST}, \
    {"not_response", DNS_EVENT_NOT_RESPONSE},  {"z_flag_set", DNS_EVENT_Z_FLAG}, \
    {"invalid_opcode", DNS_EVENT_OPCODE},      {"name_too_long", DNS_EVENT_NAME_TOO_LONG}, \
    {"infinite_loop", DNS_EVENT_INFINITE_LOOP}, {"too_many_labels", DNS_EVENT_TOO_MANY_LABELS}, \
    {"invalid_additionals", DNS_EVENT_ADDITIONALS}, {"invalid_authorities", DNS_EVENT_AUTHORITIES},

const struct sek_app_event_name dns_events[] = {DNS_EVENTS {0}};

const struct sek_buffer_def mdns_buffers[] = {
    {"mdns.queries.rrname", NULL, NULL, 3, DONE, true, false, get_query},
    {"mdns.answers.rrname", NULL, NULL, 3, DONE, true, false, get_answer},
    {"mdns.authorities.rrname", NULL, NULL, 3, DONE, true, false, get_authority},
    {"mdns.additionals.rrname", NULL, NULL, 3, DONE, true, false, get_additional},
    {"mdns.response.rrname", NULL, NULL, 3, DONE, true, false, get_any_name},
    {0},
};

/* A table of its own, so that rules about events of DNS are not about these. */
const struct sek_app_event_name mdns_events[] = {DNS_EVENTS {0}};
