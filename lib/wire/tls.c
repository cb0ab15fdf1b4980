/* Client TLS with a pinned CA. */
#include "lib/wire/tls.h"

#include "lib/base/encode.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sek_tls_error(char out[160])
{
    unsigned long code = ERR_get_error();
    if (code)
        ERR_error_string_n(code, out, 160);
    else
        snprintf(out, 160, "no detail");
    ERR_clear_error();
    return out;
}

static X509 *find_pinned(STACK_OF(X509) *chain, const char *pin)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *cert = sk_X509_value(chain, i);
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        char text[64];
        if (!X509_digest(cert, EVP_sha256(), digest, &len) || len != SEK_SHA256_SIZE)
            continue;
        sek_base64url_encode(digest, len, text);
        if (!strcmp(text, pin))
            return cert;
    }
    return NULL;
}

/* The server sends its CA along; it is trusted when its digest is the pin, and then the ordinary
 * chain verification runs with that CA as the only anchor. */
static int verify_pinned(X509_STORE_CTX *ctx, void *pin)
{
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(ctx);
    X509 *ca = find_pinned(chain, pin);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *inner = X509_STORE_CTX_new();
    int ok = 0;
    if (ca && store && inner && X509_STORE_add_cert(store, ca) &&
        X509_STORE_CTX_init(inner, store, leaf, chain)) {
        X509_STORE_CTX_set_purpose(inner, X509_PURPOSE_SSL_SERVER);
        ok = X509_verify_cert(inner) == 1;
    }
    if (!ok)
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_CERT_REJECTED);
    X509_STORE_CTX_free(inner);
    X509_STORE_free(store);
    return ok;
}

static void free_pin(void *parent, void *pin, CRYPTO_EX_DATA *data, int index, long argl,
                     void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    free(pin);
}

static enum sek_error trust(SSL_CTX *ctx, const struct sek_tls_options *options,
                            struct sek_fault *fault)
{
    static int pin_index = -1;
    char detail[160];
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (options->ca_file) {
        if (SSL_CTX_load_verify_file(ctx, options->ca_file) != 1)
            return sek_fail(fault, SEK_EINVAL, "%s: not a CA certificate in PEM: %s",
                            options->ca_file, sek_tls_error(detail));
        return SEK_OK;
    }
    if (!options->ca_pin || strlen(options->ca_pin) != 43)
        return sek_fail(fault, SEK_EINVAL,
                        "the CA must be given as a PEM file or as a 43-character fingerprint");
    if (pin_index < 0)
        pin_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_pin);
    char *pin = strdup(options->ca_pin);
    if (!pin || !SSL_CTX_set_ex_data(ctx, pin_index, pin)) {
        free(pin);
        return sek_fail(fault, SEK_ENOMEM, "TLS: out of memory");
    }
    SSL_CTX_set_cert_verify_callback(ctx, verify_pinned, pin);
    return SEK_OK;
}

enum sek_error sek_tls_client(const struct sek_tls_options *options, SSL_CTX **out,
                              struct sek_fault *fault)
{
    char detail[160];
    enum sek_error rc;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (!ctx)
        return sek_fail(fault, SEK_ENOMEM, "TLS: %s", sek_tls_error(detail));
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    rc = trust(ctx, options, fault);
    if (!rc && options->certificate &&
        (SSL_CTX_use_certificate_chain_file(ctx, options->certificate) != 1 ||
         SSL_CTX_use_PrivateKey_file(ctx, options->key, SSL_FILETYPE_PEM) != 1))
        rc = sek_fail(fault, SEK_EINVAL, "%s, %s: not a certificate and its key: %s",
                      options->certificate, options->key, sek_tls_error(detail));
    if (rc)
        SSL_CTX_free(ctx);
    else
        *out = ctx;
    return rc;
}

static char *bio_text(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    return len > 0 ? strndup(data, (size_t)len) : NULL;
}

enum sek_error sek_tls_request(char **key, char **request, struct sek_fault *fault)
{
    enum sek_error rc = SEK_OK;
    char detail[160];
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509_REQ *req = X509_REQ_new();
    BIO *key_bio = BIO_new(BIO_s_mem()), *req_bio = BIO_new(BIO_s_mem());
    *key = *request = NULL;
    if (pkey && req && key_bio && req_bio && X509_REQ_set_pubkey(req, pkey) &&
        X509_REQ_sign(req, pkey, EVP_sha256()) &&
        PEM_write_bio_PrivateKey(key_bio, pkey, NULL, NULL, 0, NULL, NULL) &&
        PEM_write_bio_X509_REQ(req_bio, req)) {
        *key = bio_text(key_bio);
        *request = bio_text(req_bio);
    }
    if (!*key || !*request) {
        free(*key);
        free(*request);
        *key = *request = NULL;
        rc = sek_fail(fault, SEK_EIO, "cannot make a device key: %s", sek_tls_error(detail));
    }
    BIO_free(key_bio);
    BIO_free(req_bio);
    X509_REQ_free(req);
    EVP_PKEY_free(pkey);
    return rc;
}
