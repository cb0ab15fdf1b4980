/* The Certificate message: DER kept as it is, and the leaf's names, serial, dates and SHA-1 fingerprint as
 * text (RFC 5280 section 4.1). Read here and not by OpenSSL, which prepares every certificate's key for
 * use: that cost a fifth of all time on real traffic, and memory for each object. */
#include "lib/app/tls.h"

#include "lib/app/ber.h"
#include "lib/base/digest.h"

#include <stdio.h>

#define CERTS_LIMIT 65536u

enum { TAG_UTC_TIME = 0x17, TAG_GENERAL_TIME = 0x18, TAG_SET = 0x31, TAG_ALT_NAME_DNS = 0x82 };

/* Text that is being made; longer ones are cut. */
struct line {
    char text[2048];
    uint32_t len;
};

static void put(struct line *l, const void *data, size_t len)
{
    size_t room = sizeof l->text - l->len;
    if (len > room)
        len = room;
    memcpy(l->text + l->len, data, len);
    l->len += (uint32_t)len;
}

static void put_text(struct line *l, const char *text)
{
    put(l, text, strlen(text));
}

/* Names of attributes as RFC 4514 and OpenSSL write them. */
static const char *attribute_name(struct sek_bytes oid)
{
    static const char *const x520[] = {
        [3] = "CN", [4] = "SN", [5] = "serialNumber", [6] = "C", [7] = "L", [8] = "ST", [9] = "street",
        [10] = "O", [11] = "OU", [12] = "title", [13] = "description", [15] = "businessCategory",
        [17] = "postalCode", [41] = "name", [42] = "GN", [43] = "initials", [46] = "dnQualifier",
        [97] = "organizationIdentifier"};
    static const struct {
        const char *oid;
        uint32_t len;
        const char *name;
    } others[] = {{"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9, "emailAddress"},
                  {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", 9, "unstructuredName"},
                  {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC"},
                  {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10, "UID"},
                  {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, "jurisdictionL"},
                  {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, "jurisdictionST"},
                  {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, "jurisdictionC"}};
    if (oid.len == 3 && oid.data[0] == 0x55 && oid.data[1] == 4 &&
        oid.data[2] < sizeof x520 / sizeof *x520)
        return x520[oid.data[2]];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (others[i].len == oid.len && !memcmp(others[i].oid, oid.data, oid.len))
            return others[i].name;
    return NULL;
}

/* "1.2.840.1" */
static void put_oid(struct line *l, struct sek_bytes oid)
{
    char number[16];
    uint32_t v = 0;
    bool first = true;
    for (uint32_t i = 0; i < oid.len; i++) {
        v = v << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] & 0x80)
            continue;
        if (first) {
            uint32_t top = v < 40 ? 0 : v < 80 ? 1 : 2;
            snprintf(number, sizeof number, "%u.%u", top, v - top * 40);
        } else {
            snprintf(number, sizeof number, ".%u", v);
        }
        put_text(l, number);
        first = false;
        v = 0;
    }
}

static struct tls_slice keep_name(struct tls_state *s, struct sek_reader names)
{
    struct line l = {.len = 0};
    struct sek_reader set, pair, oid;
    struct sek_ber value;
    while (sek_reader_left(&names) && sek_ber_open(&names, TAG_SET, &set)) {
        while (sek_reader_left(&set) && sek_ber_open(&set, SEK_BER_SEQUENCE, &pair)) {
            if (!sek_ber_open(&pair, SEK_BER_OID, &oid) || !sek_ber_next(&pair, &value))
                break;
            const char *known = attribute_name(sek_ber_bytes(&oid));
            if (l.len)
                put_text(&l, ", ");
            if (known)
                put_text(&l, known);
            else
                put_oid(&l, sek_ber_bytes(&oid));
            put_text(&l, "=");
            put(&l, value.body.data, value.body.len);
        }
    }
    return tls_keep(s, l.text, l.len);
}

/* Bytes as pairs of digits with colons between. */
static struct tls_slice keep_hex(struct tls_state *s, const uint8_t *p, size_t len, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    struct line l = {.len = 0};
    for (size_t i = 0; i < len; i++) {
        if (i)
            put(&l, ":", 1);
        put(&l, &digits[p[i] >> 4], 1);
        put(&l, &digits[p[i] & 15], 1);
    }
    return tls_keep(s, l.text, l.len);
}

/* UTCTime YYMMDDHHMMSSZ (of 1950 to 2049) or GeneralizedTime YYYYMMDDHHMMSSZ, as ISO 8601. */
static struct tls_slice keep_time(struct tls_state *s, const struct sek_ber *time)
{
    const uint8_t *p = time->body.data;
    bool utc = time->tag == TAG_UTC_TIME;
    char text[24];
    if ((!utc && time->tag != TAG_GENERAL_TIME) || time->body.len < (utc ? 12u : 14u))
        return (struct tls_slice){0};
    for (unsigned i = 0; i < (utc ? 12u : 14u); i++)
        if (p[i] < '0' || p[i] > '9')
            return (struct tls_slice){0};
    const char *century = !utc ? "" : p[0] < '5' ? "20" : "19";
    int n = snprintf(text, sizeof text, "%s%.*s-%.2s-%.2sT%.2s:%.2s:%.2s", century, utc ? 2 : 4,
                     (const char *)p, (const char *)p + (utc ? 2 : 4), (const char *)p + (utc ? 4 : 6),
                     (const char *)p + (utc ? 6 : 8), (const char *)p + (utc ? 8 : 10),
                     (const char *)p + (utc ? 10 : 12));
    return tls_keep(s, text, (uint32_t)n);
}

/* The DNS names of subjectAltName among the EXTENSIONS. */
static void keep_alt_names(struct tls_state *s, struct tls_chain *chain, struct sek_reader extensions)
{
    struct sek_reader list, one, oid, value, names;
    struct sek_ber e;
    if (!sek_ber_open(&extensions, SEK_BER_SEQUENCE, &list))
        return;
    while (sek_reader_left(&list) && sek_ber_open(&list, SEK_BER_SEQUENCE, &one)) {
        if (!sek_ber_open(&one, SEK_BER_OID, &oid) || oid.len != 3 || memcmp(oid.data, "\x55\x1d\x11", 3))
            continue;
        bool found = sek_ber_next(&one, &e);
        if (found && e.tag == 1) /* BOOLEAN: critical */
            found = sek_ber_next(&one, &e);
        value = e.body;
        if (!found || e.tag != SEK_BER_OCTETS || !sek_ber_open(&value, SEK_BER_SEQUENCE, &names))
            return;
        while (sek_reader_left(&names) && sek_ber_next(&names, &e)) {
            if (e.tag != TAG_ALT_NAME_DNS)
                continue;
            sek_buffer_add(s->base.pool, &chain->alt_names, e.body.data, e.body.len, CERTS_LIMIT);
            sek_buffer_add(s->base.pool, &chain->alt_names, "", 1, CERTS_LIMIT);
        }
        return;
    }
}

/* TBSCertificate: version, serial, algorithm, issuer, validity, subject, key, extensions. */
static bool read_fields(struct tls_state *s, struct tls_chain *chain, struct sek_reader r)
{
    struct sek_reader cert, tbs, serial, algorithm, issuer, validity, subject, key;
    struct sek_ber e, from, to;
    if (!sek_ber_open(&r, SEK_BER_SEQUENCE, &cert) || !sek_ber_open(&cert, SEK_BER_SEQUENCE, &tbs))
        return false;
    struct sek_reader after = tbs;
    if (sek_ber_next(&after, &e) && e.tag == SEK_BER_CONTEXT(0))
        tbs = after; /* version */
    if (!sek_ber_open(&tbs, SEK_BER_INTEGER, &serial) ||
        !sek_ber_open(&tbs, SEK_BER_SEQUENCE, &algorithm) ||
        !sek_ber_open(&tbs, SEK_BER_SEQUENCE, &issuer) ||
        !sek_ber_open(&tbs, SEK_BER_SEQUENCE, &validity) || !sek_ber_next(&validity, &from) ||
        !sek_ber_next(&validity, &to) || !sek_ber_open(&tbs, SEK_BER_SEQUENCE, &subject) ||
        !sek_ber_open(&tbs, SEK_BER_SEQUENCE, &key))
        return false;
    uint32_t zero = serial.len > 1 && !serial.data[0]; /* sign octet */
    chain->serial = keep_hex(s, serial.data + zero, serial.len - zero, true);
    chain->issuer = keep_name(s, issuer);
    chain->subject = keep_name(s, subject);
    chain->not_before = keep_time(s, &from);
    chain->not_after = keep_time(s, &to);
    while (sek_reader_left(&tbs) && sek_ber_next(&tbs, &e))
        if (e.tag == SEK_BER_CONTEXT(3))
            keep_alt_names(s, chain, e.body);
    return true;
}

static void leaf(struct tls_state *s, enum sek_dir dir, struct sek_bytes der)
{
    uint8_t digest[SEK_DIGEST_MAX];
    struct tls_chain *chain = &s->tx->chain[dir];
    if (sek_digest(SEK_SHA1, der.data, der.len, digest))
        chain->fingerprint = keep_hex(s, digest, 20, false);
    if (read_fields(s, chain, sek_reader_make(der.data, der.len)))
        return;
    /* Nothing but lengths that do not fit breaks the walk before the fields are told apart. */
    sek_tx_event(&s->tx->base, dir, TLS_EVENT_CERTIFICATE_LENGTH);
    sek_tx_event(&s->tx->base, dir, TLS_EVENT_CERTIFICATE_DER);
    sek_tx_event(&s->tx->base, dir, TLS_EVENT_CERTIFICATE);
}

void tls_certificates(struct tls_state *s, enum sek_dir dir, struct sek_reader r)
{
    struct tls_tx *tx = s->tx;
    struct tls_chain *chain = &tx->chain[dir];
    if (chain->count)
        return;
    if (tx->version == 0x0304)
        sek_reader_skip(&r, sek_reader_u8(&r)); /* request context */
    struct sek_reader list = sek_reader_sub(&r, sek_reader_u24(&r));
    if (list.failed)
        sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE_LENGTH);
    while (!list.failed && sek_reader_left(&list) >= 3 && chain->count < TLS_CERTS_MAX) {
        struct sek_bytes der = sek_reader_bytes(&list, sek_reader_u24(&list));
        if (list.failed || !der.len) {
            sek_tx_event(&tx->base, dir, TLS_EVENT_CERTIFICATE_LENGTH);
            return;
        }
        if (tx->version == 0x0304)
            sek_reader_skip(&list, sek_reader_u16(&list));
        sek_buffer_add(s->base.pool, &chain->certs, der.data, der.len, CERTS_LIMIT);
        if (chain->certs.cut)
            return;
        chain->end[chain->count++] = chain->certs.len;
        if (chain->count == 1)
            leaf(s, dir, der);
    }
}
