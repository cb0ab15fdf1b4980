/* DNP3 keywords and records. */
#include "lib/app/dnp3.h"

#include <stdlib.h>
#include <string.h>

static const char *const function_words[] = {
    "confirm", "0", "read", "1", "write", "2", "select", "3", "operate", "4", "direct_operate",
    "5", "direct_operate_nr", "6", "immed_freeze", "7", "immed_freeze_nr", "8", "freeze_clear",
    "9", "freeze_clear_nr", "10", "freeze_at_time", "11", "freeze_at_time_nr", "12",
    "cold_restart", "13", "warm_restart", "14", "initialize_data", "15", "initialize_appl", "16",
    "start_appl", "17", "stop_appl", "18", "save_config", "19", "enable_unsolicited", "20",
    "disable_unsolicited", "21", "assign_class", "22", "delay_measure", "23",
    "record_current_time", "24", "open_file", "25", "close_file", "26", "delete_file", "27",
    "get_file_info", "28", "authenticate_file", "29", "abort_file", "30", "activate_config", "31",
    "authenticate_req", "32", "authenticate_err", "33", "response", "129", "unsolicited_response",
    "130", "authenticate_resp", "131", NULL};

/* Bits of the two bytes of internal indications, the first one high. */
static const char *const indication_words[] = {
    "all_stations", "0x0100", "class_1_events", "0x0200", "class_2_events", "0x0400",
    "class_3_events", "0x0800", "need_time", "0x1000", "local_control", "0x2000",
    "device_trouble", "0x4000", "device_restart", "0x8000", "no_func_code_support", "0x0001",
    "object_unknown", "0x0002", "parameter_error", "0x0004", "event_buffer_overflow", "0x0008",
    "already_executing", "0x0010", "config_corrupt", "0x0020", "reserved_2", "0x0040",
    "reserved_1", "0x0080", NULL};

static bool get_data(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     struct sek_bytes *out)
{
    (void)s, (void)dir;
    *out = sek_buffer_view(&((struct dnp3_tx *)tx)->data);
    return !i && out->data;
}

SEK_NUMBER_GETTER(get_function, dnp3_tx, tx->data.len, tx->function)

const struct sek_buffer_def dnp3_buffers[] = {
    {"dnp3.data", "dnp3_data", NULL, 3, {1, 1}, false, false, get_data},
    {0},
};

const struct sek_number_def dnp3_numbers[] = {
    {"dnp3_func", 3, {1, 1}, get_function, function_words},
    {"dnp3.func", 3, {1, 1}, get_function, function_words},
    {0},
};

/* dnp3_ind: a list of names or bits, any of which is set. */
static const void *parse_indications(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    uint64_t *bits = sek_arena_alloc(arena, sizeof *bits);
    for (char *word = arg ? strtok(arg, ", ") : NULL; word && bits; word = strtok(NULL, ", ")) {
        uint64_t bit;
        char *end;
        if (!sek_word_value(indication_words, word, &bit)) {
            bit = strtoull(word, &end, 0);
            if (*end || bit > UINT16_MAX) {
                sek_fail(fault, SEK_EINVAL, "found '%.40s', expected names of internal indications",
                         word);
                return NULL;
            }
        }
        *bits |= bit;
    }
    if (bits && *bits)
        return bits;
    sek_fail(fault, SEK_EINVAL, "expected names of internal indications");
    return NULL;
}

static bool match_indications(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                              const void *bits)
{
    (void)s, (void)dir;
    return ((struct dnp3_tx *)tx)->indications & *(const uint64_t *)bits;
}

/* dnp3_obj: group,variation. */
static const void *parse_object(struct sek_arena *arena, char *arg, struct sek_fault *fault)
{
    struct dnp3_object *o = sek_arena_alloc(arena, sizeof *o);
    char *end = arg, *end2;
    unsigned long group = arg ? strtoul(arg, &end, 10) : 0;
    unsigned long variation = end && *end == ',' ? strtoul(end + 1, &end2, 10) : 256;
    if (!o || !end || end == arg || group > 255 || variation > 255 || *end2) {
        sek_fail(fault, SEK_EINVAL, "found '%.40s', expected GROUP,VARIATION", arg ? arg : "");
        return NULL;
    }
    o->group = (uint8_t)group;
    o->variation = (uint8_t)variation;
    return o;
}

