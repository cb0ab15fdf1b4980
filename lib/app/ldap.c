/* LDAP messages of a stream or a datagram, requests joined with their responses. After StartTLS
 * (RFC 4511 section 4.14) the rest is TLS. */
#include "lib/app/ldap.h"

#include <netinet/in.h>

#define MESSAGE_MAX   (8u * 1024u * 1024u)
#define RESPONSES_MAX 1024u /* kept of one transaction */

static const char start_tls[] = "1.3.6.1.4.1.1466.20037";

enum { LDAP_FRAME_PDU };

struct ldap_state {
    struct sek_app_state base;
    bool start_tls; /* asked for */
};

static bool is_request(uint8_t op)
{
    return op == LDAP_BIND_REQUEST || op == LDAP_UNBIND || op == LDAP_SEARCH_REQUEST ||
           op == LDAP_MODIFY_REQUEST || op == LDAP_ADD_REQUEST || op == LDAP_DEL_REQUEST ||
           op == LDAP_MOD_DN_REQUEST || op == LDAP_COMPARE_REQUEST || op == LDAP_ABANDON ||
           op == LDAP_EXTENDED_REQUEST;
}

static bool known(uint8_t op)
{
    return op <= LDAP_ABANDON || op == LDAP_SEARCH_REFERENCE ||
           (op >= LDAP_EXTENDED_REQUEST && op <= LDAP_INTERMEDIATE);
}

static enum sek_probe ldap_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    bool port = sek_port_either(flow, 389) || sek_port_either(flow, 3268);
    struct sek_reader r = sek_reader_make(data, len);
    (void)dir;
    if (data[0] != SEK_BER_SEQUENCE || (flow->proto == IPPROTO_UDP && !port))
        return SEK_PROBE_NO;
    uint32_t size = sek_ber_size(r);
    if (size == UINT32_MAX || size > MESSAGE_MAX)
        return SEK_PROBE_NO;
    /* Into the sequence: an identifier of one to four bytes, then an application tag. */
    sek_reader_skip(&r, 2);
    if (!r.failed && data[1] & 0x80)
        sek_reader_skip(&r, data[1] & 0x7f);
    uint8_t tag = sek_reader_u8(&r), id = sek_reader_u8(&r);
    if (!r.failed && (tag != SEK_BER_INTEGER || !id || id > 4))
        return SEK_PROBE_NO;
    sek_reader_skip(&r, id);
    uint8_t op = sek_reader_u8(&r);
    if (r.failed)
        return flow->proto == IPPROTO_TCP ? SEK_PROBE_MORE : SEK_PROBE_NO;
    if ((op & 0xc0) != 0x40 || !known(op & 0x1f))
        return SEK_PROBE_NO;
    return port || is_request(op & 0x1f) || size == len ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static struct ldap_tx *tx_open(struct ldap_state *s, enum sek_dir dir)
{
    return (struct ldap_tx *)sek_tx_new_bounded(&s->base, sizeof(struct ldap_tx), SEK_APP_LDAP,
                                                dir, LDAP_EVENT_TOO_MANY_TX);
}

static void invalid(struct ldap_state *s, enum sek_dir dir)
{
    struct ldap_tx *tx = tx_open(s, dir);
    if (tx) {
        sek_tx_event(&tx->base, dir, LDAP_EVENT_INVALID);
        sek_tx_end(&tx->base, dir);
    }
}

static void on_request(struct ldap_state *s, enum sek_dir dir, struct ldap_message *m)
{
    struct ldap_tx *tx = tx_open(s, dir);
    struct sek_bytes name;
    if (!tx) {
        ldap_message_free(s->base.pool, m);
        return;
    }
    tx->request = m;
    tx->id = m->id;
    tx->base.progress[dir] = LDAP_ANSWERED;
    tx->base.complete[dir] = true;
    if (m->operation == LDAP_UNBIND || m->operation == LDAP_ABANDON)
        tx->base.complete[!dir] = true; /* they have no response */
    if (m->operation == LDAP_EXTENDED_REQUEST && sek_slice_give(&m->text, m->name, &name))
        s->start_tls |= name.len == sizeof start_tls - 1 && !memcmp(name.data, start_tls, name.len);
}

static struct ldap_tx *tx_find(struct ldap_state *s, enum sek_dir dir, int64_t id)
{
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct ldap_tx *tx = (struct ldap_tx *)t;
        if (tx->request && tx->id == id && !t->complete[dir])
            return tx;
    }
    return NULL;
}

static bool is_last(uint8_t op)
{
    return op != LDAP_SEARCH_ENTRY && op != LDAP_SEARCH_REFERENCE && op != LDAP_INTERMEDIATE;
}

/* The transaction that M answers; one of its own when there is none. */
static struct ldap_tx *tx_of_response(struct ldap_state *s, enum sek_dir dir, int64_t id)
{
    struct ldap_tx *tx = tx_find(s, dir, id);
    if (tx || !(tx = tx_open(s, dir)))
        return tx;
    if (id) /* 0: a notification that nobody asked for */
        sek_tx_event(&tx->base, dir, LDAP_EVENT_NO_REQUEST);
    sek_tx_end(&tx->base, dir);
    return tx;
}

