/* What the client tells of itself in the MCS Connect Initial: GCC user data in blocks. */
#include "lib/app/rdp.h"

#include <string.h>

enum { BLOCK_CORE = 0xc001, BLOCK_NETWORK = 0xc003 };

/* UTF-16 up to a zero, as UTF-8 for the plane that names use. */
static struct sek_slice wide(struct sek_pool *pool, struct rdp_tx *tx, struct sek_bytes b)
{
    uint8_t out[3 * 64];
    uint32_t n = 0;
    for (uint32_t i = 0; i + 2 <= b.len && n + 3 <= sizeof out; i += 2) {
        unsigned c = (unsigned)(b.data[i] | b.data[i + 1] << 8);
        if (!c)
            break;
        if (c < 0x80) {
            out[n++] = (uint8_t)c;
        } else if (c < 0x800) {
            out[n++] = (uint8_t)(0xc0 | c >> 6);
            out[n++] = (uint8_t)(0x80 | (c & 0x3f));
        } else {
            out[n++] = (uint8_t)(0xe0 | c >> 12);
            out[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
            out[n++] = (uint8_t)(0x80 | (c & 0x3f));
        }
    }
    return n ? sek_slice_keep(pool, &tx->text, (struct sek_bytes){out, n}) : (struct sek_slice){0};
}

/* Fields at the end may be left out, in order. */
static void core_tail(struct sek_pool *pool, struct rdp_tx *tx, struct sek_reader *r)
{
    uint16_t depth = sek_reader_u16le(r); /* beta 2 */
    tx->product = sek_reader_u16le(r);
    tx->has_product = !r->failed;
    tx->serial = sek_reader_u32le(r);
    tx->has_serial = !r->failed && tx->serial;
    uint16_t high = sek_reader_u16le(r);
    if (high)
        depth = high;
    tx->depth = depth >= 0xca00 ? (uint16_t)(depth == 0xca00   ? 4
                                             : depth == 0xca01 ? 8
                                             : depth == 0xca02 ? 15
                                             : depth == 0xca03 ? 16
                                                               : 24)
                                : depth;
    tx->has_depth = tx->depth;
    sek_reader_skip(r, 2); /* supported depths */
    tx->capabilities = sek_reader_u16le(r);
    tx->has_capabilities = !r->failed;
    struct sek_bytes id = sek_reader_bytes(r, 64);
    if (!r->failed)
        tx->product_id = wide(pool, tx, id);
    tx->connection_type = sek_reader_u8(r);
    tx->has_connection = !r->failed && tx->capabilities & 0x20;
}

static void core(struct sek_pool *pool, struct rdp_tx *tx, struct sek_reader r)
{
    tx->version = sek_reader_u32le(&r);
    tx->width = sek_reader_u16le(&r);
    tx->height = sek_reader_u16le(&r);
    sek_reader_skip(&r, 4); /* an old depth, SAS sequence */
    tx->keyboard_layout = sek_reader_u32le(&r);
    tx->build = sek_reader_u32le(&r);
    struct sek_bytes name = sek_reader_bytes(&r, 32);
    tx->keyboard_type = sek_reader_u32le(&r);
    tx->keyboard_subtype = sek_reader_u32le(&r);
    tx->function_keys = sek_reader_u32le(&r);
    struct sek_bytes ime = sek_reader_bytes(&r, 64);
    if (r.failed)
        return;
    tx->has_core = true;
    tx->client_name = wide(pool, tx, name);
    tx->ime = wide(pool, tx, ime);
    core_tail(pool, tx, &r);
}

static void network(struct sek_pool *pool, struct rdp_tx *tx, struct sek_reader r)
{
    uint32_t count = sek_reader_u32le(&r);
    for (uint32_t i = 0; i < count && tx->channel_count < RDP_CHANNELS_MAX; i++) {
        struct sek_bytes name = sek_reader_bytes(&r, 8);
        sek_reader_skip(&r, 4); /* options */
        if (r.failed)
            return;
        name.len = (uint32_t)strnlen((const char *)name.data, 8);
        tx->channels[tx->channel_count++] = sek_slice_keep(pool, &tx->text, name);
    }
}

void rdp_connect_read(struct sek_pool *pool, struct rdp_tx *tx, struct sek_reader r)
{
    /* The conference request is packed by PER; its user data stand behind Microsoft's key. */
    const uint8_t *key = memmem(r.data + r.pos, sek_reader_left(&r), "Duca", 4);
    if (!key)
        return;
    sek_reader_skip(&r, (uint32_t)(key - (r.data + r.pos)) + 4);
    if (sek_reader_u8(&r) & 0x80)
        sek_reader_skip(&r, 1); /* the length has two bytes */
    while (sek_reader_left(&r) >= 4) {
        uint16_t type = sek_reader_u16le(&r), size = sek_reader_u16le(&r);
        struct sek_reader body = sek_reader_sub(&r, size >= 4 ? size - 4u : UINT32_MAX);
        if (r.failed)
            return;
        if (type == BLOCK_CORE)
            core(pool, tx, body);
        else if (type == BLOCK_NETWORK)
            network(pool, tx, body);
    }
}
