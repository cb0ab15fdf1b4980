/* Makes QUIC Initial packets of a client (RFC 9000, 9001) for tests: a ClientHello with a server
 * name, cut into CRYPTO frames, encrypted as a client does. */
#ifndef SEK_TESTS_AGENT_QUIC_H
#define SEK_TESTS_AGENT_QUIC_H

#include "lib/app/quic.h"

#include <openssl/evp.h>
#include <string.h>

/* A handshake message; returns its length. ECH adds that extension. */
static inline uint32_t quic_test_hello(const char *name, bool ech, uint8_t *out)
{
    uint8_t *p = out + 4;
    uint32_t len = (uint32_t)strlen(name);
    memset(p, 7, 34);
    p[0] = p[1] = 3;
    p += 34;
    static const uint8_t middle[] = {0, 0, 2, 0x13, 1, 1, 0};
    memcpy(p, middle, sizeof middle);
    p += sizeof middle;
    uint32_t extensions = 9 + len + (ech ? 6 : 0);
    *p++ = (uint8_t)(extensions >> 8);
    *p++ = (uint8_t)extensions;
    if (ech) {
        static const uint8_t outer[] = {0xfe, 0x0d, 0, 2, 0, 0};
        memcpy(p, outer, sizeof outer);
        p += sizeof outer;
    }
    const uint8_t head[] = {0, 0, 0, (uint8_t)(len + 5), 0, (uint8_t)(len + 3), 0, 0, (uint8_t)len};
    memcpy(p, head, sizeof head);
    p += sizeof head;
    memcpy(p, name, len);
    p += len;
    uint32_t body = (uint32_t)(p - out - 4);
    const uint8_t begin[] = {1, 0, (uint8_t)(body >> 8), (uint8_t)body};
    memcpy(out, begin, sizeof begin);
    return body + 4;
}

/* One CRYPTO frame; returns its length. */
static inline uint32_t quic_test_frame(const uint8_t *data, uint32_t offset, uint32_t len,
                                       uint8_t *out)
{
    const uint8_t head[] = {6, (uint8_t)(0x40 | offset >> 8), (uint8_t)offset,
                            (uint8_t)(0x40 | len >> 8), (uint8_t)len};
    memcpy(out, head, sizeof head);
    memcpy(out + sizeof head, data + offset, len);
    return len + (uint32_t)sizeof head;
}

/* An Initial packet of SIZE bytes with FRAMES, padded; OUT holds SIZE bytes. */
static inline bool quic_test_packet(uint32_t version, const uint8_t *frames, uint32_t len,
                                    uint8_t number, uint8_t *out, uint32_t size)
{
    static const uint8_t id[8] = {0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08};
    struct quic_keys keys[2];
    uint8_t plain[2048] = {0}, mask[32], nonce[QUIC_IV];
    uint32_t head = 1 + 4 + 1 + 8 + 1 + 1 + 2, sealed = size - head - 1, n = sealed - 16;
    int done;
    if (size > sizeof plain || len > n ||
        !quic_initial_keys(version, (struct sek_bytes){id, sizeof id}, keys))
        return false;
    memcpy(plain, frames, len);
    uint8_t begin[] = {(uint8_t)(version == QUIC_V2 ? 0xd0 : 0xc0),
                       (uint8_t)(version >> 24),
                       (uint8_t)(version >> 16),
                       (uint8_t)(version >> 8),
                       (uint8_t)version,
                       8};
    memcpy(out, begin, sizeof begin);
    memcpy(out + 6, id, 8);
    out[14] = 0; /* source id */
    out[15] = 0; /* token */
    out[16] = (uint8_t)(0x40 | (sealed + 1) >> 8);
    out[17] = (uint8_t)(sealed + 1);
    out[18] = number;
    memcpy(nonce, keys[0].iv, QUIC_IV);
    nonce[QUIC_IV - 1] ^= number;
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, keys[0].key, nonce) &&
              EVP_EncryptUpdate(c, NULL, &done, out, (int)head + 1) &&
              EVP_EncryptUpdate(c, out + head + 1, &done, plain, (int)n) &&
              EVP_EncryptFinal_ex(c, out + head + 1 + n, &done) &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, 16, out + head + 1 + n) &&
              EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, keys[0].hp, NULL) &&
              EVP_EncryptUpdate(c, mask, &done, out + head + 4, 16);
    EVP_CIPHER_CTX_free(c);
    out[0] ^= mask[0] & 0x0f;
    out[18] ^= mask[1];
    return ok;
}

#endif
