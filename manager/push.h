/* The held connections: which devices are there, and lines to them. */
#ifndef SEK_MANAGER_PUSH_H
#define SEK_MANAGER_PUSH_H

#include "manager/http.h"

enum sek_error sek_push_open(struct sek_manager *m, struct sek_push_hub **out,
                             struct sek_fault *fault);
void sek_push_close(struct sek_push_hub *hub);

/* GET .../push: keeps the request open. */
enum sek_error sek_push_attach(struct sek_request *r, struct sek_fault *fault);
/* Send MESSAGE (borrowed) to one device, or with DEVICE NULL to all of TENANT. */
void sek_push_send(struct sek_push_hub *hub, const char *tenant, const char *device,
                   const json_t *message);
bool sek_push_online(const struct sek_push_hub *hub, const char *device);
size_t sek_push_count(const struct sek_push_hub *hub);
/* Calls VISIT for each connected device of TENANT (NULL: of all tenants). */
void sek_push_each(struct sek_push_hub *hub, const char *tenant,
                   void (*visit)(void *arg, const char *tenant, const char *device), void *arg);

#endif
