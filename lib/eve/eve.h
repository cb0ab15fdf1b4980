/* EVE records: one JSON object per event, with the field names that tools for Suricata's EVE output
 * expect, plus `layer` and `action` for Sekisho's own events. */
#ifndef SEK_EVE_EVE_H
#define SEK_EVE_EVE_H

#include "lib/base/text.h"
#include "lib/detect/engine.h"

/* How much a record carries besides the match itself. */
enum sek_eve_detail {
    SEK_EVE_PAYLOAD = 1, /* payload and payload_printable */
    SEK_EVE_PACKET  = 2, /* the frame in base64 */
    SEK_EVE_LAYER   = 4, /* `layer`, `action`: for the event log of the fleet */
};

struct sek_eve_options {
    unsigned detail;
    const char *capture; /* file that packets come from; NULL: none */
    const char *layer;  /* "network", "device" */
    bool drop_alerts;   /* drop records carry the alert that caused them */
};

/* Append one line with its newline to OUT. */
void sek_eve_alert(struct sek_text *out, const struct sek_eve_options *options,
                   struct sek_engine *engine, const struct sek_event *event);
void sek_eve_drop(struct sek_text *out, const struct sek_eve_options *options,
                  struct sek_engine *engine, const struct sek_event *event);

/* A file that was handed out for storing; SHA256 in hex, of what was kept of it. */
void sek_eve_file(struct sek_text *out, const struct sek_eve_options *options, const struct sek_flow *flow,
                  const struct sek_tx *tx, const struct sek_file *file, const char *sha256, bool stored);

/* The fields that every record about a packet or flow begins with (no closing brace). */
void sek_eve_begin(struct sek_text *out, const char *event_type, uint64_t ts_us,
                   const struct sek_packet *packet, const struct sek_flow *flow, enum sek_dir dir);

#endif
