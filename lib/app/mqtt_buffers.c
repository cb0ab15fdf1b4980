/* What rules and records see of MQTT. A keyword looks at every message of a transaction. */
#include "lib/app/mqtt.h"

#include <ctype.h>
#include <string.h>

const char *const mqtt_type_words[] = {
    "UNASSIGNED", "0", "CONNECT", "1", "CONNACK", "2", "PUBLISH", "3", "PUBACK", "4",
    "PUBREC", "5", "PUBREL", "6", "PUBCOMP", "7", "SUBSCRIBE", "8", "SUBACK", "9",
    "UNSUBSCRIBE", "10", "UNSUBACK", "11", "PINGREQ", "12", "PINGRESP", "13",
    "DISCONNECT", "14", "AUTH", "15", NULL};

static const struct mqtt_message *message_at(struct sek_tx *tx, uint32_t index)
{
    const struct mqtt_message *m = ((struct mqtt_tx *)tx)->first;
    while (m && index--)
        m = m->next;
    return m;
}

/* The first message of TYPE. */
static const struct mqtt_message *message_of(struct sek_tx *tx, uint8_t type)
{
    const struct mqtt_message *m = ((struct mqtt_tx *)tx)->first;
    while (m && (m->type != type || m->truncated))
        m = m->next;
    return m;
}

#define MESSAGE_GETTER(fn, kind, field)                                                            \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   struct sek_bytes *out)                                                          \
    {                                                                                              \
        const struct mqtt_message *m = message_of(tx, kind);                                       \
        (void)s, (void)dir;                                                                        \
        return !i && m && sek_slice_give(&m->text, m->field, out);                                 \
    }

MESSAGE_GETTER(get_client_id, MQTT_CONNECT, client_id)
MESSAGE_GETTER(get_username, MQTT_CONNECT, username)
MESSAGE_GETTER(get_password, MQTT_CONNECT, password)
MESSAGE_GETTER(get_protocol, MQTT_CONNECT, protocol)
MESSAGE_GETTER(get_will_topic, MQTT_CONNECT, will_topic)
MESSAGE_GETTER(get_will_message, MQTT_CONNECT, will_message)
MESSAGE_GETTER(get_topic, MQTT_PUBLISH, topic)
MESSAGE_GETTER(get_payload, MQTT_PUBLISH, payload)

static bool topic_at(struct sek_tx *tx, uint8_t type, uint32_t index, uint32_t limit,
                     struct sek_bytes *out)
{
    const struct mqtt_message *m = message_of(tx, type);
    struct mqtt_topic t;
    if (!m || index >= m->topics.len / sizeof t || (limit && index >= limit))
        return false;
    memcpy(&t, m->topics.data + index * sizeof t, sizeof t);
    return sek_slice_give(&m->text, t.name, out);
}

static bool get_subscribe(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                          struct sek_bytes *out)
{
    (void)dir;
    return topic_at(tx, MQTT_SUBSCRIBE, i, s->settings->mqtt_subscribe_topics, out);
}

static bool get_unsubscribe(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir,
                            uint32_t i, struct sek_bytes *out)
{
    (void)dir;
    return topic_at(tx, MQTT_UNSUBSCRIBE, i, s->settings->mqtt_unsubscribe_topics, out);
}

#define DONE {1, 1}

const struct sek_buffer_def mqtt_buffers[] = {
    {"mqtt.connect.clientid", NULL, NULL, 3, DONE, false, false, get_client_id},
    {"mqtt.connect.username", NULL, NULL, 3, DONE, false, false, get_username},
    {"mqtt.connect.password", NULL, NULL, 3, DONE, false, false, get_password},
    {"mqtt.connect.protocol_string", NULL, NULL, 3, DONE, false, false, get_protocol},
    {"mqtt.connect.willtopic", NULL, NULL, 3, DONE, false, false, get_will_topic},
    {"mqtt.connect.willmessage", NULL, NULL, 3, DONE, false, false, get_will_message},
    {"mqtt.publish.topic", NULL, NULL, 3, DONE, false, false, get_topic},
    {"mqtt.publish.message", NULL, NULL, 3, DONE, false, false, get_payload},
    {"mqtt.subscribe.topic", NULL, NULL, 3, DONE, true, false, get_subscribe},
    {"mqtt.unsubscribe.topic", NULL, NULL, 3, DONE, true, false, get_unsubscribe},
    {0},
};

