/* The bodies of MQTT messages: variable header, properties (MQTT 5) and payload. */
#include "lib/app/mqtt.h"

#define TOPICS_MAX 1024u /* kept of one message */

/* A variable byte integer: seven bits a byte, at most four. */
bool mqtt_number(struct sek_reader *r, uint32_t *out)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t b = sek_reader_u8(r);
        v |= (uint32_t)(b & 0x7f) << 7 * i;
        if (!(b & 0x80)) {
            *out = v;
            return !r->failed;
        }
    }
    return false;
}

const char *mqtt_property(uint32_t id, char *kind)
{
    static const struct {
        const char *name;
        char kind;
    } table[] = {
        [1] = {"payload_format_indicator", '1'}, [2] = {"message_expiry_interval", '4'},
        [3] = {"content_type", 's'}, [8] = {"response_topic", 's'},
        [9] = {"correlation_data", 'b'}, [11] = {"subscription_identifier", 'v'},
        [17] = {"session_expiry_interval", '4'}, [18] = {"assigned_client_id", 's'},
        [19] = {"server_keep_alive", '2'}, [21] = {"authentication_method", 's'},
        [22] = {"authentication_data", 'b'}, [23] = {"request_problem_info", '1'},
        [24] = {"will_delay_interval", '4'}, [25] = {"request_response_info", '1'},
        [26] = {"response_info", 's'}, [28] = {"server_reference", 's'},
        [31] = {"reason_string", 's'}, [33] = {"receive_maximum", '2'},
        [34] = {"topic_alias_maximum", '2'}, [35] = {"topic_alias", '2'},
        [36] = {"maximum_qos", '1'}, [37] = {"retain_available", '1'}, [38] = {"", 'p'},
        [39] = {"maximum_packet_size", '4'}, [40] = {"wildcard_subscription_available", '1'},
        [41] = {"subscription_identifier_available", '1'},
        [42] = {"shared_subscription_available", '1'},
    };
    if (id >= sizeof table / sizeof *table || !table[id].name)
        return NULL;
    *kind = table[id].kind;
    return table[id].name;
}

/* True when every property of the block is one of the standard's and within it. */
static bool properties_sane(struct sek_reader r)
{
    while (sek_reader_left(&r)) {
        uint32_t id, value;
        char kind;
        if (!mqtt_number(&r, &id) || !mqtt_property(id, &kind))
            return false;
        if (kind == 'v') {
            if (!mqtt_number(&r, &value))
                return false;
        } else if (kind >= '1' && kind <= '4') {
            sek_reader_skip(&r, (uint32_t)(kind - '0'));
        } else {
            sek_reader_skip(&r, sek_reader_u16(&r));
            if (kind == 'p')
                sek_reader_skip(&r, sek_reader_u16(&r));
        }
    }
    return !r.failed;
}

static struct sek_slice keep(struct sek_pool *pool, struct mqtt_message *m, struct sek_bytes b)
{
    return sek_slice_keep(pool, &m->text, b);
}

/* A length of two bytes and as many bytes. */
static struct sek_slice read_text(struct sek_pool *pool, struct mqtt_message *m,
                                  struct sek_reader *r)
{
    uint16_t len = sek_reader_u16(r);
    struct sek_bytes b = sek_reader_bytes(r, len);
    return r->failed ? (struct sek_slice){0} : keep(pool, m, b);
}

static bool read_properties(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                            struct sek_reader *r, struct sek_slice *out)
{
    uint32_t len;
    if (version < 5)
        return true;
    if (!mqtt_number(r, &len))
        return false;
    struct sek_bytes b = sek_reader_bytes(r, len);
    if (r->failed || !properties_sane(sek_reader_make(b.data, b.len)))
        return false;
    if (len)
        *out = keep(pool, m, b);
    return true;
}

