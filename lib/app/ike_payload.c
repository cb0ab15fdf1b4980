/* The payloads of IKE messages: proposals and how weak they are, keys, nonces, vendor identifiers. */
#include "lib/app/ike.h"

#define VALUES_MAX  512u
#define VENDORS_MAX 64u

enum { V1_SA = 1, V1_KE = 4, V1_NONCE = 10, V1_NOTIFY = 11, V1_VENDOR = 13 };
enum { V2_SA = 33, V2_KE = 34, V2_NONCE = 40, V2_NOTIFY = 41, V2_VENDOR = 43, V2_SK = 46,
       V2_SKF = 53 };
enum { TRANSFORM_ENC = 1, TRANSFORM_PRF, TRANSFORM_AUTH, TRANSFORM_DH, TRANSFORM_ESN };

struct ike_value ike_value_at(const struct ike_tx *tx, uint32_t i)
{
    struct ike_value v;
    memcpy(&v, tx->values.data + i * sizeof v, sizeof v);
    return v;
}

static void value_add(struct sek_pool *pool, struct ike_tx *tx, uint8_t attribute, uint32_t value)
{
    struct ike_value v = {.transform = (uint8_t)tx->transforms, .attribute = attribute,
                          .value = value};
    if (ike_values(tx) < VALUES_MAX)
        sek_buffer_add(pool, &tx->values, &v, sizeof v, 0);
}

/* A type with its high bit set has a value of two bytes; others a length and as many. */
static bool read_attributes(struct sek_pool *pool, struct ike_tx *tx, struct sek_reader r, bool v2)
{
    while (sek_reader_left(&r) >= 4) {
        uint16_t type = sek_reader_u16(&r), value = sek_reader_u16(&r);
        uint32_t number = value;
        if (!(type & 0x8000)) {
            struct sek_reader body = sek_reader_sub(&r, value);
            number = value == 4 ? sek_reader_u32(&body) : 0;
        }
        type &= 0x7fff;
        if (!r.failed && type < 256 && (!v2 || type == IKE_KEY_LENGTH))
            value_add(pool, tx, (uint8_t)type, number);
    }
    return !r.failed && !sek_reader_left(&r);
}

static bool weak_encryption(uint16_t id)
{
    return (id >= 1 && id <= 9) || id == 11;
}

static bool combined_encryption(uint16_t id) /* encrypts and authenticates */
{
    return (id >= 14 && id <= 20) || (id >= 25 && id <= 28);
}

static bool weak_integrity(uint16_t id)
{
    return (id >= 1 && id <= 4) || id == 6 || id == 7;
}

/* What one proposal of IKEv2 has. */
struct strength {
    bool auth, auth_none, dh, dh_none, combined;
};

static void judge(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir, uint8_t type,
                  uint16_t id, struct strength *has)
{
    struct sek_tx *b = &tx->base;
    switch (type) {
    case TRANSFORM_ENC:
        if (id == 11)
            sek_tx_event(b, dir, IKE_EVENT_NO_ENCRYPTION);
        if (weak_encryption(id))
            sek_tx_event(b, dir, IKE_EVENT_WEAK_ENC);
        has->combined |= combined_encryption(id);
        value_add(pool, tx, IKE_ENC, id);
        break;
    case TRANSFORM_PRF:
        if (!id)
            sek_tx_event(b, dir, IKE_EVENT_INVALID_PROPOSAL);
        if (id == 1 || id == 2)
            sek_tx_event(b, dir, IKE_EVENT_WEAK_PRF);
        value_add(pool, tx, IKE_PRF, id);
        break;
    case TRANSFORM_AUTH:
        has->auth |= id != 0;
        has->auth_none |= id == 0;
        if (weak_integrity(id))
            sek_tx_event(b, dir, IKE_EVENT_WEAK_AUTH);
        value_add(pool, tx, IKE_AUTH, id);
        break;
    case TRANSFORM_DH:
        has->dh |= id != 0;
        has->dh_none |= id == 0;
        if (id == 1 || id == 2 || id == 5 || id == 22)
            sek_tx_event(b, dir, IKE_EVENT_WEAK_DH);
        value_add(pool, tx, IKE_DH, id);
        break;
    case TRANSFORM_ESN:
        break;
    default:
        sek_tx_event(b, dir, IKE_EVENT_UNKNOWN_PROPOSAL);
    }
}

static bool read_proposal2(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir,
                           struct sek_reader r, uint8_t transforms)
{
    struct strength has = {0};
    for (uint8_t i = 0; i < transforms; i++) {
        sek_reader_skip(&r, 2); /* last, reserved */
        uint16_t len = sek_reader_u16(&r);
        struct sek_reader t = sek_reader_sub(&r, len >= 4 ? len - 4u : UINT32_MAX);
        uint8_t type = sek_reader_u8(&t);
        sek_reader_skip(&t, 1);
        uint16_t id = sek_reader_u16(&t);
        if (t.failed)
            return false;
        judge(pool, tx, dir, type, id, &has);
        if (!read_attributes(pool, tx, sek_reader_sub(&t, sek_reader_left(&t)), true))
            return false;
    }
    if (!has.dh && has.dh_none)
        sek_tx_event(&tx->base, dir, IKE_EVENT_NO_DH);
    if (!has.auth && (has.auth_none || !has.combined))
        sek_tx_event(&tx->base, dir, IKE_EVENT_NO_AUTH);
    return true;
}

