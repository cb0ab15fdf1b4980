/* The bodies of Modbus messages: what is accessed, and whether it is what the specification allows. */
#include "lib/app/modbus.h"

static uint8_t category(uint8_t f)
{
    static const uint8_t assigned[] = {1,  2,  3,  4,  5,  6,  7,  8,  11, 12,
                                       15, 16, 17, 20, 21, 22, 23, 24, 43};
    static const uint8_t reserved[] = {9, 10, 13, 14, 41, 42, 90, 91, 125, 126, 127};
    for (size_t i = 0; i < sizeof assigned; i++)
        if (assigned[i] == f)
            return MODBUS_PUBLIC_ASSIGNED;
    for (size_t i = 0; i < sizeof reserved; i++)
        if (reserved[i] == f)
            return MODBUS_RESERVED;
    if ((f >= 65 && f <= 72) || (f >= 100 && f <= 110))
        return MODBUS_USER;
    return MODBUS_PUBLIC_UNASSIGNED;
}

static uint8_t access_of(uint8_t f)
{
    switch (f) {
    case 1:
        return MODBUS_READ | MODBUS_COILS;
    case 2:
        return MODBUS_READ | MODBUS_DISCRETES;
    case 3:
    case 24:
        return MODBUS_READ | MODBUS_HOLDING;
    case 4:
        return MODBUS_READ | MODBUS_INPUT;
    case 5:
        return MODBUS_WRITE | MODBUS_COILS | MODBUS_SINGLE;
    case 6:
        return MODBUS_WRITE | MODBUS_HOLDING | MODBUS_SINGLE;
    case 15:
        return MODBUS_WRITE | MODBUS_COILS | MODBUS_MULTIPLE;
    case 16:
        return MODBUS_WRITE | MODBUS_HOLDING | MODBUS_MULTIPLE;
    case 22:
        return MODBUS_WRITE | MODBUS_HOLDING;
    case 23:
        return MODBUS_READ | MODBUS_WRITE | MODBUS_HOLDING | MODBUS_MULTIPLE;
    default:
        return 0;
    }
}

static void wrong(struct modbus_message *m, enum modbus_error e)
{
    m->errors |= (uint8_t)(1u << e);
}

static void read_range(struct modbus_message *m, struct sek_reader *r, uint16_t most)
{
    m->read_at = sek_reader_u16(r);
    m->read_count = sek_reader_u16(r);
    m->has_read = !r->failed;
    if (!m->read_count || m->read_count > most)
        wrong(m, MODBUS_BAD_VALUE);
}

/* Address, count, bytes of values that must be BITS each. */
static void write_many(struct sek_pool *pool, struct modbus_tx *tx, struct modbus_message *m,
                       struct sek_reader *r, uint16_t most, unsigned bits)
{
    m->write_at = sek_reader_u16(r);
    m->write_count = sek_reader_u16(r);
    uint8_t bytes = sek_reader_u8(r);
    if (!m->write_count || m->write_count > most || bytes != (m->write_count * bits + 7) / 8)
        wrong(m, MODBUS_BAD_VALUE);
    struct sek_bytes b = sek_reader_bytes(r, bytes);
    m->has_write = !r->failed;
    if (m->has_write)
        m->values = sek_slice_keep(pool, &tx->text, b);
}

static void write_one(struct sek_pool *pool, struct modbus_tx *tx, struct modbus_message *m,
                      struct sek_reader *r)
{
    m->write_at = sek_reader_u16(r);
    m->write_count = 1;
    struct sek_bytes b = sek_reader_bytes(r, 2);
    m->has_write = !r->failed;
    if (!m->has_write)
        return;
    m->values = sek_slice_keep(pool, &tx->text, b);
    if (m->function == 5 && (b.data[1] || (b.data[0] && b.data[0] != 0xff)))
        wrong(m, MODBUS_BAD_VALUE);
}

static void diagnostic(struct modbus_message *m, struct sek_reader *r)
{
    m->sub = sek_reader_u16(r);
    m->has_sub = !r->failed;
    if (m->sub == 19 || m->sub > 20)
        m->category = MODBUS_RESERVED;
    uint16_t data = sek_reader_u16(r);
    if (m->sub == 1 ? data && data != 0xff00 : m->sub == 3 ? data & 0xff
                                                           : m->sub == 4 && data)
        wrong(m, MODBUS_BAD_VALUE);
    if (sek_reader_left(r) && m->sub == 0)
        sek_reader_skip(r, sek_reader_left(r)); /* any data is echoed */
}

static void interface(struct modbus_message *m, struct sek_reader *r)
{
    m->sub = sek_reader_u8(r);
    m->has_sub = !r->failed;
    if (m->sub != 13 && m->sub != 14)
        m->category = MODBUS_RESERVED;
    sek_reader_skip(r, sek_reader_left(r));
}

/* One byte of length, then as many. */
static void counted(struct modbus_message *m, struct sek_reader *r)
{
    uint8_t bytes = sek_reader_u8(r);
    if (bytes != sek_reader_left(r))
        wrong(m, MODBUS_BAD_LENGTH);
    sek_reader_skip(r, sek_reader_left(r));
}

