/* IKE v1 (RFC 2408, 2409) and v2 (RFC 7296) over UDP: what the parser's files share. Each message is
 * a transaction of its own; what is encrypted is not looked into. */
#ifndef SEK_APP_IKE_H
#define SEK_APP_IKE_H

#include "lib/app/kit.h"

#include <string.h>

enum ike_event { IKE_EVENT_MALFORMED, IKE_EVENT_NO_ENCRYPTION, IKE_EVENT_WEAK_ENC,
                 IKE_EVENT_WEAK_PRF, IKE_EVENT_WEAK_DH, IKE_EVENT_WEAK_AUTH, IKE_EVENT_NO_DH,
                 IKE_EVENT_NO_AUTH, IKE_EVENT_INVALID_PROPOSAL, IKE_EVENT_UNKNOWN_PROPOSAL,
                 IKE_EVENT_MULTIPLE_PROPOSAL };

/* Attributes of a security association by their numbers in IKEv1 (RFC 2409 appendix A). */
enum ike_attribute { IKE_ENC = 1, IKE_HASH = 2, IKE_AUTH = 3, IKE_DH = 4, IKE_GROUP_TYPE = 5,
                     IKE_LIFE_TYPE = 11, IKE_LIFE_DURATION = 12, IKE_PRF = 13, IKE_KEY_LENGTH = 14,
                     IKE_FIELD_SIZE = 15 };
struct ike_value {
    uint8_t transform; /* counted over all proposals */
    uint8_t attribute;
    uint32_t value;
};

#define IKE_PAYLOADS_MAX 32

struct ike_tx {
    struct sek_tx base;
    uint8_t init_spi[8], resp_spi[8];
    char init_text[17], resp_text[17];
    uint8_t version, exchange, flags; /* version: 1 or 2 */
    uint8_t minor;
    uint32_t message_id, doi;
    bool encrypted, chosen; /* chosen: the association is the responder's */
    uint8_t payloads[IKE_PAYLOADS_MAX];
    unsigned payload_count;
    struct sek_buffer text;
    struct sek_slice key_exchange, nonce;
    struct sek_buffer values;  /* struct ike_value */
    struct sek_buffer vendors; /* struct sek_slice */
    struct sek_buffer notifies; /* uint16_t */
    unsigned transforms;
};

/* IKEv1 tells of both sides in every record: what each sent last. */
struct ike_side {
    struct sek_buffer key_exchange, nonce;
};
struct ike_state {
    struct sek_app_state base;
    struct ike_side side[2]; /* client, server */
};

static inline uint32_t ike_values(const struct ike_tx *tx)
{
    return (uint32_t)(tx->values.len / sizeof(struct ike_value));
}
struct ike_value ike_value_at(const struct ike_tx *tx, uint32_t i);

/* ike_payload.c: the payloads from TYPE on; false when they are malformed. */
bool ike_payloads(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir, uint8_t type,
                  struct sek_reader r);

/* ike_rules.c */
extern const struct sek_buffer_def ike_buffers[];
extern const struct sek_number_def ike_numbers[];
extern const struct sek_test_def ike_tests[];
void ike_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
