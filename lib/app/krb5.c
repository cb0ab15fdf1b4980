/* Kerberos 5 (RFC 4120) over UDP and TCP: each message of a KDC exchange is a transaction of its own. */
#include "lib/app/ber.h"
#include "lib/app/kit.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { KRB5_EVENT_MALFORMED, KRB5_EVENT_WEAK };
enum { AS_REQ = 10, AS_REP = 11, TGS_REQ = 12, TGS_REP = 13, AP_REP = 15, KRB_ERROR = 30 };

#define MESSAGE_MAX (1024u * 1024u) /* of a record over TCP */
#define NAMES_MAX   32u

struct krb5_tx {
    struct sek_tx base;
    uint8_t type, failed; /* FAILED: what an error answers */
    bool has_encryption, has_ticket;
    int32_t encryption, ticket_encryption, error;
    struct sek_buffer text;
    struct sek_slice realm;
    struct sek_buffer client, server; /* struct sek_slice: parts of the names */
};

struct krb5_state {
    struct sek_app_state base;
    uint8_t request; /* type of the last one */
    uint32_t skip[2]; /* bytes of a record that is too long, still to come */
};

static bool type_known(uint8_t tag)
{
    uint8_t type = tag & 0x1f;
    return (tag & 0xe0) == 0x60 && ((type >= AS_REQ && type <= AP_REP) || type == KRB_ERROR);
}

/* A message whose outer element is of the length that the transport says. */
static enum sek_probe message_probe(const uint8_t *data, uint32_t len, uint32_t size)
{
    struct sek_reader r = sek_reader_make(data, len);
    if (!type_known(data[0]))
        return SEK_PROBE_NO;
    return sek_ber_size(r) == size ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static enum sek_probe krb5_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    (void)dir;
    if (flow->proto == IPPROTO_UDP)
        return type_known(data[0]) ? message_probe(data, len, len) : SEK_PROBE_NO;
    if (data[0] || (len > 4 && !type_known(data[4])))
        return SEK_PROBE_NO;
    if (len < 10)
        return SEK_PROBE_MORE;
    return message_probe(data + 4, len - 4,
                         (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3]);
}

/* A PrincipalName: its type, then its parts. */
static bool read_name(struct sek_pool *pool, struct krb5_tx *tx, struct sek_reader field,
                      struct sek_buffer *list)
{
    struct sek_reader name, parts;
    struct sek_ber type, wrapped, part;
    if (!sek_ber_open(&field, SEK_BER_SEQUENCE, &name) || !sek_ber_next(&name, &type) ||
        !sek_ber_next(&name, &wrapped) || !sek_ber_open(&wrapped.body, SEK_BER_SEQUENCE, &parts))
        return false;
    for (uint32_t n = 0; sek_reader_left(&parts) && n < NAMES_MAX; n++) {
        if (!sek_ber_next(&parts, &part))
            return false;
        struct sek_slice s = sek_slice_keep(pool, &tx->text, sek_ber_bytes(&part.body));
        sek_buffer_add(pool, list, &s, sizeof s, 0);
    }
    return true;
}

static bool read_realm(struct sek_pool *pool, struct krb5_tx *tx, struct sek_reader field)
{
    struct sek_ber text;
    if (!sek_ber_next(&field, &text))
        return false;
    tx->realm = sek_slice_keep(pool, &tx->text, sek_ber_bytes(&text.body));
    return true;
}

/* EncryptedData: its first field is the type. */
static bool read_encryption(struct sek_reader field, int32_t *out, bool *there)
{
    struct sek_reader body;
    struct sek_ber type;
    int64_t v;
    if (!sek_ber_open(&field, SEK_BER_SEQUENCE, &body) || !sek_ber_next(&body, &type) ||
        !sek_ber_int(&type.body, &v))
        return false;
    *out = (int32_t)v;
    *there = true;
    return true;
}

static bool read_ticket(struct sek_pool *pool, struct krb5_tx *tx, struct sek_reader field)
{
    struct sek_reader outer, body;
    struct sek_ber e;
    bool good = true;
    if (!sek_ber_open(&field, SEK_BER_APP(1), &outer) ||
        !sek_ber_open(&outer, SEK_BER_SEQUENCE, &body))
        return false;
    while (good && sek_reader_left(&body) && (good = sek_ber_next(&body, &e))) {
        if (e.tag == SEK_BER_CONTEXT(2))
            good = read_name(pool, tx, e.body, &tx->server);
        else if (e.tag == SEK_BER_CONTEXT(3))
            good = read_encryption(e.body, &tx->ticket_encryption, &tx->has_ticket);
    }
    return good;
}

