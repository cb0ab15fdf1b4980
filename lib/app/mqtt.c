/* MQTT over TCP: control packets of the stream, gathered into transactions by packet identifier. A
 * packet over app-layer.protocols.mqtt.max-msg-length is not kept, only told of. */
#include "lib/app/mqtt.h"

#include <string.h>

#define MESSAGES_MAX 64u /* of one transaction */

enum { MQTT_FRAME_PDU, MQTT_FRAME_HEADER, MQTT_FRAME_DATA };

/* The fixed header: its length in bytes, 0 when more is needed, -1 when it is none. */
static int header_read(const uint8_t *data, uint32_t len, uint32_t *length)
{
    struct sek_reader r = sek_reader_make(data, len);
    sek_reader_skip(&r, 1);
    if (mqtt_number(&r, length))
        return (int)r.pos;
    return len >= 5 ? -1 : 0;
}

static bool flags_sane(uint8_t first)
{
    unsigned type = first >> 4, flags = first & 15;
    if (type == MQTT_PUBLISH)
        return (flags & 6) != 6;
    return flags == (type == MQTT_PUBREL || type == MQTT_SUBSCRIBE || type == MQTT_UNSUBSCRIBE ? 2
                                                                                              : 0);
}

static enum sek_probe mqtt_probe(const struct sek_flow *flow, enum sek_dir dir,
                                 const uint8_t *data, uint32_t len)
{
    bool port = sek_port_either(flow, 1883);
    uint32_t length, name;
    if (data[0] >> 4 != MQTT_CONNECT && !port)
        return SEK_PROBE_NO;
    int header = header_read(data, len, &length);
    if (header <= 0)
        return header ? SEK_PROBE_NO : SEK_PROBE_MORE;
    if (data[0] == MQTT_CONNECT << 4 && dir == SEK_TOSERVER) {
        name = (uint32_t)header + 2;
        if (len < name + 6)
            return len > name && data[name] != 'M' ? SEK_PROBE_NO : SEK_PROBE_MORE;
        const uint8_t *p = data + header;
        bool known = (p[1] == 4 && !memcmp(p + 2, "MQTT", 4)) ||
                     (p[1] == 6 && !memcmp(p + 2, "MQIsdp", 6));
        return known ? SEK_PROBE_YES : SEK_PROBE_NO;
    }
    /* In the middle of a connection: a packet that fits exactly. */
    return port && data[0] >> 4 && flags_sane(data[0]) &&
                   (uint32_t)header + length <= len
               ? SEK_PROBE_YES
               : SEK_PROBE_NO;
}

static void finish(struct mqtt_tx *tx)
{
    tx->finished = true;
    sek_tx_end(&tx->base, tx->dir);
}

static struct mqtt_tx *tx_open(struct mqtt_state *s, enum sek_dir dir)
{
    struct mqtt_tx *tx = (struct mqtt_tx *)sek_tx_new_bounded(&s->base, sizeof *tx, SEK_APP_MQTT,
                                                              dir, MQTT_EVENT_TOO_MANY_TX);
    if (tx) {
        tx->dir = dir;
        tx->base.progress[dir] = 1;
        tx->base.ignore[!dir] = true;
        tx->version = s->version;
    }
    return tx;
}

static void tx_add(struct mqtt_tx *tx, struct mqtt_message *m)
{
    if (tx->last)
        tx->last->next = m;
    else
        tx->first = m;
    tx->last = m;
    if (++tx->messages >= MESSAGES_MAX) {
        sek_tx_event(&tx->base, tx->dir, MQTT_EVENT_TOO_MANY_MESSAGES);
        finish(tx);
    }
}

/* The unfinished transaction that began with TYPE and, when it has one, M's packet identifier. */
static struct mqtt_tx *tx_find(struct mqtt_state *s, const struct mqtt_message *m, uint8_t type)
{
    struct mqtt_tx *found = NULL;
    for (struct sek_tx *t = s->base.first; t; t = t->next) {
        struct mqtt_tx *tx = (struct mqtt_tx *)t;
        if (!tx->finished && tx->first && tx->first->type == type &&
            (type == MQTT_CONNECT || (tx->has_id && tx->id == m->id)))
            found = tx;
    }
    return found;
}

