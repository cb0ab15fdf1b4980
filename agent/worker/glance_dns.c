/* DNS messages: the first question, and the addresses and aliases of an answer. */
#include "agent/worker/glance.h"
#include "agent/event.h"

#include <string.h>

#define TYPE_A     1
#define TYPE_CNAME 5
#define TYPE_AAAA  28
#define POINTERS   32 /* compression pointers that one name may follow */

/* A name at *R, through compression pointers; "" for the root. */
static bool read_name(struct sek_reader *r, char out[SEK_NAME_SIZE])
{
    struct sek_reader at = *r;
    uint32_t used = 0;
    bool jumped = false;
    for (int pointers = 0; pointers <= POINTERS;) {
        uint8_t n = sek_reader_u8(&at);
        if (at.failed)
            return false;
        if (n >= 0xc0) {
            uint32_t to = (uint32_t)(n & 0x3f) << 8 | sek_reader_u8(&at);
            if (!jumped)
                r->pos = at.pos;
            jumped = true;
            pointers++;
            if (at.failed || to >= at.len)
                return false;
            at.pos = to;
            continue;
        }
        if (n > 63)
            return false;
        if (n == 0) {
            if (!jumped)
                r->pos = at.pos;
            out[used ? used - 1 : 0] = '\0';
            return true;
        }
        struct sek_bytes label = sek_reader_bytes(&at, n);
        if (at.failed || used + n + 1 >= SEK_NAME_SIZE)
            return false;
        for (uint32_t i = 0; i < n; i++) {
            uint8_t c = label.data[i];
            out[used++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c == '\0' ? '?' : c);
        }
        out[used++] = '.';
    }
    return false;
}

static bool read_answer(struct sek_reader *r, struct sek_glance_dns *out)
{
    char name[SEK_NAME_SIZE];
    if (!read_name(r, name))
        return false;
    uint16_t type = sek_reader_u16(r);
    sek_reader_skip(r, 2);
    uint32_t ttl = sek_reader_u32(r);
    uint16_t size = sek_reader_u16(r);
    uint32_t end = r->pos + size;
    if (!sek_reader_need(r, size))
        return false;
    bool v4 = type == TYPE_A && size == 4;
    if ((v4 || (type == TYPE_AAAA && size == 16)) && out->address_count < SEK_GLANCE_ADDRESSES) {
        struct sek_glance_address *a = &out->addresses[out->address_count++];
        sek_address_map(r->data + r->pos, v4, a->address);
        a->ttl_s = ttl;
    } else if (type == TYPE_CNAME && out->alias_count < SEK_GLANCE_ALIASES) {
        if (read_name(r, out->aliases[out->alias_count]))
            out->alias_count++;
    }
    r->pos = end;
    return true;
}

enum sek_glance sek_glance_dns(const uint8_t *data, uint32_t len, struct sek_glance_dns *out)
{
    struct sek_reader r = sek_reader_make(data, len);
    out->alias_count = out->address_count = 0;
    out->id = sek_reader_u16(&r);
    uint16_t flags = sek_reader_u16(&r);
    uint16_t questions = sek_reader_u16(&r), answers = sek_reader_u16(&r);
    sek_reader_skip(&r, 4);
    out->response = flags >> 15;
    if (r.failed || !questions || (flags >> 11 & 15) || !read_name(&r, out->name))
        return SEK_GLANCE_NONE;
    out->type = sek_reader_u16(&r);
    sek_reader_skip(&r, 2);
    if (r.failed)
        return SEK_GLANCE_NONE;
    out->question_end = r.pos;
    for (unsigned i = 0; out->response && questions == 1 && i < answers && i < 64; i++) {
        if (!read_answer(&r, out))
            break;
    }
    return SEK_GLANCE_FOUND;
}

uint32_t sek_glance_refuse(const uint8_t *data, const struct sek_glance_dns *query, uint8_t *out,
                           uint32_t size)
{
    uint32_t len = query->question_end;
    if (len < 12 || len > size)
        return 0;
    memcpy(out, data, len);
    out[2] = (uint8_t)(0x80 | (data[2] & 0x01)); /* response; recursion desired as asked */
    out[3] = 0x80 | 3;                           /* recursion available; no such name */
    out[4] = 0;
    out[5] = 1;
    memset(out + 6, 0, 6);
    return len;
}