static bool read_request_body(struct sek_pool *pool, struct krb5_tx *tx, struct sek_reader field)
{
    struct sek_reader body;
    struct sek_ber e;
    bool good = true;
    if (!sek_ber_open(&field, SEK_BER_SEQUENCE, &body))
        return false;
    while (good && sek_reader_left(&body) && (good = sek_ber_next(&body, &e))) {
        if (e.tag == SEK_BER_CONTEXT(1))
            good = read_name(pool, tx, e.body, &tx->client);
        else if (e.tag == SEK_BER_CONTEXT(2))
            good = read_realm(pool, tx, e.body);
        else if (e.tag == SEK_BER_CONTEXT(3))
            good = read_name(pool, tx, e.body, &tx->server);
    }
    return good;
}

static bool read_reply_field(struct sek_pool *pool, struct krb5_tx *tx, const struct sek_ber *e)
{
    switch (e->tag) {
    case SEK_BER_CONTEXT(3):
        return read_realm(pool, tx, e->body);
    case SEK_BER_CONTEXT(4):
        return read_name(pool, tx, e->body, &tx->client);
    case SEK_BER_CONTEXT(5):
        return read_ticket(pool, tx, e->body);
    case SEK_BER_CONTEXT(6):
        return read_encryption(e->body, &tx->encryption, &tx->has_encryption);
    default:
        return true;
    }
}

static bool read_error_field(struct sek_pool *pool, struct krb5_tx *tx, struct sek_ber *e)
{
    int64_t v;
    switch (e->tag) {
    case SEK_BER_CONTEXT(6):
        if (!sek_ber_int(&e->body, &v))
            return false;
        tx->error = (int32_t)v;
        return true;
    case SEK_BER_CONTEXT(8):
        return read_name(pool, tx, e->body, &tx->client);
    case SEK_BER_CONTEXT(9):
        return read_realm(pool, tx, e->body);
    case SEK_BER_CONTEXT(10):
        return read_name(pool, tx, e->body, &tx->server);
    default:
        return true;
    }
}

static bool read_message(struct sek_pool *pool, struct krb5_tx *tx, struct sek_bytes data)
{
    struct sek_reader r = sek_reader_make(data.data, data.len), body;
    struct sek_ber outer, e;
    bool good = true;
    if (!sek_ber_next(&r, &outer) || !type_known(outer.tag))
        return false;
    tx->type = outer.tag & 0x1f;
    if (!sek_ber_open(&outer.body, SEK_BER_SEQUENCE, &body))
        return false;
    while (good && sek_reader_left(&body) && (good = sek_ber_next(&body, &e))) {
        if (tx->type == KRB_ERROR)
            good = read_error_field(pool, tx, &e);
        else if (tx->type == AS_REP || tx->type == TGS_REP)
            good = read_reply_field(pool, tx, &e);
        else if ((tx->type == AS_REQ || tx->type == TGS_REQ) && e.tag == SEK_BER_CONTEXT(4))
            good = read_request_body(pool, tx, e.body);
    }
    return good;
}

static bool weak(int32_t encryption)
{
    return encryption < 16 || encryption == 23 || encryption == 24;
}

static void on_message(struct krb5_state *s, enum sek_dir dir, struct sek_bytes data)
{
    struct krb5_tx *tx = (struct krb5_tx *)sek_tx_new(&s->base, sizeof *tx, SEK_APP_KRB5);
    if (!tx)
        return;
    if (!read_message(s->base.pool, tx, data))
        sek_tx_event(&tx->base, dir, KRB5_EVENT_MALFORMED);
    if (tx->has_encryption && weak(tx->encryption))
        sek_tx_event(&tx->base, dir, KRB5_EVENT_WEAK);
    if (tx->type == AS_REQ || tx->type == TGS_REQ)
        s->request = tx->type;
    if (tx->type == KRB_ERROR)
        tx->failed = s->request;
    sek_tx_end(&tx->base, dir);
}

