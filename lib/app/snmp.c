/* SNMP v1, v2c and v3 (RFC 1157, 3416, 3412, 3414) over UDP: each message is a transaction of its
 * own. What a v3 message encrypts is not seen; its user name is. */
#include "lib/app/ber.h"
#include "lib/app/kit.h"

#include <stdio.h>
#include <string.h>

enum { SNMP_EVENT_MALFORMED, SNMP_EVENT_SECURITY_MODEL, SNMP_EVENT_VERSION };

#define VARIABLES_MAX 256u /* kept of one message */
#define OID_TEXT      512u
#define SECURITY_USM  3

enum { PDU_TRAP_V1 = 4, PDU_LAST = 8 };

struct snmp_tx {
    struct sek_tx base;
    uint8_t version; /* 1, 2 or 3 */
    bool has_pdu, encrypted, has_trap;
    uint8_t pdu;
    int64_t error;
    int64_t trap;
    uint8_t agent[4];
    struct sek_buffer text;
    struct sek_slice community, user, trap_oid;
    struct sek_buffer variables; /* struct sek_slice: names in dotted form */
};

struct snmp_state {
    struct sek_app_state base;
    uint8_t version; /* of the first message; 0: none yet */
};

static enum sek_probe snmp_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len), body;
    int64_t version;
    (void)dir;
    if (data[0] != SEK_BER_SEQUENCE || !(sek_port_either(flow, 161) || sek_port_either(flow, 162)))
        return SEK_PROBE_NO;
    return sek_ber_open(&r, SEK_BER_SEQUENCE, &body) && sek_ber_int(&body, &version) &&
                   (version == 0 || version == 1 || version == 3)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

/* An object identifier in dotted form into the transaction's text. */
static struct sek_slice oid_keep(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader oid)
{
    char text[OID_TEXT];
    size_t n = 0;
    uint64_t arc = 0;
    for (uint32_t i = 0; i < oid.len && n < sizeof text - 24; i++) {
        arc = arc << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] & 0x80)
            continue;
        uint64_t top = arc < 40 ? 0 : arc < 80 ? 1 : 2;
        n += (size_t)(n ? snprintf(text + n, sizeof text - n, ".%llu", (unsigned long long)arc)
                        : snprintf(text, sizeof text, "%llu.%llu", (unsigned long long)top,
                                   (unsigned long long)(arc - top * 40)));
        arc = 0;
    }
    return sek_slice_keep(pool, &tx->text, (struct sek_bytes){(uint8_t *)text, (uint32_t)n});
}

static bool read_variables(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader *r)
{
    struct sek_reader list, pair, oid;
    if (!sek_ber_open(r, SEK_BER_SEQUENCE, &list))
        return false;
    for (uint32_t n = 0; sek_reader_left(&list) && n < VARIABLES_MAX; n++) {
        if (!sek_ber_open(&list, SEK_BER_SEQUENCE, &pair) ||
            !sek_ber_open(&pair, SEK_BER_OID, &oid))
            return false;
        struct sek_slice s = oid_keep(pool, tx, oid);
        sek_buffer_add(pool, &tx->variables, &s, sizeof s, 0);
    }
    return true;
}

static bool read_trap_v1(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader *r)
{
    struct sek_reader oid;
    struct sek_ber agent, ticks;
    int64_t specific;
    if (!sek_ber_open(r, SEK_BER_OID, &oid) || !sek_ber_next(r, &agent) ||
        !sek_ber_int(r, &tx->trap) || !sek_ber_int(r, &specific) || !sek_ber_next(r, &ticks))
        return false;
    tx->has_trap = true;
    tx->trap_oid = oid_keep(pool, tx, oid);
    if (agent.body.len == sizeof tx->agent)
        memcpy(tx->agent, agent.body.data, sizeof tx->agent);
    return read_variables(pool, tx, r);
}

static bool read_pdu(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader *r)
{
    struct sek_ber e;
    int64_t id, index;
    if (!sek_ber_next(r, &e) || (e.tag & 0xe0) != 0xa0 || (e.tag & 0x1f) > PDU_LAST)
        return false;
    tx->pdu = e.tag & 0x1f;
    tx->has_pdu = true;
    if (tx->pdu == PDU_TRAP_V1)
        return read_trap_v1(pool, tx, &e.body);
    return sek_ber_int(&e.body, &id) && sek_ber_int(&e.body, &tx->error) &&
           sek_ber_int(&e.body, &index) && read_variables(pool, tx, &e.body);
}

