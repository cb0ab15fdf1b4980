/* IKE messages: the header, and who chose what is in them. */
#include "lib/app/ike.h"

#include <stdio.h>

#define HEADER 28u
enum { V1_ENCRYPTED = 1, V2_RESPONSE = 0x20 };

/* Past the four zero bytes that tell IKE from ESP on port 4500 (RFC 3948). */
static struct sek_reader message(const struct sek_flow *flow, const uint8_t *data, uint32_t len)
{
    struct sek_reader r = sek_reader_make(data, len);
    if (sek_port_either(flow, 4500) && len >= 4 && !(data[0] | data[1] | data[2] | data[3]))
        r = sek_reader_make(data + 4, len - 4);
    return r;
}

static enum sek_probe ike_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                                uint32_t len)
{
    (void)dir;
    if (!sek_port_either(flow, 500) && !sek_port_either(flow, 4500))
        return SEK_PROBE_NO;
    struct sek_reader r = message(flow, data, len);
    if (r.len < HEADER)
        return SEK_PROBE_NO;
    uint8_t version = r.data[17], exchange = r.data[18];
    sek_reader_skip(&r, 24);
    uint32_t length = sek_reader_u32(&r);
    bool v1 = version == 0x10 && ((exchange >= 1 && exchange <= 6) || exchange == 32 ||
                                  exchange == 33);
    bool v2 = version == 0x20 && exchange >= 34 && exchange <= 43;
    return length == r.len && (v1 || v2) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static void copy(struct sek_reader *r, uint8_t spi[8], char text[17])
{
    struct sek_bytes b = sek_reader_bytes(r, 8);
    memcpy(spi, b.data, 8);
    for (int i = 0; i < 8; i++)
        snprintf(text + 2 * i, 3, "%02x", spi[i]);
}

static void keep(struct sek_pool *pool, struct sek_buffer *to, const struct ike_tx *tx,
                 struct sek_slice slice)
{
    struct sek_bytes b;
    if (!sek_slice_give(&tx->text, slice, &b))
        return;
    to->len = 0;
    sek_buffer_add(pool, to, b.data, b.len, 0);
}

static void remember(struct ike_state *s, const struct ike_tx *tx)
{
    struct ike_side *side = &s->side[tx->chosen];
    if (tx->version != 1)
        return;
    keep(s->base.pool, &side->key_exchange, tx, tx->key_exchange);
    keep(s->base.pool, &side->nonce, tx, tx->nonce);
}

static struct sek_app_result ike_parse(struct sek_app_state *state, enum sek_dir dir,
                                       const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct sek_reader r = message(state->flow, data, len);
    struct ike_tx *tx = r.len ? (struct ike_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_IKE) : NULL;
    (void)flags;
    if (!tx)
        return all;
    sek_tx_end(&tx->base, dir);
    if (r.len < HEADER) {
        sek_tx_event(&tx->base, dir, IKE_EVENT_MALFORMED);
        return all;
    }
    copy(&r, tx->init_spi, tx->init_text);
    copy(&r, tx->resp_spi, tx->resp_text);
    uint8_t first = sek_reader_u8(&r), version = sek_reader_u8(&r);
    tx->version = version >> 4;
    tx->minor = version & 15;
    tx->exchange = sek_reader_u8(&r);
    tx->flags = sek_reader_u8(&r);
    tx->message_id = sek_reader_u32(&r);
    uint32_t length = sek_reader_u32(&r);
    tx->encrypted = tx->version == 1 && tx->flags & V1_ENCRYPTED;
    tx->chosen = tx->version == 2 ? tx->flags & V2_RESPONSE : dir == SEK_TOCLIENT;
    bool good = length == r.len && (tx->version == 1 || tx->version == 2);
    struct sek_reader body = sek_reader_sub(&r, sek_reader_left(&r));
    if (!good || (!tx->encrypted && !ike_payloads(state->pool, tx, dir, first, body)))
        sek_tx_event(&tx->base, dir, IKE_EVENT_MALFORMED);
    remember((struct ike_state *)state, tx);
    return all;
}

static void ike_close(struct sek_app_state *state)
{
    struct ike_state *s = (struct ike_state *)state;
    for (int i = 0; i < 2; i++) {
        sek_buffer_free(state->pool, &s->side[i].key_exchange);
        sek_buffer_free(state->pool, &s->side[i].nonce);
    }
}

static void ike_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct ike_tx *tx = (struct ike_tx *)base;
    sek_buffer_free(state->pool, &tx->text);
    sek_buffer_free(state->pool, &tx->values);
    sek_buffer_free(state->pool, &tx->vendors);
    sek_buffer_free(state->pool, &tx->notifies);
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const struct sek_app_event_name ike_events[] = {
    {"malformed_data", IKE_EVENT_MALFORMED},
    {"no_encryption", IKE_EVENT_NO_ENCRYPTION},
    {"weak_crypto_enc", IKE_EVENT_WEAK_ENC},
    {"weak_crypto_prf", IKE_EVENT_WEAK_PRF},
    {"weak_crypto_dh", IKE_EVENT_WEAK_DH},
    {"weak_crypto_auth", IKE_EVENT_WEAK_AUTH},
    {"weak_crypto_no_dh", IKE_EVENT_NO_DH},
    {"weak_crypto_no_auth", IKE_EVENT_NO_AUTH},
    {"invalid_proposal", IKE_EVENT_INVALID_PROPOSAL},
    {"unknown_proposal", IKE_EVENT_UNKNOWN_PROPOSAL},
    {"multiple_server_proposal", IKE_EVENT_MULTIPLE_PROPOSAL},
    {0},
};

const struct sek_app_ops sek_ike_ops = {
    .id = SEK_APP_IKE,
    .name = "ike",
    .aliases = (const char *const[]){"ikev1", "ikev2", NULL},
    .eve_key = "ike",
    .transports = 2,
    .probe = ike_probe,
    .state_size = sizeof(struct ike_state),
    .parse = ike_parse,
    .tx_free = ike_tx_free,
    .close = ike_close,
    .eve = ike_eve,
    .buffers = ike_buffers,
    .numbers = ike_numbers,
    .tests = ike_tests,
    .events = ike_events,
    .complete = {1, 1},
};
