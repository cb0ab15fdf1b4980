/* LDAP keywords and records. */
#include "lib/app/ldap.h"

static const char *const operation_words[] = {
    "bind_request", "0", "bind_response", "1", "unbind_request", "2", "search_request", "3",
    "search_result_entry", "4", "search_result_done", "5", "modify_request", "6",
    "modify_response", "7", "add_request", "8", "add_response", "9", "del_request", "10",
    "del_response", "11", "mod_dn_request", "12", "mod_dn_response", "13", "compare_request",
    "14", "compare_response", "15", "abandon_request", "16", "search_result_reference", "19",
    "extended_request", "23", "extended_response", "24", "intermediate_response", "25", NULL};
static const char *const result_words[] = {
    "success", "0", "operations_error", "1", "protocol_error", "2", "time_limit_exceeded", "3",
    "size_limit_exceeded", "4", "compare_false", "5", "compare_true", "6",
    "auth_method_not_supported", "7", "stronger_auth_required", "8", "referral", "10",
    "admin_limit_exceeded", "11", "unavailable_critical_extension", "12",
    "confidentiality_required", "13", "sasl_bind_in_progress", "14", "no_such_attribute", "16",
    "undefined_attribute_type", "17", "inappropriate_matching", "18", "constraint_violation",
    "19", "attribute_or_value_exists", "20", "invalid_attribute_syntax", "21", "no_such_object",
    "32", "alias_problem", "33", "invalid_dns_syntax", "34", "is_leaf", "35",
    "alias_dereferencing_problem", "36", "inappropriate_authentication", "48",
    "invalid_credentials", "49", "insufficient_access_rights", "50", "busy", "51", "unavailable",
    "52", "unwilling_to_perform", "53", "loop_detect", "54", "sort_control_missing", "60",
    "offset_range_error", "61", "naming_violation", "64", "object_class_violation", "65",
    "not_allowed_on_non_leaf", "66", "not_allowed_on_rdn", "67", "entry_already_exists", "68",
    "object_class_mods_prohibited", "69", "results_too_large", "70", "affects_multiple_dsas",
    "71", "control_error", "76", "other", "80", "server_down", "81", "local_error", "82",
    "encoding_error", "83", "decoding_error", "84", "timeout", "85", "auth_unknown", "86",
    "filter_error", "87", "user_canceled", "88", "param_error", "89", "no_memory", "90",
    "connect_error", "91", "not_supported", "92", "control_not_found", "93",
    "no_results_returned", "94", "more_results_to_return", "95", "client_loop", "96",
    "referral_limit_exceeded", "97", "invalid_response", "100", "ambiguous_response", "101",
    "tls_not_supported", "112", "intermediate_response", "113", "unknown_type", "114", "canceled",
    "118", "no_such_operation", "119", "too_late", "120", "cannot_cancel", "121",
    "assertion_failed", "122", "authorization_denied", "123", "e_sync_refresh_required", "4096",
    "no_operation", "16654", NULL};
static const char *const scope_words[] = {"base_object", "0", "single_level", "1",
                                          "whole_subtree", "2", NULL};
static const char *const alias_words[] = {"never_deref_aliases", "0", "deref_in_searching", "1",
                                          "deref_finding_base_obj", "2", "deref_always", "3", NULL};
static const char *const change_words[] = {"add", "0", "delete", "1", "replace", "2", "increment",
                                           "3", NULL};

static const struct ldap_message *response_at(struct sek_tx *tx, uint32_t i)
{
    return ldap_response_at((struct ldap_tx *)tx, i);
}

/* --- buffers --- */

static bool get_request_dn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                           struct sek_bytes *out)
{
    const struct ldap_message *m = ((struct ldap_tx *)tx)->request;
    (void)s, (void)dir;
    return !i && m && sek_slice_give(&m->text, m->dn, out);
}

/* One instance for each response, empty where it has no such field. */
#define RESPONSE_GETTER(fn, field)                                                                 \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct ldap_message *m = response_at(tx, i);                                         \
        (void)s, (void)dir;                                                                        \
        if (m)                                                                                     \
            sek_slice_give(&m->text, m->field, out);                                               \
        return m != NULL;                                                                          \
    }

RESPONSE_GETTER(get_response_dn, dn)
RESPONSE_GETTER(get_message, message)

static bool name_in(const struct ldap_message *m, uint32_t i, struct sek_bytes *out)
{
    return sek_slice_give(&m->text, ldap_attribute_at(m, i).name, out);
}

static bool pair_in(const struct ldap_message *m, uint32_t i, struct sek_bytes *out)
{
    return sek_slice_give(&m->text, ldap_value_at(m, i).pair, out);
}

