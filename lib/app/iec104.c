/* IEC 60870-5-104: frames over TCP. Each is a transaction of its own; frames of the I format carry an
 * ASDU with its type, cause, addresses and objects. */
#include "lib/app/kit.h"

enum { FORMAT_I, FORMAT_S = 1, FORMAT_U = 3 };
enum { IEC104_EVENT_MALFORMED, IEC104_EVENT_UNKNOWN_TYPE, IEC104_EVENT_INVALID_LENGTH };

#define START       0x68
#define LENGTH_MIN  4u
#define LENGTH_MAX  253u
#define OBJECTS_MAX 127u

struct iec104_tx {
    struct sek_tx base;
    uint8_t format, control;
    bool has_asdu;
    uint8_t type, count, cause, originator; /* cause: with its two flags */
    uint16_t address;
    uint32_t objects[OBJECTS_MAX];
    unsigned object_count;
};

/* Bytes of an object's information by type; 0xff: not known. */
static uint8_t element_size(uint8_t type)
{
    static const uint8_t sizes[128] = {
        [1] = 1, [2] = 4, [3] = 1, [4] = 4, [5] = 2, [6] = 5, [7] = 5, [8] = 8, [9] = 3, [10] = 6,
        [11] = 3, [12] = 6, [13] = 5, [14] = 8, [15] = 5, [16] = 8, [17] = 6, [18] = 7, [19] = 7,
        [20] = 5, [21] = 2, [30] = 8, [31] = 8, [32] = 9, [33] = 12, [34] = 10, [35] = 10,
        [36] = 12, [37] = 12, [38] = 10, [39] = 11, [40] = 11, [45] = 1, [46] = 1, [47] = 1,
        [48] = 3, [49] = 3, [50] = 5, [51] = 4, [58] = 8, [59] = 8, [60] = 8, [61] = 10, [62] = 10,
        [63] = 12, [64] = 11, [70] = 1, [100] = 1, [101] = 1, [102] = 0, [103] = 7, [104] = 2,
        [105] = 1, [106] = 2, [107] = 9, [110] = 3, [111] = 3, [112] = 5, [113] = 1, [120] = 6,
        [121] = 7, [122] = 4,
    };
    if (type == 102)
        return 0;
    return type < 128 && sizes[type] ? sizes[type] : 0xff;
}

static enum sek_probe iec104_probe(const struct sek_flow *flow, enum sek_dir dir,
                                   const uint8_t *data, uint32_t len)
{
    bool port = sek_port_either(flow, 2404);
    (void)dir;
    if (data[0] != START || (len > 1 && (data[1] < LENGTH_MIN || data[1] > LENGTH_MAX)))
        return SEK_PROBE_NO;
    if (len < 6)
        return SEK_PROBE_MORE;
    /* A connection begins with STARTDT or TESTFR, which look like nothing else. */
    bool start = data[1] == 4 && (data[2] == 0x07 || data[2] == 0x43 || data[2] == 0x0b ||
                                  data[2] == 0x83) && !data[3] && !data[4] && !data[5];
    return port || start ? SEK_PROBE_YES : SEK_PROBE_NO;
}

static uint32_t object_address(struct sek_reader *r)
{
    uint32_t low = sek_reader_u16le(r);
    return low | (uint32_t)sek_reader_u8(r) << 16;
}

static void object_add(struct iec104_tx *tx, uint32_t address)
{
    if (tx->object_count < OBJECTS_MAX)
        tx->objects[tx->object_count++] = address;
}

/* Objects one after the other, or one address and a sequence of elements. */
static bool read_objects(struct iec104_tx *tx, enum sek_dir dir, struct sek_reader *r,
                         bool sequence)
{
    uint8_t size = element_size(tx->type);
    if (size == 0xff)
        sek_tx_event(&tx->base, dir, IEC104_EVENT_UNKNOWN_TYPE);
    for (unsigned i = 0; i < tx->count; i++) {
        if (sequence && i) {
            object_add(tx, tx->objects[0] + i);
        } else {
            uint32_t address = object_address(r);
            if (r->failed)
                return false;
            object_add(tx, address);
        }
        if (size == 0xff)
            return true; /* where the next one begins is not known */
        sek_reader_skip(r, size);
    }
    return !r->failed;
}

