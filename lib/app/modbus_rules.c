/* The modbus keyword (`modbus: unit 10, access write holding, address >500, value 1`) and the record. */
#include "lib/app/modbus.h"
#include "lib/base/compare.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct modbus_test {
    bool has_unit, has_function, has_sub, has_category, not_category, has_access, has_address,
        has_value;
    struct sek_compare unit, address, value;
    uint64_t function, sub, category;
    uint8_t access;
};

static const char *const category_words[] = {"assigned", "1", "unassigned", "2", "public", "3",
                                             "user", "4", "reserved", "8", "all", "15", NULL};
static const char *const table_words[] = {"discretes", "4", "coils", "8", "input", "16",
                                          "holding", "32", NULL};
static const char *const access_words[] = {"read", "1", "write", "2", NULL};

static char *trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    char *end = s + strlen(s);
    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return s;
}

static bool number(const char *s, uint64_t most, uint64_t *out)
{
    char *end;
    *out = strtoull(s, &end, 10);
    return end != s && !*end && *out <= most;
}

/* "function 8", "function !reserved" */
static bool parse_function(struct modbus_test *t, char *v)
{
    if (number(v, 255, &t->function)) {
        t->has_function = true;
        return true;
    }
    t->not_category = *v == '!';
    t->has_category = true;
    return sek_word_value(category_words, trim(v + t->not_category), &t->category);
}

/* "access read coils" */
static bool parse_access(struct modbus_test *t, char *v)
{
    uint64_t bits = 0, table = 0;
    char *rest = v;
    while (*rest && !isspace((unsigned char)*rest))
        rest++;
    if (*rest)
        *rest++ = '\0';
    rest = trim(rest);
    if (!sek_word_value(access_words, v, &bits) ||
        (*rest && !sek_word_value(table_words, rest, &table)))
        return false;
    if (bits == MODBUS_WRITE && table & (MODBUS_DISCRETES | MODBUS_INPUT))
        return false; /* these can only be read */
    t->has_access = true;
    t->access = (uint8_t)(bits | table);
    return true;
}

/* One part between commas: a word and its value. */
static bool parse_part(struct modbus_test *t, char *part)
{
    char *v = part;
    while (isalpha((unsigned char)*v))
        v++;
    char *end = v;
    v = trim(v);
    bool spaced = v != end || *v;
    *end = '\0';
    if (!spaced)
        return false;
    if (!strcasecmp(part, "function"))
        return parse_function(t, v);
    if (!strcasecmp(part, "access"))
        return parse_access(t, v);
    if (!strcasecmp(part, "subfunction"))
        return t->has_function && (t->has_sub = true) && number(v, 65535, &t->sub);
    if (!strcasecmp(part, "unit"))
        return (t->has_unit = true) && sek_compare_parse(v, NULL, &t->unit);
    if (!strcasecmp(part, "address"))
        return t->access & MODBUS_TABLES && (t->has_address = true) &&
               sek_compare_parse(v, NULL, &t->address);
    if (!strcasecmp(part, "value"))
        return t->has_address && (t->has_value = true) && sek_compare_parse(v, NULL, &t->value);
    return false;
}

static const void *parse_test(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct modbus_test *t = sek_arena_alloc(arena, sizeof *t);
    if (!t) {
        sek_fail(fault, SEK_ENOMEM, "out of memory");
        return NULL;
    }
    for (char *part = arg, *comma; part; part = comma) {
        comma = strchr(part, ',');
        if (comma)
            *comma++ = '\0';
        part = trim(part);
        char copy[64];
        strncpy(copy, part, sizeof copy - 1);
        copy[sizeof copy - 1] = '\0';
        if (!parse_part(t, part)) {
            sek_fail(fault, SEK_EINVAL,
                     "found '%s', expected unit N, function N [, subfunction N], function "
                     "CATEGORY, or access read|write [TABLE] [, address N [, value N]]",
                     copy);
            return NULL;
        }
    }
    return t;
}

/* An address that the message accesses is as the rule wants; rules count them from 1. */
static bool address_matches(const struct modbus_tx *tx, const struct modbus_message *m,
                            const struct modbus_test *t)
{
    bool write = t->access & MODBUS_WRITE;
    if (write ? !m->has_write : !m->has_read)
        return false;
    uint32_t at = write ? m->write_at : m->read_at;
    uint32_t count = write ? m->write_count : m->read_count;
    for (uint32_t a = at; a < at + count && a <= UINT16_MAX; a++) {
        uint16_t v;
        if (!sek_compare(&t->address, a + 1))
            continue;
        if (!t->has_value || (modbus_written(tx, m, (uint16_t)a, &v) && sek_compare(&t->value, v)))
            return true;
    }
    return false;
}

