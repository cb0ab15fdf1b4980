/* Removing an agent needs a token: HMAC-SHA256 (RFC 2104) of a secret of the manager over the
 * device's id. The device is given the token's SHA-256 only. */
#ifndef SEK_MANAGER_UNINSTALL_H
#define SEK_MANAGER_UNINSTALL_H

#include "manager/http.h"

#define SEK_UNINSTALL_TEXT 56 /* "sku1." and base64url, with the NUL */

/* Read or make STATE/keys/uninstall.key. */
enum sek_error sek_uninstall_open(const char *folder, uint8_t secret[32], struct sek_fault *fault);
void sek_uninstall_token(const struct sek_manager *m, const char *device,
                         char token[SEK_UNINSTALL_TEXT]);
/* POST .../devices/ID/uninstall-token: makes an event, so that it is known who asked. */
enum sek_error sek_uninstall_reply(struct sek_request *r, struct sek_fault *fault);

#endif
