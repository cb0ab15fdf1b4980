/* TLS (RFC 5246, RFC 8446) up to the point where it is encrypted: what the parser's files share. */
#ifndef SEK_APP_TLS_H
#define SEK_APP_TLS_H

#include "lib/app/app.h"

enum tls_progress { TLS_STARTED, TLS_HELLO, TLS_CERTIFICATE, TLS_DONE };

enum tls_event {
    TLS_EVENT_SSLV2_HEADER,
    TLS_EVENT_TLS_HEADER,
    TLS_EVENT_RECORD_TYPE,
    TLS_EVENT_RECORD_VERSION,
    TLS_EVENT_RECORD_LENGTH,
    TLS_EVENT_HANDSHAKE_MESSAGE,
    TLS_EVENT_HANDSHAKE_LENGTH,
    TLS_EVENT_CERTIFICATE,
    TLS_EVENT_CERTIFICATE_LENGTH,
    TLS_EVENT_CERTIFICATE_DER,
    TLS_EVENT_HEARTBEAT,
    TLS_EVENT_HEARTBEAT_INVALID,
    TLS_EVENT_HEARTBEAT_OVERFLOW,
    TLS_EVENT_HEARTBEAT_MISMATCH,
    TLS_EVENT_MULTIPLE_SNI,
    TLS_EVENT_SNI_TYPE,
    TLS_EVENT_SNI_LENGTH,
    TLS_EVENT_TOO_MANY_RECORDS,
    TLS_EVENT_ALERT,
    TLS_EVENT_ERROR_MESSAGE,
};

#define TLS_CERTS_MAX 16
#define TLS_JA4_SIZE  40

struct tls_tx {
    struct sek_tx base;
    uint16_t version; /* negotiated, or the client's offer until then */
    struct sek_buffer text; /* holds the strings below; they are offsets into it */
    struct tls_slice {
        uint32_t at, len;
    } sni, ja3, ja3s, hello, alpn[2];
    struct tls_chain {
        struct tls_slice subject, issuer, serial, fingerprint, not_before, not_after; /* of the leaf */
        struct sek_buffer alt_names; /* NUL-separated */
        struct sek_buffer certs;     /* DER, one after the other */
        uint32_t end[TLS_CERTS_MAX];
        unsigned count;
    } chain[2]; /* [dir]: certificates that travelled in that direction */
    struct sek_buffer random[2];
    char ja3_hash[33], ja3s_hash[33];
    char ja4[TLS_JA4_SIZE]; /* made when it is asked for: tls_ja4() */
};

struct tls_state {
    struct sek_app_state base;
    struct tls_tx *tx;
    struct sek_buffer handshake[2]; /* bytes of messages that are not complete */
    bool encrypted[2];              /* ChangeCipherSpec was seen */
    bool heartbeat_request;
    uint16_t heartbeat_len;
};

/* Let go of all that TX holds, not of TX itself. */
void tls_tx_clear(struct sek_pool *pool, struct tls_tx *tx);

/* tls_hello.c: bodies of ClientHello and ServerHello. */
void tls_client_hello(struct tls_state *s, struct sek_reader r);
void tls_server_hello(struct tls_state *s, struct sek_reader r);
/* JA4 of the ClientHello that TX keeps; "" when there is none. TRANSPORT: 't' or 'q'. */
const char *tls_ja4(struct tls_tx *tx, char transport);
/* Name INDEX of a protocol list as it was sent (RFC 7301); empty after the last. */
static inline struct sek_bytes tls_alpn(struct sek_bytes list, uint32_t index)
{
    struct sek_reader r = sek_reader_make(list.data, list.len);
    struct sek_bytes name = {0};
    do
        name = sek_reader_bytes(&r, sek_reader_u8(&r));
    while (index-- && sek_reader_left(&r));
    return index == UINT32_MAX && !r.failed ? name : (struct sek_bytes){0};
}
/* tls_certificate.c: body of a Certificate message. */
void tls_certificates(struct tls_state *s, enum sek_dir dir, struct sek_reader r);

static inline struct sek_bytes tls_text(const struct tls_tx *tx, struct tls_slice slice)
{
    return slice.len ? (struct sek_bytes){tx->text.data + slice.at, slice.len}
                     : (struct sek_bytes){0};
}
struct tls_slice tls_keep(struct tls_state *s, const void *data, uint32_t len);

/* tls_tests.c: keywords with arguments of their own shape */
extern const struct sek_test_def tls_tests[];

#endif
