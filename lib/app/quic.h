/* QUIC (RFC 9000, 9001, 9369, drafts, and Google's before it): what the files of the parser share.
 */
#ifndef SEK_APP_QUIC_H
#define SEK_APP_QUIC_H

#include "lib/app/app.h"
#include "lib/app/tls.h"

#define QUIC_KEY 16
#define QUIC_IV  12

struct quic_keys {
    uint8_t key[QUIC_KEY], iv[QUIC_IV], hp[QUIC_KEY];
};

#define QUIC_V1    0x00000001u
#define QUIC_V2    0x6b3343cfu
#define QUIC_Q050  0x51303530u
static inline bool quic_is_google(uint32_t version)
{
    return version >> 24 == 'Q' && (version >> 16 & 0xff) == '0';
}

/* quic_crypto.c: keys of Initial packets of both sides, which follow from the client's first
 * connection id. False: no salt is known for VERSION. */
bool quic_initial_keys(uint32_t version, struct sek_bytes dcid, struct quic_keys keys[2]);
/* Take header protection off and decrypt. PACKET is the whole packet, its number begins at PN_AT.
 * OUT has room for its length. Returns the length of the plain text, or -1. */
long quic_decrypt(const struct quic_keys *k, struct sek_bytes packet, uint32_t pn_at, uint8_t *out);

enum { QUIC_STARTED, QUIC_COMPLETE };
enum { QUIC_EVENT_DECRYPT, QUIC_EVENT_DATA, QUIC_EVENT_FRAGMENT };

struct quic_tx {
    struct sek_tx base;
    uint32_t version;
    uint8_t version_bytes[4]; /* as in the header */
    struct tls_tx hello;
    bool has_hello;
    struct sek_buffer ua, sni; /* of Google QUIC */
    struct sek_buffer cyu;
    char cyu_hash[33];
};

/* --- quic_rule.c --- */
extern const struct sek_buffer_def quic_buffers[];
extern const struct sek_app_event_name quic_events[];
void quic_eve(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);

#endif
