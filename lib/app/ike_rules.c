/* IKE keywords and records. */
#include "lib/app/ike.h"
#include "lib/base/encode.h"

#include <stdio.h>
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
    sek_fail(fault, SEK_EINVAL,
             "found '%.40s', expected an attribute such as alg_enc, = and a number",
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
    if (want && bytes && n && n % 2 == 0 && sek_hex_decode(arg, bytes, n / 2)) {
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

/* Names by attribute, of the first version. */
static const char *const enc1_words[] = {
    "EncDesCbc", "1", "EncIdeaCbc", "2", "EncBlowfishCbc", "3", "EncRc5R16B64Cbc", "4",
    "Enc3DesCbc", "5", "EncCastCbc", "6", "EncAesCbc", "7", "EncCamelliaCbc", "8", NULL};
static const char *const hash1_words[] = {"HashMd5", "1", "HashSha", "2", "HashTiger", "3",
                                          "HashSha2_256", "4", "HashSha2_384", "5", "HashSha2_512",
                                          "6", NULL};
static const char *const auth1_words[] = {
    "AuthPreSharedKey", "1", "AuthDssSignatures", "2", "AuthRsaSignatures", "3",
    "AuthEncryptionWithRsa", "4", "AuthRevisedEncryptionWithRsa", "5", NULL};
static const char *const dh1_words[] = {
    "GroupDefault768BitModp", "1", "GroupAlternate1024BitModpGroup", "2", "GroupModp1536Bit", "5",
    "GroupModp2048Bit", "14", "GroupModp3072Bit", "15", "GroupModp4096Bit", "16",
    "GroupModp6144Bit", "17", "GroupModp8192Bit", "18", "GroupRandomEcp256Bit", "19",
    "GroupRandomEcp384Bit", "20", "GroupRandomEcp521Bit", "21", NULL};
static const char *const life_words[] = {"LifeTypeSeconds", "1", "LifeTypeKilobytes", "2", NULL};
static const char *const nothing_words[] = {NULL};

/* ... and of the second. */
static const char *const enc2_words[] = {
    "ENCR_DES_IV64", "1", "ENCR_DES", "2", "ENCR_3DES", "3", "ENCR_RC5", "4", "ENCR_IDEA", "5",
    "ENCR_CAST", "6", "ENCR_BLOWFISH", "7", "ENCR_3IDEA", "8", "ENCR_DES_IV32", "9", "ENCR_NULL",
    "11", "ENCR_AES_CBC", "12", "ENCR_AES_CTR", "13", "ENCR_AES_CCM_8", "14", "ENCR_AES_CCM_12",
    "15", "ENCR_AES_CCM_16", "16", "ENCR_AES_GCM_8", "18", "ENCR_AES_GCM_12", "19",
    "ENCR_AES_GCM_16", "20", "ENCR_CAMELLIA_CBC", "23", "ENCR_CHACHA20_POLY1305", "28", NULL};
static const char *const prf2_words[] = {
    "PRF_NULL", "0", "PRF_HMAC_MD5", "1", "PRF_HMAC_SHA1", "2", "PRF_HMAC_TIGER", "3",
    "PRF_AES128_XCBC", "4", "PRF_HMAC_SHA2_256", "5", "PRF_HMAC_SHA2_384", "6",
    "PRF_HMAC_SHA2_512", "7", "PRF_AES128_CMAC", "8", NULL};
static const char *const auth2_words[] = {
    "NONE", "0", "AUTH_HMAC_MD5_96", "1", "AUTH_HMAC_SHA1_96", "2", "AUTH_DES_MAC", "3",
    "AUTH_KPDK_MD5", "4", "AUTH_AES_XCBC_96", "5", "AUTH_HMAC_MD5_128", "6", "AUTH_HMAC_SHA1_160",
    "7", "AUTH_AES_CMAC_96", "8", "AUTH_HMAC_SHA2_256_128", "12", "AUTH_HMAC_SHA2_384_192", "13",
    "AUTH_HMAC_SHA2_512_256", "14", NULL};
static const char *const dh2_words[] = {
    "None", "0", "Modp768", "1", "Modp1024", "2", "Modp1536", "5", "Modp2048", "14", "Modp3072",
    "15", "Modp4096", "16", "Modp6144", "17", "Modp8192", "18", "Ecp256", "19", "Ecp384", "20",
    "Ecp521", "21", "Modp1024s160", "22", "Modp2048s224", "23", "Modp2048s256", "24", "Ecp192",
    "25", "Ecp224", "26", "Curve25519", "31", "Curve448", "32", NULL};
static const char *const payload1_words[] = {
    "SecurityAssociation", "1", "Proposal", "2", "Transform", "3", "KeyExchange", "4",
    "Identification", "5", "Certificate", "6", "CertificateRequest", "7", "Hash", "8", "Signature",
    "9", "Nonce", "10", "Notification", "11", "Delete", "12", "VendorID", "13", "NatDiscovery",
    "20", "NatOriginalAddress", "21", NULL};
static const char *const payload2_words[] = {
    "SecurityAssociation", "33", "KeyExchange", "34", "IdentInitiator", "35", "IdentResponder",
    "36", "Certificate", "37", "CertificateRequest", "38", "Authentication", "39", "Nonce", "40",
    "Notify", "41", "Delete", "42", "VendorID", "43", "TrafficSelectorInitiator", "44",
    "TrafficSelectorResponder", "45", "EncryptedAndAuthenticated", "46", "Configuration", "47",
    "ExtensibleAuthentication", "48", NULL};
static const char *const notify_words[] = {
    "UNSUPPORTED_CRITICAL_PAYLOAD", "1", "INVALID_IKE_SPI", "4", "INVALID_MAJOR_VERSION", "5",
    "INVALID_SYNTAX", "7", "INVALID_MESSAGE_ID", "9", "INVALID_SPI", "11", "NO_PROPOSAL_CHOSEN",
    "14", "INVALID_KE_PAYLOAD", "17", "AUTHENTICATION_FAILED", "24", "INITIAL_CONTACT", "16384",
    "SET_WINDOW_SIZE", "16385", "ADDITIONAL_TS_POSSIBLE", "16386", "IPCOMP_SUPPORTED", "16387",
    "NAT_DETECTION_SOURCE_IP", "16388", "NAT_DETECTION_DESTINATION_IP", "16389", "COOKIE", "16390",
    "USE_TRANSPORT_MODE", "16391", "HTTP_CERT_LOOKUP_SUPPORTED", "16392", "REKEY_SA", "16393",
    "REDIRECT_SUPPORTED", "16406", "IKEV2_FRAGMENTATION_SUPPORTED", "16430",
    "SIGNATURE_HASH_ALGORITHMS", "16431", NULL};
static const char *const exchange_words[] = {
    "None", "0", "Base", "1", "Identity Protection", "2", "Authentication Only", "3", "Aggressive",
    "4", "Informational", "5", "Transaction (Config Mode)", "6", "Quick Mode", "32",
    "New Group Mode", "33", NULL};

static const char *const *names_of(uint8_t version, uint8_t attribute)
{
    switch (attribute) {
    case IKE_ENC:
        return version == 1 ? enc1_words : enc2_words;
    case IKE_HASH:
        return hash1_words;
    case IKE_AUTH:
        return version == 1 ? auth1_words : auth2_words;
    case IKE_DH:
        return version == 1 ? dh1_words : dh2_words;
    case IKE_PRF:
        return version == 1 ? nothing_words : prf2_words;
    case IKE_LIFE_TYPE:
        return life_words;
    default:
        return nothing_words;
    }
}

/* "alg_enc": "EncAesCbc", "alg_enc_raw": 7 */
static void attribute_json(struct sek_text *out, const struct ike_tx *tx, struct ike_value v)
{
    const char *key = sek_word(attribute_words, v.attribute);
    const char *name = sek_word(names_of(tx->version, v.attribute), v.value);
    char raw[40];
    if (!key || (tx->version == 2 && v.attribute == IKE_KEY_LENGTH))
        return;
    sek_json_str(out, key, name ? name : "Unknown");
    if (tx->version == 2)
        return;
    snprintf(raw, sizeof raw, "%s_raw", key);
    sek_json_uint(out, raw, v.value);
}

/* The attributes of one transform or, for the second version, proposal. */
static void transform_json(struct sek_text *out, const struct ike_tx *tx, unsigned transform)
{
    uint32_t written = 0;
    for (uint32_t i = 0; i < ike_values(tx); i++) {
        struct ike_value v = ike_value_at(tx, i);
        if (v.transform != transform || v.attribute > 31 || written >> v.attribute & 1)
            continue;
        written |= 1u << v.attribute;
        attribute_json(out, tx, v);
    }
}

static void payload_json(struct sek_text *out, const char *key, const struct sek_buffer *b)
{
    char length[40];
    if (!b->len)
        return;
    sek_json_hex(out, key, b->data, b->len);
    snprintf(length, sizeof length, "%s_length", key);
    sek_json_uint(out, length, b->len);
}

static void side_json(struct sek_text *out, const struct ike_tx *tx, const struct ike_side *side,
                      bool server)
{
    sek_json_open(out, server ? "server" : "client", '{');
    payload_json(out, "key_exchange_payload", &side->key_exchange);
    payload_json(out, "nonce_payload", &side->nonce);
    if (!server && !tx->chosen && tx->transforms) {
        sek_json_open(out, "proposals", '[');
        for (unsigned t = 0; t < tx->transforms; t++) {
            sek_json_open(out, NULL, '{');
            transform_json(out, tx, t);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void v1_json(struct sek_text *out, const struct ike_tx *tx, const struct ike_state *s)
{
    struct sek_bytes v;
    sek_json_open(out, "ikev1", '{');
    if (tx->doi)
        sek_json_uint(out, "doi", tx->doi);
    sek_json_bool(out, "encrypted_payloads", tx->encrypted);
    side_json(out, tx, &s->side[0], false);
    side_json(out, tx, &s->side[1], true);
    if (tx->vendors.len) {
        sek_json_open(out, "vendor_ids", '[');
        for (uint32_t i = 0; vendor_at(tx, i, &v); i++)
            sek_json_hex(out, NULL, v.data, v.len);
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void word_json(struct sek_text *out, const char *const *words, unsigned v)
{
    const char *name = sek_word(words, v);
    char number[24];
    snprintf(number, sizeof number, "Unknown (%u)", v);
    sek_json_str(out, NULL, name ? name : number);
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
        word_json(out, notify_words, type);
    }
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

void ike_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ike_tx *tx = (const struct ike_tx *)base;
    const char *exchange = tx->version == 1 ? sek_word(exchange_words, tx->exchange) : NULL;
    sek_json_uint(out, "version_major", tx->version);
    sek_json_uint(out, "version_minor", tx->minor);
    sek_json_str(out, "init_spi", tx->init_text);
    sek_json_str(out, "resp_spi", tx->resp_text);
    sek_json_uint(out, "message_id", tx->message_id);
    sek_json_uint(out, "exchange_type", tx->exchange);
    if (exchange)
        sek_json_str(out, "exchange_type_verbose", exchange);
    if (tx->chosen)
        transform_json(out, tx, 0);
    if (tx->version == 2)
        sek_json_str(out, "role", tx->flags & 0x08 ? "initiator" : "responder");
    sek_json_open(out, "payload", '[');
    for (unsigned i = 0; i < tx->payload_count; i++)
        word_json(out, tx->version == 1 ? payload1_words : payload2_words, tx->payloads[i]);
    sek_json_close(out, ']');
    if (tx->version == 1)
        v1_json(out, tx, (const struct ike_state *)state);
    else
        v2_json(out, tx);
}
