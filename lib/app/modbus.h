/* Modbus/TCP (Modbus Application Protocol V1.1b3): what the parser's files share. A request and its
 * response are one transaction, found by transaction identifier. */
#ifndef SEK_APP_MODBUS_H
#define SEK_APP_MODBUS_H

#include "lib/app/kit.h"

enum modbus_category { MODBUS_PUBLIC_ASSIGNED = 1, MODBUS_PUBLIC_UNASSIGNED = 2, MODBUS_USER = 4,
                       MODBUS_RESERVED = 8 };

enum modbus_access { MODBUS_READ = 1, MODBUS_WRITE = 2, MODBUS_DISCRETES = 4, MODBUS_COILS = 8,
                     MODBUS_INPUT = 16, MODBUS_HOLDING = 32, MODBUS_SINGLE = 64,
                     MODBUS_MULTIPLE = 128 };
#define MODBUS_TABLES (MODBUS_DISCRETES | MODBUS_COILS | MODBUS_INPUT | MODBUS_HOLDING)

/* What is wrong with a message; also the events with these numbers. */
enum modbus_error { MODBUS_BAD_VALUE, MODBUS_BAD_LENGTH, MODBUS_BAD_EXCEPTION, MODBUS_BAD_FUNCTION,
                    MODBUS_BAD_PROTOCOL, MODBUS_EVENT_UNSOLICITED, MODBUS_EVENT_MISMATCH,
                    MODBUS_EVENT_FLOODED };

struct modbus_message {
    bool there;
    uint16_t transaction, protocol, length;
    uint8_t unit, function; /* function: without the bit of exceptions */
    bool exception;
    uint8_t errors; /* bits of enum modbus_error, up to MODBUS_BAD_PROTOCOL */
    uint8_t category, access;
    bool has_read, has_write, has_sub, has_code;
    uint16_t read_at, read_count;
    uint16_t write_at, write_count; /* addresses as on the wire, from 0 */
    uint16_t sub;   /* of a diagnostic, or the type of an encapsulated interface */
    uint8_t code;   /* of an exception */
    struct sek_slice values; /* written, or read: in the transaction's text */
    struct sek_slice data;   /* what follows the function code */
};

struct modbus_tx {
    struct sek_tx base;
    struct sek_buffer text;
    struct modbus_message message[2]; /* request, response */
};

/* modbus_message.c */
/* A message that came in DIR, from the side of ROLE (SEK_TOSERVER: a request). */
void modbus_read(struct sek_pool *pool, struct modbus_tx *tx, enum sek_dir dir, enum sek_dir role,
                 struct sek_bytes body);
/* The value written at wire ADDRESS; false when this message writes none there. */
bool modbus_written(const struct modbus_tx *tx, const struct modbus_message *m, uint16_t address,
                    uint16_t *out);

/* modbus_rules.c: the keyword and the record */
extern const struct sek_test_def modbus_tests[];
void modbus_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