static bool match_test(struct sek_app_state *state, struct sek_tx *base, enum sek_dir dir,
                       const void *arg)
{
    const struct modbus_test *t = arg;
    const struct modbus_tx *tx = (const struct modbus_tx *)base;
    const struct modbus_message *m = &tx->message[SEK_TOSERVER];
    (void)state;
    if (dir != SEK_TOSERVER || !m->there)
        return false;
    if (t->has_unit && !sek_compare(&t->unit, m->unit))
        return false;
    if (t->has_function && t->function != m->function)
        return false;
    if (t->has_sub && !(m->has_sub && t->sub == m->sub))
        return false;
    if (t->has_category && !(t->category & m->category) != t->not_category)
        return false;
    if (t->has_access && (m->access & t->access) != t->access)
        return false;
    return !t->has_address || address_matches(tx, m, t);
}

const struct sek_test_def modbus_tests[] = {
    {"modbus", 1, {1, 1}, parse_test, match_test},
    {0},
};

/* --- records --- */

static const char *const function_words[] = {
    "RdCoils", "1", "RdDiscreteInputs", "2", "RdHoldRegs", "3", "RdInputRegs", "4",
    "WrSingleCoil", "5", "WrSingleReg", "6", "RdExcStatus", "7", "Diagnostic", "8",
    "Program484", "9", "Poll484", "10", "GetCommEventCtr", "11", "GetCommEventLog", "12",
    "ProgramController", "13", "PollController", "14", "WrMultCoils", "15", "WrMultRegs", "16",
    "ReportServerID", "17", "Program884", "18", "ResetCommLink", "19", "RdFileRec", "20",
    "WrFileRec", "21", "MaskWrReg", "22", "RdWrMultRegs", "23", "RdFIFOQueue", "24", "MEI", "43",
    NULL};
static const char *const diagnostic_words[] = {
    "RetQueryData", "0", "RestartCommOpt", "1", "RetDiagReg", "2", "ChangeInputDelimiter", "3",
    "ForceListenOnlyMode", "4", "ClearCtrDiagReg", "10", "RetBusMsgCount", "11",
    "RetBusCommErrCount", "12", "RetBusExcErrCount", "13", "RetServerMsgCount", "14",
    "RetServerNoRespCount", "15", "RetServerNAKCount", "16", "RetServerBusyCount", "17",
    "RetBusCharOverrunCount", "18", "ClearOverrunCounterFlag", "20", NULL};
static const char *const interface_words[] = {"CANOpen", "13", "RdDevId", "14", NULL};
static const char *const exception_words[] = {
    "IllegalFunction", "1", "IllegalDataAddr", "2", "IllegalDataValue", "3", "ServerDeviceFail",
    "4", "Ack", "5", "ServerDeviceBusy", "6", "NegAck", "7", "MemParityErr", "8",
    "GatewayPathUnavailable", "10", "GatewayTargetFailToResp", "11", NULL};
static const char *const access_names[] = {"READ", "WRITE", "DISCRETES", "COILS", "INPUT",
                                           "HOLDING", "SINGLE", "MULTIPLE"};
static const char *const error_names[] = {"DATA_VALUE", "DATA_LENGTH", "EXC_CODE", "FUNC_CODE",
                                          "PROTO_ID"};
static const char *const category_names[] = {"PUBLIC_ASSIGNED", "PUBLIC_UNASSIGNED",
                                             "USER_DEFINED", "RESERVED"};

/* "READ | COILS" */
static void bits_json(struct sek_text *out, const char *key, unsigned bits,
                      const char *const *names, size_t count)
{
    char text[128] = {0};
    for (size_t i = 0; i < count; i++) {
        if (!(bits >> i & 1))
            continue;
        if (*text)
            strcat(text, " | ");
        strcat(text, names[i]);
    }
    sek_json_str(out, key, *text ? text : "NONE");
}
#define BITS(out, key, bits, names) bits_json(out, key, bits, names, sizeof names / sizeof *names)

