/* The agent's events: one JSON object each, EVE fields where EVE has them, layer "device". A record
 * is begun, filled, and ended; the caller hands the text to the spool. */
#ifndef SEK_AGENT_EVENT_H
#define SEK_AGENT_EVENT_H

#include "agent/lockdown/responder.h"
#include "lib/base/text.h"

#include <stdint.h>

/* A process as events name it. Fields that are not known are empty. */
struct sek_process {
    int32_t pid;
    uint32_t uid;
    uint8_t digest[32]; /* of the executable; all zero: not known */
    char comm[16];
    char path[256];
    char command[256]; /* command line, blanks between arguments */
};

/* Addresses in network order, 16 bytes, IPv4-mapped for IPv4; ports in host order. */
struct sek_endpoints {
    uint8_t source[16], target[16];
    uint16_t source_port, target_port;
    uint8_t protocol;
};

struct sek_packet;
void sek_endpoints_of_packet(const struct sek_packet *p, struct sek_endpoints *e);

void sek_event_begin(struct sek_text *t, const char *type, const char *action);
void sek_event_end(struct sek_text *t);
void sek_event_endpoints(struct sek_text *t, const struct sek_endpoints *e);
void sek_event_process(struct sek_text *t, const struct sek_process *p);
/* The whole event of a lockdown record, without a newline. */
void sek_event_lockdown(struct sek_text *t, const struct sek_lockdown_record *record,
                        const char *mode);

/* "203.0.113.5" or IPv6 text from 16 bytes; OUT holds 46 bytes. */
void sek_address_text(const uint8_t address[16], char *out);
/* The 16-byte form of text; false when it is no address. */
bool sek_address_parse(const char *text, uint8_t address[16]);
/* The 16-byte form of 4 or 16 bytes in network order. */
void sek_address_map(const void *address, bool v4, uint8_t out[16]);
bool sek_address_is4(const uint8_t address[16]);

#endif
