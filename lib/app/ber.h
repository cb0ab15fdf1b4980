/* BER (X.690) as SNMP, Kerberos and LDAP use it: tags of one byte or more, definite lengths. A reader
 * over the content of each element keeps everything inside the element around it. */
#ifndef SEK_APP_BER_H
#define SEK_APP_BER_H

#include "lib/base/reader.h"

#define SEK_BER_INTEGER     0x02
#define SEK_BER_OCTETS      0x04
#define SEK_BER_OID         0x06
#define SEK_BER_SEQUENCE    0x30
#define SEK_BER_APP(n)      (0x60 | (n)) /* constructed, application n */
#define SEK_BER_CONTEXT(n)  (0xa0 | (n)) /* constructed, context n */

struct sek_ber {
    uint8_t tag; /* the identifier byte */
    struct sek_reader body;
};

/* Length of the whole element that begins at R, header and all; 0 when its header is not there yet,
 * UINT32_MAX when it is malformed or its length indefinite. */
static inline uint32_t sek_ber_size(struct sek_reader r)
{
    uint32_t begin = r.pos, length = 0;
    if ((sek_reader_u8(&r) & 0x1f) == 0x1f)
        return UINT32_MAX; /* numbers of several bytes: none of ours has them */
    uint8_t first = sek_reader_u8(&r);
    if (first & 0x80) {
        if (first == 0x80 || (first & 0x7f) > 4)
            return UINT32_MAX;
        for (unsigned i = 0; i < (first & 0x7fu); i++)
            length = length << 8 | sek_reader_u8(&r);
    } else {
        length = first;
    }
    if (r.failed)
        return 0;
    return length > UINT32_MAX / 2 ? UINT32_MAX : r.pos - begin + length;
}

/* The next element of R; false, and R failed, when there is none or it does not fit. */
static inline bool sek_ber_next(struct sek_reader *r, struct sek_ber *out)
{
    uint32_t size = sek_ber_size(*r);
    *out = (struct sek_ber){0};
    if (!size || size == UINT32_MAX) {
        r->failed = true;
        r->pos = r->len;
        return false;
    }
    struct sek_reader whole = sek_reader_sub(r, size);
    if (r->failed)
        return false;
    out->tag = sek_reader_u8(&whole);
    uint8_t first = sek_reader_u8(&whole);
    if (first & 0x80)
        sek_reader_skip(&whole, first & 0x7f);
    out->body = sek_reader_sub(&whole, sek_reader_left(&whole));
    return true;
}

/* The next element's content in BODY, when its tag is TAG. */
static inline bool sek_ber_open(struct sek_reader *r, uint8_t tag, struct sek_reader *body)
{
    struct sek_ber e;
    if (!sek_ber_next(r, &e) || e.tag != tag) {
        r->failed = true;
        return false;
    }
    *body = e.body;
    return true;
}

static inline struct sek_bytes sek_ber_bytes(const struct sek_reader *body)
{
    return (struct sek_bytes){body->data, body->len};
}

/* The content of an INTEGER or ENUMERATED of at most eight bytes. */
static inline bool sek_ber_number(struct sek_reader body, int64_t *out)
{
    if (!body.len || body.len > 9 || (body.len == 9 && body.data[0]))
        return false;
    uint64_t v = body.data[0] & 0x80 ? UINT64_MAX : 0;
    for (uint32_t i = 0; i < body.len; i++)
        v = v << 8 | body.data[i];
    *out = (int64_t)v;
    return true;
}

static inline bool sek_ber_int(struct sek_reader *r, int64_t *out)
{
    struct sek_reader body;
    return sek_ber_open(r, SEK_BER_INTEGER, &body) && sek_ber_number(body, out);
}

#endif
