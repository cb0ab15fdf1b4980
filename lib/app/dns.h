/* DNS messages: what the parser and the tables of rules share, and what protocols use that carry
 * DNS. */
#ifndef SEK_APP_DNS_H
#define SEK_APP_DNS_H

#include "lib/app/app.h"

#define NAMES_MAX    64  /* names kept of one message */

enum { DNS_EVENT_MALFORMED, DNS_EVENT_NOT_REQUEST, DNS_EVENT_NOT_RESPONSE, DNS_EVENT_Z_FLAG,
       DNS_EVENT_OPCODE, DNS_EVENT_NAME_TOO_LONG, DNS_EVENT_INFINITE_LOOP,
       DNS_EVENT_TOO_MANY_LABELS, DNS_EVENT_ADDITIONALS, DNS_EVENT_AUTHORITIES };

enum { DNS_STARTED, DNS_COMPLETE };

enum { SECTION_QUERY, SECTION_ANSWER, SECTION_AUTHORITY, SECTION_ADDITIONAL, SECTIONS };

struct dns_record {
    uint32_t name, name_len; /* in the text buffer, presentation form without the last dot */
    uint32_t data, data_len; /* text of the record, 0: none */
    uint32_t more, more_len; /* a second text: the mailbox of SOA */
    uint32_t raw;            /* of SOA: its five numbers, in the text buffer */
    uint16_t type, class, number; /* NUMBER: preference of MX, port of SRV */
    bool data_is_name;
    uint32_t ttl;
};

struct dns_tx {
    struct sek_tx base;
    struct sek_buffer text;
    struct sek_buffer records; /* of struct dns_record, section after section */
    uint8_t counts[SECTIONS];
    uint16_t message_id, flags;
    bool response;
};

/* A message of LEN bytes as a transaction that is in no list; NULL when it is too short. The getters
 * of sek_dns_ops work on it. STATE is of the protocol that carries it. */
struct sek_tx *sek_dns_message(struct sek_app_state *state, const uint8_t *data, uint32_t len,
                               enum sek_dir dir);
void sek_dns_message_free(struct sek_app_state *state, struct sek_tx *tx);

/* --- dns_rule.c --- */
extern const struct sek_buffer_def dns_buffers[], mdns_buffers[];
extern const struct sek_number_def dns_numbers[];
extern const struct sek_app_event_name dns_events[], mdns_events[];
void dns_eve(struct sek_app_state *state, struct sek_tx *tx, struct sek_text *out);

#endif
