/* EtherNet/IP and CIP keywords and records. */
#include "lib/app/enip.h"

#include <stdlib.h>

static const char *const command_words[] = {
    "nop", "0", "list_services", "4", "list_identity", "99", "list_interfaces", "100",
    "register_session", "101", "unregister_session", "102", "send_rr_data", "111", "send_rrdata",
    "111", "send_unit_data", "112", "indicate_status", "114", "cancel", "115", NULL};
static const char *const status_words[] = {
    "success", "0", "invalid_cmd", "1", "no_resources", "2", "incorrect_data", "3",
    "invalid_session", "100", "invalid_length", "101", "unsupported_prot_rev", "105",
    "encap_header_error", "106", NULL};
static const char *const service_words[] = {
    "get_attr_all", "1", "set_attr_all", "2", "get_attr_list", "3", "set_attr_list", "4",
    "reset", "5", "start", "6", "stop", "7", "create", "8", "delete", "9", "multiple_service",
    "10", "apply_attributes", "13", "get_attr_single", "14", "set_attr_single", "16",
    "find_next_object_instance", "17", "restore", "21", "save", "22", "no_operation", "23",
    "get_member", "24", "set_member", "25", "insert_member", "26", "remove_member", "27",
    "kick_timer", "75", "read_tag", "76", "write_tag", "77", "unconnected_send", "82",
    "forward_open", "84", "forward_close", "78", NULL};

#define PDU_NUMBER(fn, condition, value)                                                           \
    static bool fn(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,     \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct enip_pdu *p = &((const struct enip_tx *)base)->pdu[dir];                      \
        (void)s;                                                                                   \
        *out = (uint64_t)(value);                                                                  \
        return !i && p->there && (condition);                                                      \
    }

PDU_NUMBER(get_command, true, p->command)
PDU_NUMBER(get_status, true, p->status)
PDU_NUMBER(get_version, p->has_version, p->version)
PDU_NUMBER(get_revision, p->has_identity, p->revision)
PDU_NUMBER(get_identity_status, p->has_identity, p->identity_status)
PDU_NUMBER(get_state, p->has_identity, p->state)
PDU_NUMBER(get_serial, p->has_identity, p->serial)
PDU_NUMBER(get_product, p->has_identity, p->product)
PDU_NUMBER(get_device, p->has_identity, p->device)
PDU_NUMBER(get_vendor, p->has_identity, p->vendor)
PDU_NUMBER(get_capabilities, p->has_services, p->capabilities)

/* The INDEXth path element of kind PART. */
static bool path_at(struct sek_tx *base, enum sek_dir dir, enum cip_part part, uint32_t index,
                    uint64_t *out)
{
    const struct enip_pdu *p = &((const struct enip_tx *)base)->pdu[dir];
    for (uint32_t i = 0; i < cip_path_count(p); i++) {
        struct cip_path v = cip_path_at(p, i);
        if (v.part == part && !index--) {
            *out = v.value;
            return true;
        }
    }
    return false;
}

#define PATH_NUMBER(fn, part)                                                                      \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        (void)s;                                                                                   \
        return path_at(tx, dir, part, i, out);                                                     \
    }

PATH_NUMBER(get_class, CIP_CLASS)
PATH_NUMBER(get_instance, CIP_INSTANCE)
PATH_NUMBER(get_attribute, CIP_ATTRIBUTE)

#define CIP_NUMBER(fn, condition, value)                                                           \
    static bool fn(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,     \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct enip_pdu *p = &((const struct enip_tx *)base)->pdu[dir];                      \
        (void)s;                                                                                   \
        if (i >= cip_count(p))                                                                     \
            return false;                                                                          \
        struct cip_message m = cip_at(p, i);                                                       \
        *out = (condition) ? (uint64_t)(value) : SEK_NUMBER_NONE;                                  \
        return true;                                                                               \
    }

CIP_NUMBER(get_cip_status, m.response, m.status)
CIP_NUMBER(get_cip_extended, m.has_extended, m.extended)

#define DONE {1, 1}

const struct sek_number_def enip_numbers[] = {
    {"enip_command", 3, DONE, get_command, command_words},
    {"enip.command", 3, DONE, get_command, command_words},
    {"enip.status", 3, DONE, get_status, status_words},
    {"enip.protocol_version", 3, DONE, get_version, NULL},
    {"enip.cip_attribute", 3, DONE, get_attribute, NULL},
    {"enip.cip_instance", 3, DONE, get_instance, NULL},
    {"enip.cip_class", 3, DONE, get_class, NULL},
    {"enip.cip_status", 3, DONE, get_cip_status, NULL},
    {"enip.cip_extendedstatus", 3, DONE, get_cip_extended, NULL},
    {"enip.revision", 3, DONE, get_revision, NULL},
    {"enip.identity_status", 3, DONE, get_identity_status, NULL},
    {"enip.state", 3, DONE, get_state, NULL},
    {"enip.serial", 3, DONE, get_serial, NULL},
    {"enip.product_code", 3, DONE, get_product, NULL},
    {"enip.device_type", 3, DONE, get_device, NULL},
    {"enip.vendor_id", 3, DONE, get_vendor, NULL},
    {"enip.capabilities", 3, DONE, get_capabilities, NULL},
    {0},
};

#define PDU_SLICE(fn, field)                                                                       \
    static bool fn(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir, uint32_t i,     \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct enip_tx *tx = (const struct enip_tx *)base;                                   \
        (void)s;                                                                                   \
        return !i && sek_slice_give(&tx->text, tx->pdu[dir].field, out);                           \
    }

PDU_SLICE(get_product_name, product_name)
PDU_SLICE(get_service_name, service_name)

