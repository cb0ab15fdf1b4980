/* S7comm, Siemens' protocol of the S7-300 and S7-400, over TPKT and COTP: each message is a
 * transaction of its own. There is no public standard; field names follow common usage. */
#include "lib/app/kit.h"
#include "lib/app/tpkt.h"

#include <string.h>

enum { ROSCTR_JOB = 1, ROSCTR_ACK, ROSCTR_ACK_DATA, ROSCTR_USERDATA = 7 };
enum { FUNCTION_READ = 0x04, FUNCTION_WRITE = 0x05, FUNCTION_DOWNLOAD = 0x1a,
       FUNCTION_UPLOAD_END = 0x1f, FUNCTION_CONTROL = 0x28, FUNCTION_STOP = 0x29 };
enum { S7_EVENT_MALFORMED };

#define ITEMS_MAX 32u
#define PROTOCOL  0x32
#define PLUS      0x72 /* the newer protocol, which is not read further */

struct s7_item {
    uint8_t transport, area;
    uint16_t count, db;
    uint32_t address; /* in bits */
};

struct s7_tx {
    struct sek_tx base;
    bool plus, has_function, has_userdata, has_error;
    uint8_t rosctr, function;
    uint8_t group, subfunction;
    uint8_t error_class, error_code;
    uint16_t reference;
    struct s7_item items[ITEMS_MAX];
    unsigned item_count;
    struct sek_buffer text;
    struct sek_slice service, data; /* of program invocation, or a block's name; the data part */
};

