/* Removing the agent's package needs the token that the manager derives for this device; the device
 * knows its SHA-256 only (STATE/uninstall, from the bundle). A right token allows removal for ten
 * minutes of this boot (STATE/unlocked); five wrong ones in ten minutes, and none is looked at
 * until that time is over. A device that was never given a digest needs no token. */
#ifndef SEK_AGENT_UNINSTALL_H
#define SEK_AGENT_UNINSTALL_H

#include "lib/base/error.h"

#include <stdbool.h>

#define SEK_UNLOCK_S     600
#define SEK_UNLOCK_TRIES 5

/* SEK_EAUTH: wrong; SEK_EAGAIN: too many were wrong; SEK_ENOTFOUND: no token is needed. */
enum sek_error sek_uninstall_unlock(const char *state, const char *token, struct sek_fault *fault);
/* May the package be removed now? FAULT says what to do. */
enum sek_error sek_uninstall_check(const char *state, struct sek_fault *fault);
/* The digest of a bundle (64 hex digits); anything else is ignored. */
void sek_uninstall_digest(const char *state, const char *digest);

#endif
