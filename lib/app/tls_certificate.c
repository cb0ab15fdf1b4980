/* The Certificate message: DER kept as it is, and the leaf's names, serial, dates and SHA-1
 * fingerprint as text. OpenSSL reads the DER. */
#include "lib/app/tls.h"

#include "lib/base/digest.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CERTS_LIMIT 65536u

static struct tls_slice keep_name(struct tls_state *s, const X509_NAME *name)
{
    struct sek_text t = {0};
    for (int i = 0; name && i < X509_NAME_entry_count(name); i++) {
        const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
        const ASN1_STRING *v = X509_NAME_ENTRY_get_data(e);
        char key[40];
        int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
        if (nid == NID_undef)
            OBJ_obj2txt(key, sizeof key, X509_NAME_ENTRY_get_object(e), 1);
        else
            snprintf(key, sizeof key, "%s", OBJ_nid2sn(nid));
        sek_text_printf(&t, "%s%s=", i ? ", " : "", key);
        sek_text_add(&t, ASN1_STRING_get0_data(v), (size_t)ASN1_STRING_length(v));
    }
    struct tls_slice slice = tls_keep(s, t.data, (uint32_t)t.len);
    sek_text_free(&t);
    return slice;
}

/* Bytes as pairs of digits with colons between. */
static struct tls_slice keep_hex(struct tls_state *s, const uint8_t *p, size_t len, bool upper)
{
    struct sek_text t = {0};
    for (size_t i = 0; i < len; i++)
        sek_text_printf(&t, upper ? "%s%02X" : "%s%02x", i ? ":" : "", p[i]);
    struct tls_slice slice = tls_keep(s, t.data, (uint32_t)t.len);
    sek_text_free(&t);
    return slice;
}

static struct tls_slice keep_time(struct tls_state *s, const ASN1_TIME *time)
{
    struct tm tm;
    char text[32];
    if (!ASN1_TIME_to_tm(time, &tm))
        return (struct tls_slice){0};
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    return tls_keep(s, text, (uint32_t)n);
}

static void keep_alt_names(struct tls_state *s, X509 *cert)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        if (g->type != GEN_DNS)
            continue;
        sek_buffer_add(s->base.pool, &s->tx->alt_names, ASN1_STRING_get0_data(g->d.dNSName),
                       (uint32_t)ASN1_STRING_length(g->d.dNSName), CERTS_LIMIT);
        sek_buffer_add(s->base.pool, &s->tx->alt_names, "", 1, CERTS_LIMIT);
    }
    GENERAL_NAMES_free(names);
}

static void leaf(struct tls_state *s, enum sek_dir dir, struct sek_bytes der)
{
    const unsigned char *p = der.data;
    uint8_t digest[SEK_DIGEST_MAX];
    struct tls_tx *tx = s->tx;
    if (sek_digest(SEK_SHA1, der.data, der.len, digest))
        tx->fingerprint = keep_hex(s, digest, 20, false);
    X509 *cert = d2i_X509(NULL, &p, der.len);
    if (!cert) {
        sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE_DER);
        sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE);
        return;
    }
    tx->subject = keep_name(s, X509_get_subject_name(cert));
    tx->issuer = keep_name(s, X509_get_issuer_name(cert));
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    tx->serial = keep_hex(s, ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), true);
    tx->not_before = keep_time(s, X509_get0_notBefore(cert));
    tx->not_after = keep_time(s, X509_get0_notAfter(cert));
    keep_alt_names(s, cert);
    X509_free(cert);
}

void tls_certificates(struct tls_state *s, enum sek_dir dir, struct sek_reader r)
{
    struct tls_tx *tx = s->tx;
    if (tx->cert_count)
        return;
    tx->cert_dir = (uint8_t)dir;
    if (tx->version == 0x0304)
        sek_reader_skip(&r, sek_reader_u8(&r)); /* request context */
    struct sek_reader list = sek_reader_sub(&r, sek_reader_u24(&r));
    if (list.failed)
        sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE_LENGTH);
    while (!list.failed && sek_reader_left(&list) >= 3 && tx->cert_count < TLS_CERTS_MAX) {
        struct sek_bytes der = sek_reader_bytes(&list, sek_reader_u24(&list));
        if (list.failed || !der.len) {
            sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE_LENGTH);
            return;
        }
        if (tx->version == 0x0304)
            sek_reader_skip(&list, sek_reader_u16(&list));
        sek_buffer_add(s->base.pool, &tx->certs, der.data, der.len, CERTS_LIMIT);
        if (tx->certs.cut)
            return;
        tx->cert_end[tx->cert_count++] = tx->certs.len;
        if (tx->cert_count == 1)
            leaf(s, dir, der);
    }
}
