/* BACnet/IP (ANSI/ASHRAE 135, annex J) over UDP: each message is a transaction of its own. Objects and
 * properties are found by walking the tags of the service's parameters. */
#include "lib/app/kit.h"

enum { BVLC_FORWARDED = 0x04, BVLC_DISTRIBUTE = 0x09, BVLC_UNICAST = 0x0a, BVLC_BROADCAST = 0x0b };
enum { PDU_CONFIRMED, PDU_UNCONFIRMED, PDU_SIMPLE_ACK, PDU_COMPLEX_ACK, PDU_SEGMENT_ACK, PDU_ERROR,
       PDU_REJECT, PDU_ABORT };
enum { BACNET_EVENT_MALFORMED, BACNET_EVENT_INVALID_LENGTH, BACNET_EVENT_UNKNOWN_SERVICE };
enum { READ_PROPERTY = 12, READ_MULTIPLE = 14, WRITE_PROPERTY = 15, WRITE_MULTIPLE = 16,
       READ_RANGE = 26 };

#define UNCONFIRMED 256u /* added to a service's number, so that the two lists do not meet */
#define ITEMS_MAX   64u
#define APPLICATION_OBJECT 12

struct bacnet_tx {
    struct sek_tx base;
    uint8_t function;
    bool has_pdu, has_service, has_network, has_invoke, has_reason;
    uint8_t pdu, network_message, invoke, reason;
    uint16_t service;
    uint32_t objects[ITEMS_MAX]; /* type in the upper ten bits, instance below */
    uint32_t properties[ITEMS_MAX];
    unsigned object_count, property_count;
};

static enum sek_probe bacnet_probe(const struct sek_flow *flow, enum sek_dir dir,
                                   const uint8_t *data, uint32_t len)
{
    (void)dir;
    if (data[0] != 0x81 || len < 4 || data[1] > 0x0c)
        return SEK_PROBE_NO;
    uint32_t length = (uint32_t)(data[2] << 8 | data[3]);
    bool port = flow->port[0] == 47808 || flow->port[1] == 47808;
    bool npdu = data[1] >= BVLC_DISTRIBUTE && data[1] <= BVLC_BROADCAST;
    if (length != len || (!port && !npdu))
        return SEK_PROBE_NO;
    return !npdu || (len > 5 && data[4] == 1) ? SEK_PROBE_YES : SEK_PROBE_NO;
}

struct tag {
    uint8_t number;
    bool context, opening, closing;
    struct sek_reader value;
};

static bool tag_next(struct sek_reader *r, struct tag *t)
{
    uint8_t first = sek_reader_u8(r);
    uint32_t length = first & 7;
    *t = (struct tag){.number = first >> 4, .context = first & 8};
    if (t->number == 15)
        t->number = sek_reader_u8(r);
    t->opening = t->context && length == 6;
    t->closing = t->context && length == 7;
    if (t->opening || t->closing)
        return !r->failed;
    if (!t->context && t->number == 1) /* a boolean: its value is the length */
        length = 0;
    if (length == 5) {
        length = sek_reader_u8(r);
        if (length == 254)
            length = sek_reader_u16(r);
        else if (length == 255)
            length = sek_reader_u32(r);
    }
    t->value = sek_reader_sub(r, length);
    return !r->failed;
}

static uint32_t tag_number(struct sek_reader r)
{
    uint32_t v = 0;
    while (sek_reader_left(&r))
        v = v << 8 | sek_reader_u8(&r);
    return v;
}

static void object_add(struct bacnet_tx *tx, const struct tag *t)
{
    if (t->value.len == 4 && tx->object_count < ITEMS_MAX)
        tx->objects[tx->object_count++] = tag_number(t->value);
}

static void property_add(struct bacnet_tx *tx, const struct tag *t)
{
    if (t->value.len && t->value.len <= 4 && tx->property_count < ITEMS_MAX)
        tx->properties[tx->property_count++] = tag_number(t->value);
}

