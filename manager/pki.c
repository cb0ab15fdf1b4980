/* X.509 by OpenSSL. All keys are P-256: every TLS stack of a device knows it. */
#include "manager/pki.h"

#include "lib/base/encode.h"
#include "lib/base/file.h"
#include "lib/wire/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY         86400L
#define CA_LIFE     (3650 * DAY)
#define SERVER_LIFE (397 * DAY)
#define DEVICE_LIFE (1825 * DAY)

struct sek_pki {
    X509 *ca;
    EVP_PKEY *ca_key;
    X509 *server;
    EVP_PKEY *server_key;
    char *ca_pem;
    char pin[64];
};

static enum sek_error crypto_fault(const char *what, struct sek_fault *fault)
{
    char detail[160];
    return sek_fail(fault, SEK_EIO, "%s: %s", what, sek_tls_error(detail));
}

static char *bio_take(BIO *bio)
{
    char *data = NULL;
    long len = bio ? BIO_get_mem_data(bio, &data) : 0;
    char *copy = len > 0 ? strndup(data, (size_t)len) : NULL;
    BIO_free(bio);
    return copy;
}

static char *certificate_pem(X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio && cert)
        PEM_write_bio_X509(bio, cert);
    return bio_take(bio);
}

static char *key_pem(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio)
        PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
    return bio_take(bio);
}

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = ext && X509_add_ext(cert, ext, -1);
    X509_EXTENSION_free(ext);
    return ok;
}

struct subject {
    const char *name, *organisation;
    long life;
    const char *usage, *extended, *alternative;
};

/* An unsigned v3 certificate; ISSUER NULL: self-signed. */
static X509 *make_certificate(EVP_PKEY *key, X509 *issuer, const struct subject *subject)
{
    uint8_t serial[16];
    X509 *cert = X509_new();
    BIGNUM *number = NULL;
    if (!cert || RAND_bytes(serial, sizeof serial) != 1)
        goto bad;
    serial[0] = (uint8_t)((serial[0] & 0x7f) | 0x40);
    number = BN_bin2bn(serial, sizeof serial, NULL);
    X509_NAME *name = X509_get_subject_name(cert);
    X509 *by = issuer ? issuer : cert;
    if (!number || !BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) ||
        !X509_set_version(cert, X509_VERSION_3) ||
        !X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                                    (const unsigned char *)subject->organisation, -1, -1, 0) ||
        !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    (const unsigned char *)subject->name, -1, -1, 0) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(by)) ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), -DAY) || /* devices without a true clock */
        !X509_gmtime_adj(X509_getm_notAfter(cert), subject->life) || !X509_set_pubkey(cert, key))
        goto bad;
    if (!extend(cert, by, NID_basic_constraints,
                issuer ? "critical,CA:FALSE" : "critical,CA:TRUE,pathlen:0") ||
        !extend(cert, by, NID_key_usage, subject->usage) ||
        !extend(cert, by, NID_subject_key_identifier, "hash") ||
        (subject->extended && !extend(cert, by, NID_ext_key_usage, subject->extended)) ||
        (subject->alternative && !extend(cert, by, NID_subject_alt_name, subject->alternative)))
        goto bad;
    BN_free(number);
    return cert;
bad:
    BN_free(number);
    X509_free(cert);
    return NULL;
}

static enum sek_error make_ca(struct sek_pki *pki, const char *cert_path, const char *key_path,
                              struct sek_fault *fault)
{
    struct subject subject = {.name = "Sekisho manager CA",
                              .organisation = "Sekisho",
                              .life = CA_LIFE,
                              .usage = "critical,keyCertSign,cRLSign"};
    char *pem = NULL;
    enum sek_error rc;
    pki->ca_key = EVP_EC_gen("P-256");
    pki->ca = pki->ca_key ? make_certificate(pki->ca_key, NULL, &subject) : NULL;
    if (!pki->ca || !X509_sign(pki->ca, pki->ca_key, EVP_sha256()) || !(pem = key_pem(pki->ca_key)))
        return crypto_fault("cannot make the CA", fault);
    rc = sek_file_replace(key_path, pem, strlen(pem), 0600, fault);
    OPENSSL_cleanse(pem, strlen(pem));
    free(pem);
    if (rc)
        return rc;
    pem = certificate_pem(pki->ca);
    rc = pem ? sek_file_replace(cert_path, pem, strlen(pem), 0644, fault) : SEK_ENOMEM;
    free(pem);
    return rc;
}