static bool read_proposal1(struct sek_pool *pool, struct ike_tx *tx, struct sek_reader r,
                           uint8_t transforms)
{
    for (uint8_t i = 0; i < transforms; i++) {
        sek_reader_skip(&r, 2); /* next, reserved */
        uint16_t len = sek_reader_u16(&r);
        struct sek_reader t = sek_reader_sub(&r, len >= 4 ? len - 4u : UINT32_MAX);
        sek_reader_skip(&t, 4); /* number, identifier, reserved */
        if (t.failed ||
            !read_attributes(pool, tx, sek_reader_sub(&t, sek_reader_left(&t)), false))
            return false;
        tx->transforms++;
    }
    return true;
}

/* The proposals of an association: number, protocol, length of SPI, count of transforms. */
static bool read_association(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir,
                             struct sek_reader r)
{
    unsigned proposals = 0;
    if (tx->version == 1) {
        tx->doi = sek_reader_u32(&r);
        sek_reader_skip(&r, 4); /* situation */
    }
    while (sek_reader_left(&r)) {
        sek_reader_skip(&r, 2);
        uint16_t len = sek_reader_u16(&r);
        struct sek_reader p = sek_reader_sub(&r, len >= 4 ? len - 4u : UINT32_MAX);
        sek_reader_skip(&p, 2); /* number, protocol */
        uint8_t spi = sek_reader_u8(&p), transforms = sek_reader_u8(&p);
        sek_reader_skip(&p, spi);
        if (p.failed)
            return false;
        p = sek_reader_sub(&p, sek_reader_left(&p));
        if (!(tx->version == 1 ? read_proposal1(pool, tx, p, transforms)
                               : read_proposal2(pool, tx, dir, p, transforms)))
            return false;
        if (tx->version == 2)
            tx->transforms++;
        proposals++;
    }
    if (tx->chosen && (proposals > 1 || (tx->version == 1 && tx->transforms > 1)))
        sek_tx_event(&tx->base, dir, IKE_EVENT_MULTIPLE_PROPOSAL);
    return !r.failed;
}

static void vendor_add(struct sek_pool *pool, struct ike_tx *tx, struct sek_bytes v)
{
    if (tx->vendors.len / sizeof(struct sek_slice) >= VENDORS_MAX)
        return;
    struct sek_slice s = sek_slice_keep(pool, &tx->text, v);
    sek_buffer_add(pool, &tx->vendors, &s, sizeof s, 0);
}

static void notify_add(struct sek_pool *pool, struct ike_tx *tx, struct sek_reader r)
{
    sek_reader_skip(&r, tx->version == 1 ? 4 + 2 : 2); /* domain; protocol, length of SPI */
    uint16_t type = sek_reader_u16(&r);
    if (!r.failed && tx->notifies.len < 64 * sizeof type)
        sek_buffer_add(pool, &tx->notifies, &type, sizeof type, 0);
}

static bool payload(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir, uint8_t type,
                    struct sek_reader r)
{
    struct sek_bytes whole = {r.data, r.len};
    switch (type) {
    case V1_SA:
    case V2_SA:
        return read_association(pool, tx, dir, r);
    case V2_KE:
        if (whole.len < 4)
            return false;
        whole.data += 4; /* group, reserved */
        whole.len -= 4;
        /* fall through */
    case V1_KE:
        tx->key_exchange = sek_slice_keep(pool, &tx->text, whole);
        return true;
    case V1_NONCE:
    case V2_NONCE:
        tx->nonce = sek_slice_keep(pool, &tx->text, whole);
        return true;
    case V1_VENDOR:
    case V2_VENDOR:
        vendor_add(pool, tx, whole);
        return true;
    case V1_NOTIFY:
    case V2_NOTIFY:
        notify_add(pool, tx, r);
        return true;
    default:
        return true;
    }
}

bool ike_payloads(struct sek_pool *pool, struct ike_tx *tx, enum sek_dir dir, uint8_t type,
                  struct sek_reader r)
{
    while (type && sek_reader_left(&r)) {
        uint8_t next = sek_reader_u8(&r);
        sek_reader_skip(&r, 1);
        uint16_t len = sek_reader_u16(&r);
        struct sek_reader body = sek_reader_sub(&r, len >= 4 ? len - 4u : UINT32_MAX);
        if (r.failed)
            return false;
        if (tx->payload_count < IKE_PAYLOADS_MAX)
            tx->payloads[tx->payload_count++] = type;
        if (tx->version == 2 && (type == V2_SK || type == V2_SKF)) {
            tx->encrypted = true;
            return true;
        }
        if (!payload(pool, tx, dir, type, body))
            return false;
        type = next;
    }
    return !type;
}
