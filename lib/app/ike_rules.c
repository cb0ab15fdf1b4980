/* IKE keywords and records. */
#include "lib/app/ike.h"
#include "lib/base/encode.h"
#include "lib/rules/rule.h"

#include <stdlib.h>

static const char *const attribute_words[] = {
    "alg_enc", "1", "alg_hash", "2", "alg_auth", "3", "alg_dh", "4", "sa_group_type", "5",
    "sa_life_type", "11", "sa_life_duration", "12", "alg_prf", "13", "sa_key_length", "14",
    "sa_field_size", "15", NULL};

static bool get_init_spi(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){(const uint8_t *)((struct ike_tx *)tx)->init_text, 16};
    return !i;
}

static bool get_resp_spi(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = (struct sek_bytes){(const uint8_t *)((struct ike_tx *)tx)->resp_text, 16};
    return !i;
}

SEK_SLICE_GETTER(get_key_exchange, ike_tx, key_exchange)
SEK_SLICE_GETTER(get_nonce, ike_tx, nonce)
SEK_NUMBER_GETTER(get_exchange, ike_tx, tx->version, tx->exchange)
SEK_NUMBER_GETTER(get_key_length, ike_tx, tx->key_exchange.set, tx->key_exchange.len)
SEK_NUMBER_GETTER(get_nonce_length, ike_tx, tx->nonce.set, tx->nonce.len)

#define DONE {1, 1}

const struct sek_buffer_def ike_buffers[] = {
    {"ike.init_spi", NULL, NULL, 3, DONE, false, false, get_init_spi},
    {"ike.resp_spi", NULL, NULL, 3, DONE, false, false, get_resp_spi},
    {"ike.key_exchange_payload", NULL, NULL, 3, DONE, false, false, get_key_exchange},
    {"ike.nonce_payload", NULL, NULL, 3, DONE, false, false, get_nonce},
    {0},
};

const struct sek_number_def ike_numbers[] = {
    {"ike.exchtype", 3, DONE, get_exchange, NULL},
    {"ike.key_exchange_payload_length", 3, DONE, get_key_length, NULL},
    {"ike.nonce_payload_length", 3, DONE, get_nonce_length, NULL},
    {0},
};

/* ike.chosen_sa_attribute:NAME=NUMBER */
static const void *parse_chosen(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct ike_value *v = sek_arena_alloc(arena, sizeof *v);
    char *equals = arg ? strchr(arg, '=') : NULL, *end = NULL;
    uint64_t attribute;
    if (v && equals) {
        char *stop = equals;
        while (stop > arg && stop[-1] == ' ')
            stop--;
        *stop = '\0';
        unsigned long n = strtoul(equals + 1, &end, 10);
        if (end != equals + 1 && !*end && n <= UINT32_MAX &&
            sek_word_value(attribute_words, arg, &attribute)) {
            v->attribute = (uint8_t)attribute;
            v->value = (uint32_t)n;
            return v;
        }
    }
    sek_fail(fault, SEK_EINVAL, "found '%.40s', expected an attribute such as alg_enc, = and a number",
             arg ? arg : "");
    return NULL;
}

static bool match_chosen(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                         const void *test)
{
    const struct ike_tx *tx = (const struct ike_tx *)base;
    const struct ike_value *want = test;
    (void)s, (void)dir;
    for (uint32_t i = 0; tx->chosen && i < ike_values(tx); i++) {
        struct ike_value v = ike_value_at(tx, i);
        if (v.attribute == want->attribute && v.value == want->value)
            return true;
    }
    return false;
}