static enum sek_error load_ca(struct sek_pki *pki, const char *folder, struct sek_fault *fault)
{
    char cert_path[PATH_MAX], key_path[PATH_MAX];
    char *cert = NULL, *key = NULL;
    size_t cert_len = 0, key_len = 0;
    snprintf(cert_path, sizeof cert_path, "%s/ca.pem", folder);
    snprintf(key_path, sizeof key_path, "%s/ca.key", folder);
    enum sek_error rc = sek_file_read(cert_path, 65536, &cert, &cert_len, fault);
    if (rc == SEK_ENOTFOUND)
        return make_ca(pki, cert_path, key_path, fault);
    if (!rc)
        rc = sek_file_read(key_path, 65536, &key, &key_len, fault);
    if (!rc) {
        BIO *cert_bio = BIO_new_mem_buf(cert, (int)cert_len);
        BIO *key_bio = BIO_new_mem_buf(key, (int)key_len);
        pki->ca = PEM_read_bio_X509(cert_bio, NULL, NULL, NULL);
        pki->ca_key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
        BIO_free(cert_bio);
        BIO_free(key_bio);
        if (!pki->ca || !pki->ca_key || X509_check_private_key(pki->ca, pki->ca_key) != 1)
            rc = crypto_fault("ca.pem and ca.key are not a certificate and its key", fault);
    }
    if (key)
        OPENSSL_cleanse(key, key_len);
    free(key);
    free(cert);
    return rc;
}

static enum sek_error make_server(struct sek_pki *pki, const char *const *names, size_t count,
                                  struct sek_fault *fault)
{
    char list[2048] = "";
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        struct in6_addr any;
        bool address = inet_pton(AF_INET, names[i], &any) == 1 ||
                       inet_pton(AF_INET6, names[i], &any) == 1;
        int n = snprintf(list + used, sizeof list - used, "%s%s:%s", used ? "," : "",
                         address ? "IP" : "DNS", names[i]);
        if (n < 0 || (size_t)n >= sizeof list - used || strpbrk(names[i], ",= \n"))
            return sek_fail(fault, SEK_EINVAL, "--name %s: a host name or address expected",
                            names[i]);
        used += (size_t)n;
    }
    struct subject subject = {.name = "Sekisho manager",
                              .organisation = "Sekisho",
                              .life = SERVER_LIFE,
                              .usage = "critical,digitalSignature",
                              .extended = "serverAuth",
                              .alternative = list};
    pki->server_key = EVP_EC_gen("P-256");
    pki->server = pki->server_key ? make_certificate(pki->server_key, pki->ca, &subject) : NULL;
    if (!pki->server || !X509_sign(pki->server, pki->ca_key, EVP_sha256()))
        return crypto_fault("cannot make the server certificate", fault);
    return SEK_OK;
}

enum sek_error sek_pki_open(const char *folder, const char *const *names, size_t count,
                            struct sek_pki **out, struct sek_fault *fault)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct sek_pki *pki = calloc(1, sizeof *pki);
    if (!pki)
        return sek_fail(fault, SEK_ENOMEM, "PKI: out of memory");
    enum sek_error rc = load_ca(pki, folder, fault);
    if (!rc)
        rc = make_server(pki, names, count, fault);
    if (!rc && !(pki->ca_pem = certificate_pem(pki->ca)))
        rc = sek_fail(fault, SEK_ENOMEM, "PKI: out of memory");
    if (rc) {
        sek_pki_free(pki);
        return rc;
    }
    X509_digest(pki->ca, EVP_sha256(), digest, &len);
    sek_base64url_encode(digest, len, pki->pin);
    *out = pki;
    return SEK_OK;
}