static struct sek_app_result krb5_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct krb5_state *s = (struct krb5_state *)state;
    uint32_t pos = 0;
    (void)flags;
    if (state->flow->proto == IPPROTO_UDP) {
        on_message(s, dir, (struct sek_bytes){data, len});
        return (struct sek_app_result){.consumed = len};
    }
    while (pos < len) {
        if (s->skip[dir]) {
            uint32_t n = len - pos < s->skip[dir] ? len - pos : s->skip[dir];
            s->skip[dir] -= n;
            pos += n;
            continue;
        }
        if (len - pos < 4)
            break;
        uint32_t size = (uint32_t)data[pos] << 24 | (uint32_t)data[pos + 1] << 16 |
                        (uint32_t)data[pos + 2] << 8 | data[pos + 3];
        if (size > MESSAGE_MAX) {
            on_message(s, dir, (struct sek_bytes){0}); /* told as malformed */
            s->skip[dir] = size;
        } else if (len - pos - 4 < size) {
            break;
        } else {
            on_message(s, dir, (struct sek_bytes){data + pos + 4, size});
            pos += size;
        }
        pos += 4;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void krb5_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct krb5_tx *tx = (struct krb5_tx *)base;
    sek_buffer_free(state->pool, &tx->text);
    sek_buffer_free(state->pool, &tx->client);
    sek_buffer_free(state->pool, &tx->server);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const char *const type_words[] = {"AS_REQ", "10", "AS_REP", "11", "TGS_REQ", "12",
                                         "TGS_REP", "13", "AP_REQ", "14", "AP_REP", "15",
                                         "ERROR", "30", "KRB_ERROR", "30", NULL};
static const char *const type_names[] = {"KRB_AS_REQ", "10", "KRB_AS_REP", "11", "KRB_TGS_REQ",
                                         "12", "KRB_TGS_REP", "13", "KRB_AP_REQ", "14",
                                         "KRB_AP_REP", "15", "KRB_ERROR", "30", NULL};
static const char *const encryption_words[] = {
    "des-cbc-crc", "1", "des-cbc-md4", "2", "des-cbc-md5", "3", "des3-cbc-md5", "5",
    "des3-cbc-sha1", "7", "dsaWithSHA1-CmsOID", "9", "md5WithRSAEncryption-CmsOID", "10",
    "sha1WithRSAEncryption-CmsOID", "11", "rc2CBC-EnvOID", "12", "rsaEncryption-EnvOID", "13",
    "rsaES-OAEP-ENV-OID", "14", "des-ede3-cbc-Env-OID", "15", "des3-cbc-sha1-kd", "16",
    "aes128-cts-hmac-sha1-96", "17", "aes256-cts-hmac-sha1-96", "18",
    "aes128-cts-hmac-sha256-128", "19", "aes256-cts-hmac-sha384-192", "20", "rc4-hmac", "23",
    "rc4-hmac-exp", "24", "camellia128-cts-cmac", "25", "camellia256-cts-cmac", "26",
    "subkey-keymaterial", "65", NULL};
static const char *const error_words[] = {
    "KDC_ERR_NONE", "0", "KDC_ERR_NAME_EXP", "1", "KDC_ERR_SERVICE_EXP", "2",
    "KDC_ERR_BAD_PVNO", "3", "KDC_ERR_C_OLD_MAST_KVNO", "4", "KDC_ERR_S_OLD_MAST_KVNO", "5",
    "KDC_ERR_C_PRINCIPAL_UNKNOWN", "6", "KDC_ERR_S_PRINCIPAL_UNKNOWN", "7",
    "KDC_ERR_PRINCIPAL_NOT_UNIQUE", "8", "KDC_ERR_NULL_KEY", "9", "KDC_ERR_CANNOT_POSTDATE", "10",
    "KDC_ERR_NEVER_VALID", "11", "KDC_ERR_POLICY", "12", "KDC_ERR_BADOPTION", "13",
    "KDC_ERR_ETYPE_NOSUPP", "14", "KDC_ERR_SUMTYPE_NOSUPP", "15", "KDC_ERR_PADATA_TYPE_NOSUPP",
    "16", "KDC_ERR_TRTYPE_NOSUPP", "17", "KDC_ERR_CLIENT_REVOKED", "18",
    "KDC_ERR_SERVICE_REVOKED", "19", "KDC_ERR_TGT_REVOKED", "20", "KDC_ERR_CLIENT_NOTYET", "21",
    "KDC_ERR_SERVICE_NOTYET", "22", "KDC_ERR_KEY_EXPIRED", "23", "KDC_ERR_PREAUTH_FAILED", "24",
    "KDC_ERR_PREAUTH_REQUIRED", "25", "KDC_ERR_SERVER_NOMATCH", "26",
    "KDC_ERR_MUST_USE_USER2USER", "27", "KDC_ERR_PATH_NOT_ACCEPTED", "28",
    "KDC_ERR_SVC_UNAVAILABLE", "29", "KRB_AP_ERR_BAD_INTEGRITY", "31", "KRB_AP_ERR_TKT_EXPIRED",
    "32", "KRB_AP_ERR_TKT_NYV", "33", "KRB_AP_ERR_REPEAT", "34", "KRB_AP_ERR_NOT_US", "35",
    "KRB_AP_ERR_BADMATCH", "36", "KRB_AP_ERR_SKEW", "37", "KRB_AP_ERR_BADADDR", "38",
    "KRB_AP_ERR_BADVERSION", "39", "KRB_AP_ERR_MSG_TYPE", "40", "KRB_AP_ERR_MODIFIED", "41",
    "KRB_AP_ERR_BADORDER", "42", "KRB_AP_ERR_BADKEYVER", "44", "KRB_AP_ERR_NOKEY", "45",
    "KRB_AP_ERR_MUT_FAIL", "46", "KRB_AP_ERR_BADDIRECTION", "47", "KRB_AP_ERR_METHOD", "48",
    "KRB_AP_ERR_BADSEQ", "49", "KRB_AP_ERR_INAPP_CKSUM", "50", "KRB_AP_PATH_NOT_ACCEPTED", "51",
    "KRB_ERR_RESPONSE_TOO_BIG", "52", "KRB_ERR_GENERIC", "60", "KRB_ERR_FIELD_TOOLONG", "61",
    "KDC_ERR_CLIENT_NOT_TRUSTED", "62", "KDC_ERR_KDC_NOT_TRUSTED", "63", "KDC_ERR_INVALID_SIG",
    "64", "KDC_ERR_KEY_TOO_WEAK", "65", "KDC_ERR_CERTIFICATE_MISMATCH", "66",
    "KRB_AP_ERR_NO_TGT", "67", "KDC_ERR_WRONG_REALM", "68", "KRB_AP_ERR_USER_TO_USER_REQUIRED",
    "69", "KDC_ERR_CANT_VERIFY_CERTIFICATE", "70", "KDC_ERR_INVALID_CERTIFICATE", "71",
    "KDC_ERR_REVOKED_CERTIFICATE", "72", "KDC_ERR_REVOCATION_STATUS_UNKNOWN", "73",
    "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE", "74", "KDC_ERR_CLIENT_NAME_MISMATCH", "75",
    "KDC_ERR_KDC_NAME_MISMATCH", "76", NULL};

static uint32_t name_count(const struct sek_buffer *list)
{
    return (uint32_t)(list->len / sizeof(struct sek_slice));
}

static struct sek_slice name_part(const struct sek_buffer *list, uint32_t i)
{
    struct sek_slice s;
    memcpy(&s, list->data + i * sizeof s, sizeof s);
    return s;
}

/* The parts with '/' between them; a placeholder when there is none. */
static void name_json(struct sek_text *out, const char *key, const struct krb5_tx *tx,
                      const struct sek_buffer *list)
{
    struct sek_text joined = {0};
    for (uint32_t i = 0; i < name_count(list); i++) {
        struct sek_bytes b;
        sek_slice_give(&tx->text, name_part(list, i), &b);
        if (i)
            sek_text_putc(&joined, '/');
        sek_text_add(&joined, b.data, b.len);
    }
    if (joined.len)
        sek_json_bytes(out, key, joined.data, joined.len);
    else
        sek_json_str(out, key, "<empty>");
    sek_text_free(&joined);
}

static void krb5_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct krb5_tx *tx = (const struct krb5_tx *)base;
    (void)state;
    if (tx->type == KRB_ERROR) {
        if (tx->failed)
            sek_json_str(out, "failed_request", sek_word(type_names, tx->failed));
        sek_word_json(out, "error_code", error_words, tx->error);
    }
    sek_word_json(out, "msg_type", type_names, tx->type);
    name_json(out, "cname", tx, &tx->client);
    if (tx->realm.set)
        sek_slice_json(out, "realm", &tx->text, tx->realm);
    else
        sek_json_str(out, "realm", "<empty>");
    name_json(out, "sname", tx, &tx->server);
    if (tx->has_encryption)
        sek_word_json(out, "encryption", encryption_words, tx->encryption);
    else
        sek_json_str(out, "encryption", "<none>");
    sek_json_bool(out, "weak_encryption", tx->has_encryption && weak(tx->encryption));
    if (tx->has_ticket) {
        sek_word_json(out, "ticket_encryption", encryption_words, tx->ticket_encryption);
        sek_json_bool(out, "ticket_weak_encryption", weak(tx->ticket_encryption));
    }
}

