/* The device's inventory as docs/protocol.md has it: os, components, services. */
#ifndef SEK_AGENT_INVENTORY_H
#define SEK_AGENT_INVENTORY_H

#include "lib/base/error.h"
#include "lib/base/text.h"

/* Write the inventory of the system under ROOT ("" or a folder that holds an image) into OUT. With
 * a ROOT that is not "", services are left out: they are this machine's, not the image's. */
enum sek_error sek_inventory_collect(const char *root, struct sek_text *out,
                                     struct sek_fault *fault);

/* The value of KEY in an os-release TEXT, without quotes; OUT is "" when it is absent. */
void sek_os_release(const char *text, const char *key, char *out, size_t size);

#endif