static bool read_community(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader *r)
{
    struct sek_reader community;
    if (!sek_ber_open(r, SEK_BER_OCTETS, &community))
        return false;
    tx->community = sek_slice_keep(pool, &tx->text, sek_ber_bytes(&community));
    return read_pdu(pool, tx, r);
}

/* The security parameters of the user-based model: the user name is the fourth field. */
static bool read_user(struct sek_pool *pool, struct snmp_tx *tx, struct sek_reader parameters)
{
    struct sek_reader r, engine, user;
    int64_t boots, time;
    if (!sek_ber_open(&parameters, SEK_BER_SEQUENCE, &r) ||
        !sek_ber_open(&r, SEK_BER_OCTETS, &engine) || !sek_ber_int(&r, &boots) ||
        !sek_ber_int(&r, &time) || !sek_ber_open(&r, SEK_BER_OCTETS, &user))
        return false;
    tx->user = sek_slice_keep(pool, &tx->text, sek_ber_bytes(&user));
    return true;
}

static bool read_v3(struct sek_pool *pool, struct snmp_tx *tx, enum sek_dir dir,
                    struct sek_reader *r)
{
    struct sek_reader header, flags, parameters;
    struct sek_ber scoped, skip;
    int64_t id, size, model;
    if (!sek_ber_open(r, SEK_BER_SEQUENCE, &header) || !sek_ber_int(&header, &id) ||
        !sek_ber_int(&header, &size) || !sek_ber_open(&header, SEK_BER_OCTETS, &flags) ||
        flags.len != 1 || !sek_ber_int(&header, &model) ||
        !sek_ber_open(r, SEK_BER_OCTETS, &parameters))
        return false;
    if (model != SECURITY_USM)
        sek_tx_event(&tx->base, dir, SNMP_EVENT_SECURITY_MODEL);
    else if (!read_user(pool, tx, parameters))
        return false;
    if (!sek_ber_next(r, &scoped))
        return false;
    if (scoped.tag == SEK_BER_OCTETS) {
        tx->encrypted = true;
        return true;
    }
    /* context engine, context name, PDU */
    return sek_ber_next(&scoped.body, &skip) && sek_ber_next(&scoped.body, &skip) &&
           read_pdu(pool, tx, &scoped.body);
}

static bool read_message(struct sek_pool *pool, struct snmp_tx *tx, enum sek_dir dir,
                         struct sek_reader r)
{
    struct sek_reader body;
    int64_t version;
    if (!sek_ber_open(&r, SEK_BER_SEQUENCE, &body) || !sek_ber_int(&body, &version) ||
        (version != 0 && version != 1 && version != 3))
        return false;
    tx->version = (uint8_t)(version == 3 ? 3 : version + 1);
    return version == 3 ? read_v3(pool, tx, dir, &body) : read_community(pool, tx, &body);
}

static struct sek_app_result snmp_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct snmp_state *s = (struct snmp_state *)state;
    struct snmp_tx *tx = (struct snmp_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_SNMP);
    (void)flags;
    if (!tx)
        return (struct sek_app_result){.consumed = len};
    if (!read_message(state->pool, tx, dir, sek_reader_make(data, len)))
        sek_tx_event(&tx->base, dir, SNMP_EVENT_MALFORMED);
    if (!s->version)
        s->version = tx->version;
    else if (tx->version && tx->version != s->version)
        sek_tx_event(&tx->base, dir, SNMP_EVENT_VERSION);
    sek_tx_end(&tx->base, dir);
    return (struct sek_app_result){.consumed = len};
}

static void snmp_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct snmp_tx *tx = (struct snmp_tx *)base;
    sek_buffer_free(state->pool, &tx->text);
    sek_buffer_free(state->pool, &tx->variables);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const char *const pdu_words[] = {
    "get_request", "0", "get_next_request", "1", "response", "2", "set_request", "3", "trap_v1",
    "4", "get_bulk_request", "5", "inform_request", "6", "trap_v2", "7", "report", "8", NULL};