static const char *word_or(const char *const *words, unsigned v)
{
    const char *w = sek_word(words, v);
    return w ? w : "Unknown";
}

static struct sek_bytes view(const struct modbus_tx *tx, struct sek_slice slice)
{
    struct sek_bytes b = {0};
    sek_slice_give(&tx->text, slice, &b);
    return b;
}

static unsigned number_at(struct sek_bytes b, uint32_t at)
{
    return at + 2 <= b.len ? (unsigned)(b.data[at] << 8 | b.data[at + 1]) : 0;
}

static void write_json(struct sek_text *out, const struct modbus_tx *tx,
                       const struct modbus_message *m, bool request)
{
    struct sek_bytes values = view(tx, m->values), data = view(tx, m->data);
    sek_json_open(out, "write", '{');
    sek_json_uint(out, "address", m->write_at);
    if (m->function == 22) {
        sek_json_uint(out, "and_mask", number_at(data, 2));
        sek_json_uint(out, "or_mask", number_at(data, 4));
    } else if (m->access & MODBUS_SINGLE) {
        sek_json_uint(out, "data", number_at(values, 0));
    } else if (request) {
        sek_json_uint(out, "quantity", m->write_count);
        sek_json_hex(out, "data", values.data, values.len);
    } else {
        sek_json_uint(out, "data", m->write_count);
    }
    sek_json_close(out, '}');
}

static void sub_json(struct sek_text *out, const struct modbus_tx *tx,
                     const struct modbus_message *m)
{
    bool diagnostic = m->function == 8;
    struct sek_bytes data = view(tx, m->data);
    uint32_t skip = diagnostic ? 2 : 1;
    sek_json_open(out, diagnostic ? "diagnostic" : "mei", '{');
    sek_json_uint(out, "raw", m->sub);
    sek_json_str(out, "code", word_or(diagnostic ? diagnostic_words : interface_words, m->sub));
    if (data.len > skip)
        sek_json_hex(out, "data", data.data + skip, data.len - skip);
    sek_json_close(out, '}');
}

static void exception_json(struct sek_text *out, const struct modbus_message *m)
{
    sek_json_open(out, "exception", '{');
    sek_json_uint(out, "raw", m->code);
    sek_json_str(out, "code", word_or(exception_words, m->code));
    sek_json_close(out, '}');
}

static void read_json(struct sek_text *out, const struct modbus_tx *tx,
                      const struct modbus_message *m)
{
    struct sek_bytes values = view(tx, m->values);
    sek_json_open(out, "read", '{');
    if (m->has_read) {
        sek_json_uint(out, "address", m->read_at);
        sek_json_uint(out, "quantity", m->read_count);
    } else {
        sek_json_hex(out, "data", values.data, values.len);
    }
    sek_json_close(out, '}');
}

static void message_json(struct sek_text *out, const char *key, const struct modbus_tx *tx,
                         const struct modbus_message *m)
{
    struct sek_bytes data = view(tx, m->data);
    bool request = m == &tx->message[SEK_TOSERVER];
    bool read = m->has_read || (!request && m->access & MODBUS_READ && m->values.set);
    if (!m->there)
        return;
    sek_json_open(out, key, '{');
    sek_json_uint(out, "transaction_id", m->transaction);
    sek_json_uint(out, "protocol_id", m->protocol);
    sek_json_uint(out, "unit_id", m->unit);
    sek_json_uint(out, "function_raw", m->function | (m->exception ? 0x80u : 0));
    sek_json_str(out, "function_code", word_or(function_words, m->function));
    BITS(out, "access_type", m->access, access_names);
    BITS(out, "category", m->category, category_names);
    BITS(out, "error_flags", m->errors, error_names);
    if (m->has_code)
        exception_json(out, m);
    if (m->has_sub)
        sub_json(out, tx, m);
    if (read)
        read_json(out, tx, m);
    if (m->has_write)
        write_json(out, tx, m, request);
    if (!m->has_code && !m->has_sub && !read && !m->has_write && data.len)
        sek_json_hex(out, "data", data.data, data.len);
    sek_json_close(out, '}');
}

void modbus_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct modbus_tx *tx = (const struct modbus_tx *)base;
    (void)state;
    sek_json_uint(out, "id", tx->base.id + 1);
    message_json(out, "request", tx, &tx->message[SEK_TOSERVER]);
    message_json(out, "response", tx, &tx->message[SEK_TOCLIENT]);
}
