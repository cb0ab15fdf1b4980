/* DNS messages that travel inside another protocol. */
#ifndef SEK_APP_DNS_H
#define SEK_APP_DNS_H

#include "lib/app/app.h"

/* A message of LEN bytes as a transaction that is in no list; NULL when it is too short. The
 * getters of sek_dns_ops work on it. STATE is of the protocol that carries it. */
struct sek_tx *sek_dns_message(struct sek_app_state *state, const uint8_t *data, uint32_t len,
                               enum sek_dir dir);
void sek_dns_message_free(struct sek_app_state *state, struct sek_tx *tx);

#endif