static bool read_asdu(struct iec104_tx *tx, enum sek_dir dir, struct sek_reader r)
{
    tx->type = sek_reader_u8(&r);
    uint8_t qualifier = sek_reader_u8(&r);
    tx->cause = sek_reader_u8(&r);
    tx->originator = sek_reader_u8(&r);
    tx->address = sek_reader_u16le(&r);
    tx->count = qualifier & 0x7f;
    tx->has_asdu = !r.failed;
    return tx->has_asdu && read_objects(tx, dir, &r, qualifier & 0x80);
}

static void on_frame(struct sek_app_state *state, enum sek_dir dir, struct sek_reader r)
{
    struct iec104_tx *tx = (struct iec104_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_IEC104);
    if (!tx)
        return;
    sek_tx_end(&tx->base, dir);
    tx->control = sek_reader_u8(&r);
    tx->format = tx->control & 1 ? tx->control & 3 : FORMAT_I;
    sek_reader_skip(&r, 3);
    if (tx->format != FORMAT_I) {
        if (sek_reader_left(&r))
            sek_tx_event(&tx->base, dir, IEC104_EVENT_INVALID_LENGTH);
        return;
    }
    if (!read_asdu(tx, dir, sek_reader_sub(&r, sek_reader_left(&r))))
        sek_tx_event(&tx->base, dir, IEC104_EVENT_MALFORMED);
}

