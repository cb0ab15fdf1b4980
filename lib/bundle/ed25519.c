/* Ed25519 by OpenSSL's EVP interface. */
#include "lib/bundle/ed25519.h"

#include "lib/base/encode.h"
#include "lib/base/file.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

struct sek_signing_key {
    EVP_PKEY *pkey;
};

static enum sek_error wrap(EVP_PKEY *pkey, struct sek_signing_key **out, struct sek_fault *fault)
{
    struct sek_signing_key *key = calloc(1, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pkey);
        return sek_fail(fault, SEK_ENOMEM, "out of memory for a signing key");
    }
    key->pkey = pkey;
    *out = key;
    return SEK_OK;
}

enum sek_error sek_signing_key_make(struct sek_signing_key **out, struct sek_fault *fault)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!pkey)
        return sek_fail(fault, SEK_EIO, "cannot make an Ed25519 key");
    return wrap(pkey, out, fault);
}

enum sek_error sek_signing_key_load(const char *path, struct sek_signing_key **out,
                                    struct sek_fault *fault)
{
    char *pem = NULL;
    size_t len = 0;
    enum sek_error rc = sek_file_read(path, 16384, &pem, &len, fault);
    if (rc)
        return rc;
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    OPENSSL_cleanse(pem, len);
    free(pem);
    if (!pkey || EVP_PKEY_get_id(pkey) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pkey);
        return sek_fail(fault, SEK_EINVAL, "%s: not an Ed25519 private key in PEM", path);
    }
    return wrap(pkey, out, fault);
}

enum sek_error sek_signing_key_save(const struct sek_signing_key *key, const char *path,
                                    struct sek_fault *fault)
{
    enum sek_error rc;
    char *pem = NULL;
    BIO *bio = BIO_new(BIO_s_mem());
    if (!bio || !PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL)) {
        rc = sek_fail(fault, SEK_ENOMEM, "%s: cannot encode the key", path);
        goto done;
    }
    long len = BIO_get_mem_data(bio, &pem);
    rc = sek_file_replace(path, pem, (size_t)len, 0600, fault);
done:
    BIO_free(bio);
    return rc;
}

void sek_signing_key_free(struct sek_signing_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    free(key);
}

void sek_signing_key_public(const struct sek_signing_key *key, char out[SEK_ED25519_PUBLIC_HEX])
{
    uint8_t raw[32] = {0};
    size_t len = sizeof raw;
    EVP_PKEY_get_raw_public_key(key->pkey, raw, &len);
    sek_hex_encode(raw, sizeof raw, out);
}

enum sek_error sek_sign(const struct sek_signing_key *key, const void *data, size_t len,
                        char out[SEK_ED25519_SIGNATURE_HEX], struct sek_fault *fault)
{
    uint8_t sig[64];
    size_t sig_len = sizeof sig;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, sig, &sig_len, data, len) == 1 && sig_len == sizeof sig;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return sek_fail(fault, SEK_EIO, "signing with Ed25519 failed");
    sek_hex_encode(sig, sizeof sig, out);
    return SEK_OK;
}

bool sek_signature_valid(const char *public_key, const char *signature, const void *data,
                         size_t len)
{
    uint8_t raw[32], sig[64];
    if (strlen(public_key) != 64 || strlen(signature) != 128 ||
        !sek_hex_decode(public_key, raw, sizeof raw) || !sek_hex_decode(signature, sig, sizeof sig))
        return false;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = pkey && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, sig, sizeof sig, data, len) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}
