/* EtherNet/IP and CIP (ODVA, CIP volumes 1 and 2): what the parser's files share. A command and its
 * reply are one transaction; rules look at the message of their direction. */
#ifndef SEK_APP_ENIP_H
#define SEK_APP_ENIP_H

#include "lib/app/kit.h"

#include <string.h>

enum enip_event { ENIP_EVENT_TOO_MANY_TX, ENIP_EVENT_INVALID_PDU };

enum enip_command { ENIP_NOP = 0, ENIP_LIST_SERVICES = 4, ENIP_LIST_IDENTITY = 0x63,
                    ENIP_LIST_INTERFACES = 0x64, ENIP_REGISTER = 0x65, ENIP_UNREGISTER = 0x66,
                    ENIP_RR_DATA = 0x6f, ENIP_UNIT_DATA = 0x70, ENIP_INDICATE_STATUS = 0x72,
                    ENIP_CANCEL = 0x73 };

enum cip_part { CIP_CLASS, CIP_INSTANCE, CIP_ATTRIBUTE };

/* A CIP request or response; one packet can carry several. */
struct cip_message {
    uint8_t service;
    bool response, has_extended;
    uint8_t status;
    uint16_t extended;
    uint16_t first_path, paths; /* its parts in the list of the message */
};
struct cip_path {
    uint8_t part; /* enum cip_part */
    uint32_t value;
};

struct enip_pdu {
    bool there;
    uint16_t command, length;
    uint32_t session, status;
    uint8_t context[8];
    struct sek_buffer messages; /* struct cip_message */
    struct sek_buffer paths;    /* struct cip_path */
    bool has_version, has_identity, has_services;
    uint16_t version, vendor, device, product, revision, identity_status, capabilities;
    uint32_t serial;
    uint8_t state;
    struct sek_slice product_name, service_name; /* in the transaction's text */
};

struct enip_tx {
    struct sek_tx base;
    struct sek_buffer text;
    struct enip_pdu pdu[2]; /* by direction */
};

static inline uint32_t cip_count(const struct enip_pdu *p)
{
    return (uint32_t)(p->messages.len / sizeof(struct cip_message));
}
static inline struct cip_message cip_at(const struct enip_pdu *p, uint32_t i)
{
    struct cip_message m;
    memcpy(&m, p->messages.data + i * sizeof m, sizeof m);
    return m;
}
static inline uint32_t cip_path_count(const struct enip_pdu *p)
{
    return (uint32_t)(p->paths.len / sizeof(struct cip_path));
}
static inline struct cip_path cip_path_at(const struct enip_pdu *p, uint32_t i)
{
    struct cip_path v;
    memcpy(&v, p->paths.data + i * sizeof v, sizeof v);
    return v;
}

/* enip_cip.c: what follows the encapsulation header; false when it is malformed. */
bool enip_body(struct sek_pool *pool, struct enip_tx *tx, struct enip_pdu *p, enum sek_dir dir,
               struct sek_bytes body);

/* enip_rules.c */
extern const struct sek_buffer_def enip_buffers[];
extern const struct sek_number_def enip_numbers[];
extern const struct sek_test_def enip_tests[];
void enip_eve(struct sek_app_state *state, struct sek_tx *base, struct sek_text *out);

#endif