static bool get_client(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    const struct krb5_tx *tx = (const struct krb5_tx *)base;
    (void)s, (void)dir;
    return i < name_count(&tx->client) && sek_slice_give(&tx->text, name_part(&tx->client, i), out);
}

static bool get_server(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                       struct sek_bytes *out)
{
    const struct krb5_tx *tx = (const struct krb5_tx *)base;
    (void)s, (void)dir;
    return i < name_count(&tx->server) && sek_slice_give(&tx->text, name_part(&tx->server, i), out);
}

SEK_NUMBER_GETTER(get_type, krb5_tx, tx->type, tx->type)
SEK_NUMBER_GETTER(get_error, krb5_tx, tx->type == KRB_ERROR, tx->error)

#define DONE {1, 1}

static const struct sek_buffer_def krb5_buffers[] = {
    {"krb5.cname", "krb5_cname", NULL, 3, DONE, true, false, get_client},
    {"krb5.sname", "krb5_sname", NULL, 3, DONE, true, false, get_server},
    {0},
};

static const struct sek_number_def krb5_numbers[] = {
    {"krb5_msg_type", 3, DONE, get_type, type_words},
    {"krb5.msg_type", 3, DONE, get_type, type_words},
    {"krb5_err_code", 3, DONE, get_error, error_words},
    {"krb5.err_code", 3, DONE, get_error, error_words},
    {0},
};

