/* MQTT 3.1, 3.1.1 and 5.0 (OASIS): what the parser's files share. Messages that belong together (a
 * CONNECT and its CONNACK, a PUBLISH and what acknowledges it) are one transaction, in the direction
 * of the first of them. */
#ifndef SEK_APP_MQTT_H
#define SEK_APP_MQTT_H

#include "lib/app/kit.h"

enum mqtt_type { MQTT_UNASSIGNED, MQTT_CONNECT, MQTT_CONNACK, MQTT_PUBLISH, MQTT_PUBACK,
                 MQTT_PUBREC, MQTT_PUBREL, MQTT_PUBCOMP, MQTT_SUBSCRIBE, MQTT_SUBACK,
                 MQTT_UNSUBSCRIBE, MQTT_UNSUBACK, MQTT_PINGREQ, MQTT_PINGRESP, MQTT_DISCONNECT,
                 MQTT_AUTH };

enum mqtt_event { MQTT_EVENT_MISSING_CONNECT, MQTT_EVENT_MISSING_PUBLISH,
                  MQTT_EVENT_MISSING_SUBSCRIBE, MQTT_EVENT_MISSING_UNSUBSCRIBE,
                  MQTT_EVENT_DOUBLE_CONNECT, MQTT_EVENT_UNINTRODUCED, MQTT_EVENT_QOS,
                  MQTT_EVENT_MISSING_ID, MQTT_EVENT_UNASSIGNED_TYPE, MQTT_EVENT_TOO_MANY_TX,
                  MQTT_EVENT_TOO_MANY_MESSAGES, MQTT_EVENT_MALFORMED };

enum mqtt_connect_flag { MQTT_CLEAN_SESSION = 0x02, MQTT_WILL = 0x04, MQTT_WILL_RETAIN = 0x20,
                         MQTT_PASSWORD = 0x40, MQTT_USERNAME = 0x80 };

/* A topic of SUBSCRIBE or UNSUBSCRIBE. */
struct mqtt_topic {
    struct sek_slice name;
    uint8_t qos;
};

struct mqtt_message {
    struct mqtt_message *next;
    uint8_t type, flags; /* flags: low four bits of the first byte */
    bool truncated;
    uint32_t length;     /* what the header says */
    uint16_t id;         /* packet identifier */
    bool has_id, has_code, has_properties, session_present;
    uint8_t code;        /* return or reason code */
    uint8_t version, connect_flags;
    struct sek_buffer text;   /* holds the slices */
    struct sek_slice protocol, client_id, username, password, will_topic, will_message, topic,
        payload, properties, will_properties;
    struct sek_buffer topics; /* struct mqtt_topic, one after the other */
    struct sek_buffer codes;  /* one byte for each topic, of SUBACK and UNSUBACK */
};

struct mqtt_tx {
    struct sek_tx base;
    struct mqtt_message *first, *last;
    uint32_t messages;
    uint8_t dir;
    uint8_t version; /* of the connection */
    uint16_t id;
    bool has_id, finished;
};

struct mqtt_state {
    struct sek_app_state base;
    uint8_t version;
    bool connected;
    uint32_t skip[2]; /* bytes of a message over the limit that are still to come */
};

static inline unsigned mqtt_qos(const struct mqtt_message *m)
{
    return m->flags >> 1 & 3;
}

/* mqtt_message.c: the variable header and payload of M; false when they are not what its type wants. */
bool mqtt_message_read(struct sek_pool *pool, struct mqtt_message *m, uint8_t version,
                       struct sek_bytes body);
void mqtt_message_free(struct sek_pool *pool, struct mqtt_message *m);
/* "name" of the property with id ID and the length of its value in KIND: '1', '2', '4', 'v'ariable
 * number, 's'tring, 'b'inary or 'p'air; NULL when the standard has none. */
const char *mqtt_property(uint32_t id, char *kind);
bool mqtt_number(struct sek_reader *r, uint32_t *out);

/* mqtt_buffers.c */
extern const struct sek_buffer_def mqtt_buffers[];
extern const struct sek_number_def mqtt_numbers[];
extern const char *const mqtt_type_words[];
void mqtt_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
