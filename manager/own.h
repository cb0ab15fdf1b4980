/* Events that the manager itself makes about a device: stored, logged and shown like a device's,
 * with "reporter":"manager", and outside the device's own chain (seq 0). */
#ifndef SEK_MANAGER_OWN_H
#define SEK_MANAGER_OWN_H

#include "manager/manager.h"

#include <jansson.h>

/* EXTRA (borrowed, may be NULL) adds members. Not within a transaction. */
enum sek_error sek_own_event(struct sek_manager *m, const char *tenant, const char *device,
                             const char *type, const char *reason, const json_t *extra,
                             struct sek_fault *fault);

#endif