/* krb5.ticket_encryption: "weak", or types by name or number, each perhaps negated. */
struct ticket_test {
    unsigned count;
    bool any_wanted; /* some are not negated */
    struct {
        int32_t type; /* INT32_MIN: weak */
        bool negated;
    } items[32];
};

static const void *parse_ticket(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct ticket_test *t = sek_arena_alloc(arena, sizeof *t);
    for (char *w = arg ? strtok(arg, ", ") : NULL; w && t; w = strtok(NULL, ", ")) {
        bool negated = *w == '!';
        uint64_t v;
        char *end;
        w += negated;
        int32_t type = INT32_MIN;
        if (sek_word_value(encryption_words, w, &v)) {
            type = (int32_t)v;
        } else if (strcasecmp(w, "weak")) {
            type = (int32_t)strtol(w, &end, 10);
            if (end == w || *end)
                t->count = 32;
        }
        if (t->count == 32) {
            sek_fail(fault, SEK_EINVAL, "found '%.40s', expected weak or types of encryption", w);
            return NULL;
        }
        t->items[t->count].type = type;
        t->items[t->count++].negated = negated;
        t->any_wanted |= !negated;
    }
    if (t && t->count)
        return t;
    sek_fail(fault, SEK_EINVAL, "expected weak or types of encryption");
    return NULL;
}

static bool match_ticket(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                         const void *arg)
{
    const struct krb5_tx *tx = (const struct krb5_tx *)base;
    const struct ticket_test *t = arg;
    bool wanted = false;
    (void)s, (void)dir;
    if (!tx->has_ticket)
        return false;
    for (unsigned i = 0; i < t->count; i++) {
        bool is = t->items[i].type == INT32_MIN ? weak(tx->ticket_encryption)
                                                : t->items[i].type == tx->ticket_encryption;
        if (is && t->items[i].negated)
            return false;
        wanted |= is;
    }
    return wanted || !t->any_wanted;
}

static const struct sek_test_def krb5_tests[] = {
    {"krb5.ticket_encryption", 3, DONE, parse_ticket, match_ticket},
    {0},
};

static const struct sek_app_event_name krb5_events[] = {
    {"malformed_data", KRB5_EVENT_MALFORMED},
    {"weak_encryption", KRB5_EVENT_WEAK},
    {0},
};

const struct sek_app_ops sek_krb5_ops = {
    .id = SEK_APP_KRB5,
    .name = "krb5",
    .eve_key = "krb5",
    .transports = 3,
    .probe = krb5_probe,
    .state_size = sizeof(struct krb5_state),
    .parse = krb5_parse,
    .tx_free = krb5_tx_free,
    .eve = krb5_eve,
    .buffers = krb5_buffers,
    .numbers = krb5_numbers,
    .tests = krb5_tests,
    .events = krb5_events,
    .complete = {1, 1},
};
