/* What the manager knows of this device's inventory, and the message that brings it up to date: the
 * whole inventory first, then differences. The last acknowledged one is kept on
 * disk only: it is megabytes, and needed when something has changed. */
#ifndef SEK_WIRE_INVENTORY_H
#define SEK_WIRE_INVENTORY_H

#include "lib/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct sek_inventory {
    char *path;      /* the file with what the manager acknowledged, and its name for that */
    json_t *wanted;  /* what is to be told; NULL: nothing */
    json_t *sending; /* what the message under way will make the manager know */
};

/* The file lies in the folder STATE. */
enum sek_error sek_inventory_open(struct sek_inventory *inv, const char *state,
                                  struct sek_fault *fault);
void sek_inventory_clear(struct sek_inventory *inv);
/* What the device has now. INVENTORY is kept until the manager has it, and must not be changed
 * afterwards; what the manager knows already is not kept. */
enum sek_error sek_inventory_set(struct sek_inventory *inv, json_t *inventory,
                                 struct sek_fault *fault);
bool sek_inventory_pending(const struct sek_inventory *inv);
/* The message to send (new reference): {"type":"full",...} or {"type":"difference",...}. */
json_t *sek_inventory_message(struct sek_inventory *inv);
/* The manager took the message; BODY is its answer with the new digest. */
void sek_inventory_sent(struct sek_inventory *inv, const char *body, size_t len);
/* The manager has another base: send all next time. */
void sek_inventory_forget(struct sek_inventory *inv);
/* The manager refused it for good: wait for the next inventory. */
void sek_inventory_give_up(struct sek_inventory *inv);

/* Key that identifies a component: ecosystem, name, arch and version. OUT holds 1024 bytes. */
void sek_component_key(const json_t *component, char out[1024]);

#endif