static void response_add(struct ldap_state *s, enum sek_dir dir, struct ldap_tx *tx,
                         struct ldap_message *m)
{
    bool last = is_last(m->operation);
    tx->listed += ldap_attributes(m) + ldap_values(m);
    if (ldap_responses(tx) < RESPONSES_MAX && sek_buffer_room(s->base.pool, &tx->list, sizeof m)) {
        sek_buffer_add(s->base.pool, &tx->list, &m, sizeof m, 0);
    } else {
        sek_tx_event(&tx->base, dir, LDAP_EVENT_TOO_MANY_RESPONSES);
        ldap_message_free(s->base.pool, m);
    }
    tx->base.progress[dir] = last ? LDAP_ANSWERED : LDAP_ANSWERING;
    tx->base.complete[dir] |= last;
}

/* True when what follows is TLS. */
static bool on_response(struct ldap_state *s, enum sek_dir dir, struct ldap_message *m,
                        struct sek_reader body)
{
    struct ldap_tx *tx = tx_of_response(s, dir, m->id);
    uint32_t room = tx && tx->listed < LDAP_ATTRIBUTES_MAX ? LDAP_ATTRIBUTES_MAX - tx->listed : 0;
    bool good = tx && ldap_message_read(s->base.pool, m, body, room);
    bool tls = good && s->start_tls && m->operation == LDAP_EXTENDED_RESPONSE && m->has_result &&
               !m->result;
    if (good) {
        response_add(s, dir, tx, m);
        return tls;
    }
    ldap_message_free(s->base.pool, m);
    if (tx)
        sek_tx_event(&tx->base, dir, LDAP_EVENT_INVALID);
    return false;
}

/* One message; true when the protocol changes behind it. */
static bool on_message(struct ldap_state *s, enum sek_dir dir, struct sek_bytes data)
{
    struct sek_reader r = sek_reader_make(data.data, data.len), body;
    struct sek_ber op;
    int64_t id;
    if (!sek_ber_open(&r, SEK_BER_SEQUENCE, &body) || !sek_ber_int(&body, &id) ||
        !sek_ber_next(&body, &op) || (op.tag & 0xc0) != 0x40 || !known(op.tag & 0x1f)) {
        invalid(s, dir);
        return false;
    }
    struct ldap_message *m = sek_pool_get_zero(s->base.pool, sizeof *m);
    if (!m)
        return false;
    m->id = id;
    m->operation = op.tag & 0x1f;
    if (!is_request(m->operation))
        return on_response(s, dir, m, op.body);
    if (ldap_message_read(s->base.pool, m, op.body, LDAP_ATTRIBUTES_MAX)) {
        on_request(s, dir, m);
    } else {
        ldap_message_free(s->base.pool, m);
        invalid(s, dir);
    }
    return false;
}

static struct sek_app_result ldap_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct ldap_state *s = (struct ldap_state *)state;
    struct sek_app_result r = {0};
    (void)flags;
    while (r.consumed < len && !r.change) {
        uint32_t size = sek_ber_size(sek_reader_make(data + r.consumed, len - r.consumed));
        if (data[r.consumed] != SEK_BER_SEQUENCE || size == UINT32_MAX || size > MESSAGE_MAX) {
            invalid(s, dir);
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        if (!size || size > len - r.consumed)
            break;
        sek_frame_add(state, dir, LDAP_FRAME_PDU, r.consumed, size, NULL);
        if (on_message(s, dir, (struct sek_bytes){data + r.consumed, size}))
            r.change = SEK_APP_TLS;
        r.consumed += size;
    }
    if (state->flow->proto == IPPROTO_UDP)
        r.consumed = len;
    return r;
}

static void ldap_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct ldap_tx *tx = (struct ldap_tx *)base;
    ldap_message_free(state->pool, tx->request);
    for (uint32_t i = 0; i < ldap_responses(tx); i++)
        ldap_message_free(state->pool, ldap_response_at(tx, i));
    sek_buffer_free(state->pool, &tx->list);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const struct sek_app_event_name ldap_events[] = {
    {"too_many_transactions", LDAP_EVENT_TOO_MANY_TX},
    {"invalid_data", LDAP_EVENT_INVALID},
    {"request_not_found", LDAP_EVENT_NO_REQUEST},
    {"too_many_responses", LDAP_EVENT_TOO_MANY_RESPONSES},
    {0},
};

const struct sek_app_ops sek_ldap_ops = {
    .id = SEK_APP_LDAP,
    .name = "ldap",
    .eve_key = "ldap",
    .transports = 3,
    .probe = ldap_probe,
    .state_size = sizeof(struct ldap_state),
    .parse = ldap_parse,
    .tx_free = ldap_tx_free,
    .eve = ldap_eve,
    .buffers = ldap_buffers,
    .numbers = ldap_numbers,
    .events = ldap_events,
    .frames = (const char *const[]){"pdu", NULL},
    .complete = {LDAP_ANSWERED, LDAP_ANSWERED},
};
