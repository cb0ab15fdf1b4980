/* What EtherNet/IP commands carry: identities, services, and CIP messages with their paths. */
#include "lib/app/enip.h"

#define MESSAGES_MAX 256u /* kept of one packet */
#define PATHS_MAX    1024u

enum { ITEM_IDENTITY = 0x0c, ITEM_CONNECTED = 0xb1, ITEM_UNCONNECTED = 0xb2,
       ITEM_SERVICES = 0x100 };
enum { SERVICE_GET_LIST = 0x03, SERVICE_MULTIPLE = 0x0a };

static void path_add(struct sek_pool *pool, struct enip_pdu *p, struct cip_message *m,
                     enum cip_part part, uint32_t value)
{
    struct cip_path v = {.part = (uint8_t)part, .value = value};
    if (cip_path_count(p) >= PATHS_MAX)
        return;
    sek_buffer_add(pool, &p->paths, &v, sizeof v, 0);
    m->paths++;
}

/* A padded path: logical segments name class, instance and attribute; others are passed over. */
static void read_path(struct sek_pool *pool, struct enip_pdu *p, struct cip_message *m,
                      struct sek_reader r)
{
    while (sek_reader_left(&r)) {
        uint8_t segment = sek_reader_u8(&r);
        if (segment == 0x91) { /* a symbol: length, name, and a byte to make it even */
            uint8_t n = sek_reader_u8(&r);
            sek_reader_skip(&r, n + (n & 1u));
            continue;
        }
        if (segment == 0x34) { /* electronic key */
            sek_reader_skip(&r, 9);
            continue;
        }
        if (segment >> 5 != 1) {
            sek_reader_skip(&r, 1);
            continue;
        }
        unsigned size = segment & 3;
        if (size)
            sek_reader_skip(&r, 1); /* pad */
        uint32_t value = !size ? sek_reader_u8(&r)
                         : size == 1 ? sek_reader_u16le(&r)
                                     : sek_reader_u32le(&r);
        unsigned what = segment >> 2 & 7;
        if (r.failed)
            return;
        if (what == 0)
            path_add(pool, p, m, CIP_CLASS, value);
        else if (what == 1)
            path_add(pool, p, m, CIP_INSTANCE, value);
        else if (what == 4)
            path_add(pool, p, m, CIP_ATTRIBUTE, value);
    }
}

static bool read_message(struct sek_pool *pool, struct enip_pdu *p, struct sek_reader r,
                         bool inner);

/* Several messages at offsets from the count. */
static bool read_several(struct sek_pool *pool, struct enip_pdu *p, struct sek_reader r)
{
    struct sek_reader all = r;
    all.data += r.pos;
    all.len -= r.pos;
    all.pos = 0;
    uint16_t count = sek_reader_u16le(&r);
    if (count > MESSAGES_MAX)
        return false;
    for (uint16_t i = 0; i < count; i++) {
        struct sek_reader one = all;
        sek_reader_skip(&one, sek_reader_u16le(&r));
        if (r.failed || one.failed || !read_message(pool, p, one, true))
            return false;
    }
    return true;
}

static bool read_response(struct cip_message *m, struct sek_reader *r)
{
    sek_reader_skip(r, 1);
    m->status = sek_reader_u8(r);
    uint8_t words = sek_reader_u8(r);
    for (uint8_t i = 0; i < words; i++) {
        uint16_t v = sek_reader_u16le(r);
        if (!i)
            m->extended = v;
        m->has_extended = true;
    }
    return !r->failed;
}

static bool read_request(struct sek_pool *pool, struct enip_pdu *p, struct cip_message *m,
                         struct sek_reader *r)
{
    uint8_t words = sek_reader_u8(r);
    struct sek_reader path = sek_reader_sub(r, words * 2u);
    if (r->failed)
        return false;
    read_path(pool, p, m, path);
    if (m->service == SERVICE_GET_LIST) {
        uint16_t count = sek_reader_u16le(r);
        for (uint16_t i = 0; i < count && sek_reader_left(r) >= 2; i++)
            path_add(pool, p, m, CIP_ATTRIBUTE, sek_reader_u16le(r));
    }
    return true;
}

