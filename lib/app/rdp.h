/* RDP (MS-RDPBCGR) up to where it is encrypted: what the parser's files share. Each step of the
 * negotiation is a transaction of its own. */
#ifndef SEK_APP_RDP_H
#define SEK_APP_RDP_H

#include "lib/app/kit.h"
#include "lib/app/tpkt.h"

enum rdp_step { RDP_INITIAL_REQUEST, RDP_INITIAL_RESPONSE, RDP_CONNECT_REQUEST,
                RDP_CONNECT_RESPONSE, RDP_TLS_HANDSHAKE };

#define RDP_CHANNELS_MAX 32u

struct rdp_tx {
    struct sek_tx base;
    uint8_t step;
    bool negotiated, failed; /* a negotiation structure was there; it tells a failure */
    uint8_t flags;
    uint32_t protocol;       /* requested as bits, or selected, or the error code */
    struct sek_buffer text;
    struct sek_slice cookie, client_name, ime, product_id;
    struct sek_slice channels[RDP_CHANNELS_MAX];
    unsigned channel_count;
    bool has_core;
    uint32_t version, keyboard_layout, build, keyboard_type, keyboard_subtype, function_keys;
    uint16_t width, height, depth, product, capabilities;
    uint32_t serial;
    uint8_t connection_type;
    bool has_depth, has_product, has_serial, has_capabilities, has_connection;
};

/* rdp_connect.c: the MCS Connect Initial in R. */
void rdp_connect_read(struct sek_pool *pool, struct rdp_tx *tx, struct sek_reader r);

/* rdp_rules.c */
extern const struct sek_buffer_def rdp_buffers[];
extern const struct sek_number_def rdp_numbers[];
void rdp_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
