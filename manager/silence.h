/* Silence is an alarm: a device whose held connection is gone for longer than the policy's
 * fleet.silence_s makes one event, and one when it is back. */
#ifndef SEK_MANAGER_SILENCE_H
#define SEK_MANAGER_SILENCE_H

#include "manager/manager.h"

#define SEK_SILENCE_EVERY_S 2

/* Called every SEK_SILENCE_EVERY_S seconds. */
void sek_silence_look(struct sek_manager *m);

#endif