static enum sek_probe s7_probe(const struct sek_flow *flow, enum sek_dir dir, const uint8_t *data,
                               uint32_t len)
{
    uint32_t size = sek_tpkt_size(data, len);
    uint8_t connect = dir ? SEK_COTP_CC : SEK_COTP_CR;
    if (size == UINT32_MAX || !sek_port_either(flow, 102))
        return SEK_PROBE_NO;
    if (len < 8)
        return SEK_PROBE_MORE;
    if ((data[5] & 0xf0) == connect)
        return data[4] + 5u == size ? SEK_PROBE_YES : SEK_PROBE_NO;
    return data[4] == 2 && data[5] == SEK_COTP_DT && (data[7] == PROTOCOL || data[7] == PLUS)
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

/* Variables that are read or written. */
static bool read_items(struct s7_tx *tx, struct sek_reader *r)
{
    uint8_t count = sek_reader_u8(r);
    for (uint8_t i = 0; i < count && !r->failed; i++) {
        sek_reader_skip(r, 1);
        struct sek_reader item = sek_reader_sub(r, sek_reader_u8(r));
        struct s7_item v = {0};
        if (sek_reader_u8(&item) != 0x10) /* another way to name a variable */
            continue;
        v.transport = sek_reader_u8(&item);
        v.count = sek_reader_u16(&item);
        v.db = sek_reader_u16(&item);
        v.area = sek_reader_u8(&item);
        v.address = sek_reader_u24(&item);
        if (!item.failed && tx->item_count < ITEMS_MAX)
            tx->items[tx->item_count++] = v;
    }
    return !r->failed;
}

/* Text with a byte of length, behind SKIP bytes and, in a control request, an argument. */
static void read_text(struct sek_pool *pool, struct s7_tx *tx, struct sek_reader *r, uint32_t skip,
                      bool argument)
{
    sek_reader_skip(r, skip);
    if (argument)
        sek_reader_skip(r, sek_reader_u16(r));
    struct sek_bytes text = sek_reader_bytes(r, sek_reader_u8(r));
    if (!r->failed && text.len)
        tx->service = sek_slice_keep(pool, &tx->text, text);
}

static bool read_job(struct sek_pool *pool, struct s7_tx *tx, struct sek_reader *r)
{
    tx->function = sek_reader_u8(r);
    tx->has_function = !r->failed;
    if (!tx->has_function)
        return false;
    if (tx->rosctr != ROSCTR_JOB)
        return true;
    if (tx->function == FUNCTION_READ || tx->function == FUNCTION_WRITE)
        return read_items(tx, r);
    if (tx->function == FUNCTION_CONTROL)
        read_text(pool, tx, r, 7, true);
    else if (tx->function == FUNCTION_STOP)
        read_text(pool, tx, r, 5, false);
    else if (tx->function >= FUNCTION_DOWNLOAD && tx->function <= FUNCTION_UPLOAD_END)
        read_text(pool, tx, r, 7, false);
    return true;
}

static bool read_userdata(struct s7_tx *tx, struct sek_reader *r)
{
    sek_reader_skip(r, 5); /* head, length, method */
    tx->group = sek_reader_u8(r) & 15;
    tx->subfunction = sek_reader_u8(r);
    tx->has_userdata = !r->failed;
    return tx->has_userdata;
}

static bool read_message(struct sek_pool *pool, struct s7_tx *tx, struct sek_reader *r)
{
    uint8_t protocol = sek_reader_u8(r);
    tx->plus = protocol == PLUS;
    if (tx->plus)
        return true;
    tx->rosctr = sek_reader_u8(r);
    sek_reader_skip(r, 2);
    tx->reference = sek_reader_u16(r);
    uint16_t parameters = sek_reader_u16(r), data = sek_reader_u16(r);
    if (tx->rosctr == ROSCTR_ACK || tx->rosctr == ROSCTR_ACK_DATA) {
        tx->error_class = sek_reader_u8(r);
        tx->error_code = sek_reader_u8(r);
        tx->has_error = true;
    }
    struct sek_reader p = sek_reader_sub(r, parameters);
    struct sek_bytes d = sek_reader_bytes(r, data);
    if (r->failed || protocol != PROTOCOL)
        return false;
    if (d.len)
        tx->data = sek_slice_keep(pool, &tx->text, d);
    if (tx->rosctr == ROSCTR_USERDATA)
        return read_userdata(tx, &p);
    return !parameters || read_job(pool, tx, &p);
}

static void packet(struct sek_app_state *state, enum sek_dir dir, struct sek_reader r)
{
    struct sek_reader variable;
    uint8_t code;
    sek_reader_skip(&r, SEK_TPKT_HEADER);
    bool good = sek_cotp_read(&r, &code, &variable);
    if (good && (code != SEK_COTP_DT || !sek_reader_left(&r)))
        return; /* connecting, and keeping alive */
    struct s7_tx *tx = (struct s7_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_S7COMM);
    if (!tx)
        return;
    if (!good || !read_message(state->pool, tx, &r))
        sek_tx_event(&tx->base, dir, S7_EVENT_MALFORMED);
    sek_tx_end(&tx->base, dir);
}

static struct sek_app_result s7_parse(struct sek_app_state *state, enum sek_dir dir,
                                      const uint8_t *data, uint32_t len, unsigned flags)
{
    uint32_t pos = 0;
    (void)flags;
    while (pos < len) {
        uint32_t size = sek_tpkt_size(data + pos, len - pos);
        if (size == UINT32_MAX)
            return (struct sek_app_result){.consumed = len, .error = true};
        if (!size || size > len - pos)
            break;
        packet(state, dir, sek_reader_make(data + pos, size));
        pos += size;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void s7_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_buffer_free(state->pool, &((struct s7_tx *)tx)->text);
    sek_pool_put(state->pool, tx, sizeof(struct s7_tx));
}

static const char *const rosctr_words[] = {"job", "1", "ack", "2", "ack_data", "3", "userdata", "7",
                                           NULL};
static const char *const function_words[] = {
    "cpu_services", "0", "read_var", "4", "write_var", "5", "request_download", "26",
    "download_block", "27", "download_ended", "28", "start_upload", "29", "upload", "30",
    "end_upload", "31", "plc_control", "40", "plc_stop", "41", "setup_communication", "240", NULL};
static const char *const group_words[] = {
    "mode_transition", "0", "programmer_commands", "1", "cyclic_data", "2", "block_functions", "3",
    "cpu_functions", "4", "security", "5", "time_functions", "7", NULL};
static const char *const area_words[] = {
    "sysinfo", "0x03", "sysflags", "0x05", "analog_inputs", "0x06", "analog_outputs", "0x07",
    "counter", "0x1c", "timer", "0x1d", "peripheral", "0x80", "inputs", "0x81", "outputs", "0x82",
    "flags", "0x83", "db", "0x84", "instance_db", "0x85", "local", "0x86", NULL};

static void items_json(struct sek_text *out, const struct s7_tx *tx)
{
    sek_json_open(out, "items", '[');
    for (unsigned i = 0; i < tx->item_count; i++) {
        const struct s7_item *v = &tx->items[i];
        sek_json_open(out, NULL, '{');
        sek_word_json(out, "area", area_words, v->area);
        sek_json_uint(out, "db", v->db);
        sek_json_uint(out, "address", v->address / 8);
        sek_json_uint(out, "bit", v->address % 8);
        sek_json_uint(out, "transport_size", v->transport);
        sek_json_uint(out, "count", v->count);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void s7_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct s7_tx *tx = (const struct s7_tx *)base;
    (void)state;
    if (tx->plus) {
        sek_json_bool(out, "plus", true);
        return;
    }
    sek_word_json(out, "rosctr", rosctr_words, tx->rosctr);
    sek_json_uint(out, "pdu_reference", tx->reference);
    if (tx->has_function)
        sek_word_json(out, "function", function_words, tx->function);
    if (tx->has_userdata) {
        sek_word_json(out, "userdata_group", group_words, tx->group);
        sek_json_uint(out, "userdata_subfunction", tx->subfunction);
    }
    if (tx->has_error) {
        sek_json_uint(out, "error_class", tx->error_class);
        sek_json_uint(out, "error_code", tx->error_code);
    }
    sek_slice_json(out, "pi_service", &tx->text, tx->service);
    if (tx->item_count)
        items_json(out, tx);
}

SEK_SLICE_GETTER(get_service, s7_tx, service)
SEK_SLICE_GETTER(get_data, s7_tx, data)
SEK_NUMBER_GETTER(get_rosctr, s7_tx, !tx->plus, tx->rosctr)
SEK_NUMBER_GETTER(get_function, s7_tx, tx->has_function, tx->function)
SEK_NUMBER_GETTER(get_group, s7_tx, tx->has_userdata, tx->group)
SEK_NUMBER_GETTER(get_subfunction, s7_tx, tx->has_userdata, tx->subfunction)
SEK_NUMBER_GETTER(get_error_class, s7_tx, tx->has_error, tx->error_class)
SEK_NUMBER_GETTER(get_error_code, s7_tx, tx->has_error, tx->error_code)

#define ITEM_GETTER(fn, value)                                                                     \
    static bool fn(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,     \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct s7_tx *tx = (const struct s7_tx *)base;                                       \
        (void)s, (void)dir;                                                                        \
        if (i >= tx->item_count)                                                                   \
            return false;                                                                          \
        *out = tx->items[i].value;                                                                 \
        return true;                                                                               \
    }

ITEM_GETTER(get_area, area)
ITEM_GETTER(get_db, db)
ITEM_GETTER(get_address, address / 8)

#define DONE {1, 1}

static const struct sek_buffer_def s7_buffers[] = {
    {"s7comm.pi_service", NULL, NULL, 3, DONE, false, false, get_service},
    {"s7comm.data", NULL, NULL, 3, DONE, false, false, get_data},
    {0},
};

static const struct sek_number_def s7_numbers[] = {
    {"s7comm.rosctr", 3, DONE, get_rosctr, rosctr_words},
    {"s7comm.function", 3, DONE, get_function, function_words},
    {"s7comm.userdata_group", 3, DONE, get_group, group_words},
    {"s7comm.userdata_subfunction", 3, DONE, get_subfunction, NULL},
    {"s7comm.error_class", 3, DONE, get_error_class, NULL},
    {"s7comm.error_code", 3, DONE, get_error_code, NULL},
    {"s7comm.item_area", 3, DONE, get_area, area_words},
    {"s7comm.item_db", 3, DONE, get_db, NULL},
    {"s7comm.item_address", 3, DONE, get_address, NULL},
    {0},
};

static const struct sek_app_event_name s7_events[] = {
    {"malformed_data", S7_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_s7comm_ops = {
    .id = SEK_APP_S7COMM,
    .name = "s7comm",
    .eve_key = "s7comm",
    .transports = 1,
    .probe = s7_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = s7_parse,
    .tx_free = s7_tx_free,
    .eve = s7_eve,
    .buffers = s7_buffers,
    .numbers = s7_numbers,
    .events = s7_events,
    .complete = {1, 1},
};