/* Where a service has its objects and properties: by context tag and depth. */
static void parameter(struct bacnet_tx *tx, const struct tag *t, unsigned depth)
{
    bool several = tx->service == READ_MULTIPLE || tx->service == WRITE_MULTIPLE;
    bool single = tx->service == READ_PROPERTY || tx->service == WRITE_PROPERTY ||
                  tx->service == READ_RANGE;
    if (!t->context) {
        if (t->number == APPLICATION_OBJECT && depth == 0)
            object_add(tx, t);
        return;
    }
    if (depth == 0 && t->number == 0 && (several || single))
        object_add(tx, t);
    else if (depth == 0 && t->number == 1 && single)
        property_add(tx, t);
    else if (depth == 1 && several && t->number == (tx->pdu == PDU_COMPLEX_ACK ? 2 : 0))
        property_add(tx, t);
}

static bool read_parameters(struct bacnet_tx *tx, struct sek_reader *r)
{
    unsigned depth = 0;
    struct tag t;
    while (sek_reader_left(r)) {
        if (!tag_next(r, &t))
            return false;
        if (t.opening)
            depth++;
        else if (t.closing && depth)
            depth--;
        else if (!t.closing)
            parameter(tx, &t, depth);
    }
    return true;
}

static bool read_apdu(struct bacnet_tx *tx, enum sek_dir dir, struct sek_reader *r)
{
    uint8_t first = sek_reader_u8(r);
    bool segmented = first & 8;
    tx->pdu = first >> 4;
    tx->has_pdu = !r->failed;
    if (tx->pdu == PDU_CONFIRMED)
        sek_reader_skip(r, 1); /* what the sender takes */
    if (tx->pdu != PDU_UNCONFIRMED) {
        tx->invoke = sek_reader_u8(r);
        tx->has_invoke = true;
    }
    if (segmented && (tx->pdu == PDU_CONFIRMED || tx->pdu == PDU_COMPLEX_ACK))
        sek_reader_skip(r, 2);
    if (tx->pdu == PDU_REJECT || tx->pdu == PDU_ABORT) {
        tx->reason = sek_reader_u8(r);
        tx->has_reason = true;
        return !r->failed;
    }
    if (tx->pdu == PDU_SEGMENT_ACK || tx->pdu > PDU_ABORT)
        return tx->pdu == PDU_SEGMENT_ACK;
    tx->service = sek_reader_u8(r);
    tx->has_service = !r->failed;
    if (tx->service > (tx->pdu == PDU_UNCONFIRMED ? 13 : 34))
        sek_tx_event(&tx->base, dir, BACNET_EVENT_UNKNOWN_SERVICE);
    if (tx->pdu == PDU_UNCONFIRMED)
        tx->service += UNCONFIRMED;
    if (segmented || tx->pdu == PDU_ERROR)
        return !r->failed;
    return read_parameters(tx, r);
}

/* Network layer: where it goes to and comes from, then an APDU or a message of routers. */
static bool read_npdu(struct bacnet_tx *tx, enum sek_dir dir, struct sek_reader *r)
{
    sek_reader_skip(r, 1);
    uint8_t control = sek_reader_u8(r);
    if (control & 0x20) {
        sek_reader_skip(r, 2);
        sek_reader_skip(r, sek_reader_u8(r));
    }
    if (control & 0x08) {
        sek_reader_skip(r, 2);
        sek_reader_skip(r, sek_reader_u8(r));
    }
    if (control & 0x20)
        sek_reader_skip(r, 1); /* hops */
    if (control & 0x80) {
        tx->network_message = sek_reader_u8(r);
        tx->has_network = !r->failed;
        return tx->has_network;
    }
    return read_apdu(tx, dir, r);
}

