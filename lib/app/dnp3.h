/* DNP3 (IEEE 1815) over TCP and UDP: what the parser's files share. Each application message, put
 * together from link frames whose checksums are removed, is a transaction of its own. */
#ifndef SEK_APP_DNP3_H
#define SEK_APP_DNP3_H

#include "lib/app/kit.h"

enum dnp3_event { DNP3_EVENT_FLOODED, DNP3_EVENT_LEN_TOO_SMALL, DNP3_EVENT_LINK_CRC,
                  DNP3_EVENT_TRANSPORT_CRC, DNP3_EVENT_UNKNOWN_OBJECT, DNP3_EVENT_TOO_LONG,
                  DNP3_EVENT_TOO_MANY_OBJECTS, DNP3_EVENT_TOO_MANY_POINTS };

struct dnp3_object {
    uint8_t group, variation, qualifier;
    uint32_t start, stop, count;
};

struct dnp3_tx {
    struct sek_tx base;
    bool response;
    uint8_t link_control;
    uint16_t to, from;          /* link addresses */
    uint8_t control, function;  /* of the application header */
    uint16_t indications;       /* of a response */
    bool complete;              /* the objects were all understood */
    struct sek_buffer data;     /* the application message */
    struct sek_buffer objects;  /* struct dnp3_object, one after the other */
};

/* dnp3_objects.c: the application message in TX->data. */
void dnp3_application(struct sek_app_state *state, struct dnp3_tx *tx, enum sek_dir dir);

/* dnp3_rules.c */
extern const struct sek_buffer_def dnp3_buffers[];
extern const struct sek_number_def dnp3_numbers[];
extern const struct sek_test_def dnp3_tests[];
void dnp3_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
