/* `asn1`: BER (X.690) that overruns decoders which trust its lengths. Elements are walked in order, into
 * constructed ones, to a bounded number. */
#include "lib/detect/internal.h"

#define ELEMENTS_MAX 256

enum { TAG_BIT_STRING = 3, TAG_REAL = 9 };

/* One element's header. False: none is left. */
static bool header(struct sek_reader *r, uint8_t *tag, bool *constructed, uint32_t *len)
{
    uint8_t id = sek_reader_u8(r), first;
    *tag = id & 0x1f;
    *constructed = id & 0x20;
    if (*tag == 0x1f) /* high tag numbers: only skipped */
        while (sek_reader_u8(r) & 0x80 && !r->failed)
            ;
    first = sek_reader_u8(r);
    *len = first;
    if (first & 0x80) {
        *len = 0;
        for (unsigned n = first & 0x7f; n && !r->failed; n--)
            *len = *len << 8 | sek_reader_u8(r);
    }
    return !r->failed;
}

bool asn1_malformed(const uint8_t *data, uint32_t len, const struct sek_asn1 *want)
{
    if (want->offset < 0 || (uint32_t)want->offset >= len)
        return false;
    struct sek_reader r = sek_reader_make(data + want->offset, len - (uint32_t)want->offset);
    uint8_t tag;
    bool constructed;
    uint32_t size;
    for (unsigned i = 0; i < ELEMENTS_MAX && header(&r, &tag, &constructed, &size); i++) {
        const uint8_t *value = r.data + r.pos;
        uint32_t left = sek_reader_left(&r);
        if (want->oversize && size > want->oversize)
            return true;
        /* unused bits of the last octet are at most 7 (X.690 section 8.6.2.2) */
        if (want->bitstring_overflow && tag == TAG_BIT_STRING && !constructed && size && left &&
            (size - 1) * 8ull < value[0])
            return true;
        /* a decimal real longer than a double can print (section 8.5.8) */
        if (want->double_overflow && tag == TAG_REAL && !constructed && left && size > 256 &&
            (value[0] & 0xc0) == 0)
            return true;
        if (!constructed)
            sek_reader_skip(&r, size);
    }
    return false;
}