void sek_pki_free(struct sek_pki *pki)
{
    if (!pki)
        return;
    X509_free(pki->ca);
    X509_free(pki->server);
    EVP_PKEY_free(pki->ca_key);
    EVP_PKEY_free(pki->server_key);
    free(pki->ca_pem);
    free(pki);
}

const char *sek_pki_ca_pem(const struct sek_pki *pki)
{
    return pki->ca_pem;
}

const char *sek_pki_ca_pin(const struct sek_pki *pki)
{
    return pki->pin;
}

static void serial_text(const X509 *cert, char serial[48])
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
    char *hex = number ? BN_bn2hex(number) : NULL;
    snprintf(serial, 48, "%s", hex ? hex : "");
    OPENSSL_free(hex);
    BN_free(number);
}

static EVP_PKEY *request_key(const char *pem, struct sek_fault *fault)
{
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509_REQ *req = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = req ? X509_REQ_get_pubkey(req) : NULL;
    char group[32] = "";
    size_t len = 0;
    BIO_free(bio);
    if (!key || X509_REQ_verify(req, key) != 1) {
        sek_fail(fault, SEK_EINVAL, "csr: a certificate request in PEM, signed by its key, expected");
        EVP_PKEY_free(key);
        key = NULL;
    } else if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 &&
               (!EVP_PKEY_get_group_name(key, group, sizeof group, &len) ||
                strcmp(group, "prime256v1"))) {
        sek_fail(fault, SEK_EINVAL, "csr: the key must be P-256 or Ed25519");
        EVP_PKEY_free(key);
        key = NULL;
    }
    X509_REQ_free(req);
    return key;
}

enum sek_error sek_pki_issue(const struct sek_pki *pki, const char *request_pem, const char *device,
                             const char *tenant, char **certificate, char serial[48],
                             struct sek_fault *fault)
{
    struct subject subject = {.name = device,
                              .organisation = tenant,
                              .life = DEVICE_LIFE,
                              .usage = "critical,digitalSignature",
                              .extended = "clientAuth"};
    EVP_PKEY *key = request_key(request_pem, fault);
    if (!key)
        return SEK_EINVAL;
    X509 *cert = make_certificate(key, pki->ca, &subject);
    enum sek_error rc = SEK_OK;
    if (!cert || !X509_sign(cert, pki->ca_key, EVP_sha256()) ||
        !(*certificate = certificate_pem(cert)))
        rc = crypto_fault("cannot issue a device certificate", fault);
    else
        serial_text(cert, serial);
    X509_free(cert);
    EVP_PKEY_free(key);
    return rc;
}

enum sek_error sek_pki_server(const struct sek_pki *pki, bool clients, SSL_CTX **out,
                              struct sek_fault *fault)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return crypto_fault("TLS", fault);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_session_id_context(ctx, (const unsigned char *)(clients ? "device" : "rest"),
                                   clients ? 6 : 4);
    X509_up_ref(pki->ca);
    if (SSL_CTX_use_certificate(ctx, pki->server) != 1 ||
        SSL_CTX_use_PrivateKey(ctx, pki->server_key) != 1 ||
        SSL_CTX_add_extra_chain_cert(ctx, pki->ca) != 1) {
        SSL_CTX_free(ctx);
        return crypto_fault("TLS", fault);
    }
    if (clients) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), pki->ca);
        SSL_CTX_add_client_CA(ctx, pki->ca);
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    *out = ctx;
    return SEK_OK;
}

enum sek_error sek_pki_peer(const SSL *ssl, char device[64], char tenant[64], char serial[48],
                            struct sek_fault *fault)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    if (!cert || SSL_get_verify_result(ssl) != X509_V_OK) {
        X509_free(cert);
        return sek_fail(fault, SEK_EAUTH, "a device certificate is required");
    }
    X509_NAME *name = X509_get_subject_name(cert);
    int a = X509_NAME_get_text_by_NID(name, NID_commonName, device, 64);
    int b = X509_NAME_get_text_by_NID(name, NID_organizationName, tenant, 64);
    serial_text(cert, serial);
    X509_free(cert);
    return a > 0 && b > 0 ? SEK_OK
                          : sek_fail(fault, SEK_EAUTH, "the certificate names no device and tenant");
}