#define NUMBER_GETTER(fn, condition, value)                                                        \
    static bool fn(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,       \
                   uint64_t *out)                                                                  \
    {                                                                                              \
        const struct mqtt_message *m = message_at(tx, i);                                          \
        (void)s, (void)dir;                                                                        \
        if (m)                                                                                     \
            *out = (condition) ? (uint64_t)(value) : SEK_NUMBER_NONE;                              \
        return m != NULL;                                                                          \
    }

NUMBER_GETTER(get_type, true, m->type)
NUMBER_GETTER(get_flags, true, m->flags)
NUMBER_GETTER(get_qos, true, mqtt_qos(m))
NUMBER_GETTER(get_connect_flags, m->type == MQTT_CONNECT && !m->truncated, m->connect_flags)
NUMBER_GETTER(get_session, m->type == MQTT_CONNACK && !m->truncated, m->session_present)

SEK_NUMBER_GETTER(get_version, mqtt_tx, tx->version || ((const struct mqtt_state *)state)->version,
                  tx->version ? tx->version : ((const struct mqtt_state *)state)->version)

/* Codes of all messages, one after the other; UNSUBACK has one for each topic. */
static bool get_code(struct sek_app_state *s, struct sek_tx *tx, enum sek_dir dir, uint32_t i,
                     uint64_t *out)
{
    (void)s, (void)dir;
    for (const struct mqtt_message *m = ((struct mqtt_tx *)tx)->first; m; m = m->next) {
        uint32_t count = m->type == MQTT_UNSUBACK ? m->codes.len : m->has_code;
        if (i < count) {
            *out = m->type == MQTT_UNSUBACK ? m->codes.data[i] : m->code;
            return true;
        }
        i -= count;
    }
    return false;
}

static const char *const flag_words[] = {"dup", "8", "retain", "1", NULL};
static const char *const connect_words[] = {"username", "128", "password", "64", "will_retain",
                                            "32", "will", "4", "clean_session", "2", NULL};
static const char *const bool_words[] = {"yes", "1", "true", "1", "no", "0", "false", "0", NULL};

const struct sek_number_def mqtt_numbers[] = {
    {"mqtt.type", 3, DONE, get_type, mqtt_type_words},
    {"mqtt.flags", 3, DONE, get_flags, flag_words, true},
    {"mqtt.qos", 3, DONE, get_qos, NULL},
    {"mqtt.protocol_version", 3, DONE, get_version, NULL},
    {"mqtt.reason_code", 3, DONE, get_code, NULL},
    {"mqtt.connack.return_code", 3, DONE, get_code, NULL},
    {"mqtt.connack.session_present", 3, DONE, get_session, bool_words},
    {"mqtt.connect.flags", 3, DONE, get_connect_flags, connect_words, true},
    {0},
};

/* --- records --- */

/* A name that a peer chose, as a key: what could end it is replaced. */
static void pair_json(struct sek_text *out, struct sek_bytes name, struct sek_bytes value)
{
    char key[64];
    uint32_t n = name.len < sizeof key - 1 ? name.len : (uint32_t)sizeof key - 1;
    for (uint32_t i = 0; i < n; i++)
        key[i] = isalnum(name.data[i]) || strchr("-_. ", name.data[i]) ? (char)name.data[i] : '_';
    key[n] = '\0';
    sek_json_bytes(out, key, value.data, value.len);
}

static void property_json(struct sek_text *out, const char *name, char kind, struct sek_reader *r)
{
    uint32_t number = 0;
    if (kind == 'v') {
        mqtt_number(r, &number);
    } else if (kind == '1') {
        number = sek_reader_u8(r);
    } else if (kind == '2') {
        number = sek_reader_u16(r);
    } else if (kind == '4') {
        number = sek_reader_u32(r);
    } else {
        struct sek_bytes b = sek_reader_bytes(r, sek_reader_u16(r));
        if (kind == 'p')
            pair_json(out, b, sek_reader_bytes(r, sek_reader_u16(r)));
        else if (kind == 'b')
            sek_json_hex(out, name, b.data, b.len);
        else
            sek_json_bytes(out, name, b.data, b.len);
        return;
    }
    sek_json_uint(out, name, number);
}

static void properties_json(struct sek_text *out, const struct mqtt_message *m,
                            struct sek_slice slice)
{
    struct sek_bytes b;
    uint32_t id;
    char kind;
    if (!sek_slice_give(&m->text, slice, &b))
        return;
    struct sek_reader r = sek_reader_make(b.data, b.len);
    sek_json_open(out, "properties", '{');
    while (sek_reader_left(&r)) {
        const char *name = mqtt_number(&r, &id) ? mqtt_property(id, &kind) : NULL;
        if (!name)
            break;
        property_json(out, name, kind, &r);
    }
    sek_json_close(out, '}');
}

