/* Entry: packets of the ports that have a virtual patch go through the detection engine. A verdict
 * to drop holds for the rest of that connection. New rules are loaded beside the old ones and
 * swapped in; connections that are open go on. */
#ifndef SEK_AGENT_ENTRY_H
#define SEK_AGENT_ENTRY_H

#include "agent/event.h"

#include "lib/base/error.h"

#include <stddef.h>

struct sek_entry;
struct sek_compiled;

struct sek_entry_alert {
    const char *json; /* EVE record of the engine, one object without a newline */
    size_t len;
    struct sek_endpoints endpoints;
    bool blocked;
};

/* ON_ALERT is called from within sek_entry_packet. */
struct sek_entry *sek_entry_new(void (*on_alert)(void *arg, const struct sek_entry_alert *alert),
                                void *arg);
void sek_entry_free(struct sek_entry *entry);
/* Replace the rules; an empty TEXT is none. NAME is used in messages. On an error the old rules
 * stay in force. */
enum sek_error sek_entry_load(struct sek_entry *entry, const char *name, const char *text,
                              size_t len, struct sek_fault *fault);
/* The rules in force, valid until the next load; NULL: none yet. */
const struct sek_compiled *sek_entry_compiled(const struct sek_entry *entry);
unsigned sek_entry_rules(const struct sek_entry *entry);
/* True: drop. PREVENT false: alerts only. NOW_US: wall clock. */
bool sek_entry_packet(struct sek_entry *entry, const uint8_t *packet, uint32_t len, bool prevent,
                      uint64_t now_us);

#endif
