/* SCTP chunks (RFC 9260 section 3.2): type, flags, length, value, padding to four bytes. */
#include "lib/packet/packet.h"

#include <netinet/in.h>

bool sek_sctp_chunk(const struct sek_packet *p, uint32_t index, uint8_t *type,
                    struct sek_bytes *value)
{
    struct sek_reader r = sek_reader_make(p->payload, p->payload_len);
    if (p->proto != IPPROTO_SCTP || !p->l4)
        return false;
    for (;; index--) {
        uint8_t t = sek_reader_u8(&r);
        sek_reader_skip(&r, 1);
        uint16_t len = sek_reader_u16(&r);
        if (r.failed || len < 4 || len - 4u > sek_reader_left(&r))
            return false;
        struct sek_bytes v = sek_reader_bytes(&r, len - 4u);
        if (!index) {
            if (type)
                *type = t;
            if (value)
                *value = v;
            return true;
        }
        if (len % 4)
            sek_reader_skip(&r, 4u - len % 4);
    }
}