/* M begins a transaction. True when it is also all of it. */
static void begin(struct mqtt_state *s, enum sek_dir dir, struct mqtt_message *m, bool whole,
                  int event)
{
    struct mqtt_tx *tx = tx_open(s, dir);
    if (!tx) {
        mqtt_message_free(s->base.pool, m);
        return;
    }
    tx_add(tx, m);
    tx->id = m->id;
    tx->has_id = m->has_id;
    if (event >= 0)
        sek_tx_event(&tx->base, tx->dir, (unsigned)event);
    if (whole)
        finish(tx);
}

/* M answers what began with TYPE; EVENT when that was not seen. */
static void answer(struct mqtt_state *s, enum sek_dir dir, struct mqtt_message *m, uint8_t type,
                   bool last, unsigned event)
{
    struct mqtt_tx *tx = tx_find(s, m, type);
    if (!tx) {
        begin(s, dir, m, true, (int)event);
        return;
    }
    tx_add(tx, m);
    if (last)
        finish(tx);
}

static void on_connack(struct mqtt_state *s, enum sek_dir dir, struct mqtt_message *m)
{
    s->connected = s->connected || !m->code;
    answer(s, dir, m, MQTT_CONNECT, true, MQTT_EVENT_MISSING_CONNECT);
}

static void on_publish(struct mqtt_state *s, enum sek_dir dir, struct mqtt_message *m, int event)
{
    unsigned qos = mqtt_qos(m);
    if (qos == 3)
        event = MQTT_EVENT_QOS;
    else if (qos && !m->has_id)
        event = MQTT_EVENT_MISSING_ID;
    begin(s, dir, m, !qos || event >= 0, event);
}

static void on_message(struct mqtt_state *s, enum sek_dir dir, struct mqtt_message *m)
{
    int early = s->connected ? -1 : MQTT_EVENT_UNINTRODUCED;
    switch (m->type) {
    case MQTT_CONNECT:
        s->version = m->version;
        begin(s, dir, m, false, s->connected ? MQTT_EVENT_DOUBLE_CONNECT : -1);
        return;
    case MQTT_CONNACK:
        on_connack(s, dir, m);
        return;
    case MQTT_PUBLISH:
        on_publish(s, dir, m, early);
        return;
    case MQTT_SUBSCRIBE:
    case MQTT_UNSUBSCRIBE:
        begin(s, dir, m, early >= 0, early);
        return;
    case MQTT_PUBACK:
    case MQTT_PUBCOMP:
        answer(s, dir, m, MQTT_PUBLISH, true, MQTT_EVENT_MISSING_PUBLISH);
        return;
    case MQTT_PUBREC:
    case MQTT_PUBREL:
        answer(s, dir, m, MQTT_PUBLISH, false, MQTT_EVENT_MISSING_PUBLISH);
        return;
    case MQTT_SUBACK:
        answer(s, dir, m, MQTT_SUBSCRIBE, true, MQTT_EVENT_MISSING_SUBSCRIBE);
        return;
    case MQTT_UNSUBACK:
        answer(s, dir, m, MQTT_UNSUBSCRIBE, true, MQTT_EVENT_MISSING_UNSUBSCRIBE);
        return;
    case MQTT_UNASSIGNED:
        begin(s, dir, m, true, MQTT_EVENT_UNASSIGNED_TYPE);
        return;
    case MQTT_AUTH:
        begin(s, dir, m, true, -1);
        return;
    default: /* PINGREQ, PINGRESP, DISCONNECT */
        begin(s, dir, m, true, early);
    }
}

static struct mqtt_message *message_new(struct mqtt_state *s, uint8_t first, uint32_t length)
{
    struct mqtt_message *m = sek_pool_get_zero(s->base.pool, sizeof *m);
    if (m) {
        m->type = first >> 4;
        m->flags = first & 15;
        m->length = length;
    }
    return m;
}

static void frames(struct mqtt_state *s, enum sek_dir dir, uint32_t at, uint32_t header,
                   uint32_t length)
{
    sek_frame_add(&s->base, dir, MQTT_FRAME_PDU, at, (uint64_t)header + length, NULL);
    sek_frame_add(&s->base, dir, MQTT_FRAME_HEADER, at, header, NULL);
    sek_frame_add(&s->base, dir, MQTT_FRAME_DATA, at + header, length, NULL);
}