static const char *const error_words[] = {
    "tooBig", "1", "noSuchName", "2", "badValue", "3", "readOnly", "4", "genErr", "5", "noAccess",
    "6", "wrongType", "7", "wrongLength", "8", "wrongEncoding", "9", "wrongValue", "10",
    "noCreation", "11", "inconsistentValue", "12", "resourceUnavailable", "13", "commitFailed",
    "14", "undoFailed", "15", "authorizationError", "16", "notWritable", "17", "inconsistentName",
    "18", NULL};
static const char *const trap_words[] = {
    "coldStart", "0", "warmStart", "1", "linkDown", "2", "linkUp", "3", "authenticationFailure",
    "4", "egpNeighborLoss", "5", "enterpriseSpecific", "6", NULL};

static void trap_json(struct sek_text *out, const struct snmp_tx *tx)
{
    struct sek_addr agent = {0};
    char text[SEK_ADDR_TEXT];
    const char *name = sek_word(trap_words, (uint64_t)tx->trap);
    if (name)
        sek_json_str(out, "trap_type", name);
    sek_slice_json(out, "trap_oid", &tx->text, tx->trap_oid);
    memcpy(agent.bytes, tx->agent, sizeof tx->agent);
    sek_addr_format(&agent, 4, text);
    sek_json_str(out, "trap_address", text);
}

static void snmp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct snmp_tx *tx = (const struct snmp_tx *)base;
    (void)state;
    sek_json_uint(out, "version", tx->version);
    if (tx->encrypted)
        sek_json_str(out, "pdu_type", "encrypted");
    if (tx->has_pdu) {
        const char *error = tx->error ? sek_word(error_words, (uint64_t)tx->error) : NULL;
        sek_json_str(out, "pdu_type", sek_word(pdu_words, tx->pdu));
        if (error)
            sek_json_str(out, "error", error);
    }
    if (tx->has_trap)
        trap_json(out, tx);
    if (tx->variables.len) {
        sek_json_open(out, "vars", '[');
        for (uint32_t at = 0; at < tx->variables.len; at += sizeof(struct sek_slice)) {
            struct sek_slice s;
            memcpy(&s, tx->variables.data + at, sizeof s);
            sek_slice_json(out, NULL, &tx->text, s);
        }
        sek_json_close(out, ']');
    }
    sek_slice_json(out, "community", &tx->text, tx->community);
    sek_slice_json(out, "usm", &tx->text, tx->user);
}

SEK_SLICE_GETTER(get_community, snmp_tx, community)
SEK_SLICE_GETTER(get_user, snmp_tx, user)
SEK_NUMBER_GETTER(get_version, snmp_tx, tx->version, tx->version)
SEK_NUMBER_GETTER(get_pdu, snmp_tx, tx->has_pdu, tx->pdu)

static const struct sek_buffer_def snmp_buffers[] = {
    {"snmp.community", NULL, NULL, 3, {1, 1}, false, false, get_community},
    {"snmp.usm", NULL, NULL, 3, {1, 1}, false, false, get_user},
    {0},
};

static const struct sek_number_def snmp_numbers[] = {
    {"snmp.version", 3, {1, 1}, get_version, NULL},
    {"snmp.pdu_type", 3, {1, 1}, get_pdu, pdu_words},
    {0},
};

static const struct sek_app_event_name snmp_events[] = {
    {"malformed_data", SNMP_EVENT_MALFORMED},
    {"unknown_security_model", SNMP_EVENT_SECURITY_MODEL},
    {"version_mismatch", SNMP_EVENT_VERSION},
    {0},
};

const struct sek_app_ops sek_snmp_ops = {
    .id = SEK_APP_SNMP,
    .name = "snmp",
    .eve_key = "snmp",
    .transports = 2,
    .probe = snmp_probe,
    .state_size = sizeof(struct snmp_state),
    .parse = snmp_parse,
    .tx_free = snmp_tx_free,
    .eve = snmp_eve,
    .buffers = snmp_buffers,
    .numbers = snmp_numbers,
    .events = snmp_events,
    .complete = {1, 1},
};