static uint32_t object_count(const struct dnp3_tx *tx)
{
    return (uint32_t)(tx->objects.len / sizeof(struct dnp3_object));
}

static struct dnp3_object object_at(const struct dnp3_tx *tx, uint32_t i)
{
    struct dnp3_object o;
    memcpy(&o, tx->objects.data + i * sizeof o, sizeof o);
    return o;
}

static bool match_object(struct sek_app_state *s, struct sek_tx *base, enum sek_dir dir,
                         const void *test)
{
    const struct dnp3_tx *tx = (const struct dnp3_tx *)base;
    const struct dnp3_object *want = test;
    (void)s, (void)dir;
    for (uint32_t i = 0; i < object_count(tx); i++) {
        struct dnp3_object o = object_at(tx, i);
        if (o.group == want->group && o.variation == want->variation)
            return true;
    }
    return false;
}

const struct sek_test_def dnp3_tests[] = {
    {"dnp3_ind", 3, {1, 1}, parse_indications, match_indications},
    {"dnp3.ind", 3, {1, 1}, parse_indications, match_indications},
    {"dnp3_obj", 3, {1, 1}, parse_object, match_object},
    {"dnp3.obj", 3, {1, 1}, parse_object, match_object},
    {0},
};

static void objects_json(struct sek_text *out, const struct dnp3_tx *tx)
{
    sek_json_open(out, "objects", '[');
    for (uint32_t i = 0; i < object_count(tx); i++) {
        struct dnp3_object o = object_at(tx, i);
        sek_json_open(out, NULL, '{');
        sek_json_uint(out, "group", o.group);
        sek_json_uint(out, "variation", o.variation);
        sek_json_uint(out, "qualifier", o.qualifier);
        sek_json_uint(out, "prefix_code", o.qualifier >> 4 & 7);
        sek_json_uint(out, "range_code", o.qualifier & 15);
        sek_json_uint(out, "start", o.start);
        sek_json_uint(out, "stop", o.stop);
        sek_json_uint(out, "count", o.count);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void link_json(struct sek_text *out, const struct dnp3_tx *tx)
{
    sek_json_open(out, "control", '{');
    sek_json_bool(out, "dir", tx->link_control & 0x80);
    sek_json_bool(out, "pri", tx->link_control & 0x40);
    sek_json_bool(out, "fcb", tx->link_control & 0x20);
    sek_json_bool(out, "fcv", tx->link_control & 0x10);
    sek_json_uint(out, "function_code", tx->link_control & 15);
    sek_json_close(out, '}');
    sek_json_uint(out, "src", tx->from);
    sek_json_uint(out, "dst", tx->to);
}

static void application_json(struct sek_text *out, const struct dnp3_tx *tx)
{
    sek_json_open(out, "application", '{');
    sek_json_open(out, "control", '{');
    sek_json_bool(out, "fir", tx->control & 0x80);
    sek_json_bool(out, "fin", tx->control & 0x40);
    sek_json_bool(out, "con", tx->control & 0x20);
    sek_json_bool(out, "uns", tx->control & 0x10);
    sek_json_uint(out, "sequence", tx->control & 15);
    sek_json_close(out, '}');
    sek_json_uint(out, "function_code", tx->function);
    objects_json(out, tx);
    sek_json_bool(out, "complete", tx->complete);
    sek_json_close(out, '}');
}

static void indications_json(struct sek_text *out, const struct dnp3_tx *tx)
{
    sek_json_open(out, "iin", '{');
    sek_json_open(out, "indicators", '[');
    for (const char *const *w = indication_words; *w; w += 2)
        if (tx->indications & strtoul(w[1], NULL, 0))
            sek_json_str(out, NULL, w[0]);
    sek_json_close(out, ']');
    sek_json_close(out, '}');
}

void dnp3_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    const struct dnp3_tx *tx = (const struct dnp3_tx *)base;
    const char *type = tx->response ? "response" : "request";
    (void)state;
    sek_json_open(out, type, '{');
    sek_json_str(out, "type", type);
    link_json(out, tx);
    application_json(out, tx);
    if (tx->response)
        indications_json(out, tx);
    sek_json_close(out, '}');
}