static void malformed(struct mqtt_state *s, enum sek_dir dir)
{
    struct mqtt_tx *tx = tx_open(s, dir);
    if (!tx)
        return;
    sek_tx_event(&tx->base, dir, MQTT_EVENT_MALFORMED);
    finish(tx);
}

/* A packet that is all there: false when it is malformed. */
static bool packet(struct mqtt_state *s, enum sek_dir dir, uint8_t first, struct sek_bytes body)
{
    struct mqtt_message *m = message_new(s, first, body.len);
    if (!m)
        return true;
    if (!mqtt_message_read(s->base.pool, m, s->version, body)) {
        mqtt_message_free(s->base.pool, m);
        malformed(s, dir);
        return false;
    }
    on_message(s, dir, m);
    return true;
}

static void too_long(struct mqtt_state *s, enum sek_dir dir, uint8_t first, uint32_t length)
{
    struct mqtt_message *m = message_new(s, first, length);
    if (!m)
        return;
    m->truncated = true;
    begin(s, dir, m, true, -1);
}

static struct sek_app_result mqtt_parse(struct sek_app_state *state, enum sek_dir dir,
                                        const uint8_t *data, uint32_t len, unsigned flags)
{
    struct mqtt_state *s = (struct mqtt_state *)state;
    uint32_t pos = 0, length;
    (void)flags;
    while (pos < len) {
        if (s->skip[dir]) {
            uint32_t n = len - pos < s->skip[dir] ? len - pos : s->skip[dir];
            s->skip[dir] -= n;
            pos += n;
            continue;
        }
        int header = header_read(data + pos, len - pos, &length);
        if (header < 0) {
            malformed(s, dir);
            return (struct sek_app_result){.consumed = len, .error = true};
        }
        if (!header)
            break;
        if (length > state->settings->mqtt_message_limit) {
            frames(s, dir, pos, (uint32_t)header, length);
            too_long(s, dir, data[pos], length);
            s->skip[dir] = (uint32_t)header + length;
            continue;
        }
        if (len - pos - (uint32_t)header < length)
            break;
        frames(s, dir, pos, (uint32_t)header, length);
        struct sek_bytes body = {data + pos + header, length};
        if (!packet(s, dir, data[pos], body))
            return (struct sek_app_result){.consumed = len, .error = true};
        pos += (uint32_t)header + length;
    }
    return (struct sek_app_result){.consumed = pos};
}

static void mqtt_tx_free(struct sek_app_state *state, struct sek_tx *base)
{
    struct mqtt_tx *tx = (struct mqtt_tx *)base;
    for (struct mqtt_message *m = tx->first, *next; m; m = next) {
        next = m->next;
        mqtt_message_free(state->pool, m);
    }
    sek_pool_put(state->pool, tx, sizeof *tx);
}

static const struct sek_app_event_name mqtt_events[] = {
    {"missing_connect", MQTT_EVENT_MISSING_CONNECT},
    {"missing_publish", MQTT_EVENT_MISSING_PUBLISH},
    {"missing_subscribe", MQTT_EVENT_MISSING_SUBSCRIBE},
    {"missing_unsubscribe", MQTT_EVENT_MISSING_UNSUBSCRIBE},
    {"double_connect", MQTT_EVENT_DOUBLE_CONNECT},
    {"unintroduced_message", MQTT_EVENT_UNINTRODUCED},
    {"invalid_qos_level", MQTT_EVENT_QOS},
    {"missing_msg_id", MQTT_EVENT_MISSING_ID},
    {"unassigned_msg_type", MQTT_EVENT_UNASSIGNED_TYPE},
    {"too_many_transactions", MQTT_EVENT_TOO_MANY_TX},
    {"too_many_messages", MQTT_EVENT_TOO_MANY_MESSAGES},
    {"malformed_traffic", MQTT_EVENT_MALFORMED},
    {0},
};

const struct sek_app_ops sek_mqtt_ops = {
    .id = SEK_APP_MQTT,
    .name = "mqtt",
    .eve_key = "mqtt",
    .transports = 1,
    .probe = mqtt_probe,
    .state_size = sizeof(struct mqtt_state),
    .parse = mqtt_parse,
    .tx_free = mqtt_tx_free,
    .eve = mqtt_eve,
    .buffers = mqtt_buffers,
    .numbers = mqtt_numbers,
    .events = mqtt_events,
    .frames = (const char *const[]){"pdu", "header", "data", NULL},
    .complete = {1, 1},
};