static struct sek_app_result bacnet_parse(struct sek_app_state *state, enum sek_dir dir,
                                          const uint8_t *data, uint32_t len, unsigned flags)
{
    struct sek_app_result all = {.consumed = len};
    struct sek_reader r = sek_reader_make(data, len);
    struct bacnet_tx *tx = (struct bacnet_tx *)sek_tx_new(state, sizeof *tx, SEK_APP_BACNET);
    (void)flags;
    if (!tx)
        return all;
    sek_tx_end(&tx->base, dir);
    uint8_t type = sek_reader_u8(&r);
    tx->function = sek_reader_u8(&r);
    uint16_t length = sek_reader_u16(&r);
    if (length != len)
        sek_tx_event(&tx->base, dir, BACNET_EVENT_INVALID_LENGTH);
    if (tx->function == BVLC_FORWARDED)
        sek_reader_skip(&r, 6);
    bool npdu = tx->function == BVLC_FORWARDED ||
                (tx->function >= BVLC_DISTRIBUTE && tx->function <= BVLC_BROADCAST);
    if (r.failed || type != 0x81 || (npdu && !read_npdu(tx, dir, &r)))
        sek_tx_event(&tx->base, dir, BACNET_EVENT_MALFORMED);
    return all;
}

static void bacnet_tx_free(struct sek_app_state *state, struct sek_tx *tx)
{
    sek_pool_put(state->pool, tx, sizeof(struct bacnet_tx));
}

static const char *const function_words[] = {
    "result", "0", "write_bdt", "1", "read_bdt", "2", "read_bdt_ack", "3", "forwarded_npdu", "4",
    "register_foreign_device", "5", "read_fdt", "6", "read_fdt_ack", "7", "delete_fdt_entry", "8",
    "distribute_broadcast", "9", "original_unicast", "10", "original_broadcast", "11", "secure",
    "12", NULL};
static const char *const pdu_words[] = {"confirmed_request", "0", "unconfirmed_request", "1",
                                        "simple_ack", "2", "complex_ack", "3", "segment_ack", "4",
                                        "error", "5", "reject", "6", "abort", "7", NULL};
static const char *const service_words[] = {
    "acknowledge_alarm", "0", "confirmed_cov_notification", "1", "confirmed_event_notification",
    "2", "get_alarm_summary", "3", "get_enrollment_summary", "4", "subscribe_cov", "5",
    "atomic_read_file", "6", "atomic_write_file", "7", "add_list_element", "8",
    "remove_list_element", "9", "create_object", "10", "delete_object", "11", "read_property",
    "12", "read_property_multiple", "14", "write_property", "15", "write_property_multiple", "16",
    "device_communication_control", "17", "confirmed_private_transfer", "18",
    "confirmed_text_message", "19", "reinitialize_device", "20", "vt_open", "21", "vt_close", "22",
    "vt_data", "23", "read_range", "26", "life_safety_operation", "27", "subscribe_cov_property",
    "28", "get_event_information", "29", "i_am", "256", "i_have", "257",
    "unconfirmed_cov_notification", "258", "unconfirmed_event_notification", "259",
    "unconfirmed_private_transfer", "260", "unconfirmed_text_message", "261",
    "time_synchronization", "262", "who_has", "263", "who_is", "264", "utc_time_synchronization",
    "265", "write_group", "266", NULL};
static const char *const object_words[] = {
    "analog_input", "0", "analog_output", "1", "analog_value", "2", "binary_input", "3",
    "binary_output", "4", "binary_value", "5", "calendar", "6", "command", "7", "device", "8",
    "event_enrollment", "9", "file", "10", "group", "11", "loop", "12", "multi_state_input", "13",
    "multi_state_output", "14", "notification_class", "15", "program", "16", "schedule", "17",
    "averaging", "18", "multi_state_value", "19", "trend_log", "20", "life_safety_point", "21",
    "life_safety_zone", "22", "accumulator", "23", "pulse_converter", "24", "event_log", "25",
    "trend_log_multiple", "27", "load_control", "28", "structured_view", "29", "access_door", "30",
    NULL};
static const char *const property_words[] = {
    "all", "8", "application_software_version", "12", "description", "28", "event_state", "36",
    "firmware_revision", "44", "location", "58", "model_name", "70", "object_identifier", "75",
    "object_list", "76", "object_name", "77", "object_type", "79", "out_of_service", "81",
    "present_value", "85", "priority_array", "87", "protocol_revision", "139",
    "protocol_version", "98", "relinquish_default", "104", "reliability", "103", "status_flags",
    "111", "system_status", "112", "units", "117", "vendor_identifier", "120", "vendor_name", "121",
    NULL};

