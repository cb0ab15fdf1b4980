/* Overlay file systems and permission marks. On some kernels an open through an overlay is also an
 * open of the layer's file, and is asked about there. Then an overlay over marked layers must not
 * be marked itself: to hand the event over, the kernel opens the file once more in the responder's
 * name, and the responder would wait for its own answer. */
#ifndef SEK_AGENT_OVERLAY_H
#define SEK_AGENT_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* How many of the layers in an overlay's OPTIONS (mountinfo's last field) lie on file systems for
 * which IS_MARKED says yes. *LAYERS is how many there are; a layer that cannot be found counts, and
 * is never marked. */
size_t sek_overlay_marked_layers(const char *options, bool (*is_marked)(void *arg, dev_t device),
                                 void *arg, size_t *layers);
/* Are opens through an overlay seen on its layers? Tried out once, in a mount namespace of its own;
 * when it cannot be tried: no. */
bool sek_overlay_layers_speak(void);

#endif