static void request(struct sek_pool *pool, struct modbus_tx *tx, struct modbus_message *m,
                    struct sek_reader *r)
{
    switch (m->function) {
    case 1:
    case 2:
        read_range(m, r, 2000);
        break;
    case 3:
    case 4:
        read_range(m, r, 125);
        break;
    case 5:
    case 6:
        write_one(pool, tx, m, r);
        break;
    case 8:
        diagnostic(m, r);
        break;
    case 15:
        write_many(pool, tx, m, r, 1968, 1);
        break;
    case 16:
        write_many(pool, tx, m, r, 123, 16);
        break;
    case 20:
    case 21:
        counted(m, r);
        break;
    case 22:
        m->write_at = sek_reader_u16(r);
        m->write_count = 1;
        sek_reader_skip(r, 4); /* AND mask, OR mask */
        m->has_write = !r->failed;
        break;
    case 23:
        read_range(m, r, 125);
        write_many(pool, tx, m, r, 121, 16);
        break;
    case 24:
        sek_reader_skip(r, 2);
        break;
    case 43:
        interface(m, r);
        break;
    default:
        sek_reader_skip(r, sek_reader_left(r));
    }
}

static void read_values(struct sek_pool *pool, struct modbus_tx *tx, struct modbus_message *m,
                        struct sek_reader *r)
{
    uint8_t bytes = sek_reader_u8(r);
    struct sek_bytes b = sek_reader_bytes(r, bytes);
    if (!r->failed)
        m->values = sek_slice_keep(pool, &tx->text, b);
}

static void response(struct sek_pool *pool, struct modbus_tx *tx, struct modbus_message *m,
                     struct sek_reader *r)
{
    switch (m->function) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 23:
        read_values(pool, tx, m, r);
        break;
    case 15:
    case 16:
        m->write_at = sek_reader_u16(r);
        m->write_count = sek_reader_u16(r);
        m->has_write = !r->failed;
        break;
    case 5:
    case 6:
    case 8:
    case 22:
    case 43:
        request(pool, tx, m, r); /* an echo, or of the same form */
        break;
    default:
        sek_reader_skip(r, sek_reader_left(r));
    }
}

static void exception(struct modbus_message *m, struct sek_reader *r)
{
    m->code = sek_reader_u8(r);
    m->has_code = !r->failed;
    if (!m->code || m->code == 9 || m->code > 11)
        wrong(m, MODBUS_BAD_EXCEPTION);
}

/* The answer is to what was asked. */
static bool answers(const struct modbus_message *q, const struct modbus_message *a)
{
    if (a->exception)
        return a->function == q->function;
    switch (a->function) {
    case 1:
    case 2:
        return a->values.len == (q->read_count + 7u) / 8;
    case 3:
    case 4:
    case 23:
        return a->values.len == q->read_count * 2u;
    case 5:
    case 6:
    case 15:
    case 16:
    case 22:
        return a->write_at == q->write_at && a->write_count == q->write_count;
    case 8:
    case 43:
        return a->sub == q->sub;
    default:
        return true;
    }
}

void modbus_read(struct sek_pool *pool, struct modbus_tx *tx, enum sek_dir dir, enum sek_dir role,
                 struct sek_bytes body)
{
    struct modbus_message *m = &tx->message[role];
    struct sek_reader r = sek_reader_make(body.data, body.len);
    m->there = true;
    m->transaction = sek_reader_u16(&r);
    m->protocol = sek_reader_u16(&r);
    m->length = sek_reader_u16(&r);
    m->unit = sek_reader_u8(&r);
    m->function = sek_reader_u8(&r);
    m->exception = m->function & 0x80;
    m->function &= 0x7f;
    m->data = sek_slice_keep(pool, &tx->text,
                             (struct sek_bytes){r.data + r.pos, sek_reader_left(&r)});
    m->category = category(m->function);
    m->access = access_of(m->function);
    if (m->protocol)
        wrong(m, MODBUS_BAD_PROTOCOL);
    if (!m->function || (m->exception && role == SEK_TOSERVER))
        wrong(m, MODBUS_BAD_FUNCTION);
    if (m->exception && role == SEK_TOCLIENT)
        exception(m, &r);
    else if (role == SEK_TOCLIENT)
        response(pool, tx, m, &r);
    else
        request(pool, tx, m, &r);
    if (r.failed || sek_reader_left(&r))
        wrong(m, MODBUS_BAD_LENGTH);
    for (unsigned e = 0; e <= MODBUS_BAD_PROTOCOL; e++)
        if (m->errors >> e & 1)
            sek_tx_event(&tx->base, dir, e);
    const struct modbus_message *q = &tx->message[SEK_TOSERVER];
    if (role == SEK_TOCLIENT && q->there) {
        if (q->function != m->function)
            sek_tx_event(&tx->base, dir, MODBUS_BAD_FUNCTION);
        else if (!answers(q, m))
            sek_tx_event(&tx->base, dir, MODBUS_EVENT_MISMATCH);
    }
}

bool modbus_written(const struct modbus_tx *tx, const struct modbus_message *m, uint16_t address,
                    uint16_t *out)
{
    struct sek_bytes b;
    uint32_t i = (uint32_t)address - m->write_at;
    if (!m->has_write || address < m->write_at || i >= m->write_count ||
        !sek_slice_give(&tx->text, m->values, &b))
        return false;
    if (m->access & MODBUS_COILS && m->access & MODBUS_MULTIPLE) {
        if (i / 8 >= b.len)
            return false;
        *out = (uint16_t)(b.data[i / 8] >> (i % 8) & 1);
        return true;
    }
    if (i * 2 + 2 > b.len)
        return false;
    *out = (uint16_t)(b.data[i * 2] << 8 | b.data[i * 2 + 1]);
    if (m->access & MODBUS_COILS)
        *out = *out != 0;
    return true;
}