const struct sek_buffer_def enip_buffers[] = {
    {"enip.product_name", NULL, NULL, 2, DONE, false, false, get_product_name},
    {"enip.service_name", NULL, NULL, 2, DONE, false, false, get_service_name},
    {0},
};

/* cip_service:SERVICE[,CLASS[,ATTRIBUTE]] */
struct cip_test {
    unsigned count;
    uint32_t value[3];
};

static const void *parse_service(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    static const uint32_t most[] = {127, UINT16_MAX, UINT16_MAX};
    struct cip_test *t = sek_arena_alloc(arena, sizeof *t);
    char *p = arg, *end;
    while (t && p && t->count < 3) {
        unsigned long v = strtoul(p, &end, 0);
        while (*end == ' ')
            end++;
        if (end == p || v > most[t->count] || (*end && *end != ','))
            break;
        t->value[t->count++] = (uint32_t)v;
        p = *end ? end + 1 : NULL;
    }
    if (t && t->count && !p)
        return t;
    sek_fail(fault, SEK_EINVAL, "found '%.40s', expected SERVICE[,CLASS[,ATTRIBUTE]]",
             arg ? arg : "");
    return NULL;
}

static bool has_part(const struct enip_pdu *p, const struct cip_message *m, enum cip_part part,
                     uint32_t value)
{
    for (uint32_t i = m->first_path; i < (uint32_t)m->first_path + m->paths; i++) {
        struct cip_path v = cip_path_at(p, i);
        if (v.part == part && v.value == value)
            return true;
    }
    return false;
}

static bool match_service(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                          const void *arg)
{
    const struct enip_pdu *p = &((const struct enip_tx *)base)->pdu[dir];
    const struct cip_test *t = arg;
    (void)s;
    for (uint32_t i = 0; i < cip_count(p); i++) {
        struct cip_message m = cip_at(p, i);
        if (m.service == t->value[0] && (t->count < 2 || has_part(p, &m, CIP_CLASS, t->value[1])) &&
            (t->count < 3 || has_part(p, &m, CIP_ATTRIBUTE, t->value[2])))
            return true;
    }
    return false;
}

const struct sek_test_def enip_tests[] = {
    {"cip_service", 3, DONE, parse_service, match_service},
    {"cip.service", 3, DONE, parse_service, match_service},
    {0},
};

/* --- records --- */

static void cip_json(struct sek_text *out, const struct enip_pdu *p, const struct cip_message *m)
{
    static const char *const parts[] = {"class", "instance", "attribute"};
    sek_word_json(out, "service", service_words, m->service);
    if (m->response)
        sek_json_uint(out, "status", m->status);
    if (m->has_extended)
        sek_json_uint(out, "status_extended", m->extended);
    if (m->paths) {
        sek_json_open(out, "path", '[');
        for (uint32_t i = m->first_path; i < (uint32_t)m->first_path + m->paths; i++) {
            struct cip_path v = cip_path_at(p, i);
            sek_json_open(out, NULL, '{');
            sek_json_str(out, "segment_type", parts[v.part]);
            sek_json_uint(out, "value", v.value);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
}

/* The message, and those inside it. */
static void cip_all_json(struct sek_text *out, const struct enip_pdu *p)
{
    struct cip_message m = cip_at(p, 0);
    sek_json_open(out, "cip", '{');
    cip_json(out, p, &m);
    if (cip_count(p) > 1) {
        sek_json_open(out, "multiple", '[');
        for (uint32_t i = 1; i < cip_count(p); i++) {
            m = cip_at(p, i);
            sek_json_open(out, NULL, '{');
            cip_json(out, p, &m);
            sek_json_close(out, '}');
        }
        sek_json_close(out, ']');
    }
    sek_json_close(out, '}');
}

static void identity_json(struct sek_text *out, const struct enip_tx *tx, const struct enip_pdu *p)
{
    sek_json_open(out, "identity", '{');
    sek_json_uint(out, "protocol_version", p->version);
    sek_json_uint(out, "vendor_id", p->vendor);
    sek_json_uint(out, "device_type", p->device);
    sek_json_uint(out, "product_code", p->product);
    sek_json_uint(out, "revision", p->revision);
    sek_json_uint(out, "status", p->identity_status);
    sek_json_uint(out, "serial", p->serial);
    sek_slice_json(out, "product_name", &tx->text, p->product_name);
    sek_json_uint(out, "state", p->state);
    sek_json_close(out, '}');
}

static void pdu_json(struct sek_text *out, const char *key, const struct enip_tx *tx,
                     const struct enip_pdu *p)
{
    if (!p->there)
        return;
    sek_json_open(out, key, '{');
    sek_word_json(out, "command", command_words, p->command);
    sek_word_json(out, "status", status_words, p->status);
    if (p->command == ENIP_REGISTER && p->has_version) {
        sek_json_open(out, "register_session", '{');
        sek_json_uint(out, "protocol_version", p->version);
        sek_json_close(out, '}');
    }
    if (p->has_identity)
        identity_json(out, tx, p);
    if (p->has_services) {
        sek_json_open(out, "list_services", '{');
        sek_json_uint(out, "protocol_version", p->version);
        sek_json_uint(out, "capabilities", p->capabilities);
        sek_slice_json(out, "service_name", &tx->text, p->service_name);
        sek_json_close(out, '}');
    }
    if (cip_count(p))
        cip_all_json(out, p);
    sek_json_close(out, '}');
}

void enip_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct enip_tx *tx = (const struct enip_tx *)base;
    (void)state;
    pdu_json(out, "request", tx, &tx->pdu[SEK_TOSERVER]);
    pdu_json(out, "response", tx, &tx->pdu[SEK_TOCLIENT]);
}