static void connect_json(struct sek_text *out, const struct mqtt_message *m)
{
    sek_slice_json(out, "protocol_string", &m->text, m->protocol);
    sek_json_uint(out, "protocol_version", m->version);
    sek_json_open(out, "flags", '{');
    sek_json_bool(out, "username", m->connect_flags & MQTT_USERNAME);
    sek_json_bool(out, "password", m->connect_flags & MQTT_PASSWORD);
    sek_json_bool(out, "will_retain", m->connect_flags & MQTT_WILL_RETAIN);
    sek_json_bool(out, "will", m->connect_flags & MQTT_WILL);
    sek_json_bool(out, "clean_session", m->connect_flags & MQTT_CLEAN_SESSION);
    sek_json_close(out, '}');
    sek_slice_json(out, "client_id", &m->text, m->client_id);
    sek_slice_json(out, "username", &m->text, m->username); /* passwords stay out of the log */
    if (m->connect_flags & MQTT_WILL) {
        sek_json_open(out, "will", '{');
        sek_slice_json(out, "topic", &m->text, m->will_topic);
        sek_slice_json(out, "message", &m->text, m->will_message);
        properties_json(out, m, m->will_properties);
        sek_json_close(out, '}');
    }
}

static void topics_json(struct sek_text *out, const struct mqtt_message *m)
{
    sek_json_open(out, "topics", '[');
    for (uint32_t at = 0; at + sizeof(struct mqtt_topic) <= m->topics.len;
         at += sizeof(struct mqtt_topic)) {
        struct mqtt_topic t;
        memcpy(&t, m->topics.data + at, sizeof t);
        if (m->type == MQTT_UNSUBSCRIBE) {
            sek_slice_json(out, NULL, &m->text, t.name);
            continue;
        }
        sek_json_open(out, NULL, '{');
        sek_slice_json(out, "topic", &m->text, t.name);
        sek_json_uint(out, "qos", t.qos & 3);
        sek_json_close(out, '}');
    }
    sek_json_close(out, ']');
}

static void codes_json(struct sek_text *out, const struct mqtt_message *m)
{
    if (m->type == MQTT_UNSUBACK && !m->codes.len)
        return;
    sek_json_open(out, m->type == MQTT_SUBACK ? "qos_granted" : "reason_codes", '[');
    for (uint32_t i = 0; i < m->codes.len; i++)
        sek_json_uint(out, NULL, m->codes.data[i]);
    sek_json_close(out, ']');
}

static void body_json(struct sek_text *out, const struct mqtt_message *m)
{
    if (m->type == MQTT_CONNECT)
        connect_json(out, m);
    if (m->type == MQTT_CONNACK)
        sek_json_bool(out, "session_present", m->session_present);
    if (m->type == MQTT_PUBLISH)
        sek_slice_json(out, "topic", &m->text, m->topic);
    if (m->has_id)
        sek_json_uint(out, "message_id", m->id);
    if (m->has_code)
        sek_json_uint(out, m->type == MQTT_CONNACK ? "return_code" : "reason_code", m->code);
    if (m->type == MQTT_PUBLISH)
        sek_slice_json(out, "message", &m->text, m->payload);
    if (m->type == MQTT_SUBSCRIBE || m->type == MQTT_UNSUBSCRIBE)
        topics_json(out, m);
    if (m->type == MQTT_SUBACK || m->type == MQTT_UNSUBACK)
        codes_json(out, m);
    properties_json(out, m, m->properties);
}

static void message_json(struct sek_text *out, const struct mqtt_message *m)
{
    char key[16] = {0};
    const char *name = sek_word(mqtt_type_words, m->type);
    for (size_t i = 0; i < sizeof key - 1 && name[i]; i++)
        key[i] = (char)tolower((unsigned char)name[i]);
    sek_json_open(out, key, '{');
    sek_json_uint(out, "qos", mqtt_qos(m));
    sek_json_bool(out, "retain", m->flags & 1);
    sek_json_bool(out, "dup", m->flags & 8);
    if (m->truncated) {
        sek_json_bool(out, "truncated", true);
        sek_json_uint(out, "skipped_length", m->length);
    } else {
        body_json(out, m);
    }
    sek_json_close(out, '}');
}

void mqtt_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out)
{
    (void)state;
    for (const struct mqtt_message *m = ((struct mqtt_tx *)base)->first; m; m = m->next)
        message_json(out, m);
}