static bool read_message(struct sek_pool *pool, struct enip_pdu *p, struct sek_reader r,
                         bool inner)
{
    struct cip_message m = {.first_path = (uint16_t)cip_path_count(p)};
    uint8_t service = sek_reader_u8(&r);
    m.service = service & 0x7f;
    m.response = service & 0x80;
    if (r.failed || !(m.response ? read_response(&m, &r) : read_request(pool, p, &m, &r)))
        return false;
    if (cip_count(p) < MESSAGES_MAX)
        sek_buffer_add(pool, &p->messages, &m, sizeof m, 0);
    if (m.service == SERVICE_MULTIPLE && !inner && sek_reader_left(&r) >= 2)
        return read_several(pool, p, r);
    return true;
}

static bool read_identity(struct sek_pool *pool, struct enip_tx *tx, struct enip_pdu *p,
                          struct sek_reader r)
{
    p->version = sek_reader_u16le(&r);
    sek_reader_skip(&r, 16); /* socket address */
    p->vendor = sek_reader_u16le(&r);
    p->device = sek_reader_u16le(&r);
    p->product = sek_reader_u16le(&r);
    p->revision = sek_reader_u16(&r); /* major, minor */
    p->identity_status = sek_reader_u16le(&r);
    p->serial = sek_reader_u32le(&r);
    struct sek_bytes name = sek_reader_bytes(&r, sek_reader_u8(&r));
    if (r.failed)
        return false;
    p->product_name = sek_slice_keep(pool, &tx->text, name);
    p->state = sek_reader_u8(&r);
    p->has_version = p->has_identity = true;
    return true;
}

static bool read_services(struct sek_pool *pool, struct enip_tx *tx, struct enip_pdu *p,
                          struct sek_reader r)
{
    p->version = sek_reader_u16le(&r);
    p->capabilities = sek_reader_u16le(&r);
    struct sek_bytes name = sek_reader_bytes(&r, sek_reader_left(&r));
    for (uint32_t i = 0; i < name.len; i++)
        if (!name.data[i])
            name.len = i;
    if (r.failed)
        return false;
    p->service_name = sek_slice_keep(pool, &tx->text, name);
    p->has_version = p->has_services = true;
    return true;
}

/* Items of the common packet format: a count, then type, length and data of each. */
static bool read_items(struct sek_pool *pool, struct enip_tx *tx, struct enip_pdu *p,
                       struct sek_reader *r)
{
    uint16_t count = sek_reader_u16le(r);
    bool good = true;
    for (uint16_t i = 0; i < count && good; i++) {
        uint16_t type = sek_reader_u16le(r), size = sek_reader_u16le(r);
        struct sek_reader item = sek_reader_sub(r, size);
        if (r->failed)
            return false;
        if (type == ITEM_CONNECTED) {
            sek_reader_skip(&item, 2); /* sequence */
            item = sek_reader_sub(&item, sek_reader_left(&item));
        }
        if ((type == ITEM_CONNECTED || type == ITEM_UNCONNECTED) && sek_reader_left(&item))
            good = read_message(pool, p, item, false);
        else if (type == ITEM_IDENTITY)
            good = read_identity(pool, tx, p, item);
        else if (type == ITEM_SERVICES)
            good = read_services(pool, tx, p, item);
    }
    return good && !r->failed;
}

bool enip_body(struct sek_pool *pool, struct enip_tx *tx, struct enip_pdu *p, enum sek_dir dir,
               struct sek_bytes body)
{
    struct sek_reader r = sek_reader_make(body.data, body.len);
    if (!body.len)
        return true;
    switch (p->command) {
    case ENIP_REGISTER:
        p->version = sek_reader_u16le(&r);
        sek_reader_skip(&r, 2);
        p->has_version = !r.failed;
        return !r.failed;
    case ENIP_LIST_IDENTITY:
    case ENIP_LIST_SERVICES:
        return dir == SEK_TOSERVER || read_items(pool, tx, p, &r);
    case ENIP_RR_DATA:
    case ENIP_UNIT_DATA:
        sek_reader_skip(&r, 6); /* interface handle, timeout */
        return read_items(pool, tx, p, &r);
    default:
        return true;
    }
}
