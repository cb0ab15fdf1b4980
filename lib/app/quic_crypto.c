/* Protection of QUIC's Initial packets (RFC 9001 section 5): anyone who sees the first packet can
 * take it off. */
#include "lib/app/quic.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define SECRET 32
#define TAG    16u

static const struct {
    uint32_t first, last;
    uint8_t salt[20];
} salts[] = {
    {QUIC_V1, QUIC_V1, {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                        0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}},
    {0xff000021, 0xff000022, {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                              0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a}},
    {QUIC_V2, QUIC_V2, {0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93,
                        0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd, 0x2e, 0xd9}},
    {0xff00001d, 0xff000020, {0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97,
                              0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8, 0x99}},
    {0xff000017, 0xff00001c, {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                              0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02}},
    {0xfaceb001, 0xfaceb002, {0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7,
                              0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5, 0x02}},
    {QUIC_Q050, QUIC_Q050, {0x50, 0x45, 0x74, 0xef, 0xd0, 0x66, 0xfe, 0x2f, 0x9d, 0x94,
                            0x5c, 0xfc, 0xdb, 0xd3, 0xa7, 0xf0, 0xd3, 0xb5, 0x6b, 0x45}},
};

/* HKDF-Expand-Label of TLS 1.3 (RFC 8446 section 7.1) with an empty context. */
static bool expand(const uint8_t secret[SECRET], const char *label, uint8_t *out, uint8_t len)
{
    uint8_t info[64], block[EVP_MAX_MD_SIZE];
    size_t name = strlen(label);
    info[0] = 0;
    info[1] = len;
    info[2] = (uint8_t)(6 + name);
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, name);
    info[9 + name] = 0;
    info[10 + name] = 1; /* the first block is all that is needed */
    if (!HMAC(EVP_sha256(), secret, SECRET, info, 11 + name, block, NULL))
        return false;
    memcpy(out, block, len);
    return true;
}

bool quic_initial_keys(uint32_t version, struct sek_bytes dcid, struct quic_keys keys[2])
{
    static const char *const sides[] = {"client in", "server in"};
    bool v2 = version == QUIC_V2, ok = true;
    const uint8_t *salt = NULL;
    uint8_t initial[EVP_MAX_MD_SIZE], secret[SECRET];
    for (size_t i = 0; i < sizeof salts / sizeof *salts; i++)
        if (version >= salts[i].first && version <= salts[i].last)
            salt = salts[i].salt;
    if (!salt || !HMAC(EVP_sha256(), salt, 20, dcid.data, dcid.len, initial, NULL))
        return false;
    for (int d = 0; ok && d < 2; d++)
        ok = expand(initial, sides[d], secret, SECRET) &&
             expand(secret, v2 ? "quicv2 key" : "quic key", keys[d].key, QUIC_KEY) &&
             expand(secret, v2 ? "quicv2 iv" : "quic iv", keys[d].iv, QUIC_IV) &&
             expand(secret, v2 ? "quicv2 hp" : "quic hp", keys[d].hp, QUIC_KEY);
    return ok;
}

/* The mask of header protection (RFC 9001 section 5.4). */
static bool mask_make(const struct quic_keys *k, const uint8_t sample[16], uint8_t mask[16])
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int n;
    bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_128_ecb(), NULL, k->hp, NULL) &&
              EVP_EncryptUpdate(c, mask, &n, sample, 16);
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static bool open_sealed(const struct quic_keys *k, const uint8_t nonce[QUIC_IV],
                        struct sek_bytes head, struct sek_bytes sealed, uint8_t *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    uint32_t len = sealed.len - TAG;
    int n;
    bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_128_gcm(), NULL, k->key, nonce) &&
              EVP_DecryptUpdate(c, NULL, &n, head.data, (int)head.len) &&
              EVP_DecryptUpdate(c, out, &n, sealed.data, (int)len) &&
              EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(sealed.data + len)) &&
              EVP_DecryptFinal_ex(c, out + n, &n) > 0;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

long quic_decrypt(const struct quic_keys *k, struct sek_bytes packet, uint32_t pn_at, uint8_t *out)
{
    uint8_t head[1600], mask[16], nonce[QUIC_IV];
    if (pn_at + 4 > sizeof head || packet.len < pn_at + 4 + 16 ||
        !mask_make(k, packet.data + pn_at + 4, mask))
        return -1;
    memcpy(head, packet.data, pn_at + 4);
    head[0] ^= mask[0] & 0x0f;
    uint32_t pn_len = (head[0] & 3) + 1u;
    memcpy(nonce, k->iv, QUIC_IV);
    for (uint32_t i = 0; i < pn_len; i++) {
        head[pn_at + i] ^= mask[1 + i];
        nonce[QUIC_IV - pn_len + i] ^= head[pn_at + i];
    }
    struct sek_bytes sealed = {packet.data + pn_at + pn_len, packet.len - pn_at - pn_len};
    if (sealed.len < TAG ||
        !open_sealed(k, nonce, (struct sek_bytes){head, pn_at + pn_len}, sealed, out))
        return -1;
    return (long)(sealed.len - TAG);
}