static void bacnet_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct bacnet_tx *tx = (const struct bacnet_tx *)base;
    (void)state;
    sek_word_json(out, "function", function_words, tx->function);
    if (tx->has_network)
        sek_json_uint(out, "network_message", tx->network_message);
    if (tx->has_pdu)
        sek_word_json(out, "pdu_type", pdu_words, tx->pdu);
    if (tx->has_service)
        sek_word_json(out, "service", service_words, tx->service);
    if (tx->has_invoke)
        sek_json_uint(out, "invoke_id", tx->invoke);
    if (tx->has_reason)
        sek_json_uint(out, "reason", tx->reason);
    if (tx->object_count) {
        sek_json_open(out, "objects", '[');
        for (unsigned i = 0; i < tx->object_count; i++) {
            sek_json_open(out, NULL, '{');
            sek_word_json(out, "type", object_words, tx->objects[i] >> 22);
            sek_json_uint(out, "instance", tx->objects[i] & 0x3fffff);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
    if (tx->property_count) {
        sek_json_open(out, "properties", '[');
        for (unsigned i = 0; i < tx->property_count; i++)
            sek_word_json(out, NULL, property_words, tx->properties[i]);
        sek_json_close(out, ']');
    }
}

SEK_NUMBER_GETTER(get_function, bacnet_tx, true, tx->function)
SEK_NUMBER_GETTER(get_pdu, bacnet_tx, tx->has_pdu, tx->pdu)
SEK_NUMBER_GETTER(get_service, bacnet_tx, tx->has_service, tx->service)
SEK_NUMBER_GETTER(get_network, bacnet_tx, tx->has_network, tx->network_message)

#define LIST_GETTER(fn, count, value)                                                              \
    static bool fn(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,     \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct bacnet_tx *tx = (const struct bacnet_tx *)base;                               \
        (void)s, (void)dir;                                                                        \
        if (i >= tx->count)                                                                        \
            return false;                                                                          \
        *out = (value);                                                                            \
        return true;                                                                               \
    }

LIST_GETTER(get_object_type, object_count, tx->objects[i] >> 22)
LIST_GETTER(get_object_instance, object_count, tx->objects[i] & 0x3fffff)
LIST_GETTER(get_property, property_count, tx->properties[i])

#define DONE {1, 1}

static const struct sek_number_def bacnet_numbers[] = {
    {"bacnet.function", 3, DONE, get_function, function_words},
    {"bacnet.pdu_type", 3, DONE, get_pdu, pdu_words},
    {"bacnet.service", 3, DONE, get_service, service_words},
    {"bacnet.network_message", 3, DONE, get_network, NULL},
    {"bacnet.object_type", 3, DONE, get_object_type, object_words},
    {"bacnet.object_instance", 3, DONE, get_object_instance, NULL},
    {"bacnet.property", 3, DONE, get_property, property_words},
    {0},
};

static const struct sek_buffer_def bacnet_buffers[] = {{0}};

static const struct sek_app_event_name bacnet_events[] = {
    {"malformed_data", BACNET_EVENT_MALFORMED},
    {"invalid_length", BACNET_EVENT_INVALID_LENGTH},
    {"unknown_service", BACNET_EVENT_UNKNOWN_SERVICE},
    {0},
};

const struct sek_app_ops sek_bacnet_ops = {
    .id = SEK_APP_BACNET,
    .name = "bacnet",
    .eve_key = "bacnet",
    .transports = 2,
    .probe = bacnet_probe,
    .state_size = sizeof(struct sek_app_state),
    .parse = bacnet_parse,
    .tx_free = bacnet_tx_free,
    .eve = bacnet_eve,
    .buffers = bacnet_buffers,
    .numbers = bacnet_numbers,
    .events = bacnet_events,
    .complete = {1, 1},
};