static struct sek_app_result iec104_parse(struct sek_app_state *state, enum sek_dir dir,
                                          const uint8_t *data, uint32_t len, unsigned flags)
{
    uint32_t pos = 0;
    (void)flags;
    while (len - pos >= 2) {
        uint32_t length = data[pos + 1];
        if (data[pos] != START || length < LENGTH_MIN || length > LENGTH_MAX) {
            struct sek_tx *tx = sek_tx_new(state, sizeof(struct iec104_tx), SEK_APP_IEC104);
            if (tx) {
                sek_tx_event(tx, dir, IEC104_EVENT_MALFORMED);
                sek_tx_end(tx, dir);
            }
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        if (len - pos < 2 + length)
            break;
        on_frame(state, dir, sek_reader_make(data + pos + 2, length));
        pos += 2 + length;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void iec104_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_pool_put(state->pool, tx, sizeof(struct iec104_tx));
}

static const char *const format_words[] = {"i", "0", "s", "1", "u", "3", NULL};
static const char *const function_words[] = {
    "startdt_act", "0x07", "startdt_con", "0x0b", "stopdt_act", "0x13", "stopdt_con", "0x23",
    "testfr_act", "0x43", "testfr_con", "0x83", NULL};
static const char *const type_words[] = {
    "M_SP_NA_1", "1", "M_SP_TA_1", "2", "M_DP_NA_1", "3", "M_DP_TA_1", "4", "M_ST_NA_1", "5",
    "M_ST_TA_1", "6", "M_BO_NA_1", "7", "M_BO_TA_1", "8", "M_ME_NA_1", "9", "M_ME_TA_1", "10",
    "M_ME_NB_1", "11", "M_ME_TB_1", "12", "M_ME_NC_1", "13", "M_ME_TC_1", "14", "M_IT_NA_1", "15",
    "M_IT_TA_1", "16", "M_PS_NA_1", "20", "M_ME_ND_1", "21", "M_SP_TB_1", "30", "M_DP_TB_1", "31",
    "M_ST_TB_1", "32", "M_BO_TB_1", "33", "M_ME_TD_1", "34", "M_ME_TE_1", "35", "M_ME_TF_1", "36",
    "M_IT_TB_1", "37", "M_EP_TD_1", "38", "M_EP_TE_1", "39", "M_EP_TF_1", "40", "C_SC_NA_1", "45",
    "C_DC_NA_1", "46", "C_RC_NA_1", "47", "C_SE_NA_1", "48", "C_SE_NB_1", "49", "C_SE_NC_1", "50",
    "C_BO_NA_1", "51", "C_SC_TA_1", "58", "C_DC_TA_1", "59", "C_RC_TA_1", "60", "C_SE_TA_1", "61",
    "C_SE_TB_1", "62", "C_SE_TC_1", "63", "C_BO_TA_1", "64", "M_EI_NA_1", "70", "C_IC_NA_1", "100",
    "C_CI_NA_1", "101", "C_RD_NA_1", "102", "C_CS_NA_1", "103", "C_TS_NA_1", "104", "C_RP_NA_1",
    "105", "C_CD_NA_1", "106", "C_TS_TA_1", "107", "P_ME_NA_1", "110", "P_ME_NB_1", "111",
    "P_ME_NC_1", "112", "P_AC_NA_1", "113", "F_FR_NA_1", "120", "F_SR_NA_1", "121", "F_SC_NA_1",
    "122", "F_LS_NA_1", "123", "F_AF_NA_1", "124", "F_SG_NA_1", "125", "F_DR_TA_1", "126",
    "F_SC_NB_1", "127", NULL};
static const char *const cause_words[] = {
    "periodic", "1", "background", "2", "spontaneous", "3", "initialized", "4", "request", "5",
    "activation", "6", "activation_con", "7", "deactivation", "8", "deactivation_con", "9",
    "activation_termination", "10", "return_remote", "11", "return_local", "12", "file", "13",
    "interrogated_by_station", "20", "counter_interrogation", "37", "unknown_type", "44",
    "unknown_cause", "45", "unknown_common_address", "46", "unknown_object_address", "47", NULL};

static void iec104_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct iec104_tx *tx = (const struct iec104_tx *)base;
    (void)state;
    sek_word_json(out, "apdu_type", format_words, tx->format);
    if (tx->format == FORMAT_U)
        sek_word_json(out, "u_function", function_words, tx->control);
    if (!tx->has_asdu)
        return;
    sek_word_json(out, "type_id", type_words, tx->type);
    sek_word_json(out, "cot", cause_words, tx->cause & 0x3f);
    sek_json_bool(out, "negative", tx->cause & 0x40);
    sek_json_bool(out, "test", tx->cause & 0x80);
    sek_json_uint(out, "originator", tx->originator);
    sek_json_uint(out, "common_address", tx->address);
    sek_json_open(out, "ioa", '[');
    for (unsigned i = 0; i < tx->object_count; i++)
        sek_json_uint(out, NULL, tx->objects[i]);
    sek_json_close(out, ']');
}

SEK_NUMBER_GETTER(get_format, iec104_tx, true, tx->format)
SEK_NUMBER_GETTER(get_function, iec104_tx, tx->format == FORMAT_U, tx->control)
SEK_NUMBER_GETTER(get_type, iec104_tx, tx->has_asdu, tx->type)
SEK_NUMBER_GETTER(get_cause, iec104_tx, tx->has_asdu, tx->cause & 0x3f)
SEK_NUMBER_GETTER(get_negative, iec104_tx, tx->has_asdu, (tx->cause & 0x40) != 0)
SEK_NUMBER_GETTER(get_test, iec104_tx, tx->has_asdu, (tx->cause & 0x80) != 0)
SEK_NUMBER_GETTER(get_originator, iec104_tx, tx->has_asdu, tx->originator)
SEK_NUMBER_GETTER(get_address, iec104_tx, tx->has_asdu, tx->address)

static bool get_object(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    const struct iec104_tx *tx = (const struct iec104_tx *)base;
    (void)s, (void)dir;
    if (i >= tx->object_count)
        return false;
    *out = tx->objects[i];
    return true;
}

#define DONE {1, 1}

static const char *const bool_words[] = {"yes", "1", "true", "1", "no", "0", "false", "0", NULL};

static const struct sek_number_def iec104_numbers[] = {
    {"iec104.apdu_type", 3, DONE, get_format, format_words},
    {"iec104.u_function", 3, DONE, get_function, function_words},
    {"iec104.type_id", 3, DONE, get_type, type_words},
    {"iec104.cot", 3, DONE, get_cause, cause_words},
    {"iec104.negative", 3, DONE, get_negative, bool_words},
    {"iec104.test", 3, DONE, get_test, bool_words},
    {"iec104.originator", 3, DONE, get_originator, NULL},
    {"iec104.common_address", 3, DONE, get_address, NULL},
    {"iec104.ioa", 3, DONE, get_object, NULL},
    {0},
};

static const struct sek_buffer_def iec104_buffers[] = {{0}};

static const struct sek_app_event_name iec104_events[] = {
    {"malformed_data", IEC104_EVENT_MALFORMED},
    {"unknown_type", IEC104_EVENT_UNKNOWN_TYPE},
    {"invalid_length", IEC104_EVENT_INVALID_LENGTH},
    {0},
};

const struct sek_app_ops sek_iec104_ops = {
    .id = SEK_APP_IEC104,
    .name = "iec104",
    .eve_key = "iec104",
    .transports = 1,
    .probe = iec104_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = iec104_parse,
    .tx_free = iec104_tx_free,
    .eve = iec104_eve,
    .buffers = iec104_buffers,
    .numbers = iec104_numbers,
    .events = iec104_events,
    .complete = {1, 1},
};