#define REQUEST_LIST(fn, count, give)                                                              \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct ldap_message *m = ((struct ldap_tx *)tx)->request;                            \
        (void)s, (void)dir;                                                                        \
        return m && i < count(m) && give(m, i, out);                                               \
    }

/* The lists of all responses, one after the other. */
#define RESPONSE_LIST(fn, count, give)                                                             \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        (void)s, (void)dir;                                                                        \
        const struct ldap_message *m;                                                              \
        for (uint32_t at = 0; (m = response_at(tx, at)); at++) {                                   \
            if (i < count(m))                                                                      \
                return give(m, i, out);                                                            \
            i -= count(m);                                                                         \
        }                                                                                          \
        return false;                                                                              \
    }

REQUEST_LIST(get_request_types, ldap_attributes, name_in)
REQUEST_LIST(get_request_pairs, ldap_values, pair_in)
RESPONSE_LIST(get_response_types, ldap_attributes, name_in)
RESPONSE_LIST(get_response_pairs, ldap_values, pair_in)

#define DONE {LDAP_ANSWERED, LDAP_ANSWERED}
#define ANY  {LDAP_ANSWERING, LDAP_ANSWERING}

const struct sek_buffer_def ldap_buffers[] = {
    {"ldap.request.dn", NULL, NULL, 1, DONE, false, false, get_request_dn},
    {"ldap.responses.dn", NULL, NULL, 2, DONE, true, false, get_response_dn},
    {"ldap.responses.message", NULL, NULL, 2, DONE, true, false, get_message},
    {"ldap.request.attribute_type", NULL, NULL, 1, DONE, true, false, get_request_types},
    {"ldap.responses.attribute_type", NULL, NULL, 2, DONE, true, false, get_response_types},
    {"ldap.request.attributes", NULL, NULL, 1, DONE, true, false, get_request_pairs},
    {"ldap.responses.attributes", NULL, NULL, 2, DONE, true, false, get_response_pairs},
    {0},
};

SEK_NUMBER_GETTER(get_request, ldap_tx, tx->request, tx->request->operation)
SEK_NUMBER_GETTER(get_count, ldap_tx, true, ldap_responses(tx))

static bool get_response(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                         uint64_t *out)
{
    const struct ldap_message *m = response_at(tx, i);
    (void)s, (void)dir;
    if (m)
        *out = m->operation;
    return m != NULL;
}

static bool get_result(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                       uint64_t *out)
{
    const struct ldap_message *m = response_at(tx, i);
    (void)s, (void)dir;
    if (m)
        *out = m->has_result ? (uint64_t)m->result : SEK_NUMBER_NONE;
    return m != NULL;
}

const struct sek_number_def ldap_numbers[] = {
    {"ldap.request.operation", 1, ANY, get_request, operation_words},
    {"ldap.responses.operation", 2, ANY, get_response, operation_words},
    {"ldap.responses.count", 2, ANY, get_count, NULL},
    {"ldap.responses.result_code", 2, ANY, get_result, result_words},
    {0},
};

/* --- records --- */

static void slice_json(struct sek_text *out, const char *key, const struct ldap_message *m,
                       struct sek_slice s)
{
    sek_slice_json(out, key, &m->text, s);
}

static void values_json(struct sek_text *out, const char *key, const struct ldap_message *m,
                        const struct ldap_attribute *a)
{
    sek_json_open(out, key, '[');
    for (uint32_t i = a->first; i < a->first + a->count; i++) {
        struct ldap_value v = ldap_value_at(m, i);
        sek_json_bytes(out, NULL, m->text.data + v.at, v.pair.len - (v.at - v.pair.at));
    }
    sek_json_close(out, ']');
}

