/* TPKT (RFC 1006) and the connection-oriented transport above it (X.224), under RDP and S7comm. */
#ifndef SEK_APP_TPKT_H
#define SEK_APP_TPKT_H

#include "lib/base/reader.h"

#define SEK_TPKT_HEADER 4u
#define SEK_COTP_CR     0xe0 /* connection request */
#define SEK_COTP_CC     0xd0 /* connection confirm */
#define SEK_COTP_DT     0xf0 /* data */

/* Length of the packet at DATA, header and all: 0 when more is needed, UINT32_MAX when it is none. */
static inline uint32_t sek_tpkt_size(const uint8_t *data, uint32_t len)
{
    if (data[0] != 3 || (len > 1 && data[1]))
        return UINT32_MAX;
    if (len < SEK_TPKT_HEADER)
        return 0;
    uint32_t size = (uint32_t)(data[2] << 8 | data[3]);
    return size < SEK_TPKT_HEADER + 3 ? UINT32_MAX : size;
}

/* The transport header: its code in *CODE, what CR and CC have behind their fixed part in *VARIABLE,
 * the data behind it in R, which begins behind the TPKT header. */
static inline bool sek_cotp_read(struct sek_reader *r, uint8_t *code, struct sek_reader *variable)
{
    uint8_t length = sek_reader_u8(r);
    struct sek_reader header = sek_reader_sub(r, length);
    *code = sek_reader_u8(&header) & 0xf0;
    if (*code == SEK_COTP_CR || *code == SEK_COTP_CC)
        sek_reader_skip(&header, 5); /* references, class */
    *variable = sek_reader_sub(&header, sek_reader_left(&header));
    return !r->failed && !header.failed;
}

#endif