/* ike.vendor:HEX */
static const void *parse_vendor(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    size_t n = arg ? strlen(arg) : 0;
    struct sek_bytes *want = sek_arena_alloc(arena, sizeof *want);
    uint8_t *bytes = sek_arena_alloc(arena, n / 2 + 1);
    bool good = want && bytes && n && n % 2 == 0;
    for (size_t i = 0; good && i < n; i += 2) {
        int high = sek_hex_digit(arg[i]), low = sek_hex_digit(arg[i + 1]);
        good = high >= 0 && low >= 0;
        bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    if (good) {
        *want = (struct sek_bytes){bytes, (uint32_t)(n / 2)};
        return want;
    }
    sek_fail(fault, SEK_EINVAL, "found '%.40s', expected hex digits", arg ? arg : "");
    return NULL;
}

static bool vendor_at(const struct ike_tx *tx, uint32_t i, struct sek_bytes *out)
{
    struct sek_slice v;
    if (i >= tx->vendors.len / sizeof v)
        return false;
    memcpy(&v, tx->vendors.data + i * sizeof v, sizeof v);
    return sek_slice_give(&tx->text, v, out);
}

static bool match_vendor(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                         const void *test)
{
    const struct sek_bytes *want = test;
    struct sek_bytes v;
    (void)s, (void)dir;
    for (uint32_t i = 0; vendor_at((struct ike_tx *)base, i, &v); i++)
        if (v.len == want->len && !memcmp(v.data, want->data, v.len))
            return true;
    return false;
}

const struct sek_test_def ike_tests[] = {
    {"ike.chosen_sa_attribute", 3, DONE, parse_chosen, match_chosen},
    {"ike.vendor", 3, DONE, parse_vendor, match_vendor},
    {0},
};

/* --- records --- */

static const char *const record_words[] = {
    "encryption_algorithm", "1", "hash_algorithm", "2", "authentication_method", "3",
    "group_description", "4", "group_type", "5", "life_type", "11", "life_duration", "12", "prf",
    "13", "key_length", "14", "field_size", "15", NULL};

static void transform_json(struct sek_text *out, const char *key, const struct ike_tx *tx,
                           unsigned transform)
{
    sek_json_open(out, key, '{');
    for (uint32_t i = 0; i < ike_values(tx); i++) {
        struct ike_value v = ike_value_at(tx, i);
        const char *name = v.transform == transform ? sek_word(record_words, v.attribute) : NULL;
        if (name)
            sek_json_uint(out, name, v.value);
    }
    sek_json_close(out, '}');
}

static void exchange_json(struct sek_text *out, const struct ike_tx *tx)
{
    struct sek_bytes b;
    if (sek_slice_give(&tx->text, tx->key_exchange, &b)) {
        sek_json_hex(out, "key_exchange_payload", b.data, b.len);
        sek_json_uint(out, "key_exchange_payload_length", b.len);
    }
    if (sek_slice_give(&tx->text, tx->nonce, &b)) {
        sek_json_hex(out, "nonce_payload", b.data, b.len);
        sek_json_uint(out, "nonce_payload_length", b.len);
    }
}

static void v1_json(struct sek_text *out, const struct ike_tx *tx, bool server)
{
    struct sek_bytes v;
    sek_json_open(out, "ikev1", '{');
    if (tx->doi)
        sek_json_uint(out, "doi", tx->doi);
    sek_json_bool(out, "encrypted_payloads", tx->encrypted);
    sek_json_open(out, server ? "server" : "client", '{');
    exchange_json(out, tx);
    if (!server && tx->transforms) {
        sek_json_open(out, "proposals", '[');
        for (unsigned t = 0; t < tx->transforms; t++)
            transform_json(out, NULL, tx, t);
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
    if (tx->vendors.len) {
        sek_json_open(out, "vendor_ids", '[');
        for (uint32_t i = 0; vendor_at(tx, i, &v); i++)
            sek_json_hex(out, NULL, v.data, v.len);
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void v2_json(struct sek_text *out, const struct ike_tx *tx)
{
    sek_json_open(out, "ikev2", '{');
    sek_json_uint(out, "errors", (uint64_t)__builtin_popcountll(tx->base.events[0] |
                                                                 tx->base.events[1]));
    sek_json_open(out, "notify", '[');
    for (uint32_t i = 0; i < tx->notifies.len / sizeof(uint16_t); i++) {
        uint16_t type;
        memcpy(&type, tx->notifies.data + i * sizeof type, sizeof type);
        sek_json_uint(out, NULL, type);
    }
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

void ike_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ike_tx *tx = (const struct ike_tx *)base;
    bool server = tx->chosen;
    (void)state;
    sek_json_uint(out, "version_major", tx->version);
    sek_json_uint(out, "version_minor", tx->minor);
    sek_json_str(out, "init_spi", tx->init_text);
    sek_json_str(out, "resp_spi", tx->resp_text);
    sek_json_uint(out, "message_id", tx->message_id);
    sek_json_uint(out, "exchange_type", tx->exchange);
    if (server && tx->values.len) {
        for (uint32_t i = 0; i < ike_values(tx); i++) {
            struct ike_value v = ike_value_at(tx, i);
            const char *name = v.transform ? NULL : sek_word(attribute_words, v.attribute);
            if (name)
                sek_json_uint(out, name, v.value);
        }
    }
    if (tx->version == 2)
        sek_json_str(out, "role", tx->flags & 0x08 ? "initiator" : "responder");
    sek_json_open(out, "payload", '[');
    for (unsigned i = 0; i < tx->payload_count; i++)
        sek_json_uint(out, NULL, tx->payloads[i]);
    sek_json_close(out, ']');
    if (tx->version == 1)
        v1_json(out, tx, server);
    else
        v2_json(out, tx);
}