/* A list of objects with a name under NAME and values. */
static void attributes_json(struct sek_text *out, const struct ldap_message *m, const char *name)
{
    sek_json_open(out, "attributes", '[');
    for (uint32_t i = 0; i < ldap_attributes(m); i++) {
        struct ldap_attribute a = ldap_attribute_at(m, i);
        sek_json_open(out, NULL, '{');
        slice_json(out, name, m, a.name);
        values_json(out, "values", m, &a);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void changes_json(struct sek_text *out, const struct ldap_message *m)
{
    sek_json_open(out, "changes", '[');
    for (uint32_t i = 0; i < ldap_attributes(m); i++) {
        struct ldap_attribute a = ldap_attribute_at(m, i);
        sek_json_open(out, NULL, '{');
        sek_word_json(out, "operation", change_words, a.change);
        sek_json_open(out, "modification", '{');
        slice_json(out, "attribute_type", m, a.name);
        values_json(out, "attribute_values", m, &a);
        sek_json_close(out, '}');
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void bind_json(struct sek_text *out, const struct ldap_message *m)
{
    sek_json_int(out, "version", m->number[0]);
    slice_json(out, "name", m, m->dn);
    if (!m->name.set)
        return;
    sek_json_open(out, "sasl", '{');
    slice_json(out, "mechanism", m, m->name);
    sek_json_close(out, '}');
}

static void search_json(struct sek_text *out, const struct ldap_message *m)
{
    slice_json(out, "base_object", m, m->dn);
    sek_word_json(out, "scope", scope_words, m->number[0]);
    sek_word_json(out, "deref_alias", alias_words, m->number[1]);
    sek_json_int(out, "size_limit", m->number[2]);
    sek_json_int(out, "time_limit", m->number[3]);
    sek_json_bool(out, "types_only", m->flag);
    sek_json_open(out, "attributes", '[');
    for (uint32_t i = 0; i < ldap_attributes(m); i++)
        slice_json(out, NULL, m, ldap_attribute_at(m, i).name);
    sek_json_close(out, ']');
}

static void rename_json(struct sek_text *out, const struct ldap_message *m)
{
    slice_json(out, "entry", m, m->dn);
    slice_json(out, "new_rdn", m, m->name);
    sek_json_bool(out, "delete_old_rdn", m->flag);
    slice_json(out, "new_superior", m, m->value);
}

static void compare_json(struct sek_text *out, const struct ldap_message *m)
{
    slice_json(out, "entry", m, m->dn);
    if (!ldap_attributes(m))
        return;
    struct ldap_attribute a = ldap_attribute_at(m, 0);
    sek_json_open(out, "attribute_value_assertion", '{');
    slice_json(out, "description", m, a.name);
    if (a.count) {
        struct ldap_value v = ldap_value_at(m, a.first);
        sek_json_bytes(out, "value", m->text.data + v.at, v.pair.len - (v.at - v.pair.at));
    }
    sek_json_close(out, '}');
}

static void result_json(struct sek_text *out, const struct ldap_message *m)
{
    sek_word_json(out, "result_code", result_words, m->result);
    slice_json(out, "matched_dn", m, m->dn);
    slice_json(out, "message", m, m->message);
    slice_json(out, "name", m, m->name);
    slice_json(out, "value", m, m->value);
}

static void operation_json(struct sek_text *out, const struct ldap_message *m)
{
    switch (m->operation) {
    case LDAP_BIND_REQUEST:
        bind_json(out, m);
        return;
    case LDAP_SEARCH_REQUEST:
        search_json(out, m);
        return;
    case LDAP_SEARCH_ENTRY:
        slice_json(out, "base_object", m, m->dn);
        attributes_json(out, m, "type");
        return;
    case LDAP_ADD_REQUEST:
        slice_json(out, "entry", m, m->dn);
        attributes_json(out, m, "name");
        return;
    case LDAP_MODIFY_REQUEST:
        slice_json(out, "object", m, m->dn);
        changes_json(out, m);
        return;
    case LDAP_DEL_REQUEST:
        slice_json(out, "dn", m, m->dn);
        return;
    case LDAP_MOD_DN_REQUEST:
        rename_json(out, m);
        return;
    case LDAP_COMPARE_REQUEST:
        compare_json(out, m);
        return;
    default:
        if (m->has_result) {
            result_json(out, m);
        } else {
            slice_json(out, "name", m, m->name);
            slice_json(out, "value", m, m->value);
        }
    }
}

static void message_json(struct sek_text *out, const char *key, const struct ldap_message *m)
{
    const char *operation = sek_word(operation_words, m->operation);
    sek_json_open(out, key, '{');
    sek_json_str(out, "operation", operation);
    sek_json_int(out, "message_id", m->id);
    if (m->operation != LDAP_UNBIND && m->operation != LDAP_ABANDON) {
        sek_json_open(out, operation, '{');
        operation_json(out, m);
        sek_json_close(out, '}');
    }
    sek_json_close(out, '}');
}

void ldap_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct ldap_tx *tx = (const struct ldap_tx *)base;
    (void)state;
    if (tx->request)
        message_json(out, "request", tx->request);
    if (!tx->list.len)
        return;
    sek_json_open(out, "responses", '[');
    for (uint32_t i = 0; i < ldap_responses(tx); i++)
        message_json(out, NULL, ldap_response_at(tx, i));
    sek_json_close(out, ']');
}