static bool read_connect(struct sek_pool *pool, struct mqtt_message *m, struct sek_reader *r)
{
    m->protocol = read_text(pool, m, r);
    m->version = sek_reader_u8(r);
    m->connect_flags = sek_reader_u8(r);
    sek_reader_skip(r, 2); /* keep alive */
    if (!read_properties(pool, m, m->version, r, &m->properties))
        return false;
    m->client_id = read_text(pool, m, r);
    if (m->connect_flags & MQTT_WILL) {
        if (!read_properties(pool, m, m->version, r, &m->will_properties))
            return false;
        m->will_topic = read_text(pool, m, r);
        m->will_message = read_text(pool, m, r);
    }
    if (m->connect_flags & MQTT_USERNAME)
        m->username = read_text(pool, m, r);
    if (m->connect_flags & MQTT_PASSWORD)
        m->password = read_text(pool, m, r);
    return !r->failed;
}

static bool read_id(struct mqtt_message *m, struct sek_reader *r)
{
    m->id = sek_reader_u16(r);
    m->has_id = !r->failed;
    return m->has_id;
}

static bool read_publish(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                         struct sek_reader *r)
{
    m->topic = read_text(pool, m, r);
    if (mqtt_qos(m) && !read_id(m, r))
        return false;
    if (!read_properties(pool, m, version, r, &m->properties))
        return false;
    m->payload = keep(pool, m, sek_reader_bytes(r, sek_reader_left(r)));
    return !r->failed;
}

/* MQTT 5 leaves a code of 0 and empty properties out. */
static bool read_code(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                      struct sek_reader *r)
{
    if (version < 5)
        return true;
    m->has_code = true;
    if (sek_reader_left(r))
        m->code = sek_reader_u8(r);
    return !sek_reader_left(r) || read_properties(pool, m, version, r, &m->properties);
}

static bool read_topics(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                        struct sek_reader *r)
{
    if (!read_id(m, r) || !read_properties(pool, m, version, r, &m->properties))
        return false;
    for (uint32_t n = 0; sek_reader_left(r); n++) {
        struct mqtt_topic t = {.name = read_text(pool, m, r)};
        if (m->type == MQTT_SUBSCRIBE)
            t.qos = sek_reader_u8(r);
        if (!r->failed && n < TOPICS_MAX)
            sek_buffer_add(pool, &m->topics, &t, sizeof t, 0);
    }
    return !r->failed;
}

static bool read_codes(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                       struct sek_reader *r)
{
    if (!read_id(m, r) || !read_properties(pool, m, version, r, &m->properties))
        return false;
    struct sek_bytes b = sek_reader_bytes(r, sek_reader_left(r));
    sek_buffer_add(pool, &m->codes, b.data, b.len, TOPICS_MAX);
    return true;
}

bool mqtt_message_read(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                       struct sek_bytes body)
{
    struct sek_reader r = sek_reader_make(body.data, body.len);
    switch (m->type) {
    case MQTT_CONNECT:
        return read_connect(pool, m, &r);
    case MQTT_CONNACK:
        m->session_present = sek_reader_u8(&r) & 1;
        m->code = sek_reader_u8(&r);
        m->has_code = !r.failed;
        return m->has_code && read_properties(pool, m, version, &r, &m->properties);
    case MQTT_PUBLISH:
        return read_publish(pool, m, version, &r);
    case MQTT_PUBACK:
    case MQTT_PUBREC:
    case MQTT_PUBREL:
    case MQTT_PUBCOMP:
        return read_id(m, &r) && read_code(pool, m, version, &r);
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        return read_topics(pool, m, version, &r);
    case MQTT_SUBACK:
    case MQTT_UNSUBACK:
        return read_codes(pool, m, version, &r);
    case MQTT_DISCONNECT:
    case MQTT_AUTH:
        return read_code(pool, m, version, &r);
    default:
        return true;
    }
}

void mqtt_message_free(struct sek_pool *pool, struct mqtt_message *m)
{
    sek_buffer_free(pool, &m->text);
    sek_buffer_free(pool, &m->topics);
    sek_buffer_free(pool, &m->codes);
    sek_pool_put(pool, m, sizeof *m);
}
